"""A trial of several trainings: averaged, lost together, and recorded one by one."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from hpsearch.space import Continuous, Parameter, Space
from hpsearch.trainers.protocol import Outcome

QUIET = Space((Parameter("x", Continuous(0.2, 0.8)),))  # no trial is lost here


def last_values(run, number):
    """The value at the end of each training of a trial."""
    values = {}
    for piece in run.pieces:
        if piece.number == number:
            values[piece.repeat, piece.fold] = piece.value
    return values


@pytest.fixture(scope="module")
def moody(valley):
    @dataclass(frozen=True)
    class Moody(valley):
        """Of the three repeats, above x = 0.6 the second is lost in one of two ways."""

        way: str = "diverge"

        def _train(self, job, state):
            if job.repeat != 1 or job.settings["x"] < 0.6:
                return super()._train(job, state)
            if self.way == "raise":
                raise ValueError(f"repeat {job.repeat} of trial {job.number}")
            outcome = super()._train(job, state)
            lost = {name: [*values[:-1], None] for name, values in outcome.curve.items()}
            return Outcome({**lost, "epoch": outcome.curve["epoch"]}, None, diverged=True)

    return Moody


def test_the_value_of_a_trial_is_the_mean_of_its_trainings(new_run, spec, go):
    run = new_run()
    go(run, spec(space=QUIET, repeats=3))
    assert run.results
    for result in run.results:
        values = last_values(run, result.number)
        assert sorted(values) == [(0, 0), (1, 0), (2, 0)]
        assert len(set(values.values())) == 3
        assert result.value == pytest.approx(np.mean(list(values.values())))
        assert result.metrics["val_loss"] == pytest.approx(1 - result.value)


def test_folds_of_one_repeat_share_their_random_numbers(new_run, spec, go):
    run = new_run()
    go(run, spec(space=QUIET, repeats=2, folds=2))
    assert run.results
    for result in run.results:
        values = last_values(run, result.number)
        assert values[0, 0] == values[0, 1] != values[1, 0] == values[1, 1]


def test_the_first_training_is_that_of_a_search_without_repeats(new_run, spec, rounds, go):
    once, thrice = new_run(), new_run()
    for run, repeats in ((once, 1), (thrice, 3)):
        go(run, spec(space=QUIET, rounds=rounds(((6, 4),)), repeats=repeats))
    assert len(once.results) == 6
    for result in once.results:
        assert last_values(thrice, result.number)[0, 0] == result.value


def test_all_trainings_of_a_trial_go_on_to_the_next_rung_together(new_run, spec, rungs, go):
    run = new_run()
    go(run, spec(space=QUIET, rounds=rungs, repeats=3))
    rounds = {result.number: result.round for result in run.results}
    pieces = Counter((rounds[piece.number], piece.rung) for piece in run.pieces)
    assert pieces == {
        (round.number, number): 3 * rung.trials
        for round in rungs
        for number, rung in enumerate(round.rungs)
    }


def test_a_trial_of_which_one_training_diverges_has_diverged(new_run, spec, go, moody):
    run = new_run()
    go(run, spec(space=QUIET, repeats=3), trainer=moody())
    assert {r.status for r in run.results} == {"completed", "diverged"}
    for result in run.results:
        lost = result.params["x"] > 0.6
        assert result.status == ("diverged" if lost else "completed")
        assert (result.value is None) == lost
        assert (last_values(run, result.number)[1, 0] is None) == lost


def test_a_trial_of_which_one_training_fails_has_failed_with_its_error(new_run, spec, go, moody):
    run = new_run()
    go(run, spec(space=QUIET, repeats=3), trainer=moody(way="raise"))
    assert {r.status for r in run.results} == {"completed", "failed"}
    for result in run.results:
        failed = result.params["x"] > 0.6
        assert result.status == ("failed" if failed else "completed")
        error = f"ValueError: repeat 1 of trial {result.number}" if failed else None
        assert result.error == error
        trained = {(0, 0), (2, 0)} if failed else {(0, 0), (1, 0), (2, 0)}
        assert set(last_values(run, result.number)) == trained


@pytest.mark.parametrize("way", ["diverge", "raise"])
@pytest.mark.parametrize(("seed", "jobs"), [(0, 2), (1, 3), (2, 64)])
def test_the_order_of_the_answers_decides_nothing(
    new_run, spec, rungs, go, fates, anyhow, moody, way, seed, jobs
):
    asked = spec(rounds=rungs, repeats=3, screened=True)
    one_by_one, shuffled = new_run(), new_run()
    go(one_by_one, asked, trainer=moody(way=way))
    go(shuffled, asked, anyhow(seed, jobs), moody(way=way))
    assert fates(shuffled) == fates(one_by_one)


@pytest.mark.parametrize("way", ["diverge", "raise"])
def test_what_a_round_sees_of_a_trial_does_not_change_when_that_is_lost_later(
    new_run, spec, rounds, go, valley, way
):
    """The second training is lost at the last rung, which the next round may not look at."""

    class Late(valley):
        def _train(self, job, state):
            lost = job.repeat == 1 and job.until_epoch == 4 and job.number % 3 > 0
            if lost and way == "raise":
                raise ValueError("late")
            outcome = super()._train(job, state)
            if job.repeat == 0:  # out of patience from the first epoch on
                curve = {name: values[:1] for name, values in outcome.curve.items()}
                return Outcome(curve, outcome.state, finished=True)
            curve = {n: v if n == "epoch" else [None] * len(v) for n, v in outcome.curve.items()}
            return Outcome(curve, None, diverged=True) if lost else outcome

    run = new_run()
    plan = rounds(*[((9, 1), (3, 2), (2, 4))] * 3)
    asked = spec(space=QUIET, rounds=plan, repeats=2)
    go(run, asked, trainer=Late())
    lost = [r for r in run.results if r.status == ("diverged" if way == "diverge" else "failed")]
    assert lost
    assert {r.round for r in run.results if r.status == "completed"} == {0, 1, 2}
    again = go(run, asked, trainer=Late())
    assert {number: trial.params for number, trial in again.trials.items()} == {
        result.number: result.params for result in run.results
    }


def test_a_trial_is_completed_when_its_last_training_is(new_run, spec, rounds, go, valley):
    class Impatient(valley):
        def _train(self, job, state):
            outcome = super()._train(job, state)
            if job.repeat:
                return outcome
            curve = {name: values[:1] for name, values in outcome.curve.items()}
            return Outcome(curve, outcome.state, finished=True)

    run = new_run()
    asked = spec(space=QUIET, rounds=rounds(((4, 1), (2, 4))), repeats=2)
    go(run, asked, trainer=Impatient())
    assert Counter((r.status, r.epochs) for r in run.results) == {
        ("stopped", 1): 2,
        ("completed", 4): 2,
    }
    for result in run.results:
        values = last_values(run, result.number)
        assert result.value == pytest.approx((values[0, 0] + values[1, 0]) / 2)


@pytest.mark.parametrize("losses", [False, True], ids=["quiet", "with losses"])
def test_after_an_interrupt_between_the_trainings_of_a_trial_all_is_the_same(
    new_run, spec, rounds, go, fates, anyhow, moody, losses
):
    space = spec().space if losses else QUIET
    plan = rounds(((5, 1), (2, 4)), ((3, 1), (1, 4)))
    asked = spec(space=space, rounds=plan, repeats=2, folds=2)
    whole = new_run()
    go(whole, asked, trainer=moody())
    for answers in (1, 2, 3, 5, 8):
        run = new_run()
        for attempt in range(100):
            try:
                go(run, asked, anyhow(seed=attempt, answers=answers), moody())
                break
            except KeyboardInterrupt:
                continue
        assert fates(run) == fates(whole)


def test_of_trainings_that_diverge_and_raise_an_interrupt_between_hides_neither(
    new_run, spec, rounds, go, valley, anyhow, fates
):
    """One part of a trial diverges, the other raises: the trial failed, whichever was first."""

    class Both(valley):
        def groups(self, jobs):
            return [[job] for job in jobs]

        def _train(self, job, state):
            outcome = super()._train(job, state)
            if job.rung == 0 or job.number % 2:
                return outcome
            if job.repeat:
                raise ValueError("late")
            curve = {n: v if n == "epoch" else [None] * len(v) for n, v in outcome.curve.items()}
            return Outcome(curve, None, diverged=True)

    asked = spec(space=QUIET, rounds=rounds(((6, 1), (3, 2), (1, 4))), repeats=2)
    whole = new_run()
    go(whole, asked, trainer=Both())
    assert "failed" in {line["status"] for line in fates(whole)}
    assert "diverged" not in {line["status"] for line in fates(whole)}
    run = new_run()
    for turn in range(60):
        try:
            go(run, asked, anyhow(seed=turn, answers=1), trainer=Both())
            break
        except KeyboardInterrupt:
            continue
    assert fates(run) == fates(whole)

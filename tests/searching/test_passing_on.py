"""Trials that lead at a rung and are lost above it: their places pass to the next best."""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pytest

from hpsearch import rng
from hpsearch.config import from_mapping
from hpsearch.searching.events import TrialEnded, TrialWentOn
from hpsearch.searching.session import begin, conduct
from hpsearch.space import Continuous, Parameter, Space
from hpsearch.store import files
from hpsearch.trainers.protocol import Outcome

PLAIN = Space((Parameter("x", Continuous(0, 1)),))
QUIET = Space((Parameter("x", Continuous(0.2, 0.8)),))  # the valley loses no trial here


class Crash(BaseException):
    """The end of the process, as far as the search can tell."""


@dataclass(frozen=True)
class Cliff:
    """The larger x, the better, but above 0.8 the second epoch diverges, above 0.6 the third.

    Between 0.5 and 0.6 the fourth raises. The state says how far a training has come.
    """

    metrics: tuple[str, ...] = ("val_accuracy",)

    def groups(self, jobs):
        return [[job] for job in jobs]

    def train(self, jobs, states, report=None):
        return [self._train(job, state) for job, state in zip(jobs, states, strict=True)]

    def _train(self, job, state):
        x = job.settings["x"]
        lost_at = 2 if x > 0.8 else 3 if x > 0.6 else None
        curve = {"epoch": [], "val_accuracy": []}
        for epoch in range(1 if state is None else int(state["epoch"]) + 1, job.until_epoch + 1):
            if 0.5 < x <= 0.6 and epoch == 4:
                raise ValueError("no more")
            noise = rng.stream(*job.seed, "noise", epoch).normal()
            curve["epoch"].append(epoch)
            curve["val_accuracy"].append(None if epoch == lost_at else x + 0.1 * float(noise))
            if epoch == lost_at:
                return Outcome(curve, None, diverged=True)
        finished = job.until_epoch >= job.settings["epochs"]
        return Outcome(curve, {"epoch": np.array(job.until_epoch)}, finished=finished)


@pytest.fixture
def plan(rounds, spec):
    """Three rounds that overlap; in each of them the leaders are lost."""
    rungs = ((9, 1), (3, 2), (1, 4)), ((6, 1), (2, 2), (1, 4)), ((6, 1), (2, 2), (1, 4))
    return spec(space=PLAIN, rounds=rounds(*rungs))


@pytest.fixture
def whole(plan, new_run, go, fates):
    """What an uninterrupted search gives."""
    run = new_run()
    go(run, plan, trainer=Cliff())
    return fates(run)


def test_every_round_trains_a_sound_trial_to_the_end(plan, whole):
    by_round = Counter((line["round"], line["status"]) for line in whole)
    assert all(by_round[number, "completed"] == 1 for number in range(3))
    assert {line["status"] for line in whole} == {"completed", "stopped", "diverged", "failed"}
    for number in range(3):
        own = [line for line in whole if line["round"] == number]
        [winner] = [line for line in own if line["status"] == "completed"]
        # Whatever stopped below did so because it was no better there.
        for line in own:
            assert line["status"] != "stopped" or line["epochs"] < 4
        assert winner["params"]["x"] <= 0.6


def test_a_trial_that_takes_a_place_goes_on_from_where_it_stopped(plan, new_run, go):
    run = new_run()
    go(run, plan, trainer=Cliff())
    for number in range(21):
        own = [piece for piece in run.pieces if piece.number == number]
        assert [piece.rung for piece in own] == list(range(len(own)))
        epochs = [epoch for piece in own for epoch in piece.curve["epoch"]]
        assert epochs == list(range(1, len(epochs) + 1))  # none was trained twice


@pytest.mark.parametrize("seed", range(12))
def test_the_trials_are_the_same_in_whatever_order_they_answer(
    plan, whole, new_run, go, fates, anyhow, seed
):
    run = new_run()
    go(run, plan, anyhow(seed=seed, jobs=1 + seed % 6), trainer=Cliff())
    assert fates(run) == whole


@pytest.mark.slow
def test_after_a_crash_at_any_line_the_trials_are_the_same(
    plan, whole, new_run, go, fates, monkeypatch
):
    append, replace = files.Lines.append, files.Lines.replace
    for left in range(0, 1000, 3):
        run, fuse = new_run(), [left]

        def burn(fuse=fuse):
            fuse[0] -= 1
            if fuse[0] < 0:
                raise Crash

        def append_or_crash(lines, line, burn=burn):
            burn()
            append(lines, line)

        def replace_and_crash(lines, others, burn=burn):
            replace(lines, others)
            burn()

        with monkeypatch.context() as patched, suppress(Crash):
            patched.setattr(files.Lines, "append", append_or_crash)
            patched.setattr(files.Lines, "replace", replace_and_crash)
            go(run, plan, trainer=Cliff())
        go(run, plan, trainer=Cliff())
        assert fates(run) == whole, f"after {left} writes"
        if fuse[0] >= 0:
            break
    assert left > 3 * len(whole)


@pytest.mark.parametrize("answers", range(1, 9))
def test_after_an_interrupt_at_any_answer_the_trials_are_the_same(
    plan, whole, new_run, go, fates, anyhow, answers
):
    run = new_run()
    for turn in range(60):
        try:
            go(run, plan, anyhow(seed=turn, answers=answers), trainer=Cliff())
            break
        except KeyboardInterrupt:
            continue
    assert fates(run) == whole


@pytest.fixture
def overlapping(plan, rounds):
    """Five rounds that overlap as those for many workers do; leaders are lost in each."""
    rungs = [((9, 1), (3, 2), (1, 4))] * 5
    return replace(plan, rounds=tuple(replace(r, lag=(1, 2, 3)) for r in rounds(*rungs)))


@pytest.mark.parametrize("answers", [1, 2, 3, 7, 20, 10**6])
def test_overlapping_rounds_see_the_same_whatever_is_lost_when_and_in_which_order(
    overlapping, new_run, go, fates, anyhow, answers
):
    whole, run = new_run(), new_run()
    search = go(whole, overlapping, trainer=Cliff())
    assert (
        search.lookback.late
    )  # some trials came up in others' places while later rounds were at work
    for turn in range(200):
        try:
            go(run, overlapping, anyhow(seed=turn, jobs=7, answers=answers), trainer=Cliff())
            break
        except KeyboardInterrupt:
            continue
    assert fates(run) == fates(whole)


def test_with_a_little_more_time_again_and_again_the_trials_are_the_same(
    plan, whole, new_run, go, fates, anyhow
):
    run = new_run()
    for turn in range(40):
        go(run, plan, anyhow(seed=turn, in_time=2), trainer=Cliff(), deadline=1e12)
    go(run, plan, trainer=Cliff())
    assert fates(run) == whole


def test_a_run_of_the_first_rules_keeps_to_them(spec, rounds, new_run, go, fates):
    asked = spec(space=PLAIN, rounds=rounds(((9, 1), (3, 2), (1, 4))), rules=1, seed=3)
    run = new_run()
    done = go(run, asked, trainer=Cliff())
    trained = Counter(piece.rung for piece in run.pieces)
    assert trained[0] == 9
    assert trained[1] == 3
    assert done.best is None


def test_where_nothing_is_lost_the_rules_change_no_byte_but_times(
    spec, rungs, new_run, go, valley
):
    def lines(rules):
        run = new_run()
        go(run, spec(space=QUIET, rounds=rungs, rules=rules), trainer=valley())
        found = map(json.loads, (run.path / "trials.jsonl").read_text().splitlines())
        return [{**line, "started": None, "seconds": None} for line in found]

    assert lines(1) == lines(2)


def test_states_of_stopped_trials_are_kept_until_the_last_rung_is_over(
    spec, rounds, new_run, go, valley
):
    kept = []

    class Watched(valley):
        def _train(self, job, state):
            if job.rung == 2:
                kept.append({path.name for path in (run.path / "state").iterdir()})
            return super()._train(job, state)

    run = new_run()
    go(run, spec(space=QUIET, rounds=rounds(((9, 1), (3, 2), (1, 4)))), trainer=Watched())
    assert kept == [{f"{number}.npz" for number in range(9)}]
    assert not any((run.path / "state").iterdir())


def test_those_who_count_trials_are_told_of_one_that_goes_on(plan, new_run, go):
    told = []
    go(new_run(), plan, trainer=Cliff(), tell=told.append)
    ended = Counter(event.result.number for event in told if isinstance(event, TrialEnded))
    again = Counter(event.trial.number for event in told if isinstance(event, TrialWentOn))
    assert again
    assert ended - again == Counter(range(21))


def late(**parallel):
    """Networks whose rate grows for eight epochs: what leads early is too fast in the end."""
    return from_mapping(
        {
            "name": "late",
            "data": {"source": "digits"},
            "trainer": {
                "kind": "network",
                "epochs": 9,
                "optimizer": "sgd",
                "batch_norm": False,
                "hidden_layers": 1,
                "hidden_units": 8,
                "batch_size": 128,
                "warmup": 8,
            },
            "metric": {"name": "val_loss", "goal": "minimize"},
            "space": {
                "learning_rate": {"scale": "log", "min": 3, "max": 60},
                "l2": {"scale": "log", "min": 1e-4, "max": 1},
            },
            "search": {
                "trials": 12,
                "rounds": 2,
                "halving": {"min_epochs": 1, "factor": 3},
                "confirm": False,
            },
            "parallel": parallel,
        }
    )


@pytest.mark.slow
def test_networks_that_diverge_late_give_the_same_with_any_jobs_and_after_any_interrupt(
    tmp_path, dataset, fates
):
    told = []
    alone = begin(late(backend="serial"), dataset, tmp_path, "alone")
    conduct(alone, told.append, late(backend="serial"), dataset)
    again = sum(isinstance(event, TrialWentOn) for event in told)
    late_losses = [line for line in fates(alone) if line["status"] == "diverged"]
    assert again > 2
    assert all(line["epochs"] > 1 for line in late_losses)
    assert alone.winner(alone.info).number not in {line["number"] for line in late_losses}
    for jobs in (2, 3):
        config = late(backend="local", jobs=jobs)
        run = begin(config, dataset, tmp_path, f"jobs-{jobs}")
        conduct(run, lambda event: None, config, dataset)
        assert fates(run) == fates(alone)
    for moment in range(8, len(told), 5):
        run, seen = begin(late(backend="serial"), dataset, tmp_path, f"cut-{moment}"), []

        def interrupt(event, seen=seen, moment=moment):
            seen.append(event)
            if len(seen) == moment:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            conduct(run, interrupt, late(backend="serial"), dataset)
        conduct(run, lambda event: None, late(backend="serial"), dataset)
        assert fates(run) == fates(alone)
        assert run.model.read_bytes() == alone.model.read_bytes()

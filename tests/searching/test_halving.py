"""Rungs: who goes on, from where, and who never competes."""

from collections import Counter

import pytest

from hpsearch.searching.planning import rounds_of
from hpsearch.searching.stages import busy, planned_epochs
from hpsearch.space import Choice, Continuous, Parameter, Space

QUIET = Space((Parameter("x", Continuous(0.2, 0.8)),))  # no trial is lost here


def on_rung(run, rung):
    return {piece.number for piece in run.pieces if piece.rung == rung and not piece.repeat}


def test_a_search_trains_as_many_epochs_as_planned(new_run, spec, rungs, go):
    run = new_run()
    go(run, spec(space=QUIET, rounds=rungs))
    assert sum(result.epochs for result in run.results) == planned_epochs(rungs)


def test_a_lone_worker_is_always_busy_and_many_are_less_so(rungs):
    assert busy(rungs, jobs=1) == pytest.approx(1)
    shares = [busy(rungs, jobs) for jobs in (1, 2, 4, 8, 64)]
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] < 0.1


def test_a_trial_that_diverged_takes_no_place_on_the_next_rung(new_run, spec, rounds, go):
    space = Space((Parameter("x", Continuous(0.5, 1)),))  # a fifth of it diverges
    run = new_run()
    go(run, spec(space=space, rounds=rounds(((20, 2), (18, 4)))))
    lost = {result.number for result in run.results if result.status == "diverged"}
    assert len(lost) == 4
    assert on_rung(run, 1) == set(range(20)) - lost


def test_where_too_few_are_left_the_rest_goes_on(new_run, spec, rounds, go):
    space = Space((Parameter("x", Continuous(0.85, 1)),))
    run = new_run()
    go(run, spec(space=space, rounds=rounds(((9, 2), (6, 4)), ((4, 2), (2, 4)))))
    left = sum(r.status != "diverged" for r in run.results if r.round == 0)
    assert 0 < left < 6
    assert sum(r.status == "completed" for r in run.results if r.round == 0) == left


def test_a_trial_that_diverges_on_a_later_rung_loses_its_value(new_run, spec, rounds, go):
    space = Space((Parameter("x", Continuous(0.5, 1)),))
    run = new_run()
    go(run, spec(space=space, rounds=rounds(((10, 1), (10, 4)))))
    lost = [result for result in run.results if result.status == "diverged"]
    assert len(lost) == 2
    assert {(result.value, result.epochs) for result in lost} == {(None, 2)}


def test_settings_by_hand_never_push_a_draw_off_its_rung(new_run, spec, rounds, go):
    start = tuple({"x": 0.3 + i / 1000} for i in range(3))  # better than any draw
    run = new_run()
    go(run, spec(space=QUIET, rounds=rounds(((12, 1), (3, 4))), start=start))
    assert not on_rung(run, 1) & {0, 1, 2}
    assert len(on_rung(run, 1)) == 3
    by_number = {result.number: result for result in run.results}
    assert {(by_number[n].status, by_number[n].epochs) for n in range(3)} == {("completed", 4)}
    assert Counter(result.status for result in run.results) == {"completed": 6, "stopped": 6}


def test_a_trial_whose_patience_ran_out_keeps_its_place_without_training(
    new_run, spec, rounds, go, valley
):
    class Sated(valley):
        def _train(self, job, state):
            outcome = super()._train(job, state)
            sated = job.number % 2 == 0  # after the first epoch, whatever it is
            return type(outcome)(outcome.curve, outcome.state, finished=sated or outcome.finished)

    run = new_run()
    go(run, spec(space=QUIET, rounds=rounds(((8, 1), (4, 4)))), trainer=Sated())
    first = {piece.number: piece.value for piece in run.pieces if piece.rung == 0}
    best = set(sorted(first, key=first.get, reverse=True)[:4])
    assert on_rung(run, 1) == {number for number in best if number % 2}
    for result in run.results:
        ended = "completed" if result.number % 2 == 0 or result.number in best else "stopped"
        assert result.status == ended


def test_crossed_trials_start_alike_on_every_rung(new_run, spec, rounds, go):
    space = Space(
        (Parameter("x", Continuous(0.2, 0.8)), Parameter("kind", Choice(("a", "b")), cross=True))
    )
    run = new_run()
    go(run, spec(space=space, rounds=rounds(((12, 1), (4, 4)))))
    value = {piece.number: piece.value for piece in run.pieces if piece.rung == 0}
    assert all(value[number] == value[number + 1] for number in range(0, 12, 2))
    assert len(on_rung(run, 1)) == 4
    assert len({number // 2 for number in on_rung(run, 1)}) == 2


def test_a_network_that_survives_is_trained_as_if_in_one_piece(digits, searched):
    few = ("search.trials=9", "trainer.epochs=4", "search.rounds=1")
    in_pieces = searched(digits(*few, "search.halving={min_epochs: 1, factor: 2}"))
    at_once = searched(digits(*few, "search.halving=false"))
    [plan] = rounds_of(digits(*few, "search.halving={min_epochs: 1, factor: 2}"))
    assert [(rung.trials, rung.epochs) for rung in plan.rungs] == [(9, 1), (4, 2), (2, 4)]
    assert Counter(r.epochs for r in in_pieces.results) == {1: 5, 2: 2, 4: 2}
    whole = {result.number: result for result in at_once.results}
    for result in in_pieces.results:
        assert result.status == ("completed" if result.epochs == 4 else "stopped")
        if result.status == "completed":
            assert result.metrics == whole[result.number].metrics

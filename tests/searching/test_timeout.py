"""Out of time: what finished counts, and what did not may be done later."""

import time
from types import SimpleNamespace

import pytest

from hpsearch.backends import create
from hpsearch.config import Confirm
from hpsearch.searching import scheduler
from hpsearch.searching.session import conduct
from hpsearch.searching.winner import choose
from hpsearch.space import Continuous, Parameter, Space
from hpsearch.trainers.protocol import Outcome
from hpsearch.trial import OUT_OF_TIME

QUIET = Space((Parameter("x", Continuous(0.2, 0.8)),))  # no trial is lost here


@pytest.fixture
def later():
    """A deadline that no test lives to see: the backend says when it has come."""
    return time.monotonic() + 1e6


def test_what_finished_in_time_counts_and_the_rest_has_no_fate(
    new_run, spec, go, fates, anyhow, later
):
    whole, run = new_run(), new_run()
    go(whole, spec(space=QUIET))
    search = go(run, spec(space=QUIET), anyhow(jobs=1, in_time=2), deadline=later)
    assert fates(run) == fates(whole)[:4]  # two groups of two
    assert search.best.value == max(line["value"] for line in fates(run))


def test_with_more_time_the_search_goes_on_as_if_it_had_never_stopped(
    new_run, spec, go, fates, anyhow, later
):
    asked = spec(confirm=Confirm(share=1.0))
    whole, run = new_run(), new_run()
    go(whole, asked)
    for _ in range(20):
        go(run, asked, anyhow(in_time=1), deadline=later)
    assert fates(run) == fates(whole)
    assert {p.training for p in run.pieces} == {p.training for p in whole.pieces}


def test_a_trial_between_two_rungs_stops_where_it_is_until_there_is_more_time(
    new_run, spec, rounds, go, fates, anyhow, later
):
    whole, run, asked = (
        new_run(),
        new_run(),
        spec(space=QUIET, rounds=rounds(((6, 1), (4, 4)), ((4, 1), (2, 4)))),
    )
    go(run, asked, anyhow(jobs=1, in_time=4), deadline=later)  # one pair is through
    before = fates(run)
    assert sorted((line["status"], line["epochs"]) for line in before) == [
        ("completed", 4), ("completed", 4), *[("stopped", 1)] * 4,
    ]  # fmt: skip
    assert all(line["value"] is not None for line in before)
    assert sum(line["error"] == OUT_OF_TIME for line in before) == 2  # the others were weak
    go(run, asked, deadline=time.monotonic() - 1)  # not a moment more: they have their fate again
    assert fates(run) == before
    go(run, asked)
    go(whole, asked)
    assert fates(run) == fates(whole)
    trained = [(*piece.training, piece.rung) for piece in run.pieces]
    assert len(trained) == len(set(trained))  # each went on from where it was


def test_with_a_little_more_time_again_and_again_the_rungs_end_the_same(
    new_run, spec, rungs, go, fates, anyhow, later
):
    asked = spec(rounds=rungs)
    whole, run = new_run(), new_run()
    go(whole, asked)
    for turn in range(12):
        go(run, asked, anyhow(seed=turn, in_time=3), deadline=later)
    go(run, asked)
    assert fates(run) == fates(whole)


def test_a_trial_that_diverged_in_one_of_its_trainings_is_not_merely_stopped(
    new_run, spec, rounds, go, anyhow, valley, later
):
    class Alone(valley):
        def groups(self, jobs):
            return [[job] for job in jobs]

        def _train(self, job, state):
            outcome = super()._train(job, state)
            if job.rung and not job.repeat:
                curve = {name: [None] * len(v) for name, v in outcome.curve.items()}
                return Outcome(curve | {"epoch": outcome.curve["epoch"]}, None, diverged=True)
            return outcome

    run, asked = new_run(), spec(space=QUIET, rounds=rounds(((2, 1), (1, 4))), repeats=2)
    go(run, asked, anyhow(jobs=1, in_time=5), Alone(), deadline=later)
    assert sorted((r.status, r.value is None) for r in run.results) == [
        ("diverged", True),
        ("stopped", False),
    ]


def test_without_any_time_nothing_is_trained(new_run, spec, go):
    run = new_run()
    search = go(run, spec(), deadline=time.monotonic() - 1)
    assert run.pieces == run.results == []
    assert search.best is None


def test_answers_that_come_one_after_another_do_not_outlast_the_deadline(
    new_run, spec, go, anyhow, monkeypatch
):
    clock = iter(range(1000))  # each look takes a second, each answer no time
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    run = new_run()
    go(run, spec(space=QUIET), anyhow(jobs=1), deadline=3)
    assert len(run.results) == 6


def test_contenders_that_were_not_confirmed_in_time_are_confirmed_later(
    new_run, spec, rounds, go, anyhow, later
):
    asked = spec(space=QUIET, rounds=rounds(((4, 4),)), confirm=Confirm(2, 3, 1.0))
    whole, run = new_run(), new_run()
    done = choose(go(whole, asked))
    half = choose(go(run, asked, anyhow(jobs=1, in_time=3), deadline=later))
    assert len(run.results) == 4
    assert len([p for p in run.pieces if p.repeat]) == 2
    assert half.winner is None  # the contender that happened to be done must not win for that
    assert half.known.result.number == min(run.results, key=lambda r: -r.value).number
    later_on = choose(go(run, asked))
    assert (later_on.winner, later_on.training) == (done.winner, done.training)
    assert {p.training: p.value for p in run.pieces} == {p.training: p.value for p in whole.pieces}


def test_a_run_that_is_out_of_time_is_finished_and_goes_on_with_a_longer_timeout(
    parent, digits, dataset, searched, fates
):
    run = searched(digits("search.timeout=1e-9"))
    assert run.info.status == "finished"
    assert run.results == []
    assert run.winner(run.info) is None
    conduct(run, lambda event: None, digits("search.timeout=1h"), dataset)
    assert fates(run) == fates(parent)
    assert run.winner(run.info) == parent.winner(parent.info)


def hanging():
    """A trainer of which trial 0 never ends; defined here so that it is pickled by value."""

    class Hanging:
        metrics = ("val_loss", "val_accuracy")

        def groups(self, jobs):
            return [[job] for job in jobs]

        def train(self, jobs, states, report=None):
            import time

            if jobs[0].number == 0:
                time.sleep(600)
            curve = {"epoch": [1], "val_loss": [0.5], "val_accuracy": [0.5]}
            return [Outcome(curve, {}, finished=True) for _ in jobs]

    return Hanging()


def test_a_trial_past_its_time_has_failed_and_its_worker_goes_on(
    new_run, spec, rounds, go, limit_only
):
    limit_only(lambda job: job.number == 0)
    run = new_run()
    asked = spec(space=QUIET, rounds=rounds(((4, 1),)), settings={"epochs": 1}, trial_timeout=3)
    go(run, asked, create("local", jobs=1), hanging())
    assert [r.status for r in run.results] == ["failed", "completed", "completed", "completed"]
    assert run.results[0].error == "Timeout: not finished within 3 s"
    again = go(run, asked, create("local", jobs=1), hanging())  # at once: it is a fact
    assert again.best is not None

"""A search that goes on to more trials ends the same, whenever told to and however often cut."""

import json
import shutil
from dataclasses import asdict

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.refine import refine
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.store import RunDirectory

SMALL = {
    "data": {"source": "digits"},
    "trainer": {"kind": "network", "epochs": 3},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-3, "max": 1},
        "hidden_units": {"type": "int", "min": 8, "max": 24, "per": "hidden_layers"},
        "hidden_layers": {"type": "int", "min": 0, "max": 1},
    },
    "search": {"trials": 6, "confirm": {"top": 2, "seeds": 2, "share": 1.0}},
    "parallel": {"backend": "serial"},
}


@pytest.fixture(autouse=True)
def _hasty_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def dataset():
    return read_data(from_mapping(SMALL))


@pytest.fixture
def started(tmp_path, dataset):
    """Makes a run directory of a small search, with changes, and trains nothing."""

    def start(name, *overrides, refinement=None, config=None):
        config = config or from_mapping(SMALL, overrides=overrides)
        return begin(config, dataset, tmp_path, name, refinement)

    return start


@pytest.fixture
def go(dataset):
    """Does what is left of a run, or interrupts it at an event."""

    def search(run, until=None, **changes):
        config = reopen(run, **changes)
        seen = []

        def tell(event):
            seen.append(event)
            if len(seen) == until:
                raise KeyboardInterrupt

        if until is None:
            conduct(run, tell, config, dataset)
        else:
            with pytest.raises(KeyboardInterrupt):
                conduct(run, tell, config, dataset)
        return run

    return search


@pytest.fixture(scope="module")
def _six(dataset, tmp_path_factory):
    """A run that has finished its six trials."""
    run = begin(from_mapping(SMALL), dataset, tmp_path_factory.mktemp("six"), "run")
    conduct(run, lambda event: None, reopen(run), dataset)
    return run


@pytest.fixture
def six(_six, tmp_path):
    """A copy of it."""
    return RunDirectory(shutil.copytree(_six.path, tmp_path / "run"))


def found(run):
    """All that a search found, but for what the clock decides."""
    trials = {r.number: {**asdict(r), "started": 0, "seconds": 0} for r in run.results}
    return trials, run.winner(run.info), run.model.read_bytes(), run.info.plan


def test_when_it_was_extended_and_how_often_it_was_cut_make_no_difference(six, started, go):
    whole = go(six, trials=13)
    assert sorted(found(whole)[0]) == list(range(13))
    for cut_before, cut_after in ((1, 3), (5, 2), (8, 6)):
        run = go(started(f"cut-{cut_before}"), until=cut_before)
        go(run, until=cut_after, trials=13)
        assert run.info.status == "interrupted"
        assert found(go(run)) == found(whole)


@pytest.mark.slow
def test_the_number_of_jobs_makes_no_difference(started, go):
    whole, run = go(started("one"), trials=12), go(started("two"), backend="local", jobs=2)
    assert found(go(run, trials=12, backend="local", jobs=2)) == found(whole)


def test_what_was_planned_and_trained_stays_as_it_was(six, go):
    run = six
    plan, results, pieces = run.info.plan, run.results, run.pieces
    go(run, trials=12)
    assert run.info.plan[: len(plan)] == plan
    assert run.results[:6] == results
    assert run.pieces[: len(pieces)] == pieces
    assert run.info.config["search"]["trials"] == 12


def test_the_winner_of_the_whole_is_confirmed_and_looks_at_the_test_rows_again(six, go):
    run = six
    assert run.info.test_looks == 1
    go(run, trials=12)
    assert run.info.test_looks == 2
    best = sorted((r for r in run.results if r.status == "completed"), key=lambda r: -r.value)
    assert max(r.value for r in best) in {c.search for c in run.winner(run.info).contenders}
    assert {c.number for c in run.winner(run.info).contenders} <= {r.number for r in best}


@pytest.mark.parametrize("trials", [-1, 0, 1, 6])
def test_fewer_trials_than_planned_or_as_many_are_refused_and_change_nothing(six, trials):
    run = six
    before = (run.path / "run.json").read_bytes()
    with pytest.raises(RunError, match=f"more than the 6 that are planned.*found {trials}"):
        reopen(run, trials=trials)
    assert (run.path / "run.json").read_bytes() == before


@pytest.mark.parametrize(
    ("overrides", "trials", "sizes"),
    [
        (("search.sampler=random",), 10, [4]),
        (("search.rounds=2",), 12, [3, 3]),
        (("search.rounds=3",), 7, [1]),
        ((), 46, [6, 6, 9, *[2] * 8, 3]),
        (("space.batch_norm={values: [true, false], cross: true}",), 9, [4]),  # whole pairs
        (("search.start=[{learning_rate: 0.1}]",), 12, [6]),
    ],
)
def test_new_rounds_are_as_a_search_makes_them_none_of_them_coarse(
    started, overrides, trials, sizes
):
    run = started("run", *overrides)
    plan = rounds_of(from_mapping(SMALL, overrides=overrides))
    reopen(run, trials=trials)
    new = run.info.plan[len(plan) :]
    assert [round.trials for round in new] == sizes
    assert [round.number for round in new] == list(range(len(plan), len(plan) + len(sizes)))
    firsts = [6]
    for size in sizes:
        firsts.append(firsts[-1] + size)
    assert [round.first for round in new] == firsts[:-1]
    total = firsts[-1]
    assert [round.progress for round in new] == [first / total for first in firsts[:-1]]


def test_a_refined_search_is_extended_like_any_other(six, started, go, dataset):
    parent = six
    config = from_mapping(parent.info.config)
    child = refine(parent, config, config, dataset.fingerprint)
    whole, cut = (started(name, refinement=child, config=child.config) for name in ("a", "b"))
    go(go(whole), trials=10)
    go(cut, until=4)
    assert found(go(cut, trials=10)) == found(whole)
    assert [result.number for result in whole.results] == list(range(6, 16))


def test_an_extension_that_was_cut_at_once_is_not_taken_for_done(six, go):
    run = six
    reopen(run, trials=12)  # and then the power went
    assert json.loads((run.path / "run.json").read_text())["status"] == "interrupted"
    go(run)
    assert len(run.results) == 12

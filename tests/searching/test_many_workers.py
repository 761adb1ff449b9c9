"""Plans for many workers: rounds overlap, and what each looks at is fixed by its lag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import from_mapping
from hpsearch.sampling.plan import Sizes, ladder, lag, plan, round_sizes
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.stages import Stage, busy, epochs_of, needs, seen, ways_to_the_end


def lagged(trials, workers, epochs=4):
    amounts = ladder(epochs, min_epochs=1, factor=2)
    sizes = round_sizes(trials, amounts, factor=2, workers=workers)
    return plan(sizes, amounts, factor=2, workers=workers)


@pytest.fixture(scope="module")
def overlapping():
    """Rounds of nine with three rungs, several in flight."""
    return lagged(trials=63, workers=9)


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 30))
def test_what_a_round_looks_at_has_ended_when_rounds_begin_in_their_order(trials, workers, epochs):
    rounds, ended = lagged(trials, workers, epochs), set()
    for each in rounds:
        ended |= needs(Stage(each.number, 0), rounds)
        looks = {Stage(n, rungs - 1) for n, rungs in seen(each.number, rounds).items()}
        below = {Stage(s.round, rung) for s in ended for rung in range(s.rung + 1)}
        assert looks <= below
        assert all(stage.round < each.number for stage in ended)


@given(st.integers(1, 1000), st.integers(1, 64), st.integers(1, 100))
def test_a_longer_training_may_be_looked_at_later_and_more_workers_mean_a_longer_lag(
    workers, size, epochs
):
    found = lag(workers, size, ladder(epochs))
    assert list(found) == sorted(found)
    assert found[0] >= 1
    assert all(a <= b for a, b in zip(found, lag(2 * workers, size, ladder(epochs)), strict=True))


def test_for_one_worker_a_round_looks_at_all_but_the_last_rung_of_the_one_before():
    rounds = plan(Sizes([27, 27, 27]), ladder(27, min_epochs=3), workers=1)
    assert rounds == plan(Sizes([27, 27, 27]), ladder(27, min_epochs=3))


def test_more_workers_are_kept_busy_by_a_plan_for_them():
    few = plan(round_sizes(1280, ladder(30)), ladder(30))
    many = plan(round_sizes(1280, ladder(30), workers=64), ladder(30), workers=64)
    assert busy(many, 64) > 0.8 > 5 * busy(few, 64)


@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 30))
def test_no_way_to_the_end_is_shorter_than_one_through_what_waits(trials, workers, epochs):
    rounds = lagged(trials, workers, epochs)
    ways = ways_to_the_end(rounds)
    every = [Stage(each.number, rung) for each in rounds for rung in range(len(each.rungs))]
    assert set(ways) == set(every)
    for stage in every:
        for before in needs(stage, rounds):
            assert ways[before] >= epochs_of(stage, rounds) + ways[stage]
    assert min(ways.values()) == 0


@pytest.mark.parametrize("jobs", [1, 64])
def test_what_the_end_waits_for_goes_first_once_the_end_is_near(
    new_run, spec, overlapping, go, anyhow, jobs
):
    class Recorder(anyhow):
        def submit(self, task):
            costs.append(task.cost / len(task.args[0]))
            super().submit(task)

    costs = []  # of the first round's tasks first, when no time is known yet
    go(new_run(), spec(rounds=overlapping), Recorder(0, jobs))
    whole, way = 4, 1 + ways_to_the_end(overlapping)[Stage(0, 0)]
    assert costs[0] == {1: whole, 64: way}[jobs]
    assert way > whole


def test_after_a_resume_it_is_known_how_near_the_end_is(new_run, spec, overlapping, go):
    run = new_run()
    go(run, spec(rounds=overlapping))
    ledger = go(run, spec(rounds=overlapping)).ledger  # read from the disk, with nothing to do
    assert ledger.spent[0] == sum(result.epochs for result in ledger.results.values()) > 0
    assert ledger.pace == pytest.approx(ledger.spent[1] / ledger.spent[0])


def test_the_plan_follows_from_the_workers_that_the_configuration_names_alone():
    def rounds(**parallel):
        return rounds_of(
            from_mapping(
                {
                    "trainer": {"kind": "function", "function": "m:train", "epochs": 9},
                    "metric": {"name": "loss", "goal": "minimize"},
                    "space": {"x": {"min": 0, "max": 1}},
                    "search": {"trials": 200},
                    "parallel": parallel,
                }
            )
        )

    assert rounds(jobs=64) == rounds(jobs=1) == rounds(workers=None)
    assert {each.lag for each in rounds(workers=4)} == {None, (1, 1, 2)}
    assert rounds(workers=16, jobs=1) == rounds(workers=16, jobs=64) != rounds()


@pytest.mark.parametrize("jobs", [2, 5, 64])
def test_the_order_of_the_answers_decides_nothing(
    new_run, spec, overlapping, go, fates, anyhow, jobs
):
    one_by_one = new_run()
    go(one_by_one, spec(rounds=overlapping, screened=True))
    for seed in range(3):
        shuffled = new_run()
        go(shuffled, spec(rounds=overlapping, screened=True), anyhow(seed, jobs))
        assert fates(shuffled) == fates(one_by_one)

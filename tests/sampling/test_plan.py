from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.plan import FEW, FINE, HALVED, Sizes, ladder, plan, round_sizes
from hpsearch.searching.stages import planned_epochs

trials = st.integers(1, 10_000)
rounds = st.one_of(st.just("auto"), st.integers(1, 200))
draws = st.integers(1, 12)
amounts = st.integers(1, 300).map(ladder)
workers = st.one_of(st.none(), st.integers(1, 200))


def every(sizes):
    return [*sizes.halved, *sizes.full]


@given(trials, amounts, rounds, st.booleans(), draws, workers)
def test_rounds_have_whole_draws_and_add_up_to_the_trials(
    trials, amounts, rounds, coarse, draw, workers
):
    sizes = every(round_sizes(trials, amounts, 3, rounds, coarse, draw, workers))
    assert trials <= sum(sizes) < trials + draw
    assert all(size > 0 and size % draw == 0 for size in sizes)


@given(st.integers(20, 10_000), st.integers(1, 8))
def test_the_coarse_round_is_twice_as_large_as_the_others(trials, rounds):
    sizes = round_sizes(trials, rounds=rounds).halved
    assert len(sizes) == rounds
    assert all(abs(sizes[0] - 2 * size) <= 3 for size in sizes[1:])


@given(trials, amounts, workers)
def test_auto_rounds_stay_few_enough_to_count(trials, amounts, workers):
    sizes = round_sizes(trials, amounts, workers=workers)
    least = 16 if (workers or FEW) <= FEW else FINE  # trials of a round, where there are many
    assert len(sizes.halved) + len(sizes.full) <= max(617, trials // least)


@given(trials, rounds, amounts, st.integers(0, 50), st.booleans(), workers)
def test_a_plan_numbers_every_trial_once(trials, rounds, amounts, first, coarse, workers):
    sizes = round_sizes(trials, amounts, 3, rounds, coarse, workers=workers)
    planned = plan(sizes, amounts, first=first, workers=workers)
    assert [round.number for round in planned] == list(range(len(planned)))
    assert planned[0].first == first
    assert all(a.first + a.trials == b.first for a, b in pairwise(planned))
    assert planned[-1].first + planned[-1].trials == first + trials


@given(trials, rounds)
def test_progress_is_the_share_proposed_before_a_round(trials, rounds):
    planned = plan(round_sizes(trials, rounds=rounds), (30,))
    assert planned
    for round in planned:
        assert round.progress == round.first / trials
        assert [(rung.trials, rung.epochs) for rung in round.rungs] == [(round.trials, 30)]


@given(trials, amounts)
def test_rungs_take_fewer_trials_further_and_the_last_one_all_the_way(trials, amounts):
    planned = plan(round_sizes(trials, amounts), amounts)
    assert planned
    for round in planned:
        assert round.rungs[0].trials == round.trials
        assert round.rungs[-1].epochs == amounts[-1]
        for lower, upper in pairwise(round.rungs):
            assert 1 <= upper.trials < lower.trials
            assert lower.epochs < upper.epochs


@pytest.mark.parametrize("epochs", [1, 3, 9, 30, 52, 100])
@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("coarse", [True, False])
def test_a_search_of_more_trials_trains_more(epochs, factor, coarse):
    steps = ladder(epochs, factor=factor)
    costs = [
        planned_epochs(plan(round_sizes(n, steps, factor, coarse=coarse), steps, factor))
        for n in range(1, 300)
    ]
    assert all(fewer < more for fewer, more in pairwise(costs))


@given(st.integers(100, 5_000), st.integers(9, 200))
def test_weak_trials_stop_in_the_first_part_of_the_epochs_alone(trials, epochs):
    steps = ladder(epochs)
    sizes = round_sizes(trials, steps)
    whole, halved = (planned_epochs(plan(each, steps)) for each in (sizes, Sizes(sizes.halved)))
    assert HALVED - 0.05 < halved / whole < HALVED + 0.15
    assert whole - halved == sum(sizes.full) * epochs


def test_a_short_search_is_one_round_and_trains_none_in_full_for_nothing():
    assert round_sizes(5, (3, 10, 30)) == ([5], [])
    assert round_sizes(3 * FINE - 1, (3, 10, 30)) == ([3 * FINE - 1], [])


def test_where_no_trial_stops_half_of_a_short_search_covers_the_space():
    assert [sum(round_sizes(n).halved) for n in (1, 2, 10, 20, 40)] == [1, 1, 5, 6, 6]


@pytest.mark.parametrize("count", [1, 2, 3, FEW])
def test_for_a_few_workers_as_many_full_trainings_are_under_way(count):
    sizes = round_sizes(100, (3, 10, 30), workers=count)
    planned = plan(sizes, (3, 10, 30), workers=count)
    at_once = 1 if count == 1 else 2  # rounds
    assert set(sizes.full) <= {max(1, count // 2), max(1, count // 2) + 1}
    assert planned[-1].lag == (1, 1, at_once)

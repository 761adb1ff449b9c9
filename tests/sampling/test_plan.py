from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.plan import ladder, plan, round_sizes

trials = st.integers(1, 10_000)
rounds = st.one_of(st.just("auto"), st.integers(1, 200))
draws = st.integers(1, 12)


@given(trials, rounds, st.booleans(), draws)
def test_rounds_add_up_to_the_trials_rounded_up_to_whole_draws(trials, rounds, coarse, draw):
    assert trials <= sum(round_sizes(trials, rounds, coarse, draw)) < trials + draw


@given(trials, rounds, st.booleans(), draws)
def test_every_round_has_trials_and_only_whole_draws(trials, rounds, coarse, draw):
    sizes = round_sizes(trials, rounds, coarse, draw)
    assert sizes
    assert all(size > 0 and size % draw == 0 for size in sizes)


@given(st.integers(20, 10_000), st.integers(1, 8))
def test_the_coarse_round_is_twice_as_large_as_the_others(trials, rounds):
    sizes = round_sizes(trials, rounds)
    assert len(sizes) == rounds
    assert all(abs(sizes[0] - 2 * size) <= 3 for size in sizes[1:])


@given(trials)
def test_auto_rounds_stay_few_enough_to_count(trials):
    assert 1 <= len(round_sizes(trials)) <= 128


@given(trials, rounds, st.integers(1, 300), st.integers(0, 50))
def test_a_plan_numbers_every_trial_once(trials, rounds, epochs, first):
    planned = plan(round_sizes(trials, rounds), ladder(epochs), first=first)
    assert [round.number for round in planned] == list(range(len(planned)))
    assert planned[0].first == first
    assert all(a.first + a.trials == b.first for a, b in pairwise(planned))
    assert planned[-1].first + planned[-1].trials == first + trials


@given(trials, rounds)
def test_progress_is_the_share_proposed_before_a_round(trials, rounds):
    planned = plan(round_sizes(trials, rounds), (30,))
    assert planned
    for round in planned:
        assert round.progress == round.first / trials
        assert [(rung.trials, rung.epochs) for rung in round.rungs] == [(round.trials, 30)]


@given(trials, st.integers(1, 300))
def test_rungs_take_fewer_trials_further_and_the_last_one_all_the_way(trials, epochs):
    planned = plan(round_sizes(trials), ladder(epochs))
    assert planned
    for round in planned:
        assert round.rungs[0].trials == round.trials
        assert round.rungs[-1].epochs == epochs
        for lower, upper in pairwise(round.rungs):
            assert 1 <= upper.trials < lower.trials
            assert lower.epochs < upper.epochs

import math

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.ranking import UNKNOWN, Observation, led, rank

cost = st.tuples(st.sampled_from([0.1, 0.2, 0.3, math.inf]), st.sampled_from([0.0, 1.0]))
observations = st.lists(st.lists(cost, max_size=3), max_size=12).map(
    lambda costs: [Observation(i, {}, tuple(each)) for i, each in enumerate(costs)]
)


def numbers(*costs):
    return [trial.number for trial in rank(Observation(i, {}, c) for i, c in enumerate(costs))]


def test_trials_of_one_rung_are_ordered_by_cost():
    assert numbers(((0.3, 0.0),), ((0.1, 0.0),), ((0.2, 0.0),)) == [1, 2, 0]


def test_equal_costs_are_ordered_by_validation_loss_then_by_number():
    assert numbers(((0.1, 0.5),), ((0.1, 0.5),), ((0.1, 0.4),)) == [2, 0, 1]


def test_a_longer_training_reorders_only_the_places_of_those_that_had_it():
    short = ((0.2, 0.0),)
    weak_later = ((0.1, 0.0), (0.3, 0.0))
    strong_later = ((0.3, 0.0), (0.01, 0.0))
    assert numbers(weak_later, short, strong_later) == [2, 1, 0]


def test_a_third_rung_corrects_the_second():
    rungs = [(0.1, 0.0), (0.2, 0.0)]
    assert numbers((*rungs, (0.9, 0.0)), (*rungs, (0.5, 0.0))) == [1, 0]


def test_lost_trials_come_last_however_good_they_were():
    assert numbers(((0.1, 0.0), UNKNOWN), ((0.9, 0.0),), (UNKNOWN,), ()) == [1, 0, 2, 3]


@given(observations, st.randoms(use_true_random=False))
def test_the_order_of_the_history_does_not_matter(history, random):
    shuffled = history[:]
    random.shuffle(shuffled)
    assert rank(shuffled) == rank(history)


@given(observations)
def test_ranking_drops_and_invents_nothing(history):
    assert sorted(rank(history), key=lambda trial: trial.number) == history


@given(observations)
def test_trials_with_a_value_stand_before_those_without(history):
    finite = [trial.finite for trial in rank(history)]
    assert finite == sorted(finite, reverse=True)


def test_the_best_by_the_first_objective_goes_on_from_a_rung_before_trials_that_dominate_more():
    pairs = [(0.0, 9.0), (0.01, 5.0), (2.0, 2.0), (5.0, 0.01), (9.0, 0.0)]
    trials = [Observation(i, {}, ((0.0, *pair, 0.0),)) for i, pair in enumerate(pairs)]
    ranked = rank(trials)
    assert ranked[0].number == 2
    assert [t.number for t in led(ranked)] == [0, *(t.number for t in ranked if t.number)]
    assert led(trials[::-1])[0].number == 0
    alone = [Observation(0, {}, ((0.5, 0.0),)), Observation(1, {}, ((0.1, 0.0),))]
    assert led(alone) == alone

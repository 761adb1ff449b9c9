import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.pareto import alone, fronts, hypervolume, order
from hpsearch.sampling.ranking import Observation, rank

COSTS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.5]), *[st.integers(0, 6).map(float)] * 3),
    min_size=1,
    max_size=30,
).map(np.array)


def beats(one, other):
    if one[0] != other[0]:
        return one[0] < other[0]
    return (one[1:] <= other[1:]).all() and (one[1:] < other[1:]).any()


@given(COSTS)
def test_a_front_is_what_none_of_the_rest_beats(costs):
    left = set(range(len(costs)))
    for front in fronts(costs):
        assert set(front) == {i for i in left if not any(beats(costs[j], costs[i]) for j in left)}
        left -= set(front)
    assert not left


@given(COSTS, st.randoms())
def test_the_order_of_trials_does_not_depend_on_the_order_in_which_they_come(costs, random):
    trials = [Observation(i, {}, ((*row.tolist(), 0.0),)) for i, row in enumerate(costs)]
    ranked = [trial.number for trial in rank(trials)]
    random.shuffle(trials)
    assert [trial.number for trial in rank(trials)] == ranked
    assert sorted(order(costs)) == list(range(len(costs)))


def test_in_a_front_what_is_good_in_all_objectives_comes_first_and_the_ends_last():
    costs = np.array([[0, 0.0, 9.0], [0, 0.01, 5], [0, 2, 2], [0, 5, 0.01], [0, 9, 0.0]])
    assert order(costs) == [2, 1, 3, 0, 4]


def test_a_front_of_one_point_dominates_all_of_its_box():
    assert alone(np.array([[3.0, 4.0]])) == pytest.approx(1.1**2)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=8))
def test_the_hypervolume_is_the_number_of_unit_cubes_that_are_dominated(points):
    cubes = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    covered = np.zeros(len(cubes), bool)
    for point in points:
        covered |= (cubes >= np.array(point)).all(1)
    assert hypervolume(points, (5, 5, 5)) == covered.sum()


def test_the_largest_numbers_there_are_are_ordered_too():
    costs = np.array([[0, 1e308, -1e308], [0, -1e308, 1e308], [0, 0.0, 0.0]])
    assert sorted(order(costs)) == [0, 1, 2]

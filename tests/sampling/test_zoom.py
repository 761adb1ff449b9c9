import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.ranking import UNKNOWN, Observation, rank
from hpsearch.sampling.zoom import (
    REDRAWS,
    Elites,
    draw,
    elite_count,
    elites,
    latin_hypercube,
    lean,
    reflect,
)
from hpsearch.space import Choice, Continuous, Parameter, Space


@pytest.mark.parametrize(
    ("trials", "progress", "count"),
    [(4, 0.0, 4), (18, 0.0, 4), (100, 0.0, 20), (100, 0.5, 13), (100, 1.0, 6), (1, 0.5, 4)],
)
def test_a_fifth_of_the_trials_are_elites_at_first_and_few_in_the_end(trials, progress, count):
    assert elite_count(trials, progress) == count


def test_the_weights_are_those_of_cma_es(space, history):
    around = elites(space, rank(history), progress=0.0)
    k = len(around.points)
    assert k == 6
    assert around.weights == pytest.approx(
        [math.log(k + 0.5) - math.log(i) for i in range(1, k + 1)]
    )


def test_lost_trials_are_never_elites(space):
    params = space.params(np.full(space.dimensions, 0.5))
    lost = [Observation(i, params, (UNKNOWN,)) for i in range(20)]
    found = elites(space, rank([*lost, Observation(20, params, ((0.1, 0.0),))]), 0.0)
    assert len(found.points) == 1


@given(st.floats(-50, 50))
def test_reflection_folds_every_number_into_the_unit_interval(place):
    folded = float(reflect(np.array(place)))
    assert 0 <= folded <= 1
    assert math.cos(math.pi * folded) == pytest.approx(math.cos(math.pi * place), abs=1e-9)


@given(st.floats(0, 1))
def test_reflection_leaves_the_unit_interval_alone(place):
    assert float(reflect(np.array(place))) == pytest.approx(place, abs=1e-15)


@given(st.floats(0, 1), st.integers(0, 50))
def test_whatever_is_drawn_lies_in_the_unit_cube(space, history, progress, seed):
    around = elites(space, rank(history), progress)
    points = draw(space, around, 40, progress, np.random.default_rng(seed))
    assert points.shape == (40, space.dimensions)
    assert ((points >= 0) & (points <= 1)).all()


def test_draws_come_closer_to_the_elites_as_the_search_goes_on():
    space = Space((Parameter("x", Continuous(0, 1)),))
    around = Elites(np.array([[0.4], [0.6]]), np.array([1.0, 1.0]))
    spread = [
        np.median(np.abs(draw(space, around, 2000, p, np.random.default_rng(0)) - 0.5))
        for p in (0.0, 1.0)
    ]
    near = [
        np.mean(np.abs(np.abs(draw(space, around, 2000, p, np.random.default_rng(0)) - 0.5) - 0.1)
                < 0.05)
        for p in (0.0, 1.0)
    ]  # fmt: skip
    assert spread[1] < spread[0]
    assert near[1] > near[0]


def test_better_elites_are_followed_more_often():
    space = Space((Parameter("c", Choice(("a", "b"))),))
    around = Elites(np.array([[0.25], [0.75]]), np.log(2.5) - np.log([1.0, 2.0]))
    points = draw(space, around, 4000, 0.5, np.random.default_rng(0))
    share = float((points < 0.5).mean())
    followed = around.weights[0] / around.weights.sum()
    assert share == pytest.approx((1 - REDRAWS) * followed + REDRAWS * 0.5, abs=0.03)


def test_without_elites_draws_are_uniform(space):
    nobody = Elites(np.empty((0, space.dimensions)), np.empty(0))
    points = draw(space, nobody, 4000, 0.5, np.random.default_rng(0))
    assert points.mean(axis=0) == pytest.approx([0.5] * space.dimensions, abs=0.03)


def test_a_coordinate_that_no_elite_has_active_is_drawn_anywhere():
    space = Space((Parameter("x", Continuous(0, 1)), Parameter("y", Continuous(0, 1))))
    around = Elites(np.array([[0.5, np.nan]] * 3), np.ones(3))
    points = draw(space, around, 4000, 1.0, np.random.default_rng(0))
    assert points[:, 1].std() == pytest.approx(1 / math.sqrt(12), abs=0.02)
    assert points[:, 0].std() < 0.2


@given(st.integers(1, 60), st.integers(0, 8), st.integers(0, 99))
def test_every_slice_of_every_axis_holds_exactly_one_point(points, dimensions, seed):
    cube = latin_hypercube(np.random.default_rng(seed), points, dimensions)
    assert cube.shape == (points, dimensions)
    for axis in cube.T:
        assert sorted(np.floor(axis * points).astype(int)) == list(range(points))


def test_axes_are_shuffled_apart():
    cube = latin_hypercube(np.random.default_rng(0), 200, 2)
    assert abs(np.corrcoef(cube.T)[0, 1]) < 0.2


def test_a_step_from_a_value_of_an_ordered_choice_reaches_its_neighbours_most():
    values = tuple(range(9))
    for ordered in (False, True):
        space = Space((Parameter("a", Choice(values, ordered)),))
        around = Elites(space.points([{"a": 3}, {"a": 5}]), np.array([1.0, 1.0]))
        drawn = draw(space, around, 4000, 0.5, np.random.default_rng(0))
        counts = Counter(params["a"] for params in space.all_params(drawn))
        assert (counts[4] > 1.5 * counts[0]) is ordered


def test_half_of_the_points_move_to_the_guess_and_only_in_its_coordinates():
    space = Space(
        (
            Parameter("x", Continuous(0, 1), guess=(0.9,)),
            Parameter("y", Continuous(0, 1)),
            Parameter("kind", Choice(("a", "b", "c", "d")), guess=("d",)),
        )
    )
    points = latin_hypercube(np.random.default_rng(0), 400, 3)
    leaning = lean(space, points, np.random.default_rng(1))
    assert leaning.min() >= 0
    assert leaning.max() <= 1
    assert (leaning[:, 1] == points[:, 1]).all()
    moved = leaning[:, 0] != points[:, 0]
    assert moved.sum() == 200
    assert np.median(leaning[moved, 0]) > 0.75
    kinds = space.all_params(leaning[moved])
    assert 0.5 < np.mean([params["kind"] == "d" for params in kinds]) < 0.75
    assert (leaning[~moved] == points[~moved]).all()

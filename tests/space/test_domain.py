import math
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hpsearch.space import (
    LINEAR,
    LOG,
    ONE_MINUS_POWER,
    Choice,
    Continuous,
    Discrete,
    Fixed,
    Normal,
    on_scale,
    same,
)
from hpsearch.space.stored import space_from_config

unit = st.floats(0, 1)
scales = st.sampled_from([LINEAR, LOG, ONE_MINUS_POWER])


@st.composite
def continuous(draw):
    """Ranges from tiny to huge on every scale, that floats can tell apart."""
    scale = draw(scales)
    bounds = {
        LINEAR: st.floats(-1e300, 1e300),
        LOG: st.floats(1e-300, 1e300),
        ONE_MINUS_POWER: st.floats(-1e6, 1 - 1e-12),
    }[scale]
    low, high = sorted((draw(bounds), draw(bounds)))
    start, stop = scale.warp(low), scale.warp(high)
    assume(abs(stop - start) > 1e-6 * max(abs(start), abs(stop), 1e-290))
    return Continuous(low, high, scale)


@st.composite
def lawful(draw, ranges):
    """Ranges under a normal law, wide or narrow, with its mean inside or outside."""
    domain = draw(ranges)
    start, stop = sorted(float(domain.scale.warp(float(end))) for end in (domain.low, domain.high))
    deviation = (stop - start) * draw(st.floats(0.001, 10))
    centre = draw(st.floats(start - 3 * deviation, stop + 3 * deviation))
    assume(domain.scale is LINEAR or abs(centre) < 300)
    mean = float(domain.scale.unwarp(centre))
    assume(domain.scale.admits(mean, mean))
    return replace(domain, normal=Normal(mean, deviation))


@st.composite
def discrete(draw):
    """Integers and steps, on every scale."""
    scale = draw(scales)
    count = draw(st.integers(2, 400))
    if scale is ONE_MINUS_POWER:
        step = draw(st.sampled_from([0.001, 0.002]))
        return Discrete(0.1, 0.1 + step * (count - 1), step, scale, integer=False)
    if draw(st.booleans()):
        low = draw(st.integers(-50 if scale is LINEAR else 1, 1000))
        step = draw(st.integers(1, 50))
        return Discrete(low, low + step * (count - 1), step, scale)
    low, step = draw(st.sampled_from([0.1, 0.5, 0.05])), draw(st.sampled_from([0.1, 0.05, 0.25]))
    return Discrete(low, round(low + step * (count - 1), 10), step, scale, integer=False)


def choices():
    scalar = st.one_of(st.booleans(), st.integers(), st.text(max_size=4), st.none())
    different = st.lists(st.one_of(scalar, st.lists(st.integers(), max_size=3)), min_size=2)
    return different.filter(
        lambda values: not any(same(a, b) for i, a in enumerate(values) for b in values[:i])
    ).map(lambda values: Choice(tuple(values)))


moderate = st.sampled_from(
    [
        Continuous(-3, 5),
        Continuous(1e-4, 1, LOG),
        Continuous(1e-30, 1e30, LOG),
        Continuous(0.5, 0.9999, ONE_MINUS_POWER),
    ]
)
anything = st.one_of(continuous(), discrete(), choices(), lawful(moderate), lawful(discrete()))


def edges(domain):
    """Where the cells of a discrete domain meet, found by bisection."""
    found = [0.0]
    for index in range(domain.count - 1):
        low, high = found[-1], 1.0
        for _ in range(45):
            middle = (low + high) / 2
            inside = domain.at(middle) <= domain.value(index)
            low, high = (middle, high) if inside else (low, middle)
        found.append(high)
    return [*found, 1.0]


@given(anything, unit)
def test_every_place_holds_a_value_of_the_domain(domain, u):
    assert domain.contains(domain.at(u))


@given(st.one_of(continuous(), lawful(moderate)))
def test_the_ends_of_a_range_are_exact(domain):
    assert (domain.at(0.0), domain.at(1.0)) == (domain.low, domain.high)
    assert (domain.fraction(domain.low), domain.fraction(domain.high)) == (0, 1)


@given(st.one_of(continuous(), lawful(moderate)), unit)
def test_a_number_comes_back_to_its_place_to_rounding(domain, u):
    place = domain.fraction(domain.at(u))
    assert domain.fraction(domain.at(min(max(place, 0.0), 1.0))) == pytest.approx(place, abs=1e-8)


@given(st.one_of(continuous(), lawful(moderate)), unit, unit)
def test_a_larger_place_never_holds_a_smaller_number(domain, u, v):
    low, high = sorted((u, v))
    assert domain.at(low) <= domain.at(high)


@given(st.one_of(discrete(), lawful(discrete())), st.data())
def test_every_value_of_a_grid_comes_back_exactly(domain, data):
    value = domain.value(data.draw(st.integers(0, domain.count - 1)))
    place = domain.fraction(value)
    assert domain.at(place) == value
    assert domain.contains(value)


@given(st.one_of(discrete(), lawful(discrete())))
def test_the_ends_of_a_grid_are_exact(domain):
    assert (domain.at(0.0), domain.at(1.0)) == (domain.low, domain.value(domain.count - 1))


@given(choices())
def test_every_choice_comes_back_exactly(domain):
    assert all(same(domain.at(domain.fraction(value)), value) for value in domain.values)


@given(anything, st.lists(unit, min_size=1, max_size=20))
def test_snapping_goes_where_the_values_lie(domain, places):
    expected = [domain.fraction(domain.at(u)) for u in places]
    snapped = domain.snap(np.array(places))
    tolerance = 1e-6 if isinstance(domain, Continuous) else 1e-9
    assert snapped == pytest.approx(expected, abs=tolerance)


def test_integers_1_to_3_on_a_linear_scale_get_a_third_each():
    assert np.diff(edges(Discrete(1, 3))) == pytest.approx([1 / 3] * 3, abs=1e-12)


@settings(max_examples=15)
@given(st.integers(-5, 5), st.integers(2, 12), st.integers(1, 7))
def test_integers_on_a_linear_scale_are_equally_likely(low, count, step):
    domain = Discrete(low, low + step * (count - 1), step)
    assert np.diff(edges(domain)) == pytest.approx([1 / count] * count, abs=1e-9)


def test_on_log_the_density_of_integers_falls_as_1_over_v():
    domain = Discrete(1, 40, 1, LOG)
    widths = np.diff(edges(domain))[9:-1]
    shares = widths * np.arange(10, 40)
    assert shares == pytest.approx([shares[0]] * len(shares), rel=0.01)


def test_cells_meet_halfway_between_neighbours_on_the_scale():
    domain = Discrete(1, 4, 1, LOG)
    for (a, b), edge in zip(pairwise(range(1, 5)), edges(domain)[1:-1], strict=True):
        halfway = (domain.fraction(a) + domain.fraction(b)) / 2
        assert edge == pytest.approx(halfway, abs=1e-12)


def test_steps_of_a_tenth_are_the_numbers_one_writes():
    domain = Discrete(0.1, 1, 0.1, integer=False)
    assert [domain.at(u) for u in np.linspace(0.05, 0.95, 10)] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    ]  # fmt: skip


def test_a_maximum_between_two_steps_is_never_reached():
    domain = Discrete(1, 10, 4)
    assert domain.count == 3
    assert domain.at(1.0) == 9
    assert not domain.contains(10)


def test_integers_up_to_a_million_million_are_all_told_apart():
    domain = Discrete(1, 10**12, 1, LOG)
    for value in (1, 2, 3, 999, 10**6 + 1, 10**12 - 1, 10**12):
        assert domain.at(domain.fraction(value)) == value


def test_a_linear_range_across_600_orders_of_magnitude_keeps_its_ends_and_its_middle():
    domain = Continuous(-1e300, 1e300)
    assert (domain.at(0.0), domain.at(0.5), domain.at(1.0)) == (-1e300, 0, 1e300)


@pytest.mark.parametrize("value", [0.05, 1.01, math.nan, math.inf, "0.5", True, None, [0.5]])
def test_a_range_contains_numbers_between_its_ends_only(value):
    assert not Continuous(0.1, 1).contains(value)


@pytest.mark.parametrize("value", [0, 11, 2, 1.5, math.nan, math.inf, "1", True, None, [1]])
def test_a_grid_contains_its_values_only(value):
    assert not Discrete(1, 9, 2).contains(value)


def test_a_choice_tells_true_from_1_but_not_1_from_1_point_0():
    assert Choice((1, 2)).contains(1.0)
    assert not Choice((1, 2)).contains(True)
    assert not Choice((True, False)).contains(1)
    assert Choice((1, True)).at(Choice((1, True)).fraction(True)) is True


def test_values_outside_lie_outside_the_unit_interval():
    domain = Continuous(0.01, 1, LOG)
    assert domain.fraction(0.001) < 0
    assert domain.fraction(10) > 1
    assert math.isnan(Choice(("a", "b")).fraction("c"))
    assert math.isnan(Fixed("a").fraction("b"))


def test_a_fixed_value_lies_in_the_middle_whatever_the_place():
    domain = Fixed(7)
    assert (domain.at(0.0), domain.fraction(7), domain.contains(7)) == (7, 0.5, True)
    assert domain.snap(np.array([0.0, 0.9])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("scale", [LINEAR, LOG])
@pytest.mark.parametrize("high", [2**32, 2**53])
def test_a_wide_range_of_whole_numbers_is_drawn_from_end_to_end(scale, high):
    domain = Discrete(1, high, 1, scale)
    assert domain.count == high
    assert [domain.at(0.0), domain.at(1.0)] == [1, high]
    middle = domain.at(0.5)
    # on log the cell of 1 reaches down to 2**-0.5
    expected = (1 + high) / 2 if scale is LINEAR else (high / 2**0.5) ** 0.5
    assert middle == pytest.approx(expected, rel=1e-3)
    assert [domain.standard(value) for value in (1, high - 1, float(high))] == [1, high - 1, high]
    places = np.linspace(0, 1, 1001)
    values = [domain.at(float(place)) for place in places]
    assert values == sorted(values)
    assert all(type(value) is int and 1 <= value <= high for value in values)


@given(st.integers(-50, 50), st.integers(1, 40), st.floats(0.001, 10), st.integers(0, 40))
def test_a_step_made_by_arithmetic_is_taken_as_the_grids(first, count, step, index):
    domain = Discrete(first * step, first * step + count * step, step, integer=False)
    index = min(index, domain.count - 1)
    summed = first * step
    for _ in range(index):
        summed += step
    assert domain.index(summed) == index
    assert domain.standard(summed) == domain.value(index)
    assert not domain.contains(summed + 1e-3 * step)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "0.1", None, True])
def test_what_is_no_number_of_the_grid_is_not_contained(value):
    assert not Discrete(0.1, 0.5, 0.1, integer=False).contains(value)
    assert not Discrete(2, 5).contains(value)
    assert not Continuous(2, 5).contains(value)


@pytest.mark.parametrize("low", [-4.0, -0.5, 1.0, 6.0])
@pytest.mark.parametrize("high", [4.0, 8.0, 20.0])
def test_a_normal_law_is_that_of_the_standard_library_cut_off_at_the_bounds(low, high):
    if low >= high:
        return
    exact, domain = NormalDist(0, 1), Continuous(low, high, LINEAR, Normal(0, 1))
    for u in (0.01, 0.3, 0.5, 0.9, 0.999):
        above = exact.cdf(-domain.at(u))  # the upper tail, by symmetry
        expected = exact.cdf(-low) - u * (exact.cdf(-low) - exact.cdf(-high))
        assert above == pytest.approx(expected, rel=1e-6, abs=1e-15)


def test_on_log_the_mean_is_the_median_and_a_deviation_counts_powers_of_ten():
    domain = Continuous(1e-6, 100, LOG, Normal(0.01, 0.5))
    places = [domain.at(NormalDist().cdf(z)) for z in (-1, 0, 1, 2)]
    assert places == pytest.approx([0.01 / 10**0.5, 0.01, 0.01 * 10**0.5, 0.1], rel=1e-3)


def test_near_one_a_deviation_counts_powers_of_ten_of_the_distance_from_one():
    domain = Continuous(-9, 1 - 1e-5, ONE_MINUS_POWER, Normal(0.99, 1))
    places = [domain.at(NormalDist().cdf(z)) for z in (-1, 0, 1)]
    assert places == pytest.approx([0.9, 0.99, 0.999], rel=1e-3)


def test_a_whole_number_gets_what_a_normal_law_puts_into_its_cell():
    domain = Discrete(-4, 6, normal=Normal(1, 1.5))
    law = NormalDist(1, 1.5)
    whole = law.cdf(6.5) - law.cdf(-4.5)
    cells = [(law.cdf(k + 0.5) - law.cdf(k - 0.5)) / whole for k in range(-4, 7)]
    assert np.diff(edges(domain)) == pytest.approx(cells, abs=1e-9)


@given(lawful(moderate) | lawful(discrete()), st.lists(unit, min_size=1, max_size=5))
def test_a_range_inside_another_has_the_same_law_cut_off_closer(domain, places):
    low, high = domain.at(0.2), domain.at(0.9)
    assume(low < high)
    inside = replace(domain, low=low, high=high)
    for value in (inside.at(u) for u in places):
        here, there = (
            (each.fraction(value) - each.fraction(low))
            / (each.fraction(high) - each.fraction(low))
            for each in (inside, domain)
        )
        assert here == pytest.approx(there, abs=1e-6)


@given(anything)
def test_a_stored_domain_is_read_as_it_was(domain):
    if not isinstance(domain, Choice):
        assert space_from_config({"x": domain.as_config()}, {})["x"].domain == domain


def test_on_its_scale_a_normal_law_is_forgotten():
    assert on_scale(Continuous(0, 1, LINEAR, Normal(0, 1))) == Continuous(0, 1)
    assert on_scale(Choice((1, 2))) == Choice((1, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": 0},
        {"mean": 0, "deviation": 0},
        {"mean": 0, "deviation": 1, "skew": 1},
        {"mean": math.nan, "deviation": 1},
        {"mean": 100, "deviation": 1},
        [0, 1],
    ],
)
def test_a_law_that_cannot_be_is_refused_in_a_stored_space(wrong):
    keys = {"scale": "linear", "min": -1, "max": 1, "normal": wrong}
    with pytest.raises(ValueError, match=r"^space\.x: (normal|no draw)"):
        space_from_config({"x": keys}, {})

"""Ticks that people like to read, on every scale."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.html.figures.axes import axis_of, ticks
from hpsearch.space import LINEAR, LOG, ONE_MINUS_POWER, Choice, Continuous, Discrete, Normal


def test_1_minus_power_really_spreads_0_9_to_0_999():
    axis = axis_of(Continuous(0.9, 0.999, ONE_MINUS_POWER))
    places = dict(zip(axis.labels, axis.places, strict=True))
    assert places["0.99"] == pytest.approx(0.5, abs=1e-3)
    assert (places["0.9"], places["0.999"]) == (0, 1)


def test_an_axis_is_even_on_its_scale_under_a_normal_law_too():
    plain, normal = Continuous(1e-4, 1, LOG), Continuous(1e-4, 1, LOG, Normal(0.01, 0.5))
    assert axis_of(normal).layout() == axis_of(plain).layout()
    assert axis_of(normal).place(0.001) == axis_of(plain).place(0.001) == 0.25


def test_a_choice_has_a_tick_for_each_value():
    assert axis_of(Choice(("adam", "sgd"))).labels == ("adam", "sgd")


def test_whole_numbers_have_whole_ticks():
    assert ticks(Discrete(1, 3)) == [1, 2, 3]
    many = ticks(Discrete(16, 256, scale=LOG))
    assert len(many) > 2
    assert all(isinstance(tick, int) for tick in many)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_linear_ticks_lie_inside_evenly(low, width):
    found = ticks(Continuous(low, low + width, LINEAR))
    steps = [b - a for a, b in pairwise(found)]
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found)
    assert 2 <= len(found) <= 8
    assert max(steps, default=1) == pytest.approx(min(steps, default=1), rel=1e-3, abs=1e-6)


@given(st.floats(1e-9, 1), st.floats(1.001, 1e9))
def test_log_ticks_lie_inside_and_are_few_but_never_fewer_than_two(low, factor):
    domain = Continuous(low, low * factor, LOG)
    found = ticks(domain)
    assert all(low * (1 - 1e-6) <= tick <= low * factor * (1 + 1e-6) for tick in found)
    assert 2 <= len(found) <= 8
    assert len(axis_of(domain).places) >= 2


def test_a_refined_range_within_a_decade_has_an_axis():
    assert ticks(Continuous(0.0011, 0.0018, LOG)) == [0.0012, 0.0014, 0.0016, 0.0018]
    assert ticks(Continuous(0.99, 0.991, ONE_MINUS_POWER))[-1] == 0.991

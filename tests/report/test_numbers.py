"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config.yaml_text import read
from hpsearch.report.numbers import duration, ends, extent, number, rough, setting, signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98607, "0.98607"),
        (0.999, "0.999"),
        (1.0, "1"),
        (0.9, "0.9"),
        (0.0001, "0.0001"),
        (1.5e-7, "1.5e-7"),
        (9.99996e-5, "0.0001"),
        (123456.0, "123456"),
        (15554.3, "15554"),
        (16394.7, "16395"),
        (16384, "16384"),
        (9.994e14, "999400000000000"),
        (1e15, "1e15"),
        (-1e308, "-1e308"),
        (0.99995, "0.99995"),
        (-0.99995, "-0.99995"),
        (0.9999999, "0.9999999"),
        (1.0000001, "1"),
        (-0.0, "0"),
        (0.30000000000000004, "0.3"),
        (True, "true"),
        (None, "none"),
        (128, "128"),
        ([64, 32], "[64, 32]"),
        ("adam", "adam"),
    ],
)
def test_a_value_is_written_in_few_characters(value, text):
    assert number(value) == text


@given(st.floats(0.9, 1, exclude_min=True, exclude_max=True))
def test_near_one_the_distance_from_one_keeps_its_digits(value):
    assert math.isclose(1 - float(number(value)), 1 - value, rel_tol=1e-3, abs_tol=1e-15)


@given(st.floats(-1e300, 1e300))
def test_any_number_is_read_back_to_four_digits_by_a_configuration_too(value):
    assert math.isclose(float(number(value)), value, rel_tol=5.001e-4)
    assert read(f"l2: {number(value)}".encode(), "x.yaml")[0] == {"l2": float(number(value))}


@given(st.floats(1e4, 1e14))
def test_no_digit_left_of_the_point_is_lost(value):
    assert number(value) == f"{value:.0f}"


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_ends_of_an_interval_differ_if_they_do_and_only_one_is_1(low, high):
    low, high = sorted((low, high))
    first, last = ends((low, high)).split(" to ")
    assert (first == last) == (low == high) or high - low < 1e-4 > low
    assert (last == "1") == (high == 1)
    assert math.isclose(float(first), low, abs_tol=0.051 * (high - low) + 1e-15, rel_tol=0.051)


def test_differences_and_deviations_have_two_digits_and_their_sign():
    assert [signed(value) for value in (0.0123, -0.5, 0.0)] == ["+0.012", "-0.5", "0"]
    assert [rough(value) for value in (0.00416, 15554.3, 3)] == ["0.0042", "15554", "3"]


def test_an_extent_of_one_value_is_that_value():
    assert extent([0.5, 0.5], ranged=True) == "0.5"
    assert extent([], ranged=True) == ""
    assert extent([True, False], ranged=False) == "true, false"


def test_a_setting_stands_on_one_line():
    assert setting({"learning_rate": 0.0123456, "hidden_units": [8]}) == (
        "learning_rate=0.01235 hidden_units=[8]"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.97, "1 min 0 s"),
        (119.9, "2 min 0 s"),
        (3599.9, "1 h 0 min"),
        (7170, "2 h 0 min"),
    ],
)
def test_a_time_never_says_sixty(seconds, text):
    assert duration(seconds) == text

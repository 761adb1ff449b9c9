"""Numbers as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.numbers import duration, extent, number, setting


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98607, "0.98607"),
        (0.999, "0.999"),
        (1.0, "1"),
        (0.9, "0.9"),
        (0.0001, "0.0001"),
        (1.5e-7, "1.5e-07"),
        (123456.0, "1.235e+05"),
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
def test_any_number_is_read_back_to_four_digits(value):
    assert math.isclose(float(number(value)), value, rel_tol=1e-3)


def test_an_extent_of_one_value_is_that_value():
    assert extent([0.5, 0.5], ranged=True) == "0.5"
    assert extent([], ranged=True) == ""
    assert extent([True, False], ranged=False) == "true, false"


def test_a_setting_stands_on_one_line():
    assert setting({"learning_rate": 0.0123456, "hidden_units": [8]}) == (
        "learning_rate=0.0123 hidden_units=[8]"
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

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.numerals import PLAIN, Doubt, Writing, is_number, judge, parse


def judged(*texts, decimal=None):
    return judge(texts, [1] * len(texts), decimal)


@pytest.mark.parametrize(
    ("texts", "writing"),
    [
        (["3.14", "2", "-1e5"], PLAIN),
        (["3,14", "2"], Writing(",")),
        (["1,234", "2,5"], Writing(",")),  # the second has no thousands
        (["0,123", "0,456"], Writing(",")),  # no thousand begins with 0
        (["1,234", "1,234,567"], Writing(".", ",")),
        (["1,234.5", "2"], Writing(".", ",")),
        (["1.234,5", "2"], Writing(",", ".")),
        (["1.234.567", "2"], Writing(",", ".")),
        (["1 234,5", "2,5"], Writing(",", " ")),
        (["45\u00a0000", "38\u202f500"], Writing(".", " ")),
        (["1'234.5", "2"], Writing(".", "'")),
        (["12 %", "3.5%"], Writing(sign="%")),
        (["$5", "-$1.25"], Writing(sign="$")),
        (["5 €", "1.234,50 €"], Writing(",", ".", "€")),
        (["5 kg", "61.5kg"], Writing(sign="kg")),
        (["21 °C", "19 °C"], Writing(sign="°C")),
        (["5", "n/a", "  "], PLAIN),
        (["\u22125", "7"], PLAIN),
    ],
)
def test_numbers_that_have_one_reading_are_read(texts, writing):
    assert judged(*texts) == writing
    assert all(parse(text, writing) is not None for text in texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["A1", "B2", "C3"],
        ["12-B", "13", "14"],
        ["10.10.2", "10.10", "10.9"],
        ["192.168.1.1", "10.0.0.1"],
        ["12:30", "13:45"],
        ["2020-01-31", "2020-02-01"],
        ["555 123 456", "555 765 432"],
        ["030 123", "040 456"],
        ["12 Elm", "13 Oak", "14 Ash"],
        ["S", "M", "38", "40"],
        ["K", "1", "2", "3"],
        ["48.85,2.35", "52.52,13.40"],
        ["5G", "4G"],
        ["+", "-", "0"],
        ["red", "blue"],
        ["-", "n/a"],
    ],
)
def test_codes_versions_dates_and_telephone_numbers_are_text(texts):
    assert judged(*texts) is None


@pytest.mark.parametrize("mark", ["-", "--", "\u2014", ".", "*", "none", "Unknown", "#DIV/0!"])
def test_a_mark_among_numbers_is_named_with_its_remedy(mark):
    doubt = judged("1", "2", "3.5", mark)
    assert isinstance(doubt, Doubt)
    assert doubt.text == mark
    assert f"{mark!r} is not a number, while 3 of 4 rows hold one" in doubt.reason
    assert f'data.missing_values: ["{mark}"] and data.missing: mean' in doubt.reason


def test_a_column_that_is_mostly_marks_is_a_column_of_numbers_still():
    doubt = judge(["-", "1", "2", "3"], [90, 1, 1, 1])
    assert isinstance(doubt, Doubt)
    assert doubt.text == "-"


def test_a_few_words_among_many_numbers_are_named():
    doubt = judged(*map(str, range(30)), "abc")
    assert isinstance(doubt, Doubt)
    assert doubt.text == "abc"
    assert "'abc' is not a number, while 30 of 31 rows hold one" in doubt.reason


@pytest.mark.parametrize(
    ("texts", "named", "sign"),
    [
        (["3,14", "2.5"], "3,14", "','"),
        (["$5", "6"], "$5", "'$'"),
        (["5", "12%"], "12%", "'%'"),
        (["5 €", "$6"], "$6", "'$'"),
        (["~5", "6", "7"], "~5", "'~'"),
        (["(5)", "6", "7"], "(5)", "'('"),
        (["5 kg", "6", "7"], "5 kg", "'kg'"),
        (["5-", "6", "7"], "5-", "'-'"),
    ],
)
def test_a_sign_that_only_some_numbers_bear_is_named(texts, named, sign):
    doubt = judged(*texts)
    assert isinstance(doubt, Doubt)
    assert doubt.text == named
    assert sign in doubt.reason


def test_a_number_with_two_readings_is_doubtful_until_the_decimal_sign_is_given():
    doubt = judged("1,234", "2,345")
    assert isinstance(doubt, Doubt)
    assert doubt.ambiguous
    assert "'1,234' may have a decimal comma or its thousands set apart" in doubt.reason
    assert 'data.decimal: "," or data.decimal: "."' in doubt.reason
    assert judged("1,234", "2,345", decimal=",") == Writing(",")
    assert judged("1,234", "2,345", decimal=".") == Writing(".", ",")


def test_a_number_that_contradicts_the_given_decimal_sign_is_named():
    doubt = judged("3,14", "2.5", decimal=",")
    assert isinstance(doubt, Doubt)
    assert doubt.reason.startswith("'2.5' is no number with a decimal comma")


@given(st.integers(-(10**9), 10**9), st.integers(0, 99), st.sampled_from([",", ".", " ", "'"]))
def test_a_number_is_read_back_however_its_thousands_are_set_apart(whole, cents, apart):
    decimal = "," if apart == "." else "."
    text = f"{whole:,}".replace(",", apart) + f"{decimal}{cents:02}"
    expected = math.copysign(abs(whole) + cents / 100, whole)
    assert parse(text, Writing(decimal, apart)) == pytest.approx(expected, abs=1e-6)


def test_a_percentage_is_a_hundredth_and_every_number_must_bear_the_sign():
    assert parse("12.5 %", Writing(sign="%")) == 0.125
    assert parse("12.5", Writing(sign="%")) is None
    assert parse("12.5%") is None


@pytest.mark.parametrize("sign", " -$")
def test_a_long_gap_in_a_field_takes_no_longer_than_its_length(sign):
    text = f"1{sign * 300_000}1"  # a look at every pair of its signs would take an hour
    assert judge([text, "2"], [1, 1]) is None
    assert not is_number(text)

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hpsearch.data import encoding as module
from hpsearch.data.encoding import Encoding, batches, encode, fit, standardise, surprises
from hpsearch.data.source import Source, Text, array_names
from hpsearch.errors import DataError


def source_of(numbers, **texts):
    numbers = np.asarray(numbers)
    return Source(
        "data.csv", numbers, array_names(numbers.shape[1]), text=texts, table=True, target="label"
    )


def fitted(source, rows=None, *, standardize=True, missing=None):
    rows = np.arange(source.rows) if rows is None else np.asarray(rows)
    return fit(source, rows, ("a", "b"), standardize=standardize, missing=missing)


@given(
    arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
@settings(max_examples=50)
def test_mean_and_scale_are_those_of_the_training_rows_however_they_are_cut(x):
    found = fitted(source_of(x))
    constant = (x == x[0]).all(axis=0)
    assert np.allclose(found.mean, x.mean(axis=0), rtol=1e-12, atol=1e-9)
    assert np.allclose(found.scale[~constant], x.std(axis=0)[~constant], rtol=1e-9, atol=1e-7)
    assert (found.scale[constant] == 1).all()
    assert (found.mean[constant] == x[0, constant]).all()


def test_chunks_merge_to_what_one_pass_over_all_rows_gives(monkeypatch):
    x = np.random.default_rng(0).normal(1e6, 1.0, (100, 3))  # squares of it lose 12 digits
    monkeypatch.setattr(module, "_CHUNK", 21)  # 7 rows
    found = fitted(source_of(x))
    assert np.allclose(found.mean, x.mean(axis=0), rtol=1e-14)
    assert np.allclose(found.scale, x.std(axis=0), rtol=1e-9)


def test_only_training_rows_count():
    x = np.array([[0.0], [2.0], [1000.0]])
    found = fitted(source_of(x), rows=[0, 1])
    assert (found.mean, found.scale) == (1.0, 1.0)


@pytest.mark.parametrize("rows", [3, 7, 1000])
def test_a_constant_column_that_floats_cannot_hold_exactly_is_only_centred(rows):
    x = np.full((rows, 1), 0.1)  # whose mean rounds to something else, and deviation to 1e-17
    found = fitted(source_of(x))
    assert found.scale == 1
    assert (standardise(x, found) == 0).all()


def test_pixels_stay_bytes_and_become_standard_floats():
    x = np.random.default_rng(0).integers(0, 256, (50, 4), dtype=np.uint8)
    source = source_of(x)
    found = fitted(source)
    out = np.concatenate([standardise(chunk, found) for chunk in batches(source, found)])
    assert out.dtype == np.float32
    assert np.allclose(out, (x - x.mean(axis=0)) / x.std(axis=0), atol=1e-6)


def test_without_standardisation_numbers_stay_as_they_are():
    x = np.array([[3.0, 4.0], [5.0, 6.0]])
    source = source_of(x)
    found = fitted(source, standardize=False)
    assert np.array_equal(standardise(encode(source, found, np.arange(2)), found), x)


COLOURS = Text(("red", "blue", "green"), np.array([0, 1, 2, 0]))


def test_text_becomes_one_feature_for_each_category_of_the_training_rows():
    source = source_of(np.zeros((4, 1)), colour=COLOURS)
    found = fitted(source, rows=[0, 1, 3])
    assert found.names == ("x0", "colour=blue", "colour=red")
    assert encode(source, found, np.arange(4))[:, 1:].tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]


def test_a_text_that_no_training_row_held_belongs_to_no_category():
    source = source_of(np.zeros((4, 1)), colour=COLOURS)
    found = fitted(source, rows=[0, 1, 3])
    assert (encode(source, found, np.array([2])) == 0).all()


def test_missing_numbers_are_filled_with_the_mean_of_the_training_rows():
    source = source_of(np.array([[1.0], [3.0], [np.nan], [np.nan], [50.0]]))
    found = fitted(source, rows=[0, 1, 2], missing="mean")
    assert encode(source, found, np.arange(5)).ravel().tolist() == [1, 3, 2, 2, 50]
    assert found.scale == pytest.approx(np.std([1, 3, 2]))


def test_missing_numbers_are_filled_without_standardisation_too():
    source = source_of(np.array([[1.0], [3.0], [np.nan]]))
    found = fitted(source, standardize=False, missing="mean")
    assert encode(source, found, np.array([2])) == 2.0


def test_a_missing_text_belongs_to_no_category_if_missing_values_are_allowed():
    source = source_of(np.zeros((3, 1)), colour=Text(("red", "blue"), np.array([0, -1, 1])))
    found = fitted(source, missing="mean")
    assert encode(source, found, np.array([1]))[0, 1:].tolist() == [0, 0]
    with pytest.raises(DataError, match=r"column 'colour', row 2: missing value"):
        fitted(source)


def test_a_missing_number_is_named_by_column_and_row_even_outside_the_training_rows():
    x = np.ones((9, 2))
    x[7, 1] = np.nan
    with pytest.raises(
        DataError,
        match=r"data.csv: column 'x1', row 8: missing value; fill it, or set data.missing: mean",
    ):
        fitted(source_of(x), rows=[0, 1])


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e39])
def test_a_number_that_float32_cannot_hold_is_refused_even_if_values_may_be_missing(bad):
    x = np.ones((3, 1))
    x[1] = bad
    with pytest.raises(DataError, match=r"row 2: found .*; a number must be finite"):
        fitted(source_of(x), missing="mean")


def test_a_column_without_any_value_in_the_training_rows_is_refused():
    x = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 5.0]])
    with pytest.raises(DataError, match="column 'x1' has no value in any training row"):
        fitted(source_of(x), rows=[0, 1], missing="mean")


def test_an_encoding_survives_json_to_the_last_bit():
    rng = np.random.default_rng(0)
    source = source_of(rng.normal(size=(4, 3)), colour=COLOURS)
    found = fitted(source, missing="mean")
    text = json.dumps(found.to_json(), sort_keys=True, allow_nan=False)
    back = Encoding.from_json(json.loads(text))
    assert back.to_json() == found.to_json()
    assert back.mean.tobytes() == found.mean.tobytes()
    assert back.classes == ("a", "b")
    rows = np.arange(4)
    assert np.array_equal(encode(source, back, rows), encode(source, found, rows))


def test_an_encoding_of_an_older_version_is_read():
    plain = fitted(source_of(np.array([[1.0], [2.0]]))).to_json()
    older = {k: v for k, v in plain.items() if k not in ("written", "writings", "missing_values")}
    found = Encoding.from_json({**older, "classes": [False, True]})
    assert found.written == ("False", "True")
    assert (found.writings, found.missing_values) == ({}, ())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": 3}, "Expected `array`, got `int`"),
        ({"numbers": ["x0", 1]}, "Expected `str`, got `int`"),
        ({"classes": ["a", [1]]}, "Expected `bool | int | float | str`"),
        ({"scale": ["1"]}, "Expected `float`, got `str`"),
        ({"writings": {"x0": 1}}, "Expected `object`, got `int`"),
        ({"numbers": ["x0", "colour"]}, "do not fit each other"),
        ({"numbers": ["x0"]}, "do not fit each other"),
        ({"mean": [0.0]}, "do not fit each other"),
        ({"fill": [0.0]}, "do not fit each other"),
        ({"written": ["a"]}, "do not fit each other"),
        ({"categories": [["colour", ["red", "red"]]]}, "do not fit each other"),
    ],
)
def test_an_encoding_that_is_none_is_refused(changes, message):
    plain = fitted(source_of(np.ones((4, 2)), colour=COLOURS), missing="mean").to_json()
    with pytest.raises(ValueError, match=re.escape(message)):
        Encoding.from_json(plain | changes)


def test_half_precision_is_computed_with_more():
    x = np.array([[60000.0, 1], [-60000, 2], [60000, 3]], dtype=np.float16)
    found = fitted(source_of(x))
    assert found.mean == pytest.approx([20000, 2], rel=1e-3)
    assert found.scale == pytest.approx(x.astype(float).std(axis=0))
    x[1, 1] = np.inf
    with pytest.raises(DataError, match=r"column 'x1', row 2: found inf; a number must be finite"):
        fitted(source_of(x))


@pytest.mark.parametrize("dtype", [np.uint64, bool, np.int8, np.float32])
def test_numbers_of_every_type_are_standardised_alike(dtype):
    x = np.array([[1], [0], [1]]).astype(dtype)
    found = fitted(source_of(x))
    assert (found.mean, found.scale) == pytest.approx((2 / 3, np.std([1, 0, 1])))


def test_what_training_never_saw_is_told_by_column_with_values_and_rows():
    source = source_of(np.zeros((4, 1)), colour=COLOURS)
    encoding = fitted(source, rows=[0, 1, 3], missing="mean")
    assert list(surprises(source, encoding)) == [
        "data.csv: column 'colour': 1 of 4 rows hold what no training row held: 'green'; the "
        "model takes it for none of the 2 categories that it knows"
    ]
    odd = Text((*"abcdef", "\x1b[31m"), np.array([0, 1, 2, 3, 4, 5, 6, 6, -1]))
    told = list(surprises(source_of(np.full((9, 1), np.nan), colour=odd), encoding))
    assert told == [
        "data.csv: column 'colour': 8 of 9 rows hold what no training row held: '\\x1b[31m', 'a', "
        "'b', 'c', 'd', ... (7 in all); the model takes it for none of the 2 categories that it "
        "knows",
        "data.csv: column 'x0': no row has a value there",
    ]
    assert list(
        surprises(source_of(np.zeros((3, 1)), colour=Text((), -np.ones(3, int))), encoding)
    ) == ["data.csv: column 'colour': no row has a value there"]

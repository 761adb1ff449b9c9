from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch import rng
from hpsearch.data.split import split
from hpsearch.errors import DataError


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, int], int]:
    """Labels in any order, and sizes of parts that leave room for every class."""
    counts = draw(st.lists(st.integers(3, 40), min_size=1, max_size=6))
    y = np.repeat(np.arange(len(counts)), counts)
    y = y[np.random.default_rng(draw(st.integers(0, 9))).permutation(len(y))]
    room = len(y) - 2 * len(counts)
    test = draw(st.integers(1, max(1, room // 2)))
    val = draw(st.integers(1, max(1, room - max(test, len(counts)))))
    return y.astype(np.int64), {"test": test, "val": val}, draw(st.integers(0, 5))


@given(problems())
def test_each_row_is_in_exactly_one_part_and_each_part_is_ascending(problem):
    y, sizes, seed = problem
    parts = _split(y, sizes, seed)
    assert np.array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(len(y)))
    assert all((np.diff(rows) > 0).all() for rows in parts.values())


@given(problems())
def test_a_part_has_the_size_that_was_asked_for_or_one_row_a_class(problem):
    y, sizes, seed = problem
    parts = _split(y, sizes, seed)
    for part, size in sizes.items():
        assert len(parts[part]) == max(size, y.max() + 1)


@given(problems())
def test_every_class_is_in_every_part(problem):
    y, sizes, seed = problem
    parts = _split(y, sizes, seed)
    assert parts.keys() == {"train", "test", "val"}
    for rows in parts.values():
        assert (np.bincount(y[rows], minlength=y.max() + 1) > 0).all()


@given(
    st.lists(st.integers(30, 200), min_size=2, max_size=8),
    st.floats(0.1, 0.4),
    st.floats(0.1, 0.4),
)
def test_a_class_fills_each_part_in_proportion_to_within_one_row(counts, test, val):
    y = np.repeat(np.arange(len(counts)), counts)
    sizes = {"test": round(test * len(y)), "val": round(val * len(y))}
    parts = _split(y, sizes, 0)
    for part, size in sizes.items():
        ideal = np.array(counts) * size / len(y)
        assert (np.abs(np.bincount(y[parts[part]]) - ideal) <= 1).all()


def test_the_same_seed_splits_alike_and_another_seed_does_not():
    y = np.arange(60) % 3
    first, again, other = (_split(y, {"test": 12, "val": 12}, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[part], again[part]) for part in first)
    assert not np.array_equal(first["test"], other["test"])


def test_the_test_rows_do_not_depend_on_the_size_of_the_validation_part():
    y = np.arange(100) % 4
    small, large = (_split(y, {"test": 20, "val": val}, 0) for val in (10, 40))
    assert np.array_equal(small["test"], large["test"])


def test_without_other_parts_every_row_is_a_training_row():
    assert np.array_equal(_split(np.array([0, 1, 0]), {}, 0)["train"], [0, 1, 2])


def test_a_class_with_fewer_rows_than_parts_is_named():
    y = np.array([0] * 10 + [1] * 2)
    with pytest.raises(
        DataError, match=r"class 'rare' has 2 rows, but each part \(training, validation, test\)"
    ):
        split(y, ["common", "rare"], {"test": 2, "val": 2}, rng.stream(0))


def test_parts_that_leave_too_few_training_rows_are_refused():
    with pytest.raises(DataError, match="the validation part would take 9 of 12 rows"):
        _split(np.arange(12) % 2, {"test": 2, "val": 9}, 0)


def _split(y, sizes, seed):
    return split(y, tuple(range(int(y.max()) + 1)), sizes, rng.stream(seed))

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch import rng
from hpsearch.data.dataset import cross_validation, load, write_folds
from hpsearch.data.options import DataOptions
from hpsearch.data.split import folds
from hpsearch.errors import DataError

DIGITS = DataOptions("digits")


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    """Labels in any order, each often enough, a number of folds, and a seed."""
    count = draw(st.integers(2, 7))
    counts = draw(st.lists(st.integers(count, 40), min_size=1, max_size=6))
    y = np.repeat(np.arange(len(counts)), counts)
    y = y[np.random.default_rng(draw(st.integers(0, 9))).permutation(len(y))]
    return y.astype(np.int64), count, draw(st.integers(0, 5))


def cut(y, count, seed=0):
    return folds(y, tuple(range(int(y.max()) + 1)), count, rng.stream(seed))


@given(problems())
def test_each_row_is_in_exactly_one_fold_and_each_fold_is_ascending(problem):
    y, count, seed = problem
    found = cut(y, count, seed)
    assert len(found) == count
    assert np.array_equal(np.sort(np.concatenate(found)), np.arange(len(y)))
    assert all((np.diff(rows) > 0).all() for rows in found)


@given(problems())
def test_each_fold_has_its_share_of_every_class_and_of_all_rows_to_within_one_row(problem):
    y, count, seed = problem
    found = cut(y, count, seed)
    sizes = np.array([np.bincount(y[rows], minlength=y.max() + 1) for rows in found])
    assert np.ptp(sizes, axis=0).max() <= 1
    assert np.ptp(sizes.sum(axis=1)) <= 1
    assert sizes.min() >= 1


def test_the_same_seed_cuts_alike_and_another_seed_does_not():
    y = np.arange(60) % 3
    first, again, other = (np.concatenate(cut(y, 5, seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("rare", "count", "message"),
    [
        (3, 5, r"'rare' has 3 rows .* each of the 5 folds needs one; .*, or set search\.folds: 3"),
        (1, 2, r"'rare' has 1 row to .* each of the 2 folds needs one; .* remove it$"),
    ],
)
def test_a_class_with_fewer_rows_than_folds_is_named(rare, count, message):
    y = np.array([0] * 10 + [1] * rare)
    with pytest.raises(DataError, match=message):
        folds(y, ["common", "rare"], count, rng.stream(0))


def test_of_several_small_classes_the_smallest_sets_the_remedy():
    y = np.repeat([0, 1, 2], [4, 3, 9])
    with pytest.raises(DataError, match=r"set search\.folds: 3 \(1 more classes are too small\)"):
        folds(y, [0, 1, 2], 5, rng.stream(0))


@pytest.fixture(scope="module")
def digits():
    return load(DIGITS)


def test_every_row_but_the_test_rows_validates_exactly_once_and_otherwise_trains(digits):
    pool = np.sort(np.concatenate([digits.parts["train"], digits.parts["val"]]))
    found = cross_validation(digits, 4, DIGITS)
    assert np.array_equal(np.sort(np.concatenate([f.parts["val"] for f in found])), pool)
    for fold in found:
        both = np.concatenate([fold.parts["train"], fold.parts["val"]])
        assert np.array_equal(np.sort(both), pool)
        assert (np.diff(fold.parts["train"]) > 0).all()
        assert np.array_equal(fold.parts["test"], digits.parts["test"])
        assert fold.fingerprint == digits.fingerprint


def test_each_fold_is_encoded_by_its_own_training_rows(digits):
    means = []
    for fold in cross_validation(digits, 3, DIGITS):
        rows = fold.source.numbers[fold.parts["train"]]
        np.testing.assert_allclose(fold.encoding.mean, rows.mean(axis=0), atol=1e-12)
        means.append(fold.encoding.mean)
    assert not np.array_equal(means[0], means[1])


def test_a_text_that_only_validates_is_no_feature_of_its_fold(csv_file):
    texts = ["odd", *["usual"] * 29]
    rows = "".join(f"{i},{text},{'ab'[i % 2]}\n" for i, text in enumerate(texts))
    options = DataOptions(csv_file("n,text,y\n" + rows), "y", test=0)
    widths = {
        0 in fold.parts["val"]: fold.features
        for fold in cross_validation(load(options), 3, options)
    }
    assert widths == {True: 2, False: 3}


def test_folds_follow_the_split_seed_and_not_the_share_of_validation_rows(digits):
    def validating(**changes):
        options = dataclasses.replace(DIGITS, **changes)
        return [f.parts["val"].tolist() for f in cross_validation(load(options), 3, options)]

    assert validating(validation=0.4) == validating()
    assert validating(split_seed=1) != validating()


def test_without_a_test_part_all_rows_validate():
    options = dataclasses.replace(DIGITS, test=0)
    found = cross_validation(load(options), 5, options)
    assert sum(len(fold.parts["val"]) for fold in found) == 1797
    assert "test" not in found[0].parts


def test_a_source_with_a_test_part_of_its_own_keeps_it_apart(tmp_path):
    x, y = np.arange(60.0)[:, None], np.arange(60) % 2
    np.savez(tmp_path / "d.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    options = DataOptions(tmp_path / "d.npz")
    found = cross_validation(load(options), 4, options)
    assert sorted(row for fold in found for row in fold.parts["val"]) == list(range(40))


def test_a_source_with_a_validation_part_of_its_own_is_refused_with_the_reason(tmp_path):
    x, y = np.arange(60.0)[:, None], np.arange(60) % 2
    np.savez(tmp_path / "d.npz", x_train=x[:40], y_train=y[:40], x_val=x[40:], y_val=y[40:])
    options = DataOptions(tmp_path / "d.npz", test=0)
    with pytest.raises(
        DataError, match=r"d\.npz: brings its own validation part, .* leave out search\.folds"
    ):
        cross_validation(load(options), 4, options)


def test_a_class_too_small_for_the_folds_is_told_with_the_source(csv_file):
    rows = "".join(f"{i},{'b' if i < 4 else 'a'}\n" for i in range(40))
    options = DataOptions(csv_file("n,y\n" + rows), "y")
    with pytest.raises(DataError, match=r"data\.csv: class 'b' has 3 rows to train and validate"):
        cross_validation(load(options), 5, options)


def test_each_fold_is_written_into_a_folder_of_its_number(digits, tmp_path):
    found = cross_validation(digits, 2, DIGITS)
    write_folds(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    for number, fold in enumerate(found):
        y = np.load(tmp_path / str(number) / "y_val.npy")
        assert np.array_equal(y, digits.y[fold.parts["val"]])

"""The winner labels new rows, however a program hands them over."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import hpsearch
from hpsearch.data.open import read_digits

COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def table():
    """Rows whose species follows from a number and a text."""
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "length": chance.normal(size=200),
            "colour": chance.choice(COLOURS, 200),
            "width": chance.integers(0, 9, 200),
        }
    )
    frame["kind"] = np.where(frame["length"] + (frame["colour"] == "red") > 0.5, 2, 1)
    return frame


def searched(folder, source, **data):
    return hpsearch.search(
        {
            "data": {"source": str(source), **data},
            "trainer": {"epochs": 30, "batch_size": 16, "hidden_units": 8},
            "space": {"learning_rate": {"scale": "log", "min": 0.01, "max": 0.3}},
            "search": {"trials": 3},
            "parallel": {"backend": "serial"},
        },
        folder / "runs",
        "run",
        progress=False,
    )


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    table.to_csv(folder / "table.csv", index=False)
    return searched(folder, folder / "table.csv", target="kind")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("digits"), "digits")


def test_a_frame_is_labelled_as_its_file_is_by_column_names(run, table, tmp_path):
    labels = run.predict(table)
    assert labels.dtype.kind == "i"
    assert (labels == table["kind"]).mean() > 0.9
    shuffled = table[["colour", "kind", "width", "length"]]
    np.testing.assert_array_equal(run.predict(shuffled), labels)
    table.drop(columns="kind").to_csv(tmp_path / "new.csv", index=False)
    np.testing.assert_array_equal(run.predict(tmp_path / "new.csv"), labels)
    printed = subprocess.run(
        [sys.executable, "-m", "hpsearch", "predict", str(run.path), "new.csv"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = [int(line.split(",")[0]) for line in printed.splitlines()[1:]]
    np.testing.assert_array_equal(told, labels)


def test_probabilities_have_a_column_for_each_class(run, table):
    shares = run.probabilities(table)
    assert list(shares.columns) == [1, 2]
    assert len(shares) == len(table)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(shares.idxmax(axis=1), run.predict(table))


def test_an_array_is_labelled_whether_pictures_are_flat_or_not(digits):
    source = read_digits()
    labels = digits.predict(source.numbers)
    assert labels.shape == (1797,)
    np.testing.assert_array_equal(digits.predict("digits"), labels)
    np.testing.assert_array_equal(digits.predict(source.numbers.reshape(-1, 8, 8)), labels)
    np.testing.assert_array_equal(digits.predict(pd.DataFrame(source.numbers)), labels)
    assert digits.predict(source.numbers[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="width"), r"rows: the model needs 3 columns.* no 'width'"),
        (lambda t: t.rename(columns={"width": "widht"}), r"did you mean 'widht'\?"),
        (lambda t: t.assign(length=np.nan), r"rows: column 'length', row 1: missing value"),
        (lambda t: t.assign(width="wide"), r"rows: column 'width', row 1: 'wide' is text"),
        (lambda t: t.to_numpy(), r"trained on columns of text, too \('colour'\)"),
        (lambda t: t[["length", *t.columns]], r"rows: two columns are named 'length'"),
    ],
)
def test_a_frame_that_does_not_suit_the_model_is_refused(run, table, change, message):
    with pytest.raises(hpsearch.DataError, match=message):
        run.predict(change(table))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((3, 63)), r"must have the 64 features .* shape \(3, 63\)"),
        (np.zeros(64), r"shape \(64,\)"),
        ([["a"] * 64], "must be numbers, found an array of <U1"),
        (np.full((2, 64), np.inf), r"rows: x\[0, 0\]: found inf"),
    ],
)
def test_an_array_that_does_not_suit_the_model_is_refused(digits, rows, message):
    with pytest.raises(hpsearch.DataError, match=message):
        digits.predict(rows)


def test_a_run_without_a_model_says_why(tmp_path):
    config = {
        "space": {"x": {"min": 0, "max": 1}},
        "metric": {"name": "loss"},
        "search": {"trials": 2},
    }
    run = hpsearch.search(
        config, tmp_path, objective=lambda params, epochs: params["x"], progress=False
    )
    with pytest.raises(hpsearch.RunError, match="of your own, which leaves no model here"):
        run.predict(np.zeros((1, 1)))


def test_a_category_that_training_never_saw_is_warned_of(run, table):
    odd = table.head(3).assign(colour=["violet", "red", "violet"])
    with pytest.warns(UserWarning, match=r"rows: column 'colour': 2 of 3 rows hold .* 'violet'"):
        labels = run.predict(odd)
    assert len(labels) == 3

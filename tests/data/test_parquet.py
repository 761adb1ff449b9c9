from __future__ import annotations

import builtins
import datetime
import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from hpsearch.data.dataset import load
from hpsearch.data.options import DataOptions
from hpsearch.data.source import Text
from hpsearch.data.tabular import read_table
from hpsearch.errors import DataError, install


def texts_of(text: Text) -> list[str | None]:
    return [None if code < 0 else text.values[code] for code in text.codes]


def labels_of(source) -> list:
    return [source.labels.values[code] for code in source.labels.codes]


def test_parquet_gives_what_csv_gives(tmp_path, csv_file):
    text = "age,member,colour,y\n30,True,red,yes\n41.5,False,blue,no\n7,True,red,no\n"
    csv = csv_file(text)
    pd.read_csv(csv).to_parquet(tmp_path / "data.parquet")
    expected, found = read_table(csv, "y"), read_table(tmp_path / "data.parquet", "y")
    assert found.number_names == expected.number_names
    assert np.array_equal(found.numbers, expected.numbers)
    assert texts_of(found.text["colour"]) == texts_of(expected.text["colour"])
    assert labels_of(found) == labels_of(expected)


def test_parquet_types_of_its_own_become_numbers_and_text(tmp_path):
    path = tmp_path / "data.parquet"
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "flag": pd.array([True, False, None], dtype="boolean"),
            "kind": pd.Categorical(["u", None, "v"]),
            "size": pd.Categorical([1, 2, 1]),
            "y": [0, 1, 1],
        },
        index=[7, 8, 9],
    )
    frame.to_parquet(path)
    source = read_table(path, "y")
    assert source.number_names == ("whole", "flag", "size")
    expected = [[1, 1, 1], [np.nan, 0, 2], [3, np.nan, 1]]
    assert np.array_equal(source.numbers, expected, equal_nan=True)
    assert texts_of(source.text["kind"]) == ["u", None, "v"]


def test_parquet_columns_of_other_types_are_refused(tmp_path):
    path = tmp_path / "data.parquet"
    pd.DataFrame({"when": pd.to_datetime(["2020-01-01"]), "y": [0]}).to_parquet(path)
    with pytest.raises(DataError, match="column 'when': the column holds dates"):
        read_table(path, "y")
    pd.DataFrame({"blob": [b"x"], "y": [0]}).to_parquet(path)
    with pytest.raises(DataError, match=r"column 'blob': .* must hold numbers"):
        read_table(path, "y")


def test_a_damaged_parquet_file_is_refused(tmp_path):
    path = tmp_path / "data.parquet"
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match="damaged, or not a Parquet file"):
        read_table(path, "y")


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "data.parquet"
    pd.DataFrame({"a": [1], "y": [0]}).to_parquet(path)
    real_import = builtins.__import__

    def no_pyarrow(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pyarrow)
    with pytest.raises(DataError, match=re.escape(install("parquet"))):
        read_table(path, "y")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([[1, 2]] * 4, "column 'f' holds values of type list<element: int64>"),
        ([{"a": 1}] * 4, "column 'f' holds values of type struct<a: int64>"),
        ([datetime.time(1)] * 4, "column 'f': the column holds dates or times"),
        ([b"x"] * 4, "column 'f': the column is of type object .bytes."),
    ],
)
def test_parquet_values_that_are_no_features_nor_labels_are_told(tmp_path, column, message):
    path = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"f": column, "g": [1.0, 2, 3, 4]}), path)
    with pytest.raises(DataError, match=message):
        load(DataOptions(path, "g"))
    with pytest.raises(DataError, match=r"column 'f'"):
        load(DataOptions(path, "f"))


def test_parquet_decimals_and_half_precision_are_numbers_and_dictionaries_are_text(tmp_path):
    path = tmp_path / "data.parquet"
    columns = {
        "price": [Decimal("1.5"), None],
        "half": np.array([0.5, 2], np.float16),
        "kind": pyarrow.array(["a", "b"]).dictionary_encode(),
        "y": pyarrow.array(["u", "v"]).dictionary_encode(),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    source = read_table(path, "y")
    assert np.array_equal(source.numbers, [[1.5, 0.5], [np.nan, 2]], equal_nan=True)
    assert texts_of(source.text["kind"]) == ["a", "b"]
    assert labels_of(source) == ["u", "v"]


def test_a_parquet_file_without_columns_or_rows_is_told(tmp_path):
    path = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.table({}), path)
    with pytest.raises(DataError, match="the table has no columns"):
        read_table(path, "y")
    pyarrow.parquet.write_table(pyarrow.table({"a": [], "y": []}), path)
    with pytest.raises(DataError, match="there are no rows"):
        read_table(path, "y")

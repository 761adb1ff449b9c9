from __future__ import annotations

import hashlib
import importlib.resources

import numpy as np
import pytest

from hpsearch.data.dataset import load
from hpsearch.data.encoding import encode
from hpsearch.data.open import open_new, open_source, read_digits
from hpsearch.data.options import DataOptions
from hpsearch.errors import DataError


@pytest.fixture
def table_encoding(csv_file):
    rows = "".join(
        f"{i},{'red' if i % 3 else 'blue'},{i % 2 == 0},{'ab'[i % 2]}\n" for i in range(30)
    )
    path = csv_file("age,colour,member,y\n" + rows, "train.csv")
    return load(DataOptions(path, "y")).encoding


def test_a_name_that_is_built_in_is_not_looked_for_on_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert open_source("digits").rows == 1797
    with pytest.raises(DataError, match="a folder must hold IDX files"):
        open_source(tmp_path / "digits")


def test_a_missing_file_names_the_nearest_one_beside_it(tmp_path):
    (tmp_path / "flowers.csv").write_text("a,y\n")
    with pytest.raises(DataError, match=r"no such file or folder \(did you mean 'flowers.csv'\?"):
        open_source(tmp_path / "flower.csv")


def test_a_misspelt_built_in_name_is_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"digit: no such file .*did you mean 'digits'"):
        open_source("digit")


def test_a_file_of_another_kind_lists_those_that_can_be_read(tmp_path):
    (tmp_path / "data.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"data.xlsx: a data source is 'digits', .*\.parquet"):
        open_source(tmp_path / "data.xlsx")


def test_a_folder_with_the_ending_of_a_table_is_a_folder(tmp_path):
    (tmp_path / "data.csv").mkdir()
    with pytest.raises(DataError, match="a folder must hold IDX files"):
        open_source(tmp_path / "data.csv")


def test_new_columns_may_come_in_any_order_beside_others(csv_file, table_encoding):
    path = csv_file(
        "extra,y,member,colour,age\n2020-01-01,b,True,red,5\n2020-01-01,a,False,green,6\n"
    )
    new, y = open_new(path, table_encoding)
    assert table_encoding.names == ("age", "member", "colour=blue", "colour=red")
    x = encode(new, table_encoding, np.arange(2))
    assert x.tolist() == [[5, 1, 0, 1], [6, 0, 0, 0]]
    assert y.tolist() == [1, 0]


def test_new_data_need_no_labels(csv_file, table_encoding):
    _, y = open_new(csv_file("age,colour,member\n5,red,True\n"), table_encoding)
    assert y is None


def test_a_category_stays_text_though_new_data_hold_only_numbers(csv_file):
    rows = "".join(f"{i},{'12x'[i % 3]},{'ab'[i % 2]}\n" for i in range(30))
    encoding = load(DataOptions(csv_file("n,code,y\n" + rows), "y")).encoding
    new, _ = open_new(csv_file("n,code\n5,2\n"), encoding)
    assert encode(new, encoding, np.array([0])).tolist() == [[5, 0, 1, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("age,colours,member\n1,red,True\n", "no 'colour' .did you mean 'colours'"),
        ("age,colour,member\nold,red,True\n", "column 'age', row 1: 'old' is text, but the model"),
        ("age,colour,member\n1,red,True\n,red,True\n", "column 'age', row 2: missing value"),
        ("age,colour,member\n1,,True\n", "column 'colour', row 1: missing value"),
        ("age,colour,member,y\n1,red,True,c\n", "label 'c' is none of .*: 'a', 'b'"),
    ],
)
def test_a_new_table_that_does_not_suit_the_model_says_why(
    csv_file, table_encoding, text, message
):
    with pytest.raises(DataError, match=message):
        open_new(csv_file(text), table_encoding)


def test_missing_values_in_new_data_are_filled_as_in_training(csv_file):
    rows = "".join(f"{'' if i == 3 else 7},{'ab'[i % 2]}\n" for i in range(30))
    encoding = load(DataOptions(csv_file("n,y\n" + rows), "y", missing="mean")).encoding
    new, _ = open_new(csv_file("n,y\n,a\n"), encoding)
    assert encode(new, encoding, np.array([0])) == 7


def test_arrays_for_a_model_of_a_table_are_refused(tmp_path, table_encoding):
    np.savez(tmp_path / "new.npz", x=np.ones((2, 4)))
    with pytest.raises(DataError, match="trained on a table with the columns 'age', 'member'"):
        open_new(tmp_path / "new.npz", table_encoding)


def test_arrays_with_another_number_of_features_are_refused(tmp_path):
    np.savez(tmp_path / "new.npz", x=np.ones((2, 63)))
    with pytest.raises(DataError, match="63 features, but the model was trained on 64"):
        open_new(tmp_path / "new.npz", load(DataOptions("digits")).encoding)


def test_of_a_source_with_a_test_part_only_that_is_new(tmp_path):
    x = np.arange(40.0)[:, None]
    y = np.arange(40) % 2
    path = tmp_path / "data.npz"
    np.savez(path, x_train=x[:30], y_train=y[:30], x_test=x[30:], y_test=y[30:])
    encoding = load(DataOptions(path)).encoding
    new, found = open_new(path, encoding)
    assert np.array_equal(encode(new, encoding, np.arange(new.rows)), x[30:])
    assert np.array_equal(found, y[30:])
    assert new.where(0).endswith("y_test[0]")


def test_digits_are_the_rows_that_scikit_learn_has():
    digits = read_digits()
    x = digits.numbers.astype(np.uint8)
    y = np.array(digits.labels.values, dtype=np.uint8)[digits.labels.codes]
    # sklearn 1.9.1: sha256(load_digits().data.astype("u1").tobytes() + target likewise)
    assert x.shape == (1797, 64)
    digest = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    assert digest == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


def test_the_file_is_small_and_its_source_and_licence_stand_beside_it():
    folder = importlib.resources.files("hpsearch.data")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 100_000
    text = folder.joinpath("digits.txt").read_text(encoding="utf-8")
    assert "Alpaydin" in text
    assert "CC BY 4.0" in text

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from hpsearch.data.dataset import load
from hpsearch.data.encoding import Encoding, check_values, fit
from hpsearch.data.labels import classes
from hpsearch.data.numerals import Writing
from hpsearch.data.options import DataOptions, Reading
from hpsearch.data.source import Text
from hpsearch.data.tabular import column_names, guess_target, read_like, read_table
from hpsearch.errors import DataError


def texts_of(text: Text) -> list[str | None]:
    return [None if code < 0 else text.values[code] for code in text.codes]


def labels_of(source) -> list:
    return [source.labels.values[code] for code in source.labels.codes]


def test_numbers_stay_numbers_booleans_become_0_and_1_and_text_stays_text(csv_file):
    path = csv_file(
        "age,member,colour,label\n30,True,red,yes\n41.5,False,blue,no\n7,True,red,no\n"
    )
    source = read_table(path, "label")
    assert source.number_names == ("age", "member")
    assert source.numbers.tolist() == [[30, 1], [41.5, 0], [7, 1]]
    assert texts_of(source.text["colour"]) == ["red", "blue", "red"]
    assert labels_of(source) == ["yes", "no", "no"]
    assert (source.table, source.target) == (True, "label")


def test_a_table_of_whole_numbers_is_not_made_float(csv_file):
    assert read_table(csv_file("a,b,y\n1,2,0\n3,4,1\n"), "y").numbers.dtype == np.int64


def test_labels_keep_the_type_that_the_file_means(csv_file):
    for column, labels in [("3,7", [3, 7]), ("true,false", [True, False]), ("07,x", ["07", "x"])]:
        first, second = column.split(",")
        path = csv_file(f"a,y\n1,{first}\n2,{second}\n")
        assert labels_of(read_table(path, "y")) == labels


@pytest.mark.parametrize("token", ["", "NA", "NaN", "null", "?"])
def test_a_missing_number_is_nan_and_a_missing_text_has_no_value(csv_file, token):
    source = read_table(csv_file(f"a,b,y\n1,u,0\n{token},{token},1\n"), "y")
    assert np.isnan(source.numbers[1, 0])
    assert texts_of(source.text["b"]) == ["u", None]


def test_booleans_with_a_missing_one_are_numbers(csv_file):
    source = read_table(csv_file("a,y\nTrue,0\n,1\nFalse,1\n"), "y")
    assert np.array_equal(source.numbers.ravel(), [1, np.nan, 0], equal_nan=True)


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_separator_is_read_off_the_first_line(csv_file, mark):
    path = csv_file("a,b,y\n1,2,u\n3,4,v\n".replace(",", mark))
    assert column_names(path) == ("a", "b", "y")
    assert read_table(path, "y").numbers.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa,y\n1,u\n2,v\n",  # as spreadsheets save it
        "a,y\r\n1,u\r\n2,v\r\n\r\n",
        "a, y\n1, u\n2, v\n",
        '"a","y"\n"1","u"\n"2","v"',
    ],
)
def test_usual_ways_to_write_a_table_mean_the_same(csv_file, text):
    source = read_table(csv_file(text), "y")
    assert source.number_names == ("a",)
    assert source.numbers.tolist() == [[1], [2]]
    assert labels_of(source) == ["u", "v"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\na,y\n1,2\n", "the first line is empty"),
        ("a,y\n", "there are no rows below the first line"),
        ("a,a,y\n1,2,3\n", "the first line names 2 columns 'a'"),
        (",a,y\n0,1,2\n", r"column 1 has no name .* use to_csv\(\.\.\., index=False\)"),
        ("a,y\n1,2\n1,2,3\n", "row 2: the first line names 2 columns, found 3 fields"),
        ("a,y\n1,2,3\n1,2,3\n", "row 1: the first line names 2 columns, found 3 fields"),
        ("a,y\n1,2\n\n3\n", "row 2: the first line names 2 columns, found 1 field;"),
        ("a,b,y\n1,2,u\n1,2\n", "row 2: the first line names 3 columns, found 2 fields"),
        ('a,y\n1,"u\n2,v\n', "cannot be read as a table: EOF inside string"),
        ("y\n1\n2\n", "there is no column beside 'y'"),
        ("a,Y\n1,2\n", r"there is no column 'y' .*\(did you mean 'Y'\?\); .* 'a', 'Y'"),
        ("5.1,3.5,u\n4.9,3.0,v\n", "no column 'y' .*must name the columns, but it looks like"),
        ("\0\1,y\n1,2\n", "not a text file"),
    ],
)
def test_a_table_that_is_not_one_says_why(csv_file, text, message):
    with pytest.raises(DataError, match=r"data\.csv: .*" + message):
        read_table(csv_file(text), "y")


def test_a_file_that_is_not_utf_8_says_so(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes("größe,y\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"not UTF-8 text .byte 0xf6.; save it as UTF-8"):
        read_table(path, "y")


def test_without_a_target_the_columns_are_listed_and_one_is_proposed(csv_file):
    with pytest.raises(DataError, match=r"perhaps 'Class'; the columns are 'Class', 'a'"):
        read_table(csv_file("Class,a\n1,2\n"), None)


def test_dates_are_refused_with_a_remedy(csv_file):
    with pytest.raises(DataError, match=r"column 'when': the column holds dates .* the year"):
        read_table(csv_file("when,y\n2020-01-31,0\n2020-02-01,1\n"), "y")


def test_a_text_among_numbers_is_named(csv_file):
    rows = "".join(f"{'n/k' if i == 16 else i},{i % 2}\n" for i in range(40))
    with pytest.raises(DataError, match="column 'age', row 17: 'n/k' is not a number"):
        read_table(csv_file("age,y\n" + rows), "y")


def test_a_text_that_differs_in_every_row_is_no_category(csv_file):
    rows = "".join(f"person {i},{i % 2}\n" for i in range(40))
    with pytest.raises(DataError, match=r"column 'name': .* 40 different texts in 40 rows"):
        read_table(csv_file("name,y\n" + rows), "y")


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (["label", "a"], "label"),
        (["Y", "target"], "target"),
        (["a", "CLASS", "b"], "CLASS"),
        (["a", "b"], "b"),
    ],
)
def test_the_target_is_guessed_by_its_name_or_else_its_place(names, target):
    assert guess_target(names) == target


def german(rows: int) -> str:
    """Rows as a spreadsheet saves them where fractions have a comma."""
    lines = (f"{i};{i},{i % 10}5;{i % 3 + 1}.234;{'uv'[i % 2]}\n" for i in range(1, rows + 1))
    return "count;size;mass;y\n" + "".join(lines)


def test_decimal_commas_are_read_as_numbers(csv_file):
    source = read_table(csv_file("a;b;y\n1;3,14;u\n2;-0,5;v\n"), "y")
    assert source.numbers.tolist() == [[1, 3.14], [2, -0.5]]
    assert source.writings == {"a": Writing(","), "b": Writing(",")}


def test_quoted_decimal_commas_are_read_as_numbers(csv_file):
    source = read_table(csv_file('a,y\n"3,14",u\n"2,5",v\n'), "y")
    assert source.numbers.ravel().tolist() == [3.14, 2.5]


def test_beside_decimal_commas_a_point_may_set_thousands_apart_and_is_asked_for(csv_file):
    path = csv_file(german(20))
    with pytest.raises(
        DataError, match=r"column 'mass', row 1: '2\.234' may have a decimal point"
    ):
        read_table(path, "y")
    source = read_table(path, "y", Reading(decimal=","))
    assert source.numbers[0].tolist() == [1, 1.15, 2234]
    assert source.writings["mass"] == Writing(",", ".")


def test_a_column_with_two_readings_is_settled_by_one_that_has_only_one(csv_file):
    source = read_table(csv_file("a;b;y\n1,234;3,14;u\n2,345;2,5;v\n"), "y")
    assert source.numbers.tolist() == [[1.234, 3.14], [2.345, 2.5]]
    with pytest.raises(DataError, match="column 'a', row 1: '1,234' may have a decimal comma"):
        read_table(csv_file("a;y\n1,234;u\n2,345;v\n"), "y")


def test_a_mark_among_numbers_is_refused_until_it_is_said_to_be_missing(csv_file):
    path = csv_file("a,b,y\n1,x,u\n-,-,v\n3,z,u\n")
    with pytest.raises(
        DataError, match=r"column 'a', row 2: '-' .* data.missing_values: \[\"-\"\]"
    ):
        read_table(path, "y")
    source = read_table(path, "y", Reading(missing_values=("-",)))
    assert np.array_equal(source.numbers.ravel(), [1, np.nan, 3], equal_nan=True)
    assert texts_of(source.text["b"]) == ["x", None, "z"]


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("?", "missing value, written '?'"),
        ("n/a", "missing value, written 'n/a'"),
        ("", "missing value"),
        ('" "', "missing value"),
    ],
)
def test_what_stands_in_place_of_a_missing_value_is_shown(csv_file, field, shown):
    """It may be a sign that the user never meant so."""
    source = read_table(csv_file(f"a,b,y\n1,x,u\n{field},w,v\n3,z,u\n"), "y")
    with pytest.raises(
        DataError,
        match=re.escape(f"column 'a', row 2: {shown}; fill it, or set data.missing: mean") + "$",
    ):
        check_values(source, missing_allowed=False)


def test_what_stands_in_place_of_a_missing_category_is_shown(csv_file):
    source = read_table(csv_file("a,b,y\n1,x,u\n2,?,v\n3,z,u\n"), "y")
    with pytest.raises(
        DataError, match=r"column 'b', row 2: missing value, written '\?'; fill it"
    ):
        check_values(source, missing_allowed=False)


def test_what_stands_in_place_of_a_missing_label_is_shown(csv_file):
    labels = read_table(csv_file("a,y\n1,0\n2,?\n3,1\n"), "y").labels
    with pytest.raises(
        DataError, match=r"y\[1\]: the label is missing \('\?' stands there\); fill it or remove"
    ):
        classes(labels, lambda row: f"y[{row}]")


def test_words_that_surely_mean_a_missing_number_are_read_so(csv_file):
    text = "a,y\n" + "".join(f"{a},{y}\n" for a, y in [("1", "u"), ("n/a", "v"), ("-nan", "u")])
    numbers = read_table(csv_file(text), "y").numbers.ravel()
    assert np.array_equal(numbers, [1, np.nan, np.nan], equal_nan=True)


def test_a_number_may_stand_for_a_missing_value_in_csv_and_parquet(csv_file, tmp_path):
    csv = csv_file("a,b,y\n1,2.5,u\n-999,-999,v\n3,1.5,u\n")
    pd.read_csv(csv).to_parquet(tmp_path / "data.parquet")
    for path in (csv, tmp_path / "data.parquet"):
        numbers = read_table(path, "y", Reading(missing_values=("-999",))).numbers
        assert np.array_equal(numbers, [[1, 2.5], [np.nan, np.nan], [3, 1.5]], equal_nan=True)


def test_percentages_and_prices_are_numbers(csv_file):
    source = read_table(csv_file("a,b,y\n50%,$3.50,u\n25 %,$2,v\n"), "y")
    assert source.numbers.tolist() == [[0.5, 3.5], [0.25, 2]]
    with pytest.raises(
        DataError, match=r"column 'b', row 2: '\$2' bears the sign '\$', and '3\.50'"
    ):
        read_table(csv_file("b,y\n3.50,u\n$2,v\n"), "y")


def test_new_rows_are_read_as_the_training_rows_were(csv_file):
    train = csv_file("a;b;c;y\n1;3,14;-;u\n2;2,5;k;v\n3;1,5;k;w\n", "train.csv")
    reading = Reading(missing_values=("-",))
    source = read_table(train, "y", reading)
    names, _ = classes(source.labels, source.where)
    encoding = fit(source, np.arange(3), names, standardize=False, missing="mean")
    encoding = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    new = read_like(csv_file("c;b;a\n-;1,234;5\nk;7;6\n", "new.csv"), encoding)
    assert new.numbers.tolist() == [[5, 1.234], [6, 7]]  # one column alone would have two readings
    assert texts_of(new.text["c"]) == [None, "k"]
    with pytest.raises(
        DataError, match=r"column 'a', row 1: '5\.5' is text, .* written as 1234,5"
    ):
        read_like(csv_file("c;b;a\nk;1,5;5.5\n", "new.csv"), encoding)


def test_columns_may_be_chosen_or_left_out(csv_file):
    path = csv_file("id,a,b,y\n1,2,3,u\n2,3,4,v\n")
    assert read_table(path, "y", Reading(exclude=("id",))).number_names == ("a", "b")
    assert read_table(path, "y", Reading(columns=("b", "a", "y"))).number_names == ("a", "b")


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        (Reading(exclude=("idd",)), r"no column 'idd' \(data.exclude\) \(did you mean 'id'\?\)"),
        (Reading(columns=("aa",)), r"no column 'aa' \(data.columns\) \(did you mean 'a'\?\)"),
        (Reading(exclude=("y",)), "'y' is data.target, so data.exclude cannot name it"),
        (Reading(exclude=("id", "a")), "there is no column beside 'y' to predict it from"),
    ],
)
def test_columns_that_cannot_be_chosen_are_told(csv_file, reading, message):
    with pytest.raises(DataError, match=message):
        read_table(csv_file("id,a,y\n1,2,u\n2,3,v\n"), "y", reading)


@pytest.mark.parametrize(
    "first", ["sep=;\n", "SEP=;\n", "sep=;;;\n", '"sep=;";;\n', '"sep=;"\r\n', "\ufeffsep=;\n"]
)
def test_the_separator_that_a_spreadsheet_names_is_heeded(csv_file, first):
    source = read_table(csv_file(first + "a,b;c;y\n1;2;u\n3;4;v\n"), "y")
    assert source.number_names == ("a,b", "c")
    assert source.numbers.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DataError, match="row 2: the first line names 3 columns, found 2 fields"):
        read_table(csv_file(first + "a,b;c;y\n1;2;u\n3;4\n"), "y")
    with pytest.raises(DataError, match="the file is empty"):
        read_table(csv_file(first), "y")


def test_line_ends_of_every_kind_end_a_line(csv_file, tmp_path):
    text = "a,y\r1,u\n2,v\r\n3,u\n"
    (tmp_path / "data.csv").write_bytes(text.encode())
    assert read_table(tmp_path / "data.csv", "y").numbers.ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"a,y\n1,u\n', "cannot be read: unexpected end of data"),
        ("a" * (1 << 24), "the first line has no end"),
        ("a" * 200_000 + ",y\n1,u\n", "field larger than field limit"),
        (
            "a,y\n" + "1,u\n2,v\n" * 9 + "9" * 400 + ",v\n",
            "column 'a', row 19: found inf; a number must be",
        ),
        (
            "a,y\n" + "1,u\n2,v\n" * 9 + "9" * 9000 + ",v\n",
            "column 'a', row 19: found inf; a number must be",
        ),
    ],
)
def test_what_no_table_can_hold_is_told(csv_file, text, message):
    with pytest.raises(DataError, match=message):
        load(DataOptions(csv_file(text), "y", validation=0.1, test=0))


def test_a_long_text_is_not_shown_whole(csv_file):
    text = "a,y\n" + "".join(f"{i},{'uv'[i % 2]}\n" for i in range(40)) + "x" * 9000 + ",u\n"
    with pytest.raises(DataError, match="column 'a', row 41: 'xxx") as told:
        read_table(csv_file(text), "y")
    assert len(str(told.value)) < 500


def test_a_number_that_nothing_can_hold_hides_no_missing_value(csv_file):
    text = "a,y\n" + "x,u\nx,v\n" * 4 + "nan,u\n" + "9" * 400 + ",v\n"
    source = read_table(csv_file(text), "y")
    assert texts_of(source.text["a"])[8:] == [None, "9" * 400]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.labels import as_written, classes, finder, from_array, positions, typed
from hpsearch.data.source import Labels
from hpsearch.errors import DataError


def where(row):
    return "y" if row is None else f"y[{row}]"


@given(st.lists(st.sampled_from(["b", "a", "c"]), min_size=3).filter(lambda v: len(set(v)) > 1))
def test_a_rows_class_names_its_label_and_classes_are_sorted(texts):
    names, y = classes(from_array(np.array(texts)), where)
    assert [names[k] for k in y] == texts
    assert list(names) == sorted(set(texts))


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (np.array([3, 1, 3], dtype=np.uint8), (1, 3)),
        (np.array([1.0, 2.0]), (1, 2)),
        (np.array([True, False]), (False, True)),
        (np.array(["no", "yes"]), ("no", "yes")),
        (np.array([0.5, 2.0]), (0.5, 2)),
        (np.array([-1, 1]), (-1, 1)),
    ],
)
def test_labels_keep_their_type_and_whole_numbers_are_ints(array, names):
    found, _ = classes(from_array(array), where)
    assert found == names
    assert [type(name) for name in found] == [type(name) for name in names]


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["10", "9"], [10, 9]),
        (["1.0", "2"], [1.0, 2]),
        (["01", "2"], ["01", "2"]),  # a leading zero is part of a name
        (["True", "False"], [True, False]),
        (["TRUE", "FALSE"], [True, False]),
        (["true", "maybe"], ["true", "maybe"]),
        (["1", "NA"], [1, None]),
        (["US", "NA"], ["US", "NA"]),  # Namibia
        (["US", ""], ["US", None]),
        (["1e3", "-2"], [1000.0, -2]),
    ],
)
def test_texts_become_what_they_stand_for(texts, labels):
    found = typed(texts)
    assert found == labels
    assert [type(label) for label in found] == [type(label) for label in labels]


def test_numbers_that_are_equal_are_one_class():
    names, y = classes(Labels((1.0, 1, 2), np.array([0, 1, 2, 0])), where)
    assert names == (1, 2)
    assert y.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize(
    "labels",
    [
        from_array(np.array([1.0, np.nan, 2.0])),
        Labels(("a", "b"), np.array([0, -1, 1])),
        Labels(("a", None, "b"), np.array([0, 1, 2])),
    ],
)
def test_a_missing_label_is_named_by_its_row(labels):
    with pytest.raises(DataError, match=r"y\[1\]: the label is missing"):
        classes(labels, where)


def test_many_numbers_with_fractions_are_no_classes():
    with pytest.raises(DataError, match=r"30 different numbers such as 0\.5, which looks like a"):
        classes(from_array(np.arange(30) / 2), where)


def test_whole_numbers_that_nearly_all_differ_are_no_classes():
    with pytest.raises(DataError, match="hpsearch's network classifies"):
        classes(from_array(np.arange(30)), where)


def test_a_hundred_numbers_with_many_rows_each_are_classes():
    assert len(classes(from_array(np.arange(1000) % 100), where)[0]) == 100


def test_one_class_is_refused():
    with pytest.raises(DataError, match="every label is 'a'; to learn, there must be two"):
        classes(from_array(np.array(["a", "a"])), where)


def test_a_label_of_another_type_is_refused():
    with pytest.raises(DataError, match=r"y: label \(1, 2\) is of type tuple"):
        classes(Labels(((1, 2), 3), np.array([0, 1])), where)


def test_known_labels_are_found_whatever_type_the_new_file_gives_them():
    new = Labels(("2", 10), np.array([1, 0, 0]))
    assert positions(new, (2, 10), where).tolist() == [1, 0, 0]


def test_an_unknown_label_is_named_with_the_classes_there_are():
    with pytest.raises(DataError, match=r"y\[1\]: label 'c' is none of .* classes: 'a', 'b'"):
        positions(Labels(("a", "c"), np.array([0, 1])), ("a", "b"), where)


def test_a_missing_label_in_new_data_is_an_error():
    with pytest.raises(DataError, match=r"y\[0\]: the label is missing"):
        positions(Labels(("a",), np.array([-1, 0])), ("a", "b"), where)


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["10.1", "10.10", "10.9"], ["10.1", "10.10", "10.9"]),  # versions
        (["0.5", "0.25"], [0.5, 0.25]),
        (["1e999", "1"], ["1e999", "1"]),
        (["9" * 400, "1"], ["9" * 400, "1"]),
    ],
)
def test_numbers_that_would_not_be_written_so_again_are_names(texts, labels):
    assert typed(texts) == labels


def test_a_class_is_written_as_the_training_data_wrote_it_first():
    labels = Labels((1.0, 2, 1), np.array([0, 1, 2]), written=("1.0", "2", "1"))
    assert as_written(labels, (1, 2)) == ("1.0", "2")
    assert as_written(Labels((True, False), np.array([0, 1])), (False, True)) == ("False", "True")


@pytest.mark.parametrize(
    ("names", "written", "found"),
    [
        (("10.1", "10.10"), None, {"10.1": 0, "10.10": 1, "10.100": -1, 10.1: -1}),
        (("10.9", "10.10"), None, {"10.10": 1, 10.1: 1, 10.9: 0}),
        ((False, True), ("FALSE", "TRUE"), {"TRUE": 1, "true": 1, True: 1, "T": -1, "1": -1}),
        ((1, 2), ("1.0", "2.0"), {"1": 0, "2.0": 1, 2.0: 1, "02": -1, "3": -1}),
        (("007", "008"), None, {"007": 0, "7": -1, 7: 0, 8.0: 1}),
        (("NA", "x"), None, {"NA": 0, "na": -1, "": -1}),
        (("maybe", "TRUE"), None, {True: 1, "true": -1}),
        ((0.5, 2), None, {"0.5": 0, "0.50": 0, "2.0": 1, 0.5: 0}),
    ],
)
def test_a_value_means_the_name_that_the_model_knows(names, written, found):
    find = finder(names, written or [str(name) for name in names])
    assert {value: find(value) for value in found} == found


def test_a_numpy_value_means_what_the_plain_one_does():
    find = finder((1, 2), ("1", "2"))
    assert (find(np.int8(2)), find(np.float32(1)), find(np.bool_(True))) == (1, 0, -1)


def test_prices_with_a_decimal_comma_are_no_classes():
    prices = tuple(f"{n},{n % 10}5" for n in range(30))
    with pytest.raises(DataError, match="30 different numbers such as '0,05'"):
        classes(Labels(prices, np.arange(30)), where)

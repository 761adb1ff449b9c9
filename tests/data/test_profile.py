from __future__ import annotations

import numpy as np
import pytest

from hpsearch.data.profile import Profile, profile
from hpsearch.errors import DataError


def test_the_profile_of_digits():
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert profile("digits") == Profile(
        rows=1797,
        features=64,
        target=None,
        class_counts=dict(enumerate(counts)),
        texts={},
        parts={},
        missing=False,
    )


def test_the_profile_of_a_table_guesses_its_target(csv_file):
    found = profile(csv_file("label,n,colour\nu,1,red\nv,,blue\nv,3,red\n"))
    assert found == Profile(
        rows=3,
        features=3,
        target="label",
        class_counts={"u": 1, "v": 2},
        texts={"colour": 2},
        parts={},
        missing=True,
        target_reason="by its name",
    )


def test_a_target_that_is_given_is_not_guessed(csv_file):
    assert profile(csv_file("label,kind\n1,u\n2,v\n"), "kind").target == "kind"


def test_the_parts_that_a_source_brings_are_counted(tmp_path):
    x, y = np.ones((4, 2)), np.arange(4) % 2
    np.savez(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    assert profile(tmp_path / "d.npz").parts == {"train": 4, "test": 2}


def test_a_source_without_labels_cannot_be_profiled(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.ones((4, 2)))
    with pytest.raises(DataError, match="there are no labels"):
        profile(tmp_path / "d.npz")


def test_columns_that_tell_nothing_of_other_rows_are_left_out(csv_file):
    rows = (
        (
            1000 + 7 * i,
            i,
            "-" if i % 9 == 0 else i % 50,
            7,
            f"P{i}",
            f"2020-01-{i % 28 + 1}",
            i % 2,
        )
        for i in range(100)
    )
    lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
    found = profile(csv_file("customer_id,n,age,const,name,when,kind\n" + lines))
    assert (found.target, found.features, found.missing) == ("kind", 1, True)
    assert found.missing_values == ("-",)
    assert found.excluded == {
        "name": "the column holds 100 different texts in 100 rows, and each would become a "
        "feature",
        "when": "the column holds dates or times",
        "customer_id": "looks like an identifier",
        "n": "numbers the rows",
        "const": "has one value in every row",
    }


def test_something_to_learn_from_is_always_left(csv_file):
    assert profile(csv_file("id,y\n1,u\n2,v\n3,v\n")).excluded == {}
    with pytest.raises(DataError, match="column 'when': the column holds dates"):
        profile(csv_file("when,y\n2020-01-01,u\n2020-01-02,v\n2020-01-03,v\n"))


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("", "'y' is missing in 40 of 40 rows"),
        ("{i}.5", "'y' differs in every row"),
        ("7", "'y' cannot be predicted (every label is 7)"),
        ("{n}.25", "'y' holds 30 different values in 40 rows"),
    ],
)
def test_an_unsuitable_target_is_passed_over(csv_file, last, reason):
    lines = (f"{i % 3},{'uv'[i % 2]},{last.format(i=i, n=i % 30)}\n" for i in range(40))
    found = profile(csv_file("a,kind,y\n" + "".join(lines)))
    assert (found.target, found.target_reason) == ("kind", reason)


def test_where_no_column_suits_the_likeliest_is_named(csv_file):
    with pytest.raises(DataError, match=r"column 'b': .* looks like a quantity"):
        profile(csv_file("a,b\n" + "".join(f"{i}.5,{i}.25\n" for i in range(30))))

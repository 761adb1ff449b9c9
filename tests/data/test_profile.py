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

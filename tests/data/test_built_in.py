from __future__ import annotations

import hashlib
import importlib.resources

import numpy as np

from hpsearch.data.built_in import read_digits


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

"""The data that comes with the package."""

from __future__ import annotations

import importlib.resources

import numpy as np

from hpsearch.data.labels import from_array
from hpsearch.data.source import Source, array_names


def read_digits() -> Source:
    """1797 handwritten digits, 8 x 8 pixels of 0 to 16; digits.txt says where they come from."""
    file = importlib.resources.files("hpsearch.data").joinpath("digits.npz")
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        x, y = arrays["x"], arrays["y"]
    return Source(
        name="digits",
        numbers=x,
        number_names=array_names(x.shape[1]),
        labels=from_array(y),
    )

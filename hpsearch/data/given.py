"""Rows that a program hands over, in place of a file that it would have to write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hpsearch.data.columns import columns_like, without_missing
from hpsearch.data.encoding import Encoding, check_values
from hpsearch.data.source import Source, array_names, place_in_table
from hpsearch.data.table import check_features
from hpsearch.errors import DataError
from hpsearch.messages import counted, listed

if TYPE_CHECKING:
    import pandas as pd

NAME = "rows"  # what messages call them


def given_rows(rows: Any, encoding: Encoding) -> Source:
    """New rows for a trained model.

    Args:
        rows: a pandas DataFrame with the columns that the model was trained on, in any order
            and beside others; or whatever NumPy takes for an array (rows, features) of numbers,
            for a model that was trained on arrays or on columns of numbers.
        encoding: the model's.

    Raises:
        DataError: they do not suit the model, or a value is missing or not finite.
    """
    frame = hasattr(rows, "columns") and hasattr(rows, "dtypes")
    source = _from_frame(rows, encoding) if frame else _from_array(rows, encoding)
    check_values(source, missing_allowed=encoding.fill is not None)
    return source


def _from_frame(frame: pd.DataFrame, encoding: Encoding) -> Source:
    if encoding.target is None:  # arrays have no names to go by
        return _from_array(frame.to_numpy(), encoding)
    features = [*encoding.numbers, *encoding.categories]
    names = [str(name) for name in frame.columns]
    check_features(NAME, names, features)
    twice = next((name for name in features if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{NAME}: two columns are named {twice!r}; each needs its own name")
    chosen = frame.set_axis(names, axis="columns")[features]
    found = columns_like(
        without_missing(chosen, encoding.missing_values), partial(place_in_table, NAME), encoding
    )
    return Source(
        NAME, found.numbers, found.number_names, found.text, table=True, target=encoding.target
    )


def _from_array(rows: Any, encoding: Encoding) -> Source:
    array = np.asarray(rows)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    if array.ndim > 2:  # pictures: further axes are laid side by side, as in a file
        array = array.reshape(len(array), -1)
    if encoding.categories:
        raise DataError(
            f"{NAME}: the model was trained on columns of text, too "
            f"({listed(list(encoding.categories))}); give it a DataFrame"
        )
    if array.ndim != 2 or array.shape[1] != encoding.features:
        raise DataError(
            f"{NAME}: must have the {counted(encoding.features, 'feature')} that the model was "
            f"trained on, found an array of shape {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        raise DataError(f"{NAME}: must be numbers, found an array of {array.dtype}")
    names = encoding.numbers if encoding.target is not None else array_names(array.shape[1])
    return Source(NAME, array, names)

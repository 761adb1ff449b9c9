"""From columns to the features of the network: one-hot, missing values, standardisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import msgspec
import numpy as np

from hpsearch.data.numerals import Writing
from hpsearch.data.source import Label, Rows, Source
from hpsearch.errors import DataError
from hpsearch.messages import listed, quoted
from hpsearch.shapes import Float32, Float64

PerFeature = Float64[np.ndarray[Any, Any], " features"]
PerNumber = Float64[np.ndarray[Any, Any], " numbers"]
Features = Float64[np.ndarray[Any, Any], "rows features"]

_CHUNK = 1 << 18  # numbers encoded at a time: 2 MB in float64, which fits into a cache
_MOST = float(np.finfo(np.float32).max)  # the network computes in float32


@dataclass(frozen=True)
class Encoding:
    """How columns become features, fitted to the training rows.

    The features are the numeric columns, then one for each category of each text column: 1 in
    the rows of this category, else 0. For a text that no training row had, all are 0.

    Attributes:
        numbers: names of the numeric columns.
        categories: for each text column the texts of the training rows, sorted.
        classes: the labels of the classes, sorted.
        target: the name of the column of labels; None if the source is not a table.
        fill: (numbers,), what replaces a missing number in each column; None if none may be
            missing.
        mean: (features,), what is subtracted from each feature.
        scale: (features,), what each feature is then divided by.
        written: the classes as the training data write them.
        writings: how a text file writes the numbers of a column, where that is not as 1234.5.
        missing_values: texts that stand for a missing value, beside `labels.MISSING_TEXTS`.
    """

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    classes: tuple[Label, ...]
    target: str | None
    fill: PerNumber | None
    mean: PerFeature
    scale: PerFeature
    written: tuple[str, ...]
    writings: Mapping[str, Writing] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each feature: "age", or "colour=red" for a category."""
        one_hot = (f"{name}={text}" for name, texts in self.categories.items() for text in texts)
        return (*self.numbers, *one_hot)

    @property
    def features(self) -> int:
        """How many features there are."""
        return len(self.numbers) + sum(len(texts) for texts in self.categories.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON, from which `from_json` makes the same encoding, bit for bit."""
        return {
            "numbers": list(self.numbers),
            "categories": [[name, list(texts)] for name, texts in self.categories.items()],
            "classes": list(self.classes),
            "target": self.target,
            "fill": None if self.fill is None else self.fill.tolist(),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "written": list(self.written),
            "writings": {name: asdict(writing) for name, writing in self.writings.items()},
            "missing_values": list(self.missing_values),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Encoding:
        """The encoding that `to_json` wrote.

        Raises:
            ValueError: an entry is missing, of another type, or does not fit the others.
        """
        try:
            stored = msgspec.convert(dict(values), _Stored)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        made = cls(
            numbers=stored.numbers,
            categories=dict(stored.categories),
            classes=stored.classes,
            target=stored.target,
            fill=None if stored.fill is None else np.array(stored.fill, dtype=np.float64),
            mean=np.array(stored.mean, dtype=np.float64),
            scale=np.array(stored.scale, dtype=np.float64),
            written=stored.written or tuple(map(str, stored.classes)),
            writings=stored.writings,
            missing_values=stored.missing_values,
        )
        columns = [*stored.numbers, *(name for name, _ in stored.categories)]
        fill = stored.numbers if stored.fill is None else stored.fill
        if (
            len({*columns}) < len(columns)
            or any(len({*texts}) < len(texts) for texts in made.categories.values())
            or not made.features == len(made.mean) == len(made.scale)
            or len(made.written) != len(made.classes)
            or len(fill) != len(made.numbers)
        ):
            raise ValueError("the entries of the encoding do not fit each other")
        return made


class _Stored(msgspec.Struct):
    """What `Encoding.to_json` writes; older versions lack the last three entries."""

    numbers: tuple[str, ...]
    categories: tuple[tuple[str, tuple[str, ...]], ...]
    classes: tuple[Label, ...]
    target: str | None
    fill: list[float] | None
    mean: list[float]
    scale: list[float]
    written: tuple[str, ...] = ()
    writings: dict[str, Writing] = {}
    missing_values: tuple[str, ...] = ()


def fit(
    source: Source,
    rows: Rows,
    classes: tuple[Label, ...],
    *,
    standardize: bool,
    missing: Literal["mean"] | None,
    written: tuple[str, ...] | None = None,
) -> Encoding:
    """Fit an encoding to the training rows: categories, means and standard deviations.

    The standard deviation is the biased one (divide by the number of rows), after missing numbers
    are filled. A constant feature has the scale 1.

    Args:
        source: all rows.
        rows: (training rows,), their numbers.
        classes: the labels of the classes, sorted.
        standardize: whether features are standardised; if not, mean is 0 and scale is 1.
        missing: "mean" fills missing numbers with the mean of the training rows; None refuses
            missing values.
        written: the classes as the source writes them; None to write them as Python does.

    Raises:
        DataError: a value in any row is missing and `missing` is None, or it is infinite or
            beyond float32; or a column has no value in the training rows.
    """
    check_values(source, missing_allowed=missing is not None)
    categories = {}
    for name, text in source.text.items():
        present = np.unique(text.codes[rows])
        categories[name] = tuple(sorted(text.values[code] for code in present if code >= 0))
    width = len(source.number_names) + sum(len(texts) for texts in categories.values())
    plain = Encoding(
        numbers=source.number_names,
        categories=categories,
        classes=classes,
        target=source.target,
        fill=None,
        mean=np.zeros(width),
        scale=np.ones(width),
        written=tuple(map(str, classes)) if written is None else written,
        writings=source.writings,
        missing_values=source.missing_values,
    )
    mean, scale = _mean_and_scale(source, plain, rows)
    fill = mean[: len(plain.numbers)] if missing == "mean" else None
    if not standardize:
        mean, scale = plain.mean, plain.scale
    return replace(plain, fill=fill, mean=mean, scale=scale)


def encode(source: Source, encoding: Encoding, rows: Rows) -> Features:
    """The features of some rows, (rows, features), before standardisation.

    A missing number is filled, or NaN if the encoding does not fill.
    """
    out = np.zeros((len(rows), encoding.features))
    end = len(encoding.numbers)
    out[:, :end] = source.numbers[rows]
    if encoding.fill is not None and source.numbers.dtype.kind == "f":
        holes, columns = np.nonzero(np.isnan(out[:, :end]))
        out[holes, columns] = encoding.fill[columns]
    for name, categories in encoding.categories.items():
        text = source.text[name]
        feature = {category: end + index for index, category in enumerate(categories)}
        lookup = np.array([*(feature.get(value, -1) for value in text.values), -1])
        hot = lookup[text.codes[rows]]  # a missing text has code -1, the last
        held = np.flatnonzero(hot >= 0)
        out[held, hot[held]] = 1.0
        end += len(categories)
    return out


def standardise(
    features: Features, encoding: Encoding
) -> Float32[np.ndarray[Any, Any], "rows features"]:
    """(features - mean) / scale, computed in float64 and rounded to float32."""
    return ((features - encoding.mean) / encoding.scale).astype(np.float32)


def batches(source: Source, encoding: Encoding, rows: Rows | None = None) -> Iterator[Features]:
    """The features of some rows (None for all), so many at a time as fit into 2 MB."""
    rows = np.arange(source.rows) if rows is None else rows
    size = max(1, _CHUNK // max(1, encoding.features))
    for start in range(0, len(rows), size):
        yield encode(source, encoding, rows[start : start + size])


def check_values(source: Source, *, missing_allowed: bool) -> None:
    """Check that every value is there (or may be missing), is finite and fits into float32.

    Raises:
        DataError: one is not; the message names the first and its place.
    """
    if source.numbers.dtype.kind == "f":
        size = max(1, _CHUNK // source.numbers.shape[1]) if source.numbers.shape[1] else 1
        for start in range(0, source.rows, size):
            chunk = source.numbers[start : start + size]
            if chunk.dtype == np.float16:  # which cannot be compared with what it cannot hold
                chunk = chunk.astype(np.float32)
            good = np.abs(chunk) <= _MOST  # false for NaN
            if missing_allowed:
                good |= np.isnan(chunk)
            if good.all():
                continue
            row, column = (int(index) for index in np.argwhere(~good)[0])
            value = chunk[row, column]
            if np.isnan(value):
                raise _missing(source, start + row, source.number_names[column])
            place = source.where(start + row, source.number_names[column])
            raise DataError(
                f"{place}: found {value}; a number must be finite and fit into float32 "
                f"(3.4e38); mend or rescale it"
            )
    if missing_allowed:
        return
    for name, text in source.text.items():
        if (text.codes < 0).any():
            raise _missing(source, int(np.argmax(text.codes < 0)), name)


def _missing(source: Source, row: int, name: str) -> DataError:
    """The error about a missing value; it shows what the file has in its place, if anything."""
    mark = source.field_at(row, name).strip() if source.field_at else ""
    written = f", written {quoted(mark)}" if mark else ""
    return DataError(
        f"{source.where(row, name)}: missing value{written}; fill it, or set data.missing: mean"
    )


def surprises(source: Source, encoding: Encoding) -> Iterator[str]:
    """Messages about new rows: columns without any value, and categories that are new.

    A message names the column and counts the rows.
    """
    for name, text in source.text.items():
        rows = np.bincount(text.codes[text.codes >= 0], minlength=len(text.values)).tolist()
        if source.rows and not any(rows):
            yield f"{source.where(None, name)}: no row has a value there"
        old = set(encoding.categories[name])
        counts = {v: n for v, n in zip(text.values, rows, strict=True) if n and v not in old}
        if new := sum(counts.values()):
            most = sorted(counts, key=lambda value: -counts[value])
            yield (
                f"{source.where(None, name)}: {new} of {source.rows} rows hold what no training "
                f"row held: {listed(most, 5)}; the model takes it for none of the "
                f"{len(encoding.categories[name])} categories that it knows"
            )
    if source.rows and source.numbers.dtype.kind == "f":
        for index, name in enumerate(source.number_names):
            if np.isnan(source.numbers[:, index]).all():
                yield f"{source.where(None, name)}: no row has a value there"


def _mean_and_scale(
    source: Source, encoding: Encoding, rows: Rows
) -> tuple[PerFeature, PerFeature]:
    """Mean and standard deviation of each feature over some rows, in one pass over chunks.

    Reference: the results of chunks are merged, without subtracting large sums of squares, by
    Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample Variance", The American
    Statistician 37(3), equations 2.1.
    """
    width = encoding.features
    count, mean, squares = np.zeros(width), np.zeros(width), np.zeros(width)
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    for chunk in batches(source, encoding, rows):
        present = ~np.isnan(chunk)
        here = present.sum(axis=0)
        chunk_mean = chunk.sum(axis=0, where=present) / np.maximum(here, 1)
        deviation = np.where(present, chunk - chunk_mean, 0.0)
        shift = np.where(here > 0, chunk_mean - mean, 0.0)
        total = np.maximum(count + here, 1)
        squares += np.einsum("ij,ij->j", deviation, deviation) + shift**2 * count * here / total
        mean += shift * here / total
        count += here
        low, high = np.fmin(low, np.fmin.reduce(chunk)), np.fmax(high, np.fmax.reduce(chunk))
    if not count.all():
        name = encoding.names[int(np.argmin(count))]
        raise DataError(
            f"{source.name}: column {name!r} has no value in any training row; remove it"
        )
    scale = np.sqrt(squares / len(rows))
    mean = np.where(low == high, low, mean)  # without rounding error
    return mean, np.where((low == high) | (scale == 0), 1.0, scale)

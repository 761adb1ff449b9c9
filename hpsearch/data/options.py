"""What a search says about its data: the `data` part of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BUILT_IN = ("digits",)
"""Sources that come with the package, by name; a path of that name is written ``./digits``."""


@dataclass(frozen=True)
class Reading:
    """How the columns of a table are read, and which.

    Attributes:
        decimal: what stands before the fraction of a number in a text file; None if that is for
            the columns to show.
        missing_values: what stands for a missing value, beside what always does.
        columns: the only ones to learn from; None for all.
        exclude: columns that are not learned from.
    """

    decimal: Literal[".", ","] | None = None
    missing_values: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()


READ_ALL = Reading()


@dataclass(frozen=True)
class DataOptions:
    """Where the rows come from, and how they are split and standardised.

    Attributes:
        source: a name in `BUILT_IN`, or a file or folder; a `Path` is always a file or folder.
        target: the column to predict. A table needs it; other sources hold their labels apart.
        validation: share of all rows held out to compare trials, between 0 and 1.
        test: share of all rows held out for the winner; 0 for no test part.
        standardize: subtract the training rows' mean and divide by their deviation.
        missing: "mean" puts the training rows' mean where a number is missing, and no category
            where a text is; None makes a missing value an error.
        missing_values, decimal, columns, exclude: see `Reading`.
        split_seed: decides which rows go where, whatever the seed of the search.
    """

    source: str | Path
    target: str | None = None
    validation: float | int = 0.2
    test: float | int = 0.2
    standardize: bool = True
    missing: Literal["mean"] | None = None
    split_seed: int = 0
    missing_values: tuple[str, ...] = ()
    decimal: Literal[".", ","] | None = None
    columns: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()

    @property
    def reading(self) -> Reading:
        """How the columns of a table are read, and which."""
        return Reading(self.decimal, self.missing_values, self.columns, self.exclude)

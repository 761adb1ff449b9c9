"""What a search says about its data: the `data` part of a configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from hpsearch import fields as rules
from hpsearch.fields import Keys, key

BUILT_IN = ("digits",)
"""Sources that come with the package, by name; a path of that name is written ``./digits``."""

LARGEST_SEED = 2**63 - 1

COLUMN = r"[\s\S]+"  # spreadsheets have names of two lines


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
class DataOptions(Keys):
    """The rows to learn from. The network needs them."""

    source: Annotated[str, rules.text()] = key(
        "`digits`, which is built in, or a file or folder: CSV, TSV, Parquet, NPZ "
        "(x, y, or x_train, y_train, ...), or a folder of IDX files as MNIST has them. Paths are "
        "relative to the configuration file, in --set to the current folder.",
        examples=["digits", "data.csv", "data.parquet", "data.npz", "mnist/"],
    )
    target: Annotated[str | None, rules.optional(rules.text(COLUMN))] = key(
        "Tables: the column to predict.", None, examples=["label"]
    )
    validation: Annotated[float, Meta(gt=0, lt=1), rules.share(of="all rows", zero=False)] = key(
        "Fraction of all rows that compares the trials. Where the source brings its "
        "own validation rows, those are used.",
        0.2,
    )
    test: Annotated[float, Meta(ge=0, lt=1), rules.share(of="all rows", zero=True)] = key(
        "Fraction of all rows that only ever judges the winner; 0 for none. Where "
        "the source brings its own test rows, those are used.",
        0.2,
    )
    standardize: Annotated[bool, rules.flag()] = key(
        "Subtract the training rows' mean, divide by their deviation.", True
    )
    missing: Annotated[Literal["mean"] | None, rules.optional(rules.choice("mean"))] = key(
        "What stands in for a missing value: `mean` of the training rows; null makes it an error.",
        None,
    )
    split_seed: Annotated[int, Meta(ge=0, le=LARGEST_SEED), rules.whole(0, LARGEST_SEED)] = key(
        "Decides which rows go where. Apart from `seed`, so that a new seed never sees old test "
        "rows.",
        0,
    )
    missing_values: Annotated[
        tuple[str, ...], rules.distinct(rules.mark(), '["-", -999]', empty=True)
    ] = key(
        "Tables: what stands for a missing value in the columns to learn from, beside "
        "empty fields, `NA`, `NaN`, `null` and the like.",
        (),
        examples=[["-", -999]],
    )
    decimal: Annotated[
        Literal[".", ","] | None, rules.optional(rules.text("[.,]", '"." or ","'))
    ] = key(
        "Text files: what stands before the fraction of a number; the other sign may "
        "set its thousands apart. Null: whichever alone can be meant, in each column.",
        None,
        examples=[","],
    )
    columns: Annotated[
        tuple[str, ...] | None,
        rules.optional(rules.distinct(rules.text(COLUMN), "[age, height]")),
    ] = key(
        "Tables: the only columns to learn from; null for all but `target`.",
        None,
        examples=[["age", "height"]],
    )
    exclude: Annotated[
        tuple[str, ...], rules.distinct(rules.text(COLUMN), "[customer_id]", empty=True)
    ] = key(
        "Tables: columns that are not learned from, such as identifiers. New rows to "
        "predict need not have them.",
        (),
        examples=[["customer_id"]],
    )

    @property
    def reading(self) -> Reading:
        """How the columns of a table are read, and which."""
        return Reading(self.decimal, self.missing_values, self.columns, self.exclude)

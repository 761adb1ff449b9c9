"""The keys of a configuration: what each may hold, its default, and what it is for.

These models know structure only; what the parts must hold together is in `meaning`. The JSON
Schema and the reference page are made from them. The keys of `search` and `parallel` are in
`search_schema`. Nothing but the loading of a configuration imports this module, since pydantic
takes long to load.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hpsearch import fields as rules
from hpsearch.config import space_rules
from hpsearch.config.part import Part
from hpsearch.config.resolved import NAME_PATTERN
from hpsearch.config.search_schema import Parallel, Search
from hpsearch.space import ALIASES, SCALES

LARGEST_SEED = 2**63 - 1

COLUMN = r"[\s\S]+"  # spreadsheets have names of two lines

FOREIGN_SCALE = (
    " (other tools mean something else by {}: a log scale mirrored between the bounds; for"
    " values near 1 such as a momentum write 1-10^r: r uniform, value = 1 - 10^r)"
)
REFUSED_SCALES = {
    name: FOREIGN_SCALE.format(name)
    for name in ("reverse_log", "reverse-log", "inv_log_uniform", "inv-log-uniform", "logit")
}


class Data(Part):
    """The rows to learn from. The network needs them."""

    source: Annotated[str, rules.text()] = Field(
        description="`digits`, which is built in, or a file or folder: CSV, TSV, Parquet, NPZ "
        "(x, y, or x_train, y_train, ...), or a folder of IDX files as MNIST has them. Paths are "
        "relative to the configuration file, in --set to the current folder.",
        examples=["digits", "data.csv", "data.parquet", "data.npz", "mnist/"],
    )
    target: Annotated[str | None, rules.optional(rules.text(COLUMN))] = Field(
        default=None, description="Tables: the column to predict.", examples=["label"]
    )
    validation: Annotated[float, rules.share(of="all rows", zero=False)] = Field(
        default=0.2,
        description="Fraction of all rows that compares the trials. Where the source brings its "
        "own validation rows, those are used.",
    )
    test: Annotated[float, rules.share(of="all rows", zero=True)] = Field(
        default=0.2,
        description="Fraction of all rows that only ever judges the winner; 0 for none. Where "
        "the source brings its own test rows, those are used.",
    )
    standardize: Annotated[bool, rules.flag()] = Field(
        default=True, description="Subtract the training rows' mean, divide by their deviation."
    )
    missing: Annotated[str | None, rules.optional(rules.choice("mean"))] = Field(
        default=None,
        description="What stands in for a missing value: `mean` of the training rows; null makes "
        "it an error.",
    )
    missing_values: Annotated[
        tuple[str, ...], rules.distinct(rules.mark(), '["-", -999]', empty=True)
    ] = Field(
        default=(),
        description="Tables: what stands for a missing value in the columns to learn from, beside "
        "empty fields, `NA`, `NaN`, `null` and the like.",
        examples=[["-", -999]],
    )
    decimal: Annotated[str | None, rules.optional(rules.text("[.,]", '"." or ","'))] = Field(
        default=None,
        description="Text files: what stands before the fraction of a number; the other sign may "
        "set its thousands apart. Null: whichever alone can be meant, in each column.",
        examples=[","],
    )
    columns: Annotated[
        tuple[str, ...] | None,
        rules.optional(rules.distinct(rules.text(COLUMN), "[age, height]")),
    ] = Field(
        default=None,
        description="Tables: the only columns to learn from; null for all but `target`.",
        examples=[["age", "height"]],
    )
    exclude: Annotated[
        tuple[str, ...], rules.distinct(rules.text(COLUMN), "[customer_id]", empty=True)
    ] = Field(
        default=(),
        description="Tables: columns that are not learned from, such as identifiers. New rows to "
        "predict need not have them.",
        examples=[["customer_id"]],
    )
    split_seed: Annotated[int, rules.whole(0, LARGEST_SEED)] = Field(
        default=0,
        description="Decides which rows go where. Apart from `seed`, so that a new seed never "
        "sees old test rows.",
    )


class Metric(Part):
    """What makes a trial good."""

    name: Annotated[str, rules.text()] = Field(
        default="val_accuracy",
        description="A metric that the trainer reports after each epoch. Of a function or command "
        "the default is `value`, a bare number that a function returns.",
    )
    goal: Annotated[str | None, rules.optional(rules.choice("minimize", "maximize"))] = Field(
        default=None,
        description="Null: whatever suits the metric; losses are minimized. A metric of your own, "
        "whose name does not tell, needs it.",
    )
    at: Annotated[str, rules.choice("last", "best")] = Field(
        default="last",
        description="The epoch whose metric is a trial's value: the `last` one trained, or the "
        "`best`, whose weights are then kept.",
    )


class Parameter(Part):
    """One hyperparameter to search: a range (`min`, `max`), a choice (`values`), or a `value`."""

    scale: Annotated[
        str | None, rules.optional(rules.choice(*SCALES, *ALIASES, refused=REFUSED_SCALES))
    ] = Field(
        default=None,
        description="Of a range; where equal steps matter equally. `linear` (default); `log` or "
        "`10^r`: 10^r with r uniform, for learning rates; `1-10^r`: 1 - 10^r with r uniform, for "
        "momentum, so that [0.9, 0.999] has median 0.99.",
    )
    min: Annotated[int | float | None, rules.optional(rules.finite())] = Field(
        default=None,
        description="Smallest value, itself included; a true value, never an exponent.",
    )
    max: Annotated[int | float | None, rules.optional(rules.finite())] = Field(
        default=None, description="Largest value, itself included."
    )
    type: Annotated[str | None, rules.optional(rules.choice("int"))] = Field(
        default=None,
        description="`int`: whole numbers only. Left out where the hyperparameter is one anyway.",
    )
    step: Annotated[int | float | None, rules.optional(rules.finite())] = Field(
        default=None, description="Only min, min + step, ... up to max."
    )
    values: Annotated[list[Any] | None, rules.optional(space_rules.values())] = Field(
        default=None,
        description="An unordered choice, each equally likely.",
        examples=[[32, 64, 128]],
    )
    value: Annotated[Any, space_rules.choosable()] = Field(
        default=None, description="One value for every trial.", examples=[0.9]
    )
    per: Annotated[str | None, rules.optional(rules.text())] = Field(
        default=None,
        description="Name of a whole number, in `space` or fixed in `trainer`: the trial holds a "
        "list with one value for each unit of it.",
        examples=["hidden_layers"],
    )
    when: Annotated[dict[str, Any] | None, rules.optional(space_rules.conditions())] = Field(
        default=None,
        description="The parameter counts only where each named choice, boolean, whole number or "
        "fixed setting has the value, or one of the values, given here.",
        examples=[{"optimizer": "momentum"}, {"optimizer": ["momentum", "adam"]}],
    )
    cross: Annotated[bool, rules.flag()] = Field(
        default=False,
        description="Of a choice: train each draw with every value and the same seed, a paired "
        "comparison.",
    )


class Top(Part):
    """The keys that stand alone."""

    name: Annotated[
        str | None,
        rules.optional(
            rules.text(NAME_PATTERN, "at most 100 letters, digits, '.', '_', '-', first no sign")
        ),
    ] = Field(
        default=None,
        description="What runs are called; null: the name of the file.",
        examples=["digits"],
    )
    seed: Annotated[int, rules.whole(0, LARGEST_SEED)] = Field(
        default=0, description="Decides every random number of the search but the data split."
    )


class Configuration(Top):
    """A search: what to train, on what data, over which space, and how hard to look."""

    data: Data | None = Field(default=None, description="The rows to learn from.")
    trainer: dict[str, Any] = Field(
        default={"kind": "network"}, description="What trains a trial, with fixed hyperparameters."
    )
    metric: Metric = Field(default_factory=Metric, description="What makes a trial good.")
    space: dict[str, Parameter] = Field(description="The hyperparameters to search, by name.")
    search: Search = Field(default_factory=Search, description="How much to search, and how.")
    parallel: Parallel = Field(default_factory=Parallel, description="Where trials run.")

"""The keys of a configuration: what each may hold, its default, and what it is for.

These models know structure only; what the parts must hold together is in `meaning`. The JSON
Schema and the reference page are made from them. Nothing but the loading of a configuration
imports this module, since pydantic takes long to load.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hpsearch.config import rules, space_rules
from hpsearch.config.resolved import NAME_PATTERN
from hpsearch.space import ALIASES, SCALES

MOST_TRIALS = 1_000_000
MOST_JOBS = 10_000
LARGEST_SEED = 2**63 - 1

FOREIGN_SCALE = (
    " (other tools mean something else by {}: a log scale mirrored between the bounds; for"
    " values near 1 such as a momentum write 1-10^r: r uniform, value = 1 - 10^r)"
)
REFUSED_SCALES = {
    name: FOREIGN_SCALE.format(name)
    for name in ("reverse_log", "reverse-log", "inv_log_uniform", "inv-log-uniform", "logit")
}


class Part(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Part):
    """The rows to learn from. The network needs them."""

    source: Annotated[str, rules.text()] = Field(
        description="`digits`, which is built in, or a file or folder: CSV, TSV, Parquet, NPZ "
        "(x, y, or x_train, y_train, ...), or a folder of IDX files as MNIST has them. Paths are "
        "relative to the configuration file, in --set to the current folder.",
        examples=["digits", "data.csv", "data.parquet", "data.npz", "mnist/"],
    )
    target: Annotated[str | None, rules.optional(rules.text())] = Field(
        default=None, description="Tables: the column to predict.", examples=["label"]
    )
    validation: Annotated[float, rules.share(zero=False)] = Field(
        default=0.2,
        description="Fraction of all rows that compares the trials. Where the source brings its "
        "own validation rows, those are used.",
    )
    test: Annotated[float, rules.share(zero=True)] = Field(
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
    split_seed: Annotated[int, rules.whole(0, LARGEST_SEED)] = Field(
        default=0,
        description="Decides which rows go where. Apart from `seed`, so that a new seed never "
        "sees old test rows.",
    )


class Metric(Part):
    """What makes a trial good."""

    name: Annotated[str, rules.text()] = Field(
        default="val_accuracy", description="A metric that the trainer reports after each epoch."
    )
    goal: Annotated[str | None, rules.optional(rules.choice("minimize", "maximize"))] = Field(
        default=None, description="Null: whatever suits the metric; losses are minimized."
    )
    at: Annotated[str, rules.choice("last", later=("best",))] = Field(
        default="last", description="The epoch whose metric counts."
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


class Search(Part):
    """How much to search, and how."""

    trials: Annotated[int, rules.whole(1, MOST_TRIALS)] = Field(
        default=64, description="Settings to propose."
    )
    rounds: Annotated[
        int | str, rules.either("auto", rules.whole(1, MOST_TRIALS, also=", or auto"))
    ] = Field(default="auto", description="Steps from coarse to fine; at most `trials`.")
    sampler: Annotated[str, rules.choice("zoom", "random")] = Field(
        default="zoom",
        description="`zoom`: coarse to fine, each round around the best trials so far; `random`: "
        "the whole space throughout.",
    )
    halving: Annotated[bool, rules.not_yet(False)] = Field(
        default=False, description="Stop weak trials early."
    )
    screen: Annotated[bool, rules.not_yet(False)] = Field(
        default=False, description="Train only the most promising of many candidates."
    )
    confirm: Annotated[bool, rules.not_yet(False)] = Field(
        default=False, description="Train the best few again with new seeds before one wins."
    )
    folds: Annotated[None, rules.not_yet(None)] = Field(
        default=None, description="Cross-validation with this many folds."
    )
    repeats: Annotated[int, rules.not_yet(1)] = Field(
        default=1, description="Trainings of each trial, averaged."
    )
    timeout: Annotated[float | None, rules.optional(rules.duration())] = Field(
        default=None,
        description="Time for the whole search: seconds, or a text such as 90s, 10m, 2h, 1d.",
        examples=["10m"],
    )
    trial_timeout: Annotated[float | None, rules.optional(rules.duration())] = Field(
        default=None, description="Time for one trial; a longer one has failed.", examples=["90s"]
    )
    start: Annotated[str | list[Any] | None, rules.optional(space_rules.start())] = Field(
        default=None,
        description="Settings by hand, or the name of a run whose best are taken: trained first "
        "and in full. The first is the baseline that the winner is compared with.",
        examples=[[{"learning_rate": 0.001, "batch_size": 64}]],
    )


class Parallel(Part):
    """Where trials run; nothing here changes a result."""

    jobs: Annotated[
        int | str,
        rules.either("auto", rules.either(-1, rules.whole(1, MOST_JOBS, also=", auto, or -1"))),
    ] = Field(
        default="auto",
        description="Trials at a time. `auto`: every core for the network, 1 for your own "
        "trainer; -1: every core.",
    )
    backend: Annotated[str, rules.choice("local", "serial", later=("dask",))] = Field(
        default="local", description="`local`: processes on this machine; `serial`: this process."
    )
    threads: Annotated[
        int | str, rules.either("auto", rules.whole(1, MOST_JOBS, also=", or auto"))
    ] = Field(
        default="auto",
        description="Threads of each worker. `auto`: 1 for the network, else cores/jobs.",
    )
    devices: Annotated[None, rules.not_yet(None)] = Field(
        default=None, description="GPUs to share out among the workers."
    )
    memory: Annotated[None, rules.not_yet(None)] = Field(
        default=None, description="Memory that one worker may use."
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

"""The keys of `search` and `parallel`: how much to look, how, and where trials run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from hpsearch import fields as rules
from hpsearch.config import space_rules
from hpsearch.config.part import Part, Switch

MOST_TRIALS = 1_000_000
MOST_TRAININGS = 1000  # of one trial: folds, repeats, seeds
MOST_JOBS = 10_000
LEAST_MEMORY = "64M"  # importing the network takes 48M to 64M, before any data


class Halving(Part):
    """How weak trials stop early."""

    min_epochs: Annotated[
        int | None, rules.optional(rules.whole(1, MOST_TRIALS, also=", or null"))
    ] = Field(
        default=None,
        description="No trial stops before so many epochs; at most `trainer.epochs`. Null: trials "
        "stop at two rungs, a ninth and a third of a full training for factor 3.",
    )
    factor: Annotated[int, rules.whole(2, MOST_TRIALS)] = Field(
        default=3,
        description="One in so many goes on to the next rung, which trains so many times longer.",
    )


class Confirm(Part):
    """How the best are trained again."""

    top: Annotated[int, rules.whole(1, MOST_TRIALS)] = Field(
        default=3, description="Settings to train again: the best so many."
    )
    seeds: Annotated[int, rules.whole(1, MOST_TRAININGS)] = Field(
        default=3, description="Trainings of each of them, with new seeds."
    )
    share: Annotated[float, rules.share(of="the planned epochs", zero=False, one=True)] = Field(
        default=0.1,
        description="Most that all this may take, as a fraction of the epochs of all `trials` "
        "trained in full; where it is too little, fewer settings and seeds are confirmed.",
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
    halving: Annotated[Halving | None, Switch(Halving)] = Field(
        default=True,
        validate_default=True,
        description="Stop weak trials early: in each round all trials train a little, the best of "
        "them go on, and so on. Off where a choice is crossed: a pair is trained equally long.",
        examples=[{"min_epochs": 3, "factor": 3}],
    )
    screen: Annotated[bool, rules.flag()] = Field(
        default=True,
        description="Of many candidates train those of which a model of the trials so far expects "
        "most. For sampler zoom.",
    )
    confirm: Annotated[Confirm | None, Switch(Confirm)] = Field(
        default=True,
        validate_default=True,
        description="Train the best few again with new seeds: the winner is the best mean of the "
        "new values, so that it is not the luckiest. Off where a choice is crossed, unless given.",
        examples=[{"top": 5, "seeds": 5, "share": 0.2}],
    )
    folds: Annotated[
        int | None, rules.optional(rules.whole(2, MOST_TRAININGS, also=", or null"))
    ] = Field(
        default=None,
        description="Cross-validation, for small data: the training and validation rows are cut "
        "into so many folds, each trial is trained once for each of them as its validation rows, "
        "and the values are averaged.",
        examples=[5],
    )
    repeats: Annotated[int, rules.whole(1, MOST_TRAININGS)] = Field(
        default=1, description="Trainings of each trial with different seeds, averaged."
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
        description="Threads of each worker. `auto`: 1 for network and keras, else cores/jobs.",
    )
    devices: Annotated[
        tuple[int, ...] | None, rules.optional(rules.distinct(rules.whole(0, MOST_JOBS), "[0, 1]"))
    ] = Field(
        default=None,
        description="Numbers of the CUDA devices that the workers share out: each sees one, by "
        "its own `CUDA_VISIBLE_DEVICES`. The network needs none.",
        examples=[[0, 1]],
    )
    memory: Annotated[int | None, rules.optional(rules.memory(LEAST_MEMORY))] = Field(
        default=None,
        description="Most memory that the data of one worker may take; a trial that needs more "
        "has failed. Bytes, or a text in K, M, G or T, each 1024 of the one before (KiB is "
        f"another word for K); at least {LEAST_MEMORY}, and the network takes about 96M on the "
        "digits. On Linux.",
        examples=["2G"],
    )

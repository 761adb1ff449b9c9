"""The configuration: every key with its type, default, rule, purpose and examples.

One set of classes is what a user writes, what is checked, and what everything else reads: a
key's rule says what a user may write, its type what a complete configuration holds. Where the
two differ (a goal or a start that is left out) `loading` fills in the rest. The JSON Schema and
the reference page are made from these classes, too; importing them is cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from hpsearch import fields as rules
from hpsearch.config import space_rules
from hpsearch.data.options import LARGEST_SEED, DataOptions
from hpsearch.fields import Keys, Switch, Written, key
from hpsearch.sampling import SamplerName
from hpsearch.space import ALIASES, SCALES, Space
from hpsearch.trainers.kinds import Goal
from hpsearch.trial import Choosable, Count, Params

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Names of searches and runs: a folder's name on every system, never a path."""

NAME = "at most 100 letters, digits, '.', '_', '-', and must start with a letter or digit"

MOST_TRIALS = 1_000_000
MOST_TRAININGS = 1000  # of one trial: folds, repeats, seeds
MOST_JOBS = 10_000
LEAST_MEMORY = "64M"  # importing the network takes 48M to 64M, before any data

FOREIGN_SCALE = (
    " (other tools mean something else by {}: a log scale mirrored between the bounds; for"
    " values near 1 such as a momentum write 1-10^r: r uniform, value = 1 - 10^r)"
)
REFUSED_SCALES = {
    name: FOREIGN_SCALE.format(name)
    for name in ("reverse_log", "reverse-log", "inv_log_uniform", "inv-log-uniform", "logit")
}

Positive = Annotated[int, Meta(ge=1, le=LARGEST_SEED)]
"""A whole number from 1 on, in the file of a run, which the rule does not check again."""

Trainings = Annotated[int, Meta(ge=1, le=MOST_TRAININGS)]

Seconds = Annotated[float, Meta(gt=0)]

ABSENT = ()
"""The default of a key that may be null, where null is not the same as nothing."""


@dataclass(frozen=True)
class TrainerConfig:
    """What trains a trial: its kind, and the hyperparameters that are the same in every trial.

    `settings` always has "epochs"; hyperparameters in neither `settings` nor the space keep
    the trainer's defaults. `options` are the other keys of the kind: what to run, and where.
    """

    kind: str
    settings: Mapping[str, Choosable]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """The epochs of a full training."""
        epochs = self.settings["epochs"]
        assert isinstance(epochs, int)
        return epochs


@dataclass(frozen=True)
class Metric(Keys):
    """What makes a trial good."""

    name: Annotated[str, rules.text()] = key(
        "A metric that the trainer reports after each epoch. Of a function or command "
        "the default is `value`, a bare number that a function returns.",
        "val_accuracy",
    )
    goal: Annotated[Goal, rules.optional(rules.choice("minimize", "maximize"))] = key(
        "Null: whatever suits the metric; losses are minimized. A metric of your own, "
        "whose name does not tell, needs it.",
        None,
    )
    at: Annotated[Literal["last", "best"], rules.choice("last", "best")] = key(
        "The epoch whose metric is a trial's value: the `last` one trained, or the "
        "`best`, whose weights are then kept.",
        "last",
    )
    target: Annotated[int | float | None, rules.optional(rules.finite())] = key(
        "Good enough: the search ends with the first trial, by number, that is completed and "
        "reaches this value.",
        None,
        examples=[0.99],
    )
    at_most: Annotated[float | None, rules.optional(rules.finite())] = key(
        "A bound that the winner keeps: a trial that breaks it comes after all that keep it, by "
        "how much it breaks it.",
        None,
        examples=[5],
    )
    at_least: Annotated[float | None, rules.optional(rules.finite())] = key(
        "The same from below.", None, examples=[0.9]
    )

    @property
    def bounded(self) -> bool:
        """Whether there is a bound."""
        return self.at_most is not None or self.at_least is not None

    def as_dict(self) -> dict[str, Any]:
        """As run.json has it; a bound that there is not is left out."""
        return {name: value for name, value in _keys(self).items() if value is not None}


@dataclass(frozen=True)
class NormalKeys(Keys):
    """A normal law of drawing."""

    mean: Annotated[int | float, rules.finite()] = key(
        "Where values are most likely: a true value, never an exponent. On `log` the median.",
        examples=[0.01],
    )
    deviation: Annotated[int | float, rules.above_zero()] = key(
        "Two thirds of the values lie at most so far from the mean: in powers of ten on `log` "
        "(0.5: a factor of 3.2) and, for the distance from 1, on `1-10^r`. Of another tool's "
        "lognormal, whose mu and sigma are powers of e, write e^mu and sigma / 2.3.",
        examples=[0.5],
    )


@dataclass(frozen=True)
class ParameterKeys(Keys):
    """One hyperparameter: a range (`min`, `max`), a choice (`values`), a `value`, or derived."""

    scale: Annotated[
        str | None, rules.optional(rules.choice(*SCALES, *ALIASES, refused=REFUSED_SCALES))
    ] = key(
        "Of a range; where equal steps matter equally. `linear` (default); `log` or "
        "`10^r`: 10^r with r uniform, for learning rates; `1-10^r`: 1 - 10^r with r uniform, for "
        "momentum, so that [0.9, 0.999] has median 0.99.",
        None,
    )
    min: Annotated[int | float | None, rules.optional(rules.finite())] = key(
        "Smallest value, itself included; a true value, never an exponent.", None
    )
    max: Annotated[int | float | None, rules.optional(rules.finite())] = key(
        "Largest value, itself included.", None
    )
    type: Annotated[str | None, rules.optional(rules.choice("int"))] = key(
        "`int`: whole numbers only. Left out where the hyperparameter is one anyway.", None
    )
    step: Annotated[int | float | None, rules.optional(rules.finite())] = key(
        "Only min, min + step, ... up to max.", None
    )
    normal: Annotated[NormalKeys | None, Switch(NormalKeys, null=True, on_off=False)] = key(
        "Of a range: drawn by a normal law on the scale, not evenly. Without `min` and `max` it "
        "goes 4 deviations to either side; these cut it off.",
        None,
        examples=[{"mean": 0.01, "deviation": 0.5}],
    )
    values: Annotated[list[Any] | None, rules.optional(space_rules.choices())] = key(
        "A choice, each equally likely. A list or a mapping among them is one value; a "
        "command gets it as JSON, or an entry of a mapping by `{name.entry}`.",
        None,
        examples=[[32, 64, 128], [{"lr": 0.1, "decay": False}, {"lr": 0.01, "decay": True}]],
    )
    choice: Annotated[dict[str, Any] | None, rules.optional(space_rules.groups())] = key(
        "`values` that are texts, each with a group of parameters that count with it: short for "
        "these parameters beside it, each with a `when`. Groups may hold groups, and a name may "
        "stand in several.",
        None,
        examples=[{"adam": {"beta1": {"min": 0.8, "max": 0.99}}, "sgd": {}}],
    )
    ordered: Annotated[bool | None, rules.optional(rules.flag())] = key(
        "Whether neighbours in `values` are alike, so that the search closes in on them as on a "
        "range. Null: where `values` are numbers in ascending order. `false` for numbers that "
        "are mere names, such as seeds; `true` for texts from least to most.",
        None,
    )
    value: Annotated[Any, space_rules.choosable()] = key(
        "One value for every trial.", ABSENT, written=None, examples=[0.9]
    )
    derive: Annotated[str | None, rules.optional(rules.text())] = key(
        "Computed from other parameters and fixed settings, and not searched: an expression as in "
        "`where`. It is inactive where one of them is.",
        None,
        examples=["batch_size * 4"],
    )
    guess: Annotated[Any, space_rules.choosable()] = key(
        "The value that you expect to be best: half of the draws of the coarse round lie around "
        "it, the others anywhere, so a wrong guess costs little.",
        ABSENT,
        written=None,
        examples=[0.01],
    )
    per: Annotated[str | None, rules.optional(rules.text())] = key(
        "Name of a whole number, in `space` or fixed in `trainer`: the trial holds a "
        "list with one value for each unit of it.",
        None,
        examples=["hidden_layers"],
    )
    when: Annotated[dict[str, Any] | None, rules.optional(space_rules.conditions())] = key(
        "The parameter counts only where each named choice, boolean, whole number or "
        "fixed setting has the value, or one of the values, given here.",
        None,
        examples=[{"optimizer": "momentum"}, {"optimizer": ["momentum", "adam"]}],
    )
    cross: Annotated[bool, rules.flag()] = key(
        "Of a choice: train each draw with every value and the same seed, a paired comparison.",
        False,
    )


@dataclass(frozen=True)
class Halving(Keys):
    """How weak trials stop early."""

    min_epochs: Annotated[
        Positive | None, rules.optional(rules.whole(1, MOST_TRIALS, also=", or null"))
    ] = key(
        "No trial stops before so many epochs; at most `trainer.epochs`. Null: trials "
        "stop at two rungs, a ninth and a third of a full training for factor 3.",
        None,
    )
    factor: Annotated[int, Meta(ge=2, le=LARGEST_SEED), rules.whole(2, MOST_TRIALS)] = key(
        "One in so many goes on to the next rung, which trains so many times longer.", 3
    )


@dataclass(frozen=True)
class Confirm(Keys):
    """How the best are trained again."""

    top: Annotated[Positive, rules.whole(1, MOST_TRIALS)] = key(
        "Settings to train again: the best so many.", 3
    )
    seeds: Annotated[Trainings, rules.whole(1, MOST_TRAININGS)] = key(
        "Trainings of each of them, with new seeds.", 3
    )
    share: Annotated[
        float, Meta(gt=0, le=1), rules.share(of="the planned epochs", zero=False, one=True)
    ] = key(
        "Most that all this may take, as a fraction of the epochs of all `trials` "
        "trained in full; where it is too little, fewer settings and seeds are confirmed.",
        0.1,
    )


@dataclass(frozen=True)
class Search(Keys):
    """How much to search, and how."""

    trials: Annotated[
        Positive | None, rules.optional(rules.whole(1, MOST_TRIALS, also=", or null"))
    ] = key(
        "Settings to propose, at most. Null, or left out with one of these: the whole grid with "
        "sampler grid, and as many as `max_epochs` allows.",
        64,
    )
    rounds: Annotated[
        Positive | Literal["auto"],
        rules.either("auto", rules.whole(1, MOST_TRIALS, also=", or auto")),
    ] = key(
        "Steps from coarse to fine; at most `trials`. `auto`: small ones, the last of them "
        "without halving; a number: so many, all alike.",
        "auto",
    )
    sampler: Annotated[SamplerName, rules.choice(*get_args(SamplerName))] = key(
        "`zoom`: coarse to fine, each round around the best trials so far; `random`: "
        "the whole space throughout; `grid`: each setting of a space without ranges of real "
        "numbers, once, in an order that the seed decides.",
        "zoom",
    )
    halving: Annotated[Halving | None, Switch(Halving)] = key(
        "Stop weak trials early: in each of the first rounds all trials train a little, the best "
        "of them go on, and so on; later all are trained in full. Off where a choice is crossed: "
        "a pair is trained equally long.",
        Halving(),
        written=True,
        examples=[{"min_epochs": 3, "factor": 3}],
    )
    screen: Annotated[bool, rules.flag()] = key(
        "Of many candidates train those of which a model of the trials so far expects "
        "most. For sampler zoom.",
        True,
    )
    confirm: Annotated[Confirm | None, Switch(Confirm)] = key(
        "Train the best few again with new seeds: the winner is the best mean of the "
        "new values, so that it is not the luckiest. Off where a choice is crossed, unless given.",
        Confirm(),
        written=True,
        examples=[{"top": 5, "seeds": 5, "share": 0.2}],
    )
    folds: Annotated[
        Annotated[int, Meta(ge=2, le=MOST_TRAININGS)] | None,
        rules.optional(rules.whole(2, MOST_TRAININGS, also=", or null")),
    ] = key(
        "Cross-validation, for small data: the training and validation rows are cut "
        "into so many folds, each trial is trained once for each of them as its validation rows, "
        "and the values are averaged.",
        None,
        examples=[5],
    )
    repeats: Annotated[Trainings, rules.whole(1, MOST_TRAININGS)] = key(
        "Trainings of each trial with different seeds, averaged.", 1
    )
    timeout: Annotated[Seconds | None, rules.optional(rules.duration())] = key(
        "Time for the whole search: seconds, or a text such as 90s, 10m, 2h, 1d.",
        None,
        examples=["10m"],
    )
    trial_timeout: Annotated[Seconds | None, rules.optional(rules.duration())] = key(
        "Time for one trial; a longer one has failed.", None, examples=["90s"]
    )
    max_epochs: Annotated[
        Positive | None, rules.optional(rules.whole(1, LARGEST_SEED, also=", or null"))
    ] = key(
        "A budget of training, in epochs of all trials together: the search is planned so that "
        "it suffices, confirmation included. What is trained again after a failure comes on top.",
        None,
        examples=[2000],
    )
    max_failures: Annotated[
        Count | None, rules.optional(rules.whole(0, MOST_TRIALS, also=", or null"))
    ] = key(
        "Failed trials that are put up with: the search ends with the one, by number, that is "
        "one too many. Null: it goes on, unless each of the first ten has failed.",
        None,
        examples=[5],
    )
    patience: Annotated[
        Positive | None, rules.optional(rules.whole(1, MOST_TRIALS, also=", or null"))
    ] = key(
        "The search ends after so many rounds in a row without a better best trial.",
        None,
        examples=[3],
    )
    retries: Annotated[Count, rules.whole(0, MOST_TRAININGS)] = key(
        "A training that failed (an error, its time was over, its worker died) is done again, "
        "at most so often; then its trial has failed.",
        0,
        examples=[2],
    )
    start: Annotated[tuple[Params, ...] | str, rules.optional(space_rules.start())] = key(
        "Settings by hand, or the name of a run whose best are taken: trained first "
        "and in full. The first is the baseline that the winner is compared with.",
        (),
        written=None,
        examples=[[{"learning_rate": 0.001, "batch_size": 64}]],
    )

    @property
    def by_hand(self) -> tuple[Params, ...]:
        """The settings to start with; none while `start` only names a run."""
        return () if isinstance(self.start, str) else self.start


@dataclass(frozen=True)
class Tls(Keys):
    """The files with which a Dask cluster proves who it is."""

    ca_file: Annotated[str | None, rules.optional(rules.text())] = key(
        "The certificate of the authority that signed the others.", None, examples=["ca.pem"]
    )
    cert: Annotated[str | None, rules.optional(rules.text())] = key(
        "The certificate of this side.", None, examples=["client.pem"]
    )
    key: Annotated[str | None, rules.optional(rules.text())] = key(
        "Its private key.", None, examples=["client-key.pem"]
    )


@dataclass(frozen=True)
class Parallel(Keys):
    """Where trials run; nothing but `workers` changes a result."""

    jobs: Annotated[
        Annotated[int, Meta(ge=-1, le=MOST_JOBS)] | Literal["auto"],
        rules.either("auto", rules.either(-1, rules.whole(1, MOST_JOBS, also=", auto, or -1"))),
    ] = key(
        "Trials at a time. `auto`: every core for the network, 1 for your own "
        "trainer; -1: every core.",
        "auto",
    )
    backend: Annotated[
        Literal["local", "serial", "dask", "joblib"],
        rules.choice(
            *("local", "serial", "dask", "joblib"),
            refused={
                name: f" (an engine: write backend: joblib, engine: {name})"
                for name in ("loky", "threading", "ray", "spark")
            },
        ),
    ] = key(
        "`local`: processes on this machine; `serial`: this process; `dask`: the workers of a "
        "Dask cluster; `joblib`: another engine that joblib reaches.",
        "local",
    )
    scheduler: Annotated[str | None, rules.optional(rules.text())] = key(
        "Address of a Dask scheduler that runs already. With backend `dask` and neither this nor "
        "a `scheduler_file`, a cluster of processes is started on this machine.",
        None,
        examples=["tcp://10.0.0.1:8786"],
    )
    scheduler_file: Annotated[str | None, rules.optional(rules.text())] = key(
        "The file into which `dask scheduler --scheduler-file` writes its address.",
        None,
        examples=["scheduler.json"],
    )
    tls: Annotated[Tls | None, Switch(Tls, null=True)] = key(
        "The certificates for a `tls://` scheduler.",
        None,
        examples=[{"ca_file": "ca.pem", "cert": "client.pem", "key": "client-key.pem"}],
    )
    engine: Annotated[str | None, rules.optional(rules.text())] = key(
        "With backend `joblib`: the engine, by the name that joblib knows it by: `loky`, "
        "`threading`, `ray`, `spark`, or one that you registered.",
        None,
        examples=["ray"],
    )
    workers: Annotated[Positive | None, rules.optional(rules.whole(1, MOST_JOBS))] = key(
        "How many trials you mean to train at once, for the plan: with more workers, rounds are "
        "larger, and more of them overlap, so that nobody waits. It decides which trials there "
        "are, and so is never taken from the machine. null: 4.",
        None,
        examples=[64],
    )
    threads: Annotated[
        Positive | Literal["auto"],
        rules.either("auto", rules.whole(1, MOST_JOBS, also=", or auto")),
    ] = key(
        "Threads of each worker. `auto`: 1 for network and keras, else cores/jobs.",
        "auto",
    )
    devices: Annotated[
        tuple[Count, ...] | None,
        rules.optional(rules.distinct(rules.whole(0, MOST_JOBS), "[0, 1]")),
    ] = key(
        "Numbers of the CUDA devices that the workers share out: each sees one, by "
        "its own `CUDA_VISIBLE_DEVICES`. The network needs none.",
        None,
        examples=[[0, 1]],
    )
    memory: Annotated[Positive | None, rules.optional(rules.memory(LEAST_MEMORY))] = key(
        "Most memory that the data of one worker may take; a trial that needs more "
        "has failed. Bytes, or a text in K, M, G or T, each 1024 of the one before (KiB is "
        f"another word for K); at least {LEAST_MEMORY}, and the network takes about 96M on the "
        "digits. On Linux.",
        None,
        examples=["2G"],
    )


@dataclass(frozen=True)
class Babysit(Keys):
    """What is kept of a model that is babysat."""

    keep: Annotated[Positive, rules.whole(1, MOST_TRIALS)] = key(
        "Snapshots of a branch beside the last, the best, and those before interventions: so "
        "many, evenly spread. From any other epoch it is trained again, to the same bits.",
        20,
    )


@dataclass(frozen=True, kw_only=True)
class Heading(Keys):
    """The keys that stand alone."""

    name: Annotated[str, rules.optional(rules.text(NAME_PATTERN, NAME))] = key(
        "What runs are called; null: the name of the file.", None, examples=["digits"]
    )
    seed: Annotated[Count, rules.whole(0, LARGEST_SEED)] = key(
        "Decides every random number of the search but the data split.", 0
    )
    where: Annotated[tuple[str, ...], space_rules.constraints()] = key(
        "Constraints: what must be true of every trial's setting, else it is drawn anew. Names of "
        "`space` and of fixed settings in `trainer`, numbers, text, `true`, `false`, "
        "`+ - * / // % **`, comparisons, `in`, `and`, `or`, `not`, lists, entries (`units[0]`), "
        "`abs`, `len`, `log2`, `max`, `min`, `round`, `sum`. One that names what is inactive in a "
        "setting, be it an entry that a list lacks, does not apply to it. A name that is none of "
        'Python\'s is written `space["learning-rate"]`.',
        (),
        written=[],
        examples=[["beta1 < beta2", "hidden_units[0] * hidden_layers <= 512"]],
    )


@dataclass(frozen=True, kw_only=True)
class Config(Heading):
    """A search: what to train, on what data, over which space, and how hard to look."""

    data: DataOptions | None = key("The rows to learn from.", None)
    trainer: Annotated[TrainerConfig, Written(dict[str, Any])] = key(
        "What trains a trial, with fixed hyperparameters.", written={"kind": "network"}
    )
    metric: Annotated[Metric, Written(Metric | list[Metric])] = key(
        "What makes a trial good; or a list: the metric that decides, then metrics with a bound "
        "to keep (`at_most`, `at_least`), or with a `goal` of their own, which makes a front of "
        "trials that no other beats.",
        examples=[[{"name": "val_accuracy"}, {"name": "parameters", "at_most": 5000}]],
    )
    space: Annotated[Space, Written(dict[str, ParameterKeys | list[ParameterKeys]])] = key(
        "The hyperparameters to search, by name; each with its keys, or a list of alternatives, "
        "of which the one counts whose `when` holds."
    )
    search: Search = key("How much to search, and how.")
    parallel: Parallel = key("Where trials run.")
    babysit: Babysit = key("What is kept of a model that is babysat.")
    other_metrics: tuple[Metric, ...] = ()
    """The metrics after the first, where `metric` is a list; one without a goal has a bound."""
    text: bytes | None = field(default=None, compare=False, repr=False)
    """What the user wrote, byte for byte; None for a configuration from Python. Configurations
    that mean the same are equal, however they were written."""

    def as_dict(self) -> dict[str, Any]:
        """Every setting as plain JSON values; `stored.read` makes an equal Config of them."""
        return {
            "name": self.name,
            "seed": self.seed,
            "data": None if self.data is None else _plain(_keys(self.data)),
            "trainer": {
                "kind": self.trainer.kind,
                **_plain(self.trainer.options),
                **_plain(self.trainer.settings),
            },
            "metric": self._metrics(),
            "space": _plain(self.space.as_config()),
            **({"where": list(self.where)} if self.where else {}),
            "search": {
                **_plain(_keys(self.search)),
                "halving": _plain(self.search.halving) or False,
                "confirm": _plain(self.search.confirm) or False,
                "start": _plain(self.search.start) or None,
            },
            "parallel": _plain(_keys(self.parallel)),
            "babysit": _plain(_keys(self.babysit)),
        }

    def _metrics(self) -> Any:
        first, *others = (each.as_dict() for each in (self.metric, *self.other_metrics))
        return [first, *others] if others else first


def _keys(section: Any) -> dict[str, Any]:
    """The keys of a section, also those that an old run's file lacked: `vars` has none of them."""
    return {each.name: getattr(section, each.name) for each in fields(section)}


def _plain(value: Any) -> Any:
    """A value with dicts for mappings, lists for tuples and text for paths, all the way down."""
    if isinstance(value, Halving | Confirm | Tls):
        return _plain(_keys(value))
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) else value

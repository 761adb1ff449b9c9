"""What a kind of trainer is, and which kinds there are.

A kind says all that is particular to its trainers: its keys in a configuration and their checks,
how a trainer is made, how the winner's model is written and opened. Each built-in kind has a
folder here, with a `kind.py`. Another package adds one by an entry point of the group
`hpsearch.trainers`: its name is the kind's, its object is a `Kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hpsearch.errors import TrainerError
from hpsearch.fields import Rule
from hpsearch.trainers.hyperparameter import Hyperparameter

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from hpsearch.data.dataset import Dataset
    from hpsearch.data.encoding import Encoding
    from hpsearch.store import SafePath
    from hpsearch.trainers.protocol import Best, Job, Predictor, Settings, State, Trainer
    from hpsearch.trial import Layer

BUILT_IN = {
    "network": "hpsearch.trainers.network.kind:KIND",
    "keras": "hpsearch.trainers.keras.kind:KIND",
    "function": "hpsearch.trainers.function.kind:KIND",
    "command": "hpsearch.trainers.command.kind:KIND",
}
"""Where each built-in kind is; it is imported when it is asked for."""

GROUP = "hpsearch.trainers"
"""The group of entry points by which other packages add kinds."""

Goal = Literal["minimize", "maximize"]

Remarks = list[tuple[str, str]]
"""Names of hyperparameters or keys, each with a message about it."""

LOWER = ("loss", "error", "rmse", "mse", "mae", "perplexity")
HIGHER = ("accuracy", "acc", "auc", "f1", "precision", "recall", "r2", "reward")
"""Ends of the names of metrics whose goal is plain."""


@dataclass(frozen=True)
class Option:
    """One key of `trainer` that is no hyperparameter.

    Attributes:
        name: the key.
        rule: what its value may be.
        help: what it means, in Markdown.
        example: a value as YAML writes it.
        default: None leaves it unset.
        required: whether it must be given.
        place: "file" for a text that names a file: `~` stands for the home folder. "folder" for
            the folder that such files are in: it becomes a full path, the configuration's own
            folder where it is left out. Both are relative to the current folder in `--set`.
    """

    name: str
    rule: Rule
    help: str
    example: str
    default: Any = None
    required: bool = False
    place: Literal["file", "folder"] | None = None


@dataclass(frozen=True)
class UserCode:
    """The code of the user's that a kind runs; a run from a stranger needs `--trust` for it.

    Attributes:
        key: the option that names it.
        noun: what it is, in messages.
        places: where it is looked for, given the options; tells without running any of it.
        modules: what of it a machine elsewhere needs, by paths relative to the option "folder";
            imports it. None where it has to be there: then `inspect` looks for it there.
    """

    key: str
    noun: str
    places: Callable[[Mapping[str, Any]], Iterable[Path]]
    modules: Callable[[Mapping[str, Any]], Mapping[str, bytes]] | None = None


@dataclass(frozen=True)
class Setup:
    """What a configuration says of its trainer, as plain values.

    Attributes:
        options: the values of the kind's options.
        names: of the parameters in the space.
        metric: the one that counts.
        measured: metrics that are reported only where trials are compared by them.
        best: what makes an epoch the best one; None where the last one counts.
        threads: that one trial may use.
        workers: whether trials are trained in other processes than this one.
        function: handed over from Python, instead of one that the configuration names.
    """

    options: Mapping[str, Any]
    names: tuple[str, ...]
    metric: str
    best: Best | None = None
    threads: int = 1
    workers: bool = True
    function: Callable[..., Any] | None = None
    measured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workplace:
    """Where a trainer works.

    Attributes:
        run: the run's folder, or a temporary one; what is printed goes to its "logs".
        data: the folder of the prepared arrays, see `network.arrays`.
        classes: of the target; 0 where the trainer reads its own data.
    """

    run: Path
    data: Path
    classes: int = 0


@dataclass(frozen=True)
class Trained:
    """The training of the winner whose model is to be kept.

    Attributes:
        trainer: that trained it.
        job: the whole training.
        state: after it.
        dataset: the rows of its fold, and how they were encoded.
        at_worker: calls a function with arguments in a worker.
    """

    trainer: Trainer
    job: Job
    state: State
    dataset: Dataset
    at_worker: Callable[..., Any]


@dataclass(frozen=True)
class ModelFile:
    """How a kind keeps the winner's model in the folder best/ of a run.

    Attributes:
        name: of the file, such as "model.npz"; it begins with "model.".
        write: writes it into the folder, and gives the model ready to predict.
        load: reads it in the folder, with the encoding of the rows that it takes.
        as_bytes: the file's content, for `retrain --output FILE.npz`; None if that is not offered.
    """

    name: str
    write: Callable[[SafePath, Trained], Predictor]
    load: Callable[[SafePath, Setup], tuple[Predictor, Encoding]]
    as_bytes: Callable[[Settings, State, Dataset], bytes] | None = None


def _nothing(*_: object) -> Remarks:
    return []


def _nobody(*_: object) -> None:
    return None


def _cannot(*_: object) -> Any:
    raise NotImplementedError


@dataclass(frozen=True)
class Kind:
    """A kind of trainer.

    Attributes:
        name: the value of `trainer.kind`.
        make: makes the trainer of a search.
        hyperparameters: by name, "epochs" among them; they may be fixed in `trainer`.
        help: what the kind is, in Markdown, for the reference page.
        options: the other keys of `trainer`, by name.
        any_names: the space may name any parameter, and any metric may be reported: those of
            some model of the user's. Otherwise only `hyperparameters` and `metrics` exist.
        metrics: what is reported after each epoch, each with its goal. Some are `measured` only
            where trials are compared by them.
        default_metric: what counts where the configuration names no metric.
        timed: metrics that measure time, and so differ from run to run.
        shares: metrics that lie between 0 and 1 by their formula.
        needs_data: it trains on `data`, as hpsearch prepares it; otherwise `data` is refused.
        reserved: names that each trial is given besides its parameters.
        check_settings: what keeps all hyperparameters of one trial from being trained together.
        ignored_settings: which of them change nothing, with the reason.
        check_options: what is wrong with options, given the names of all parameters, and of the
            entries of those whose values are mappings.
        check_trial: what keeps options from being used with the parameters of one trial, given
            the names of all parameters and those that are active.
        example: what one trial comes to, such as its command line, given what `check_trial` is.
        unused_parameters: which parameters the options make no use of.
        remarks: what may not be meant by options that are sound, given the names of parameters.
        inspect: looks at what will train before a search begins, and raises a TrainerError if it
            cannot work. Gives whether training can stop after any epoch and go on later; where
            it cannot, no weak trial is stopped early.
        trained_anew: what would let a trial go on at a later rung from where it stopped, given the
            options; None where it does so already, or nobody can tell.
        unsteerable: why a training cannot be steered epoch by epoch, and what to do about it;
            None where it can. It raises what `inspect` raises.
        health: how each layer of a model trains, measured on one mini-batch by its state, from
            the input on. It changes nothing. None where a kind cannot say.
        rate: the learning rate at the end of an epoch, counted from 1, under a setting; None
            where a kind does not know of one.
        threads: of one trial: always "one", one unless more are "asked" for, or "all" cores,
            which `parallel.jobs: auto` then leaves to one trial at a time.
        devices: whether it can use graphics cards.
        code: the code of the user's that it runs, if any.
        model: how the winner's model is kept; None where only its settings are.
        snippets: the settings as code, by the name of a framework, given features and classes.
        variants: kinds that take its place where an option of their own is set.
        chosen_by: the option that chooses this variant.
    """

    name: str
    make: Callable[[Setup, Workplace], Trainer]
    hyperparameters: Mapping[str, Hyperparameter]
    help: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    any_names: bool = False
    metrics: Mapping[str, Goal] = field(default_factory=dict)
    default_metric: str = "val_accuracy"
    timed: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()
    needs_data: bool = True
    reserved: tuple[str, ...] = ()
    check_settings: Callable[[Mapping[str, Any]], Remarks] = _nothing
    ignored_settings: Callable[[Mapping[str, Any]], Remarks] = _nothing
    check_options: Callable[[Mapping[str, Any], list[str]], Remarks] = _nothing
    unused_parameters: Callable[[Mapping[str, Any], list[str]], Remarks] = _nothing
    check_trial: Callable[[Mapping[str, Any], list[str], Mapping[str, Any]], Remarks] = _nothing
    example: Callable[[Mapping[str, Any], list[str], Mapping[str, Any]], str | None] = _nobody
    remarks: Callable[[Mapping[str, Any], list[str]], Remarks] = _nothing
    inspect: Callable[[Setup], bool] = lambda _: True
    trained_anew: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    unsteerable: Callable[[Setup], str | None] = lambda _: None
    health: Callable[[Trainer, Job, State], list[Layer]] | None = None
    rate: Callable[[Settings, int], float] | None = None
    threads: Literal["one", "asked", "all"] = "one"
    devices: bool = False
    code: UserCode | None = None
    model: ModelFile | None = None
    snippets: Callable[[Settings, int, int], Mapping[str, list[str]]] = lambda *_: {}
    variants: tuple[Kind, ...] = ()
    chosen_by: str = ""

    def goal(self, metric: str) -> Goal | None:
        """The goal that a metric's name implies; None where it might be either."""
        if not self.any_names:
            return self.metrics.get(metric)
        if metric.endswith(LOWER):
            return "minimize"
        return "maximize" if metric.endswith(HIGHER) else None

    def limits(self) -> dict[str, tuple[float | None, float | None]]:
        """Bounds that no value of a hyperparameter can pass, by name.

        >>> kind_named("network").limits()["dropout"]
        (0, 1)
        """
        return {name: (known.low, known.high) for name, known in self.hyperparameters.items()}

    def data_missing(self) -> str:
        """What to say of a configuration without `data`, which the kind needs."""
        example = "data: {source: digits}"
        return f"missing; trainer.kind {self.name} needs rows, for example {example}"

    def variant(self, keys: Iterable[str]) -> Kind:
        """The variant that one of the keys chooses, or this kind itself."""
        return next((each for each in self.variants if each.chosen_by in keys), self)

    def describe(self, options: Mapping[str, Any]) -> str:
        """What trains, for a message: "the function train.py:train"."""
        named = "" if self.code is None else f" {options[self.code.key]}"
        return f"the {self.name}{named}"


class Chosen(Protocol):
    """The trainer that a configuration asks for."""

    @property
    def kind(self) -> str:
        """The name of its kind."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """The values of its options."""
        ...


def kind_of(trainer: Chosen) -> Kind:
    """The kind, or variant of one, that a configuration asks for.

    Raises:
        TrainerError: no package here has it, or the package cannot be imported.
    """
    return kind_named(trainer.kind).variant(trainer.options)


def kind_read(trainer: Chosen) -> Kind:
    """The same for a run that is only read, which needs no package to be installed.

    Where a kind is not here, one of its name stands in that leaves all open.
    """
    try:
        return kind_of(trainer)
    except TrainerError:
        return Kind(trainer.kind, _cannot, {}, any_names=True, needs_data=False)


def built_in() -> list[Kind]:
    """The kinds that come with hpsearch."""
    return [kind_named(name) for name in BUILT_IN]


def names() -> tuple[str, ...]:
    """The names of all kinds, those of other packages after the built-in ones."""
    return (*BUILT_IN, *sorted({point.name for point in _entry_points()} - set(BUILT_IN)))


def every_kind() -> list[Kind]:
    """Every kind that there is.

    Raises:
        TrainerError: one of another package has a built-in one's name, or cannot be imported.
    """
    for point in _entry_points():
        if point.name in BUILT_IN:
            raise TrainerError(
                f"{_source(point)}: adds a kind of trainer {point.name!r}, which is built in; "
                "remove that package, or give its kind another name"
            )
    return [kind_named(name) for name in names()]


@cache
def kind_named(name: str) -> Kind:
    """The kind of a name; another package's is imported only when it is asked for.

    Raises:
        TrainerError: there is none, several packages have one, or it cannot be imported.
    """
    if name in BUILT_IN:
        kind: Kind = resolve_name(BUILT_IN[name])
        return kind
    points = [point for point in _entry_points() if point.name == name]
    if not points:
        raise TrainerError(
            f"trainer.kind: {name!r} is no kind of trainer here, there are {', '.join(names())}; "
            "install the package that has it"
        )
    if len(points) > 1:
        sources = " and ".join(sorted(map(_source, points)))
        raise TrainerError(f"{sources}: both have a kind of trainer {name!r}; remove one of them")
    (point,) = points
    try:
        found = point.load()
    except Exception as error:  # whatever importing the package raises
        message = " ".join(str(error).split()) or "no message"
        raise TrainerError(
            f"{_source(point)}: has a kind of trainer {name!r} that cannot be imported, found "
            f"{type(error).__name__}: {message}; mend or remove that package"
        ) from error
    if not isinstance(found, Kind) or found.name != name or "epochs" not in found.hyperparameters:
        raise TrainerError(
            f"{_source(point)}: {point.value} must be an hpsearch.trainers.kinds.Kind called "
            f"{name!r} with a hyperparameter 'epochs'; mend or remove that package"
        )
    return found


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # looks through all installed packages

    return list(entry_points(group=GROUP))


def _source(point: EntryPoint) -> str:
    """The package of an entry point, for a message."""
    return f"package {point.dist.name}" if point.dist is not None else point.value

"""What trainers of a user's code have in common: what they hand over, and what they report.

A user's report of an epoch becomes plain numbers; anything else has a clear message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from math import isfinite, nan
from numbers import Real
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.messages import readable
from hpsearch.rng import library_seed
from hpsearch.store import SafePath
from hpsearch.trainers.checkpoints import Checkpoints, epochs_of, to_state
from hpsearch.trainers.protocol import EPOCHS_PARAMETER, Curve, Job, Outcome, State

Metrics = dict[str, float]
"""Metrics of one epoch by name; NaN and infinity are still themselves here."""

LONGEST_NAME = 200
"""Characters of a metric's name."""

NO_METRICS = "training must report metrics after each epoch, found none"


def seed_of(job: Job) -> int:
    """A seed for a user's trainer, the same wherever the job is trained."""
    return library_seed(*job.seed, "user", rules=job.rules)


def params_of(job: Job, epoch: int | None = None) -> dict[str, Any]:
    """The parameters of a job as a user's trainer gets them, one called "epochs" among them.

    With an epoch, those that this one had or will have.
    """
    settings = job.settings if epoch is None else job.settings_of(epoch)
    hidden = {"epochs": settings[EPOCHS_PARAMETER]} if EPOCHS_PARAMETER in settings else {}
    others = {n: v for n, v in settings.items() if n not in ("epochs", EPOCHS_PARAMETER)}
    return {**others, **hidden}


def course_of(job: Job, epochs: int) -> list[tuple[int, dict[str, Any]]]:
    """The parameters of each of a training's first epochs, with the first one that had them.

    >>> one = Job(0, {"rate": 0.1}, (0,), until_epoch=9, earlier=((5, {"rate": 1.0}),))
    >>> course_of(one, 5), course_of(one, 6)
    ([(1, {'rate': 1.0})], [(1, {'rate': 1.0}), (6, {'rate': 0.1})])
    """
    firsts = sorted({1, *(until + 1 for until, _ in job.earlier)})
    return [(first, params_of(job, first)) for first in firsts if first <= epochs]


def nothing_to_train(job: Job, state: State | None) -> Outcome | None:
    """The outcome of a piece without epochs, which only tries a change; None for any other."""
    if job.until_epoch != epochs_of(state):
        return None
    return Outcome({"epoch": []}, to_state(0, False) if state is None else state)


def outcome_of(
    job: Job,
    rows: Mapping[int, Metrics],
    metric: str,
    done: int,
    ended: bool,
    checkpoints: Checkpoints,
    left: SafePath | None,
    resumes: bool = True,
) -> Outcome:
    """The outcome of a piece; its checkpoint is kept where a later piece may go on from it.

    What it left at the end of its training is kept, too: its trial may win.

    Args:
        job: the piece.
        rows: the metrics of its epochs.
        metric: what counts.
        done: the epoch that it went on from.
        ended: whether training ended by itself, so that more epochs would change nothing.
        checkpoints: of its training.
        left: the folder that the piece was trained in; None where it has none.
        resumes: whether a later piece goes on from what is left there.

    Raises:
        TrainerError: there is no epoch, or one between others is missing.
    """
    if not rows:
        checkpoints.end(done, left if done else None)
        if done:  # it was at its end before
            return Outcome({"epoch": []}, None, finished=True)
        raise TrainerError(NO_METRICS)
    if min(rows) > done + 1:
        raise missing(metric, done + 1)
    curve, diverged = curve_of(rows, metric)
    finished = ended or job.until_epoch >= job.settings["epochs"]  # type: ignore[operator]
    if diverged or finished:
        checkpoints.end(done, None if diverged else left)
        return Outcome(curve, None, diverged=diverged, finished=finished)
    kept = resumes and left is not None and checkpoints.keep(left, job.until_epoch)
    if not kept:
        checkpoints.end(done)
    return Outcome(curve, to_state(job.until_epoch, kept))


def steered_outcome(
    job: Job,
    state: State | None,
    rows: Mapping[int, Metrics],
    metric: str,
    ended: bool,
    keep: Callable[[int], bool],
) -> Outcome:
    """The outcome of a piece of a steered training, which may be gone back to or on from its end.

    Args:
        job: the piece.
        state: what it went on from.
        rows: the metrics of its epochs.
        metric: what counts.
        ended: whether training ended by itself.
        keep: keeps a checkpoint of an epoch, and gives whether there is one.

    Raises:
        TrainerError: there is no epoch, or one between others is missing.
    """
    if not rows and epochs_of(state):
        return Outcome({"epoch": []}, state, finished=True)
    if not rows:
        raise TrainerError(NO_METRICS)
    curve, diverged = curve_of(rows, metric)
    if diverged:
        return Outcome(curve, None, diverged=True)
    epoch = max(rows)
    finished = ended or epoch >= job.settings["epochs"]  # type: ignore[operator]
    return Outcome(curve, to_state(epoch, keep(epoch)), finished=finished)


def in_pieces(
    job: Job,
    state: State | None,
    begun: State | None,
    train: Callable[[Job, State | None], Outcome],
) -> Outcome:
    """Train a steered job setting by setting, since it may have to begin long before its state.

    So whatever is left of a training, it is trained by the same steps.

    Args:
        job: the piece.
        state: what it goes on from.
        begun: what there is of that: the same, or None to begin at the first epoch.
        train: trains a piece under one setting.
    """
    at, remarks = epochs_of(begun), list[str]()
    curve: Curve = {"epoch": []}
    ends = dict.fromkeys(until for until, _ in job.earlier if at < until < job.until_epoch)
    for end in (*ends, job.until_epoch):
        settings = {**job.settings_of(end), "epochs": job.settings["epochs"]}
        earlier = tuple(each for each in job.earlier if each[0] < end)
        piece = replace(job, until_epoch=end, settings=settings, earlier=earlier)
        outcome = train(piece, begun)
        curve = _joined(curve, outcome.curve)
        remarks += outcome.remarks if at >= epochs_of(state) else ()
        if outcome.finished or outcome.diverged:
            break
        at, begun = end, outcome.state
    return replace(outcome, curve=curve, remarks=tuple(remarks))


def _joined(first: Curve, then: Curve) -> Curve:
    """The curve of two pieces; a metric that one of them lacks is None there."""
    lengths = len(first["epoch"]), len(then["epoch"])
    names = dict.fromkeys((*first, *then))
    lists = {
        name: (first.get(name, [None] * lengths[0]), then.get(name, [None] * lengths[1]))
        for name in names
    }
    return {name: [*before, *after] for name, (before, after) in lists.items()}


def metrics_of(reported: Any, metric: str, epoch: int | None = None) -> Metrics:
    """A number, which is the metric itself, or a mapping of names to numbers that has it.

    Scalars of NumPy and arrays of one number, PyTorch's and TensorFlow's among them, count.
    Another metric than the one that counts may be missing, which None says, too.

    >>> metrics_of(0.5, "accuracy"), metrics_of({"accuracy": 0.5, "loss": 2}, "accuracy")
    ({'accuracy': 0.5}, {'accuracy': 0.5, 'loss': 2.0})

    Args:
        reported: what the trainer said.
        metric: what counts.
        epoch: that this is about, for a message; None where it is the whole training.

    Raises:
        TrainerError: it is something else, or lacks the metric.
    """
    where = "" if epoch is None else f"epoch {epoch}: "
    if not isinstance(reported, Mapping):
        return {
            metric: _number(
                reported, f"{where}the result", f"a number, or a mapping with {metric!r}"
            )
        }
    if metric not in reported:
        found = ", ".join(map(repr, reported)) or "none"
        raise TrainerError(f"{where}the result must have the metric {metric!r}, found {found}")
    return {
        metric if name == metric else readable(str(name), LONGEST_NAME): _number(
            value, f"{where}the result", f"a number for {name!r}"
        )
        for name, value in reported.items()
        if name != "epoch" and (value is not None or name == metric)
    }


def epoch_named(reported: Any) -> int | None:
    """The epoch, counted from 1, that a result names itself; None where it names none.

    Raises:
        TrainerError: it is not a whole number of 1 or more.
    """
    if not isinstance(reported, Mapping) or "epoch" not in reported:
        return None
    number = _number(reported["epoch"], "the result", "a whole number for 'epoch'")
    if not number.is_integer() or number < 1:
        raise TrainerError(
            f"'epoch' must be a whole number of 1 or more, found {number:g}; without an 'epoch' "
            "results count in order"
        )
    return int(number)


def curve_of(epochs: Mapping[int, Metrics], metric: str) -> tuple[Curve, bool]:
    """The learning curve of some epochs, and whether it ended undefined.

    Its lists are of equal lengths: a metric that an epoch lacks is None there. What comes after
    the first epoch with an undefined number is left out.

    >>> curve_of({1: {"loss": 2.0}, 2: {"loss": float("nan")}, 3: {"loss": 1.0}}, "loss")
    ({'epoch': [1, 2], 'loss': [2.0, None]}, True)
    >>> curve_of({1: {"loss": 2.0}, 2: {"loss": 1.0, "auc": 0.5}}, "loss")
    ({'epoch': [1, 2], 'loss': [2.0, 1.0], 'auc': [None, 0.5]}, False)

    Raises:
        TrainerError: an epoch between others is missing.
    """
    numbers = sorted(epochs)
    if gaps := [n for n, after in pairwise(numbers) if after != n + 1]:
        raise missing(metric, gaps[0] + 1)
    undefined = (n for n in numbers if not all(map(isfinite, epochs[n].values())))
    last = next(undefined, None)
    counted = [number for number in numbers if last is None or number <= last]
    curve: Curve = {"epoch": [*counted]}
    for name in dict.fromkeys(name for number in counted for name in epochs[number]):
        values = (epochs[number].get(name, nan) for number in counted)
        curve[name] = [value if isfinite(value) else None for value in values]
    return curve, last is not None


def missing(metric: str, epoch: int) -> TrainerError:
    """What to say where an epoch that must be there is not."""
    return TrainerError(
        f"each epoch must report {metric!r}, found none for epoch {epoch}; report each, or leave "
        "'epoch' out to have them counted"
    )


def _number(value: Any, what: str, expected: str) -> float:
    plain = value
    if _is_array_of_one(value):
        try:
            plain = value.item()
        except Exception:  # an array of a foreign library, for which there is no rule
            plain = value
    if isinstance(plain, Real | Decimal) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError:  # an integer of more than 308 digits
            return float("inf")
    text = repr(plain)
    shown = text if len(text) <= 60 else text[:57] + "..."
    raise TrainerError(f"{what} must be {expected}, found {shown}")


def _is_array_of_one(value: Any) -> bool:
    """Whether this holds one number: an array, or a PyTorch tensor, whose `size` is a method."""
    count = getattr(value, "numel", None)
    if callable(count):
        return bool(count() == 1)
    return not isinstance(value, Real) and bool(getattr(value, "size", 0) == 1)

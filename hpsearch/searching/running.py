"""The trials at work, as far as they have reported: looked at by the search, and by reports."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from hpsearch.errors import RunError
from hpsearch.searching.curves import Curve, end_to_end, join
from hpsearch.searching.history import by_training
from hpsearch.searching.spec import Spec
from hpsearch.space import Derived, Parameter
from hpsearch.store import RunDirectory, SafePath
from hpsearch.trainers.protocol import EPOCHS_PARAMETER
from hpsearch.trainers.reporting import NAME, Latest, Running, name_of, read, running_in
from hpsearch.trial import Params, Result, Training

LOOK = 1.0
"""Seconds between two looks of a search, at least."""

SHARE = 0.005
"""Of its time that it may spend on them."""


@contextmanager
def running_folder(run: RunDirectory) -> Iterator[None]:
    """The folder of what trainings report, for as long as the search trains; empty at first."""
    folder = run.running
    folder.remove()  # a crash may have left it
    folder.mkdir()
    made = folder.status()
    try:
        yield
    finally:
        with suppress(OSError, RunError):
            now = folder.status()  # of another run, where this one was deleted and made anew
            if now and made and os.path.samestat(now, made):
                folder.remove()


@dataclass
class Watched:
    """What the trainings of a search have reported, for who shows it.

    Attributes:
        folder: where they write it.
        known: the files as they were at the last look, each with what changes with it.
        due: when the next look is, on the monotonic clock.
        shown: what the last look gave.
    """

    folder: SafePath
    known: dict[str, tuple[object, Latest | None]] = field(default_factory=dict)
    due: float = field(default_factory=lambda: time.monotonic() + LOOK)
    shown: tuple[Latest, ...] = ()

    @property
    def seconds_left(self) -> float:
        """How long until the next look."""
        return max(0.0, self.due - time.monotonic())

    def look(self, at_work: Collection[Training]) -> tuple[Latest, ...]:
        """What these trainings have reported last; the files of others are removed.

        Of those a worker may have left a file that was killed, as its piece was dropped.
        """
        began = time.perf_counter()
        found = {}
        with suppress(OSError, RunError):
            for name in self.folder.names():
                if NAME.fullmatch(name):
                    found[name] = self._read(name)
        self.known = found
        shown = []
        for name, (_, latest) in found.items():
            if latest is not None and latest.training in at_work:
                shown.append(latest)
            elif latest is not None:
                self._remove(name)
        spent = time.perf_counter() - began
        self.due = time.monotonic() + max(LOOK, spent / SHARE)
        self.shown = tuple(sorted(shown, key=lambda one: one.training))
        return self.shown

    def forget(self, trainings: Collection[Training]) -> None:
        """Remove the files of trainings whose worker was lost."""
        for training in trainings:
            self._remove(name_of(training))

    def _read(self, name: str) -> tuple[object, Latest | None]:
        found = (self.folder / name).status()
        stamp = found and (found.st_ino, found.st_mtime_ns)
        if stamp is not None and name in self.known and self.known[name][0] == stamp:
            return self.known[name]
        return stamp, read(self.folder / name, Latest)

    def _remove(self, name: str) -> None:
        with suppress(OSError, RunError):
            (self.folder / name).remove()


@dataclass(frozen=True)
class RunningTraining:
    """A training at work, as a report shows it.

    Attributes:
        number: of the trial.
        repeat: of the training.
        fold: of the training.
        name: "trial 7", or "trial 7, new seed 2" and the like.
        round: of the trial, from 0; None of a setting that somebody has added.
        params: of the trial.
        epoch: the last that was reported, 0 before the first.
        until: the epoch at which its piece ends.
        curve: all that is known of it, its finished pieces included.
        value: the last value of the metric that is searched.
    """

    number: int
    repeat: int
    fold: int
    name: str
    round: int | None
    params: Params
    epoch: int
    until: int
    curve: Curve
    value: float | None

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` says of it."""
        return {each: value for each, value in vars(self).items() if each != "name"}


def running_trainings(
    run: RunDirectory, spec: Spec, results: Mapping[int, Result]
) -> tuple[RunningTraining, ...]:
    """The trainings of a search at work; those whose end is on disk already are left out.

    Args:
        run: that is at work.
        spec: of its search.
        results: the trials whose fate is known, by number.
    """
    found = running_in(run.running)
    if not found:
        return ()
    pieces = by_training(run.pieces)
    shown = []
    for one in found:
        own = pieces.get(one.training, [])
        ended = one.number in results and not spec.confirms(one.repeat)
        if not ended and all(piece.rung < one.rung for piece in own):
            shown.append(_shown(one, join(own), spec))
    return tuple(shown)


def _shown(one: Running, before: Curve, spec: Spec) -> RunningTraining:
    first = next(iter(one.curve["epoch"]), None)
    earlier = [e for e in before.get("epoch", ()) if first is None or (e or 0) < first]
    known = {name: values[: len(earlier)] for name, values in before.items()}
    curve = end_to_end([known, one.curve])
    epochs = curve.get("epoch", ())
    values = [v for v in curve.get(spec.metric, ()) if v is not None]
    return RunningTraining(
        number=one.number,
        repeat=one.repeat,
        fold=one.fold,
        name=_name(one, spec),
        round=spec.round_of(one.number),
        params=_params(one, spec),
        epoch=int(epochs[-1] or 0) if epochs else 0,
        until=one.until,
        curve=curve,
        value=values[-1] if values else None,
    )


def _name(one: Running, spec: Spec) -> str:
    """What a training is called beside others of its trial."""
    words = [f"trial {one.number}"]
    if spec.confirms(one.repeat):
        words.append(f"new seed {one.repeat - spec.repeats + 1}")
    elif spec.repeats > 1:
        words.append(f"seed {one.repeat + 1}")
    if spec.folds > 1:
        words.append(f"fold {one.fold + 1}")
    return ", ".join(words)


def _params(one: Running, spec: Spec) -> Params:
    """The trial's own settings among all of a training: those of active parameters."""
    params: dict[str, Any] = {}
    every: list[Parameter | Derived] = [*spec.space.in_order, *spec.space.derived_order]
    for parameter in every:
        name = parameter.name
        given = EPOCHS_PARAMETER if name == "epochs" else name
        if given in one.settings and spec.space.active(parameter, params):
            params[name] = one.settings[given]
    return params

"""What became of a babysat model, read from its run directory: for views, pages and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

from hpsearch.config import Config, from_run
from hpsearch.errors import RunError
from hpsearch.searching.babysit.lines import Lines, lines_of
from hpsearch.searching.babysit.nudge import check_diary, settings_with
from hpsearch.searching.criterion import Criterion, Curve, criterion_of, lengthened
from hpsearch.store import RunDirectory, RunInfo
from hpsearch.trial import Diagnosis, Intervention, Piece, Point, Result


@dataclass(frozen=True)
class Story:
    """A babysat model at one moment.

    Attributes:
        run: the run directory.
        info: what run.json says.
        config: of the training.
        criterion: what makes an epoch good.
        lines: the lines of pieces; the last one is in training.
        own: the epochs that were trained under each number, as one curve, whose "epoch" begins
            after the point where the line began. Numbers without an epoch have an empty one.
        diary: what was done, in order.
        results: the trials whose fate is known, by number.
        diagnostics: how the layers did, in order; empty where the trainer does not tell.
    """

    run: RunDirectory
    info: RunInfo
    config: Config
    criterion: Criterion
    lines: Lines
    own: Mapping[int, Curve]
    diary: Sequence[Intervention]
    results: Mapping[int, Result]
    diagnostics: Sequence[Diagnosis]

    @property
    def number(self) -> int:
        """The line in training."""
        return self.lines.active.number

    @property
    def epoch(self) -> int:
        """The last epoch of the line in training."""
        return self.last_epoch(self.number)

    @property
    def epochs(self) -> int:
        """How many epochs are planned."""
        epochs = self.settings(self.number)["epochs"]
        assert isinstance(epochs, int)
        return epochs

    def last_epoch(self, number: int) -> int:
        """The last epoch of a line."""
        return self.lines.all[number].began + len(self.own[number].get("epoch", ()))

    def settings(self, number: int, epoch: int | None = None) -> dict[str, Any]:
        """Every setting of a line, fixed ones too: its last, or that which held in an epoch."""
        line = self.lines.all[number]
        params = line.params if epoch is None else line.params_after(epoch)
        return settings_with(self.config, params)

    def curve(self, number: int) -> Curve:
        """The whole learning curve of a line, from epoch 1, whoever trained it.

        Where the line went on after an epoch that its origin diverged in, that is left out.
        """
        line = self.lines.all[number]
        own = self.own[number]
        if line.origin is None:
            return own
        before = self.curve(line.origin.trial)
        return lengthened({name: values[: line.began] for name, values in before.items()}, own)

    @cached_property
    def best(self) -> Point | None:
        """The best epoch of all lines; None while no epoch has a finite value."""
        best = None
        for number, curve in self.own.items():
            values = curve.get(self.criterion.name, ())
            known = [value for value in values if value is not None and isfinite(value)]
            if not known:
                continue
            top = max(known) if self.criterion.goal == "maximize" else min(known)
            losses = curve.get("val_loss") or [None] * len(values)
            for place, value in enumerate(values):
                if value == top:  # few are, and a view asks several times a second
                    epoch = self.lines.all[number].began + place + 1
                    found = self.criterion.cost(value, losses[place]), number, epoch
                    best = found if best is None else min(best, found)
        return None if best is None else Point(*best[1:])

    def metrics(self, point: Point) -> dict[str, float | None]:
        """What an epoch reported, under the number that trained it."""
        curve, place = self.own[point.trial], point.epoch - 1 - self.lines.all[point.trial].began
        return {name: values[place] for name, values in curve.items() if name != "epoch"}

    def value(self, point: Point) -> float | None:
        """The metric that counts, after an epoch."""
        return self.metrics(point).get(self.criterion.name)


def read(run: RunDirectory) -> Story:
    """What became of a babysat model; works at any moment of its life.

    Raises:
        RunError: the run is no babysat model, or its files are damaged.
    """
    info = run.info
    if info.babysit is None:
        raise RunError(f"{run.path}: must be a babysat model's run, found a search's")
    config = from_run(info.config, run.path)
    diary = run.diary
    check_diary(info.babysit.settings, diary, config, run)
    try:
        lines = lines_of(info.babysit.settings, diary)
    except ValueError as error:
        raise RunError(f"{run.path / 'interventions.jsonl'}: {error}; restore the file") from None
    return Story(
        run=run,
        info=info,
        config=config,
        criterion=criterion_of(config),
        lines=lines,
        own=own_curves(lines, run.pieces),
        diary=diary,
        results={result.number: result for result in run.results},
        diagnostics=run.diagnostics,
    )


def own_curves(lines: Lines, pieces: Sequence[Piece]) -> dict[int, Curve]:
    """What was trained under each number; a torn end, or what nothing leads to, is left out."""
    whole: dict[int, list[Piece]] = {line.number: [] for line in lines.all}
    ends = {line.number: line.began for line in lines.all}
    for piece in pieces:
        epochs = piece.curve.get("epoch")
        if epochs and piece.number in ends and epochs[0] == ends[piece.number] + 1:
            whole[piece.number].append(piece)
            ends[piece.number] = piece.epochs
    return {number: _joined(own) for number, own in whole.items()}


def _joined(pieces: Sequence[Piece]) -> Curve:
    """One curve of many pieces, in time that grows with their epochs."""
    names = dict.fromkeys(name for piece in pieces for name in piece.curve)
    return {
        name: [
            value
            for piece in pieces
            for value in piece.curve.get(name) or [None] * len(piece.curve["epoch"])
        ]
        for name in names
    }

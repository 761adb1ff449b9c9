"""What became of a babysat model, read from its run directory: for views, pages and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

from hpsearch.config import Config, from_run
from hpsearch.errors import RunError, as_argument
from hpsearch.searching.babysit.lines import Lines, lines_of
from hpsearch.searching.babysit.nudge import check_diary, settings_with
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.curves import Curve, end_to_end
from hpsearch.searching.history import check_metric
from hpsearch.store import RunDirectory, RunInfo
from hpsearch.store.files import repair_with
from hpsearch.store.records import BabysitStart
from hpsearch.trial import Diagnosis, Intervention, Piece, Point, Result, Status


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

    def needed(self, number: int) -> int:
        """The epoch up to which a line must have been trained, by all that is recorded of it."""
        known = self.results.get(number)
        begun = [line.origin for line in self.lines.all if line.origin is not None]
        points = [*begun, *(done.point for done in self.diary)]
        epochs = [point.epoch for point in points if point.trial == number]
        return max([0 if known is None else known.epochs, *epochs])

    def settings(self, number: int, epoch: int | None = None) -> dict[str, Any]:
        """Every setting of a line, fixed ones too: its last, or that which held in an epoch."""
        line = self.lines.all[number]
        params = line.params if epoch is None else line.params_after(epoch)
        return settings_with(self.config, params)

    def curve(self, number: int) -> Curve:
        """The whole learning curve of a line, from epoch 1, whoever trained it."""
        line, end, parts = self.lines.all[number], self.last_epoch(number), []
        while True:
            own = self.own[line.number]
            parts.append({name: values[: end - line.began] for name, values in own.items()})
            if line.origin is None:
                break
            line, end = self.lines.all[line.origin.trial], line.began
        return end_to_end(part for part in reversed(parts) if part.get("epoch"))

    def unlike(
        self, number: int, curve: Curve, after: int = 0
    ) -> tuple[int, str, float | None, float | None] | None:
        """What an epoch of a line gave that is not as recorded; None where all is.

        Args:
            number: of the line.
            curve: of some of its epochs, trained again; what is not recorded yet is left out.
            after: only epochs after this one.

        Returns:
            The epoch, the metric, its recorded value and the other.
        """
        last, known = self.last_epoch(number), self.curve(number)
        for place, epoch in enumerate(int(each or 0) for each in curve["epoch"]):
            for name, values in curve.items() if after < epoch <= last else ():
                recorded = known[name][epoch - 1] if name in known else None
                if values[place] != recorded:
                    return epoch, name, recorded, values[place]
        return None

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

    def result(self, point: Point) -> Result:
        """A model after an epoch, as a trial that ended there; of the number that trained it."""
        known = self.results.get(point.trial)
        return Result(
            number=point.trial,
            round=0,
            status=Status.COMPLETED if known is None else known.status,
            params=self.lines.all[point.trial].params_after(point.epoch),
            epochs=point.epoch,
            metrics=self.metrics(point),
            value=self.value(point),
            error=None,
            started=self.info.created if known is None else known.started,
            seconds=0.0 if known is None else known.seconds,
        )


def read(run: RunDirectory, *, lacking: bool = False) -> Story:
    """What became of a babysat model; works at any moment of its life.

    Args:
        run: of the model.
        lacking: whether branches may begin after epochs that were lost, and are trained again.

    Raises:
        RunError: the run is no babysat model, or its files are damaged.
    """
    info = run.info
    if info.babysit is None:
        raise RunError(
            f"{run.path}: must be a babysat model's run, found a search's; babysit its winner "
            f"with: hpsearch babysit {as_argument(run.path)}"
        )
    config = from_run(info.config, run.path)
    diary, pieces = _of_one_moment(run)
    lines = lines_in(run, info.babysit, config, diary)
    criterion = criterion_of(config)
    check_metric(pieces, criterion.name, run.inside / "curves.jsonl")
    whole = joined(lines, pieces)
    check_lines(lines, pieces, whole, run, lacking=lacking)
    return Story(
        run=run,
        info=info,
        config=config,
        criterion=criterion,
        lines=lines,
        own={n: end_to_end(piece.curve for piece in own) for n, own in whole.items()},
        diary=diary,
        results={result.number: result for result in run.results},
        diagnostics=run.diagnostics,
    )


def lines_in(
    run: RunDirectory, start: BabysitStart, config: Config, diary: Sequence[Intervention]
) -> Lines:
    """The lines that a run's diary tells of.

    Raises:
        RunError: the diary, or what the model began with, is damaged.
    """
    check_diary(start.settings, diary, config, run)
    try:
        return lines_of(start.settings, diary)
    except ValueError as error:
        raise RunError(f"{run.path / 'interventions.jsonl'}: {error}; restore the file") from None


def _of_one_moment(run: RunDirectory) -> tuple[list[Intervention], list[Piece]]:
    """The diary and the pieces; while another process writes, neither is older than the other."""
    diary = run.diary
    while True:
        pieces = run.pieces
        if (now := run.diary) == diary:
            return diary, pieces
        diary = now


def joined(lines: Lines, pieces: Iterable[Piece]) -> dict[int, list[Piece]]:
    """The pieces that were trained under each number; what does not follow is left out."""
    whole: dict[int, list[Piece]] = {line.number: [] for line in lines.all}
    ends = {line.number: line.began for line in lines.all}
    for piece in pieces:
        epochs = piece.curve.get("epoch", ())
        begins = ends.get(piece.number, piece.epochs)
        fits = len(epochs) == piece.epochs - begins > 0
        if fits and list(epochs) == [*range(begins + 1, piece.epochs + 1)]:
            whole[piece.number].append(piece)
            ends[piece.number] = piece.epochs
    return whole


def check_lines(
    lines: Lines,
    pieces: Sequence[Piece],
    whole: Mapping[int, Sequence[Piece]],
    run: RunDirectory,
    *,
    lacking: bool,
) -> None:
    """Refuse a diary and learning curves that do not fit each other.

    Raises:
        RunError: a curve is of no branch of the diary, or does not go on from where it must; or
            a branch begins with what was never trained.
    """
    curves = run.inside / "curves.jsonl"
    ends = {n: own[-1].epochs if own else lines.all[n].began for n, own in whole.items()}
    for line in lines.all:
        if line.origin is not None and line.began > ends[line.origin.trial] and not lacking:
            raise RunError(
                f"{run.path / 'interventions.jsonl'}: branch {line.number} begins after epoch "
                f"{line.began} of branch {line.origin.trial}, of which {curves.name} has "
                f"{ends[line.origin.trial]}; restore the files, or train those again: hpsearch "
                f"resume {as_argument(run.path)} --repair"
            )
    if sum(map(len, whole.values())) == len(pieces):
        return
    kept = {id(piece) for own in whole.values() for piece in own}
    stray = next(piece for piece in pieces if id(piece) not in kept)
    if stray.number not in ends:
        raise RunError(
            f"{curves}: trial must be a branch of interventions.jsonl, which has 0 to "
            f"{len(lines.all) - 1}, found {stray.number}; restore the files"
        )
    raise RunError(
        f"{curves}: branch {stray.number} must have each epoch once, in order, found a piece that "
        f"ends with epoch {stray.epochs} and does not; {repair_with(run.inside)}"
    )

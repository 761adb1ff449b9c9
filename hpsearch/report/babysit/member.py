"""A babysat model among the runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.report.babysit.summary import BabysitSummary
from hpsearch.report.comparison import EPOCHS, Member, on_test_rows
from hpsearch.report.numbers import duration, number
from hpsearch.trial import Piece, Result


@dataclass(frozen=True)
class BabysatMember:
    """A babysat model among other runs: it stands there with its best epoch's value."""

    letter: str
    summary: BabysitSummary
    parent: Member | None = None

    @property
    def params(self) -> Mapping[str, Any]:
        """The setting of the best epoch."""
        return {} if self.summary.best is None else self.summary.params

    def setting_text(self, name: str) -> str:
        """A setting of the best epoch as text, be it fixed or the trainer's default."""
        best = self.summary.best is not None
        return self.summary.setting_text(self.params, name) if best else ""

    @property
    def best(self) -> Result | None:
        """The model after the best epoch."""
        best = self.summary.best
        return None if best is None else self.summary.story.result(best)

    @property
    def epochs(self) -> int:
        """The epochs of all branches."""
        return self.summary.trained

    def outcome(self, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What it came to."""
        summary, start = self.summary, self.summary.beginning
        yield "status", summary.status
        yield "babysat from", "" if start is None else f"trial {start.trial} of {start.run}"
        yield "branches", f"{len(summary.branches):,}"
        yield EPOCHS, f"{self.epochs:,}"
        seconds = summary.info.seconds
        yield "took", duration(seconds) if seconds else ""
        if summary.best is not None:
            of = f" of branch {summary.best.trial}" if len(summary.branches) > 1 else ""
            yield "winner", f"epoch {summary.best.epoch}{of}"
            for name in metrics:
                if name in summary.metrics:
                    yield name, number(summary.metrics[name])
        yield from on_test_rows(summary, metrics)

    def over_epochs(self) -> list[tuple[float, float]]:
        """The best value so far by epochs trained, in the order in which they were."""
        values = (value for piece in self.summary.run.pieces for value in self._of(piece))
        return self._best_so_far([(float(n), value) for n, value in enumerate(values, start=1)])

    def over_time(self) -> list[tuple[float, float]]:
        """The same by seconds of training; a piece's epochs take equally long."""
        trained, values = 0.0, list[tuple[float, float | None]]()
        run = self.summary.run
        spans = [span for span in run.timeline if span.kept]  # a line for each piece
        for piece, span in zip(run.pieces, spans, strict=False):
            found = self._of(piece)
            took = span.end - span.start
            values += [
                (trained + took * n / len(found), value) for n, value in enumerate(found, start=1)
            ]
            trained += took
        return self._best_so_far(values)

    def _of(self, piece: Piece) -> Sequence[float | None]:
        """The metric after each epoch of a piece."""
        return piece.curve.get(self.summary.criterion.name, ())

    def _best_so_far(
        self, values: Sequence[tuple[float, float | None]]
    ) -> list[tuple[float, float]]:
        """The points where the best value became better, and the last one."""
        cost, points = self.summary.criterion.cost, list[tuple[float, float]]()
        for place, value in values:
            if value is not None and (not points or cost(value) < cost(points[-1][1])):
                points.append((place, value))
        if points and points[-1][0] < values[-1][0]:
            points.append((values[-1][0], points[-1][1]))
        return points

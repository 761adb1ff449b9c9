"""A babysat model among the runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.report.babysit.summary import BabysitSummary
from hpsearch.report.comparison import EPOCHS, Member, on_test_rows
from hpsearch.report.numbers import duration, number
from hpsearch.trial import Result


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

    def over_trials(self) -> list[tuple[float, float]]:
        """The best value so far, branch by branch."""
        values = [(b.number + 1.0, b.value) for b in self.summary.branches if b.value is not None]
        return self._best_so_far(values)

    def over_time(self) -> list[tuple[float, float]]:
        """The same by seconds of training, piece by piece."""
        pieces, spans = self.summary.run.pieces, self.summary.run.timeline
        values = []
        for piece, span in zip(pieces, spans, strict=False):
            known = [v for v in piece.curve.get(self.summary.criterion.name, ()) if v is not None]
            if known:
                values.append((span.end, min(known, key=self.summary.criterion.cost)))
        return self._best_so_far(values)

    def _best_so_far(self, values: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """The points where the best value became better, and the last one."""
        cost, points = self.summary.criterion.cost, list[tuple[float, float]]()
        for place, value in values:
            if not points or cost(value) < cost(points[-1][1]):
                points.append((place, value))
        if points and points[-1][0] < values[-1][0]:
            points.append((values[-1][0], points[-1][1]))
        return points

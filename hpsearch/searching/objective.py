"""What a search optimises, and what that makes of results and learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Literal

from hpsearch.sampling.ranking import UNKNOWN, Cost
from hpsearch.trial import Piece, Result, Status

Curve = Mapping[str, Sequence[float | None]]
"""One list for "epoch" and one for each metric, of equal lengths."""


@dataclass(frozen=True)
class Objective:
    """A metric and its goal, as costs to minimise."""

    name: str
    goal: Literal["minimize", "maximize"]

    def cost(self, value: float | None, loss: float | None = None) -> Cost:
        """A value as something to minimise; the validation loss decides between equals.

        >>> Objective("val_accuracy", "maximize").cost(0.98, 0.1)
        (-0.98, 0.1)
        """
        if value is None or not isfinite(value):
            return UNKNOWN
        return (-value if self.goal == "maximize" else value), inf if loss is None else loss

    def order(self, result: Result) -> tuple[Cost, int]:
        """Sorts results from best to worst: by value, then validation loss, then number."""
        return self.cost(result.value, result.metrics.get("val_loss")), result.number

    def best(self, results: Iterable[Result]) -> Result | None:
        """The best completed trial with a finite value; None where there is none."""
        able = [
            result
            for result in results
            if result.status is Status.COMPLETED and self.cost(result.value) != UNKNOWN
        ]
        return min(able, key=self.order, default=None)

    def costs(
        self, curve: Curve, epochs: Iterable[int], finished: bool = False
    ) -> tuple[Cost, ...]:
        """The cost at each of these epochs that the curve reaches.

        A finished training keeps its last value for all later epochs: more of it would change
        nothing.

        >>> accuracy = Objective("accuracy", "maximize")
        >>> accuracy.costs({"epoch": [1, 2, 3], "accuracy": [0.5, 0.7, 0.8]}, [1, 3, 9])
        ((-0.5, inf), (-0.8, inf))
        """
        values, losses = curve.get(self.name, []), curve.get("val_loss", [])
        trained = len(values)
        reached = [min(epoch, trained) for epoch in epochs if finished or epoch <= trained]
        return tuple(
            self.cost(values[epoch - 1], losses[epoch - 1] if losses else None)
            for epoch in reached
            if epoch
        )


def join(pieces: Iterable[Piece]) -> dict[str, list[float | None]]:
    """The learning curve of one training, from its pieces in any order.

    >>> first = Piece(0, 0, 0, rung=0, epochs=1, value=0.5, curve={"epoch": [1]})
    >>> later = Piece(0, 0, 0, rung=1, epochs=2, value=0.7, curve={"epoch": [2]})
    >>> join([later, first])
    {'epoch': [1, 2]}
    """
    curve: dict[str, list[float | None]] = {}
    for piece in sorted(pieces, key=lambda piece: piece.rung):
        for name, values in piece.curve.items():
            curve.setdefault(name, []).extend(values)
    return curve

"""Pieces of training: which belong to the search, and which confirm its best trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hpsearch.report.summary import Summary


def pieces(summary: Summary) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every line of the timeline, and whether it confirms a trial.

    The timeline does not say; but a trial trains each rung once for every repeat and fold, and
    what comes after all of these has new seeds.
    """
    seen: Counter[tuple[int, int]] = Counter()
    for span in summary.timeline:
        piece = span["number"], span["rung"]
        seen[piece] += 1
        yield span, seen[piece] > len(summary.spec.trainings)

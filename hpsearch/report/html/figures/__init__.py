"""The report's pictures: pure functions from a summary to a plotly figure in plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hpsearch.report.html.figures import confusion, importance, parameters, progress, timeline
from hpsearch.report.html.figures.style import Figure
from hpsearch.report.summary import Summary

FIGURES: dict[str, tuple[str, Callable[[Summary], Figure | None]]] = {
    "best-over-trials": ("The best so far, trial by trial", progress.over_trials),
    "best-over-time": ("The best so far, over time", progress.over_time),
    "importance": ("What mattered", importance.shares),
    "parallel": ("All settings at once", parameters.parallel),
    "curves": ("Learning curves", progress.learning_curves),
    "confusion": ("What the winner takes for what", confusion.matrix),
    "timeline": ("Who trained when", timeline.workers),
}
"""Title and function of every figure but the parameters' panels, by the name of its picture."""

__all__ = ["FIGURES", "Figure", "panels"]


def panels(summary: Summary) -> Iterator[tuple[str, Figure]]:
    """A panel for each parameter that some trial used: its name and figure."""
    for parameter in summary.config.space:
        found = parameters.panel(summary, parameter)
        if found is not None:
            yield parameter.name, found

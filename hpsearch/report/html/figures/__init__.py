"""The report's pictures: pure functions from a summary to a plotly figure in plain values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from hpsearch.report.html.figures import confusion, importance, parameters, progress, timeline
from hpsearch.report.html.figures.style import Figure
from hpsearch.report.html.markup import plot_text
from hpsearch.report.summary import Summary, titled

LONGEST = 60  # characters of a parameter's name in a file's name

FIGURES: dict[str, tuple[str, Callable[[Summary], Figure | None]]] = {
    "best-over-trials": ("The best so far, trial by trial", progress.over_trials),
    "best-over-time": ("The best so far, over time", progress.over_time),
    "front": ("The front", progress.front),
    "dominated": ("How much is dominated, trial by trial", progress.dominated),
    "importance": ("What mattered", importance.shares),
    "parallel": ("All settings at once", parameters.parallel),
    "curves": ("Learning curves", progress.learning_curves),
    "confusion": ("What the winner takes for what", confusion.matrix),
    "timeline": ("Who trained when", timeline.workers),
}
"""Title and function of every figure but the parameters' panels, by the name of its picture."""

__all__ = ["FIGURES", "Figure", "panels", "pictures"]


def panels(summary: Summary) -> Iterator[tuple[str, Figure]]:
    """A panel for each parameter, or alternative of one, that some trial used, with its title."""
    for title, branch in titled(summary.config.space):
        found = parameters.panel(summary.of_branch(branch), branch)
        if found is not None:
            yield title, found


def pictures(summary: Summary) -> Iterator[tuple[str, str, Figure]]:
    """Every figure and panel: the name of its file without the ending, its title, and itself."""
    for name, (title, make) in FIGURES.items():
        found = make(summary)
        if found is not None:
            yield name, title, found
    for index, (name, found) in enumerate(panels(summary)):
        # Users name parameters as they like; the number keeps two apart that look alike.
        safe = re.sub(r"[^\w-]+", "-", name)[:LONGEST].strip("-")
        yield f"parameter-{index:02d}-{safe}", plot_text(name, 60), found

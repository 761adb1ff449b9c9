"""Which classes the winner takes for which, on the test rows."""

from __future__ import annotations

from collections.abc import Sequence

from hpsearch.report.html.figures.style import Figure, axis, figure
from hpsearch.report.html.markup import plot_text
from hpsearch.report.summary import Summary
from hpsearch.store.records import Measured
from hpsearch.trial import Value

MOST_NUMBERS = 25  # classes; in a larger matrix numbers would not fit
NOTHING = "rgba(138,147,160,0.06)"
WRONG_TO_RIGHT = [
    [0, "rgb(190,45,45)"], [0.35, "rgb(214,69,69)"], [0.46, "rgb(240,160,70)"],
    [0.4999, "rgb(248,215,172)"], [0.5, NOTHING], [0.5001, "rgb(200,219,245)"],
    [0.8, "rgb(63,127,217)"], [1, "rgb(40,88,170)"],
]  # fmt: skip
"""Opaque except where there are no rows, so that plotly writes numbers in a readable colour."""


def matrix(summary: Summary) -> Figure | None:
    """Which classes a search's winner takes for which; None without test rows."""
    return confused(summary.measured, summary.info.data.classes)


def confused(test: Measured | None, classes: Sequence[Value]) -> Figure | None:
    """Counts, blue where right, red where wrong, by their share of the true class.

    Args:
        test: what the test rows gave.
        classes: of the target.
    """
    if test is None or not test.confusion:
        return None
    names = [plot_text(name, 16) for name in classes]
    counts = test.confusion
    shares = [[n / max(1, sum(row)) for n in row] for row in counts]
    signed = [[s if i == j else -s for j, s in enumerate(row)] for i, row in enumerate(shares)]
    places = list(range(len(names)))
    ticks = {"tickvals": places, "ticktext": names}
    trace = {
        "type": "heatmap", "z": signed, "x": places, "y": places, "zmin": -1, "zmax": 1,
        "colorscale": WRONG_TO_RIGHT,
        "showscale": False, "xgap": 1, "ygap": 1,
        "customdata": [list(zip(*rows, strict=True)) for rows in zip(counts, shares, strict=True)],
        "text": [[str(n) if n else "" for n in row] for row in counts],
        "hovertemplate": "%{y} taken for %{x}: %{customdata[0]} rows, "
                         "%{customdata[1]:.1%} of the class<extra></extra>",
    }  # fmt: skip
    if len(names) <= MOST_NUMBERS:
        trace["texttemplate"] = "%{text}"
    return figure(
        [trace],
        None,
        height=min(760, 150 + 30 * len(names)),
        xaxis=axis("taken for", **ticks, showgrid=False, constrain="domain"),
        yaxis=axis("true class", **ticks, showgrid=False, autorange="reversed"),
    )

"""What mattered: each parameter's share, over the whole space and near the winner."""

from __future__ import annotations

from hpsearch.report.html.figures.style import BLUE, FADED, GREY, Figure, axis, figure
from hpsearch.report.html.markup import plot_text
from hpsearch.report.summary import Summary

MOST = 24  # parameters; what matters less is left out


def shares(summary: Summary) -> Figure | None:
    """Two bars a parameter with their standard errors; None where there are no shares."""
    found = summary.importance
    if found.reason is not None or not found.whole:
        return None
    ordered = found.parameters
    names = ordered[:MOST][::-1]
    data = []
    for title, part, colour in (
        ("near the winner", found.near, FADED),
        ("whole space", found.whole, BLUE),
    ):
        bars = [(name, share) for name in names if (share := part.get(name)) is not None]
        data.append({
            "type": "bar", "orientation": "h", "name": title,
            "y": [plot_text(name) for name, _ in bars],
            "x": [round(100 * share.share, 2) for _, share in bars],
            "error_x": {"type": "data", "array": [round(100 * s.error, 2) for _, s in bars],
                        "arrayminus": [round(100 * min(s.error, s.share), 2) for _, s in bars],
                        "thickness": 1.2, "width": 3, "color": GREY},
            "marker": {"color": colour},
            "hovertemplate": "%{y}: %{x:.0f} %<extra>" + title + "</extra>",
        })  # fmt: skip
    left_out = len(ordered) - len(names)
    return figure(
        data,
        f"{left_out} parameters that matter less are left out." if left_out else None,
        height=90 + 44 * len(names),
        xaxis=axis("share of variance, %", rangemode="tozero"),
        yaxis=axis(categoryorder="array", categoryarray=[*map(plot_text, names)], type="category"),
        barmode="group",
        showlegend=True,
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "traceorder": "reversed",
        },
    )

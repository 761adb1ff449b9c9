"""Who trained what and when, and how busy the workers were."""

from __future__ import annotations

from typing import Any

from hpsearch.report.html.figures.pieces import pieces
from hpsearch.report.html.figures.style import (
    BLUE,
    GREEN,
    Figure,
    axis,
    figure,
    shade,
    thinning,
)
from hpsearch.report.html.text import in_plot
from hpsearch.report.summary import Summary

MOST_SPANS = 3000


def workers(summary: Summary) -> Figure | None:
    """A row a worker, a bar for each piece of training: the rungs, and what confirms the best."""
    spans = list(pieces(summary))
    if not spans:
        return None
    shown = sorted(spans, key=lambda s: s[0]["start"] - s[0]["end"])[:MOST_SPANS]  # the longest
    names = sorted({str(span["worker"]) for span, _ in spans}, key=lambda w: (len(w), w))
    rungs = max(span["rung"] for span, _ in spans)
    parts = [(f"rung {r + 1}", shade(r / rungs) if rungs else BLUE) for r in range(rungs + 1)]
    if any(confirming for _, confirming in spans):
        parts.append(("new seeds for the best", GREEN))
    data: list[dict[str, Any]] = []
    for part, (name, colour) in enumerate(parts):
        own = [span for span, new in shown if (rungs + 1 if new else span["rung"]) == part]
        data.append({
            "type": "bar", "orientation": "h", "name": name,
            "y": [in_plot(span["worker"]) for span in own],
            "base": [span["start"] for span in own],
            "x": [round(span["end"] - span["start"], 3) for span in own],
            "text": [f"trial {span['number']}" for span in own], "textposition": "none",
            "hovertemplate": "%{text}, %{x:.2f} s from %{base:.1f} s<extra></extra>",
            "marker": {"color": colour, "line": {"width": 0.6, "color": "rgba(255,255,255,0.7)"}},
        })  # fmt: skip
    told = thinning(len(shown), len(spans), "pieces of training")
    return figure(
        data,
        None
        if told is None
        else f"The longest {len(shown):,} of {len(spans):,} pieces are drawn.",
        height=110 + 34 * min(24, len(names)),
        xaxis=axis("seconds since the run began"),
        yaxis=axis("worker", categoryorder="array", categoryarray=names[::-1], type="category"),
        barmode="overlay",
        showlegend=len(parts) > 1,
    )


def utilisation(summary: Summary) -> float | None:
    """The share of the workers' time, from first piece to last, in which they trained."""
    spans = summary.timeline
    length = max((s["end"] for s in spans), default=0) - min(
        (s["start"] for s in spans), default=0
    )
    workers = len({span["worker"] for span in spans})
    if not length or not workers:
        return None
    trained: float = sum(span["end"] - span["start"] for span in spans)
    return min(1.0, trained / (workers * length))

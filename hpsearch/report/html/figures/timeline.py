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
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import duration
from hpsearch.report.summary import Summary

PARTING = "rgba(255,255,255,0.7)"
MOST_SPANS = 1500  # drawn one by one
PIXELS = 1000  # of the axis, about: what is nearer than one touches


def workers(summary: Summary) -> Figure | None:
    """A row a worker, a bar for each piece of training: the rungs, and what confirms the best."""
    spans = list(pieces(summary))
    if not spans:
        return None
    names = sorted({str(span["worker"]) for span, _ in spans}, key=lambda w: (len(w), w))
    rungs = max(span["rung"] for span, _ in spans)
    parts = [(f"rung {r + 1}", shade(r / rungs) if rungs else BLUE) for r in range(rungs + 1)]
    if any(confirming for _, confirming in spans):
        parts.append(("new seeds for the best", GREEN))
    few = len(spans) <= MOST_SPANS
    gap = (max(s["end"] for s, _ in spans) - min(s["start"] for s, _ in spans)) / PIXELS
    data: list[dict[str, Any]] = []
    for part, (name, colour) in enumerate(parts):
        own = [span for span, new in spans if (rungs + 1 if new else span["rung"]) == part]
        own = own if few else _joined(own, gap)
        data.append({
            "type": "bar", "orientation": "h", "name": name,
            "y": [plot_text(span["worker"]) for span in own],
            "base": [span["start"] for span in own],
            "x": [round(span["end"] - span["start"], 3) for span in own],
            "text": [_said(span) for span in own],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour, "line": {"width": 0.6 if few else 0, "color": PARTING}},
        })  # fmt: skip
    return figure(
        data,
        None if few else f"{len(spans):,} pieces of training; gaps under a pixel are not drawn.",
        height=110 + 34 * min(24, len(names)),
        xaxis=axis("seconds since the run began"),
        yaxis=axis("worker", categoryorder="array", categoryarray=names[::-1], type="category"),
        barmode="overlay",
        showlegend=len(parts) > 1,
    )


def _said(span: dict[str, Any]) -> str:
    """Whose piece it is, how long it took and when it began.

    >>> _said({"number": 3, "start": 61.0, "end": 61.25})
    'trial 3, 0.2 s from 1 min 1 s'
    """
    what = span.get("told", f"trial {span['number']}")
    return f"{what}, {duration(span['end'] - span['start'])} from {duration(span['start'])}"


def _joined(spans: list[dict[str, Any]], gap: float) -> list[dict[str, Any]]:
    """Pieces of one worker that follow each other within `gap` seconds, as one: no eye parts them.

    >>> _joined([{"number": n, "worker": "1", "start": n, "end": n + 0.9} for n in range(3)], 0.2)
    [{'number': 0, 'worker': '1', 'start': 0, 'end': 2.9, 'count': 3, 'told': '3 pieces'}]
    """
    found: list[dict[str, Any]] = []
    open_: dict[str, dict[str, Any]] = {}
    for span in sorted(spans, key=lambda span: float(span["start"])):
        last = open_.get(span["worker"])
        if last is None or span["start"] - last["end"] > gap:
            open_[span["worker"]] = last = {**span, "count": 0, "told": ""}
            found.append(last)
        last["end"] = max(last["end"], span["end"])
        last["count"] += 1
        last["told"] = (
            f"{last['count']:,} pieces" if last["count"] > 1 else f"trial {last['number']}"
        )
    return found


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

"""Who trained what and when, and how busy the workers were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
from hpsearch.trial import Span

PARTING = "rgba(255,255,255,0.7)"
MOST_SPANS = 1500  # drawn one by one
PIXELS = 1000  # of the axis, about: what is nearer than one touches


def workers(summary: Summary) -> Figure | None:
    """A row a worker, a bar for each piece of training: the rungs, and what confirms the best."""
    spans = summary.timeline
    if not spans:
        return None
    names = sorted({span.worker for span in spans}, key=lambda w: (len(w), w))
    rungs = max(span.rung for span in spans)
    parts = [(f"rung {r + 1}", shade(r / rungs) if rungs else BLUE) for r in range(rungs + 1)]
    drawn: list[list[Span]] = [[] for _ in (*parts, "new")]
    for span in spans:
        drawn[-1 if summary.spec.confirms(span.repeat) else span.rung].append(span)
    if drawn[-1]:
        parts.append(("new seeds for the best", GREEN))
    few = len(spans) <= MOST_SPANS
    gap = (max(s.end for s in spans) - min(s.start for s in spans)) / PIXELS
    data: list[dict[str, Any]] = []
    for own, (name, colour) in zip(drawn, parts, strict=False):
        bars = _bars(own, None if few else gap)
        data.append({
            "type": "bar", "orientation": "h", "name": name,
            "y": [plot_text(bar.worker) for bar in bars],
            "base": [bar.start for bar in bars],
            "x": [round(bar.end - bar.start, 3) for bar in bars],
            "text": [str(bar) for bar in bars],
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


@dataclass
class _Bar:
    """A piece of training, or several of one worker that stand too close to tell apart."""

    worker: str
    number: int  # of the first one's trial
    start: float
    end: float
    pieces: int = 1

    def __str__(self) -> str:
        """Whose piece it is, how long it took and when it began.

        >>> str(_Bar("0", 3, start=61.0, end=61.25))
        'trial 3, 0.2 s from 1 min 1 s'
        """
        what = f"trial {self.number}" if self.pieces == 1 else f"{self.pieces:,} pieces"
        return f"{what}, {duration(self.end - self.start)} from {duration(self.start)}"


def _bars(spans: Iterable[Span], gap: float | None) -> list[_Bar]:
    """A bar for each piece; with a `gap` one for all that follow each other within it, in seconds.

    >>> spans = [Span(number=n, rung=0, worker="1", start=n, end=n + 0.9) for n in range(3)]
    >>> _bars(spans, gap=0.2)
    [_Bar(worker='1', number=0, start=0, end=2.9, pieces=3)]
    """
    if gap is None:
        return [_Bar(span.worker, span.number, span.start, span.end) for span in spans]
    found: list[_Bar] = []
    last: dict[str, _Bar] = {}
    for span in sorted(spans, key=lambda span: span.start):
        bar = last.get(span.worker)
        if bar is None or span.start - bar.end > gap:
            last[span.worker] = bar = _Bar(span.worker, span.number, span.start, span.end)
            found.append(bar)
        else:
            bar.end, bar.pieces = max(bar.end, span.end), bar.pieces + 1
    return found


def utilisation(summary: Summary) -> float | None:
    """The share of the workers' time, from first piece to last, in which they trained."""
    spans = summary.timeline
    if not spans:
        return None
    length = max(span.end for span in spans) - min(span.start for span in spans)
    workers = len({span.worker for span in spans})
    trained: float = sum(span.end - span.start for span in spans)
    return min(1.0, trained / (workers * length)) if length else None

"""The best value so far, over trials and over time."""

from __future__ import annotations

from typing import Any

from hpsearch.report.html.figures.pieces import pieces
from hpsearch.report.html.figures.style import (
    BLUE,
    FADED,
    GREEN,
    Figure,
    axis,
    figure,
    held,
    thinned,
    thinning,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number
from hpsearch.report.summary import Summary
from hpsearch.trial import Result, Status


def over_trials(summary: Summary) -> Figure | None:
    """Every trial's value by number, and the best completed one so far."""
    return _figure(summary, {r.number: float(r.number) for r in summary.results}, "trial")


def over_time(summary: Summary) -> Figure | None:
    """The same by the time at which a trial's training ended."""
    return _figure(summary, ends(summary), "seconds since the run began")


def ends(summary: Summary) -> dict[int, float]:
    """When each trial's search training ended; what confirms it came later and counts no more."""
    found: dict[int, float] = {}
    for span, confirming in pieces(summary):
        if not confirming:
            found[span["number"]] = max(span["end"], found.get(span["number"], 0.0))
    return found


def steps(summary: Summary, places: dict[int, float]) -> list[tuple[float, Result]]:
    """The completed trials that were the best so far, in the order of their places.

    A refined run starts from its parent's best, which stands at the first place.
    """
    done = [r for r in summary.results if r.status is Status.COMPLETED and r.number in places]
    best = summary.criterion.best(each.result for each in summary.spec.history)
    found = [] if best is None or not places else [(min(places.values()), best)]
    for result in sorted(done, key=lambda r: (places[r.number], r.number)):
        better = summary.criterion.best([result] if best is None else [best, result])
        if better is result:
            best = result
            found.append((places[result.number], result))
    return found


def _said(summary: Summary, best: Result) -> str:
    """What the line says where a trial became the best."""
    own = best.number >= summary.spec.first
    owner = "" if own else f" of {plot_text(summary.info.get('parent'))}"
    return f"best from trial {best.number}{owner}: {number(best.value)}"


def _figure(summary: Summary, places: dict[int, float], title: str) -> Figure | None:
    valued = [r for r in summary.results if r.value is not None and r.number in places]
    if not valued:
        return None
    shown = thinned(valued, summary)
    limits = value_range(summary, [r.value for r in valued if r.value is not None])
    best = steps(summary, places)
    data: list[dict[str, Any]] = []
    for status, colour, size in ((Status.STOPPED, FADED, 5), (Status.COMPLETED, BLUE, 7)):
        dots = [r for r in shown if r.status is status]
        heights = held([r.value for r in dots], limits)
        data.append({
            "type": "scatter", "mode": "markers", "name": str(status),
            "x": [places[r.number] for r in dots], "y": heights["y"],
            "text": [f"trial {r.number}, {r.status}<br>{number(r.value)}" for r in dots],
            "hovertemplate": "%{text}<extra></extra>", "cliponaxis": False,
            "marker": {"color": colour, "size": size, "symbol": heights["symbol"]},
        })  # fmt: skip
    if best:
        end = max(places.values())
        data.append({
            "type": "scatter", "mode": "lines+markers", "name": "best so far",
            "x": [*(x for x, _ in best), end],
            "y": [*(r.value for _, r in best), best[-1][1].value],
            "text": [*(_said(summary, r) for _, r in best), ""],
            "hovertemplate": "%{text}<extra></extra>",
            "line": {"shape": "hv", "color": GREEN, "width": 2.5}, "marker": {"size": 5},
        })  # fmt: skip
    note = " ".join(filter(None, (
        thinning(len(shown), len(valued)),
        "The weakest quarter stands at the edge as triangles." if limits else None,
    )))  # fmt: skip
    return figure(
        data,
        note or None,
        xaxis=axis(title),
        yaxis=axis(plot_text(summary.criterion.name), **({"range": limits} if limits else {})),
        showlegend=True,
    )

"""What all figures have in common: colours that work on light and dark, quiet axes, thinning."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeVar

from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import LARGE, SMALL
from hpsearch.report.summary import Summary
from hpsearch.searching.criterion import Criterion
from hpsearch.trial import Result, Status

Figure = dict[str, Any]
"""A plotly figure as plain values: data, layout, a note on what it leaves out, min_width."""

BLUE, ORANGE, GREEN, RED, GREY = "#3f7fd9", "#e58a1f", "#1f9d72", "#d64545", "#8a93a0"
FADED = "rgba(138,147,160,0.5)"
COARSE_TO_FINE = ((160, 190, 232), (63, 127, 217), (124, 68, 205))
LOST = (Status.DIVERGED, Status.FAILED)
MOST_DOTS = 1200
BETTER_PART = 0.25  # of the dots are the best ones where not all can be shown

Entry = TypeVar("Entry")


def figure(data: list[dict[str, Any]], note: str | None = None, **layout: Any) -> Figure:
    """A figure in the report's style."""
    base = {
        "margin": {"l": 60, "r": 16, "t": 12, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", "size": 12},
        "hoverlabel": {"align": "left"},
        "height": 340,
        "showlegend": False,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }
    for name in ("x", "y"):
        if f"{name}axis" in layout and _needs_exponents(data, name):
            layout[f"{name}axis"] = {**layout[f"{name}axis"], "exponentformat": "e"}
    return {"data": data, "layout": {**base, **layout}, "note": note}


def _needs_exponents(data: list[dict[str, Any]], name: str) -> bool:
    """Whether the numbers on an axis are too large or too small to be written out."""
    drawn = (value for trace in data for value in trace.get(name) or ())
    largest = max((abs(v) for v in drawn if isinstance(v, int | float)), default=0.0)
    return largest >= LARGE or 0 < largest < SMALL


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis with faint lines."""
    base = {
        "gridcolor": "rgba(138,147,160,0.22)",
        "zeroline": False,
        "automargin": True,
        "exponentformat": "none",  # no 16.4k
        "separatethousands": False,
    }
    return {"title": {"text": title, "standoff": 8}, **base, **more}


def value_axis(metric: str, limits: list[float] | None) -> dict[str, Any]:
    """The axis of a metric's values, within these limits where there are any."""
    return axis(plot_text(metric), **({"range": limits} if limits else {}))


def shade(position: float, alpha: float = 1.0) -> str:
    """A colour between coarse (0) and fine (1)."""
    span = position * (len(COARSE_TO_FINE) - 1)
    place = min(int(span), len(COARSE_TO_FINE) - 2)
    pairs = zip(COARSE_TO_FINE[place], COARSE_TO_FINE[place + 1], strict=True)
    red, green, blue = (round(a + (b - a) * (span - place)) for a, b in pairs)
    return f"rgba({red},{green},{blue},{alpha:g})"


def thinned(results: Sequence[Result], summary: Summary, most: int = MOST_DOTS) -> list[Result]:
    """At most `most` results, by number: of more, the best and an even selection of the rest."""
    if len(results) <= most:
        return list(results)
    ordered = sorted(results, key=summary.criterion.order)
    best = round(most * BETTER_PART)
    kept = ordered[:best] + evenly(ordered[best:], most - best)
    return sorted(kept, key=lambda result: result.number)


def evenly(entries: Sequence[Entry], most: int) -> list[Entry]:
    """At most `most` of the entries, evenly spread."""
    step = max(1, -(-len(entries) // max(1, most)))
    return list(entries[::step])


def thinning(shown: int, of: int, what: str = "trials") -> str | None:
    """A note that some trials are not drawn; None where all are."""
    if shown >= of:
        return None
    return f"{shown:,} of {of:,} {what} are drawn: the best, and an even selection of the rest."


def clamped(values: Sequence[float | None], limits: list[float] | None) -> dict[str, Any]:
    """Heights and symbols of dots: those beyond the limits stand at the edge, as triangles.

    >>> clamped([0.5, 0.9], [0.8, 1.0])
    {'y': [0.8, 0.9], 'symbol': ['triangle-down', 'circle']}
    """
    if limits is None:
        return {"y": list(values), "symbol": "circle"}
    low, high = limits
    places = [None if v is None else min(max(v, low), high) for v in values]
    beyond = "triangle-down", "triangle-up"
    symbols = [
        "circle" if place == value else beyond[place == high]
        for place, value in zip(places, values, strict=True)
    ]
    return {"y": places, "symbol": symbols}


def value_range(
    criterion: Criterion, values: Sequence[float], share: float = 0.75
) -> list[float] | None:
    """Where the better part of the values lies: the weakest would flatten the rest.

    Args:
        criterion: what is better.
        values: to be shown.
        share: of them that lie on the axis for sure.
    """
    ordered = sorted(values, reverse=criterion.goal == "maximize")
    if len(ordered) < 2 or ordered[0] == ordered[-1]:
        return None
    best, weak = ordered[0], ordered[round(share * (len(ordered) - 1))]
    if best == weak:
        weak = ordered[-1]
    pad = 0.08 * (best - weak)
    ends = sorted([best + pad, weak - pad])
    return ends if all(map(isfinite, ends)) else None  # nearly the largest numbers there are

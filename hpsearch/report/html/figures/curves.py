"""Learning curves: those of the best trials above a faint rest."""

from __future__ import annotations

from typing import Any

from hpsearch.report.html.figures.style import (
    BLUE,
    FADED,
    GREEN,
    ORANGE,
    RED,
    Figure,
    axis,
    every,
    figure,
    thinning,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number as written
from hpsearch.report.summary import Summary

BEST = 6
REST = 250
COLOURS = (ORANGE, BLUE, GREEN, "#8b5cd6", "#18a5b8", RED)


def learning(summary: Summary) -> Figure | None:
    """The metric after each epoch; a stopped trial's curve ends at its rung."""
    name = summary.criterion.name
    curves = {
        each.result.number: each.curve
        for each in summary.past_trials
        if len(each.curve.get(name, [])) > 0 and any(v is not None for v in each.curve[name])
    }
    if not any(len(curve[name]) > 1 for curve in curves.values()):
        return None
    first = [] if summary.best is None else [summary.best]
    top = [r for r in (*first, *summary.best_results(BEST)) if r.number in curves]
    best = {result.number: result for result in top[: BEST + 1]}
    others = [number for number in curves if number not in best]
    shown = every(others, REST)
    x: list[Any] = []
    y: list[Any] = []
    for number in shown:  # one trace for all, with gaps between: fast
        x += [*curves[number]["epoch"], None]
        y += [*curves[number][name], None]
    data: list[dict[str, Any]] = [{
        "type": "scatter", "mode": "lines", "name": "other trials", "x": x, "y": y,
        "line": {"color": FADED, "width": 1}, "hoverinfo": "skip",
    }]  # fmt: skip
    for colour, number in zip(COLOURS, list(best)[: len(COLOURS)], strict=False):
        data.insert(1, {
            "type": "scatter", "mode": "lines", "name": f"trial {number}",
            "x": list(curves[number]["epoch"]), "y": list(curves[number][name]),
            "line": {"color": colour, "width": 2.5 if number == next(iter(best)) else 1.8},
            "text": [written(value) for value in curves[number][name]],
            "hovertemplate": f"trial {number}, epoch %{{x}}: %{{text}}<extra></extra>",
        })  # fmt: skip
    every_value = [v for curve in curves.values() for v in curve[name] if v is not None]
    limits = value_range(summary, every_value)
    return figure(
        data,
        thinning(len(shown) + len(best), len(curves), "curves"),
        xaxis=axis("epoch"),
        yaxis=axis(plot_text(name), **({"range": limits} if limits else {})),
        showlegend=True,
        height=380,
    )

"""Settings against how good they were: a panel for each parameter, and all of them at once.

In a panel every trial is a dot, its value against the parameter on the parameter's own scale;
below, each round is a bar where four fifths of its trials lay, from coarse to fine. In parallel
coordinates every trial is a line through all of its settings, to be brushed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpsearch.messages import counted
from hpsearch.report.html.figures.axes import Axis, axis_of, ticks
from hpsearch.report.html.figures.style import (
    GREY,
    LOST,
    ORANGE,
    RED,
    Figure,
    axis,
    clamped,
    evenly,
    figure,
    shade,
    thinned,
    thinning,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import extent, number
from hpsearch.report.summary import Summary
from hpsearch.space import LINEAR, Continuous, Discrete, Parameter
from hpsearch.trial import Result, Status

MOST_BARS = 12  # rounds; of more, an even selection
FUNNEL = 0.24  # of the panel's height
FEW = 12  # values of a range: so few can be distinguished
LOST_ROW = -1.3  # of the rows of bars, which are counted from 0
JITTER = 0.022  # to either side, where many trials share a value
MOST_AXES = 12
MOST_LINES = 2000
UNUSED = -0.12  # where a trial's line passes a parameter that it did not use
SCALE = [[0, "#c9d3e0"], [0.5, "#3f7fd9"], [0.8, "#1f9d72"], [1, "#e58a1f"]]


def panel(summary: Summary, parameter: Parameter) -> Figure | None:
    """The panel of a parameter; None where no trial used it."""
    using = [r for r in summary.results if _entries(r, parameter)]
    if parameter.fixed or not using:
        return None
    scale = axis_of(parameter.domain)
    shown = thinned(using, summary)
    values = [r.value for r in summary.results if r.value is not None]
    limits = value_range(summary.criterion, values)
    shapes, bars = _rounds(summary, parameter, scale)
    dots = [
        _dots(summary, parameter, scale, [r for r in shown if r.status is status], limits)
        for status in (Status.STOPPED, Status.COMPLETED)
    ]
    lost = _lost(parameter, scale, [r for r in shown if r.status in LOST])
    winner = [] if summary.best is None else [_winner(summary.best, parameter, scale)]
    any_lost = bool(lost["x"])
    goal: dict[str, Any] = {"range": limits} if limits else {}
    if not values:
        goal = {"showticklabels": False, "range": [0, 1]}
    return figure(
        [*bars, *dots, lost, *winner],
        thinning(len(shown), len(using)),
        height=330,
        xaxis={**axis(), **scale.layout(), "anchor": "y2"},
        yaxis=axis(plot_text(summary.criterion.name), domain=[FUNNEL + 0.06, 1], **goal),
        yaxis2={
            "domain": [0, FUNNEL],
            "range": [len(bars) - 0.4, LOST_ROW - 0.7 if any_lost else -0.6],
            "showgrid": False,
            "zeroline": False,
            "tickvals": [LOST_ROW] * any_lost + ([0, len(bars) - 1] if len(bars) > 1 else [0]),
            "ticktext": ["lost"] * any_lost
            + (["coarse", "fine"] if len(bars) > 1 else ["round 1"]),
        },
        shapes=shapes,
        bargap=0.25,
        barmode="overlay",
    )


def _entries(result: Result, parameter: Parameter) -> list[Any]:
    """A parameter's values in a trial: none, one, or one for each layer."""
    if parameter.name not in result.params:
        return []
    value = result.params[parameter.name]
    return list(value) if parameter.per is not None and isinstance(value, list) else [value]


def _places(
    results: list[Result], parameter: Parameter, scale: Axis
) -> list[tuple[float, Result, Any]]:
    """Where each value stands; those of a choice or whole number are spread a little."""
    spread = JITTER if parameter.categorical or len(scale.places) <= 6 else 0.0
    discrete = isinstance(parameter.domain, Discrete)
    spread = spread if parameter.categorical or discrete else 0.0
    return [
        (scale.place(value) + spread * ((r.number * 0.618) % 1 * 2 - 1), r, value)
        for r in results
        for value in _entries(r, parameter)
    ]


def _dots(
    summary: Summary,
    parameter: Parameter,
    scale: Axis,
    results: list[Result],
    limits: list[float] | None,
) -> dict[str, Any]:
    last = max(1, *(each.round for each in summary.rounds))
    places = _places([r for r in results if r.value is not None], parameter, scale)
    heights = clamped([r.value for _, r, _ in places], limits)
    completed = bool(results) and results[0].status is Status.COMPLETED
    return {
        "type": "scatter", "mode": "markers", "name": "completed" if completed else "stopped",
        "x": [x for x, _, _ in places], "y": heights["y"],
        "cliponaxis": False,
        "text": [f"{plot_text(number(v))}<br>trial {r.number}, round {r.round + 1}, {r.status}"
                 f"<br>{number(r.value)}" for _, r, v in places],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [shade(min(1.0, r.round / last)) for _, r, _ in places],
            "symbol": heights["symbol"], "size": 8 if completed else 6,
            "opacity": 1 if completed else 0.6,
        },
    }  # fmt: skip


def _lost(parameter: Parameter, scale: Axis, results: list[Result]) -> dict[str, Any]:
    """Diverged and failed trials have no value: crosses along the edge between dots and rounds."""
    places = _places(results, parameter, scale)
    return {
        "type": "scatter", "mode": "markers", "name": "lost", "yaxis": "y2", "cliponaxis": False,
        "x": [x for x, _, _ in places], "y": [LOST_ROW for _ in places],
        "text": [f"{plot_text(number(v))}<br>trial {r.number}, {r.status}" for _, r, v in places],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "symbol": "x-thin", "size": 7,
            "line": {"width": 2, "color": [
                RED if r.status is Status.FAILED else ORANGE for _, r, _ in places]},
        },
    }  # fmt: skip


def _winner(best: Result, parameter: Parameter, scale: Axis) -> dict[str, Any]:
    inside = [v for v in _entries(best, parameter) if parameter.domain.contains(v)]
    return {
        "type": "scatter", "mode": "markers", "name": "winner",
        "x": [scale.place(value) for value in inside], "y": [best.value for _ in inside],
        "text": [plot_text(number(value)) for value in inside],
        "hovertemplate": "the winner: %{text}<extra></extra>",
        "marker": {"symbol": "star", "size": 15, "color": ORANGE,
                   "line": {"width": 1, "color": "white"}},
    }  # fmt: skip


def _rounds(
    summary: Summary, parameter: Parameter, scale: Axis
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Each step's region: a faint band behind the dots, and a bar below them."""
    rounds = [each for each in summary.steps if parameter.name in each.space]
    step = max(1, -(-len(rounds) // MOST_BARS))
    rounds = [each for i, each in enumerate(rounds) if i % step == 0 or each is rounds[-1]]
    shapes, bars = [], []
    for row, each in enumerate(rounds):
        position = row / max(1, len(rounds) - 1)
        spans = list(_spans(each.space[parameter.name], parameter, scale))
        text = extent(each.space[parameter.name], not parameter.categorical)
        bars.append({
            "type": "bar", "orientation": "h", "yaxis": "y2",
            "y": [row for _ in spans], "base": [low for low, _ in spans],
            "x": [max(0.006, high - low) for low, high in spans],
            "marker": {"color": shade(position), "line": {"width": 0}},
            "hovertemplate": f"{each.name}, {counted(each.trials, 'trial')}: "
                             f"{plot_text(text, 80)}<extra></extra>",
        })  # fmt: skip
        shapes += [
            {"type": "rect", "xref": "x", "yref": "y domain", "x0": low,
             "x1": max(high, low + 0.006), "y0": 0, "y1": 1, "layer": "below",
             "line": {"width": 0},
             "fillcolor": shade(position, 0.07 if len(rounds) > 1 else 0.0)}
            for low, high in spans
        ]  # fmt: skip
    if not bars:
        bars = [{"type": "bar", "orientation": "h", "yaxis": "y2", "x": [0], "y": [0],
                 "marker": {"color": GREY}}]  # fmt: skip
    return shapes, bars


def _spans(region: list[Any], parameter: Parameter, scale: Axis) -> list[tuple[float, float]]:
    """A range as one span of the axis, choices as one narrow span each."""
    if parameter.categorical:
        half = 0.35 / max(1, len(parameter.domain.as_config().get("values", region)))
        return [(scale.place(v) - half, scale.place(v) + half) for v in region]
    low, high = scale.place(region[0]), scale.place(region[-1])
    domain, half = parameter.domain, 0.0
    if isinstance(domain, Discrete) and domain.count <= FEW:  # a whole number is a cell, no point
        half = 0.3 / max(1, domain.count - 1)
    return [(low - half, high + half)]


def parallel(summary: Summary) -> Figure | None:
    """A line for each trial that has a value; the numbers of the trials are `customdata`."""
    valued = [r for r in summary.results if r.value is not None]
    parameters = [p for p in summary.config.space if not p.fixed]
    if len(valued) < 2 or not parameters:
        return None
    shown = thinned(valued, summary, MOST_LINES)
    chosen = _most_telling(summary, parameters)
    dimensions = [axis for parameter in chosen for axis in _dimensions(shown, parameter)]
    kept = evenly(dimensions, 2 * MOST_AXES) if len(dimensions) > 2 * MOST_AXES else dimensions
    values = [float(r.value or 0.0) for r in shown]
    limits = value_range(summary.criterion, values)
    low, high = limits or [min(values), max(values)]
    minimise = summary.criterion.goal == "minimize"
    # The weakest would take most of the axis: they stand at its end.
    metric = {
        "label": plot_text(summary.criterion.name),
        "values": [min(max(value, low), high) for value in values],
        "range": [low, high],
        "tickvals": (places := ticks(Continuous(low, high, LINEAR)) if low < high else [low]),
        "ticktext": [number(place) for place in places],
    }
    for name in summary.criterion.names[1:]:
        if all(r.metrics.get(name) is not None for r in shown):
            others = [float(r.metrics[name] or 0.0) for r in shown]
            kept = [*kept, {"label": plot_text(name), "values": others}]
    left_out = len(parameters) - len(chosen)
    note = " ".join(filter(None, (
        thinning(len(shown), len(valued)),
        f"{left_out} parameters that matter less are left out." if left_out else None,
        "The weakest quarter stands at the end of the last axis." if limits else None,
    )))  # fmt: skip
    trace = {
        "type": "parcoords",
        "dimensions": [*kept, metric],
        "customdata": [r.number for r in shown],
        "line": {"color": values, "colorscale": SCALE, "cmin": low, "cmax": high,
                 "reversescale": minimise, "showscale": False},
        "labelangle": -18 if len(kept) > 5 else 0,
        "labelside": "top",
    }  # fmt: skip
    made = figure([trace], note or None, height=430, margin={"l": 80, "r": 80, "t": 90, "b": 28})
    return {**made, "min_width": 160 + 56 * len(kept)}  # narrower, labels would cover each other


def _most_telling(summary: Summary, parameters: list[Parameter]) -> list[Parameter]:
    """As many parameters as fit beside each other: those that mattered, in the space's order."""
    if len(parameters) <= MOST_AXES:
        return parameters
    whole = summary.importance.whole
    weight = {p.name: (s.share if (s := whole.get(p.name)) else 0.0) for p in parameters}
    names = sorted(weight, key=lambda name: -weight[name])[:MOST_AXES]
    return [p for p in parameters if p.name in names]


def _dimensions(results: list[Result], parameter: Parameter) -> Iterator[dict[str, Any]]:
    """One axis, or one for each place of a list."""
    scale = axis_of(parameter.domain)
    length = 1
    if parameter.per is not None:
        lists = (r.params.get(parameter.name) or [] for r in results)
        length = max((len(each) for each in lists if isinstance(each, list)), default=0)
    for index in range(length):
        values = [_value(r, parameter, index) for r in results]
        places = [UNUSED if value is None else scale.place(value[0]) for value in values]
        unused = UNUSED in places
        label = parameter.name if parameter.per is None else f"{parameter.name}[{index}]"
        yield {
            "label": plot_text(label, 22),
            "values": places,
            "range": [UNUSED if unused else 0, 1],
            "tickvals": [UNUSED] * unused + list(scale.places),
            "ticktext": ["not used"] * unused + list(scale.labels),
        }


def _value(result: Result, parameter: Parameter, index: int) -> tuple[Any] | None:
    """A trial's value as a tuple of one, since None may be a value; None where unused."""
    if parameter.name not in result.params:
        return None
    value = result.params[parameter.name]
    if parameter.per is None:
        return (value,)
    return (value[index],) if isinstance(value, list) and index < len(value) else None

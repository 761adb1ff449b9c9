"""Parallel coordinates: every trial a line through its settings, to be brushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpsearch.report.html.figures.axes import axis_of, ticks
from hpsearch.report.html.figures.style import (
    Figure,
    every,
    figure,
    thinned,
    thinning,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number
from hpsearch.report.summary import Summary
from hpsearch.space import LINEAR, Continuous, Parameter
from hpsearch.trial import Result

MOST_AXES = 12
MOST_LINES = 2000
UNUSED = -0.12  # where a trial's line passes a parameter that it did not use
SCALE = [[0, "#c9d3e0"], [0.5, "#3f7fd9"], [0.8, "#1f9d72"], [1, "#e58a1f"]]


def lines(summary: Summary) -> Figure | None:
    """A line for each trial that has a value; the numbers of the trials are `customdata`."""
    valued = [r for r in summary.results if r.value is not None]
    parameters = [p for p in summary.config.space if not p.fixed]
    if len(valued) < 2 or not parameters:
        return None
    shown = thinned(valued, summary, MOST_LINES)
    chosen = _most_telling(summary, parameters)
    dimensions = [axis for parameter in chosen for axis in _dimensions(shown, parameter)]
    kept = every(dimensions, 2 * MOST_AXES) if len(dimensions) > 2 * MOST_AXES else dimensions
    values = [float(r.value or 0.0) for r in shown]
    limits = value_range(summary, values)
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
    """A trial's value in a tuple of its own, since None may be a value; None where unused."""
    if parameter.name not in result.params:
        return None
    value = result.params[parameter.name]
    if parameter.per is None:
        return (value,)
    return (value[index],) if isinstance(value, list) and index < len(value) else None

"""How values got better: the best so far, over trials and over time, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpsearch.report.html.figures.style import (
    BLUE,
    FADED,
    GREEN,
    ORANGE,
    RED,
    Figure,
    axis,
    clamped,
    evenly,
    figure,
    thinned,
    thinning,
    value_axis,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number
from hpsearch.report.summary import Summary, improvements
from hpsearch.searching.running import RunningTraining
from hpsearch.trial import Result, Status

MOST_RUNNING = 64  # curves of trainings at work that are drawn
BEST, REST = 6, 250  # learning curves that are drawn: of the best trials, and of others
STILL_RUNNING = "#d6409f"
COLOURS = (ORANGE, BLUE, GREEN, "#8b5cd6", "#18a5b8", RED)


def over_trials(summary: Summary) -> Figure | None:
    """Every trial's value by number, and the best completed one so far."""
    return _figure(summary, {r.number: float(r.number) for r in summary.results}, "trial")


def over_time(summary: Summary) -> Figure | None:
    """The same by the time at which a trial's training ended."""
    return _figure(summary, ends(summary), "seconds since the run began")


def ends(summary: Summary) -> dict[int, float]:
    """When each trial's training ended, in seconds since the run began; without confirmations."""
    found: dict[int, float] = {}
    for span in summary.timeline:
        if span.kept and not summary.spec.confirms(span.repeat):
            found[span.number] = max(span.end, found.get(span.number, 0.0))
    return found


def steps(summary: Summary, places: dict[int, float]) -> list[tuple[float, Result]]:
    """The completed trials that were the best so far, and the places where they became it.

    A refined run starts from its parent's best, which stands at the first place.
    """
    done = [result for result in summary.results if result.number in places]
    best = summary.criterion.best(each.result for each in summary.spec.history)
    first = [] if best is None or not places else [(min(places.values()), best)]
    return first + improvements(done, places.__getitem__, summary.criterion, best)


def _tooltip(summary: Summary, best: Result) -> str:
    """The line's text where a trial became the best."""
    inherited = best.number < summary.spec.first
    owner = "" if not inherited else f" of {plot_text(summary.info.parent)}"
    return f"best from trial {best.number}{owner}: {number(best.value)}"


def _figure(summary: Summary, places: dict[int, float], title: str) -> Figure | None:
    valued = [r for r in summary.results if r.value is not None and r.number in places]
    if not valued:
        return None
    shown = thinned(valued, summary)
    limits = value_range(summary.criterion, [r.value for r in valued if r.value is not None])
    best = steps(summary, places)
    data: list[dict[str, Any]] = []
    for status, colour, size in ((Status.STOPPED, FADED, 5), (Status.COMPLETED, BLUE, 7)):
        dots = [r for r in shown if r.status is status]
        heights = clamped([r.value for r in dots], limits)
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
            "text": [*(_tooltip(summary, r) for _, r in best), ""],
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
        yaxis=value_axis(summary.criterion.name, limits),
        showlegend=True,
    )


def learning_curves(summary: Summary) -> Figure | None:
    """The metric after each epoch; a stopped trial's curve ends at its rung."""
    name = summary.criterion.name
    curves = {
        each.result.number: each.curve
        for each in summary.past_trials
        if len(each.curve.get(name, [])) > 0 and any(v is not None for v in each.curve[name])
    }
    running = [each for each in summary.running if each.value is not None]
    if not (running or any(len(curve[name]) > 1 for curve in curves.values())):
        return None
    first = [] if summary.best is None else [summary.best]
    top = [r for r in (*first, *summary.best_results(BEST)) if r.number in curves]
    best = {result.number: result for result in top[: BEST + 1]}
    others = [n for n in curves if n not in best]
    shown = evenly(others, REST)
    # One trace for all, with gaps between, is fast.
    x = [epoch for n in shown for epoch in (*curves[n]["epoch"], None)]
    y = [value for n in shown for value in (*curves[n][name], None)]
    data: list[dict[str, Any]] = [{
        "type": "scatter", "mode": "lines", "name": "other trials", "x": x, "y": y,
        "line": {"color": FADED, "width": 1}, "hoverinfo": "skip",
    }]  # fmt: skip
    for colour, n in zip(COLOURS, list(best)[: len(COLOURS)], strict=False):
        data.insert(1, {
            "type": "scatter", "mode": "lines", "name": f"trial {n}",
            "x": list(curves[n]["epoch"]), "y": list(curves[n][name]),
            "line": {"color": colour, "width": 2.5 if n == next(iter(best)) else 1.8},
            "text": [number(value) for value in curves[n][name]],
            "hovertemplate": f"trial {n}, epoch %{{x}}: %{{text}}<extra></extra>",
        })  # fmt: skip
    data += [_still_running(running[:MOST_RUNNING], name)] if running else []
    drawn = [*curves.values(), *(each.curve for each in running)]
    every_value = [v for curve in drawn for v in curve[name] if v is not None]
    limits = value_range(summary.criterion, every_value)
    return figure(
        data,
        thinning(len(shown) + len(best), len(curves), "curves"),
        xaxis=axis("epoch"),
        yaxis=value_axis(name, limits),
        showlegend=True,
        height=380,
    )


def _still_running(running: Sequence[RunningTraining], metric: str) -> dict[str, Any]:
    """The curves so far of trainings at work, as one trace: dashed, with a dot where each is."""
    x, y, text, size = list[Any](), list[Any](), list[str](), list[int]()
    for each in running:
        points = zip(each.curve["epoch"], each.curve[metric], strict=True)
        known = [(epoch, value) for epoch, value in points if value is not None]
        x += [*(epoch for epoch, _ in known), None]
        y += [*(value for _, value in known), None]
        text += [*(f"{each.name}, epoch {epoch}: {number(v)}" for epoch, v in known), ""]
        size += [0] * (len(known) - 1) + [8, 0]
    return {
        "type": "scatter", "mode": "lines+markers", "name": "running", "x": x, "y": y,
        "line": {"color": STILL_RUNNING, "width": 1.8, "dash": "dot"},
        "marker": {"color": STILL_RUNNING, "size": size, "opacity": 1, "line": {"width": 0}},
        "text": text, "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def front(summary: Summary) -> Figure | None:
    """Every completed trial by two objectives, and the front; a box drawn in it chooses trials.

    The numbers of the trials are `customdata`. Confirmed trials stand at the means of their new
    seeds.
    """
    if not summary.front:
        return None
    first, second = summary.criterion.objectives[:2]
    points = {point.result.number: point for point in summary.front}
    rest = [r for r in summary.criterion.able(summary.results) if r.number not in points]
    rest = thinned(rest, summary)
    drawn: list[tuple[str, str, list[tuple[int, Any]]]] = [
        ("completed", FADED, [(r.number, r.metrics) for r in rest]),
        (
            "front, one training",
            BLUE,
            [(n, p.metrics) for n, p in points.items() if not p.confirmed],
        ),
        ("front, confirmed", GREEN, [(n, p.metrics) for n, p in points.items() if p.confirmed]),
    ]
    data = [
        {
            "type": "scatter", "mode": "markers", "name": name, "cliponaxis": False,
            "x": [metrics[second.name] for _, metrics in trials],
            "y": [metrics[first.name] for _, metrics in trials],
            "customdata": [number for number, _ in trials],
            "text": [
                f"trial {n}<br>" + "<br>".join(
                    f"{plot_text(each)} {number(metrics.get(each))}"
                    for each in summary.criterion.names
                )
                for n, metrics in trials
            ],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": colour, "size": 6 if colour is FADED else 9},
        }
        for name, colour, trials in drawn
        if trials
    ]  # fmt: skip
    hidden = len(summary.criterion.objectives) - 2
    also = f"{hidden} more objective{'s' * (hidden > 1)}: see the axes below." if hidden else None
    return figure(
        data,
        also,
        xaxis=axis(f"{plot_text(second.name)} ({second.goal})"),
        yaxis=axis(f"{plot_text(first.name)} ({first.goal})"),
        showlegend=True,
        dragmode="select",
        height=380,
    )


def dominated(summary: Summary) -> Figure | None:
    """The share of the objectives' box that the trials up to each one dominate."""
    if summary.covered is None or not summary.covered.steps:
        return None
    steps = summary.covered.steps
    last = max([steps[-1][0], *(r.number for r in summary.results)])
    line = {
        "type": "scatter", "mode": "lines+markers",
        "x": [*(n for n, _ in steps), last], "y": [*(share for _, share in steps), steps[-1][1]],
        "line": {"shape": "hv", "color": GREEN, "width": 2.5}, "marker": {"size": 5},
    }  # fmt: skip
    return figure([line], xaxis=axis("trial"), yaxis=axis("share dominated"))

"""The pictures of a babysat model: its curves with what was done, and its layers by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, log10
from typing import Any

from hpsearch.report.babysit.rules import USUAL
from hpsearch.report.babysit.summary import BabysitSummary, Entry
from hpsearch.report.html.figures.axes import ticks
from hpsearch.report.html.figures.confusion import confused
from hpsearch.report.html.figures.progress import COLOURS
from hpsearch.report.html.figures.style import (
    FADED,
    GREY,
    RED,
    Figure,
    axis,
    evenly,
    figure,
    value_range,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import number
from hpsearch.space import LOG as LOG_SCALE
from hpsearch.space import Continuous
from hpsearch.trial import Layer

MOST_POINTS = 1500  # of a curve; of more epochs an even selection is drawn
FEWEST = 2  # looks at the layers that make a picture
MANY = 12  # values of the metric, of which its axis leaves some out
LEFT_OUT = 3  # so many: the first epochs would flatten the rest
MOST_LINES = 40  # upright lines, one for each intervention
FARTHEST = 300.0  # decades from 1 that an axis reaches
WIDE = 20.0  # times the smallest value is the largest: more needs a log axis
NOTE = 200  # characters of a note
RATE = "learning rate"
HOVER = "%{fullData.name}, epoch %{x}: %{text}<extra></extra>"  # names are never templates


def pictures(summary: BabysitSummary) -> Iterator[tuple[str, str, Figure]]:
    """Name, title and figure of each picture."""
    name = summary.criterion.name
    losses = [each for each in ("loss", "train_loss", "val_loss") if each in _names(summary)]
    made: list[tuple[str, str, Figure | None]] = [("loss", "Loss", curves(summary, losses))]
    if name not in losses:
        made.append(("metric", plot_text(name), curves(summary, [name])))
    made.append(("rate", "Learning rate", curves(summary, [RATE])))
    made += [(f"layers-{kind}", title, found) for kind, title, found in layers(summary)]
    confusion = confused(summary.measured, summary.info.data.classes)
    made.append(("confusion", "What the best epoch takes for what", confusion))
    for each, title, found in made:
        if found is not None:
            yield each, title, found


def _names(summary: BabysitSummary) -> dict[str, None]:
    return dict.fromkeys(name for curve in summary.story.own.values() for name in curve)


def _values(summary: BabysitSummary, branch: int, name: str) -> tuple[list[int], list[Any]]:
    """Epochs and values of a branch, from the epoch that it began after."""
    story, line = summary.story, summary.story.lines.all[branch]
    curve = story.curve(branch)
    first = max(0, line.began - 1)
    epochs = [int(epoch or 0) for epoch in curve.get("epoch", ())[first:]]
    if name == RATE:
        return epochs, [summary.rate(branch, epoch) for epoch in epochs]
    values = curve.get(name, ())
    return epochs, list(values[first:]) if values else [None] * len(epochs)


def colour(summary: BabysitSummary, branch: int) -> str:
    """Of a branch: the last ones and the best have a colour of their own, the others are grey."""
    shown = [b.number for b in summary.branches[-len(COLOURS) :]]
    if summary.best is not None and summary.best.trial not in shown:
        shown = [summary.best.trial, *shown[1:]]
    return COLOURS[shown.index(branch)] if branch in shown else GREY


def curves(summary: BabysitSummary, names: Sequence[str]) -> Figure | None:
    """Some metrics of every branch by epoch, and what was done."""
    data: list[dict[str, Any]] = []
    drawn: list[float] = []
    several = len(summary.branches) > 1
    for branch in summary.branches:
        for place, name in enumerate(names):
            epochs, values = _values(summary, branch.number, name)
            if all(value is None for value in values):
                continue
            drawn += [v for v in values if v is not None]
            last, shown = place == len(names) - 1, colour(summary, branch.number)
            called = f"branch {branch.number}" if several else plot_text(name)
            if several and not last:
                called += f", {plot_text(name)}"
            kept = evenly(range(len(epochs)), MOST_POINTS)
            data.append({
                "type": "scatter", "mode": "lines" if len(epochs) > 1 else "markers",
                "name": called, "legendgroup": str(branch.number),
                "x": [epochs[k] for k in kept], "y": [values[k] for k in kept],
                "text": [number(values[k]) for k in kept],
                "hovertemplate": HOVER, "showlegend": (last and shown != GREY) or not several,
                "line": {"color": shown, "width": 2.2,
                         "dash": "solid" if last else "dot",
                         "shape": "vh" if name == RATE else "linear"},
            })  # fmt: skip
    if not data:
        return None
    data += _before(summary, names)
    marks = _marks(summary, names[-1])
    dotted = ", ".join(plot_text(name) for name in names[:-1])
    notes = [f"Dotted: {dotted}."] if dotted else []
    if marks is not None:
        data.append(marks)
    if marks is not None and several:
        notes.append("At a diamond: the branch that goes on from there.")
        data.append({
            "type": "scatter", "mode": "text", "x": marks["x"], "y": marks["y"],
            "text": [f"{each}<br> " for each in marks["customdata"]],  # above the diamond
            "textposition": "top center", "cliponaxis": False,
            "hoverinfo": "skip", "hovertemplate": "", "showlegend": False, "name": "branches",
        })  # fmt: skip
    if names == [RATE] or any(name.endswith("loss") for name in names):
        log = min(drawn) > 0 and (names == [RATE] or max(drawn) > WIDE * min(drawn))
        limits = _log_axis(log, drawn)
    else:
        limits = _better_part(summary, drawn, marks)
        if limits:
            notes.append("The axis leaves out the weakest epochs; a double click shows all.")
    return figure(
        data,
        " ".join(notes) or None,
        xaxis=axis("epoch"),
        yaxis=axis(plot_text(names[-1]) if len(names) == 1 else "loss", **limits),
        showlegend=True,
        shapes=_lines(summary),
    )


def _better_part(
    summary: BabysitSummary, drawn: Sequence[float], marks: Mapping[str, Any] | None
) -> dict[str, Any]:
    """An axis of most values, without the weakest, and of all marks."""
    shown = 1 - LEFT_OUT / max(LEFT_OUT, len(drawn))
    found = value_range(summary.criterion, drawn, shown) if len(drawn) >= MANY else None
    if found is None:
        return {}
    ends = [*found, *(() if marks is None else marks["y"])]
    return {"range": [min(ends), max(ends)]}


def _before(summary: BabysitSummary, names: Sequence[str]) -> list[dict[str, Any]]:
    """The curve of the trial that the model began as, faint."""
    start, name = summary.beginning, names[-1]
    if start is None or not start.curve.get(name):
        return []
    called = f"trial {start.trial} of {plot_text(start.run)}"
    return [{
        "type": "scatter", "mode": "lines", "name": called,
        "x": list(start.curve["epoch"]), "y": list(start.curve[name]),
        "text": [number(value) for value in start.curve[name]],
        "hovertemplate": HOVER,
        "line": {"color": FADED, "width": 2, "dash": "dash"},
    }]  # fmt: skip


def _marks(summary: BabysitSummary, name: str) -> dict[str, Any] | None:
    """A diamond on the curves for all that was done after an epoch; it says what and why.

    It has the colour of the branch that goes on there, and "customdata" the number; of several
    that do so, the colour of the last, and the numbers of all.
    """
    places: dict[tuple[int, int], list[Entry]] = {}
    for entry in summary.entries:
        trained_by = summary.story.lines.owner(entry.done.trial, entry.epoch)
        places.setdefault((trained_by, entry.epoch), []).append(entry)
    several = len(summary.branches) > 1
    x, y, texts, colours, numbers = [], [], [], [], []
    for (branch, epoch), found in places.items():
        at = max(1, epoch)
        curve = summary.story.curve(branch)
        if name == RATE:
            value = summary.rate(branch, at)
        else:
            values = curve.get(name, ())  # shorter, where a damaged run's curves are gone
            value = values[at - 1] if at <= len(values) else None
        if value is None:
            continue
        x.append(epoch or 1)
        y.append(value)
        texts.append("<br>".join(f"after epoch {e.epoch}: {_hover(e)}" for e in found))
        colours.append(colour(summary, found[-1].number) if several else RED)
        numbers.append(", ".join(map(str, dict.fromkeys(entry.number for entry in found))))
    if not x:
        return None
    return {
        "type": "scatter", "mode": "markers", "name": "what was done", "x": x, "y": y,
        "text": texts, "customdata": numbers,
        "hovertemplate": "%{text}<extra></extra>", "cliponaxis": False,
        "marker": {"symbol": "diamond", "size": 11, "color": colours,
                   "line": {"width": 1.5, "color": "#ffffff"}},
    }  # fmt: skip


def _hover(entry: Entry) -> str:
    """What was done, and why, as plotly shows it."""
    what = plot_text(entry.words, NOTE)
    why = f"<br>  <i>{plot_text(entry.done.note, NOTE)}</i>" if entry.done.note else ""
    return f"{what} ({entry.done.by}){why}"


def _lines(summary: BabysitSummary) -> list[dict[str, Any]]:
    """An upright line where something was done."""
    epochs = sorted({entry.epoch for entry in summary.entries})
    if len(epochs) > MOST_LINES:
        return []
    return [
        {"type": "line", "x0": epoch, "x1": epoch, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"color": FADED, "width": 1, "dash": "dot"}, "layer": "below"}
        for epoch in epochs
    ]  # fmt: skip


def layers(summary: BabysitSummary) -> Iterator[tuple[str, str, Figure | None]]:
    """How the layers of the branch in training did: a figure for each thing that is measured."""
    number = summary.story.number
    looks, of_branch = summary.diagnostics(number), ""
    if len(summary.branches) > 1:
        of_branch = f", branch {number}"
    for kind, title, of, log in (
        ("updates", "Update over weights", lambda layer: layer.ratio, True),
        ("gradients", "Gradient norm", lambda layer: layer.gradient, True),
        ("dead", "Dead units", lambda layer: layer.dead, False),
        ("shift", "Batch norm's shift", lambda layer: layer.shift, False),
    ):
        found: dict[str, list[tuple[int, float]]] = {}
        for look in evenly(looks, MOST_POINTS):
            for layer in look.layers:
                value = _plain(of, layer)
                if value is not None and (value > 0 or not log):
                    found.setdefault(layer.name, []).append((look.epoch, value))
        yield kind, title + of_branch, _by_layer(found, kind, log)


def _plain(of: Any, layer: Layer) -> float | None:
    value = of(layer)
    return None if value is None or not isfinite(value) else float(value)


def _by_layer(
    found: Mapping[str, Sequence[tuple[int, float]]], kind: str, log: bool
) -> Figure | None:
    if len({epoch for points in found.values() for epoch, _ in points}) < FEWEST:
        return None
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "name": plot_text(name),
            "x": [epoch for epoch, _ in points], "y": [value for _, value in points],
            "text": [number(value) for _, value in points],
            "hovertemplate": HOVER,
            "line": {"color": COLOURS[place % len(COLOURS)], "width": 2}, "marker": {"size": 4},
        }
        for place, (name, points) in enumerate(found.items())
    ]  # fmt: skip
    values = [value for points in found.values() for _, value in points]
    shapes = []
    if kind == "updates":
        values.append(USUAL)
        shapes = [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": USUAL, "y1": USUAL,
                   "line": {"color": GREY, "width": 1.5, "dash": "dash"}}]  # fmt: skip
    limits = {} if log else {"rangemode": "tozero"}
    return figure(
        data,
        "Dashed: 1e-3, the usual size of an update." if kind == "updates" else None,
        xaxis=axis("epoch"),
        yaxis=axis("", **limits, **_log_axis(log, values)),
        showlegend=True,
        height=280,
        shapes=shapes,
    )


def _log_axis(log: bool, values: Sequence[float]) -> dict[str, Any]:
    """A log axis that shows these values, with ticks that people read."""
    if not log:
        return {}
    low, high = log10(min(values)), log10(max(values))
    pad = max(0.05 * (high - low), 0.1)
    low = min(max(low - pad, -FARTHEST), FARTHEST - 1)
    high = max(min(high + pad, FARTHEST), low + pad)
    places = ticks(Continuous(10**low, 10**high, LOG_SCALE))
    return {
        "type": "log",
        "range": [low, high],
        "tickvals": places,
        "ticktext": [number(place) for place in places],
    }

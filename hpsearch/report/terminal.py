"""The summary of a run as text: what won, how the search narrowed, what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hpsearch.report.numbers import duration, extent, number, setting
from hpsearch.report.summary import Summary

WIDTH = 80  # of what is written to a file or a pipe
MOST_CLASSES = 12  # a larger table of confusions does not fit


def console() -> Console:
    """Where results go; colours only on a terminal, and never against NO_COLOR."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(width=width, highlight=False, emoji=False, markup=False)


def show(summary: Summary, to: Console | None = None) -> None:
    """Print a summary."""
    out = to or console()
    out.print(_headline(summary), soft_wrap=True)
    for part in (_winner(summary), _top(summary), _narrowing(summary)):
        if part is not None:
            out.print()
            out.print(part)
    if summary.warnings:
        out.print()
    for caution in summary.warnings:
        out.print(Text(f"! {caution.message}", style="yellow"))
    out.print()
    for line in _closing(summary):
        out.print(Text(line), soft_wrap=True)


def show_measurement(measured: Mapping[str, Any], to: Console | None = None) -> None:
    """Print metrics on some rows, and which classes are taken for which."""
    out = to or console()
    metrics = columns(None, f"on {measured['rows']:,} rows", "")
    for name, value in measured.items():
        if isinstance(value, float):
            metrics.add_row(name, number(value))
    low, high = measured["interval"]
    metrics.add_row("95 % interval of the accuracy", f"{low:.3f} to {high:.3f}")
    out.print(metrics)
    names = [str(name) for name in measured["classes"]]
    if len(names) <= MOST_CLASSES:
        out.print()
        confusion = columns("Rows are what it is, columns what it was taken for", "", *names)
        for name, row in zip(names, measured["confusion"], strict=True):
            confusion.add_row(name, *(str(count) if count else "." for count in row))
        out.print(confusion)


def _headline(summary: Summary) -> Text:
    best, run = summary.best, summary.run.name
    if best is None:
        return Text(f"{run}: no completed trial yet", style="bold")
    text = Text(f"{run}: ", style="bold")
    text.append(f"{summary.objective.name} {number(best.value)}", style="bold green")
    text.append(f" by trial {best.number}")
    return text


def _winner(summary: Summary) -> Table | None:
    best = summary.best
    if best is None:
        return None
    table = columns(None, "The winner", "")
    for name, value in best.params.items():
        table.add_row(name, number(value))
    table.add_section()
    for name, metric in best.metrics.items():
        table.add_row(name, number(metric))
    for name, text in _judged(summary):
        table.add_row(name, text)
    return table


def _judged(summary: Summary) -> Iterator[tuple[str, str]]:
    """The winner on rows that no trial has seen, and against the setting by hand."""
    test, best, baseline = summary.test, summary.best, summary.baseline
    if test is not None:
        low, high = test["interval"]
        share = f"{number(test['test_accuracy'])}  (95 % interval {low:.3f} to {high:.3f})"
        yield "test_accuracy", share
        yield "test_loss", number(test["test_loss"])
    if best and baseline and best.value is not None and baseline.value is not None:
        gain = number(abs(best.value - baseline.value), 2)
        better = "the baseline itself" if best.number == baseline.number else f"by {gain}"
        yield "better than trial 0", f"{better} ({number(baseline.value)}, set by hand)"


def _top(summary: Summary) -> Table | None:
    if not summary.top:
        return None
    table = columns("The best trials", "trial", "round", summary.objective.name, "setting")
    for result in summary.top:
        row = (result.number, result.round + 1, number(result.value), setting(result.params, 2))
        table.add_row(*(str(entry) for entry in row))
    return table


def _narrowing(summary: Summary) -> Table | None:
    """Where the trials of each round lay: one column a round, at most five of them."""
    rounds = list(summary.rounds)
    if len(rounds) < 2:
        return None
    if len(rounds) > 4:
        middle = len(rounds) // 2
        rounds = [rounds[0], rounds[middle // 2 + 1], rounds[-1]]
    headings = [f"round {r.round + 1}" for r in rounds]
    table = columns("From coarse to fine: where the trials of a round lay", "", *headings)
    for parameter in summary.config.space:
        ranged = not (parameter.categorical or parameter.fixed)
        cells = [extent(r.space.get(parameter.name, []), ranged) for r in rounds]
        if not parameter.fixed:
            table.add_row(parameter.name, *cells)
    table.add_section()
    table.add_row("trials", *(str(r.trials) for r in rounds))
    table.add_row(f"best {summary.objective.name}", *(number(r.best) for r in rounds))
    return table


def _closing(summary: Summary) -> Iterator[str]:
    counts = ", ".join(f"{n} {status}" for status, n in summary.counts.items() if n)
    seconds = summary.info.get("seconds")
    took = f" in {duration(seconds)}" if seconds else ""
    status = summary.info["status"]
    state = "" if status == "finished" else f" ({status})"
    yield f"{sum(summary.counts.values())} trials{took}{state}: {counts or 'none yet'}"
    if summary.info.get("parent"):
        yield f"refined from {summary.info['parent']}"
    looks = summary.info.get("test_looks", 0)
    if looks > 1:
        yield f"this lineage has looked at its test rows {looks} times; trust them a little less"
    name = summary.run.name
    if status == "interrupted" or status == "failed":
        yield f"go on with:   hpsearch resume {name}"
    if summary.best is not None:
        yield f"look closer:  hpsearch refine {name}"
        yield f"use it:       {summary.run.model}, and its settings in PyTorch's and Keras's terms"
        yield f"              in {summary.run.best / 'params.yaml'}"


def columns(title: str | None, *names: str) -> Table:
    """A table without lines, as narrow as its contents."""
    return Table(
        *names, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False
    )

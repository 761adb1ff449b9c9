"""The summary of a run as text: what won, how the search narrowed, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from hpsearch.report import importance_table, paired_tables
from hpsearch.report.curve import curve
from hpsearch.report.escape import printable
from hpsearch.report.numbers import duration, extent, number
from hpsearch.report.summary import Summary
from hpsearch.report.text import columns, heading, tell
from hpsearch.trainers.network.frameworks import keras, pytorch
from hpsearch.trial import Result

MOST_CLASSES = 12  # a larger table of confusions does not fit
ABREAST = 5  # so many trials fit beside each other


def show(summary: Summary) -> None:
    """Print a summary."""
    tell(_headline(summary))
    if summary.best is not None:
        tell("", _winner(summary, summary.best))
    if lines := curve(summary):
        tell("", *lines)
    for first in range(0, len(summary.top), ABREAST):
        tell("", _abreast(summary, summary.top[first : first + ABREAST]))
    if len(summary.rounds) > 1:
        tell("", heading("From coarse to fine: where four fifths of a round's trials lay"))
        tell(_narrowing(summary))
    if summary.best is not None:
        tell("", *importance_table.parts(summary.importance, summary.objective.name))
    for study in summary.paired:
        tell("", *paired_tables.parts(study, summary.objective.name))
    if summary.warnings:
        messages = (printable(caution.message) for caution in summary.warnings)
        tell("", *(Text(f"! {message}", style="yellow") for message in messages))
    if summary.best is not None and summary.config.trainer.network:
        tell("", *_in_frameworks(summary, summary.best))
    tell("", *_closing(summary))


def brief(summary: Summary, whole: bool = True) -> None:
    """Print how a run stands in so few lines that a screen holds them; or in one line."""
    done, planned = len(summary.results), summary.brief.trials
    line = _headline(summary)
    line.append(f", {done} of {planned} trials done", style="")
    tell(line)
    if not whole:
        return
    tell("", *curve(summary))
    tell("", _abreast(summary, summary.top[:ABREAST]) if summary.top else "")
    tell("", "Ctrl-C stops watching; the search goes on.")


def show_measurement(measured: Mapping[str, Any], which: str) -> None:
    """Print metrics on some rows, "test" or "new" ones, and which classes are mistaken."""
    metrics = columns(f"on {measured['rows']:,} {which} rows", "")
    for name, value in measured.items():
        if isinstance(value, float):
            metrics.add_row(name, number(value))
    low, high = measured["interval"]
    metrics.add_row("95 % interval of the accuracy", f"{low:.3f} to {high:.3f}")
    tell(metrics)
    names = [str(name) for name in measured["classes"]]
    if len(names) <= MOST_CLASSES:
        confusion = columns("", *names, right=len(names))
        for name, row in zip(names, measured["confusion"], strict=True):
            confusion.add_row(name, *(str(count) if count else "." for count in row))
        tell("", heading("Each row is a class, each column what it was taken for"), confusion)


def _headline(summary: Summary) -> Text:
    best, run = summary.best, summary.run.name
    if best is None:
        return Text(f"{run}: no completed trial yet", style="bold")
    text = Text(f"{run}: ", style="bold")
    text.append(f"{summary.objective.name} {number(best.value)}", style="bold green")
    text.append(f" by trial {best.number}")
    return text


def _winner(summary: Summary, best: Result) -> Table:
    table = columns("The winner", "")
    for name, value in best.params.items():
        table.add_row(name, number(value))
    table.add_row("")
    for name, metric in best.metrics.items():
        table.add_row(name, number(metric))
    for name, text in _judged(summary, best):
        table.add_row(name, text)
    return table


def _judged(summary: Summary, best: Result) -> Iterator[tuple[str, str]]:
    """The winner with new seeds, on rows that no trial has seen, and against the baseline."""
    yield from _confirmed(summary)
    test, baseline = summary.test, summary.baseline
    if test is not None:
        low, high = test["interval"]
        share = f"{number(test['test_accuracy'])}  (95 % interval {low:.3f} to {high:.3f})"
        yield "test_accuracy", share
        yield "test_loss", number(test["test_loss"])
    if baseline and baseline.value is not None and best.value is not None:
        gain = number(abs(best.value - baseline.value), 2)
        better = "the baseline itself" if best.number == baseline.number else f"by {gain}"
        yield "better than trial 0", f"{better} ({number(baseline.value)}, set by hand)"


def _confirmed(summary: Summary) -> Iterator[tuple[str, str]]:
    """How the winner does with new seeds, and who does as well."""
    confirmed = summary.confirmed
    if confirmed is None or summary.outcome is None:
        return
    seeds = confirmed["seeds"]
    spread = "" if confirmed["deviation"] is None else f", deviation {confirmed['deviation']:.2g}"
    trained = f"mean of {seeds} new seeds" if seeds > 1 else "one new seed"
    yield "confirmed", f"{number(confirmed['mean'])}  ({trained}{spread})"
    if confirmed.get("interval") is not None:
        low, high = confirmed["interval"]
        yield "", f"(95 % interval of that mean {low:.3f} to {high:.3f})"
    yield "optimism", f"{confirmed['optimism']:+.2g}  (the value above less the confirmed one)"
    if equals := summary.outcome["indistinguishable"]:
        yield "as good as it", "trial " + ", ".join(map(str, equals)) + "  (within one error)"


def _abreast(summary: Summary, results: Sequence[Result]) -> Table:
    """Trials side by side, one a column, so that settings can be compared along a line."""
    table = columns("The best trials", *(str(result.number) for result in results))
    table.add_row("round", *(str(result.round + 1) for result in results))
    table.add_row(summary.objective.name, *(number(result.value) for result in results))
    for parameter in summary.config.space:
        name = parameter.name
        cells = [number(r.params[name], 2) if name in r.params else "" for r in results]
        if any(cells):
            table.add_row(name, *cells)
    return table


def _narrowing(summary: Summary) -> Table:
    """Where the trials of each round lay: one column a round, at most four of them."""
    rounds = list(summary.rounds)
    if len(rounds) > 4:
        rounds = [rounds[0], rounds[(len(rounds) - 1) // 2], rounds[-1]]
    table = columns("", *(f"round {round.round + 1}" for round in rounds))
    for parameter in summary.config.space:
        ranged = not (parameter.categorical or parameter.fixed)
        cells = [extent(r.space.get(parameter.name, []), ranged) for r in rounds]
        if not parameter.fixed:
            table.add_row(parameter.name, *cells)
    table.add_row("")
    table.add_row("trials", *(str(r.trials) for r in rounds))
    table.add_row(f"best {summary.objective.name}", *(number(r.best) for r in rounds))
    return table


def _in_frameworks(summary: Summary, best: Result) -> Iterator[Text | str]:
    """The winner's updates in other words; the whole network stands in params.yaml."""
    data = summary.info["data"]
    settings = {**summary.config.trainer.settings, **best.params}
    yield heading("In PyTorch's and Keras's terms")
    for lines in (pytorch, keras):
        code = lines(settings, features=data["features"], classes=len(data["classes"]))
        yield from (line for line in code if line.startswith("optimizer = "))


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
    run = summary.run
    if status in ("interrupted", "failed"):
        yield f"go on with:   hpsearch resume {run.path}"
    if run.report.exists():
        yield f"see it:       {run.report} (or: hpsearch report --open {run.path})"
    if summary.best is not None:
        yield f"look closer:  hpsearch refine {run.path}"
    if run.outcome is not None and run.has_model:
        yield f"use it:       hpsearch predict {run.path} DATA"
        told = "in PyTorch and Keras, too" if summary.config.trainer.network else "its settings"
        yield f"rebuild it:   {run.best / 'params.yaml'} ({told})"
    elif run.outcome is not None:
        yield f"use it:       {run.best / 'params.yaml'} (its settings)"

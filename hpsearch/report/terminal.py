"""The summary of a run as text: what won, how the search narrowed, what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from hpsearch.errors import as_argument
from hpsearch.messages import counted, printable
from hpsearch.report.chart import learning_curve
from hpsearch.report.front import MOST_POINTS, front_table
from hpsearch.report.headline import class_rates, gain, on_test_rows
from hpsearch.report.importance import importance_text
from hpsearch.report.numbers import ROUGH, duration, ends, extent, number, rough, signed
from hpsearch.report.paired import paired_text
from hpsearch.report.summary import Summary, titled
from hpsearch.report.text import WIDTH, Line, Printable, TextTable, display, heading, warning
from hpsearch.searching.criterion import Criterion
from hpsearch.store import trial_folder
from hpsearch.store.records import Rates
from hpsearch.trial import Result, Status

MENDED = ", once what is run is mended; with another configuration, by hpsearch run"
MOST_CLASSES = 12  # a larger table of confusions does not fit
MOST_RATES = 30  # classes with a line each
MOST_PAIRS = 10  # of classes that are mistaken for each other
MOST_RUNNING = 10  # trainings at work with a line each
ABREAST = 5  # so many trials fit beside each other


def show(summary: Summary) -> None:
    """Print a summary."""
    display(_headline(summary))
    if summary.no_better_than_parent:
        display(Line(((summary.no_better_than_parent, "yellow"),)))
    if summary.best is not None:
        display("", _winner(summary, summary.best))
    if lines := _curve(summary):
        display("", *lines)
    for first in range(0, len(summary.top), ABREAST):
        display("", _abreast(summary, summary.top[first : first + ABREAST]))
    if summary.top and summary.left_out:
        display(summary.left_out)
    if summary.running:
        display("", *_running(summary))
    if summary.front:
        display("", *_front(summary))
    if len(summary.steps) > 1:
        display("", heading("From coarse to fine: where four fifths of a round's trials lay"))
        display(_narrowing(summary))
    if summary.best is not None:
        display("", *importance_text(summary.importance, summary.criterion.name))
    for paired in summary.paired:
        display("", *paired_text(paired, summary.criterion.name))
    if summary.warnings:
        display("", *(warning(printable(each.message)) for each in summary.warnings))
    if summary.acts:
        display("", heading("By hand"), *(f"{when}  {what}" for when, what in summary.acts))
    if summary.snippets:
        display("", *_in_frameworks(summary.snippets))
    display("", *_closing(summary))


def show_progress(summary: Summary, one_line: bool = False) -> None:
    """Print how a running search stands, in so few lines that a screen holds them, or in one."""
    planned = counted(summary.spec.trials + len(summary.by_hand.added), "trial")
    display(_headline(summary, f", {len(summary.results)} of {planned} done"))
    if one_line:
        return
    display("", *_curve(summary))
    display("", _abreast(summary, summary.top[:ABREAST]) if summary.top else "")
    if summary.running:
        display("", *_running(summary))
    display("", "Ctrl-C stops watching; the search goes on.")


def show_measurement(
    measured: Mapping[str, Any], which: str, criterion: Criterion | None = None
) -> None:
    """Print metrics on some rows, beside a constant answer's, and which classes are mistaken.

    Args:
        measured: the metrics as result.json has them, and the names of the classes.
        which: of the rows, "test" or "new".
        criterion: whose metric comes first; None of a model that does not say.
    """
    prefix = next(name for name in measured if name.endswith("_accuracy")).partition("_")[0]
    against = None if criterion is None else on_test_rows(criterion, measured, prefix)
    first = None if against is None else against.name
    found = {name: v for name, v in measured.items() if name.startswith(f"{prefix}_")}
    names = sorted(found, key=lambda name: name != first)
    intervals = measured.get("intervals") or {f"{prefix}_accuracy": measured["interval"]}
    constant = measured.get("baseline", {})
    display(f"on {counted(measured['rows'], f'{which} row')}")
    table = TextTable("metric", "", "95 % interval", "constant answer")
    for name in names:
        interval = intervals.get(name)
        table.add_row(
            name,
            "not measured" if found[name] is None else number(found[name]),
            "" if interval is None else ends(interval),
            number(constant[name]) if name in constant else "",
        )
    display(table)
    if constant:
        display(
            "(constant answer: always the largest class; for the loss, always the classes' shares)"
        )
    if against is not None and against.warning is not None:
        display("", warning(against.warning))
    if measured.get("per_class"):
        display("", *_classes(measured))
    display("", *_mistakes(measured))


def _classes(measured: Mapping[str, Any]) -> Iterator[Printable]:
    """A line for each class; of many classes those with the worst F1."""
    names = [str(name) for name in measured["classes"]]
    table = TextTable("class", "rows", "precision", "recall", "F1", right=4)
    for row in class_rates(names, Rates(**measured["per_class"]), MOST_RATES, "-"):
        table.add_row(*row)
    yield table
    if len(names) > MOST_RATES:
        yield f"the {MOST_RATES} of {len(names):,} classes with the lowest F1; --json has all"


def _mistakes(measured: Mapping[str, Any]) -> Iterator[Printable]:
    """The confusion matrix where it fits, else the pairs most often mistaken."""
    names = [str(name) for name in measured["classes"]]
    if measured.get("confusion") is not None and len(names) <= MOST_CLASSES:
        confusion = TextTable("", *names, right=len(names))
        for name, row in zip(names, measured["confusion"], strict=True):
            confusion.add_row(name, *(str(count) if count else "." for count in row))
        yield heading("Each row is a class, each column what it was taken for")
        yield confusion
    elif measured.get("confused"):
        table = TextTable("most often mistaken", "taken for", "rows", right=1)
        for true, taken_for, rows in measured["confused"][:MOST_PAIRS]:
            table.add_row(names[true], names[taken_for], f"{rows:,}")
        yield table


def _headline(summary: Summary, more: str = "") -> Line:
    headline, run = summary.headline, summary.run.name
    if headline is None:
        yet = " yet" * (summary.info.status in ("running", "interrupted"))
        return Line(((f"{run}: no completed trial{yet}{more}", "bold"),))
    source = f" ({headline.source})" if headline.seeds else ""
    return Line((
        (f"{run}: ", "bold"),
        (f"{headline.metric} {number(headline.value)}", "bold green"),
        (f" by trial {headline.trial}{source}{more}", "bold"),
    ))  # fmt: skip


def _curve(summary: Summary) -> list[Line | str]:
    """The winner's learning curve, where it has one."""
    best, name = summary.best, summary.criterion.name
    for each in summary.past_trials:
        if best is not None and each.result.number == best.number:
            title = f"{name} of trial {best.number}, epoch by epoch"
            return learning_curve(each.curve, name, title)
    return []


def _winner(summary: Summary, best: Result) -> TextTable:
    ended = summary.info.status == "finished"
    table = TextTable("The winner" if ended else "The best so far", "")
    for name, value in best.params.items():
        table.add_row(name, number(value))
    table.add_row("")
    shown = []
    for name, text in _judged(summary):
        table.add_row(name, text)
        shown.append(name)
    for name, metric in _others(summary, best):
        if name not in shown:
            table.add_row(name, number(metric))
    return table


def _judged(summary: Summary) -> Iterator[tuple[str, str]]:
    """The searched metric: with new seeds, in the search, on the test rows, beside a baseline."""
    yield from _confirmed(summary)
    found = summary.tested
    if found is not None:
        interval = "" if found.interval is None else f"  (95 % interval {ends(found.interval)})"
        yield found.name, f"{number(found.value)}{interval}"
        if found.constant is not None:
            yield "", f"({found.constant_words}: {number(found.constant)})"
    against = gain(summary)
    if against is not None:
        by = "the baseline itself" if against.itself else f"by {signed(against.value)}"
        yield "better than trial 0", f"{by} ({number(against.baseline)}, set by hand)"


def _confirmed(summary: Summary) -> Iterator[tuple[str, str]]:
    """The winner's value, what it is a mean of, and which trials do as well."""
    headline, confirmed = summary.headline, summary.confirmed
    assert headline is not None
    if confirmed is None or not headline.seeds:
        yield headline.metric, number(headline.value)
        return
    deviation = confirmed.deviation
    spread = "" if deviation is None else f", deviation {rough(deviation)}"
    several = f"mean of {headline.seeds} new seeds" if headline.seeds > 1 else "one new seed"
    yield headline.metric, f"{number(headline.value)}  ({several}{spread})"
    if (interval := confirmed.interval) is not None:
        yield "", f"(95 % interval of that mean {ends(interval)}{_cut(interval)})"
    yield (
        "in the search",
        f"{number(headline.search)}  ({signed(confirmed.optimism)} against new seeds)",
    )
    if equals := summary.indistinguishable:
        yield "as good as it", "trial " + ", ".join(map(str, equals)) + "  (within one error)"


def _cut(interval: tuple[float, float]) -> str:
    """That an interval is cut off at 0 or 1, the ends of the metric."""
    found = [f"{end:g}" for end in interval if end in (0.0, 1.0)]
    return f", cut off at {' and '.join(found)}" if found else ""


def _others(summary: Summary, best: Result) -> Iterator[tuple[str, float | None]]:
    """The other metrics: on the test rows, then in the search."""
    for name, value in (summary.test or {}).items():
        if name.startswith("test_"):
            yield name, value
    for name, value in best.metrics.items():
        if name != summary.criterion.name:
            yield name, value


def _abreast(summary: Summary, results: Sequence[Result]) -> TextTable:
    """Trials side by side, one a column, so that settings can be compared along a line."""
    table = TextTable("The best trials", *(str(result.number) for result in results))
    rounds = ["by hand" if summary.is_added(r) else str(r.round + 1) for r in results]
    table.add_row("round", *rounds)
    table.add_row(summary.criterion.name, *(number(result.value) for result in results))
    for name in summary.criterion.names[1:]:
        table.add_row(name, *(number(result.metrics.get(name)) for result in results))
    for name in summary.config.space.names:
        cells = [number(r.params[name]) if name in r.params else "" for r in results]
        if any(cells):
            table.add_row(name, *cells)
    return table


def _running(summary: Summary) -> Iterator[Printable]:
    """The trainings at work: where each is, and its last value."""
    table = TextTable("Running now", "epoch", summary.criterion.name, right=2)
    for each in summary.running[:MOST_RUNNING]:
        value = "" if each.value is None else number(each.value)
        table.add_row(each.name, f"{each.epoch} of {each.until}", value)
    yield table
    if len(summary.running) > MOST_RUNNING:
        yield f"{len(summary.running) - MOST_RUNNING:,} more: --format json"


def _front(summary: Summary) -> Iterator[Printable]:
    """The trials that no other beats in every objective, and how much they cover."""
    criterion, points = summary.criterion, summary.front
    aims = ", ".join(f"{each.name} ({each.goal})" for each in criterion.objectives)
    yield heading("The front: what no trial beats in every objective")
    yield from wrap(aims, WIDTH, break_long_words=False)
    yield front_table(criterion, points)
    if len(points) > MOST_POINTS:
        yield f"{len(points) - MOST_POINTS:,} more: --format json"
    if summary.covered is not None:
        yield (
            f"dominates {100 * summary.covered.share:.1f} % of the box between the best and the "
            "worst of each objective"
        )


def _narrowing(summary: Summary) -> TextTable:
    """Where the trials of each step lay: one column a step, at most four of them."""
    steps = list(summary.steps)
    if len(steps) > 4:
        steps = [steps[0], steps[(len(steps) - 1) // 2], steps[-1]]
    table = TextTable("", *(step.name for step in steps))
    for title, branch in titled(summary.config.space):
        ranged = not (branch.categorical or branch.fixed)
        regions = {each.round: each.space for each in summary.of_branch(branch).steps}
        where = [regions.get(each.round, {}).get(branch.name, []) for each in steps]
        if not branch.fixed:
            table.add_row(title, *(extent(values, ranged, ROUGH) for values in where))
    table.add_row("")
    table.add_row("trials", *(str(step.trials) for step in steps))
    table.add_row(f"best {summary.criterion.name}", *(number(step.best) for step in steps))
    return table


def _in_frameworks(snippets: Mapping[str, list[str]]) -> Iterator[Printable]:
    """The winner's updates as code of each framework; the whole model stands in params.yaml."""
    names = " and ".join(f"{framework}'s" for framework in snippets)
    yield heading(f"In {names} terms")
    for code in snippets.values():
        yield from (line for line in code if line.startswith("optimizer = "))


def _closing(summary: Summary) -> Iterator[str]:
    seconds = summary.info.seconds
    took = f" in {duration(seconds)}" if seconds else ""
    status = summary.info.status
    state = "" if status == "finished" else f" ({status})"
    counts = summary.counts_text or "none yet"
    yield f"{counted(len(summary.results), 'trial')}{took}{state}: {counts}"
    if summary.end is not None:
        yield summary.end
    if retried := summary.retried:
        yield f"{counted(retried, 'failed attempt')} trained again (search.retries)"
    if summary.workers.notable and (busy := summary.workers.sentence()):
        yield busy
    if summary.info.parent:
        yield f"refined from {summary.info.parent}"
    looks = summary.info.test_looks
    if looks > 1:
        yield f"this lineage has looked at its test rows {looks} times; trust them a little less"
    run = summary.run
    if status in ("interrupted", "failed"):
        hopeless = {result.status for result in summary.results} == {Status.FAILED}
        word = as_argument(run.path)
        yield f"go on with:   hpsearch resume {word}{MENDED if hopeless else ''}"
    if run.report.exists():
        opened = f"hpsearch report --open {as_argument(run.path)}"
        yield f"see it:       {run.report} (or: {opened})"
    if summary.refinable:
        yield f"look closer:  hpsearch refine {as_argument(run.path)}"
    if summary.outcome is not None and run.has_model:
        yield f"use it:       hpsearch predict {as_argument(run.path)} DATA"
        words = " and ".join(summary.snippets)
        holds = f"in {words}, too" if words else "its settings"
        yield f"rebuild it:   {run.best / 'params.yaml'} ({holds})"
    elif summary.outcome is not None:
        kept = [
            (run.checkpoint, "what its training left at the end"),
            (trial_folder(run.inside, (summary.outcome.number, 0, 0)), "its own folder"),
            (run.best / "params.yaml", "its settings"),
        ]
        there = [(place, what) for place, what in kept if place.status() is not None]
        for i, (place, what) in enumerate(there):
            yield f"{'' if i else 'use it:':<14}{place} ({what})"

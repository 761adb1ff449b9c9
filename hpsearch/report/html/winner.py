"""What won, whether to trust it, how it does on each class, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpsearch.errors import as_argument
from hpsearch.messages import counted
from hpsearch.report.headline import Tested, class_rates, gain
from hpsearch.report.html.markup import (
    card,
    code,
    definitions,
    escaped,
    header,
    items,
    short,
    table,
)
from hpsearch.report.numbers import duration, ends, number, rough, signed
from hpsearch.report.summary import Summary
from hpsearch.store import as_yaml
from hpsearch.store.records import Measured
from hpsearch.trial import Params, Result, Value

MOST_OPEN = 20  # classes; a longer table is folded
MOST_ROWS = 1000  # classes in the table
MOST_PAIRS = 30  # of classes that are mistaken for each other
TEXTS = ("class", "taken for")  # the columns that are no numbers


def headline(summary: Summary) -> str:
    """The page's first lines: the run, its status, and facts about the search."""
    info = summary.info
    counts = summary.counts_text or "none has ended yet"
    seconds = info.seconds
    facts = [
        f"{counted(len(summary.results), 'trial')} ({counts})",
        f"took {duration(seconds)}" if seconds else "",
        f"seed {info.seed}",
        info.created[:16].replace("T", " "),
        f"refined from {short(info.parent)}" if info.parent else "",
        short(summary.end, 180) if summary.end else "",
        f"{counted(summary.retried, 'failed attempt')} trained again" if summary.retried else "",
    ]
    kicker = (
        f'<p class="kicker">hpsearch <span class="status {escaped(info.status)}">'
        f"{escaped(info.status)}</span></p>"
    )
    return header(kicker, short(summary.run.name, 80), facts)


def winner(summary: Summary) -> str:
    """The winner's card: its value, its settings to copy, and how far to trust it."""
    best, going = summary.best, summary.info.status in ("running", "interrupted")
    if best is None:
        metric = escaped(summary.criterion.name)
        why = f"<p>No trial has been completed with a finite {metric}.</p>"
        return card("winner", f"No winner{' yet' * going}", why)
    headline = summary.headline
    assert headline is not None
    no_better = summary.no_better_than_parent
    note = "" if no_better is None else f"<p class=warning>{escaped(no_better)}</p>"
    settings = ((short(name, 32), short(number(v), 40)) for name, v in best.params.items())
    trust = ((escaped(name), html) for name, html in _judgements(summary, best))
    texts = [("retrain", f"hpsearch retrain {_run(summary)} --trial {best.number}")]
    fixed = {n: v for n, v in summary.config.trainer.settings.items() if n not in best.params}
    if fixed.keys() - {"epochs"}:  # YAML alone has what was searched, as `search.start` takes it
        texts.insert(0, ("every setting", as_yaml({**best.params, **fixed}).rstrip("\n")))
    return (
        '<section class="card winner" id=winner><div>'
        f"<p class=label>{escaped(headline.metric)} of trial {best.number}</p>"
        f"<p class=value>{escaped(number(headline.value))}</p>"
        f"<p class=label>{_source(summary)}</p>{on_test_rows(summary.tested)}{note}</div>"
        f"<dl class=settings>{definitions(settings)}</dl>"
        f"<div class=trust><h3>Can I trust it?</h3><dl>{definitions(trust)}</dl></div>"
        f"{copies(best.params, texts, summary.snippets)}</section>"
    )


def warnings(summary: Summary) -> str:
    """What to be wary of, and the commands to go on with."""
    found = [*(escaped(each.message) for each in summary.warnings), *_first_error(summary)]
    steps = [f"{escaped(why)}: <code>{escaped(step)}</code>" for why, step in _next(summary)]
    if not found and not steps:
        return ""
    body = items(found, "warnings") + items(steps)
    return card("next", "What to try next", body)


def _first_error(summary: Summary) -> Iterator[str]:
    """The first error of a trial: mostly the others have the same one."""
    for result in summary.results:
        if result.error is not None:
            yield f"trial {result.number} {result.status}: {short(result.error, 160)}"
            return


def _next(summary: Summary) -> Iterator[tuple[str, str]]:
    """The commands to go on with, and why."""
    if summary.info.status in ("interrupted", "failed"):
        yield "finish the search", f"hpsearch resume {_run(summary)}"
    if summary.refinable:
        yield "look closer around the best", f"hpsearch refine {_run(summary)}"
    if summary.outcome is not None and summary.config.data is not None:
        yield "use the winner on new rows", f"hpsearch predict {_run(summary)} DATA"
    if summary.info.status == "finished" and summary.best is None:
        yield "see and mend the ranges", f"hpsearch check {_run(summary)}/config.yaml"


def _source(summary: Summary) -> str:
    """Where the winner's value is from, as HTML."""
    headline = summary.headline
    assert headline is not None
    if headline.seeds:
        return escaped(headline.source)
    return "in the search: of one training, the best of many, so likely lucky as well as good"


def on_test_rows(found: Tested | None) -> str:
    """The metric that counts on the test rows, beside a constant answer's."""
    if found is None:
        return ""
    interval = "" if found.interval is None else f" <small>95 % {ends(found.interval)}</small>"
    constant = ""
    if found.constant is not None:
        constant = f"<p class=label>{found.constant_words}: {number(found.constant)}</p>"
    return (
        f"<p class=tested>{escaped(found.name)} <b>{number(found.value)}</b>{interval}</p>"
        f"{constant}"
    )


def _judgements(summary: Summary, best: Result) -> Iterator[tuple[str, str]]:
    confirmed = summary.confirmed
    if confirmed is not None:
        spread = confirmed.deviation
        deviation = (
            "" if spread is None else f" <small>± {rough(spread)} from seed to seed</small>"
        )
        yield "with new seeds", f"{number(confirmed.mean)}{deviation}"
        if confirmed.interval:
            cut = any(end in (0.0, 1.0) for end in confirmed.interval)
            end = " <small>cut off where the metric ends</small>" * cut
            yield "95 % interval of that mean", f"{ends(confirmed.interval)}{end}"
    yield (
        "in the search",
        f"{number(best.value)} <small>after {counted(best.epochs, 'epoch')}</small>",
    )
    if confirmed is not None:
        yield "optimism of the search", signed(confirmed.optimism)
    if equals := summary.indistinguishable:
        yield "as good, within one error", "trial " + ", ".join(map(str, equals))
    yield from judged_on_test_rows(summary.test, summary.tested, summary.info.test_looks)
    yield from _gain(summary)
    for name, value in best.metrics.items():
        if name != summary.criterion.name:
            yield name, escaped(number(value))


def judged_on_test_rows(
    test: Mapping[str, Any] | None, first: Tested | None, looks: int
) -> Iterator[tuple[str, str]]:
    """Every metric on the test rows, each with its interval; nothing where there are none.

    Args:
        test: the metrics by name.
        first: the one that counts.
        looks: how often the test rows were looked at.
    """
    if test is None:
        return
    times = "looked at once" if looks <= 1 else f"looked at {looks:,} times: trust less"
    yield "test rows", f"{test['rows']:,} <small>{times}</small>"
    intervals = test["intervals"] or {"test_accuracy": test["interval"]}
    names = [name for name in test if name.startswith("test_")]
    for name in sorted(names, key=lambda name: first is None or name != first.name):
        interval = intervals.get(name)
        within = "" if interval is None else f" <small>95 % {ends(interval)}</small>"
        yield name, f"{escaped(number(test[name]))}{within}"


def _gain(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the winner gains over the first setting of `search.start`, and the error of that."""
    found = gain(summary)
    if found is None:
        return
    if found.itself:
        yield "better than the setting by hand", "it is the setting by hand"
        return
    error = "" if found.error is None else f" ± {rough(found.error)}"
    yield (
        "gain over the setting by hand",
        f"{signed(found.value)}{error} <small>({number(found.baseline)})</small>",
    )


def copies(
    params: Params, others: Sequence[tuple[str, str]], snippets: Mapping[str, list[str]]
) -> str:
    """A setting as YAML, other texts, and code, each with a button to copy it.

    Args:
        params: the setting.
        others: texts such as commands, each with its name.
        snippets: lines of code by framework.
    """
    texts = [("YAML", as_yaml(params).rstrip("\n")), *others]
    for framework, lines in snippets.items():
        texts.append((framework, "\n".join(lines).rstrip("\n")))
    return "<div class=copies>" + "".join(
        f"<details{' open' if i == 0 else ''} name=copies><summary>{name}</summary>"
        f"<button type=button class=copy>copy</button><pre>{code(text)}</pre></details>"
        for i, (name, text) in enumerate(texts)
    ) + "</div>"  # fmt: skip


def _run(summary: Summary) -> str:
    return as_argument(summary.run.path)


def classes(test: Measured | None, known: Sequence[Value]) -> str:
    """Precision, recall and F1 of each class on the test rows, and what is often mistaken.

    Args:
        test: what the test rows gave; None where they were not looked at.
        known: the classes.
    """
    if test is None or test.per_class is None:
        return ""
    names = [str(name) for name in known]
    heads = ("class", "rows", "precision", "recall", "F1")
    found = class_rates(names, test.per_class, MOST_ROWS, "–")
    rates = table(heads, [[short(name, 40), *cells] for name, *cells in found], TEXTS)
    title = f"{len(names):,} classes"
    if len(names) > MOST_ROWS:
        title += f", the {MOST_ROWS:,} with the lowest F1"
    folded = "" if len(names) > MOST_OPEN else " open"
    pairs = _mistaken(names, test.confused, whole=test.confusion is not None)
    return card(
        "classes",
        "Class by class",
        "<p>On the test rows: precision is the share of rows taken for a class that are of it, "
        "recall the share of its rows that were found, F1 their harmonic mean.</p>"
        f"<details{folded}><summary>{title}</summary>{rates}</details>{pairs}",
    )


def _mistaken(names: Sequence[str], pairs: Sequence[Sequence[int]], whole: bool) -> str:
    """The pairs most often mistaken; folded where the matrix above shows them, too."""
    if not pairs:
        return ""
    rows = [[short(names[a], 40), short(names[b], 40), f"{n:,}"] for a, b, n in pairs[:MOST_PAIRS]]
    pairs_table = table(("class", "taken for", "rows"), rows, TEXTS)
    opened = "" if whole else " open"
    return f"<details{opened}><summary>Most often mistaken</summary>{pairs_table}</details>"

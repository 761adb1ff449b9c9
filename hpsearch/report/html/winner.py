"""What won, whether to trust it, how it does on each class, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpsearch.errors import as_argument
from hpsearch.messages import counted
from hpsearch.report.headline import class_rates, gain
from hpsearch.report.html.markup import card, code, definitions, escaped, header, items, short
from hpsearch.report.numbers import duration, ends, number, rough, signed
from hpsearch.report.summary import Summary
from hpsearch.store import as_yaml
from hpsearch.trial import Result

MOST_OPEN = 20  # classes; a longer table is folded
MOST_ROWS = 1000  # classes in the table
MOST_PAIRS = 30  # of classes that are mistaken for each other


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
    return (
        '<section class="card winner" id=winner><div>'
        f"<p class=label>{escaped(headline.metric)} of trial {best.number}</p>"
        f"<p class=value>{escaped(number(headline.value))}</p>"
        f"<p class=label>{_source(summary)}</p>{_on_test_rows(summary)}{note}</div>"
        f"<dl class=settings>{definitions(settings)}</dl>"
        f"<div class=trust><h3>Can I trust it?</h3><dl>{definitions(trust)}</dl></div>"
        f"{_copies(summary, best)}</section>"
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


def _on_test_rows(summary: Summary) -> str:
    """The searched metric on the test rows, beside a constant answer's."""
    found = summary.tested
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
    confirmed, test, looks = summary.confirmed, summary.measured, summary.info.test_looks
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
    if test is not None:
        times = "looked at once" if looks <= 1 else f"looked at {looks:,} times: trust less"
        yield "test rows", f"{test.rows:,} <small>{times}</small>"
        yield from _tests(summary)
    yield from _gain(summary)
    for name, value in best.metrics.items():
        if name != summary.criterion.name:
            yield name, escaped(number(value))


def _tests(summary: Summary) -> Iterator[tuple[str, str]]:
    """Every metric on the test rows, the searched one first, each with its interval."""
    test, first = summary.test or {}, summary.tested
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


def _copies(summary: Summary, best: Result) -> str:
    """The winner's setting as YAML, as a command and as code, each with a button to copy it."""
    texts = [
        ("YAML", as_yaml(best.params).rstrip("\n")),
        ("retrain", f"hpsearch retrain {_run(summary)} --trial {best.number}"),
    ]
    for framework, lines in summary.snippets.items():
        texts.append((framework, "\n".join(lines).rstrip("\n")))
    return "<div class=copies>" + "".join(
        f"<details{' open' if i == 0 else ''} name=copies><summary>{name}</summary>"
        f"<button type=button class=copy>copy</button><pre>{code(text)}</pre></details>"
        for i, (name, text) in enumerate(texts)
    ) + "</div>"  # fmt: skip


def _run(summary: Summary) -> str:
    return as_argument(summary.run.path)


def classes(summary: Summary) -> str:
    """Precision, recall and F1 of each class, and the pairs most often mistaken."""
    test = summary.measured
    if test is None or test.per_class is None:
        return ""
    names = [str(name) for name in summary.info.data.classes]
    heads = ("class", "rows", "precision", "recall", "F1")
    found = class_rates(names, test.per_class, MOST_ROWS, "–")
    rates = _class_table(heads, [[short(name, 40), *cells] for name, *cells in found])
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
    table = _class_table(("class", "taken for", "rows"), rows)
    opened = "" if whole else " open"
    return f"<details{opened}><summary>Most often mistaken</summary>{table}</details>"


def _class_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns, but those that name a class, are numbers set flush right."""
    texts = {"class", "taken for"}
    marks = ["" if head in texts else " class=number" for head in heads]
    head = "".join(
        f"<th scope=col{m}>{escaped(h)}</th>" for h, m in zip(heads, marks, strict=True)
    )
    lines = "".join(
        "<tr>" + "".join(f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        "</div>"
    )

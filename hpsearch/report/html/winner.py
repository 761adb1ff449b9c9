"""What won, whether to trust it, and what to try next: the top of the page."""

from __future__ import annotations

from collections.abc import Iterator

from hpsearch.errors import as_argument
from hpsearch.messages import counted
from hpsearch.report.headline import gain
from hpsearch.report.html.text import escaped, indented, short
from hpsearch.report.numbers import duration, ends, number, rough, signed
from hpsearch.report.summary import Summary
from hpsearch.store import as_yaml
from hpsearch.trial import Result


def headline(summary: Summary) -> str:
    """The page's first lines: the run, how it stands, and the number that counts."""
    info = summary.info
    counts = ", ".join(f"{n:,} {status}" for status, n in summary.counts.items() if n)
    seconds = info.get("seconds")
    facts = [
        f"{counted(sum(summary.counts.values()), 'trial')} ({counts or 'none has ended yet'})",
        f"took {duration(seconds)}" if seconds else "",
        f"seed {info['seed']}",
        str(info.get("created", ""))[:16].replace("T", " "),
        f"refined from {short(info['parent'])}" if info.get("parent") else "",
    ]
    status = str(info["status"])
    return (
        f'<header><p class="kicker">hpsearch <span class="status {escaped(status)}">'
        f"{escaped(status)}</span></p>"
        f"<h1>{short(summary.run.name, 80)}</h1>"
        f"<p class=facts>{' · '.join(fact for fact in facts if fact)}</p>"
        '<button id=theme type=button aria-label="light or dark">◐</button></header>'
    )


def winner(summary: Summary) -> str:
    """The winner's card: its value, its settings to copy, and how far to trust it."""
    best, going = summary.best, summary.info["status"] in ("running", "interrupted")
    if best is None:
        return (
            f"<section class=card id=winner><h2>No winner{' yet' * going}</h2>"
            "<p>No trial has been completed with a finite "
            f"{escaped(summary.criterion.name)}.</p></section>"
        )
    headline = summary.headline
    assert headline is not None
    unimproved = f"<p class=warning>{escaped(summary.unimproved)}</p>" * bool(summary.unimproved)
    return (
        '<section class="card winner" id=winner><div>'
        f"<p class=label>{escaped(headline.metric)} of trial {best.number}</p>"
        f"<p class=value>{escaped(number(headline.value))}</p>"
        f"<p class=label>{_source(summary)}</p>{_on_test_rows(summary)}{unimproved}</div>"
        f"<dl class=settings>{_settings(best)}</dl>"
        f"<div class=trust><h3>Can I trust it?</h3><dl>{_trust(summary, best)}</dl></div>"
        f"{_copies(summary, best)}</section>"
    )


def warnings(summary: Summary) -> str:
    """What to be wary of, and what to do next."""
    items = [f"<li>{escaped(caution.message)}</li>" for caution in summary.warnings]
    items += [f"<li>{each}</li>" for each in _first_error(summary)]
    listed = "".join(
        f"<li>{escaped(why)}: <code>{escaped(command)}</code></li>"
        for why, command in _next(summary)
    )
    cautions = f"<ul class=warnings>{''.join(items)}</ul>" if items else ""
    steps = f"<ul>{listed}</ul>" if listed else ""
    if not cautions and not steps:
        return ""
    return f"<section class=card id=next><h2>What to try next</h2>{cautions}{steps}</section>"


def _first_error(summary: Summary) -> Iterator[str]:
    """What the first failed trial said: mostly the others failed of it, too."""
    for result in summary.results:
        if result.error is not None:
            yield f"trial {result.number} {result.status}: {short(result.error, 160)}"
            return


def _next(summary: Summary) -> Iterator[tuple[str, str]]:
    """Why, and the command."""
    if summary.info["status"] in ("interrupted", "failed"):
        yield "finish the search", f"hpsearch resume {_run(summary)}"
    if summary.refinable:
        yield "look closer around the best", f"hpsearch refine {_run(summary)}"
    if summary.outcome is not None and summary.config.data is not None:
        yield "use the winner on new rows", f"hpsearch predict {_run(summary)} DATA"
    if summary.info["status"] == "finished" and summary.best is None:
        yield "see and mend the ranges", f"hpsearch check {_run(summary)}/config.yaml"


def _source(summary: Summary) -> str:
    """Where the number is from."""
    headline = summary.headline
    assert headline is not None
    if headline.seeds:
        return escaped(headline.source)
    return "in the search: of one training, the best of many, so likely lucky as well as good"


def _on_test_rows(summary: Summary) -> str:
    """The searched metric on rows that no trial has seen, beside a constant answer's."""
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


def _settings(best: Result) -> str:
    return "".join(
        f"<div><dt>{short(name, 32)}</dt><dd>{short(number(value), 40)}</dd></div>"
        for name, value in best.params.items()
    )


def _trust(summary: Summary, best: Result) -> str:
    return "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{text}</dd></div>"
        for name, text in _judgements(summary, best)
    )


def _judgements(summary: Summary, best: Result) -> Iterator[tuple[str, str]]:
    confirmed, test, looks = summary.confirmed, summary.test, summary.info.get("test_looks")
    if confirmed is not None:
        spread = confirmed["deviation"]
        deviation = (
            "" if spread is None else f" <small>± {rough(spread)} from seed to seed</small>"
        )
        yield "with new seeds", f"{number(confirmed['mean'])}{deviation}"
        if confirmed.get("interval"):
            cut = any(end in (0.0, 1.0) for end in confirmed["interval"])
            told = " <small>cut off where the metric ends</small>" * cut
            yield "95 % interval of that mean", f"{ends(confirmed['interval'])}{told}"
    yield (
        "in the search",
        f"{number(best.value)} <small>after {counted(best.epochs, 'epoch')}</small>",
    )
    if confirmed is not None:
        yield "optimism of the search", signed(confirmed["optimism"])
    if summary.outcome and (equals := summary.outcome.get("indistinguishable")):
        yield "as good, within one error", "trial " + ", ".join(map(str, equals))
    if test is not None:
        times = "looked at once" if (looks or 1) == 1 else f"looked at {looks:,} times: trust less"
        yield "test rows", f"{test['rows']:,} <small>{times}</small>"
        yield from _tests(summary)
    yield from _gain(summary)
    for name, value in best.metrics.items():
        if name != summary.criterion.name:
            yield name, escaped(number(value))


def _tests(summary: Summary) -> Iterator[tuple[str, str]]:
    """Every metric on the test rows, the searched one first, each with its interval."""
    test, first = summary.test or {}, summary.tested
    intervals = test.get("intervals") or {"test_accuracy": test["interval"]}
    names = [name for name in test if name.startswith("test_")]
    for name in sorted(names, key=lambda name: first is None or name != first.name):
        interval = intervals.get(name)
        told = "" if interval is None else f" <small>95 % {ends(interval)}</small>"
        yield name, f"{escaped(number(test[name]))}{told}"


def _gain(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the winner gains over the first setting by hand, and the error of that."""
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
    """The winner's settings in other words, each to be copied."""
    texts = [
        ("YAML", as_yaml(best.params)),
        ("retrain", f"hpsearch retrain {_run(summary)} --trial {best.number}"),
    ]
    for framework, code in summary.snippets.items():
        texts.append((framework, "\n".join(code)))
    return "<div class=copies>" + "".join(
        f"<details{' open' if i == 0 else ''} name=copies><summary>{name}</summary>"
        f"<button type=button class=copy>copy</button><pre>{_code(text)}</pre></details>"
        for i, (name, text) in enumerate(texts)
    ) + "</div>"  # fmt: skip


def _code(text: str) -> str:
    return "\n".join(indented(line) for line in text.rstrip("\n").split("\n"))


def _run(summary: Summary) -> str:
    return as_argument(summary.run.path)

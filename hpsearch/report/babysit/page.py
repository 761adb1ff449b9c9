"""The page of a babysat model: its best epoch, its curves and branches, its diary, its layers."""

from __future__ import annotations

from collections.abc import Iterator

from hpsearch.errors import as_argument
from hpsearch.messages import counted
from hpsearch.report.babysit.figures import pictures
from hpsearch.report.babysit.summary import BabysitSummary
from hpsearch.report.babysit.text import (
    against_beginning,
    branch_cells,
    how_far,
    next_commands,
    what_it_is,
)
from hpsearch.report.html import winner
from hpsearch.report.html.figures.style import Figure
from hpsearch.report.html.markup import card, definitions, escaped, header, items, short, table
from hpsearch.report.html.page import configuration, document, made_with, plot
from hpsearch.report.numbers import number

MOST_ROWS = 1000  # of the branches and of the diary
LONGEST = 120  # characters of a cell


def page(summary: BabysitSummary, refresh: float | None = None) -> str:
    """The HTML of a babysat model's report.

    Args:
        summary: what became of the model so far.
        refresh: seconds after which an open page loads itself again; None: never.
    """
    figures: dict[str, Figure] = {}
    body = "\n".join(_parts(summary, figures))
    return document(summary.run.name, body, figures, refresh=refresh)


def _parts(summary: BabysitSummary, figures: dict[str, Figure]) -> Iterator[str]:
    made = {name: (title, found) for name, title, found in pictures(summary)}

    def section(name: str, lead: str = "") -> str:
        title, found = made[name]
        words = f"<p>{lead}</p>" if lead else ""
        drawn = plot(name, found, figures)
        return f'<section class=card id="{name}"><h2>{title}</h2>{words}{drawn}</section>'

    yield _headline(summary)
    yield _best(summary)
    yield _next(summary)
    names = ["loss", "metric", "rate", *(name for name in made if name.startswith("layers-"))]
    drawn = [section(name) for name in names if name in made]
    for first in range(0, len(drawn), 2):
        pair = drawn[first : first + 2]
        yield f"<div class=pair>{''.join(pair)}</div>" if len(pair) > 1 else pair[0]
    if len(summary.branches) > 1:
        yield _branches(summary)
    yield _diary(summary)
    if "confusion" in made:
        yield section("confusion", "Each row is a true class, on the test rows.")
    yield winner.classes(summary.measured, summary.info.data.classes)
    yield configuration(summary.run)
    yield made_with(summary.run, summary.info)


def _headline(summary: BabysitSummary) -> str:
    info = summary.info
    kicker = (
        f'<p class="kicker">hpsearch <span class="status {escaped(summary.status)}">'
        f"{escaped(summary.status)}</span></p>"
    )
    facts = [
        short(what_it_is(summary), 160),
        escaped(how_far(summary)),
        f"seed {info.seed}",
        escaped(info.created[:16].replace("T", " ")),
    ]
    return header(kicker, short(summary.run.name, 80), facts)


def _best(summary: BabysitSummary) -> str:
    """The best epoch: its value, its settings to copy, and how far to trust it."""
    best, name = summary.best, summary.criterion.name
    if best is None:
        why = f"<p>No epoch has a finite {escaped(name)} yet.</p>"
        return card("winner", "No best epoch yet", why)
    run = as_argument(summary.run.path)
    of = f" of branch {best.trial}" if len(summary.branches) > 1 else ""
    settings = ((short(n, 32), short(number(v), 40)) for n, v in summary.settings.items())
    trust = ((escaped(n), html) for n, html in _judgements(summary))
    back = f"hpsearch steer {run} --trial {best.trial} --branch {best.epoch}"
    replay = f"hpsearch babysit --replay {run}"
    texts = [("go on from it", back), ("repeat", replay)]
    return (
        '<section class="card winner" id=winner><div>'
        f"<p class=label>{escaped(name)} after epoch {best.epoch}{of}</p>"
        f"<p class=value>{escaped(number(summary.value))}</p>"
        "<p class=label>of one training, its best epoch, so likely lucky as well as good</p>"
        f"{winner.on_test_rows(summary.tested)}</div>"
        f"<dl class=settings>{definitions(settings)}</dl>"
        f"<div class=trust><h3>Can I trust it?</h3><dl>{definitions(trust)}</dl></div>"
        f"{winner.copies(summary.settings, texts, summary.snippets)}</section>"
    )


def _judgements(summary: BabysitSummary) -> Iterator[tuple[str, str]]:
    against = against_beginning(summary)
    if against is not None:
        yield "where it began", f"{short(against[0], 60)} <small>{escaped(against[1])}</small>"
    if summary.outcome is not None or summary.test is not None:
        looks = summary.info.test_looks
        yield from winner.judged_on_test_rows(summary.test, summary.tested, looks)
    if summary.test is None:
        yield "test rows", "not looked at"
    for name, value in summary.metrics.items():
        if name != summary.criterion.name:
            yield name, escaped(number(value))


def _next(summary: BabysitSummary) -> str:
    """Advice, and the commands to go on with."""
    found = [
        escaped(each.message)
        + (f"<br><code>{escaped(each.command)}</code>" if each.command else "")
        for each in summary.advice
    ]
    steps = [
        f"{escaped(why)}: <code>{escaped(command)}</code>"
        for why, command in next_commands(summary)
    ]
    if not found and not steps:
        return ""
    return card("next", "What to try next", items(found, "warnings") + items(steps))


def _branches(summary: BabysitSummary) -> str:
    heads = ("branch", "from", "epochs", "status", summary.criterion.name, "after", "changes")
    rows = [[short(c, LONGEST) for c in branch_cells(b)] for b in summary.branches[-MOST_ROWS:]]
    best = None if summary.best is None else summary.best.trial
    drawn = table(heads, rows, texts={"from", "status", "after", "changes"})
    title = counted(len(summary.branches), "branch")
    words = f"<p>The best epoch is of branch {best}.</p>" if best is not None else ""
    return card("branches", title, words + drawn)


def _diary(summary: BabysitSummary) -> str:
    if not summary.entries:
        return ""
    heads = ("when", "epoch", "what", "why", "by")
    rows = [
        [
            escaped(entry.done.time[:16].replace("T", " ")),
            str(entry.epoch),
            short(entry.words, LONGEST),
            short(entry.done.note or "", LONGEST),
            escaped(entry.done.by),
        ]
        for entry in summary.entries[-MOST_ROWS:]
    ]
    drawn = table(heads, rows, texts={"when", "what", "why", "by"})
    left = len(summary.entries) - len(rows)
    more = f"<p class=note>The first {left:,} are left out.</p>" if left else ""
    return card("diary", "The diary", more + drawn)

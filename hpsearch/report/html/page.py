"""The page of one run: one HTML file with its parts, figures, style and scripts, used offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from hpsearch.messages import counted, one_line
from hpsearch.report.html import winner
from hpsearch.report.html.figures import FIGURES, Figure, panels
from hpsearch.report.html.markup import (
    card,
    code,
    definitions,
    escaped,
    items,
    script_json,
    short,
    table,
)
from hpsearch.report.numbers import duration, number
from hpsearch.report.summary import Summary, titled
from hpsearch.report.workers import Worker, Workers
from hpsearch.searching.running import RunningTraining
from hpsearch.store import MOST, RunDirectory, RunInfo

RUNNING = "running"  # as the table's column of statuses has it
MOST_ROWS = 20_000  # of the table of trials
MOST_WORKERS = 200  # of the table of workers
FEW_WORKERS = 8  # whose table is open from the start
LONGEST = 300  # characters of a cell there; of an error, say


def page(summary: Summary, refresh: float | None = None) -> str:
    """The HTML of a run's report.

    Args:
        summary: what the run found so far.
        refresh: seconds after which an open page loads itself again; None: never.
    """
    figures: dict[str, Figure] = {}
    body = "\n".join(_parts(summary, figures))
    return document(summary.run.name, body, figures, trial_table(summary), refresh)


_START = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
_END_OF_TITLE = " · hpsearch</title>"


def document(
    title: str,
    body: str,
    figures: dict[str, Figure],
    rows: dict[str, Any] | None = None,
    refresh: float | None = None,
) -> str:
    """A page that needs no network: style, plotly and script stand in it.

    Args:
        title: of the page, as plain text.
        body: the HTML of all that is seen.
        figures: by the name of their place in the body.
        rows: the table of trials, which the page's script fills in.
        refresh: seconds after which an open page loads itself again; None: never.
    """
    data = script_json({"figures": figures, "table": rows, "refresh": refresh})
    return "\n".join((
        _START,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escaped(title)}{_END_OF_TITLE}",
        f"<style>{_file('style.css')}</style></head><body>",
        f"<main>{body}</main>",
        f'<script type="application/json" id="data">{data}</script>',
        f"<script>{_plotly()}</script>",
        f"<script>{_file('page.js')}</script>",
        "</body></html>",
        "",
    ))  # fmt: skip


def is_page(path: Path) -> bool:
    """Whether a file is a page that `document` made; a link to one is not."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(4096).decode(errors="replace")
    except OSError:
        return False
    return start.startswith(_START) and _END_OF_TITLE in start


def plot(name: str, figure: Figure, figures: dict[str, Figure]) -> str:
    """The place of a figure and its note; the figure itself is added to those for the script."""
    figures[name] = figure
    note = f"<p class=note>{escaped(figure['note'])}</p>" if figure.get("note") else ""
    height, width = figure["layout"]["height"], figure.get("min_width", 0)
    return (
        f'<div class=wide><div class=plot data-figure="{escaped(name)}" '
        f'style="min-height:{height}px;min-width:{width}px"></div></div>{note}'
    )


def _parts(summary: Summary, figures: dict[str, Figure]) -> Iterator[str]:
    yield winner.headline(summary)
    yield winner.winner(summary)
    yield winner.warnings(summary)
    made = {name: make(summary) for name, (_, make) in FIGURES.items()}

    def section(name: str, lead: str = "", more: str = "") -> str:
        figure = made[name]
        if figure is None:
            return ""
        return (
            f'<section class=card id="{name}"><h2>{FIGURES[name][0]}</h2>'
            f"{f'<p>{lead}</p>' if lead else ''}{plot(name, figure, figures)}{more}</section>"
        )

    yield f"<div class=pair>{section('best-over-trials')}{section('best-over-time')}</div>"
    if summary.criterion.several:
        lead = "What no trial beats in every objective. Draw a box: the table follows."
        yield section("front", lead)
        yield section("dominated", "Of the box between the best and worst of each objective.")
    yield _panels(summary, figures)
    yield section("importance", _importance_words(summary)) or _no_importance(summary)
    yield section(
        "parallel", "Drag along an axis to keep the trials that pass there; the table follows."
    )
    dotted = " Dotted ones are still running." if summary.running else ""
    yield section("curves", f"Stopped trials end at their rung.{dotted}")
    yield section("confusion", "Each row is a true class, on the test rows.")
    yield winner.classes(summary.measured, summary.info.data.classes)
    busy = summary.workers.sentence()
    yield section("timeline", f"{busy}." if busy else "", _workers(summary.workers))
    if summary.results or summary.running:
        yield _trials(summary)
    if summary.acts:
        lines = [f"<small>{escaped(when)}</small> {escaped(what)}" for when, what in summary.acts]
        yield card("by-hand", "By hand", items(lines))
    yield configuration(summary.run)
    yield made_with(summary.run, summary.info)


def _panels(summary: Summary, figures: dict[str, Figure]) -> str:
    """A panel for each parameter, on its own scale."""
    places = []
    branches = dict(titled(summary.config.space))
    for index, (name, figure) in enumerate(panels(summary)):
        scale = branches[name].domain.as_config().get("scale", "")
        shown = f" <small>{escaped(scale)}</small>" if scale not in ("", "linear") else ""
        place = plot(f"parameter-{index}", figure, figures)
        places.append(f"<figure><figcaption>{short(name, 40)}{shown}</figcaption>{place}</figure>")
    if not places:
        return ""
    words = (
        "Each dot is a trial, darker in later rounds, small where stopped, a triangle where too "
        "weak for the axis; the star is the winner. Orange crosses diverged, red ones failed. The "
        "bars say where four fifths of each round's trials lay."
    )
    panels_ = f"<p>{words}</p><div class=panels>{''.join(places)}</div>"
    return card("parameters", "From coarse to fine", panels_)


def _importance_words(summary: Summary) -> str:
    found = summary.importance
    if found.correlation is None:
        return ""
    return (
        "Shares of the variance in a setting's predicted rank, from surrogates, which ranked "
        f"{found.trials:,} trials that they had not seen with a correlation of "
        f"{found.correlation:.2f}. Near the winner is where refine would search."
    )


def _no_importance(summary: Summary) -> str:
    reason = summary.importance.reason
    if reason is None or not summary.results:
        return ""
    return card("importance", "What mattered", f"<p>Cannot be said: {escaped(reason)}</p>")


def _workers(workers: Workers) -> str:
    """What each worker did, or each host where they are many; folded unless they are few."""
    if workers.count < 2:
        return ""
    each: Sequence[Worker] = workers.all
    heads, what = ("host", "worker"), counted(workers.count, "worker")
    if len(each) > MOST_WORKERS:
        each = workers.hosts
        heads, what = ("host", "workers"), counted(len(each), "host")
    if len(each) > MOST_WORKERS:
        each = sorted(each, key=lambda one: (-one.lost, one.trained))[:MOST_WORKERS]
        what = f"the {MOST_WORKERS} of {what} that lost most, or trained least"
    rows = [
        (
            short(one.host, 40),
            short(one.name, 40),
            f"{one.pieces:,}",
            duration(one.trained),
            f"{one.lost:,} ({duration(one.lost_seconds)})" if one.lost else "",
            duration(one.first),
            duration(one.last),
        )
        for one in each
    ]
    columns = (*heads, "pieces", "trained", "lost", "first", "last")
    skipped = 0 if any(one.host for one in each) else 1  # a single machine has no name
    shown = table(columns[skipped:], (row[skipped:] for row in rows), heads)
    opened = " open" if workers.notable and len(rows) <= FEW_WORKERS else ""
    return f"<details{opened}><summary>{what}</summary>{shown}</details>"


def _trials(summary: Summary) -> str:
    counts = {**summary.counts, RUNNING: len(summary.running)}
    options = "".join(
        f"<option value={escaped(status)}>{escaped(status)} ({n:,})</option>"
        for status, n in counts.items()
        if n
    )
    running = f", and {len(summary.running):,} running" if summary.running else ""
    return card(
        "trials",
        f"All {counted(len(summary.results), 'trial')}{running}",
        '<div class=tools><input id=filter type=search placeholder="filter: adam, failed, …" '
        'aria-label="filter the trials"><select id=status aria-label="only one status">'
        f"<option value=''>every status</option>{options}</select><output id=shown></output></div>"
        "<div class=scroll><table><thead></thead><tbody></tbody></table></div>"
        "<button type=button id=more hidden>show more</button>",
    )


def configuration(run: RunDirectory) -> str:
    """What the user wrote, folded."""
    try:
        text = run.config.read_text(MOST, errors="replace")
    except OSError:
        text = "(config.yaml cannot be read)"
    return card(
        "configuration",
        "The configuration",
        "<details><summary>config.yaml</summary><button type=button class=copy>copy</button>"
        f"<pre>{code(text)}</pre></details>",
    )


def made_with(run: RunDirectory, info: RunInfo) -> str:
    """Versions, machine, and what the data were."""
    rows: list[tuple[str, Any]] = [*info.versions.items()]
    rows += info.machine.items()
    rows += [("git commit", info.git or "none"), ("folder", run.path)]
    counts = ", ".join(f"{n:,} {part}" for part, n in info.data.rows.items())
    if counts:  # a trainer of the user's own reads its own data
        rows.append(("rows", counts))
        rows.append(("data fingerprint", str(info.data.fingerprint)[:16]))
    cells = definitions((escaped(name), short(value, 70)) for name, value in rows)
    return card("facts", "Made with", f"<dl class=facts>{cells}</dl>")


def trial_table(summary: Summary) -> dict[str, Any]:
    """Every trial as a row, for the page's script to sort, filter and show a screenful at a time.

    A cell is [what sorts it, what it shows], or one value for both.
    """
    names = list(summary.config.space.names)
    metric = summary.criterion.name
    failed = any(result.error for result in summary.results)
    others = summary.criterion.names[1:]
    columns = ["trial", "round", "status", metric, *others, "epochs", "seconds", *names]
    rows = []
    ordered = sorted(summary.results, key=summary.criterion.order)[:MOST_ROWS]
    for result in ordered:
        row: list[Any] = [
            result.number,
            result.round + 1,
            str(result.status),
            _cell(result.value),
            *(_cell(result.metrics.get(name)) for name in others),
            result.epochs,
            _cell(result.seconds),
            *(_cell(result.params[name]) if name in result.params else None for name in names),
        ]
        if failed:
            row.append(None if result.error is None else one_line(result.error)[:LONGEST])
        rows.append(row)
    rows += [_running(each, others, names, failed) for each in summary.running]
    return {
        "columns": [one_line(name) for name in columns + ["error"] * failed],
        "rows": rows,
        "best": None if summary.best is None else summary.best.number,
        "maximize": summary.criterion.goal == "maximize",
        "left_out": len(summary.results) - len(ordered),
    }


def _running(
    each: RunningTraining, others: Sequence[str], names: Sequence[str], failed: bool
) -> list[Any]:
    """The row of a training at work: where it is, and its last values."""
    last = [v for name in others for v in (each.curve.get(name) or [None])[-1:]]
    return [
        each.number,
        None if each.round is None else each.round + 1,
        RUNNING,
        _cell(each.value),
        *map(_cell, last),
        [each.epoch, f"{each.epoch} of {each.until}"],
        None,
        *(_cell(each.params[name]) if name in each.params else None for name in names),
        *[None] * failed,
    ]


def _cell(value: Any) -> Any:
    """Numbers are sorted as such and show few digits; all else is text."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [value, number(value)]
    if isinstance(value, list):
        return [
            value[0] if value and isinstance(value[0], int | float) else 0,
            number(value)[:LONGEST],
        ]
    return one_line(number(value))[:LONGEST]


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """The script of plotly; nothing in it may end the element it stands in."""
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")

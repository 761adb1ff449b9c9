"""`hpsearch report`: what a run found.

What only one of the formats needs is imported by it: a program may ask for JSON often.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import click

from hpsearch.cli.options import OUTPUT, RUN, Whole, aside, claimed, force_option, runs_dir_option
from hpsearch.errors import OutputError, RunError
from hpsearch.messages import counted
from hpsearch.report.escape import echo, echo_data
from hpsearch.report.findings import Findings, findings, write_report
from hpsearch.report.text import json_text
from hpsearch.store import RunDirectory, SafePath, find
from hpsearch.store.output import Output


@click.command()
@click.argument("runs", type=RUN, metavar="[RUN...]", nargs=-1)
@runs_dir_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="For people, for programs, or every trial as a table.",
)
@click.option("--top", type=Whole(1), default=5, show_default=True,
              help="How many of the best trials to list.")  # fmt: skip
@click.option("--trial", "wanted", type=Whole(0),
              help="Show all of one trial: settings, curve, rungs, log.")  # fmt: skip
@click.option("--open", "open_", is_flag=True, help="Show the page in a browser, too.")
@click.option("--watch", is_flag=True, help="Show the run again and again until it has ended.")
@click.option("--png", metavar="DIR", type=OUTPUT,
              help="Draw the page's pictures into DIR, too.")  # fmt: skip
@click.option("--output", type=OUTPUT, metavar="FILE",
              help="The page of several runs.  [default: RUNS_DIR/comparison.html]")  # fmt: skip
@force_option
def report(
    runs: tuple[str, ...],
    runs_dir: Path,
    format_: str,
    top: int,
    wanted: int | None,
    open_: bool,
    watch: bool,
    png: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Say what a run found, or compare several.

    RUN... are folders or names, the newest run if left out. The same is written to report.html
    in the run's folder, a page that works offline; several runs are compared.
    """
    if format_ != "text" and (open_ or watch):
        raise click.UsageError("--open and --watch go with --format text only")
    if wanted is not None and (len(runs) > 1 or watch or open_ or png or format_ == "csv"):
        raise click.UsageError("--trial tells of one trial of one run, as text or JSON")
    if len(runs) > 1 and watch:
        raise click.UsageError("--watch follows one run")
    if len(runs) > 1 and png is not None:
        raise click.UsageError("--png draws one run")
    if len(runs) < 2 and output is not None:
        raise click.UsageError("--output goes with several runs; one has its report.html")
    if format_ != "text" and output is not None:
        raise click.UsageError("--output is a page, which goes with --format text only")
    to = claimed(output, force)
    found = [find(run, runs_dir) for run in runs or (None,)]
    if len(runs) > 1:
        _several(found, runs_dir, to, format_, top, open_)
    elif wanted is not None:
        _trial(found[0], wanted, format_)
    else:
        _one(found[0], format_, top, open_, watch)
        if png is not None:
            from hpsearch.report.png import write_pictures

            files = write_pictures(findings(found[0]), png, force=force)
            echo(f"wrote {counted(len(files), 'picture')} to {png}", err=True)


def _one(run: RunDirectory, format_: str, top: int, open_: bool, watch: bool) -> None:
    """What one run found, in one of the formats; as text, its page is written, too."""
    if watch:
        from hpsearch.report.live import follow

        follow(run)
    found = findings(run, top)
    if format_ == "json":
        echo(json_text(found.as_json()))
        return
    if format_ == "csv":
        rows = StringIO()
        found.write_csv(rows)
        echo_data(rows.getvalue())
        return
    from hpsearch.report.live import EVERY

    _write_page(run, found, EVERY if found.info.status == "running" else None)
    found.show()
    if open_:
        _open(run.report.path)


def _write_page(run: RunDirectory, found: Findings, refresh: float | None) -> None:
    """Write report.html; where it cannot be written, the text is shown all the same."""
    try:
        write_report(run, found, refresh)
    except (OSError, RunError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        reason = why or str(error).removeprefix(f"{run.report}: ")
        echo(f"{run.report}: cannot be written: {reason}", err=True)


def renew_page(run: RunDirectory) -> None:
    """Write the report.html of a run that is at rest again, if it has one."""
    if run.report.exists():
        _write_page(run, findings(run), refresh=None)


def _trial(run: RunDirectory, wanted: int, format_: str) -> None:
    """One trial, as text or as JSON."""
    found = findings(run).trial(wanted)
    if format_ == "json":
        echo(json_text(found.as_json()))
    else:
        found.show()


def _several(
    runs: list[RunDirectory],
    runs_dir: Path,
    output: Output | None,
    format_: str,
    top: int,
    open_: bool,
) -> None:
    """Several runs side by side, in one of the formats; as text, with a page."""
    from hpsearch.report.comparison import compare, name_of, show_comparison

    comparison = compare([findings(run, top) for run in runs])
    if format_ == "json":
        echo(json_text(comparison.as_json()))
        return
    if format_ == "csv":
        from hpsearch.report.table import write_runs_csv

        rows = StringIO()
        write_runs_csv([(name_of(m), m.summary.results) for m in comparison.members], rows)
        echo_data(rows.getvalue())
        return
    from hpsearch.report.html.compare import default_page, write_comparison

    page = output or default_page(runs_dir)
    written: Path | None = page.path
    try:
        write_comparison(comparison, page)
    except OutputError as error:
        if output is not None:
            raise
        echo(f"{error}; name the page with --output", err=True)
        written = None
    with aside(output):
        show_comparison(comparison, written)
    if open_ and written is not None:
        _open(written)


def _open(page: Path) -> None:
    import webbrowser

    if not SafePath.of(page).is_file() or not webbrowser.open(page.resolve().as_uri()):
        echo(f"no browser was found; open the file yourself: {page}", err=True)

"""`hpsearch report`: what a run found."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hpsearch.cli.options import run_argument, runs_dir_option


@click.command()
@run_argument
@runs_dir_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="For people, for programs, or every trial as a table.",
)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True,
              help="How many of the best trials to list.")  # fmt: skip
def report(run: str | None, runs_dir: Path, format_: str, top: int) -> None:
    """Say what RUN found; a folder or a name, the newest if left out."""
    from hpsearch.report.summary import summarise
    from hpsearch.store import find

    summary = summarise(find(run, runs_dir), top)
    if format_ == "json":
        from hpsearch.report.text import json_text

        click.echo(json_text(summary.as_json()))
    elif format_ == "csv":
        from hpsearch.report.table import write_csv

        write_csv(summary.results, sys.stdout)
    else:
        from hpsearch.report.terminal import show

        show(summary)

"""`hpsearch list`: the runs."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import runs_dir_option
from hpsearch.errors import HpsearchError
from hpsearch.messages import one_line
from hpsearch.report.escape import cut, echo
from hpsearch.report.findings import findings, listed
from hpsearch.report.numbers import number
from hpsearch.report.text import TextTable, display, json_text
from hpsearch.store import runs

LONGEST = 60  # characters of tags and the last note
ONE_LINE = 300  # wide enough that each run stays on one line for `grep`


@click.command("list")
@runs_dir_option
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="For people, or for programs.")  # fmt: skip
def list_(runs_dir: Path, format_: str) -> None:
    """List the runs, oldest first."""
    found = runs(runs_dir)
    if format_ == "json":
        echo(json_text([listed(run) for run in found]))
        return
    if not found:
        echo(f"{runs_dir}: no runs yet; start one with: hpsearch run CONFIG", err=True)
        return
    names = ["run", "status", "trials", "best", "search", "metric", "started"]
    rows: list[tuple[list[str], str]] = []
    for run in found:
        try:
            each = findings(run)
            told = each.listed()
        except (HpsearchError, OSError) as error:
            rows.append(([run.name, "damaged"], ""))
            echo(str(error), err=True)
            continue
        best, search = (told.get(name) for name in ("best_value", "search_value"))
        cells = [
            run.name,
            told["status"],
            each.trained(),
            "" if best is None else number(best),
            "" if search is None else number(search),
            told["metric"],
            told["created"][:16].replace("T", " "),
        ]
        said = [*(f"#{tag}" for tag in told.get("tags") or ()), *(told.get("notes") or ())[-1:]]
        rows.append((cells, cut(one_line(" ".join(said)), LONGEST)))
    noted = any(notes for _, notes in rows)
    table = TextTable(*names, *["notes"] * noted, longest=None)
    for cells, notes in rows:
        table.add_row(*cells, *[notes] * (noted and len(cells) == len(names)))
    display(table, width=ONE_LINE)

"""`hpsearch init`: a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import OUTPUT, claimed, force_option
from hpsearch.config.template import starter
from hpsearch.data.profile import profile
from hpsearch.errors import as_argument
from hpsearch.report.escape import echo, echo_data


@click.command()
@click.argument("data", required=False)
@click.option("--target", help="The column to predict, in a table.")
@click.option("--output", "-o", type=OUTPUT, metavar="FILE",
              help="The file to write, which must not exist.  [default: print it]")  # fmt: skip
@force_option
def init(data: str | None, target: str | None, output: Path | None, force: bool) -> None:
    """Write a commented configuration, fitted to DATA.

    DATA is a CSV, TSV, Parquet or NPZ file, a folder of IDX files, or digits, which is built
    in and the default.
    """
    to = claimed(output, force)
    source = data or "digits"
    found = profile(source, target)
    text = starter(found, source)
    if found.target_reason:
        other = "choose another with --target"
        echo(f"target: {found.target!r} ({found.target_reason}); {other}", err=True)
    if to is None:
        echo_data(text)
        return
    with to.text() as file:
        file.write(text)
    if not to.is_stream:
        echo(f"wrote {output}; search it with: hpsearch run {as_argument(output)}", err=True)

"""`hpsearch init`: a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import OUTPUT, PATH, claimed, force_option
from hpsearch.config.template import starter
from hpsearch.data.profile import profile
from hpsearch.errors import DataError, as_argument
from hpsearch.exchange.moving.recognise import configuration
from hpsearch.report.escape import echo, echo_data

SCRIPTS = (".py", ".sh", ".R", ".jl", ".ipynb")
"""Endings of what people may take `init` to be for."""


@click.command()
@click.argument("data", required=False)
@click.option("--target", help="The column to predict, in a table.")
@click.option("--from", "source", type=PATH, metavar="FILE",
              help="Make it of another tool's file instead: a sweep of W&B, a search of NNI, "
              "Katib, Hydra, Determined, Orion or Guild.")  # fmt: skip
@click.option("--output", "-o", type=OUTPUT, metavar="FILE",
              help="The file to write, which must not exist.  [default: print it]")  # fmt: skip
@force_option
def init(
    data: str | None, target: str | None, source: Path | None, output: Path | None, force: bool
) -> None:
    """Write a commented configuration, fitted to DATA.

    DATA is a CSV, TSV, Parquet or NPZ file, a folder of IDX files, or digits, which is built
    in and the default.

    With --from FILE it is made of another tool's search, for the script that the tool ran;
    remarks in it say what differs and what is lost.
    """
    if source is not None and (data is not None or target is not None):
        raise click.UsageError("--from makes a configuration without DATA and --target")
    to = claimed(output, force)
    if source is None:
        text, then = _fitted(data or "digits", target), "search it with: hpsearch run"
    else:
        apart = output is not None and to is not None and not to.is_stream
        text = configuration(source, output.parent if output is not None and apart else None)
        then = "read its remarks, then: hpsearch check"
    if to is None:
        echo_data(text)
        return
    with to.text() as file:
        file.write(text)
    if not to.is_stream:
        echo(f"wrote {output}; {then} {as_argument(output)}", err=True)


def _fitted(source: str, target: str | None) -> str:
    """A configuration for data, and on stderr how its target was found."""
    if Path(source).suffix in SCRIPTS:
        word = as_argument(source)
        raise DataError(
            f"{source}: must be data, found a script; write a configuration for it: "
            f'trainer: {{kind: command, command: "{{python}} {word} {{args}}"}}, '
            "metric: {name: what it reports}, space: its options"
        )
    found = profile(source, target)
    if found.target_reason:
        other = "choose another with --target"
        echo(f"target: {found.target!r} ({found.target_reason}); {other}", err=True)
    return starter(found, source)

"""`hpsearch init`: a configuration to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("data", required=False)
@click.option("--target", help="The column to predict, in a table.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False),
              help="The file to write, which must not exist.  [default: print it]")  # fmt: skip
def init(data: str | None, target: str | None, output: Path | None) -> None:
    """Write a commented configuration, fitted to DATA.

    DATA is a CSV, TSV, Parquet or NPZ file, a folder of IDX files, or digits, which is built
    in and the default.
    """
    from hpsearch.config.starter import starter
    from hpsearch.data.profile import profile
    from hpsearch.errors import RunError

    source = data or "digits"
    text = starter(profile(source, target), source)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RunError(f"{output}: exists already; choose another name") from None
    except OSError as error:
        raise RunError(f"{output}: cannot be written: {error.strerror}") from None
    click.echo(f"wrote {output}; search it with: hpsearch run {output}", err=True)

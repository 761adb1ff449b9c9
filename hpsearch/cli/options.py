"""Options and arguments that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout, suppress
from pathlib import Path
from typing import Any, overload

import click
from click.shell_completion import CompletionItem

from hpsearch.messages import expanded
from hpsearch.report.escape import echo
from hpsearch.store.output import Output


class _GivenPath(click.Path):
    """A path as a user gives it; in `--runs-dir=~/x` no shell has read the `~`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(expanded(os.fspath(value)), param, ctx)


class _Run(click.types.StringParamType):
    """A run's name or folder, which a shell completes."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The runs below `--runs-dir` whose names begin so, or the folders that a path may mean.

        It looks at names alone and opens no run: a shell waits for it at every Tab.
        """
        if "/" in incomplete or incomplete.startswith("~"):
            return [CompletionItem(incomplete, type="dir")]
        given = ctx.params.get(str(param.name)) or ()
        with suppress(OSError):
            return [
                CompletionItem(path.parent.name)
                for path in sorted(Path(ctx.params["runs_dir"]).glob("[!.]*/run.json"))
                if path.parent.name.startswith(incomplete) and path.parent.name not in given
            ]
        return []


class Whole(click.types.IntParamType):
    """A whole number; click would say "0 is not in the range x>=1".

    Args:
        least: the smallest number allowed; None for any.
    """

    name = "n"  # a help shows it as N

    def __init__(self, least: int | None = None):
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or one message that says what it must be."""
        with suppress(ValueError):
            if self.least is None or int(value) >= self.least:
                return int(value)
        bound = "" if self.least is None else f" of at least {self.least}"
        raise click.BadParameter(f"must be a whole number{bound}, found {value!r}", ctx, param)


PATH = _GivenPath(path_type=Path)
RUN = _Run()
OUTPUT = _GivenPath(path_type=Path)  # of what is written: such an option has `force_option`, too


def warn(lines: Iterable[str]) -> None:
    """Say on stderr what should not pass in silence."""
    for line in lines:
        echo(f"warning: {line}", err=True)


@overload
def claimed(path: Path, force: bool) -> Output: ...
@overload
def claimed(path: Path | None, force: bool) -> Output | None: ...
def claimed(path: Path | None, force: bool) -> Output | None:
    """A file to write, which is refused at once where it exists or has no folder.

    `-` is the standard output.
    """
    if path is None:
        return None
    output = Output(path, force)
    output.check()
    return output


def aside(output: Output | None) -> AbstractContextManager[object]:
    """Say what is to be said on stderr, where the standard output is to hold a file alone."""
    if output is None or not output.is_stdout:
        return nullcontext()
    return redirect_stdout(sys.stderr)


runs_dir_option = click.option(
    "--runs-dir",
    type=PATH,
    default=Path("runs"),
    show_default=True,
    envvar="HPSEARCH_RUNS_DIR",
    help="The folder that holds the runs.",
)
name_option = click.option(
    "--name", help="The run's name, and its folder's.  [default: the config's name and the time]"
)
jobs_option = click.option(
    "--jobs", "-j", type=Whole(), help="How many trials train at once; -1 for every core."
)
backend_option = click.option(
    "--backend",
    help="Where trials run: local (processes), serial (this process), dask (a cluster) or joblib "
    "(its engines).",
)
scheduler_option = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="A Dask scheduler that runs already, such as tcp://10.0.0.1:8786; means --backend dask.",
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a setting, such as trainer.epochs=10. May be repeated.",
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, help="No progress on stderr, only trouble."
)
force_option = click.option("--force", is_flag=True, help="Replace a file that is there.")
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run the function, command or Keras model that RUN names, though it is not sealed as "
    "yours; seals it.",
)
config_argument = click.argument("config", type=PATH)
run_argument = click.argument("run", type=RUN, required=False)

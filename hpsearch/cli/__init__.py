"""The command line: parse, call, print. Each command has a file; errors end here."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import traceback
import warnings
from contextlib import suppress
from io import StringIO, TextIOWrapper
from typing import Any, NoReturn, TextIO

import click

from hpsearch.backends import open_streams
from hpsearch.cli.check import check
from hpsearch.cli.evaluate import evaluate
from hpsearch.cli.export import export
from hpsearch.cli.import_ import import_
from hpsearch.cli.init import init
from hpsearch.cli.list import list_
from hpsearch.cli.predict import predict
from hpsearch.cli.refine import refine
from hpsearch.cli.report import report
from hpsearch.cli.resume import resume
from hpsearch.cli.retrain import retrain
from hpsearch.cli.run import run
from hpsearch.cli.schema import schema
from hpsearch.errors import HpsearchError
from hpsearch.report.escape import echo
from hpsearch.searching.interrupts import INTERRUPTED, listening


class _InterruptedError(Exception):
    """The user wants to stop; the message, if any, says how to go on."""


class InOrder(click.Group):
    """Lists commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of registration."""
        return [*self.commands]

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click would write to a terminal that may be gone on Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise _InterruptedError(*interrupt.args) from None


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hpsearch", message="%(prog)s %(version)s")
def cli() -> None:
    """Find good hyperparameters: random, coarse to fine, on the right scale.

    Start with `hpsearch init`, or with a configuration such as configs/digits.yaml:

    \b
      hpsearch run configs/digits.yaml
      hpsearch refine
      hpsearch report

    HPSEARCH_RUNS_DIR stands in for --runs-dir, NO_COLOR turns colours off.
    """  # noqa: D301 (click takes a real backspace as: do not fill the next paragraph)


for command in (
    init, check, run, resume, refine, report, list_, retrain, evaluate, predict, schema,
    export, import_,
):  # fmt: skip
    cli.add_command(command)


def _docstring(command: click.Command) -> str | None:
    """What a command does, read from its source: `python -OO` keeps no docstrings."""
    try:
        source = inspect.getsource(inspect.unwrap(command.callback)) if command.callback else ""
    except OSError:  # there may be no source
        return None
    found = ast.parse(source).body
    return ast.get_docstring(found[0]) if found and isinstance(found[0], ast.FunctionDef) else None


if sys.flags.optimize > 1:
    for command in (cli, *cli.commands.values()):
        command.help = _docstring(command)


def main() -> NoReturn:
    """Run the command line; every error becomes one message and an exit status."""
    open_streams()
    for stream in (sys.stdout, sys.stderr):  # a sign that one has not never ends a command
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with listening(), warnings.catch_warnings():
        warnings.showwarning = _warned
        status = _status()
    sys.exit(status)


def _status() -> int:
    try:
        result = cli(prog_name="hpsearch", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        told = StringIO()
        error.show(told)
        _tell(told.getvalue().rstrip("\n"))
        return error.exit_code
    except HpsearchError as error:
        _tell(f"hpsearch: {error}")
        return 1
    except (_InterruptedError, click.Abort, KeyboardInterrupt) as end:
        below = "\n" if sys.stderr.isatty() else ""  # the line on which the terminal shows ^C
        _tell(below + (str(end) or "hpsearch: interrupted"))
        return INTERRUPTED
    except OSError as error:
        # What is still in the buffer cannot be written, and Python would try again at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # there, the reader has seen enough
            where = f"{error.filename}: " if error.filename else ""
            _tell(f"hpsearch: {where}{error.strerror or error}")
        return 1
    except Exception as error:
        if os.environ.get("HPSEARCH_DEBUG"):
            _tell(traceback.format_exc().rstrip("\n"))
            return 1
        message = f"hpsearch: unexpected {type(error).__name__}: {error}"
        _tell(f"{message}\nThis is a bug. HPSEARCH_DEBUG=1 shows where it is.")
        return 1
    return result if isinstance(result, int) else 0


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 (as Python calls it)
    line: str | None = None,
) -> None:
    _tell(warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n"))


def _tell(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone: nobody is left to be told
        echo(message, err=True)

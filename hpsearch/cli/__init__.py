"""The command line: parse, call, print. Each command has a file; errors end here.

A command's file is imported when the command is used, and imports what it needs at its top. So
`hpsearch --help` is quick, and no command waits for what another one imports.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import traceback
import warnings
from contextlib import suppress
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Any, NoReturn, TextIO

import click

from hpsearch.backends import open_streams
from hpsearch.errors import HpsearchError
from hpsearch.report.escape import echo
from hpsearch.searching.interrupts import INTERRUPTED, listening


class _InterruptedError(Exception):
    """The user wants to stop; the message, if any, says how to go on."""


class _LazyCommand(click.Command):
    """A command whose file is imported when it is used."""

    def __init__(self, name: str, place: str, short_help: str):
        super().__init__(name, short_help=short_help)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, function = self._place.partition(":")
        command: click.Command = getattr(import_module(f"hpsearch.cli.{module}"), function)
        command.help = command.help or _docstring(command)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Parse the command's words: what it does next, and how a shell completes it, is its."""
        return self.load().make_context(info_name, args, parent, **extra)


class _InOrder(click.Group):
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


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
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


COMMANDS = {  # name: module and function in this package, and the first sentence of its help
    "init": ("init:init", "Write a commented configuration, fitted to DATA."),
    "check": ("check:check", "Validate CONFIG and its data; show the space and the plan."),
    "run": ("run:run", "Search the space that CONFIG describes."),
    "resume": ("resume:resume", "Finish RUN, a folder or a name; the newest if left out."),
    "babysit": ("babysit.command:babysit", "Train one model, and change it while it trains."),
    "steer": ("babysit.steer:steer", "Change a model that is babysat, while it trains."),
    "add": ("by_hand:add", "Train a setting of your own in full, beside those of RUN."),
    "stop": ("by_hand:stop", "Stop RUN as Ctrl-C does, or one of its trials."),
    "note": ("by_hand:note", "Note TEXT about RUN, or give it a tag."),
    "refine": ("refine:refine", "Search again, narrowed around the best trials of RUN."),
    "report": ("report:report", "Say what a run found, or compare several."),
    "list": ("list:list_", "List the runs, oldest first."),
    "retrain": ("retrain:retrain", "Train a trial of RUN again, bit for bit, or longer."),
    "evaluate": ("evaluate:evaluate", "Say how good RUN's winner is, on test rows or on DATA."),
    "predict": ("predict:predict", "Label the rows of DATA with RUN's winner, as CSV."),
    "schema": ("schema:schema", "Print the JSON Schema of the configuration."),
    "export": ("export:export", "Write RUN's trials, or its winner, to TARGET for another tool."),
    "import": ("import_:import_", "Make a run of an Optuna study, for refine to go on from."),
}
for name, (place, short_help) in COMMANDS.items():
    cli.add_command(_LazyCommand(name, place, short_help))


def _docstring(command: click.Command) -> str | None:
    """What a command does, read from its source: `python -OO` keeps no docstrings."""
    try:
        source = inspect.getsource(inspect.unwrap(command.callback)) if command.callback else ""
    except OSError:  # there may be no source
        return None
    found = ast.parse(source).body
    return ast.get_docstring(found[0]) if found and isinstance(found[0], ast.FunctionDef) else None


cli.help = cli.help or _docstring(cli)


def main() -> NoReturn:
    """Run the command line; every error becomes one message and an exit status."""
    open_streams()
    for stream in (sys.stdout, sys.stderr):  # characters that one lacks never end a command
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
        text = StringIO()
        error.show(text)
        _say(text.getvalue().rstrip("\n"))
        return error.exit_code
    except HpsearchError as error:
        _say(f"hpsearch: {error}")
        return 1
    except (_InterruptedError, click.Abort, KeyboardInterrupt) as end:
        below = "\n" if sys.stderr.isatty() else ""  # the line on which the terminal shows ^C
        _say(below + (str(end) or "hpsearch: interrupted"))
        return INTERRUPTED
    except OSError as error:
        # What is still in the buffer cannot be written, and Python would try again at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # there, the reader has seen enough
            where = f"{error.filename}: " if error.filename else ""
            _say(f"hpsearch: {where}{error.strerror or error}")
        return 1
    except Exception as error:
        if os.environ.get("HPSEARCH_DEBUG"):
            _say(traceback.format_exc().rstrip("\n"))
            return 1
        message = f"hpsearch: unexpected {type(error).__name__}: {error}"
        _say(f"{message}\nThis is a bug. HPSEARCH_DEBUG=1 shows where it is.")
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
    _say(warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n"))


def _say(message: str) -> None:
    with suppress(OSError):  # the terminal may be gone: nobody is left to read it
        echo(message, err=True)

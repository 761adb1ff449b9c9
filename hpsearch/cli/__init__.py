"""The command line: parse, call, print. Each command has a file; errors end here."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from hpsearch.cli.check import check
from hpsearch.cli.evaluate import evaluate
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

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class InOrder(click.Group):
    """Lists commands in the order in which people meet them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of registration."""
        return [*self.commands]


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
):  # fmt: skip
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line; every error becomes one message and an exit status."""
    sys.exit(_status())


def _status() -> int:
    try:
        result = cli(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except HpsearchError as error:
        click.echo(f"hpsearch: {error}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        # What is still in the buffer cannot be written, and Python would try again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # there, the reader has seen enough
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"hpsearch: {where}{error.strerror or error}", err=True)
        return 1
    except Exception as error:
        if os.environ.get("HPSEARCH_DEBUG"):
            raise
        message = f"hpsearch: unexpected {type(error).__name__}: {error}"
        click.echo(f"{message}\nThis is a bug. HPSEARCH_DEBUG=1 shows where it is.", err=True)
        return 1
    return result if isinstance(result, int) else 0

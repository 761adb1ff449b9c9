"""`hpsearch steer`: change a babysat model from another terminal, a script, or far away."""

from __future__ import annotations

from math import inf
from pathlib import Path

import click

from hpsearch.cli.options import Whole, runs_dir_option, set_option
from hpsearch.report.babysit.status import status_of, status_text
from hpsearch.report.escape import echo
from hpsearch.report.text import json_text
from hpsearch.searching.babysit.nudge import named_values
from hpsearch.searching.babysit.steering import steer as ask
from hpsearch.store import find
from hpsearch.store.requests import Request


def _above_0(
    context: click.Context, option: click.Parameter, seconds: float | None
) -> float | None:
    """Refuse a time in which nothing can happen, or that never ends."""
    if seconds is None or 0 < seconds < inf:
        return seconds
    raise click.BadParameter(
        f"must be a number of seconds above 0, found {seconds:g}", context, option
    )


@click.command()
@click.argument("run", required=False)
@runs_dir_option
@set_option
@click.option("--undo", is_flag=True, help="Go back to before the last change.")
@click.option("--pause", is_flag=True, help="Train nothing until --continue.")
@click.option("--continue", "go_on", is_flag=True, help="Go on after a pause.")
@click.option("--stop", is_flag=True, help="End the training, and keep the best epoch.")
@click.option("--branch", type=Whole(0), metavar="EPOCH",
              help="Go back to this epoch, with --set or without, as a new branch.")  # fmt: skip
@click.option("--trial", type=Whole(0), help="Branch from this branch.  [default: the last]")
@click.option("--note", help="Why, for the diary.")
@click.option("--status", is_flag=True, help="Say how the model is doing.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text",
              show_default=True, help="Of --status: for people, or for programs.")  # fmt: skip
@click.option("--timeout", type=float, default=None, metavar="SECONDS", callback=_above_0,
              help="Give up, and take the request back, after so long.")  # fmt: skip
def steer(
    run: str | None,
    runs_dir: Path,
    overrides: tuple[str, ...],
    undo: bool,
    pause: bool,
    go_on: bool,
    stop: bool,
    branch: int | None,
    trial: int | None,
    note: str | None,
    status: bool,
    format_: str,
    timeout: float | None,
) -> None:
    """Change a model that is babysat, while it trains.

    RUN is a folder or a name, the newest run if left out. A change holds from the next epoch
    on, and this command says so when it does, or why it cannot.
    """
    actions = {"undo": undo, "pause": pause, "continue": go_on, "stop": stop,
               "branch": branch is not None, "status": status}  # fmt: skip
    named = [name for name, given in actions.items() if given]
    if len(named) > 1:
        raise click.UsageError(f"--{named[0]} and --{named[1]} do not go together")
    if overrides and named and named != ["branch"]:
        raise click.UsageError(f"--set and --{named[0]} do not go together")
    if not named and not overrides and note is None:
        raise click.UsageError("say what to do, for example --set learning_rate=0.003")
    if trial is not None and named != ["branch"]:
        raise click.UsageError("--trial goes with --branch")
    found = find(run, runs_dir)
    if status:
        told = status_of(found)
        echo(json_text(told) if format_ == "json" else status_text(told))
        return
    request = Request(
        (named or ["set"])[0], named_values(overrides), note=note, epoch=branch, trial=trial
    )
    echo(ask(found, request, timeout, lambda text: echo(text, err=True)))

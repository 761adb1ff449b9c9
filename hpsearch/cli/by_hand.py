"""`hpsearch add`, `stop` and `note`: act on a run, from another terminal or once it has ended."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import RUN, Whole, run_argument, runs_dir_option
from hpsearch.report.escape import echo
from hpsearch.searching.babysit.nudge import named_values
from hpsearch.searching.babysit.steering import steer
from hpsearch.searching.desk import act_on
from hpsearch.store import RunDirectory, find
from hpsearch.store.requests import Request


@click.command()
@run_argument
@runs_dir_option
@click.option("--set", "values", metavar="NAME=VALUE", multiple=True,
              help="A value of the setting. May be repeated.")  # fmt: skip
@click.option("--like", type=Whole(0), metavar="N",
              help="Take the other values from trial N.  [default: the trainer's, or the middle "
              "of the range]")  # fmt: skip
@click.option("--note", "text", help="Why, for the report.")
def add(
    run: str | None, runs_dir: Path, values: tuple[str, ...], like: int | None, text: str | None
) -> None:
    """Train a setting of your own in full, beside those of RUN.

    RUN is a folder or a name, the newest run if left out. A search at work begins at once; else
    `hpsearch resume` trains it. It may win, and later rounds look at it.
    """
    if not values and like is None:
        raise click.UsageError("say the setting, for example --set learning_rate=0.01")
    found = find(run, runs_dir)
    _act(found, Request("add", named_values(values), note=text, trial=like))


@click.command()
@run_argument
@runs_dir_option
@click.option("--trial", type=Whole(0), metavar="N", help="Only this trial; its place goes to "
              "another.")  # fmt: skip
@click.option("--note", "text", help="Why, for the report.")
def stop(run: str | None, runs_dir: Path, trial: int | None, text: str | None) -> None:
    """Stop RUN as Ctrl-C does, or one of its trials.

    RUN is a folder or a name, the newest run if left out. What finished is on disk, and
    `hpsearch resume` goes on. A trial that is stopped by hand never goes on.
    """
    found = find(run, runs_dir)
    if found.info.babysit is not None:
        if trial is not None:
            raise click.UsageError("--trial goes with a search; this is a babysat model")
        echo(steer(found, Request("stop", note=text), say=_say))
        return
    _act(found, Request("stop", note=text, trial=trial))


@click.command()
@click.argument("run", type=RUN)
@click.argument("text", required=False)
@runs_dir_option
@click.option("--tag", "tags", metavar="WORD", multiple=True,
              help="Give RUN a tag, which `list` shows. May be repeated.")  # fmt: skip
def note(run: str, text: str | None, runs_dir: Path, tags: tuple[str, ...]) -> None:
    """Note TEXT about RUN, or give it a tag.

    RUN is a folder or a name. Notes and tags stand in `hpsearch list` and in the report.
    """
    if text is None and not tags:
        raise click.UsageError("say what to note about the run: RUN TEXT, or RUN --tag WORD")
    found = find(run, runs_dir)
    if found.info.babysit is not None:
        if tags:
            raise click.UsageError("--tag goes with a search; this is a babysat model")
        echo(steer(found, Request("set", note=text), say=_say))
        return
    _act(found, Request("note", note=text, tags=tags))


def _act(run: RunDirectory, request: Request) -> None:
    echo(act_on(run, request, _say))


def _say(text: str) -> None:
    echo(text, err=True)

"""`hpsearch babysit`: train one model, watch it, and change it while it trains."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.babysit.conduct import tend
from hpsearch.cli.options import (
    RUN,
    Whole,
    name_option,
    quiet_option,
    runs_dir_option,
    trust_option,
)
from hpsearch.config import file_meant, load
from hpsearch.errors import ConfigError
from hpsearch.report.escape import echo
from hpsearch.searching.babysit.nudge import SECTIONS, sorted_out
from hpsearch.searching.babysit.replay import replay as train_again
from hpsearch.searching.babysit.start import Prepared, begin, prepare, prepare_from
from hpsearch.store import find


@click.command()
@click.argument("what", metavar="CONFIG|RUN", type=RUN)
@runs_dir_option
@name_option
@click.option("--trial", type=Whole(0), help="Begin as this trial of RUN.  [default: its winner]")
@click.option("--from-epoch", "from_epoch", type=Whole(0), metavar="E",
              help="Be that trial up to this epoch; --set holds from there on.")  # fmt: skip
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True,
              help="Another value, such as learning_rate=0.01. May be repeated.")  # fmt: skip
@click.option("--epochs", type=Whole(1), help="How many epochs to train in all.")
@click.option("--seed", type=Whole(0), help="Of the random numbers.")
@click.option("--replay", is_flag=True,
              help="Train what RUN's diary tells of again, and compare every epoch.")  # fmt: skip
@quiet_option
@trust_option
def babysit(
    what: str,
    runs_dir: Path,
    name: str | None,
    trial: int | None,
    from_epoch: int | None,
    overrides: tuple[str, ...],
    epochs: int | None,
    seed: int | None,
    replay: bool,
    quiet: bool,
    trust: bool,
) -> int:
    """Train one model, and change it while it trains.

    CONFIG|RUN is a configuration, whose fixed settings and the middle of whose space the model
    begins with, or a run, as whose winner or other trial it begins. Keys change it, or
    `hpsearch steer` from another terminal; each change is written into a diary, can be undone,
    and what was done can be repeated bit for bit.
    """
    if replay:
        if overrides or not all(each is None for each in (name, trial, from_epoch, epochs, seed)):
            raise click.UsageError("--replay goes with a RUN alone, which it trains as it was")
        return _replay(what, runs_dir, quiet, trust)
    path = file_meant(what)
    if path is not None:
        if trial is not None or from_epoch is not None:
            raise click.UsageError("--trial and --from-epoch go with a RUN")
        prepared = _of_config(path, overrides, epochs, seed)
    else:
        given, others = sorted_out(overrides, ())
        if others:
            raise ConfigError(f"--set {others[0]}: only settings of the model may change in a run")
        prepared = prepare_from(
            find(what, runs_dir),
            given,
            trial=trial,
            epoch=from_epoch,
            epochs=epochs,
            seed=seed,
            trust=trust,
        )
    run = begin(prepared, runs_dir, name)
    tend(run, quiet, lambda _: None, prepared.config, prepared.dataset)
    return 0


def _of_config(
    path: Path, overrides: tuple[str, ...], epochs: int | None, seed: int | None
) -> Prepared:
    """A model as a configuration says; values of its parameters are taken out of the way."""
    given, others = sorted_out(overrides, SECTIONS)
    if epochs is not None:
        others = (*others, f"trainer.epochs={epochs}")
    return prepare(load(path, others, searched=False, seed=seed), given)


def _replay(what: str, runs_dir: Path, quiet: bool, trust: bool) -> int:
    run = find(what, runs_dir)
    found = train_again(run, trust=trust, say=lambda text: None if quiet else echo(text, err=True))
    echo(found.text)
    return 0 if found.same else 1

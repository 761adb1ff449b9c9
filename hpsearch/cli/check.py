"""`hpsearch check`: is a configuration sound, and what would it do?"""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import config_argument, set_option
from hpsearch.cli.preview import show_plan
from hpsearch.config import Config, load
from hpsearch.data.dataset import Dataset
from hpsearch.messages import counted
from hpsearch.report.escape import echo
from hpsearch.searching.session import read_data
from hpsearch.searching.trainer import inspected
from hpsearch.trainers.kinds import kind_of


@click.command()
@config_argument
@set_option
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Validate CONFIG and its data; show the space and the plan.

    Each parameter has its range, median and scale; the plan has the rounds and how busy they
    keep the jobs. Trains nothing.
    """
    loaded = inspected(load(config, overrides))
    dataset = read_data(loaded)
    echo(
        f"{config}: sound. {_subject(loaded, dataset)}; "
        f"metric {loaded.metric.name} ({loaded.metric.goal})\n"
    )
    show_plan(loaded)


def _subject(config: Config, dataset: Dataset | None) -> str:
    """What is learned from, or what trains."""
    if dataset is None:
        epochs = (
            f", {counted(config.trainer.epochs, 'epoch')}" if config.trainer.epochs > 1 else ""
        )
        described = kind_of(config.trainer).describe(config.trainer.options)
        return f"Trainer: {described}{epochs}"
    rows = ", ".join(f"{count:,} {part}" for part, count in dataset.counts.items())
    classes = len(dataset.classes)
    features = counted(dataset.features, "feature")
    return f"Data: {rows} rows, {features}, {counted(classes, 'class')}"

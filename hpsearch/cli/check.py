"""`hpsearch check`: is a configuration sound, and what would it do?"""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.backends import survey
from hpsearch.cli.options import backend_option, config_argument, scheduler_option, set_option
from hpsearch.cli.preview import show_plan
from hpsearch.config import Config, load
from hpsearch.data.dataset import Dataset
from hpsearch.messages import counted
from hpsearch.report.escape import echo
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.session import read_data
from hpsearch.searching.trainer import cluster_of, inspected
from hpsearch.trainers.kinds import kind_of


@click.command()
@config_argument
@set_option
@backend_option
@scheduler_option
def check(
    config: Path, overrides: tuple[str, ...], backend: str | None, scheduler: str | None
) -> None:
    """Validate CONFIG and its data; show the space and the plan.

    Each parameter has its range, median and scale; the plan has the rounds and how busy they
    keep the jobs. Of a Dask cluster it says how many workers there are, and whether they have
    what is needed. Trains nothing.
    """
    loaded = inspected(load(config, overrides, backend=backend, scheduler=scheduler))
    dataset = read_data(loaded)
    echo(f"{config}: sound. {_subject(loaded, dataset)}; metric {criterion_of(loaded).text}\n")
    show_plan(loaded)
    if loaded.parallel.backend == "dask" and cluster_of(loaded).named:
        _show_cluster(loaded)


def _show_cluster(config: Config) -> None:
    """How many workers there are, and what is to be said of them."""
    cluster = cluster_of(config)
    found = survey(cluster)
    if not found.workers:
        echo(f"\n{cluster}: no worker is there yet; start one with: dask worker {cluster}")
    else:
        hosts = len({worker.partition("/")[0] for worker in found.workers})
        fit = "" if found.remarks else "; hpsearch, Python and NumPy are those of this machine"
        workers = f"{counted(len(found.workers), 'worker')} on {counted(hosts, 'machine')}"
        echo(f"\n{cluster}: {workers}, {counted(found.slots, 'trial')} at a time{fit}")
    for remark in found.remarks:
        echo(f"! {remark}")


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

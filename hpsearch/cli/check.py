"""`hpsearch check`: is a configuration sound, and what would it do?"""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.options import config_argument, set_option


@click.command()
@config_argument
@set_option
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Validate CONFIG and its data; show the space and the plan.

    Each parameter has its range, median and scale; the plan has the rounds and how busy they
    keep the jobs. Trains nothing.
    """
    from hpsearch.cli.plan import show_plan
    from hpsearch.config import load
    from hpsearch.searching.session import read_data

    loaded = load(config, overrides)
    dataset = read_data(loaded)
    rows = ", ".join(f"{count:,} {part}" for part, count in dataset.counts.items())
    click.echo(
        f"{config}: sound. Data: {rows} rows, {dataset.features} features, "
        f"{len(dataset.classes)} classes; metric {loaded.metric.name} ({loaded.metric.goal})\n"
    )
    show_plan(loaded)

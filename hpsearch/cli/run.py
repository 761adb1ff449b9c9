"""`hpsearch run`: do the search that a configuration describes."""

from __future__ import annotations

from pathlib import Path

import click

from hpsearch.cli.conduct import watching
from hpsearch.cli.options import (
    Whole,
    backend_option,
    config_argument,
    jobs_option,
    name_option,
    quiet_option,
    runs_dir_option,
    scheduler_option,
    set_option,
)
from hpsearch.cli.preview import show_first_trials, show_plan
from hpsearch.config import load
from hpsearch.searching.launch import launch, prepare


@click.command()
@config_argument
@name_option
@runs_dir_option
@jobs_option
@click.option("--seed", type=Whole(), help="The seed of the search, instead of the config's.")
@click.option("--trials", "-n", type=Whole(), help="How many settings to try.")
@set_option
@backend_option
@scheduler_option
@quiet_option
@click.option("--dry-run", is_flag=True, help="Show the plan and the first trials; train nothing.")
def run(
    config: Path,
    name: str | None,
    runs_dir: Path,
    jobs: int | None,
    seed: int | None,
    trials: int | None,
    overrides: tuple[str, ...],
    backend: str | None,
    scheduler: str | None,
    quiet: bool,
    dry_run: bool,
) -> None:
    """Search the space that CONFIG describes."""
    loaded = load(
        config,
        overrides,
        seed=seed,
        trials=trials,
        jobs=jobs,
        backend=backend,
        scheduler=scheduler,
    )
    prepared = prepare(loaded, runs_dir)
    if dry_run:
        show_plan(prepared.config)
        show_first_trials(prepared.config)
        return
    with watching(quiet) as notify:
        launch(prepared, runs_dir, name, notify)

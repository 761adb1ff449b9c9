"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

runs_dir_option = click.option(
    "--runs-dir",
    type=PATH,
    default=Path("runs"),
    show_default=True,
    envvar="HPSEARCH_RUNS_DIR",
    help="The folder that holds the runs.",
)
name_option = click.option(
    "--name", help="The run's name, and its folder's.  [default: the config's name and the time]"
)
jobs_option = click.option(
    "--jobs", "-j", type=int, help="How many trials train at once; -1 for every core."
)
backend_option = click.option(
    "--backend", help="Where trials run: local (processes) or serial (this process)."
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a setting, such as trainer.epochs=10. May be repeated.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run the function, command or Keras model that RUN names, though it is not sealed as "
    "yours; seals it.",
)
config_argument = click.argument("config", type=PATH)
run_argument = click.argument("run", required=False)

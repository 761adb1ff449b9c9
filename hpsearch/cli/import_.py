"""`hpsearch import`: a study of Optuna as a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from hpsearch.cli.options import PATH, name_option, runs_dir_option, set_option
from hpsearch.config import from_mapping, load
from hpsearch.errors import as_argument
from hpsearch.exchange.optuna_import import ImportedRun, import_study
from hpsearch.exchange.optuna_study import OptunaStudy, read_study, study_config
from hpsearch.messages import counted, printable
from hpsearch.report.escape import echo
from hpsearch.searching.trainer import inspected
from hpsearch.trial import Status


@click.command("import")
@click.argument("storage")
@click.option("--study", help="Which study of STORAGE.  [default: its only one]")
@click.option("--config", type=PATH,
              help="The configuration that its trials are taken for.")  # fmt: skip
@click.option("--function", metavar="FILE.py:NAME",
              help="In place of --config: the function to train from now on.")  # fmt: skip
@click.option("--command", metavar="COMMAND",
              help="In place of --config: the command to train with from now on.")  # fmt: skip
@set_option
@name_option
@runs_dir_option
def import_(
    storage: str,
    study: str | None,
    config: Path | None,
    function: str | None,
    command: str | None,
    overrides: tuple[str, ...],
    name: str | None,
    runs_dir: Path,
) -> None:
    """Make a run of an Optuna study, for refine to go on from.

    STORAGE is a journal file (study.log) or a URL (sqlite:///study.db). Its trials are those of
    the configuration; without one, the space is the study's own, and what to train is said by
    --function or --command.
    """
    given = {"config": config, "function": function, "command": command}
    if sum(value is not None for value in given.values()) != 1:
        raise click.UsageError("give one of --config, --function and --command")
    found = read_study(storage, study)
    if config is not None:
        asked = load(config, overrides)
    else:
        kind = "command" if function is None else "function"
        tree = study_config(found, {"kind": kind, kind: given[kind]})
        asked = from_mapping(tree, None, overrides)
    imported = import_study(found, inspected(asked), runs_dir, name)
    _tell(found, imported)


def _tell(study: OptunaStudy, imported: ImportedRun) -> None:
    run, trials = imported.run, imported.trials
    statuses = Counter(result.status for result in trials.results)
    total = len(trials.results) + sum(trials.left_out.values())
    echo(
        f"{run.path}: {len(trials.results):,} of {counted(total, 'trial')} of study "
        f"{printable(study.name)!r}: "
        + ", ".join(f"{statuses[each]:,} {each}" for each in Status if statuses[each])
    )
    for reason, count in trials.left_out.items():
        echo(f"left out: {count:,} {printable(reason)}")
    if trials.by_value:
        echo(
            f"{trials.by_value:,} count by their final values alone: their reports are not "
            "an epoch each, or do not come to those values"
        )
    echo(f"look closer:  hpsearch refine {as_argument(run.path)}")

"""A study as a run directory, which `refine`, `report`, `list` and `export` take as any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hpsearch.config import Config
from hpsearch.exchange.optuna_in import Study
from hpsearch.exchange.taken import Taken, plan_of, take
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.session import create_run, new_info, read_data
from hpsearch.searching.spec import spec_for
from hpsearch.searching.winner import Selection, outcome, params_text
from hpsearch.store import (
    RunDirectory,
    SafePath,
    write_json,
    write_lines,
    write_text,
)
from hpsearch.trainers.kinds import kind_of
from hpsearch.trial import Result


@dataclass(frozen=True)
class Imported:
    """The new run, and what was taken into it."""

    run: RunDirectory
    taken: Taken


def import_study(
    study: Study, config: Config, runs_dir: Path, name: str | None = None
) -> Imported:
    """Make a finished run of a study's trials.

    It is complete from the moment it appears. Where it came from stands in run.json by name,
    without the address of the storage.

    Args:
        study: to take the trials from.
        config: what the trials are taken to have trained; its data is read.
        runs_dir: the folder that holds the runs.
        name: of the run; None for one that is free.

    Raises:
        HpsearchError: no trial fits the configuration, its data cannot be read, or the name is
            taken.
    """
    taken = take(study, config)
    dataset = read_data(config)
    plan = plan_of(taken, config)
    spec = spec_for(config, (plan,))
    criterion = criterion_of(config)
    best = criterion.best(taken.results)
    began, ended = _span(taken.results)
    info = new_info(config, dataset, (plan,)) | {
        "status": "finished",
        "ended": ended.isoformat(timespec="milliseconds"),
        "began": began.timestamp(),
        "seconds": round((ended - began).total_seconds(), 3),
        "imported": _origin(study, taken),
        "config_yaml": None,  # nobody resumes it
    }

    def fill(folder: SafePath) -> None:
        write_lines(folder / "curves.jsonl", taken.pieces)
        write_lines(folder / "trials.jsonl", taken.results)
        if best is None:
            return
        winner = folder / "best"
        winner.mkdir()
        settings = spec.settings_of(best.params)
        text = params_text(kind_of(config.trainer), settings, best.params, dataset)
        write_text(winner / "params.yaml", text)
        known = PastTrial(best, {}, spec.seed_of(best.number))
        told = outcome(Selection(known, (best.number, 0, 0)), criterion)
        write_json(winner / "result.json", {**told, "test": None})

    made = create_run(config, runs_dir, name, info, fill=fill)
    return Imported(made, taken)


def _origin(study: Study, taken: Taken) -> Mapping[str, Any]:
    return {
        "from": "optuna",
        "study": study.name,
        "storage": study.storage,
        "trials": len(taken.results),
        "left_out": dict(taken.left),
    }


def _span(results: tuple[Result, ...]) -> tuple[datetime, datetime]:
    """From the first trial's start to the last one's end."""
    starts = [datetime.fromisoformat(result.started) for result in results]
    ends = [
        start + timedelta(seconds=result.seconds)
        for start, result in zip(starts, results, strict=True)
    ]
    return min(starts), max(ends)

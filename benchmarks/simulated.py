"""The search that `hpsearch run` does, and Optuna's, with training replaced by looking values up.

What proposes, stops, ranks and records is `hpsearch.searching.session.conduct` itself, in a run
directory that is thrown away, so a benchmark measures the tool and no copy of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.config import from_mapping
from hpsearch.searching.session import begin, conduct
from hpsearch.trainers.protocol import Job, Outcome, Report, TrainsOneByOne
from hpsearch.trial import Result

Curve = Callable[[Job, range], list[float]]


@dataclass(frozen=True)
class Lookup(TrainsOneByOne):
    """A trainer whose curves come from a function of a job and of epochs from its last one on."""

    curve: Curve
    epochs: int
    metrics: tuple[str, ...] = ("accuracy",)

    def train_one(self, job: Job, state: Any, _report: Report | None) -> Outcome:
        """Go on to the job's next rung."""
        epochs = range(1 + int(state["epoch"] if state else 0), job.until_epoch + 1)
        curve: Any = {"epoch": list(epochs), "accuracy": self.curve(job, epochs)}
        kept = {"epoch": np.array(job.until_epoch)}
        return Outcome(curve, kept, finished=job.until_epoch == self.epochs)


def search(
    space: Mapping[str, Any],
    curve: Curve,
    *,
    trials: int,
    epochs: int,
    seed: int,
    screened: bool = True,
    sampler: str = "zoom",
    workers: int | None = None,
) -> list[Result]:
    """Every trial of one search for the largest accuracy, by number.

    Args:
        space: as a configuration has it.
        curve: gives the accuracies of a trial at some epochs.
        trials: how many settings are proposed.
        epochs: of a full training.
        seed: of the search.
        screened: whether a Gaussian process picks among candidates.
        sampler: zoom or random.
        workers: for how many the plan is made; None for a few.
    """
    config = from_mapping(
        {
            "name": "simulated",
            "seed": seed,
            "trainer": {"kind": "function", "function": "simulated:Lookup", "epochs": epochs},
            "metric": {"name": "accuracy", "goal": "maximize"},
            "space": space,
            "search": {
                "trials": trials,
                "sampler": sampler,
                "screen": screened,
                "halving": epochs > 1,
                "confirm": False,
            },
            "parallel": {"backend": "serial", "workers": workers},
        }
    )
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        run = begin(config, None, Path(folder), "simulated")
        conduct(run, lambda _: None, config, trainer=Lookup(curve, epochs))
        return run.results


def quiet_optuna() -> Any:
    """Optuna, which says nothing from now on."""
    import warnings

    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    return optuna


def optuna_search(
    space: Mapping[str, Any],
    see: Callable[[int, Mapping[str, Any], range], list[float]],
    *,
    epochs: int,
    sampler: Any,
    pruner: Any,
    goes_on: Callable[[], bool],
) -> Any:
    """Optuna's study of a search for the largest value, one trial after another.

    Args:
        space: as a configuration has it, without alternatives.
        see: gives the values of a trial, by number and parameters, at some epochs.
        epochs: of a full training.
        sampler: Optuna's.
        pruner: Optuna's.
        goes_on: whether there is to be another trial.
    """
    optuna = quiet_optuna()
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    while goes_on():
        trial = study.ask()
        params = suggested(trial, space)
        value = 0.0
        for epoch in range(1, epochs + 1):
            (value,) = see(trial.number, params, range(epoch, epoch + 1))
            trial.report(value, epoch)
            if epoch < epochs and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
    return study


def suggested(trial: Any, space: Mapping[str, Any]) -> dict[str, Any]:
    """A setting that Optuna suggests for a space of ours."""
    params: dict[str, Any] = {}
    for name, keys in space.items():
        if any(params.get(other) not in held for other, held in keys.get("when", {}).items()):
            continue
        if "values" in keys:
            params[name] = trial.suggest_categorical(name, keys["values"])
            continue
        suggest = trial.suggest_int if keys.get("type") == "int" else trial.suggest_float
        log = keys.get("scale") == "log"
        params[name] = suggest(name, keys["min"], keys["max"], log=log)
    return params

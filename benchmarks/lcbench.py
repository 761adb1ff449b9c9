"""Regret of hpsearch's own search on LCBench, beside Optuna's samplers, in one run.

    python benchmarks/lcbench.py --lcbench ../shared/lcbench --seeds 5 --peers

LCBench is a surrogate of real learning curves: 7 hyperparameters, 52 epochs, 17 tasks to
tune on. Budgets are counted in full trainings of 52 epochs, those of stopped trials too.
Regret 0 is the best of 3,000 random settings, 1 their median. With --noise, one normal number
a trial and one an epoch are added to what a search sees, in points of accuracy, and the score
is the noise-free value of the setting that it would return.

Needs onnxruntime; optuna for the peers (GPSampler also torch and scipy).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from simulated import search

from hpsearch.sampling.plan import ladder, plan, round_sizes
from hpsearch.searching.occupancy import planned_epochs
from hpsearch.space import LINEAR, LOG, Continuous, Discrete, Parameter, Space
from hpsearch.trainers.protocol import Job

BUDGETS = (5, 10, 20, 40)  # full trainings
EPOCHS = 52
PEERS = (("tpe", "none"), ("tpe", "hyperband"), ("gp", "none"))
Trace = list[tuple[int, float, float]]
"""Of each full training: epochs spent so far, final accuracy as seen, and without noise."""


@cache
def scoring(folder: str) -> Any:
    """LCBench's own scoring, from its folder."""
    sys.path.insert(0, folder)
    import regret

    return regret


class Task:
    """One task with its noise; counts what is spent on it."""

    def __init__(self, folder: str, task: str, seed: int, noise: tuple[float, float]):
        self._bench, self._seed, self._noise = scoring(folder).LCBench(task), seed, noise
        self.spent = 0
        self.trace: Trace = []

    def see(self, number: int, params: dict[str, Any], epochs: range) -> list[float]:
        """The accuracies that a search sees of some epochs of a trial."""
        true = self._bench.curve(params, epochs)
        rng = np.random.default_rng([self._seed, number])
        luck = self._noise[0] * rng.standard_normal()
        jitter = self._noise[1] * rng.standard_normal(EPOCHS)
        seen = [float(v + luck + jitter[e - 1]) for v, e in zip(true, epochs, strict=True)]
        self.spent += len(epochs)
        if epochs[-1] == EPOCHS:
            self.trace.append((self.spent, seen[-1], float(true[-1])))
        return seen


def space(folder: str) -> Space:
    """LCBench's space in hpsearch's terms."""
    parameters = []
    for name, (low, high, scale, integer) in scoring(folder).SPACE.items():
        warp = LOG if scale == "log" else LINEAR
        domain = Discrete(low, high, scale=warp) if integer else Continuous(low, high, warp)
        parameters.append(Parameter(name, domain))
    return Space(tuple(parameters))


def by_hpsearch(task: Task, folder: str, seed: int, options: dict[str, Any]) -> None:
    """One search of as many trials as the largest budget pays for."""

    def curve(job: Job, epochs: range) -> list[float]:
        params = {name: job.settings[name] for name in scoring(folder).SPACE}
        return task.see(job.number, params, epochs)

    trials = trials_within(max(BUDGETS) * EPOCHS)
    search(space(folder), curve, trials=trials, amounts=ladder(EPOCHS), seed=seed, **options)


def trials_within(epochs: int) -> int:
    """The largest number of trials whose plan trains at most so many epochs."""
    trials = 1
    while planned_epochs(plan(round_sizes(trials + 1), ladder(EPOCHS))) <= epochs:
        trials += 1
    return trials


def by_optuna(task: Task, folder: str, seed: int, sampler: str, pruner: str) -> None:
    """Optuna, one trial after another, until the largest budget is spent."""
    import warnings

    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    samplers = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}
    pruners = {
        "none": optuna.pruners.NopPruner(),
        "hyperband": optuna.pruners.HyperbandPruner(min_resource=6, max_resource=EPOCHS),
    }
    study = optuna.create_study(
        direction="maximize", sampler=samplers[sampler](seed=seed), pruner=pruners[pruner]
    )
    while task.spent < max(BUDGETS) * EPOCHS:
        trial = study.ask()
        params = {
            name: (trial.suggest_int if integer else trial.suggest_float)(
                name, low, high, log=scale == "log"
            )
            for name, (low, high, scale, integer) in scoring(folder).SPACE.items()
        }
        value = 0.0
        for epoch in range(1, EPOCHS + 1):
            (value,) = task.see(trial.number, params, range(epoch, epoch + 1))
            trial.report(value, epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)


def regrets(
    folder: str, noise: tuple[float, float], who: Any, case: tuple[str, int]
) -> list[float]:
    """Regret at each budget of the setting that a search would return there."""
    name, seed = case
    identity = scoring(folder).independent_seed(name, seed)
    task = Task(folder, name, identity, noise)
    if isinstance(who, dict):
        by_hpsearch(task, folder, identity, who)
    else:
        by_optuna(task, folder, identity, *who)
    median = json.loads(scoring(folder).REFERENCE.read_text())[name]["median"]
    row = []
    for budget in BUDGETS:
        reached = [(seen, true) for spent, seen, true in task.trace if spent <= budget * EPOCHS]
        row.append(scoring(folder).regret(name, max(reached)[1] if reached else median))
    return row


def _tell(label: str, rows: np.ndarray[Any, Any], more: str = "") -> None:
    """Print the mean at each budget, and the largest of their standard errors."""
    error = float((np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))).max())
    means = " ".join(f"{mean:7.3f}" for mean in np.mean(rows, axis=0))
    print(f"{label:42} {means}   se {error:.3f}{more}", flush=True)


def main() -> None:
    """Print a line for each search: mean regret at each budget, and its standard error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lcbench", default="../shared/lcbench")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--noise", nargs=2, type=float, default=(0.0, 0.0))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peers", action="store_true", help="Optuna's samplers, too")
    args = parser.parse_args()
    folder = str(Path(args.lcbench).resolve())
    cases = list(product(scoring(folder).TUNING_TASKS, range(args.seeds)))
    searches: list[Any] = [{}, {"screened": False}, {"sampler": "random"}]
    print(f"{'mean regret at full trainings':42}", *(f"{budget:>7}" for budget in BUDGETS))
    ours: np.ndarray[Any, Any] | None = None
    for who in searches + (list(PEERS) if args.peers else []):
        started = time.time()
        with ProcessPoolExecutor(args.jobs) as pool:
            rows = list(pool.map(partial(regrets, folder, tuple(args.noise), who), cases))
        label = f"hpsearch {who or ''}" if isinstance(who, dict) else f"optuna {' '.join(who)}"
        _tell(label, np.array(rows), f", {time.time() - started:.0f} s")
        ours = np.array(rows) if ours is None else ours
        if not isinstance(who, dict):  # the same tasks and seeds: their luck cancels
            _tell("  less hpsearch, pairwise", np.array(rows) - ours)


if __name__ == "__main__":
    main()

"""What a trial costs whose function returns at once: hpsearch beside Optuna and Ray Tune.

    pip install optuna 'ray[tune]'
    python benchmarks/overhead.py --repeats 3

Each figure is one whole search of the same function over the same space, in a process of its
own, after a small one that is not counted: `hpsearch.search(...)`, with the start of its workers,
`study.optimize(...)`, or `tuner.fit()` on a cluster that has started. The searches take turns,
so that a machine whose speed drifts is unfair to nobody. hpsearch keeps the curve, the result,
who worked when and what was printed of every trial on disk and can go on after a crash; Optuna
does in its journal and SQLite, and Ray Tune in its folders.

A search that would take longer than --longest seconds, by what the size before took, is left out;
Ray Tune, which starts a process a trial, does ten.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

SPACE = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1.0},
    "momentum": {"min": 0.0, "max": 0.99},
    "units": {"type": "int", "min": 16, "max": 128},
    "optimizer": {"values": ["momentum", "rmsprop", "adam"]},
}


def quality(params: dict[str, Any]) -> float:
    """A formula in place of training."""
    return float((params["learning_rate"] - 0.01) ** 2 + params["momentum"] + params["units"])


def train(params: dict[str, Any], epochs: int) -> float:  # noqa: ARG001
    """The function as hpsearch calls it."""
    return quality(params)


def hpsearch(folder: Path, trials: int, sampler: str, backend: str, jobs: int) -> float:
    """Seconds of `hpsearch.search`."""
    from hpsearch import search

    config = {
        "name": "overhead",
        "trainer": {"epochs": 1},
        "metric": {"name": "loss", "goal": "minimize"},
        "space": SPACE,
        "search": {"trials": trials, "sampler": sampler},
        "parallel": {"backend": backend, "jobs": jobs},
    }
    start = time.perf_counter()
    run = search(config, folder / "runs", objective=train, progress=False)
    seconds = time.perf_counter() - start
    assert len(run.trials) == trials
    return seconds


def optuna(folder: Path, trials: int, sampler: str, storage: str, jobs: int) -> float:
    """Seconds of `study.optimize`, the making of the study included."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    def objective(trial: Any) -> float:
        return quality(
            {
                "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1.0, log=True),
                "momentum": trial.suggest_float("momentum", 0.0, 0.99),
                "units": trial.suggest_int("units", 16, 128),
                "optimizer": trial.suggest_categorical(
                    "optimizer", ["momentum", "rmsprop", "adam"]
                ),
            }
        )

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    samplers = {"random": optuna.samplers.RandomSampler, "tpe": optuna.samplers.TPESampler}
    start = time.perf_counter()
    where: Any = None
    if storage == "journal":
        where = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    if storage == "sqlite":
        where = f"sqlite:///{folder / 'optuna.db'}"
    study = optuna.create_study(storage=where, sampler=samplers[sampler](seed=0))
    study.optimize(objective, n_trials=trials, n_jobs=jobs)
    return time.perf_counter() - start


def ray(folder: Path, trials: int, jobs: int) -> float:
    """Seconds of `tuner.fit` on a local cluster that has started."""
    import ray
    from ray import tune

    def trainable(params: dict[str, Any]) -> dict[str, float]:
        return {"loss": quality(params)}

    space = {
        "learning_rate": tune.loguniform(1e-4, 1.0),
        "momentum": tune.uniform(0.0, 0.99),
        "units": tune.randint(16, 129),
        "optimizer": tune.choice(["momentum", "rmsprop", "adam"]),
    }
    if not ray.is_initialized():
        ray.init(
            num_cpus=jobs, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
        )
    tuner = tune.Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=trials),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0),
    )
    start = time.perf_counter()
    found = tuner.fit()
    seconds = time.perf_counter() - start
    assert len(found) == trials
    return seconds


Search = Callable[[Path, int], float]


def _search(function: Callable[..., float], *args: Any) -> Search:
    return lambda folder, trials: function(folder, trials, *args)


SEARCHES: dict[str, Search] = {
    "hpsearch, random, serial": _search(hpsearch, "random", "serial", 1),
    "hpsearch, random, 1 worker": _search(hpsearch, "random", "local", 1),
    "hpsearch, random, 2 workers": _search(hpsearch, "random", "local", 2),
    "hpsearch, zoom, serial": _search(hpsearch, "zoom", "serial", 1),
    "Optuna, random, memory": _search(optuna, "random", "memory", 1),
    "Optuna, random, memory, 2 threads": _search(optuna, "random", "memory", 2),
    "Optuna, random, journal": _search(optuna, "random", "journal", 1),
    "Optuna, random, journal, 2 threads": _search(optuna, "random", "journal", 2),
    "Optuna, random, SQLite": _search(optuna, "random", "sqlite", 1),
    "Optuna, random, SQLite, 2 threads": _search(optuna, "random", "sqlite", 2),
    "Optuna, TPE, memory": _search(optuna, "tpe", "memory", 1),
    "Optuna, TPE, journal": _search(optuna, "tpe", "journal", 1),
    "Optuna, TPE, SQLite": _search(optuna, "tpe", "sqlite", 1),
    "Ray Tune, random, 2 workers": _search(ray, 2),
}
FIRST = next(iter(SEARCHES))
MOST = {"Ray Tune, random, 2 workers": 10}  # trials
TINY_PEERS = {"Optuna, random, journal": "optuna", "Ray Tune, random, 2 workers": "ray"}
WARM = 4  # trials of a search before, for what is imported when it is first used


def measured(name: str, trials: int, folder: Path | None) -> float:
    """Seconds of one search in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        done = subprocess.run(
            [sys.executable, __file__, "--one", name, "--sizes", str(trials), "--folder", scratch],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print microseconds a trial, and how many times that of hpsearch in this process it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--repeats", type=int, default=3, help="the median is told")
    parser.add_argument("--longest", type=float, default=60, help="seconds of a search")
    parser.add_argument("--only", nargs="+", choices=list(SEARCHES), default=list(SEARCHES))
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--one", choices=list(SEARCHES), help=argparse.SUPPRESS)
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    chosen = parser.parse_args()
    if chosen.tiny:
        chosen.sizes, chosen.repeats, chosen.only = [6], 1, ["hpsearch, random, 2 workers"]
        for name, package in TINY_PEERS.items():
            if find_spec(package):
                chosen.only.append(name)
            else:
                print(f"{package} is not installed, and left out")
    if chosen.one is not None:
        for trials in (WARM, chosen.sizes[0]):
            scratch = chosen.folder / str(trials)
            scratch.mkdir()
            seconds = SEARCHES[chosen.one](scratch, trials)
        print(json.dumps(seconds))
        return
    each: dict[str, float] = dict.fromkeys(chosen.only, 0.0)  # microseconds a trial, last size
    for trials in sorted(chosen.sizes):
        able = [
            name
            for name in chosen.only
            if each[name] * trials <= 1e6 * chosen.longest and not (name in MOST and each[name])
        ]
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(chosen.repeats):
            for name in able:
                count = min(trials, MOST.get(name, trials))
                found[name].append(1e6 * measured(name, count, chosen.folder) / count)
        print(f"\n{trials:,} trials{'us a trial':>39}{'times':>10}{'from':>10}{'to':>9}")
        for name, values in found.items():
            each[name] = median(values)
            base = f"{each[name] / each[FIRST]:10.2f}" if FIRST in found else " " * 10
            spread = f"{min(values):10.0f}{max(values):9.0f}"
            print(f"{name:36}{each[name]:14.0f}{base}{spread}", flush=True)


if __name__ == "__main__":
    main()

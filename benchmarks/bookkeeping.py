"""What a trial costs when training costs nothing: hpsearch's files beside Optuna's storages.

    python benchmarks/bookkeeping.py --trials 1000
    python benchmarks/bookkeeping.py --trials 100000 --only random report

The real Search, Ledger, Writer and serial backend; only the training is a formula. Proposing
costs its own: `random` is bookkeeping alone, `zoom` adds the Gaussian process, `halving` adds
rungs and the states that trials go on from. Optuna draws with its RandomSampler. Run folders
are made under --folder, since what an fsync costs depends on the disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.backends.serial import Serial
from hpsearch.config import from_mapping
from hpsearch.searching.brief import brief_of
from hpsearch.searching.events import Event, TrialEnded
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.loop import Search
from hpsearch.searching.objective import objective_of
from hpsearch.searching.session import begin, read_data
from hpsearch.store import RunDirectory
from hpsearch.trainers.protocol import Job, Outcome

SPACE = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1.0},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999},
    "hidden_units": {"type": "int", "scale": "log", "min": 16, "max": 128},
    "batch_size": {"values": [32, 64, 128, 256]},
}
STATE = {"W": np.zeros((64, 64), np.float32)}


def quality(params: dict[str, Any]) -> float:
    """A smooth accuracy with its best at learning rate 0.01 and momentum 0.99."""
    rate = np.log10(params["learning_rate"]) + 2
    momentum = np.log10(1 - params["momentum"]) + 2
    return float(np.exp(-0.2 * rate * rate - 0.1 * momentum * momentum))


@dataclass(frozen=True)
class Instant:
    """A trainer whose trials take no time."""

    metrics = ("val_accuracy",)

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """One by one."""
        return [[job] for job in jobs]

    def train(self, jobs: Sequence[Job], states: Sequence[Any]) -> list[Outcome]:
        """One number an epoch, from the formula."""
        return [self._one(job, state) for job, state in zip(jobs, states, strict=True)]

    def _one(self, job: Job, state: Any) -> Outcome:
        first = 1 + int(state["epoch"] if state else 0)
        epochs = list(range(first, job.until_epoch + 1))
        value = quality(dict(job.settings))
        curve: Any = {"epoch": epochs, "val_accuracy": [value * (1 - 0.5**e) for e in epochs]}
        last = job.until_epoch == job.settings["epochs"]
        kept = None if last else {**STATE, "epoch": np.array(job.until_epoch)}
        return Outcome(curve, kept, finished=last)


def search(folder: Path, trials: int, sampler: str, halving: bool) -> dict[str, Any]:
    """One search on disk: seconds in all, and over its first and last tenth of the trials."""
    config = from_mapping(
        {
            "name": "bookkeeping",
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 9 if halving else 1},
            "space": SPACE,
            "search": {
                "trials": trials,
                "sampler": sampler,
                "halving": halving,
                "confirm": False,
            },
            "parallel": {"backend": "serial"},
        }
    )
    run = begin(config, read_data(config), folder, f"{sampler}-{halving}-{trials}")
    brief, ends = brief_of(run, config), [time.perf_counter()]

    def tell(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ends.append(time.perf_counter())

    with run.writing() as writer, Serial() as backend:
        ledger = Ledger(objective_of(config), writer, run.info["began"], brief.trainings)
        Search(brief, Instant(), backend, ledger, tell).go()
    run.update(status="finished")
    tenth = max(1, trials // 10)
    return {
        "seconds": time.perf_counter() - ends[0],
        "first": (ends[tenth] - ends[0]) / tenth,
        "last": (ends[-1] - ends[-1 - tenth]) / tenth,
        "run": run,
    }


def optuna_search(storage: Any, trials: int) -> float:
    """Seconds that Optuna takes for the same space and formula."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage, sampler=optuna.samplers.RandomSampler(seed=0), direction="maximize"
    )

    def objective(trial: Any) -> float:
        low, high = np.log10(1 - 0.999), np.log10(1 - 0.9)
        return quality(
            {
                "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1.0, log=True),
                "momentum": 1 - 10 ** trial.suggest_float("momentum", low, high),
                "hidden_units": trial.suggest_int("hidden_units", 16, 128, log=True),
                "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
            }
        )

    start = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    return time.perf_counter() - start


def sqlite(folder: Path, trials: int) -> float:
    """Optuna on SQLite."""
    return optuna_search(f"sqlite:///{folder / 'optuna.db'}", trials)


def journal(folder: Path, trials: int) -> float:
    """Optuna on its journal file."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna_search(JournalStorage(JournalFileBackend(str(folder / "optuna.log"))), trials)


def report(run: RunDirectory) -> float:
    """Seconds of `hpsearch report RUN --format json`, start-up included."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "hpsearch", "report", str(run.path), "--format", "json"],
        check=True,
        capture_output=True,
    )
    json.loads(done.stdout)
    return time.perf_counter() - start


def show(name: str, trials: int, seconds: float, more: str = "") -> None:
    """One line of the table."""
    each, rate = f"{1e6 * seconds / trials:8.0f} us", f"{trials / seconds:8.0f}/s"
    print(f"{name:22} {seconds:8.2f} s {each} {rate}{more}")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    kinds = ["random", "zoom", "halving", "report", "sqlite", "journal"]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    chosen = parser.parse_args()
    print(f"{'':22} {'in all':>10} {'a trial':>11} {'trials':>10}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder, run = Path(name), None
        for kind, sampler, halving in (
            ("random", "random", False),
            ("zoom", "zoom", False),
            ("halving", "random", True),
        ):
            if kind in chosen.only:
                found = search(folder, chosen.trials, sampler, halving)
                run = run or found["run"]
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                more = (
                    f"   first tenth {1e6 * found['first']:.0f} us, "
                    f"last {1e6 * found['last']:.0f} us; peak memory {memory:.0f} MB"
                )
                show(f"hpsearch, {kind}", chosen.trials, found["seconds"], more)
        if run is not None and "report" in chosen.only:
            print(f"{'report --format json':22} {report(run):8.2f} s, start-up included")
        peers: dict[str, Callable[[Path, int], float]] = {"sqlite": sqlite, "journal": journal}
        for kind, peer in peers.items():
            if kind in chosen.only:
                show(f"Optuna, {kind}", chosen.trials, peer(folder, chosen.trials))


if __name__ == "__main__":
    main()

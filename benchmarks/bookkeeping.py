"""What a trial costs when training costs nothing: hpsearch's files beside Optuna's storages.

    pip install optuna
    python benchmarks/bookkeeping.py --trials 1000
    python benchmarks/bookkeeping.py --trials 100000 --repeats 1 --only random report memory

The real Scheduler, Ledger, Writer and serial backend; only the training is a formula. Proposing
costs its own: `random` is bookkeeping alone, `zoom` adds the Gaussian process, `halving` adds
rungs and the states that trials go on from. Optuna draws with its RandomSampler. They take
turns, each in a process of its own, so that a machine whose speed drifts is unfair to nobody;
times are medians. Run folders are made under --folder, since what an fsync costs depends on
the disk.
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
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hpsearch.backends.serial import Serial
from hpsearch.config import from_mapping
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.events import Event, TrialEnded
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.session import begin, read_data
from hpsearch.searching.spec import spec_of
from hpsearch.trainers.protocol import Job, Outcome, Report, TrainsOneByOne

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
class Instant(TrainsOneByOne):
    """A trainer whose trials take no time."""

    metrics = ("val_accuracy",)

    def train_one(self, job: Job, state: Any, _report: Report | None) -> Outcome:
        """One number an epoch, from the formula."""
        first = 1 + int(state["epoch"] if state else 0)
        epochs = list(range(first, job.until_epoch + 1))
        value = quality(dict(job.settings))
        curve: Any = {"epoch": epochs, "val_accuracy": [value * (1 - 0.5**e) for e in epochs]}
        last = job.until_epoch == job.settings["epochs"]
        kept = None if last else {**STATE, "epoch": np.array(job.until_epoch)}
        return Outcome(curve, kept, finished=last)


def search(folder: Path, trials: int, sampler: str, halving: bool) -> dict[str, float]:
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
    info = run.info
    spec, ends = spec_of(run, info, config), [time.perf_counter()]

    def tell(event: Event) -> None:
        if isinstance(event, TrialEnded):
            ends.append(time.perf_counter())

    with run.writing() as writer, Serial() as backend:
        ledger = Ledger(criterion_of(config), writer, info.began, spec.trainings)
        Scheduler(spec, Instant(), backend, ledger, tell).go()
    run.update(status="finished")
    tenth = max(1, trials // 10)
    return {
        "seconds": time.perf_counter() - ends[0],
        "first": (ends[tenth] - ends[0]) / tenth,
        "last": (ends[-1] - ends[-1 - tenth]) / tenth,
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


def memory(_folder: Path, trials: int) -> float:
    """Optuna in memory: nothing is kept."""
    return optuna_search(None, trials)


def sqlite(folder: Path, trials: int) -> float:
    """Optuna on SQLite."""
    return optuna_search(f"sqlite:///{folder / 'optuna.db'}", trials)


def journal(folder: Path, trials: int) -> float:
    """Optuna on its journal file."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna_search(JournalStorage(JournalFileBackend(str(folder / "optuna.log"))), trials)


def report(run: Path) -> float:
    """Seconds of `hpsearch report RUN --format json`, start-up included."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "hpsearch", "report", str(run), "--format", "json"],
        check=True,
        capture_output=True,
    )
    json.loads(done.stdout)
    return time.perf_counter() - start


OURS = {"random": ("random", False), "zoom": ("zoom", False), "halving": ("random", True)}
PEERS: dict[str, Callable[[Path, int], float]] = {
    "memory": memory,
    "journal": journal,
    "sqlite": sqlite,
}


def one(kind: str, trials: int, folder: Path) -> dict[str, float]:
    """One search: its seconds, and of hpsearch's over its first and last tenth, and memory."""
    if kind in PEERS:
        return {"seconds": PEERS[kind](folder, trials)}
    if kind == "report":
        search(folder, trials, "random", halving=False)
        return {"seconds": report(next(folder.iterdir()))}
    found = search(folder, trials, *OURS[kind])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**found, "megabytes": peak}


def measured(kind: str, trials: int, folder: Path | None) -> dict[str, float]:
    """`one` in a process and a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        done = subprocess.run(
            [
                sys.executable,
                __file__,
                "--one",
                kind,
                "--trials",
                str(trials),
                "--folder",
                scratch,
            ],
            check=True,
            stdout=subprocess.PIPE,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(kind: str, trials: int, found: Sequence[dict[str, float]], base: float | None) -> float:
    """One line of the table; gives the median of the seconds."""
    middle = {key: median(each[key] for each in found) for key in found[0]}
    seconds = middle["seconds"]
    name = f"Optuna, {kind}" if kind in PEERS else f"hpsearch, {kind}"
    times = "" if base is None else f"{seconds / base:8.2f}"
    more = ""
    if "first" in middle:
        more = (
            f"   first tenth {1e6 * middle['first']:.0f} us, last {1e6 * middle['last']:.0f} us; "
            f"peak memory {middle['megabytes']:.0f} MB"
        )
    each = f"{1e6 * seconds / trials:8.0f} us {trials / seconds:8.0f}/s"
    print(f"{name:20} {seconds:8.2f} s {each}{times:>8}{more}", flush=True)
    return seconds


def main() -> None:
    """Print a table; `times` is beside the first line of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    kinds = [*OURS, "report", *PEERS]
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--one", choices=kinds, help=argparse.SUPPRESS)
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    chosen = parser.parse_args()
    if chosen.tiny:
        chosen.trials, chosen.repeats, chosen.only = 12, 1, ["random", "halving", "report"]
        if find_spec("optuna"):
            chosen.only.append("journal")
        else:
            print("optuna is not installed, and left out")
    if chosen.one is not None:
        print(json.dumps(one(chosen.one, chosen.trials, chosen.folder)))
        return
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in chosen.only}
    for _ in range(chosen.repeats):
        for kind, each in found.items():
            each.append(measured(kind, chosen.trials, chosen.folder))
    print(f"{'':20} {'in all':>10} {'a trial':>11} {'trials':>10} {'times':>7}")
    base: float | None = None
    for kind, several in found.items():
        seconds = show(kind, chosen.trials, several, base)
        base = seconds if base is None else base


if __name__ == "__main__":
    main()

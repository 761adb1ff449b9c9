"""How long until `hpsearch run` has a setting as good as Optuna's after 64 trials?

    python benchmarks/time_to_quality.py --data digits --seeds 5

Both search the same space on the same rows: Optuna (TPE and Hyperband, PyTorch, two
processes that share a journal, as its guide says) does 64 trials; hpsearch searches on two
workers, for more trials, since it is time that is compared; each runs alone. Validation
accuracies are luck to a good part, so the best settings so far are judged afterwards: the
mean test accuracy of ten trainings with new seeds, all in hpsearch's network. The time of
hpsearch counts from the start of its process.

Needs torch and optuna in the Python that --python names, and scikit-learn there for digits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hpsearch import backends
from hpsearch.data.dataset import load, write_folds
from hpsearch.data.options import DataOptions
from hpsearch.trainers.network.arrays import prepared_rows
from hpsearch.trainers.network.model import model_from_state
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

PEERS = Path(__file__).parents[2] / "shared" / "peers"
SPACE = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
    "hidden_layers": {"type": "int", "min": 1, "max": 3},
    "hidden_units": {"type": "int", "scale": "log", "min": 16, "max": 128, "per": "hidden_layers"},
    "batch_size": {"values": [32, 64, 128, 256]},
    "learning_rate_decay": {"min": 0, "max": 1},
    "beta1": {"scale": "1-10^r", "min": 0.9, "max": 0.999},
}
# Runs Optuna by the peer's own functions, in a journal that outlives it, and says what was best.
OPTUNA = """
import argparse, json, multiprocessing, sys, time
sys.path.insert(0, {peers!r})
import optuna_search as peer, optuna
if __name__ == "__main__":
    args = argparse.Namespace(data={data!r}, model="torch", sampler="tpe", pruner="hyperband",
                              trials={trials}, epochs={epochs}, jobs=2, seed={seed}, timeout=None)
    spawn = multiprocessing.get_context("spawn")
    lines, started = spawn.Queue(), time.time()
    half = args.trials // 2
    workers = [
        spawn.Process(
            target=peer.work, args=(args, {journal!r}, half, args.seed + j, started, lines)
        )
        for j in range(2)
    ]
    [w.start() for w in workers]; [w.join() for w in workers]
    seconds = time.time() - started
    backend = optuna.storages.journal.JournalFileBackend({journal!r})
    storage = optuna.storages.JournalStorage(backend)
    best = optuna.load_study(study_name="peer", storage=storage).best_trial
    print(json.dumps(dict(seconds=seconds, value=best.value, params=best.params)))
    lines.cancel_join_thread()
"""


def optuna(
    python: str, data: str | Path, epochs: int, trials: int, seed: int, folder: Path
) -> dict[str, Any]:
    """Seconds of Optuna's search, its best value, and that setting in hpsearch's names."""
    script = folder / f"optuna_{seed}.py"
    journal = str(folder / f"journal_{seed}.log")
    script.write_text(OPTUNA.format(peers=str(PEERS), data=str(data), epochs=epochs, trials=trials,
                                    seed=seed, journal=journal))  # fmt: skip
    started = time.time()
    done = subprocess.run([python, str(script)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    p = found["params"]
    params = {
        "learning_rate": p["learning_rate"],
        "beta1": 1 - p["one_minus_beta1"],
        "hidden_layers": p["hidden_layers"],
        "hidden_units": [p[f"units_{i}"] for i in range(p["hidden_layers"])],
        "batch_size": p["batch_size"],
        "learning_rate_decay": p["learning_rate_decay"],
    }
    return {"seconds": time.time() - started, "value": found["value"], "params": params}


def hpsearch(
    data: str | Path, epochs: int, trials: int, seed: int, folder: Path
) -> dict[str, Any]:
    """Every setting that was the best so far, and when, in seconds from the process's start."""
    config = {
        "name": "race",
        "seed": seed,
        "data": {"source": str(data), "standardize": False},
        "trainer": {"kind": "network", "epochs": epochs, "optimizer": "adam"},
        "space": SPACE,
        "search": {"trials": trials},
        "parallel": {"jobs": 2},
    }
    path = folder / f"race_{seed}.yaml"
    path.write_text(json.dumps(config))
    options = ["--runs-dir", str(folder / "runs"), "--name", f"race-{seed}", "--quiet"]
    command = [sys.executable, "-m", "hpsearch", "run", str(path), *options]
    started = time.time()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.time() - started
    run = folder / "runs" / f"race-{seed}"
    return {"seconds": seconds, "steps": list(_incumbents(run, started, seconds))}


def _incumbents(run: Path, started: float, seconds: float) -> Iterator[dict[str, Any]]:
    """The best so far by validation accuracy, as it changed, and at the end the winner."""
    info = json.loads((run / "run.json").read_text())
    ends: dict[tuple[int, int], float] = {}  # of each rung in the search
    for line in (run / "timeline.jsonl").read_text().splitlines():
        entry = json.loads(line)
        at = info["began"] + entry["end"] - started
        if entry["repeat"] == 0:  # later ones confirm
            ends.setdefault((entry["number"], entry["rung"]), at)
    reached = {number: at for (number, _), at in sorted(ends.items())}  # the last rung's
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    completed = [t for t in trials if t["status"] == "completed"]
    confirmed = json.loads((run / "best" / "result.json").read_text())
    best = (-1.0, 0.0)
    for trial in sorted(completed, key=lambda t: reached[t["number"]]):
        rank = (trial["value"], -trial["metrics"]["val_loss"])
        if rank > best:
            best = rank
            found = {"value": trial["value"], "params": trial["params"]}
            yield {"at": reached[trial["number"]], **found}
    yield {"at": seconds, "value": confirmed["search"]["value"], "params": confirmed["params"]}


def judge(
    prepared: Path, classes: int, params: dict[str, Any], epochs: int, seeds: int
) -> tuple[float, float]:
    """Mean test accuracy of trainings with new seeds, and its standard error."""
    trainer = NetworkTrainer(str(prepared), classes)
    settings = {"epochs": epochs, "optimizer": "adam", **params}
    jobs = [Job(0, settings, ("judge", seed), epochs, repeat=seed) for seed in range(seeds)]
    accuracies = []
    with backends.create("local", 2) as backend:
        for index, group in enumerate(trainer.groups(jobs)):
            backend.submit(backends.Task(index, trainer.train, (group, [None] * len(group))))
        while backend.pending:
            accuracies += [
                _test_accuracy(prepared, classes, settings, outcome.state)
                for outcome in backend.next().value
            ]
    return float(np.mean(accuracies)), float(np.std(accuracies, ddof=1) / np.sqrt(len(accuracies)))


def _test_accuracy(prepared: Path, classes: int, settings: dict[str, Any], state: Any) -> float:
    if state is None:
        return 0.0
    test = prepared_rows(str(prepared / "0"), "test")
    features = test.X.shape[1]
    model = model_from_state(settings, state, mean=np.zeros(features), scale=np.ones(features),
                             class_names=np.arange(classes))  # fmt: skip
    return float((model.probabilities(test.X).argmax(1) == test.y).mean())


def without_optuna(python: str) -> bool:
    """Whether a tiny run does without Optuna, and why."""
    script = PEERS / "optuna_search.py"
    able = subprocess.run([python, "-c", "import optuna, sklearn, torch"], capture_output=True)
    if script.is_file() and able.returncode == 0:
        return False
    missing = (
        f"{python} lacks optuna, scikit-learn or torch" if able.returncode else f"no {script}"
    )
    print(f"{missing}; hpsearch runs against its own first setting")
    return True


def main() -> None:
    """Print a JSON line for each seed, and the median ratio of the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", default="digits", help="digits, or a folder of IDX files")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--ours", type=int, default=128, help="trials of hpsearch")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--python", default=sys.executable, help="a Python with torch and optuna")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    alone = False
    if args.tiny:
        args.epochs, args.trials, args.ours, args.seeds = 2, 4, 6, 1
        alone = without_optuna(args.python)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data: str | Path = "digits" if alone else folder / "data.npz"
        if not alone:
            subprocess.run(
                [args.python, str(PEERS / "make_data.py"), args.data, str(data)], check=True
            )
        dataset = load(DataOptions(data, standardize=False))
        (folder / "prepared").mkdir()
        write_folds([dataset], folder / "prepared")
        rows = []

        def judged(params: dict[str, Any]) -> tuple[float, float]:
            seeds = 2 if args.tiny else 10
            return judge(folder / "prepared", len(dataset.classes), params, args.epochs, seeds)

        for seed in range(args.first_seed, args.first_seed + args.seeds):
            ours = hpsearch(data, args.epochs, args.ours, seed, folder)
            if alone:
                theirs = {"seconds": ours["seconds"], **ours["steps"][0]}
            else:
                theirs = optuna(args.python, data, args.epochs, args.trials, seed, folder)
            goal, error = judged(theirs["params"])
            reached, (mean, se) = None, (0.0, 0.0)
            for step in ours["steps"]:  # judging takes longer than both searches
                if reached is None or step is ours["steps"][-1]:
                    mean, se = judged(step["params"])
                if reached is None and mean >= goal:
                    reached = step["at"]
            winner = ours["steps"][-1]
            row = {
                "seed": seed,
                "optuna": {
                    "seconds": theirs["seconds"],
                    "val": theirs["value"],
                    "test": goal,
                    "se": error,
                },
                "hpsearch": {
                    "seconds": ours["seconds"],
                    "val": winner["value"],
                    "test": mean,
                    "se": se,
                },
                "as_good_after": reached,
                "ratio": None if reached is None else reached / theirs["seconds"],
                "ratio_whole": ours["seconds"] / theirs["seconds"],
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
        ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
        if ratios:
            print(
                f"as good after {median(ratios):.3f} of Optuna's time (median of {len(ratios)} of "
                f"{len(rows)} seeds; {min(ratios):.3f} to {max(ratios):.3f})"
            )


if __name__ == "__main__":
    main()

"""Is the confirmed winner as good as the single best trial, and as good as it is said to be?

    python benchmarks/honest_winner.py --seeds 20

For each seed one search of the digits; then the confirmed winner and the trial with the best
value are both judged by ten trainings with seeds that neither has seen: the mean test accuracy
(who is better?) and the mean validation accuracy (is what the search said of it true?).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch import backends
from hpsearch.config import load
from hpsearch.data.dataset import Dataset, write_folds
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.trainers.network.arrays import prepared_rows
from hpsearch.trainers.network.model import model_from_state
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

DIGITS = Path(__file__).parents[1] / "configs" / "digits.yaml"
Z = 1.96


def judge(folder: str, dataset: Dataset, settings: dict[str, Any], seeds: int) -> Any:
    """Validation and test accuracy of trainings with new seeds, (seeds, 2)."""
    trainer = NetworkTrainer(folder, len(dataset.classes))
    jobs = [Job(0, settings, ("judge", s), settings["epochs"], repeat=s) for s in range(seeds)]
    test = prepared_rows(f"{folder}/0", "test")
    features = test.X.shape[1]
    rows = []
    with backends.create("local", 2) as backend:
        for index, group in enumerate(trainer.groups(jobs)):
            backend.submit(backends.Task(index, trainer.train, (group, [None] * len(group))))
        while backend.pending:
            for outcome in backend.next().value:
                model = model_from_state(
                    settings, outcome.state, mean=np.zeros(features), scale=np.ones(features),
                    class_names=np.arange(len(dataset.classes)),
                )  # fmt: skip
                right = model.probabilities(test.X).argmax(1) == test.y
                rows.append((outcome.curve["val_accuracy"][-1], right.mean()))
    return np.array(rows, float)


def main() -> None:
    """Print a JSON line for each seed, then the paired difference and the coverage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trainings", type=int, default=10)
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    overrides: list[str] = []
    if args.tiny:
        args.seeds, args.trainings = 2, 2
        confirm = "search.confirm={top: 2, seeds: 2, share: 1}"
        overrides = ["search.trials=4", "trainer.epochs=2", confirm]
    differences, covered, optimism = [], [], []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(args.seeds):
            config = load(DIGITS, overrides, seed=seed)
            dataset = read_data(config)
            folder = str(Path(name) / f"prepared-{seed}")
            Path(folder).mkdir()
            write_folds([dataset], Path(folder))
            run = begin(config, dataset, Path(name) / "runs", f"seed-{seed}")
            conduct(run, lambda _: None, config, dataset)
            found = run.winner(run.info)
            assert found is not None
            told = found.confirmed
            assert told is not None
            best = max(
                (r for r in run.results if r.status == "completed"),
                key=lambda r: (r.value or 0, -(r.metrics["val_loss"] or 0), -r.number),
            )
            fixed = dict(config.trainer.settings)
            winner = judge(folder, dataset, {**fixed, **found.params}, args.trainings)
            single = judge(folder, dataset, {**fixed, **best.params}, args.trainings)
            row = {
                "seed": seed,
                "winner": found.number,
                "best": best.number,
                "said": told.mean,
                "true": float(winner[:, 0].mean()),
                "interval": told.interval,
                "test_winner": float(winner[:, 1].mean()),
                "test_best": float(single[:, 1].mean()),
            }
            print(json.dumps(row), flush=True)
            differences.append(row["test_winner"] - row["test_best"])
            optimism.append((best.value or 0) - float(single[:, 0].mean()))
            if told.interval is not None:
                covered.append(told.interval[0] <= row["true"] <= told.interval[1])
    mean, error = np.mean(differences), np.std(differences, ddof=1) / np.sqrt(len(differences))
    low, high = mean - Z * error, mean + Z * error
    print("test accuracy, confirmed winner less single best:")
    print(f"{mean:+.5f} [{low:+.5f}, {high:+.5f}] over {len(differences)} seeds")
    print(f"the single best's value is {np.mean(optimism):+.5f} optimistic")
    print(f"95 % intervals of the confirmed mean that hold the truth: {np.mean(covered):.0%}")


if __name__ == "__main__":
    main()

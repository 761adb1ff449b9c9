"""Time per epoch of the network in NumPy and in Keras on each framework that is installed.

    python benchmarks/keras_time.py [--rows 4000] [--epochs 10]

One thread each. A process has one framework; in it NumPy and Keras train the same settings by
turns, so that a busy machine slows both. The first epoch in Keras is told apart: most frameworks
compile then, once for each shape of network.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from hpsearch.backends.threads import limit_threads
from hpsearch.trainers.keras.framework import start
from hpsearch.trainers.keras.frameworks import FRAMEWORKS
from hpsearch.trainers.keras.trainer import KerasTrainer
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

SHAPES = ((64, [32], 32), (64, [64, 64], 64), (784, [128], 128), (784, [256, 128], 256))
"""Features, hidden units, mini-batch size."""


def timed(trainer: NetworkTrainer, settings: dict[str, object], epochs: int) -> list[float]:
    """Milliseconds of each epoch, its validation included, from the reports of one training."""
    stamps = [time.perf_counter()]
    job = Job(0, settings, (0,), epochs)
    trainer.train([job], [None], lambda _: stamps.append(time.perf_counter()))
    return (1000 * np.diff(stamps)).tolist()


def write_rows(folder: Path, rows: int, features: int) -> None:
    """Random rows of ten classes as a trainer wants them: a quarter as many to validate."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for part, n in (("train", rows), ("val", rows // 4)):
        np.save(folder / f"x_{part}.npy", rng.standard_normal((n, features), np.float32))
        np.save(folder / f"y_{part}.npy", rng.integers(0, 10, n))


def measure(backend: str, rows: int, epochs: int) -> list[tuple[float, float, float]]:
    """NumPy's epoch, Keras's and Keras's first one for each shape, in milliseconds."""
    limit_threads(1)
    start(backend, 1)
    found = []
    for features, units, batch in SHAPES:
        settings: dict[str, object] = {
            "hidden_layers": len(units),
            "hidden_units": units,
            "batch_size": batch,
            "optimizer": "momentum",
            "learning_rate": 0.01,
            "epochs": epochs,
        }
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder, "0"), rows, features)
            trainers = (NetworkTrainer(folder, 10), KerasTrainer(folder, 10, backend=backend))
            first = timed(trainers[1], {**settings, "epochs": 1}, 1)[0]  # compiles
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(3):  # by turns
                for kept, trainer in zip(times, trainers, strict=True):
                    kept += timed(trainer, settings, epochs)[1:]
        found.append((median(times[0]), median(times[1]), first))
    return found


def main() -> None:
    """Print a line for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--backend", choices=list(FRAMEWORKS), help="measure one, and print JSON")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    if args.tiny:
        args.rows, args.epochs = 1000, 4
    if args.backend:
        print(json.dumps(measure(args.backend, args.rows, args.epochs)))
        return
    installed = [name for name in FRAMEWORKS if find_spec(name)]
    if not installed:
        print("no framework of Keras is installed: nothing is measured", file=sys.stderr)
        sys.exit(0 if args.tiny else 1)
    found = {}
    for name in installed:
        command = [sys.executable, __file__, *sys.argv[1:], "--backend", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        found[name] = json.loads(done.stdout)
    print(f"{args.rows} rows, momentum, batch norm; ms an epoch (and the first)")
    print(f"{'units, batch':>24} {'NumPy':>8}" + "".join(f"{name:>19}" for name in installed))
    for place, (features, units, batch) in enumerate(SHAPES):
        shape = "-".join(map(str, (features, *units, 10))) + f", {batch}"
        numpy = median(rows[place][0] for rows in found.values())
        cells = (
            f"{rows[place][1]:10.1f} {f'({rows[place][2]:.0f})':>8}" for rows in found.values()
        )
        print(f"{shape:>24} {numpy:8.1f}" + "".join(cells))


if __name__ == "__main__":
    main()

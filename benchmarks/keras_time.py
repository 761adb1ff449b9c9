"""Time per epoch of the network in NumPy and in Keras, on the same rows, one thread each.

    python benchmarks/keras_time.py [--rows 4000] [--epochs 10]

Both train the same settings in this process, alternating, so that a busy machine slows both. The
first epoch in Keras is told apart: it traces the graph, once for each shape of network.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from hpsearch.backends.threads import limit_threads
from hpsearch.trainers.keras import KerasTrainer
from hpsearch.trainers.keras.framework import start
from hpsearch.trainers.network import NetworkTrainer
from hpsearch.trainers.protocol import Job

SHAPES = ((64, [32], 32), (64, [64, 64], 64), (784, [128], 128), (784, [256, 128], 256))
"""Features, hidden units, mini-batch size."""


def timed(trainer: NetworkTrainer, settings: dict[str, object], epochs: int) -> list[float]:
    """Seconds of each epoch, its validation included, from the reports of one training."""
    stamps = [time.perf_counter()]
    job = Job(0, settings, (0,), epochs)
    trainer.train([job], [None], lambda _: stamps.append(time.perf_counter()))
    return np.diff(stamps).tolist()


def write_rows(folder: Path, rows: int, features: int) -> None:
    """Random rows of ten classes as a trainer wants them: a quarter as many to validate."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for part, n in (("train", rows), ("val", rows // 4)):
        np.save(folder / f"x_{part}.npy", rng.standard_normal((n, features), np.float32))
        np.save(folder / f"y_{part}.npy", rng.integers(0, 10, n))


def main() -> None:
    """Print a line for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    limit_threads(1)
    start(threads=1)
    print(f"{args.rows} rows, momentum, batch norm; ms an epoch, the median of {args.epochs - 1}")
    print(f"{'units, batch':>24} {'NumPy':>8} {'Keras':>8} {'ratio':>6} {'first, Keras':>13}")
    for features, units, batch in SHAPES:
        settings: dict[str, object] = {
            "hidden_layers": len(units),
            "hidden_units": units,
            "batch_size": batch,
            "optimizer": "momentum",
            "learning_rate": 0.01,
            "epochs": args.epochs,
        }
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder, "0"), args.rows, features)
            trainers = (NetworkTrainer(folder, 10), KerasTrainer(folder, 10))
            first = timed(trainers[1], {**settings, "epochs": 1}, 1)[0]  # traces
            times: list[list[float]] = [[], []]
            for _ in range(3):  # alternate
                for kept, trainer in zip(times, trainers, strict=True):
                    kept += timed(trainer, settings, args.epochs)[1:]
        numpy_ms, keras_ms = (1000 * median(each) for each in times)
        shape = "-".join(map(str, (features, *units, 10))) + f", {batch}"
        print(
            f"{shape:>24} {numpy_ms:8.1f} {keras_ms:8.1f} {keras_ms / numpy_ms:6.2f} "
            f"{1000 * first:13.0f}"
        )


if __name__ == "__main__":
    main()

"""What it costs to babysit a model: beside `hpsearch retrain` of the same training.

    python benchmarks/babysit.py --repeats 5

A model that nobody steers is trained by `hpsearch babysit`, which records every epoch, keeps
snapshots and listens for what is asked, and the same training is done by `hpsearch retrain`, which
does none of that. Both are whole commands in processes of their own, and take turns, so that a
machine whose speed drifts is unfair to neither; read the ratios. Processor seconds are those of
the command and its worker: they tell the work apart from the waiting. The same commands with one
epoch say what starting costs; "but the start" is the ratio of what the other epochs took.

Then a model in training is steered again and again: how long until `steer` is answered, in seconds
and in epochs of that model, and how many epochs ended before the change took effect.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from hpsearch.searching.babysit.steering import steer
from hpsearch.searching.babysit.story import read
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request

HPSEARCH = [sys.executable, "-m", "hpsearch"]
CONFIG = """
name: cost
data: {{source: rows.npz}}
trainer: {{epochs: {epochs}, hidden_layers: 2, hidden_units: {units}, batch_size: 128}}
metric: {{name: val_loss}}
space: {{learning_rate: {{scale: log, min: 1e-4, max: 1e-2}}}}
"""


Seconds = tuple[float, float]
"""By the clock, and of processors."""


@dataclass(frozen=True)
class Size:
    """A training: rows, features, hidden units and epochs."""

    rows: int
    features: int
    units: int
    epochs: int


SIZES = {
    "small": Size(rows=1_800, features=64, units=64, epochs=3000),
    "large": Size(rows=12_000, features=784, units=128, epochs=40),
}
TINY = {"tiny": Size(rows=300, features=16, units=8, epochs=5)}


def write(size: Size, folder: Path) -> None:
    """Rows of ten classes around as many centres, and the configuration."""
    draw = np.random.default_rng(0)
    y = draw.integers(10, size=size.rows)
    centres = draw.normal(size=(10, size.features))
    noise = draw.normal(scale=4, size=(size.rows, size.features))
    np.savez(folder / "rows.npz", x=(centres[y] + noise).astype(np.float32), y=y)
    text = CONFIG.format(epochs=size.epochs, units=size.units)
    (folder / "c.yaml").write_text(text)


def timed(folder: Path, *words: str) -> Seconds:
    """Seconds of a command, by the clock and of processors."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [*HPSEARCH, *words]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used


def compare(name: str, size: Size, repeats: int, folder: Path) -> None:
    """Print both commands' seconds and their ratios."""
    write(size, folder)
    timed(folder, "babysit", "c.yaml", "--name", "warm", "--epochs", "2", "-q")
    pairs: list[tuple[Seconds, Seconds]] = []
    starts: list[tuple[Seconds, Seconds]] = []
    for again in range(repeats):
        for several, run, epochs in ((starts, "start", 1), (pairs, "run", size.epochs)):
            words = ("--name", f"{run}-{again}", "--epochs", str(epochs), "-q")
            babysat = timed(folder, "babysit", "c.yaml", *words)
            several.append((babysat, timed(folder, "retrain", f"{run}-{again}", "--trial", "0")))
    for place, what in enumerate(("clock", "processors")):
        ours, theirs = (median(pair[side][place] for pair in pairs) for side in (0, 1))
        start, other = (median(pair[side][place] for pair in starts) for side in (0, 1))
        print(
            f"{name:6} {size.epochs:5} epochs  {what:10}  babysit {ours:7.2f} s  "
            f"retrain {theirs:7.2f} s  ratio {ours / theirs:.3f}, but the start "
            f"{(ours - start) / (theirs - other):.3f}"
        )


def steering(name: str, size: Size, times: int, folder: Path) -> None:
    """Print how long a change takes to take effect."""
    write(size, folder)
    command = [*HPSEARCH, "babysit", "c.yaml", "--name", "steered", "--epochs", "1000000", "-q"]
    path = folder / "runs" / "steered"
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as process:
        try:
            run = RunDirectory(path)
            while not (path / "run.json").exists() or not run.at_work or not run.pieces:
                time.sleep(0.05)
                assert process.poll() is None
            seconds, late, pace = [], [], []
            for again in range(times):
                before = read(run)
                began = time.perf_counter()
                steer(run, Request("set", {"learning_rate": 0.001 * (2 + again % 2)}))
                seconds.append(time.perf_counter() - began)
                spans = run.timeline[-20:]
                epochs = read(run).diary[-1].epoch - before.epoch
                took = sum(span.end - span.start for span in spans)
                done = sum(len(piece.curve["epoch"]) for piece in run.pieces[-20:])
                pace.append(took / done)
                late.append(epochs)
                time.sleep(0.1)
        finally:
            process.terminate()
    epoch = median(pace)
    after, most = median(seconds), max(seconds)
    print(
        f"{name:6} an epoch takes {epoch:.4f} s; a change takes effect after {after:.3f} s (most "
        f"{most:.3f}), which is an epoch and {after - epoch:.3f} s (most {most - epoch:.3f}); "
        f"{median(late):g} epochs ended meanwhile"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5, help="the median is told")
    parser.add_argument("--times", type=int, default=20, help="how often the model is steered")
    parser.add_argument("--only", nargs="+", choices=[*SIZES], default=[*SIZES])
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    chosen = parser.parse_args()
    sizes = TINY if chosen.tiny else {name: SIZES[name] for name in chosen.only}
    repeats, times = (1, 2) if chosen.tiny else (chosen.repeats, chosen.times)
    for name, size in sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            compare(name, size, repeats, Path(folder))
            steering(name, size, times, Path(folder))


if __name__ == "__main__":
    main()

"""Time of one training step, beside other libraries, on one thread.

    python benchmarks/step_time.py --python /path/to/venv-with-torch/bin/python

The network is dense without bias, batch norm, ReLU, ..., dense, softmax, trained by Adam on
random float32 rows. The figure of hpsearch goes through its training code, `hpsearch.nn.training`,
including the shuffle and the gathering of mini-batches. Peers are timed by a script that prints
one JSON line (`--peers`), each in a process of its own; `gemm` is the matrix products alone, the
floor for any library. Every figure is the best of several runs, and libraries take turns, so that
a processor that changes its speed is fair to all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from hpsearch.nn.architecture import Architecture
from hpsearch.nn.training import Constants, Recipe, Stack, start

SHAPES = [
    ((64, 32, 10), 64),
    ((64, 64, 64, 10), 64),
    ((64, 128, 64, 10), 256),
    ((784, 128, 10), 128),
    ((784, 256, 128, 10), 256),
]
ROWS = 1437  # as many as the digits have for training
PEERS = Path(__file__).resolve().parents[2] / "shared" / "peers" / "step_time.py"


def own_microseconds(units: tuple[int, ...], batch: int, trials: int, seconds: float) -> float:
    """The step of hpsearch, best of five runs; with several trials in a stack, per trial."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((ROWS, units[0]), dtype=np.float32)
    y = generator.integers(0, units[-1], ROWS)
    recipe = Recipe(Architecture(units), "adam", batch)
    seeds = [(number,) for number in range(trials)]
    stack = Stack(recipe, [Constants()] * trials, [start(recipe, "he", seed) for seed in seeds])
    steps = ROWS // batch
    rates, epoch, best = [[0.01] * steps] * trials, 0, float("inf")
    for _ in range(5):
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds / 5:
            stack.epoch(X, y, seeds, epoch, rates)
            epoch, count = epoch + 1, count + steps
        best = min(best, (time.perf_counter() - begun) / count)
    return best * 1e6 / trials


def peer_microseconds(
    script: Path, python: str, peer: str, units: tuple[int, ...], batch: int
) -> float:
    """A peer's step, as its script measures it; NaN where the peer is not installed."""
    sizes = ",".join(map(str, units))
    command = [python, str(script), "--peer", peer, "--sizes", sizes, "--batch", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{peer}: {reason}", file=sys.stderr)
        return float("nan")
    return float(json.loads(done.stdout)["microseconds_per_step"])


def row(units: tuple[int, ...], batch: int, args: argparse.Namespace) -> str:
    """One line of the table: every library in turn, several times, the best of each."""
    figures: dict[str, list[float]] = {name: [] for name in ("own", "stacked", *args.peer)}
    for _ in range(args.turns):
        figures["own"].append(own_microseconds(units, batch, 1, args.seconds))
        figures["stacked"].append(own_microseconds(units, batch, args.stack, args.seconds))
        for peer in args.peer:
            figures[peer].append(peer_microseconds(args.peers, args.python, peer, units, batch))
    best = {
        name: np.nanmin(values) if not np.isnan(values).all() else np.nan
        for name, values in figures.items()
    }
    cells = [f"{best['own']:.0f}", f"{best['stacked']:.0f}"]
    cells += [f"{best[peer]:.0f} ({best[peer] / best['own']:.2f})" for peer in args.peer]
    return f"| {'-'.join(map(str, units))}, {batch} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", type=Path, default=PEERS, help="script that times the peers")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--peer", action="append", help="torch, gemm, jax, sklearn (repeatable)")
    parser.add_argument("--turns", type=int, default=2, help="times that each library is run")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one turn of hpsearch")
    parser.add_argument("--stack", type=int, default=4, help="trials of the stacked figure")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    args.peer = args.peer or ["torch", "gemm"]
    if args.tiny:
        args.turns, args.seconds, args.peer = 1, 0.5, ["gemm"]
        if not args.peers.is_file():
            print(f"{args.peers}: no such file; peers are left out")
            args.peer = []
    elif not args.peers.is_file():
        sys.exit(f"{args.peers}: no such file; name the peers' script with --peers")
    print(f"NumPy {np.__version__}, one thread, microseconds a step")
    print("(in brackets: how many of hpsearch's steps fit into the peer's)\n")
    print(
        f"| units, batch | hpsearch | stack of {args.stack}, a trial | "
        + " | ".join(args.peer)
        + " |"
    )
    print("|---" * (3 + len(args.peer)) + "|")
    with threadpool_limits(1):
        for units, batch in SHAPES[: 1 if args.tiny else None]:
            print(row(units, batch, args), flush=True)


if __name__ == "__main__":
    main()

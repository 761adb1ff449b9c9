"""What hpsearch adds to a command: beside a loop that runs it, and while it is followed.

    python benchmarks/commands.py --repeats 5

The first part trains a command that prints its result and ends, `echo`, again and again: in a loop
of `subprocess.run` that keeps the output in a file, and in `hpsearch.search`, in this process and
with one worker, whose start counts. Searches and loops take turns, so that a machine whose speed
drifts is unfair to nobody.

The second part follows a script that prints a result, which is an epoch, --rate times a second.
It says how much of a core this process used for it, beyond what it used for the same results
printed at once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from hpsearch import search

PRINTS = """\
import sys, time
lines, seconds = int(sys.argv[1]), float(sys.argv[2])
for line in range(lines):
    print('{"loss": %r}' % (1 / (1 + line)), flush=True)
    time.sleep(seconds / lines)
"""


def searched(folder: Path, command: str, trials: int, backend: str, epochs: int = 1) -> float:
    """Search with a command; the seconds of it that this process was busy come back."""
    config: dict[str, Any] = {
        "name": "commands",
        "trainer": {
            "kind": "command", "command": command, "folder": str(folder), "epochs": epochs
        },
        "metric": {"name": "loss", "goal": "minimize"},
        "space": {"rate": {"min": 0, "max": 1}},
        "search": {"trials": trials, "sampler": "random", "halving": False},
        "parallel": {"backend": backend, "jobs": 1},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder) as runs:
        begun = time.process_time()
        run = search(config, runs, progress=False)
        busy = time.process_time() - begun
        assert [trial.status for trial in run.trials] == ["completed"] * trials
    return busy


def looped(folder: Path, trials: int) -> None:
    """Run the command as often, with nothing else."""
    for number in range(trials):
        with (folder / f"{number}.txt").open("wb") as output:
            subprocess.run(["echo", '{"loss": 1}'], stdout=output, check=True)


WAYS: dict[str, Callable[[Path, int], object]] = {
    "subprocess.run": looped,
    "hpsearch, serial": lambda folder, n: searched(folder, """echo '{"loss": 1}'""", n, "serial"),
    "hpsearch, 1 worker": lambda folder, n: searched(folder, """echo '{"loss": 1}'""", n, "local"),
}


def trial_costs(folder: Path, trials: int, repeats: int) -> None:
    """Print what a trial takes each way, and how many times that of the loop."""
    found = defaultdict(list)
    for way in WAYS.values():
        way(folder, 2)  # what is imported when it is first used does not count
    for _ in range(repeats):
        for name, way in WAYS.items():
            begun = time.perf_counter()
            way(folder, trials)
            found[name].append(1e3 * (time.perf_counter() - begun) / trials)
    print(f"{trials} trials{'ms a trial':>30}{'times':>10}{'from':>10}{'to':>9}")
    base = median(found["subprocess.run"])
    for name, each in found.items():
        spread = f"{min(each):10.2f}{max(each):9.2f}"
        print(f"{name:30}{median(each):9.2f}{median(each) / base:10.2f}{spread}")


def following_costs(folder: Path, rate: float, seconds: float, repeats: int) -> None:
    """Print how much of a core it takes to follow a script."""
    (folder / "prints.py").write_text(PRINTS)
    lines = max(2, round(rate * seconds))
    command = f"'{sys.executable}' prints.py {lines}"
    used = []
    for _ in range(repeats):
        at_once, followed = (
            searched(folder, f"{command} {length}", 1, "serial", lines) for length in (0, seconds)
        )
        used.append((followed - at_once) / seconds)
    spread = f"from {min(used):.2%} to {max(used):.2%}"
    print(f"\n{rate:g} lines a second, for {seconds:g} s: {median(used):.2%} of a core ({spread})")


def main() -> None:
    """Measure both, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rate", type=float, default=10, help="lines a second of the script")
    parser.add_argument("--seconds", type=float, default=20, help="for which it prints")
    parser.add_argument("--repeats", type=int, default=5, help="the median is told")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    chosen = parser.parse_args()
    if chosen.tiny:
        chosen.trials, chosen.seconds, chosen.repeats = 3, 0.5, 1
    with tempfile.TemporaryDirectory(dir=chosen.folder) as scratch:
        trial_costs(Path(scratch), chosen.trials, chosen.repeats)
        if chosen.seconds:
            following_costs(Path(scratch), chosen.rate, chosen.seconds, chosen.repeats)


if __name__ == "__main__":
    main()

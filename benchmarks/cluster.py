"""What a trial costs on a Dask cluster: hpsearch beside `client.map` and Ray Tune.

    pip install 'hpsearch[dask]'
    python -m venv ray && ray/bin/pip install 'ray[tune]'
    python benchmarks/cluster.py --ray ray/bin/python

A scheduler and two workers run in processes of their own on this machine. Of a function that
returns at once and of one that takes 50 ms, each line is the same trials: by `client.map` and
`as_completed`, by hpsearch's backend alone (each trial in a process that is not the worker's,
which `client.map` has not), by a whole `hpsearch.search` with random settings (its start, its
files and its winner included), and by `tuner.fit()` on a Ray cluster that has started, whose
trials may share processes. All take turns, each time in a process of its own, after a few trials
that are not counted. CPU is that of all these processes together, scheduler and workers included,
and what to look at where the machine has other things to do; Ray's processes are not this one's
children, and not counted. Bytes are what the one process sent and received over TCP; with Ray that
is not all, as part of its talk takes another way. Ray Tune does 20 trials, for each takes long.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

WORKERS = 2
WARM = 20  # trials before, for what is imported or started when it is first used
RAY_TRIALS = 20
RAY_WARM = 2
MAP, BACKEND, SEARCH, RAY = "client.map", "hpsearch's backend", "hpsearch.search", "Ray Tune"
LINES = (MAP, BACKEND, SEARCH, RAY)
BYTES_ACKED = 120  # where <linux/tcp.h> has tcpi_bytes_acked; tcpi_bytes_received comes next


class Traffic:
    """Counts the bytes over this process's TCP connections while it is entered, on Linux.

    A thread looks at them every so often, since some are closed before the end.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}  # by connection
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._before = self.total
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self._look()

    @property
    def total(self) -> int:
        """Bytes sent and received until the last look."""
        return sum(map(sum, self._counts.values()))

    @property
    def bytes(self) -> int:
        """Bytes sent and received since it was entered."""
        return self.total - self._before

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self._look()

    def _look(self) -> None:
        for path in Path("/proc/self/fd").glob("*"):
            with suppress(OSError, struct.error):  # no socket of TCP's, or closed meanwhile
                name = str(path.readlink())
                if name.startswith("socket:"):
                    with socket.socket(fileno=os.dup(int(path.name))) as each:
                        info = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    self._counts[name] = struct.unpack_from("2Q", info, BYTES_ACKED)


def cpu() -> float:
    """Seconds of the processor of the benchmark's processes: a cluster's, and this one."""
    import psutil  # Dask needs it, and Ray brings one

    total = 0.0
    for process in psutil.Process(os.getppid()).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def train(params: dict[str, Any], epochs: int) -> float:  # noqa: ARG001
    """A formula in place of training, after `pause` seconds, as hpsearch calls it."""
    if params["pause"]:
        time.sleep(params["pause"])
    return (params["x"] - 0.5) ** 2


def call(x: float, pause: float) -> float:
    """The same as `client.map` and the backend call it."""
    return train({"x": x, "pause": pause}, 1)


Counted = Callable[[], Any]  # a context in which time and bytes count


def by_map(address: str, trials: int, pause: float, counted: Counted) -> None:
    """Let Dask alone do it."""
    from distributed import Client, as_completed

    def every(count: int) -> None:
        futures = client.map(call, [i / count for i in range(count)], pause=pause, pure=False)
        assert len([value for _, value in as_completed(futures, with_results=True)]) == count

    with Client(address) as client:
        every(WARM)
        with counted():
            every(trials)


def by_backend(address: str, trials: int, pause: float, counted: Counted) -> None:
    """Let hpsearch's backend do it, without a search."""
    from hpsearch.backends import Cluster, Folders, Task, create

    def every(count: int) -> None:
        for i in range(count):
            backend.submit(Task(i, call, (i / count, pause), name=f"trial-{i}"))
        assert {backend.next().kind for _ in range(count)} == {"ok"}

    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(Path(folder), Path(folder, ".data"))
        with create("dask", None, cluster=Cluster(address), folders=folders) as backend:
            every(WARM)
            with counted():
                every(trials)


def by_search(address: str, trials: int, pause: float, counted: Counted) -> None:
    """Do a whole search."""
    from hpsearch import search

    def every(count: int) -> None:
        config = {
            "name": "cluster",
            "trainer": {"epochs": 1},
            "metric": {"name": "loss", "goal": "minimize"},
            "space": {"x": {"min": 0, "max": 1}, "pause": {"value": pause}},
            "search": {"trials": count, "sampler": "random"},
            "parallel": {"backend": "dask", "scheduler": address, "jobs": "auto"},
        }
        with tempfile.TemporaryDirectory() as folder:
            found = search(config, Path(folder), objective=train, progress=False)
            assert len(found.trials) == count

    every(WARM)
    with counted():
        every(trials)


def by_ray(_: str, trials: int, pause: float, counted: Counted) -> None:
    """Let Ray Tune do it."""
    import ray
    from ray import tune

    def trainable(params: dict[str, Any]) -> dict[str, float]:
        if pause:
            time.sleep(pause)
        return {"loss": (params["x"] - 0.5) ** 2}

    def every(count: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tuner = tune.Tuner(
                trainable,
                param_space={"x": tune.uniform(0, 1)},
                tune_config=tune.TuneConfig(
                    metric="loss", mode="min", num_samples=count, reuse_actors=True
                ),
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            )
            assert len(tuner.fit()) == count

    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    ray.init("local", num_cpus=WORKERS, **quiet)
    every(RAY_WARM)
    with counted():
        every(trials)


BY = dict(zip(LINES, (by_map, by_backend, by_search, by_ray), strict=True))


@dataclass(frozen=True)
class Cost:
    """What a trial cost: seconds of the clock, of the processor, and bytes."""

    seconds: float
    cpu: float
    bytes: float


def measure(line: str, address: str, trials: int, pause: float) -> None:
    """Print what a trial costs, as JSON: what a process of its own does."""
    costs: list[Cost] = []

    @contextmanager
    def counted() -> Iterator[None]:
        with Traffic() as traffic:
            before, start = cpu(), time.perf_counter()
            yield
            seconds, spent = time.perf_counter() - start, cpu() - before
        costs.append(Cost(seconds / trials, spent / trials, traffic.bytes / trials))

    BY[line](address, trials, pause, counted)
    print(json.dumps(vars(costs[0])))


def cost(python: str, line: str, address: str, trials: int, pause: float) -> Cost:
    """Measure in a process of its own."""
    words = (line, address, str(trials), str(pause))
    done = subprocess.run(
        [python, __file__, "--one", *words], check=True, capture_output=True, text=True
    )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print what a trial costs by each of them, and how many times `client.map` that is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--ray", metavar="PYTHON", help="an interpreter that has ray[tune]")
    parser.add_argument("--repeats", type=int, default=3, help="the median is shown")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        line, address, trials, pause = chosen.one
        measure(line, address, int(trials), float(pause))
        return
    sizes = [(1000, 0.0), (100, 0.05)]
    if chosen.tiny:
        sizes, chosen.repeats = [(20, 0.0)], 1
    if chosen.ray is None:
        print("no interpreter with ray[tune] is named by --ray, and Ray Tune is left out")
    from distributed.deploy.subprocess import SubprocessCluster

    with SubprocessCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        for trials, pause in sizes:
            found: dict[str, list[Cost]] = defaultdict(list)
            for _ in range(chosen.repeats):
                for line in LINES:
                    if line != RAY:
                        address = cluster.scheduler_address
                        found[line].append(cost(sys.executable, line, address, trials, pause))
                    elif chosen.ray is not None:
                        found[line].append(cost(chosen.ray, line, "", RAY_TRIALS, pause))
            table(found, trials, pause)


def table(found: dict[str, list[Cost]], trials: int, pause: float) -> None:
    """Print medians of what a trial cost beyond its own time on two workers."""
    print(
        f"\n{trials:,} trials of {1000 * pause:.0f} ms on {WORKERS} workers: each beyond that time"
    )
    print(f"{'':20}{'ms':>9}{'times':>8}{'from':>9}{'to':>9}{'ms of CPU':>12}{'times':>8}", end="")
    print(f"{'bytes':>10}{'times':>8}")
    figures = {
        line: [
            sorted(1000 * (each.seconds - pause / WORKERS) for each in costs),
            sorted(1000 * each.cpu for each in costs),
            sorted(each.bytes for each in costs),
        ]
        for line, costs in found.items()
    }
    base = [median(values) for values in figures[MAP]]
    for line, (extra, spent, sent) in figures.items():
        ms, cpu_ms, many = median(extra), median(spent), median(sent)
        of_cpu = f"{cpu_ms:12.2f}{cpu_ms / base[1]:8.2f}" if line != RAY else " " * 20
        print(
            f"{line:20}{ms:9.2f}{ms / base[0]:8.2f}{extra[0]:9.2f}{extra[-1]:9.2f}"
            f"{of_cpu}{many:10,.0f}{many / base[2]:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

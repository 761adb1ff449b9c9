"""Let random things happen to a cluster that searches, and compare with one process left alone.

    python tests/faults/cluster_histories.py --histories 40

Two searches in turn: networks with halving and confirmation, and a function whose leaders are
lost above a rung, so that others are called back. Each history has a Dask cluster of its own, of
real processes: one to three workers with one or two threads, with nannies or without. Up to four
things happen at moments drawn at random: a worker is killed by SIGKILL (with its nanny or alone),
suspended until the scheduler has given it up or for less, asked to leave, or added; the search
itself is killed and resumed; the scheduler is killed and started again. Ends with status 1 if any
trial, curve or winner differs from those of `--backend local --jobs 1`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from clusters import Cluster, Worker
from kills import LONGEST, Life, finished, held, judge, said, write_configurations
from kills import hpsearch as start

SEARCHES = {"networks": "tiny.yaml", "function": "own.yaml"}
EVENTS = ("kill", "kill alone", "suspend", "retire", "join", "search", "scheduler")
ALONE = ("--backend", "local", "--jobs", "1")
PAST_PATIENCE = 9.0  # seconds after which the scheduler has given up a worker that is silent


@dataclass
class History(Life):
    """What happened to one search, and what became of it."""

    name: str = ""
    search: str = ""
    events: list[str] = field(default_factory=list)


def main() -> int:
    """Live as many histories as asked, print one line for each fault and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the clusters and the events")
    given = parser.parse_args()
    chance = random.Random(given.seed)
    histories = []
    with tempfile.TemporaryDirectory() as folder:
        spans = uninterrupted(Path(folder))
        for number in range(given.histories):
            search = list(SEARCHES)[number % len(SEARCHES)]
            history = History("", name=f"history-{number}", search=search)
            live(Path(folder), history, spans[search], chance)
            histories.append(history)
            for fault in history.faults:
                print(f"{history.name}, {search}, {history.moment}: {fault}", flush=True)
    whole = sum(not history.faults for history in histories)
    happened = Counter(event for history in histories for event in history.events)
    print(
        f"{whole} of {len(histories)} identical, "
        f"{sum(history.lost for history in histories)} trials lost, "
        f"{sum(history.repeated for history in histories)} finished pieces trained twice; "
        + ", ".join(f"{event} {happened[event]}" for event in EVENTS)
    )
    return 0 if whole == len(histories) and all(history.events for history in histories) else 1


def uninterrupted(folder: Path) -> dict[str, float]:
    """Do each search in one process; how many seconds it took."""
    write_configurations(folder)
    spans = {}
    for search, file in SEARCHES.items():
        begun = time.monotonic()
        config = str(folder / file)
        process = start(folder, search, "run", config, "--name", search, *ALONE)
        if process.wait(LONGEST):
            raise SystemExit(f"the uninterrupted search failed: {said(folder, search)}")
        spans[search] = time.monotonic() - begun
    return spans


def live(folder: Path, history: History, span: float, chance: random.Random) -> None:
    """One search from its beginning over all that happens to its end."""
    runs = folder / "runs"
    with Cluster(folder / f"cluster-{history.name}") as cluster:
        for _ in range(chance.randint(1, 3)):
            join(cluster, chance)
        history.moment = ", ".join(map(described, cluster.workers))
        search = Search(folder, history, cluster)
        for _ in range(chance.randint(1, 4)):
            asleep = any(map(is_suspended, cluster.workers))
            pause = chance.uniform(0, PAST_PATIENCE if asleep else span * 0.6)
            if search.ends(pause):
                break
            wake(cluster)
            happen(chance.choice(EVENTS), search, chance, pause)
        wake(cluster)
        search.finish()
    if not history.faults:
        judge(history, runs / history.name, runs / history.search, search.deaths)


class Search:
    """The process that searches, begun and resumed until the search is finished."""

    def __init__(self, folder: Path, history: History, cluster: Cluster):
        self.folder, self.history, self.cluster = folder, history, cluster
        self.run = folder / "runs" / history.name
        self.deaths: list[Mapping[str, bytes]] = []
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Begin it, or go on with it where there is a run."""
        name, scheduler = self.history.name, ("--scheduler", self.cluster.address)
        if (self.run / "run.json").exists():
            words = ("resume", name)
        else:
            words = ("run", str(self.folder / SEARCHES[self.history.search]), "--name", name)
        environment = self.cluster.environment
        return start(self.folder, name, *words, *scheduler, environment=environment)

    def ends(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    def go_on(self) -> None:
        """Begin it anew if it has ended and is not finished."""
        if self.process.poll() is not None and not finished(self.run):
            self.deaths.append(held(self.run))
            self.process = self.start()

    def stops_gently(self) -> None:
        """Wait until it stops for want of a scheduler, and look how; it may just have finished.

        If the scheduler went before it was connected, it could not begin.
        """
        if not self.ends(LONGEST):
            self.fault("goes on without a scheduler")
            self.process.kill()
            self.process.wait()
        elif (self.run / "run.json").exists() and not finished(self.run):
            words = said(self.folder, self.history.name)
            status = json.loads((self.run / "run.json").read_text())["status"]
            gently = status == "interrupted" and f"hpsearch resume {self.run}" in words
            unconnected = "a Dask scheduler must answer there" in words
            if self.process.returncode != 1 or not (gently or unconnected):
                self.fault(f"status {self.process.returncode} and {status} without a scheduler")

    def fault(self, what: str) -> None:
        """Note something wrong, and what was said last."""
        self.history.faults.append(f"{what}: {said(self.folder, self.history.name)}")

    def finish(self) -> None:
        """Wait for its end, with a worker at least: the last may be about to leave."""
        until = time.monotonic() + LONGEST
        while not (self.ends(1) and finished(self.run)):
            if not any(worker.alive for worker in self.cluster.workers):
                self.cluster.add()
            if self.process.poll() is not None and "scheduler" not in self.history.events:
                self.fault(f"status {self.process.returncode}")
                return
            self.go_on()
            if time.monotonic() > until:
                self.fault("does not come to an end")
                self.process.kill()
                self.process.wait()
                return


def happen(event: str, search: Search, chance: random.Random, pause: float) -> None:
    """Let one thing happen, where there is whom it can happen to."""
    cluster, history = search.cluster, search.history
    alive = [worker for worker in cluster.workers if worker.alive]
    worker = chance.choice(alive) if alive else None
    if event == "search":
        search.process.kill()
        search.process.wait()
        search.go_on()
    elif event == "scheduler":
        cluster.scheduler.kill()
        if chance.random() < 0.5:
            search.stops_gently()
        cluster.restart_scheduler()  # the search may not have noticed, and go on
        join(cluster, chance)
        search.go_on()
    elif event == "join" or worker is None:
        event = "join"
        join(cluster, chance)
    elif event == "kill":
        worker.kill()
    elif event == "kill alone":
        worker.kill_alone()
    elif event == "suspend":
        worker.suspend()
    elif event == "retire":
        worker.retire()
    history.events.append(event)
    history.moment += f"; {event} after {pause:.2f} s"
    if worker is not None and event not in ("join", "search", "scheduler"):
        history.moment += f" ({worker.log.stem})"
    history.kills += 1


def join(cluster: Cluster, chance: random.Random) -> None:
    """Add a worker of any kind."""
    cluster.add(threads=chance.randint(1, 2), nanny=chance.random() < 0.5)


def wake(cluster: Cluster) -> None:
    """Let everybody go on who is suspended."""
    for worker in filter(is_suspended, cluster.workers):
        worker.go_on()


def is_suspended(worker: Worker) -> bool:
    """Whether a worker stands still."""
    return worker.alive and worker.suspended


def described(worker: Worker) -> str:
    """A worker's name, threads, and whether it has a nanny."""
    threads = worker.words[worker.words.index("--nthreads") + 1]
    return f"{worker.log.stem} x{threads}{' nanny' if '--nanny' in worker.words else ''}"


if __name__ == "__main__":
    sys.exit(main())

"""Many workers, simulated: how busy the search keeps them, and what a trial costs the coordinator.

    python benchmarks/scale.py --workers 1 64 1000 --each 20
    python benchmarks/scale.py --workers 64 --trials 1000 10000 100000 --only plan
    python benchmarks/scale.py --workers 64 --each 20 --lifetime 100 --seeds 5

The search is the real one: Scheduler, Ledger, sampler, and a Writer to a run directory on disk.
Only the workers are not there: a backend with a clock of its own hands out what waits, and lets
each piece take its time. Times are in trainings of one epoch by an average setting. A trial's
speed is log-normal, by its setting (units, batch size) and by chance (--sigma); it keeps it for
all of its epochs, but for a little. With --lifetime, workers go away after so long on average,
come back later, and what they were at is lost.

Each search is made with the plan of `parallel.workers` and with that of a few workers (null), and
stands beside two others on the same surface:

    ideal    the plan's own pieces, were it known from the start which trials go on
    ASHA     random settings, promoted whenever a worker is free (Li et al. 2020)

`busy` is the time that workers trained what counts, of the time that they were there, from the
first trial to the last; `before` is the same until the last trial begins, from when on workers
run out of work whatever the scheme. `regret` is the noise-free value of the best trial as the
search sees it, from 0 (the best there is) to 1 (the median of random settings); `time to` says
when it came below --target. `CPU` is what the coordinator spends on a trial, in milliseconds,
without the simulator's own; `peak` is all memory of the process, the simulator's included.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, product
from pathlib import Path
from statistics import mean
from typing import Any, Self

import numpy as np

from hpsearch.backends import Answer, Loss, Task
from hpsearch.config import from_mapping
from hpsearch.rng import stream
from hpsearch.sampling.plan import ladder
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.session import begin
from hpsearch.searching.spec import spec_of
from hpsearch.trainers.protocol import Job, Outcome, Report, TrainsOneByOne
from hpsearch.trial import Piece

EPOCHS = 30
SPACE: Mapping[str, Any] = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1.0},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999},
    "units": {"type": "int", "scale": "log", "min": 16, "max": 512},
    "batch_size": {"values": [32, 64, 128, 256]},
    "decay": {"min": 0.0, "max": 1.0},
    "dropout": {"min": 0.0, "max": 0.5},
}
MEDIAN = 0.138  # error of the median of random settings, above that of the best
NOISE = 0.004  # of a trial's seed, in accuracy
AWAY = 0.1  # of its lifetime a worker is away


@dataclass(frozen=True)
class Surface:
    """How good a setting gets, and how long its epochs take."""

    seed: int
    sigma: float

    def error(self, params: Mapping[str, Any]) -> float:
        """The final error above the best there is: a bowl, bent, with two basins of units."""
        rate = math.log10(params["learning_rate"]) + 2.5
        memory = -math.log10(1 - params["momentum"]) - 2
        units = math.log2(params["units"]) - 7
        batch = math.log2(params["batch_size"]) - 6
        bowl = 0.05 * (rate + 0.7 * memory - 0.25 * batch) ** 2 + 0.06 * (memory - 0.2) ** 2
        basins = 0.012 * units**2 + 0.02 * (1 - math.cos(2.2 * units))
        rest = 0.05 * (params["decay"] - 0.3) ** 2 + 0.2 * (params["dropout"] - 0.1) ** 2
        return 1 - math.exp(-(bowl + basins + rest))

    def curve(self, number: int, params: Mapping[str, Any], epochs: range) -> list[float]:
        """Accuracies: small rates learn slowly, and every seed has its luck."""
        top = 0.95 - self.error(params)
        pace = 0.12 + 0.06 * (math.log10(params["learning_rate"]) + 4)
        luck, *jitter = NOISE * stream(self.seed, "luck", number).standard_normal(1 + EPOCHS)
        return [top * (1 - math.exp(-pace * epoch)) + luck + jitter[epoch - 1] for epoch in epochs]

    def regret(self, params: Mapping[str, Any]) -> float:
        """0 is the best there is, 1 the median of random settings."""
        return self.error(params) / MEDIAN

    def seconds(self, number: int, params: Mapping[str, Any], epochs: range) -> float:
        """How long some epochs of a trial take."""
        setting = (params["units"] / 90) ** 0.35 * (params["batch_size"] / 90) ** -0.2
        speed, *pieces = stream(self.seed, "speed", number).standard_normal(1 + EPOCHS)
        pause = math.exp(0.1 * pieces[epochs[0] - 1])
        typical = math.exp(self.sigma * speed - self.sigma**2 / 2)
        return len(epochs) * setting * typical * pause / 1.07  # so that the mean is about 1


@dataclass(frozen=True)
class Formula(TrainsOneByOne):
    """A trainer whose trials follow the surface."""

    surface: Surface
    metrics = ("accuracy",)

    def train_one(self, job: Job, state: Any, _report: Report | None) -> Outcome:
        """Go on to the job's next rung."""
        epochs = epochs_of(job, state)
        values = self.surface.curve(job.number, job.settings, epochs)
        last = job.until_epoch == EPOCHS
        kept = None if last else {"epoch": np.array(job.until_epoch)}
        return Outcome({"epoch": list(epochs), "accuracy": values}, kept, finished=last)


def epochs_of(job: Job, state: Any) -> range:
    """The epochs that a job trains from a state."""
    return range(1 + int(state["epoch"] if state else 0), job.until_epoch + 1)


@dataclass
class Simulated:
    """A backend whose workers are simulated: it waits for nothing, and its clock jumps.

    Attributes:
        jobs: how many workers there are, when all of them are there.
        surface: says how long a piece takes.
        lifetime: after which a worker goes away, on average; None if none ever does.
        now: the time, in epochs of an average setting.
        there: how long workers were there, in all.
        trained: how long they trained what was not lost.
        lost: how long they trained what was.
        own: CPU seconds that the simulation itself took.
        used: how long they trained in all, and how long they were there, when the last trial
            began: the rest waits for the longest ones to end.
        trace: of each full training its end, its number and its last value.
    """

    jobs: int
    surface: Surface
    lifetime: float | None = None
    now: float = 0.0
    there: float = 0.0
    trained: float = 0.0
    lost: float = 0.0
    own: float = 0.0
    used: tuple[float, float] = (0.0, 0.0)
    trace: list[tuple[float, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.time()
        self._order = count()
        self._queue: list[tuple[float, int, Task]] = []  # what waits, the longest first
        self._free = list(range(self.jobs))
        self._at: dict[int, tuple[Task, float]] = {}  # what each worker is at, and since when
        self._losses: dict[Any, list[Loss]] = {}
        self._present = self.jobs
        self._worked = 0.0
        self._events: list[tuple[float, int, int, str]] = []  # time, order, worker, what
        self._rng = stream(self.surface.seed, "workers")
        self._visits = dict.fromkeys(range(self.jobs), 0)  # a piece of an earlier visit is lost
        if self.lifetime is not None:
            for worker in range(self.jobs):
                self._later(self.lifetime * self._rng.exponential(), worker, "leaves")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    @property
    def pending(self) -> int:
        """See `Backend`."""
        return len(self._queue) + len(self._at)

    def withdraw(self, key: Hashable) -> bool:  # noqa: ARG002
        """See `Backend`."""
        return False

    def cancel(self) -> None:
        """See `Backend`; no search here runs out of time."""
        raise NotImplementedError

    def submit(self, task: Task) -> None:
        """See `Backend`: it starts when `next` is called."""
        began = time.process_time()
        heapq.heappush(self._queue, (-task.cost, next(self._order), task))
        self.own += time.process_time() - began

    def next(self, timeout: float | None = None) -> Answer:
        """See `Backend`: the answer that comes first on the simulated clock."""
        del timeout
        began = time.process_time()
        while True:
            while self._queue and self._free:
                self._begin(self._free.pop(), heapq.heappop(self._queue)[2])
            at, _, worker, what = heapq.heappop(self._events)
            self.there += (at - self.now) * self._present
            self._worked += (at - self.now) * len(self._at)
            self.now = at
            if what == "comes":
                self._present += 1
                self._free.append(worker)
                assert self.lifetime is not None
                self._later(self.lifetime * self._rng.exponential(), worker, "leaves")
            elif what == "leaves":
                self._leave(worker)
            elif what == f"ends {self._visits[worker]}":
                answer = self._end(worker)
                self.own += time.process_time() - began
                return answer

    def _later(self, after: float, worker: int, what: str) -> None:
        heapq.heappush(self._events, (self.now + after, next(self._order), worker, what))

    def _begin(self, worker: int, task: Task) -> None:
        (job,), (state,) = task.args
        seconds = self.surface.seconds(job.number, job.settings, epochs_of(job, state))
        self._at[worker] = task, self.now
        if state is None:
            self.used = self._worked, self.there
        self._later(seconds, worker, f"ends {self._visits[worker]}")

    def _end(self, worker: int) -> Answer:
        task, start = self._at.pop(worker)
        self._free.append(worker)
        self.trained += self.now - start
        outcomes = task.function(*task.args)
        (job,), _ = task.args
        if job.until_epoch == EPOCHS:
            self.trace.append((self.now, job.number, outcomes[0].curve["accuracy"][-1]))
        return Answer(
            kind="ok",
            value=outcomes,
            error=None,
            traceback=None,
            start=self._began + start,
            end=self._began + self.now,
            key=task.key,
            worker=str(worker),
            losses=tuple(self._losses.pop(task.key, ())),
        )

    def _leave(self, worker: int) -> None:
        """A worker goes, and with it what it was at; another comes in its place later."""
        self._present -= 1
        self._visits[worker] += 1
        if worker in self._at:
            task, start = self._at.pop(worker)
            self.lost += self.now - start
            loss = Loss(str(worker), self._began + start, self._began + self.now)
            self._losses.setdefault(task.key, []).append(loss)
            heapq.heappush(self._queue, (-task.cost, next(self._order), task))
        else:
            self._free.remove(worker)
        assert self.lifetime is not None
        self._later(AWAY * self.lifetime * self._rng.exponential(), worker, "comes")


@dataclass(frozen=True)
class Case:
    """One search to simulate."""

    scheme: str  # "plan", "null" or "asha"
    workers: int
    trials: int
    seed: int = 0
    sigma: float = 0.3
    lifetime: float | None = None
    target: float = 0.05
    screen: bool = True
    rounds: int | str = "auto"

    @cached_property
    def surface(self) -> Surface:
        """On which it searches."""
        return Surface(self.seed, self.sigma)

    def scores(
        self, trace: Sequence[tuple[float, int, float]], params: Mapping[int, Mapping[str, Any]]
    ) -> dict[str, float]:
        """The regret in the end, and when it came below the target."""
        best, regret, reached = -math.inf, math.nan, math.inf
        for at, number, value in trace:
            if value > best:
                best, regret = value, self.surface.regret(params[number])
                if regret <= self.target:
                    reached = min(reached, at)
        return {"regret": regret, "reached": reached}


def by_hpsearch(case: Case, folder: Path) -> dict[str, float]:
    """One search in a run directory on disk, as `hpsearch run` makes it."""
    config = from_mapping(
        {
            "name": "scale",
            "seed": case.seed,
            "trainer": {"kind": "function", "function": "scale:Formula", "epochs": EPOCHS},
            "metric": {"name": "accuracy", "goal": "maximize"},
            "space": SPACE,
            "search": {
                "trials": case.trials,
                "rounds": case.rounds,
                "halving": True,
                "screen": case.screen,
                "confirm": False,
            },
            "parallel": {
                "backend": "serial",
                "workers": case.workers if case.scheme == "plan" else None,
            },
        }
    )
    began = time.process_time()
    run = begin(config, None, folder, f"{case.scheme}-{case.workers}-{case.trials}-{case.seed}")
    info = run.info
    spec = spec_of(run, info, config)
    backend = Simulated(case.workers, case.surface, case.lifetime)
    with run.writing() as writer, backend:
        ledger = Ledger(criterion_of(config), writer, info.began, spec.trainings)
        search = Scheduler(spec, Formula(case.surface), backend, ledger, lambda _: None)
        search.go()
    cpu = time.process_time() - began - backend.own
    files = [path for path in run.path.rglob("*") if path.is_file()]
    pieces = [piece for own in ledger.pieces.values() for piece in own]
    params = {number: trial.params for number, trial in search.trials.items()}
    return {
        "time": backend.now,
        "busy": backend.trained / backend.there,
        "full": backend.used[0] / backend.used[1] if backend.used[1] else 1.0,
        "lost": backend.lost / backend.there,
        "ideal": ideal(case, pieces, params),
        "cpu": 1e3 * cpu / case.trials,
        "own": 1e3 * backend.own / case.trials,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes": sum(path.stat().st_size for path in files) / case.trials,
        "rounds": len(spec.rounds),
        **case.scores(backend.trace, params),
    }


def ideal(case: Case, pieces: Sequence[Piece], params: Mapping[int, Mapping[str, Any]]) -> float:
    """When the same pieces would end if it were known from the start which trials go on.

    How fast a trial is, nobody knows before its first piece has ended. Who has the longest way to
    go, so far as is known, is first.
    """
    steps: dict[int, list[range]] = {}
    for piece in sorted(pieces, key=lambda piece: (piece.number, piece.rung)):
        own = steps.setdefault(piece.number, [])
        own.append(range(own[-1].stop if own else 1, piece.epochs + 1))
    waiting = [(-float(EPOCHS), number, 0) for number in steps]
    heapq.heapify(waiting)
    free, now, running = case.workers, 0.0, list[tuple[float, int, int, float]]()
    while waiting or running:
        while free and waiting:
            _, number, step = heapq.heappop(waiting)
            took = case.surface.seconds(number, params[number], steps[number][step])
            heapq.heappush(running, (now + took, number, step, took))
            free -= 1
        now, number, step, took = heapq.heappop(running)
        free += 1
        if step + 1 < len(steps[number]):
            epochs = steps[number][step]
            left = (EPOCHS + 1 - epochs.stop) * took / len(epochs)
            heapq.heappush(waiting, (-left, number, step + 1))
    return now


def by_asha(case: Case) -> dict[str, float]:
    """ASHA with random settings: as many trials, promoted as soon as a third is worse.

    Reference: Li et al. 2020, https://arxiv.org/abs/1810.05934, algorithm 2. Nothing is lost.
    """
    amounts, surface, rng = ladder(EPOCHS), case.surface, stream(case.seed, "asha")
    config = from_mapping(
        {
            "name": "asha",
            "trainer": {"kind": "function", "function": "a:b"},
            "metric": {"name": "accuracy", "goal": "maximize"},
            "space": SPACE,
        }
    )
    params: dict[int, Mapping[str, Any]] = {}
    waiting: list[list[tuple[float, int]]] = [[] for _ in amounts]  # to be promoted, best first
    ended, promoted = [0] * len(amounts), [0] * len(amounts)
    free, events, trace = case.workers, list[tuple[float, int, int, float]](), []
    now = trained = 0.0

    def pieces() -> Iterator[tuple[int, int]]:
        for rung in range(len(amounts) - 2, -1, -1):
            if waiting[rung] and promoted[rung] < ended[rung] // 3:
                promoted[rung] += 1
                yield heapq.heappop(waiting[rung])[1], rung + 1
                return
        if len(params) < case.trials:
            params[len(params)] = config.space.params(rng.random(config.space.dimensions))
            yield len(params) - 1, 0

    while True:
        while free and (piece := next(pieces(), None)) is not None:
            number, rung = piece
            epochs = range(amounts[rung - 1] + 1 if rung else 1, amounts[rung] + 1)
            took = surface.seconds(number, params[number], epochs)
            value = surface.curve(number, params[number], epochs)[-1]
            heapq.heappush(events, (now + took, number, rung, value))
            free, trained = free - 1, trained + took
        if not events:
            break
        now, number, rung, value = heapq.heappop(events)
        free += 1
        ended[rung] += 1
        heapq.heappush(waiting[rung], (-value, number))
        if amounts[rung] == EPOCHS:
            trace.append((now, number, value))
    busy = trained / (case.workers * now)
    return {"time": now, "busy": busy, **case.scores(trace, params)}


def one(case: Case, folder: Path) -> dict[str, float]:
    """What a search gave."""
    return by_asha(case) if case.scheme == "asha" else by_hpsearch(case, folder)


def measured(case: Case, folder: Path | None) -> dict[str, float]:
    """`one` in a process and a folder of its own, so that its peak of memory is its own."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="hpsearch-") as scratch:
        options = json.dumps(vars(case))
        command = [sys.executable, __file__, "--one", options, "--folder", scratch]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


COLUMNS: Mapping[str, tuple[str, Callable[[Mapping[str, float]], str]]] = {
    "time": ("time", lambda row: f"{row['time']:.0f}"),
    "ideal": ("ideal", lambda row: f"{row['ideal']:.0f}" if "ideal" in row else ""),
    "busy": ("busy", lambda row: f"{row['busy']:.1%}"),
    "full": ("before", lambda row: f"{row['full']:.1%}" if "full" in row else ""),
    "best": ("could be", lambda row: _ideal_busy(row)),
    "regret": ("regret", lambda row: f"{row['regret']:.4f}"),
    "reached": ("time to", lambda row: f"{row['reached']:.0f}"),
    "rounds": ("rounds", lambda row: f"{row['rounds']:.0f}" if "rounds" in row else ""),
    "cpu": ("CPU ms", lambda row: f"{row['cpu']:.2f}" if "cpu" in row else ""),
    "own": ("(own)", lambda row: f"{row['own']:.2f}" if "own" in row else ""),
    "peak": ("peak MB", lambda row: f"{row['peak']:.0f}" if "peak" in row else ""),
    "bytes": ("bytes", lambda row: f"{row['bytes']:.0f}" if "bytes" in row else ""),
}


def _ideal_busy(row: Mapping[str, float]) -> str:
    """How busy the workers would be without barriers."""
    if "ideal" not in row or row["lost"]:
        return ""
    return f"{row['busy'] * row['time'] / row['ideal']:.1%}"


def main() -> None:
    """Print a table, a line for each number of workers, of trials, and scheme."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64, 1000])
    parser.add_argument("--trials", type=int, nargs="+", help="in place of --each")
    parser.add_argument("--each", type=int, default=20, help="trials for each worker")
    parser.add_argument("--only", nargs="+", default=["plan", "null", "asha"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sigma", type=float, default=Case.sigma, help="of the log of a speed")
    parser.add_argument("--lifetime", type=float, help="of a worker")
    parser.add_argument("--target", type=float, default=Case.target, help="of the regret")
    parser.add_argument("--no-screen", action="store_true", help="search.screen: false")
    parser.add_argument("--rounds", default="auto", help="search.rounds")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    chosen = parser.parse_args()
    if chosen.one is not None:
        print(json.dumps(one(Case(**json.loads(chosen.one)), chosen.folder)))
        return
    if chosen.tiny:
        chosen.workers, chosen.trials, chosen.lifetime = [1, 5], [40], 30.0
    heads = "".join(f"{head:>9}" for head, _ in COLUMNS.values())
    print(f"{'workers':>7} {'trials':>7} {'':6}{heads}")
    for workers, trials in product(chosen.workers, chosen.trials or [None]):
        for scheme in chosen.only:
            cases = [
                Case(
                    scheme,
                    workers,
                    trials or chosen.each * workers,
                    seed,
                    chosen.sigma,
                    chosen.lifetime,
                    chosen.target,
                    not chosen.no_screen,
                    chosen.rounds if chosen.rounds == "auto" else int(chosen.rounds),
                )
                for seed in range(chosen.seeds)
            ]
            found = [measured(case, chosen.folder) for case in cases]
            row = {name: mean(each[name] for each in found) for name in found[0]}
            cells = "".join(f"{show(row):>9}" for _, show in COLUMNS.values())
            print(f"{workers:7} {cases[0].trials:7} {scheme:6}{cells}", flush=True)


if __name__ == "__main__":
    main()

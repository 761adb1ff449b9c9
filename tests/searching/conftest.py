"""A trainer made of arithmetic, a backend that answers anyhow, and searches of a few trials."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hpsearch import rng
from hpsearch.backends.attempt import attempt
from hpsearch.backends.serial import Serial
from hpsearch.config import from_mapping
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.searching.spec import Spec
from hpsearch.space import Choice, Continuous, Parameter, Space
from hpsearch.store import RunDirectory, create
from hpsearch.trainers.protocol import Job, Outcome
from hpsearch.trial import Round, Rung


@dataclass(frozen=True)
class Valley:
    """The loss falls towards x = 0.3 and with every epoch; the state holds what it came from.

    Above x = 0.9 the second epoch diverges, below 0.1 patience runs out after two epochs, and
    kind "bad" raises. Groups of two are trained together.
    """

    metrics: tuple[str, ...] = ("val_loss", "val_accuracy")

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        return [list(jobs[i : i + 2]) for i in range(0, len(jobs), 2)]

    def train(self, jobs, states, report=None):
        return [self._train(job, state) for job, state in zip(jobs, states, strict=True)]

    def _train(self, job, state):
        x = job.settings["x"]
        if job.settings.get("kind") == "bad":
            raise ValueError(f"kind is bad\nin trial {job.number}")
        done, loss = (0, 1.0) if state is None else (int(state["epoch"]), float(state["loss"]))
        curve = {"epoch": [], "val_loss": [], "val_accuracy": []}
        for epoch in range(done + 1, job.until_epoch + 1):
            noise = rng.stream(*job.seed, "noise", epoch).normal()
            loss = 0.8 * loss + (x - 0.3) ** 2 + 0.01 * float(noise)
            diverged = x > 0.9 and epoch == 2
            curve["epoch"].append(epoch)
            curve["val_loss"].append(None if diverged else loss)
            curve["val_accuracy"].append(None if diverged else 1 - loss)
            if diverged:
                return Outcome(curve, None, diverged=True)
            done = epoch
            if x < 0.1 and epoch == 2:
                break
        finished = done >= job.settings["epochs"] or (x < 0.1 and done >= 2)
        state = {"epoch": np.array(done), "loss": np.array(loss)}
        return Outcome(curve, state, finished=finished)


@dataclass
class Anyhow:
    """Answers in a random order; after so many answers it raises, or runs out of time."""

    seed: int = 0
    jobs: int = 4
    answers: float = float("inf")  # until Ctrl-C
    in_time: float = float("inf")  # answers until the deadline, where there is one
    tasks: list = field(default_factory=list)

    def __post_init__(self):
        self._random = random.Random(self.seed)

    @property
    def pending(self):
        return len(self.tasks)

    def submit(self, task):
        self.tasks.append(task)

    def next(self, timeout=None):
        if not self.answers:
            raise KeyboardInterrupt
        if timeout is not None and not self.in_time:
            raise TimeoutError
        self.answers -= 1
        self.in_time -= 1
        task = self.tasks.pop(self._random.randrange(min(self.jobs, len(self.tasks))))
        return attempt(task.function, task.args).answer(task, worker="0")

    def withdraw(self, key):
        before, self.tasks = self.tasks, [task for task in self.tasks if task.key != key]
        return len(self.tasks) < len(before)

    def cancel(self):
        self.tasks.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()


SPACE = Space(
    (
        Parameter("x", Continuous(0, 1)),
        Parameter("kind", Choice(("good", "fine"))),
        Parameter("y", Continuous(0, 1), when={"kind": ("fine",)}),
    )
)
CRITERION = Criterion("val_accuracy", "maximize")


def _rounds(*rungs: tuple[tuple[int, int], ...], first: int = 0) -> tuple[Round, ...]:
    """Rounds from their rungs, each rung as (trials, epochs)."""
    total = sum(each[0][0] for each in rungs)
    planned, start = [], 0
    for number, each in enumerate(rungs):
        size = each[0][0]
        planned.append(
            Round(number, first + start, size, start / total, tuple(Rung(*r) for r in each))
        )
        start += size
    return tuple(planned)


ONE_RUNG = _rounds(((6, 4),), ((4, 4),), ((4, 4),))
RUNGS = _rounds(((9, 1), (3, 2), (1, 4)), ((6, 1), (2, 2), (1, 4)), ((6, 1), (2, 2), (1, 4)))


@pytest.fixture(autouse=True)
def _hasty_disk(monkeypatch):
    """No test here cuts the power, so none waits for the disk."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(scope="session")
def rounds():
    return _rounds


@pytest.fixture(scope="session")
def spec():
    """A spec of three rounds with one rung each, or with other fields changed."""
    usual = Spec(SPACE, {"epochs": 4}, ONE_RUNG, seed=0)
    return lambda **changes: replace(usual, **changes)


@pytest.fixture(scope="session")
def rungs():
    """A plan of three rounds with three rungs each."""
    return RUNGS


@pytest.fixture
def new_run(tmp_path, run_info):
    """Makes an empty run directory, another with every call."""

    def make():
        return create(tmp_path, f"run{sum(1 for _ in tmp_path.iterdir())}", b"", run_info())

    return make


@pytest.fixture(scope="session")
def go():
    """Does a search in a run directory, or what is left of it, and gives the `Scheduler`."""

    def search(
        run, spec, backend=None, trainer=None, tell=lambda event: None, deadline=None,
        criterion=CRITERION,
    ):  # fmt: skip
        with run.writing() as writer, backend or Serial() as at:
            ledger = Ledger(criterion, writer, began=time.time(), trainings=spec.trainings)
            ledger.read(run)
            done = Scheduler(spec, trainer or Valley(), at, ledger, tell, deadline)
            done.go()
            return done

    return search


@pytest.fixture(scope="session")
def fates():
    """The lines of trials.jsonl by number, without what speed decides."""

    def read(run):
        lines = map(json.loads, (run.path / "trials.jsonl").read_text().splitlines())
        kept = [
            {k: v for k, v in line.items() if k not in ("started", "seconds")} for line in lines
        ]
        return sorted(kept, key=lambda line: line["number"])

    return read


@pytest.fixture(scope="session")
def valley():
    return Valley


@pytest.fixture(scope="session")
def anyhow():
    return Anyhow


@pytest.fixture(scope="session")
def criterion():
    return CRITERION


DIGITS = {
    "name": "digits",
    "seed": 0,
    "data": {"source": "digits"},
    "trainer": {"kind": "network", "epochs": 3},
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-3, "max": 1},
        "hidden_layers": {"type": "int", "min": 0, "max": 1},
        "hidden_units": {"type": "int", "min": 8, "max": 24, "per": "hidden_layers"},
        "optimizer": {"values": ["momentum", "adam"]},
        "momentum": {
            "scale": "1-10^r", "min": 0.8, "max": 0.99, "when": {"optimizer": "momentum"},
        },
    },
    "search": {"trials": 8},
    "parallel": {"backend": "serial"},
}  # fmt: skip


@pytest.fixture(scope="session")
def digits():
    """The configuration of a small real search, with changes."""
    return lambda *overrides, **forced: from_mapping(DIGITS, overrides=overrides, **forced)


@pytest.fixture(scope="session")
def dataset(digits):
    return read_data(digits())


@pytest.fixture(scope="session")
def searched(dataset, tmp_path_factory):
    """Does a small real search from its configuration to its winner."""

    def search(config, name=None, runs_dir=None, refinement=None):
        runs_dir = tmp_path_factory.mktemp("runs") if runs_dir is None else runs_dir
        run = begin(config, dataset, runs_dir, name, refinement)
        conduct(run, lambda event: None, config, dataset)
        return run

    return search


@pytest.fixture(scope="session")
def parent(digits, searched):
    """A finished run that many tests look at and none changes."""
    return searched(digits(), "parent")


@pytest.fixture
def killed(tmp_path):
    """Search by the command line, to the end and until the script kills the search."""

    def run(config, check=None):
        """The folders of both runs, the killed one resumed; `check` looks at it before that."""
        (tmp_path / "config.json").write_text(json.dumps(config.as_dict()))
        words = [sys.executable, "-m", "hpsearch"]
        begun = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        searching = [*words, "run", "config.json", "-q", "--name"]
        assert subprocess.run([*searching, "whole"], **begun, check=False).returncode == 0
        process = subprocess.Popen([*searching, "cut"], **begun)
        (tmp_path / "parent.new").write_text(str(process.pid))
        (tmp_path / "parent.new").rename(tmp_path / "parent")
        assert process.wait(timeout=60) == -signal.SIGKILL
        whole, cut = (RunDirectory(tmp_path / "runs" / name) for name in ("whole", "cut"))
        if check is not None:
            check(cut)
        resume = [*words, "resume", "cut", "-q"]
        assert subprocess.run(resume, **begun, check=False).returncode == 0
        return whole, cut

    return run

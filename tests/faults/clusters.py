"""A Dask cluster of real processes on this machine, for tests that kill and suspend them.

The scheduler and each worker lead a session of their own, listen on the loopback address alone,
and end when the process that started them ends, whatever ends that.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

BOOT = """\
import sys
from hpsearch.backends.worker import die_with
die_with({parent})
from distributed.cli.dask_{part} import main
main()
"""
ALONE = ("unshare", "--map-root-user", "--mount", "sh", "-c")  # with mounts of one's own
HIDE = 'mount -t tmpfs none "$0" && exec "$@"'
LONGEST = 120  # seconds after which a process counts as one that does not start
PATIENCE = {  # for everybody in these clusters: who is silent for so long is given up
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2s",  # Dask makes it 5: 10 heartbeats
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "60s",  # no word of a busy machine
}


def can_hide() -> bool:
    """Whether this system lets a process have mounts of its own."""
    try:
        return not subprocess.run([*ALONE, HIDE, "/mnt", "true"], capture_output=True).returncode
    except FileNotFoundError:
        return False


class Member:
    """The scheduler, or a worker with or without a nanny: a process and what it says."""

    def __init__(
        self,
        part: str,
        log: Path,
        environment: dict[str, str],
        *words: str,
        hidden: Path | None = None,
    ):
        """Start it.

        Args:
            part: "scheduler" or "worker".
            log: the file for what it says, in the folder that it starts in.
            environment: its environment.
            words: its options.
            hidden: a folder that is empty where it looks, as on a machine that does not share it.
        """
        self.part, self.log, self.words = part, log, words
        boot = BOOT.format(part=part, parent=os.getpid())
        hide = () if hidden is None else (*ALONE, HIDE, str(hidden))
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*hide, sys.executable, "-c", boot, *words],
                cwd=log.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until it has said something so many times; the last of them."""
        until = time.monotonic() + LONGEST
        while True:
            text = self.log.read_text(errors="replace")
            found = list(re.finditer(pattern, text))
            if len(found) >= times:
                return found[-1]
            assert self.alive, f"{self.part} has ended:\n{text}"
            assert time.monotonic() < until, f"{self.part} does not say {pattern!r}:\n{text}"
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send a signal to it and, if it is a nanny, to its worker."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it at once, as a machine that loses power does, the nanny with its worker."""
        self.signal(signal.SIGKILL)
        self.process.wait()


class Worker(Member):
    """A worker, with what may happen to it."""

    suspended = False

    @property
    def pid(self) -> int | None:
        """The process that runs tasks: the nanny's child, where there is one; None if dead."""
        if "--no-nanny" in self.words:
            return self.process.pid if self.alive else None
        for path in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with suppress(OSError):  # it has just ended
                for child in path.read_text().split():
                    if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
        return None

    def kill_alone(self) -> None:
        """End the worker and not its nanny, which starts another."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)

    def suspend(self) -> None:
        """Let it stand still, as on a machine that sleeps or swaps."""
        self.signal(signal.SIGSTOP)
        self.suspended = True

    def go_on(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)
        self.suspended = False

    def retire(self) -> None:
        """Ask it to leave, as batch systems do at the end of its time."""
        self.process.terminate()


class Cluster:
    """A scheduler and its workers; a context manager that ends them all.

    Attributes:
        workers: every worker that was started, in order.
        environment: what processes that speak to the cluster need in theirs.
    """

    def __init__(self, folder: Path):
        """Start a scheduler, and no worker yet.

        Args:
            folder: for what they write; it is made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._port, self._started = folder, "0", 0
        settings = folder / "dask"  # else a user's own, in ~/.config/dask, would count
        settings.mkdir(exist_ok=True)
        self.environment = {
            **os.environ,
            **PATIENCE,
            "DASK_CONFIG": str(settings),
            "DASK_TEMPORARY_DIRECTORY": str(folder),
        }
        self.workers: list[Worker] = []
        self.scheduler = self._scheduler()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for member in (*self.workers, self.scheduler):
            member.kill()

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return f"tcp://127.0.0.1:{self._port}"

    def add(
        self,
        workers: int = 1,
        threads: int = 1,
        nanny: bool = False,
        hidden: Path | None = None,
        **more: Any,
    ) -> None:
        """Start workers, and wait until the scheduler knows them.

        Args:
            workers: how many.
            threads: of each.
            nanny: whether each has one, which starts it anew when it dies.
            hidden: a folder that they do not see.
            more: other options of `dask worker`, as `resources="GPU=1"`.
        """
        for _ in range(workers):
            name = self._name("worker")
            options = {"name": name, "nthreads": threads, "death-timeout": 20, **more}
            self.workers.append(
                Worker(
                    "worker",
                    self.folder / f"{name}.txt",
                    self.environment,
                    self.address,
                    "--nanny" if nanny else "--no-nanny",
                    "--no-dashboard",
                    *("--host", "127.0.0.1", "--memory-limit", "0"),
                    *("--local-directory", str(self.folder / name)),
                    *(word for key, value in options.items() for word in (f"--{key}", str(value))),
                    hidden=hidden,
                )
            )
        for worker in self.workers[len(self.workers) - workers :]:
            worker.said("Registered to:")

    def resize(self, workers: int) -> None:
        """Add workers of one thread or end some, until so many are alive."""
        alive = [worker for worker in self.workers if worker.alive]
        for worker in alive[workers:]:
            worker.retire()
            worker.process.wait(LONGEST)
        self.add(max(0, workers - len(alive)))

    def restart_scheduler(self) -> None:
        """Start another one at the same address; workers of the old one leave or have left."""
        self.scheduler.kill()
        self.scheduler = self._scheduler()

    def _scheduler(self) -> Member:
        scheduler = Member(
            "scheduler",
            self.folder / f"{self._name('scheduler')}.txt",
            self.environment,
            "--no-dashboard",  # a server it is all the same
            *("--host", "127.0.0.1", "--port", self._port, "--dashboard-address", "127.0.0.1:0"),
        )
        self._port = scheduler.said(r"Scheduler at: +tcp://127\.0\.0\.1:(\d+)")[1]
        return scheduler

    def _name(self, part: str) -> str:
        self._started += 1
        return f"{part}-{self._started}"

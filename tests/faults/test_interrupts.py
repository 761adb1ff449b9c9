"""A search that is told to stop, as a terminal, a shell and a batch system tell it."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest

if not Path("/proc/self/stat").exists():
    pytest.skip("looks for orphans in /proc", allow_module_level=True)

HPSEARCH = "from hpsearch.cli import main; main()"
DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
MARK = "HPSEARCH_TEST_RUN"  # in the environment of a search and of all that it starts
LONG = ("--trials=500", "--set=trainer.epochs=1000", "--set=search.halving=false")

HANGS = """
import ctypes
from hpsearch.trainers.network.trainer import NetworkTrainer

class Hangs(NetworkTrainer):
    def train(self, jobs, states, report=None):
        from pathlib import Path
        Path("hanging").touch()
        {library}(None).sleep(600)

import hpsearch.trainers.network.trainer as trainer
trainer.NetworkTrainer = Hangs
"""


class OnTerminal:
    """`hpsearch` as the job in the foreground of a terminal of its own."""

    def __init__(self, folder, *words, before="", main=HPSEARCH, wrap=()):
        self.folder, self.mark, self.shown = folder, str(folder), b""
        self.main, other = pty.openpty()
        termios.tcsetwinsize(other, (24, 80))
        self.process = subprocess.Popen(
            [*wrap, sys.executable, "-c", before + main, *map(str, words)],
            cwd=folder,
            stdin=other,
            stdout=other,
            stderr=other,
            env={**os.environ, "TERM": "xterm", MARK: self.mark},
            preexec_fn=take_terminal,
        )
        os.close(other)

    def wait_for(self, text, seconds=120):
        """Read on until the terminal has shown a text."""
        until = time.monotonic() + seconds
        while text.encode() not in self.shown:
            assert self.read(until - time.monotonic()), f"ended after showing {self.text}"

    def wait_for_file(self, name, seconds=120):
        until = time.monotonic() + seconds
        while not (self.folder / name).exists():
            assert time.monotonic() < until
            self.read(0.05)

    def read(self, seconds):
        if not select.select([self.main], [], [], max(0.0, seconds))[0]:
            return True
        try:
            part = os.read(self.main, 4096)
        except OSError:  # how Linux says that the other side has closed
            return False
        self.shown += part
        return bool(part)

    @property
    def text(self):
        return self.shown.decode()

    def press_control_c(self):
        os.write(self.main, b"\x03")

    def hang_up(self):
        """Close the terminal, as a closed window or a broken connection does."""
        os.close(self.main)
        self.main = None

    def end(self):
        """Its exit status, once all that it started is gone, too."""
        while self.main is not None and self.read(120):
            pass
        if self.main is not None:
            self.hang_up()
        status = self.process.wait(120)
        assert self.left_over() == []
        return status

    def left_over(self):
        """The processes that the search left behind, or that have yet to end."""
        mark = f"{MARK}={self.mark}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (path / "environ").read_bytes().split(b"\0"):
                    found.append((path / "cmdline").read_bytes())
        return found

    @property
    def run(self):
        return self.folder / "runs" / "cut"

    @property
    def status(self):
        return json.loads((self.run / "run.json").read_text())["status"]


def take_terminal():
    """Become the leader of a session whose terminal is stdin, as a shell does for a job."""
    import fcntl

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(tmp_path):
    """Begins a search on a terminal, and ends what is left of it after the test."""
    begun = []

    def begin(*words, **options):
        begun.append(OnTerminal(tmp_path, *words, **options))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.wait()
        if each.main is not None:
            os.close(each.main)


def searching(terminal, *words, **options):
    """A search on a terminal that has trained something and has far to go."""
    job = terminal("run", DIGITS, "--name=cut", "--jobs=2", *LONG, *words, **options)
    job.wait_for_file("runs/cut/curves.jsonl")
    while not (job.run / "curves.jsonl").stat().st_size:
        assert job.read(0.05)
    return job


QUICK = ("--set=trainer.epochs=20", "--trials=2000")


def is_clean(text):
    return not any(word in text for word in ("Traceback", "Exception", "leaked", "Warning"))


def test_control_c_ends_gently_with_130_and_the_command_to_go_on(terminal):
    job = searching(terminal, *QUICK)
    job.press_control_c()
    assert job.end() == 130
    assert "interrupted; all that finished is on disk. Go on with: hpsearch resume runs/cut" in (
        job.text.replace("\r\n", "\n")
    )
    assert is_clean(job.text)
    assert job.status == "interrupted"
    assert not (job.run / ".data").exists()
    assert not (job.run / ".running").exists()


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)],
    ids=lambda each: each.name,
)
def test_sigterm_and_sighup_are_taken_as_control_c(terminal, number):
    job = searching(terminal, *QUICK)
    job.process.send_signal(number)
    assert job.end() == 130
    assert "Go on with: hpsearch resume runs/cut" in job.text
    assert is_clean(job.text)
    assert job.status == "interrupted"


@pytest.mark.slow
def test_a_terminal_that_is_closed_interrupts_the_search(terminal):
    job = searching(terminal, *QUICK)
    job.hang_up()
    assert job.end() == 130
    assert job.status == "interrupted"


def test_control_c_does_not_wait_for_a_worker_that_hangs_in_c(terminal):
    hangs = HANGS.format(library="ctypes.PyDLL")  # keeps the interpreter's lock
    job = terminal("run", DIGITS, "--name=cut", "--jobs=2", *LONG, before=hangs)
    job.wait_for_file("hanging")
    job.press_control_c()
    assert job.end() == 130
    assert job.status == "interrupted"


@pytest.mark.slow
def test_control_c_stops_training_in_this_process(terminal):
    job = searching(terminal, "--backend=serial", "--set=trainer.epochs=1000", *QUICK[1:],
                    "--set=search.halving=true")  # fmt: skip
    job.press_control_c()
    assert job.end() == 130
    assert is_clean(job.text)
    assert job.status == "interrupted"


def test_control_c_while_data_is_read_leaves_no_run(terminal):
    slow = """
import time, hpsearch.searching.session as session
def load(options):
    open("reading", "w").close()
    time.sleep(600)
session.load = load
"""
    job = terminal("run", DIGITS, "--name=cut", before=slow)
    job.wait_for_file("reading")
    job.press_control_c()
    assert job.end() == 130
    assert "hpsearch: interrupted" in job.text
    assert is_clean(job.text)
    assert not (job.folder / "runs").exists()


def stuck(module, name):
    """A program whose function hangs for ever, and says that it does."""
    return f"""
import time, {module} as module
def hang(*args, **kwargs):
    open("hanging", "w").close()
    time.sleep(600)
module.{name} = hang
"""


SMALL = ("--trials=6", "--set=trainer.epochs=2", "--jobs=2", "--set=search.confirm.share=1")


@pytest.mark.slow
def test_control_c_while_the_winner_is_measured_leaves_only_that_to_resume(terminal):
    before = stuck("hpsearch.searching.winner", "measure")
    job = terminal("run", DIGITS, "--name=cut", *SMALL, before=before)
    job.wait_for_file("hanging")
    job.press_control_c()
    assert job.end() == 130
    assert job.status == "interrupted"
    trained = (job.run / "curves.jsonl").read_bytes()
    again = terminal("resume", "cut")
    assert again.end() == 0
    assert (job.run / "curves.jsonl").read_bytes() == trained
    assert (job.run / "best" / "result.json").exists()


@pytest.mark.slow
def test_control_c_during_confirmation_is_resumed_to_the_same_winner(terminal, tmp_path):
    assert terminal("run", DIGITS, "--name=whole", *SMALL).end() == 0
    before = """
import hpsearch.searching.scheduler as loop
wait = loop.Scheduler.next_answer
def hang(self):
    import time
    if any(self.trials) and all(n in self.ledger.results for n in range(6)):
        open("hanging", "w").close()
        time.sleep(600)
    return wait(self)
loop.Scheduler.next_answer = hang
"""
    job = terminal("run", DIGITS, "--name=cut", *SMALL, before=before)
    job.wait_for_file("hanging")
    job.press_control_c()
    assert job.end() == 130
    assert terminal("resume", "cut").end() == 0
    whole, cut = (
        json.loads((tmp_path / "runs" / name / "best" / "result.json").read_text())
        for name in ("whole", "cut")
    )
    assert cut == whole


def test_the_second_control_c_ends_at_once_and_takes_the_workers_along(terminal):
    """The first is heard while the search cannot end: something holds it up."""
    before = (
        HANGS.format(library="ctypes.CDLL")
        + """
import time
from hpsearch.backends.local import Local
def stay(self, *_):
    open("leaving", "w").close()
    time.sleep(600)
Local.__exit__ = stay
"""
    )
    job = terminal("run", DIGITS, "--name=cut", "--jobs=2", *LONG, before=before)
    job.wait_for_file("hanging")
    job.press_control_c()
    job.wait_for_file("leaving")
    job.press_control_c()
    assert job.end() == 130
    assert "ended at once" in job.text
    assert is_clean(job.text)


@pytest.mark.slow
def test_nohup_keeps_a_search_from_hearing_that_the_terminal_closed(terminal, tmp_path):
    job = terminal("run", DIGITS, "--name=cut", *SMALL, before=stuck_until("go"), wrap=["nohup"])
    job.wait_for_file("hanging")
    job.process.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    assert job.end() == 0
    assert job.status == "finished"


def stuck_until(name):
    """A program that waits for a file before it names a winner."""
    return f"""
import time, hpsearch.searching.session as session
from pathlib import Path
write_winner = session.write_winner
def later(*args):
    Path("hanging").touch()
    while not Path({name!r}).exists():
        time.sleep(0.01)
    write_winner(*args)
session.write_winner = later
"""


@pytest.mark.slow
def test_a_scripts_background_job_does_not_hear_control_c(terminal, tmp_path):
    """A shell without job control has its background jobs ignore it."""
    wrap = ["sh", "-c", 'trap : INT; "$@" & wait; wait', "sh"]
    job = terminal("run", DIGITS, "--name=cut", *SMALL, before=stuck_until("go"), wrap=wrap)
    job.wait_for_file("hanging")
    job.press_control_c()  # ends the shell's first `wait`
    (tmp_path / "go").touch()
    assert job.end() == 0
    assert job.status == "finished"

"""The backend of worker processes, when workers die and hang."""

import os
import select
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.backends import Task, create, local
from hpsearch.backends.slot import Worker

# Defined inside a function, so that they are pickled by value: a worker cannot import this file.


def deeds():
    def work(log):
        with log.open("a") as file:
            file.write("x")
        return "done"

    def fail(log):
        raise ValueError("as asked")

    def leave(log):
        os._exit(3)

    def killed(log):
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(log):
        import ctypes

        ctypes.string_at(0)

    def hang(log):
        import time

        time.sleep(600)

    def hang_in_c(log):
        import ctypes

        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock

    return {
        "work": (work, "ok"),
        "fail": (fail, "error"),
        "leave": (leave, "died"),
        "killed": (killed, "died"),
        "segfault": (segfault, "died"),
        "hang": (hang, "timeout"),
        "hang_in_c": (hang_in_c, "timeout"),
    }


@pytest.fixture(scope="module")
def pair():
    with create("local", jobs=2) as backend:
        yield backend
        assert backend.pending == 0


def ask(backend, function, *args, timeout=None):
    backend.submit(Task("only", function, args, timeout))
    return backend.next()


@pytest.mark.slow
@given(st.lists(st.sampled_from(["work", "work", *deeds()]), max_size=8))
@settings(max_examples=10, deadline=None)
def test_every_task_is_answered_once_and_a_death_costs_only_its_own(pair, tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("calls")
    for key, name in enumerate(names):
        function, kind = deeds()[name]
        # A long limit, too, for those that must not meet it on a slow machine.
        timeout = 0.05 if kind == "timeout" else 300
        pair.submit(Task(key, function, (folder / f"{key}",), timeout))
    given = [pair.next() for _ in names]
    assert pair.pending == 0
    assert Counter(answer.key for answer in given) == Counter(range(len(names)))
    for answer in given:
        assert answer.kind == deeds()[names[answer.key]][1]
        assert answer.start <= answer.end
        if answer.kind == "ok":  # not even trained again: it ran exactly once
            assert (folder / f"{answer.key}").read_text() == "x"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("leave", "WorkerDied: it cost 2 workers; the last left with exit status 3"),
        (
            "killed",
            "WorkerDied: it cost 2 workers; the last was ended by SIGKILL (out of memory?)",
        ),
        ("segfault", "WorkerDied: it cost 2 workers; the last was ended by SIGSEGV"),
    ],
)
def test_the_answer_says_how_the_worker_died(pair, name, error):
    answer = ask(pair, deeds()[name][0], "")
    assert (answer.kind, answer.error, answer.traceback) == ("died", error, None)


def test_the_answer_says_what_the_time_limit_was(pair):
    answer = ask(pair, time.sleep, 600, timeout=0.05)
    assert (answer.kind, answer.error) == ("timeout", "Timeout: not finished within 0.05 s")


def test_a_task_whose_worker_dies_by_chance_succeeds_at_the_second_try(pair, tmp_path):
    def die_once(path):
        if not path.exists():
            path.touch()
            os._exit(1)
        return "second try"

    assert ask(pair, die_once, tmp_path / "tried").value == "second try"


def test_a_time_limit_begins_anew_for_the_second_try_and_for_the_next_task(pair, tmp_path):
    def die_then_hang(path):
        if not path.exists():
            path.touch()
            os._exit(1)
        time.sleep(600)

    assert ask(pair, die_then_hang, tmp_path / "tried", timeout=0.2).kind == "timeout"
    assert ask(pair, abs, -1).kind == "ok"


def test_an_idle_worker_that_was_killed_is_replaced(pair):
    pid = ask(pair, os.getpid).value
    os.kill(pid, signal.SIGKILL)
    answer = ask(pair, os.getpid)
    assert answer.kind == "ok"
    assert answer.value != pid


def test_workers_killed_from_outside_at_any_time_lose_no_task(pair):
    for key in range(400):
        pair.submit(Task(key, os.getpid))
    answered = []
    while pair.pending:
        answered.append(pair.next())
        if len(answered) % 40 == 0 and answered[-1].kind == "ok":
            with suppress(ProcessLookupError):
                os.kill(answered[-1].value, signal.SIGKILL)
    assert Counter(answer.key for answer in answered) == Counter(range(400))
    assert {answer.kind for answer in answered} == {"ok"}


def test_a_worker_that_hangs_up_but_lives_is_lost_and_ended(pair):
    def hang_up():
        os.closerange(3, 64)
        time.sleep(600)

    assert ask(pair, hang_up).kind == "died"


def test_a_death_is_noticed_when_a_child_of_the_worker_keeps_the_pipe_open(pair, monkeypatch):
    def die_with_heir():
        if os.fork() == 0:
            time.sleep(600)
        os._exit(3)

    monkeypatch.setattr(local, "PATIENCE", 0.05)
    assert ask(pair, die_with_heir).kind == "died"


@pytest.mark.parametrize("kind", ["died", "timeout"])
def test_what_a_task_started_ends_with_its_worker(pair, tmp_path, kind):
    def start_another_and_end(path, kind):
        with path.open("w") as pipe:
            subprocess.Popen(["sleep", "600"], stdout=pipe)
        if kind == "died":
            os._exit(3)
        time.sleep(600)

    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    limit = 0.5 if kind == "timeout" else None
    assert ask(pair, start_another_and_end, path, kind, timeout=limit).kind == kind
    assert select.select([read], [], [], 60)[0], "what the task started is still there"
    assert os.read(read, 1) == b""  # nobody is left who could write
    os.close(read)


def test_a_machine_without_room_for_another_process_is_named(monkeypatch):
    def refuse(limits):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with create("local", jobs=1) as backend:
        ask(backend, abs, -1)
        monkeypatch.setattr(Worker, "start", refuse)
        dead = ask(backend, os._exit, 3)
        assert dead.kind == "died"
        assert "none could start in its place" in dead.error
        refused = ask(backend, abs, -1)
        assert refused.kind == "error"
        assert "Resource temporarily unavailable" in refused.error
        monkeypatch.undo()
        assert ask(backend, abs, -1).kind == "ok"


HEAD = """
import ctypes, os, signal, subprocess, sys
from hpsearch.backends import Task, create

def hang():
    os.write(1, b"at work\\n")
    ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock
"""

WAITS = """
try:
    with create("local", jobs=2) as backend:
        backend.submit(Task(0, hang))
        backend.submit(Task(1, hang))
        backend.submit(Task(2, hang))
        backend.next()
except KeyboardInterrupt:
    sys.exit(130)
"""

INTERRUPTS_ITSELF_AT_ONCE = """
try:
    with create("local", jobs=2) as backend:
        backend.submit(Task(0, hang))
        backend.submit(Task(1, hang))
        os.killpg(0, signal.SIGINT)  # as a terminal does, while the workers start up
        backend.next()
except KeyboardInterrupt:
    sys.exit(130)
"""

HAS_NO_MAIN_GUARD = """
class Point:
    x = 1

def make(scale):
    point = Point()
    point.x = scale
    return point

print("top level")
with create("local", jobs=2) as backend:
    backend.submit(Task(0, make, (7,)))
    answer = backend.next()
    print(answer.value.x, isinstance(answer.value, Point))
"""


def at_work(script, workers):
    return [script.stdout.readline() for _ in range(workers)] == ["at work\n"] * workers


def test_ctrl_c_ends_parent_and_workers_without_a_word(start):
    with start(HEAD + WAITS) as script:
        assert at_work(script, 2)
        os.killpg(script.pid, signal.SIGINT)
        assert script.communicate(timeout=60) == ("", "")
    assert script.returncode == 130


def test_ctrl_c_while_workers_start_ends_them_without_a_word(start):
    with start(HEAD + INTERRUPTS_ITSELF_AT_ONCE) as script:
        assert script.communicate(timeout=60) == ("", "")
    assert script.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_is_killed_even_in_c_code(start, number):
    with start(HEAD + WAITS) as script:
        assert at_work(script, 2)
        script.send_signal(number)
        assert script.communicate(timeout=60) == ("", "")
    assert script.returncode == -number


def test_functions_and_classes_of_a_script_without_a_main_guard_travel(start):
    with start(HEAD + HAS_NO_MAIN_GUARD) as script:
        assert script.communicate(timeout=60) == ("top level\n7 True\n", "")
    assert script.returncode == 0

"""The backend of worker processes, when all goes well and when a call goes wrong."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.backends import Task, create


@pytest.fixture(scope="module")
def pair():
    with create("local", jobs=2) as backend:
        yield backend
        assert backend.pending == 0


def ask(backend, function, *args):
    backend.submit(Task("only", function, args))
    return backend.next()


def answers(backend, tasks):
    for task in tasks:
        backend.submit(task)
    return [backend.next() for _ in tasks]


@given(st.lists(st.integers(-3, 3), max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_answers_are_those_of_the_serial_backend(pair, numbers):
    def invert(number):
        return {"inverse": 1 / number}

    def outcome(backend):
        tasks = [Task(key, invert, (number,)) for key, number in enumerate(numbers)]
        given = sorted(answers(backend, tasks), key=lambda answer: answer.key)
        return [(a.key, a.kind, a.value, a.error, a.traceback) for a in given]

    with create("serial", jobs=1) as serial:
        assert outcome(pair) == outcome(serial)


def test_no_more_tasks_than_workers_run_at_once_and_workers_keep_their_names(pair):
    given = answers(pair, [Task(key, time.sleep, (0.001,)) for key in range(40)])
    assert {answer.worker for answer in given} == {"0", "1"}
    for worker in ("0", "1"):
        spans = sorted((a.start, a.end) for a in given if a.worker == worker)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_single_task_starts_a_single_worker():
    with create("local", jobs=8) as backend:
        workers = {ask(backend, abs, -1).worker for _ in range(5)}
    assert workers == {"0"}


def test_large_arguments_and_results_travel_unharmed(pair):
    array = np.arange(3_000_000, dtype=np.float64)
    given = answers(pair, [Task(key, np.negative, (array,)) for key in range(3)])
    assert [np.array_equal(answer.value, -array) for answer in given] == [True] * 3


def test_a_result_that_cannot_be_pickled_is_an_error(pair):
    answer = ask(pair, lambda: threading.Lock())
    assert answer.kind == "error"
    assert "cannot pickle '_thread.lock'" in answer.error


def test_an_argument_that_cannot_be_pickled_is_an_error_and_the_worker_goes_on(pair):
    answer = ask(pair, abs, threading.Lock())
    assert answer.kind == "error"
    assert "cannot pickle '_thread.lock'" in answer.error
    assert ask(pair, abs, -1).value == 1


def test_a_result_that_only_its_worker_understands_is_an_error(pair):
    def open_only_there(pid):
        if os.getpid() != pid:
            raise RuntimeError("not here")

    class Sealed:
        def __reduce__(self):
            return open_only_there, (os.getpid(),)

    answer = ask(pair, lambda: Sealed())
    assert (answer.kind, answer.error) == ("error", "RuntimeError: not here")


def test_an_exception_that_cannot_be_pickled_comes_back_as_text(pair):
    def fail():
        class LocalError(Exception):
            def __init__(self, lock, more):
                super().__init__("with a lock")

        raise LocalError(threading.Lock(), "more")

    answer = ask(pair, fail)
    assert (answer.kind, answer.error) == ("error", "LocalError: with a lock")
    assert "in fail" in answer.traceback


def test_sys_exit_ends_the_call_but_not_the_worker(pair):
    before = ask(pair, os.getpid).value
    assert ask(pair, sys.exit, 3).error == "SystemExit: 3"
    assert ask(pair, os.getpid).value == before


def test_a_worker_leaves_ctrl_c_and_the_terminal_to_its_parent(pair):
    def circumstances():
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return ignored, os.getsid(0) == os.getpid(), sys.stdin.read()

    assert ask(pair, circumstances).value == (True, True, "")


def test_workers_get_their_threads_and_devices_before_any_library_loads():
    def environment():
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
        return tuple(os.environ[name] for name in names)

    with create("local", jobs=3, threads=2, devices=[4, 7]) as backend:
        given = answers(backend, [Task(key, environment) for key in range(3)])
        seen = {answer.value for answer in given}
    assert seen <= {("2", "2", "4"), ("2", "2", "7")}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_beyond_its_memory_a_call_fails_and_the_worker_goes_on():
    with create("local", jobs=1, memory=512 * 2**20) as backend:
        pid = ask(backend, os.getpid).value
        answer = ask(backend, np.ones, 2**30)
        assert answer.kind == "error"
        assert "MemoryError" in answer.error
        assert ask(backend, os.getpid).value == pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux asks processes for a score")
def test_where_memory_runs_out_the_kernel_prefers_to_end_a_worker(pair):
    def score():
        return int(Path("/proc/self/oom_score_adj").read_text())

    assert ask(pair, score).value > score() or score() == 1000


def test_asking_without_waiting_finds_the_answer_once_it_is_there(pair):
    pair.submit(Task("soon", abs, (-1,)))
    found = None
    while found is None:
        with suppress(TimeoutError):
            found = pair.next(timeout=0)
    assert found.value == 1


def test_waiting_for_a_while_loses_nothing(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with create("local", jobs=1) as backend:
        ask(backend, abs, -1)  # now the worker is there, and takes the next task at once
        backend.submit(Task("slow", pipe.read_text))
        with pytest.raises(TimeoutError, match=r"no answer within 0.01 s"):
            backend.next(timeout=0.01)
        assert backend.pending == 1
        pipe.write_text("go")
        assert backend.next(timeout=60).value == "go"


def test_leaving_ends_every_worker():
    with create("local", jobs=2) as backend:
        tasks = [Task(key, lambda: (time.sleep(0.001), os.getpid())) for key in range(20)]
        pids = {answer.value[1] for answer in answers(backend, tasks)}
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_leaves_by_itself_may_clean_up(tmp_path):
    def leave_a_note(path):
        import atexit

        atexit.register(path.write_text, "cleaned up")

    with create("local", jobs=1) as backend:
        ask(backend, leave_a_note, tmp_path / "note")
    assert (tmp_path / "note").read_text() == "cleaned up"


def test_a_task_is_withdrawn_whether_it_waits_or_runs_and_frees_its_worker():
    with create("local", jobs=1) as backend:
        for key, seconds in (("runs", 1000.0), ("waits", 1000.0), ("last", 0.0)):
            backend.submit(Task(key, time.sleep, (seconds,)))
        assert backend.withdraw("waits")
        assert backend.withdraw("runs")
        assert not backend.withdraw("runs")
        assert backend.next().key == "last"
        assert backend.pending == 0

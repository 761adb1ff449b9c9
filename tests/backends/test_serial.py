"""The backend in this process."""

import os
import signal

import pytest
from threadpoolctl import threadpool_info

from hpsearch.backends import Task, create


def test_a_task_runs_in_this_process_and_only_when_asked_for():
    calls = []
    with create("serial", jobs=4) as backend:
        assert backend.jobs == 1
        backend.submit(Task("a", lambda: calls.append(os.getpid())))
        assert calls == []
        answer = backend.next()
    assert calls == [os.getpid()]
    assert (answer.key, answer.kind, answer.worker) == ("a", "ok", "0")


def presses_ctrl_c(then):
    """A task during which the user wants to stop, whatever the task makes of that."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        if then == "raises another":
            raise ValueError("interrupted") from None
        if then == "passes it on":
            raise


@pytest.mark.parametrize("then", ["passes it on", "goes on", "raises another"])
def test_ctrl_c_reaches_the_caller(then):
    before = signal.getsignal(signal.SIGINT)
    with create("serial", jobs=1) as backend:
        backend.submit(Task("a", presses_ctrl_c, (then,)))
        with pytest.raises(KeyboardInterrupt):
            backend.next()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_keyboard_interrupt_of_the_tasks_own_is_its_error():
    def interrupted():
        raise KeyboardInterrupt("a child was stopped")

    with create("serial", jobs=1) as backend:
        backend.submit(Task("a", interrupted))
        backend.submit(Task("b", int))
        answers = [backend.next(), backend.next()]
    assert [answer.kind for answer in answers] == ["error", "ok"]
    assert answers[0].error == "KeyboardInterrupt: a child was stopped"


def test_the_limit_on_threads_ends_with_the_backend():
    before = [pool["num_threads"] for pool in threadpool_info()]
    with create("serial", jobs=1, threads=1):
        pass
    assert [pool["num_threads"] for pool in threadpool_info()] == before

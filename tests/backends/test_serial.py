"""The backend in this process."""

import os

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


def test_keyboard_interrupt_reaches_the_caller():
    def interrupted():
        raise KeyboardInterrupt

    with create("serial", jobs=1) as backend:
        backend.submit(Task("a", interrupted))
        with pytest.raises(KeyboardInterrupt):
            backend.next()


def test_the_limit_on_threads_ends_with_the_backend():
    before = [pool["num_threads"] for pool in threadpool_info()]
    with create("serial", jobs=1, threads=1):
        pass
    assert [pool["num_threads"] for pool in threadpool_info()] == before

"""Backends by name, and what all of them promise."""

import os
import sys

import pytest

from hpsearch.backends import BACKENDS, Task, auto_jobs, create
from hpsearch.errors import HpsearchError

every_backend = pytest.mark.parametrize("name", BACKENDS)


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(HpsearchError, match="'slurm' is no backend; choose one of serial, local"):
        create("slurm", jobs=2)


@every_backend
def test_no_worker_at_all_is_refused(name):
    with pytest.raises(HpsearchError, match="jobs: must be at least 1, found 0"):
        create(name, jobs=0)


def test_a_platform_without_the_local_backend_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(HpsearchError, match="on Windows use serial"):
        create("local", jobs=2)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs CPU affinity")
def test_auto_jobs_is_at_most_the_cores_that_this_process_may_use():
    assert 1 <= auto_jobs() <= len(os.sched_getaffinity(0))


@every_backend
def test_asking_when_nothing_is_pending_is_refused(name):
    with create(name, jobs=1) as backend, pytest.raises(LookupError, match="no task is pending"):
        backend.next()


@every_backend
def test_one_worker_starts_tasks_in_the_order_of_submission(name):
    with create(name, jobs=1) as backend:
        for key in range(5):
            backend.submit(Task(key, abs, (-key,)))
        assert [backend.next().key for _ in range(5)] == [0, 1, 2, 3, 4]


@every_backend
def test_tasks_may_be_submitted_while_others_are_pending(name):
    with create(name, jobs=2) as backend:
        for key in range(3):
            backend.submit(Task(key, abs, (-key,)))
        first = backend.next()
        backend.submit(Task("late", abs, (-9,)))
        assert backend.pending == 3
        rest = {backend.next().key for _ in range(3)}
        assert rest | {first.key} == {0, 1, 2, "late"}
        assert backend.pending == 0


@every_backend
def test_cancel_forgets_what_is_pending_and_the_backend_goes_on(name):
    with create(name, jobs=2) as backend:
        for key in range(5):
            backend.submit(Task(key, abs, (-key,)))
        backend.cancel()
        assert backend.pending == 0
        backend.submit(Task("after", abs, (-1,)))
        assert backend.next().key == "after"


@every_backend
def test_blas_runs_on_as_many_threads_as_asked(name):
    def threads():
        import numpy as np  # noqa: F401
        from threadpoolctl import threadpool_info

        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with create(name, jobs=1, threads=1) as backend:
        backend.submit(Task("threads", threads))
        assert backend.next().value == {1}

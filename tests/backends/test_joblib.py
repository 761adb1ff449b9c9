"""The backend of joblib's engines. Ray and Spark are tested where they are installed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

import hpsearch
from hpsearch.backends import Task, create
from hpsearch.backends.engines import engine_named
from hpsearch.errors import HpsearchError

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
HPSEARCH = (sys.executable, "-c", "from hpsearch.cli import main; main()")

# Functions are defined inside others, so that they are pickled by value: a worker cannot import
# this file.


CLUSTERS = [
    *(["ray"] if find_spec("ray") else []),
    *(["spark"] if find_spec("joblibspark") and shutil.which("java") else []),
]


@pytest.fixture(scope="module", params=["loky", "threading", *CLUSTERS])
def pair(request):
    with create("joblib", 2, engine=request.param) as backend:
        backend.engine = request.param
        yield backend
        assert backend.pending == 0


@pytest.fixture
def processes(pair):
    """Engines whose workers are processes, so that one can die."""
    if pair.engine == "threading":
        pytest.skip("a thread takes all with it")
    return pair


def ask(backend, function, *args, timeout=None):
    backend.submit(Task("only", function, args, timeout))
    return backend.next()


def answers(backend, tasks):
    for task in tasks:
        backend.submit(task)
    return [backend.next() for _ in tasks]


def test_the_answers_are_those_of_the_serial_backend(pair):
    def invert(number):
        return {"inverse": 1 / number}

    def outcome(backend):
        tasks = [Task(key, invert, (number,)) for key, number in enumerate([2, 0, -4, 0, 1, 3])]
        given = sorted(answers(backend, tasks), key=lambda answer: answer.key)
        return [(a.key, a.kind, a.value, a.error, a.traceback, a.losses) for a in given]

    with create("serial", jobs=1) as serial:
        assert outcome(pair) == outcome(serial)


def test_no_more_tasks_than_workers_run_at_once(pair):
    assert pair.jobs == 2
    spans = [
        (a.start, a.end) for a in answers(pair, [Task(i, time.sleep, (0.01,)) for i in range(9)])
    ]
    for start, _ in spans:
        assert sum(begin <= start < end for begin, end in spans) <= 2


def test_a_worker_has_a_number_or_on_a_cluster_the_name_of_its_host(pair):
    names = {answer.worker for answer in answers(pair, [Task(i, abs, (i,)) for i in range(6)])}
    if pair.engine in ("loky", "threading"):
        assert names <= {"0", "1"}
    else:
        assert {name.partition("/")[0] for name in names} == {socket.gethostname()}


def test_workers_of_this_machine_do_one_task_at_a_time():
    with create("joblib", 3) as backend:
        given = answers(backend, [Task(key, time.sleep, (0.001,)) for key in range(40)])
    assert {answer.worker for answer in given} <= {"0", "1", "2"}
    for worker in ("0", "1", "2"):
        spans = sorted((a.start, a.end) for a in given if a.worker == worker)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_of_the_tasks_that_wait_the_longest_goes_first(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with create("joblib", 1) as backend:
        backend.submit(Task("first", pipe.read_text))
        for cost in (1.0, 3.0, 2.0):
            backend.submit(Task(cost, abs, (-cost,), cost=cost))
        pipe.write_text("go")
        assert [backend.next().key for _ in range(4)] == ["first", 3.0, 2.0, 1.0]


def test_waiting_for_a_while_loses_nothing(pair, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pair.submit(Task("slow", pipe.read_text))
    with pytest.raises(TimeoutError, match=r"no answer within 0.01 s"):
        pair.next(timeout=0.01)
    assert pair.pending == 1
    pipe.write_text("go")
    assert pair.next(timeout=60).value == "go"


def test_asking_without_waiting_finds_the_answer_once_it_is_there(pair):
    pair.submit(Task("soon", abs, (-1,)))
    found = None
    while found is None:
        with suppress(TimeoutError):
            found = pair.next(timeout=0)
    assert found.value == 1


def test_what_comes_later_does_not_wait_for_what_is_at_work(pair, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pair.submit(Task("slow", pipe.read_text))
    assert [ask(pair, abs, -i).value for i in range(3)] == [0, 1, 2]
    pipe.write_text("go")
    assert pair.next().key == "slow"


def test_cancel_ends_what_is_at_work_and_the_backend_goes_on(processes):
    for key in range(3):
        processes.submit(Task(key, time.sleep, (600,)))
    processes.cancel()
    assert processes.pending == 0
    assert ask(processes, abs, -1).value == 1


def test_what_cannot_be_pickled_is_an_error_and_the_worker_goes_on(pair):
    for answer in (ask(pair, abs, threading.Lock()), ask(pair, lambda: threading.Lock())):
        assert answer.kind == "error"
        assert "cannot pickle '_thread.lock'" in answer.error
    assert ask(pair, abs, -1).value == 1


def test_sys_exit_ends_the_call_but_not_the_worker(pair):
    assert ask(pair, sys.exit, 3).error == "SystemExit: 3"
    assert ask(pair, abs, -1).value == 1


def test_blas_has_the_threads_of_the_backend(pair):
    def threads():
        import numpy as np  # noqa: F401
        from threadpoolctl import threadpool_info

        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    assert ask(pair, threads).value == {1}


def test_workers_import_what_their_parent_can(pair, tmp_path, monkeypatch):
    (tmp_path / "a_module_of_mine.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    import a_module_of_mine

    assert ask(pair, a_module_of_mine.answer).value == 42


def test_a_task_whose_workers_die_is_to_blame_and_others_have_their_answers(processes):
    def leave():
        os._exit(3)

    processes.submit(Task("dies", leave))
    given = [*answers(processes, [Task(key, abs, (-key,)) for key in range(5)]), processes.next()]
    assert Counter(answer.key for answer in given) == Counter(["dies", *range(5)])
    for answer in given:
        assert answer.kind == ("died" if answer.key == "dies" else "ok")
        if answer.kind == "died":
            assert answer.error.startswith("WorkerDied: it cost 2 workers; the last: ")
            assert (answer.traceback, answer.losses) == (None, ())


def test_a_task_whose_worker_dies_by_chance_succeeds_at_the_second_try(processes, tmp_path):
    def die_once(path):
        if not path.exists():
            path.touch()
            os._exit(1)
        return "second try"

    answer = ask(processes, die_once, tmp_path / "tried")
    assert answer.value == "second try"
    (lost,) = answer.losses
    assert lost.start <= lost.end <= answer.end


@pytest.mark.slow
def test_a_death_that_takes_all_workers_along_is_blamed_on_none_but_the_culprit(tmp_path):
    def innocent(path):
        if path.is_fifo():
            path.open("w")  # until the culprit is at work, too
            time.sleep(600)
        return "done"

    def culprit(paths):
        for path in paths:
            if path.is_fifo():
                path.open()
                path.unlink()
        os._exit(3)

    pipes = [tmp_path / str(number) for number in range(2)]
    for pipe in pipes:
        os.mkfifo(pipe)
    with create("joblib", 3) as backend:
        tasks = [Task("culprit", culprit, (pipes,))]
        tasks += [Task(pipe.name, innocent, (pipe,)) for pipe in pipes]
        given = {answer.key: answer for answer in answers(backend, tasks)}
    assert given["culprit"].kind == "died"
    assert given["culprit"].error.startswith("WorkerDied: it cost 2 workers; the last: ")
    for pipe in pipes:
        assert given[pipe.name].value == "done"
        assert len(given[pipe.name].losses) == 1


def test_workers_killed_from_outside_lose_no_task():
    with create("joblib", 2) as backend:
        for key in range(60):
            backend.submit(Task(key, os.getpid))
        answered = []
        while backend.pending:
            answered.append(backend.next())
            if len(answered) % 20 == 0:
                with suppress(ProcessLookupError):
                    os.kill(answered[-1].value, signal.SIGKILL)
    assert Counter(answer.key for answer in answered) == Counter(range(60))
    assert {answer.kind for answer in answered} == {"ok"}


def test_a_task_past_its_deadline_is_ended_where_that_costs_no_other(processes):
    answer = ask(processes, time.sleep, 600, timeout=0.2)
    assert (answer.kind, answer.error) == ("timeout", "Timeout: not finished within 0.2 s")
    assert ask(processes, abs, -1).kind == "ok"


def test_a_task_past_its_deadline_does_not_end_what_is_at_work_beside_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with create("joblib", 2) as backend:
        backend.submit(Task("good", pipe.read_text))
        backend.submit(Task("hangs", time.sleep, (600,), timeout=0.2))
        assert backend.next().kind == "timeout"
        assert backend.pending == 1
        pipe.write_text("go")
        good = backend.next()
        assert (good.value, good.losses) == ("go", ())
        assert ask(backend, abs, -1).value == 1


def test_a_task_is_withdrawn_where_that_costs_no_other(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with create("joblib", 2) as backend:
        backend.submit(Task("good", pipe.read_text))
        backend.submit(Task("trains", time.sleep, (600,)))
        backend.submit(Task("waits", time.sleep, (600,)))
        assert backend.withdraw("waits")
        assert not backend.withdraw("trains")  # loky would end what is beside it, too
        pipe.write_text("go")
        assert backend.next().key == "good"
        assert backend.withdraw("trains")
        assert not backend.withdraw("trains")
        assert backend.pending == 0
        assert ask(backend, abs, -1).value == 1


def test_leaving_ends_every_worker():
    with create("joblib", 2) as backend:
        tasks = [Task(key, lambda: (time.sleep(0.001), os.getpid())) for key in range(20)]
        pids = {answer.value[1] for answer in answers(backend, tasks)}
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_all_jobs_of_an_engine_are_taken_where_none_are_named():
    import joblib

    with create("joblib", None) as backend:
        assert backend.jobs == joblib.cpu_count()


# --- which engines there are ---


@pytest.mark.parametrize(
    ("engine", "remedy"),
    [("dask", "say backend: dask"), ("multiprocessing", "loky"), ("sequential", "serial")],
)
def test_an_engine_that_loses_tasks_or_has_a_backend_is_refused(engine, remedy):
    with pytest.raises(HpsearchError, match=f"parallel.engine: {engine} .*{remedy}"):
        create("joblib", 2, engine=engine)


def test_an_engine_that_nobody_registered_is_refused_with_those_that_there_are():
    known = "there are loky, ray, spark, threading; register"
    with pytest.raises(HpsearchError, match=f"'htcondor' is no engine .*{known}"):
        engine_named("htcondor")


def test_an_engine_that_is_not_installed_is_named_with_the_command_that_installs_it(monkeypatch):
    from joblib.parallel import BACKENDS

    monkeypatch.delitem(BACKENDS, "spark", raising=False)
    monkeypatch.setitem(sys.modules, "joblibspark", None)
    with pytest.raises(HpsearchError, match=r"spark needs packages .*pip install .*\[spark\]"):
        engine_named("spark")


def test_an_engine_that_the_user_registered_is_served(monkeypatch):
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import BACKENDS

    monkeypatch.setitem(BACKENDS, "mine", LokyBackend)
    with create("joblib", 2, engine="mine") as backend:
        answer = ask(backend, os.getpid)
    assert answer.worker == f"{socket.gethostname()}/{answer.value}"


def test_an_engine_that_does_not_start_is_one_message(monkeypatch):
    from joblib._parallel_backends import LokyBackend
    from joblib.parallel import BACKENDS

    class Broken(LokyBackend):
        def configure(self, *args, **options):
            raise OSError("no route to host")

    monkeypatch.setitem(BACKENDS, "mine", Broken)
    with (
        create("joblib", 2, engine="mine") as backend,
        pytest.raises(HpsearchError, match="mine must start its workers, found OSError: no route"),
    ):
        backend.submit(Task("only", abs, (-1,)))


# --- whole searches ---

SMALL = ("--trials=6", "--set=trainer.epochs=4")


def fates(folder, name):
    """What a run found, without what only the clock decides."""
    run = folder / "runs" / name
    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    for trial in trials:
        del trial["started"], trial["seconds"]
    curves = sorted((run / "curves.jsonl").read_text().splitlines())
    trials.sort(key=lambda trial: trial["number"])
    return trials, curves, (run / "best" / "model.npz").read_bytes()


@pytest.fixture(scope="module")
def local(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    assert command(folder, "run", DIGITS, "--name=run", "--jobs=1", *SMALL).returncode == 0
    return fates(folder, "run")


@pytest.mark.parametrize(
    ("engine", "jobs"),
    [("loky", 1), ("loky", 3), ("threading", 3), *((engine, 2) for engine in CLUSTERS)],
)
def test_trials_are_those_of_the_local_backend(local, command, tmp_path, engine, jobs):
    words = (f"--jobs={jobs}", "--backend=joblib", f"--set=parallel.engine={engine}")
    done = command(tmp_path, "run", DIGITS, "--name=run", *words, *SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"runs/run: 6 trials, {jobs} at a time\n")
    assert fates(tmp_path, "run") == local


OBJECTIVE = {
    "name": "quadratic",
    "trainer": {"kind": "function", "epochs": 4},
    "metric": {"name": "loss", "goal": "minimize"},
    "space": {"x": {"min": 0.0, "max": 1.0}},
    "search": {"trials": 8},
}


@pytest.mark.parametrize("engine", ["loky", *CLUSTERS])
def test_a_function_from_python_is_searched_as_by_the_local_backend(tmp_path, engine):
    best = 0.3

    def train(params, epochs):
        for epoch in range(epochs):
            print("epoch", epoch)
            yield (params["x"] - best) ** 2 + 1 / (1 + epoch)

    def found(run):
        return [(trial.params, trial.value, trial.status) for trial in run.trials]

    config = {**OBJECTIVE, "parallel": {"backend": "joblib", "engine": engine, "jobs": 2}}
    run = hpsearch.search(config, tmp_path, "run", train, progress=False)
    alone = hpsearch.search(OBJECTIVE, tmp_path, "alone", train, jobs=1, progress=False)
    assert found(run) == found(alone)
    assert (tmp_path / "run" / "logs" / "trial-0.txt").read_text().startswith("epoch 0\n")


def test_a_trial_whose_process_dies_has_failed_and_the_search_goes_on(tmp_path):
    def train(params, epochs):
        if params["x"] > 0.5:
            os._exit(3)
        return params["x"]

    config = {**OBJECTIVE, "parallel": {"backend": "joblib", "jobs": 2}}
    run = hpsearch.search(config, tmp_path, "run", train, progress=False)
    fate = {trial.params["x"] > 0.5: str(trial.status) for trial in run.trials}
    assert fate == {True: "failed", False: "completed"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["loky", *(each for each in CLUSTERS if each == "ray")])
def test_control_c_ends_with_130_and_resume_finishes_the_same(command, tmp_path, engine):
    words = ("--trials=16", "--jobs=2", "--set=trainer.epochs=20")
    parallel = f"parallel={{backend: joblib, engine: {engine}}}"
    assert command(tmp_path, "run", DIGITS, "--name=whole", *words).returncode == 0
    process = subprocess.Popen(
        [*HPSEARCH, "run", DIGITS, "--name=cut", f"--set={parallel}", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stderr:
        if "2/16 trials" in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers, too
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "interrupted; all that finished is on disk. Go on with: hpsearch resume runs/cut" in err
    assert "Traceback" not in err
    lines = (tmp_path / "runs" / "cut" / "trials.jsonl").read_text().splitlines()
    assert 2 <= len(lines) < 16
    assert "KeyboardInterrupt" not in "".join(lines)
    assert command(tmp_path, "resume", "cut").returncode == 0
    assert fates(tmp_path, "cut") == fates(tmp_path, "whole")


# --- signals, in a process of their own ---

HEAD = """
import ctypes, os, signal, sys
from hpsearch.backends import Task, create

def hang():
    os.write(1, b"at work\\n")
    ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock

try:
    with create("joblib", jobs=2) as backend:
        backend.submit(Task(0, hang))
        backend.submit(Task(1, hang))
"""

WAITS = """
        backend.next()
except KeyboardInterrupt:
    sys.exit(130)
"""

INTERRUPTS_ITSELF_AT_ONCE = """
        os.killpg(0, signal.SIGINT)  # as a terminal does, while the workers start up
        backend.next()
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9), (signal.SIGTERM, -15)]
)
def test_workers_end_with_their_parent_even_in_c_code(start, number, status):
    with start(HEAD + WAITS) as script:
        assert [script.stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        if number == signal.SIGINT:
            os.killpg(script.pid, number)
        else:
            script.send_signal(number)
        out, err = script.communicate(timeout=60)
    assert (script.returncode, out) == (status, "")
    assert err == "" or number != signal.SIGINT  # loky's own tracker of leaks may complain


def test_control_c_while_workers_start_ends_them_without_a_word(start):
    with start(HEAD + INTERRUPTS_ITSELF_AT_ONCE) as script:
        assert script.communicate(timeout=60) == ("", "")
    assert script.returncode == 130

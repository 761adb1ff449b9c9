"""A search of a function that Python hands over: lambdas and closures too."""

import multiprocessing
import signal
import socket
import threading

import pytest

import hpsearch
from hpsearch.errors import TrainerError

SPACE = {"x": {"min": 0, "max": 1}}
CONFIG = {
    "space": SPACE,
    "trainer": {"epochs": 9},
    "metric": {"name": "loss", "goal": "minimize"},
    "search": {"trials": 12},
}


def closure(best):
    def train(params, epochs):
        value = 1.0
        for _ in range(epochs):
            value = 0.5 * value + (params["x"] - best) ** 2
            yield {"loss": value}

    return train


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_closure_is_searched_with_halving_at_any_number_of_jobs(tmp_path, jobs):
    run = hpsearch.search(CONFIG, tmp_path, "run", closure(0.3), jobs=jobs, progress=False)
    assert run.best.params["x"] == pytest.approx(0.3, abs=0.2)
    assert {trial.epochs for trial in run.trials} >= {1, 9}
    alone = hpsearch.search(CONFIG, tmp_path, "alone", closure(0.3), jobs=1, progress=False)
    assert [(t.params, t.value) for t in run.trials] == [(t.params, t.value) for t in alone.trials]


def test_a_lambda_is_trained_in_full(tmp_path):
    run = hpsearch.search(
        CONFIG, tmp_path, objective=lambda params, epochs: params["x"] / epochs, progress=False
    )
    assert {str(trial.status) for trial in run.trials} == {"completed"}
    child = run.refine(
        trials=4, objective=lambda params, epochs: params["x"] / epochs, progress=False
    )
    assert len(child.trials) == 4
    assert child.best.value <= run.best.value


def test_a_run_that_was_cut_goes_on_with_the_function(tmp_path):
    calls = []

    def train(params, epochs):
        calls.append(params)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
        return params["x"] * epochs

    config = {**CONFIG, "parallel": {"backend": "serial"}}
    with pytest.raises(KeyboardInterrupt):
        hpsearch.search(config, tmp_path, "run", train, progress=False)
    run = hpsearch.load("run", tmp_path)
    assert run.status == "interrupted"
    assert len(run.resume(train, progress=False).trials) == 12
    assert len(calls) == 13


def test_the_report_is_written_and_shows_in_a_notebook(tmp_path):
    run = hpsearch.search(CONFIG, tmp_path, "run", closure(0.3), progress=False)
    report = run.report()
    assert report.path == tmp_path / "run" / "report.html"
    shown = report._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert "<script" not in shown


class Unreadable:
    """Can be copied, but the copy cannot be made."""

    def __reduce__(self):
        return (int, ("no number",))

    def __call__(self, params, epochs):
        return params["x"]


def held(thing):
    def train(params, epochs):
        assert thing is not None
        return params["x"]

    return train


UNCOPYABLE = {
    "a lock": (held(threading.Lock()), r"TypeError: cannot pickle '_thread.lock' object"),
    "a generator": (held(each for each in "abc"), "cannot pickle 'generator'"),
    "what cannot be read again": (Unreadable(), "ValueError: invalid literal for int"),
}


@pytest.mark.parametrize(("objective", "why"), UNCOPYABLE.values(), ids=UNCOPYABLE)
def test_an_objective_that_no_worker_can_have_is_refused_before_any_trial(
    tmp_path, objective, why
):
    with pytest.raises(TrainerError, match=why) as refused:
        hpsearch.search(CONFIG, tmp_path, "run", objective, progress=False)
    assert str(refused.value).endswith("train in this process: parallel.backend: serial")
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()
    serial = {**CONFIG, "parallel": {"backend": "serial"}}
    run = hpsearch.search(serial, tmp_path, "run", objective, progress=False)
    assert len(run.trials) == 12
    with pytest.raises(TrainerError, match=why):
        run.resume(objective, trials=13, overrides={"parallel.backend": "local"}, progress=False)


def test_an_objective_that_holds_a_socket_or_a_pipe_is_refused_before_any_trial(tmp_path):
    """They can be copied, in a way that only one reader and only a child can use."""
    ends = multiprocessing.Pipe()
    with socket.socket() as plug, ends[0] as pipe, ends[1]:
        for thing, kind in ((plug, "socket"), (pipe, "Connection")):
            with pytest.raises(TrainerError, match=f"TypeError: cannot pickle '{kind}' object"):
                hpsearch.search(CONFIG, tmp_path, "run", held(thing), progress=False)
    assert not (tmp_path / "run").exists()

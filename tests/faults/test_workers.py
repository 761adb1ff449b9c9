"""Searches whose workers crash, hang, eat memory or print without end; and a clock that jumps."""

import json
import sys
import time
from dataclasses import replace
from datetime import datetime

import pytest

import hpsearch
from hpsearch.errors import HpsearchError
from hpsearch.report.summary import summarise

AWKWARD = """\
import ctypes, os
import numpy as np

def train(params, epochs):
    for epoch in range(epochs):
        how = params["how"] if epoch == 1 else "fine"
        if how == "segfault":
            ctypes.string_at(0)
        if how == "hangs in C":  # with the interpreter's lock, so that no signal handler runs
            ctypes.PyDLL(None).sleep(1000)
        if how == "eats memory":
            hoard = [np.ones(2**20) for _ in range(2**20)]
        if how == "prints a gigabyte":
            for _ in range(1024):
                os.write(1, b"x" * 2**20)
        yield {"loss": params["x"] / (epoch + 1)}
"""
FATES = {
    "segfault": "WorkerDied: it cost 2 workers; the last was ended by SIGSEGV",
    "hangs in C": "Timeout: not finished within 2 s",
    "eats memory": "MemoryError",
    "prints a gigabyte": None,
    "fine": None,
}
CONFIG = {
    "name": "awkward",
    "trainer": {"kind": "function", "function": "awkward.py:train", "epochs": 3},
    "metric": {"name": "loss"},
}
FINE = {
    **CONFIG,
    "space": {"x": {"min": 1, "max": 2}, "how": {"value": "fine"}},
    "search": {"trials": 9},
}


def fates(run):
    return [replace(trial, started="", seconds=0) for trial in run.trials]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A folder with the function, where runs are made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "awkward.py").write_text(AWKWARD)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_an_awkward_worker_costs_its_own_trial_only(limit_only):
    limit_only(lambda job: job.settings["how"] == "hangs in C")
    config = {
        **CONFIG,
        "space": {"x": {"min": 1, "max": 2}, "how": {"values": list(FATES)}},
        "search": {
            "trials": 15,
            "trial_timeout": 2,
            "start": [{"x": 2, "how": how} for how in FATES],
        },
        "parallel": {"jobs": 2, "memory": "1G"},
    }
    run = hpsearch.search(config, progress=False)
    assert run.status == "finished"
    assert [trial.number for trial in run.trials] == list(range(15))
    for trial, error in zip(run.trials, FATES.values(), strict=False):  # trained in full
        assert trial.status == ("completed" if error is None else "failed"), trial
        assert (trial.error or "").startswith(error or "")
    for trial in run.trials:
        assert trial.status != "failed" or trial.error.startswith(FATES[trial.params["how"]])
        assert trial.status == "failed" or trial.epochs in (1, 3)
    assert FATES[run.best.params["how"]] is None
    logs = [log.stat().st_size for log in (run.path / "logs").iterdir()]
    assert max(logs) <= 10 * 2**20  # of each gigabyte


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_limit_that_leaves_no_memory_to_train_in_costs_no_trial():
    config = {**FINE, "parallel": {"jobs": 2, "memory": "64M"}}
    with pytest.raises(HpsearchError, match=r"parallel\.memory: must leave .* found 64M in all"):
        hpsearch.search(config, name="it", progress=False)
    run = hpsearch.load("it")
    assert (run.status, run.trials) == ("failed", [])
    run.resume(overrides={"parallel.memory": "1G"}, progress=False)
    assert {trial.status for trial in run.trials} <= {"completed", "stopped"}


def test_a_clock_that_jumps_back_changes_nothing_but_times(monkeypatch):
    config = {**FINE, "parallel": {"backend": "serial"}}
    steady = hpsearch.search(config, name="steady", progress=False)
    calls, now = [], time.time

    def jumping():
        """An hour back at every seventh call."""
        calls.append(None)
        return now() - 3600 * (len(calls) // 7)

    monkeypatch.setattr("time.time", jumping)
    jumped = hpsearch.search(config, name="jumped", progress=False)
    assert len(calls) > 14
    assert fates(jumped) == fates(steady)
    assert all(trial.seconds >= 0 for trial in jumped.trials)
    assert all(datetime.fromisoformat(trial.started) for trial in jumped.trials)
    assert jumped.report().path.stat().st_size > 1000
    json.dumps(summarise(jumped.directory).as_json(), allow_nan=False)

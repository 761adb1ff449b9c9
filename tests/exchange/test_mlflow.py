"""A run as an experiment of MLflow, read back by its client."""

import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from hpsearch.errors import ExchangeError
from hpsearch.exchange.formats import export_run
from hpsearch.exchange.mlflow import allowed_names
from hpsearch.trial import Status

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own, of what it imports


@pytest.fixture
def client(library):
    """MLflow's client of a store."""
    mlflow = library("mlflow")
    return lambda uri: mlflow.MlflowClient(tracking_uri=uri)


@pytest.fixture
def runs(client):
    """The runs of an experiment, by trial."""

    def read(uri, name="made"):
        found = client(uri)
        experiment = found.get_experiment_by_name(name)
        listed = found.search_runs([experiment.experiment_id], max_results=1000)
        return sorted(listed, key=lambda run: int(run.data.tags["hpsearch.number"]))

    return read


@pytest.fixture
def url(out):
    """A target in the folder to export to."""
    return f"sqlite:///{out / 'mlflow.db'}"


def test_mlflow_reads_the_trials_back(made, runs, client, url, out):
    assert export_run(made(), "mlflow", url).what.startswith("5 trials of ")
    assert [each.name for each in out.iterdir()] == ["mlflow.db"]
    first, adam, stopped, diverged, failed = runs(url)
    assert [run.info.status for run in (first, stopped, diverged, failed)] == [
        "FINISHED", "KILLED", "FAILED", "FAILED",
    ]  # fmt: skip
    assert first.data.params == {
        "rate": "0.01", "share": "0.5", "layers": "2", "units_0": "8", "units_1": "32",
        "batch": "48", "width": "0.75", "optimizer": "momentum", "momentum": "0.99",
        "shape": "[16]", "batch_norm": "true", "seeds": "3",
    }  # fmt: skip
    assert first.data.metrics == {"loss": 0.5, "other": 1.0, "hpsearch.value": 0.5}
    assert "hpsearch.value" not in diverged.data.metrics
    assert failed.data.tags["hpsearch.error"] == "ValueError: no such layer"
    assert adam.data.tags["hpsearch.winner"] == "true"
    assert adam.info.run_name == "trial 1"
    start = datetime(2026, 1, 2, 3, 4, 1, tzinfo=UTC).timestamp() * 1000
    assert (adam.info.start_time, adam.info.end_time) == (start, start + 1500)
    history = client(url).get_metric_history(first.info.run_id, "loss")
    assert sorted(point.step for point in history) == list(range(1, 10))
    assert len(client(url).get_metric_history(diverged.info.run_id, "loss")) == 3
    tags = client(url).get_experiment_by_name("made").tags
    assert tags["hpsearch.metric"] == "loss"
    assert "hpsearch-" not in first.info.artifact_uri  # not the hidden folder


def test_a_second_run_stands_beside_the_first_and_a_name_is_not_taken_twice(made, runs, url):
    export_run(made(), "mlflow", url)
    with pytest.raises(ExchangeError, match="has an experiment 'made' already"):
        export_run(made("second"), "mlflow", url, name="made")
    export_run(made("third"), "mlflow", url)
    assert len(runs(url)) == len(runs(url, "third")) == 5


def test_hostile_names_and_values_are_tamed(made, runs, url, config, result):
    space = {
        "lr (10^r)": {"min": 0, "max": 1},
        "../up": {"values": ["x" * 9000, "b\n\x1b[31m🦊"]},
        **{f"p{i}": {"min": 0, "max": 1} for i in range(120)},
    }
    params = {"lr (10^r)": 0.5, "../up": "x" * 9000, **{f"p{i}": 0.5 for i in range(120)}}
    run = made(
        config=config | {"space": space},
        trials=[result(0, params=params, status=Status.FAILED, value=None, error="e" * 9000)],
        pieces=[],
        winner=None,
    )
    export_run(run, "mlflow", url)
    (trial,) = runs(url)
    assert len(trial.data.params) == 122
    assert trial.data.params["lr _10_r_"] == "0.5"
    assert set(trial.data.params["___up"]) == {"x"}


def test_a_folder_is_filled_where_mlflow_allows_it(made, runs, out, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    export_run(made(), "mlflow", str(out / "mlruns"))
    values = [run.data.metrics.get("hpsearch.value") for run in runs(str(out / "mlruns"))]
    assert values == [0.5, 0.25, 0.75, None, None]
    assert [each.name for each in out.iterdir()] == ["mlruns"]


def test_a_folder_is_refused_where_mlflow_refuses_it(made, client, out, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(ExchangeError, match=r"keeps experiments in a database.*sqlite:///"):
        export_run(made(), "mlflow", str(out / "mlruns"))
    assert list(out.iterdir()) == []


def test_an_export_that_fails_half_way_leaves_no_file(
    made, client, url, out, monkeypatch, library
):
    def fails(*_, **__):
        raise OSError(28, "the disk is full")

    monkeypatch.setattr(library("mlflow").MlflowClient, "set_terminated", fails)
    with pytest.raises(ExchangeError, match="disk is full"):
        export_run(made(), "mlflow", url)
    assert list(out.iterdir()) == []


KILLED = """
import os, sys
from pathlib import Path
from mlflow import MlflowClient
from hpsearch.exchange.formats import export_run
from hpsearch.store import RunDirectory
MlflowClient.set_terminated = lambda *_, **__: os.kill(os.getpid(), 9)
export_run(RunDirectory(Path(sys.argv[1])), "mlflow", sys.argv[2])
"""


def test_an_export_that_is_killed_half_way_leaves_no_experiment_of_that_name(
    made, client, url, runs, library
):
    export_run(made(), "mlflow", url)
    second = made("second")
    done = subprocess.run([sys.executable, "-c", KILLED, str(second.path), url])
    assert done.returncode == -signal.SIGKILL
    names = [each.name for each in client(url).search_experiments()]
    (left,) = (name for name in names if name.startswith("second"))
    assert left.startswith("second (unfinished ")
    assert len(runs(url)) == 5
    assert export_run(second, "mlflow", url).what == "5 trials of second"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mlflow.db", "for an SQLite database write sqlite:///mlflow.db"),
        ("sqlite://", "must name a file"),
        ("sqlite:///missing/mlflow.db", "must be in a folder that exists"),
        ("nosuch://me:secret@host/db", "^nosuch://host/db: cannot be written to as a store"),
    ],
)
def test_a_target_that_cannot_be_is_told(made, client, target, message):
    with pytest.raises(ExchangeError, match=message) as caught:
        export_run(made(), "mlflow", target)
    assert "secret" not in str(caught.value)


def test_another_programs_database_is_left_alone(made, client, url, out):
    (out / "mlflow.db").write_bytes(b"no database")
    with pytest.raises(ExchangeError, match="cannot be written to as a store of MLflow"):
        export_run(made(), "mlflow", url)
    assert (out / "mlflow.db").read_bytes() == b"no database"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", "_"), ("..", "__"), ("a/b", "a_b"), ("ä", "_"), ("x" * 999, "x" * 250)],
)
def test_a_name_is_one_that_mlflow_takes(name, expected):
    assert allowed_names([name]) == {name: expected}


def test_names_that_would_become_the_same_stay_apart():
    assert sorted(allowed_names(["a/b", "a_b", "a b"]).values()) == ["a b", "a_b", "a_b_"]

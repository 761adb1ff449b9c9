"""Runs of every kind made of lines, and the tools' libraries, whose lack is a failure in CI."""

import importlib
import os
import sys

import pytest

import hpsearch
from hpsearch.config import from_mapping
from hpsearch.searching.planning import rounds_of
from hpsearch.store import create, write_json, write_lines
from hpsearch.trial import Piece, Result, Status

SPACE = {
    "rate": {"scale": "log", "min": 1e-4, "max": 1},
    "share": {"min": 0, "max": 1},
    "layers": {"type": "int", "min": 0, "max": 2},
    "units": {"type": "int", "scale": "log", "min": 8, "max": 64, "per": "layers"},
    "batch": {"type": "int", "min": 16, "max": 64, "step": 16},
    "width": {"min": 0.5, "max": 2, "step": 0.25},
    "optimizer": {"values": ["momentum", "adam"]},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"optimizer": "momentum"}},
    "shape": {"values": [[8, 4], [16]]},
    "batch_norm": {"values": [True, False]},
    "seeds": {"value": 3},
}
CONFIG = {
    "name": "made",
    "trainer": {"kind": "function", "function": "own.py:train", "epochs": 9},
    "metric": {"name": "loss", "goal": "minimize"},
    "space": SPACE,
}
PARAMS = {
    "rate": 0.01, "share": 0.5, "layers": 2, "units": [8, 32], "batch": 48, "width": 0.75,
    "optimizer": "momentum", "momentum": 0.99, "shape": [16], "batch_norm": True, "seeds": 3,
}  # fmt: skip
ADAM = {name: value for name, value in PARAMS.items() if name != "momentum"} | {
    "optimizer": "adam", "layers": 0, "units": [], "batch_norm": False, "shape": [8, 4],
}  # fmt: skip


def a_result(number, status=Status.COMPLETED, value=0.5, epochs=9, params=PARAMS, **changes):
    """A trial's line; what is not said is that of a trial that went well."""
    metrics = {"loss": value, "other": None if value is None else 2 * value}
    line = {
        "number": number, "round": 0, "status": status, "params": params, "epochs": epochs,
        "metrics": metrics if epochs else {}, "value": value, "error": None,
        "started": f"2026-01-02T03:04:{number % 60:02d}.000+00:00", "seconds": 1.5,
    }  # fmt: skip
    return Result(**{**line, **changes})


def a_piece(result, undefined=False):
    """The learning curve of a trial, which comes down to its value and perhaps ends undefined."""
    epochs = range(1, result.epochs + 1)
    losses = [(result.value or 0.5) + (result.epochs - epoch) / 10 for epoch in epochs]
    losses[-1] = None if undefined else losses[-1]
    curve = {
        "epoch": list(epochs),
        "loss": losses,
        "other": [None if loss is None else 2 * loss for loss in losses],
    }
    return Piece(result.number, 0, 0, 0, result.epochs, result.value, curve)


TRIALS = (
    a_result(0),
    a_result(1, value=0.25, params=ADAM),
    a_result(2, Status.STOPPED, value=0.75, epochs=3),
    a_result(3, Status.DIVERGED, value=None, epochs=4),
    a_result(4, Status.FAILED, value=None, epochs=0, error="ValueError: no such layer"),
)
PIECES = (*map(a_piece, TRIALS[:3]), a_piece(TRIALS[3], undefined=True))


@pytest.fixture
def made(tmp_path, run_info):
    """Make a run directory of these trials; one of every status if none are named."""

    def make(
        name="made", trials=TRIALS, pieces=PIECES, winner=1, config=CONFIG, metric=None, **info
    ):
        loaded = from_mapping(config if metric is None else {**config, "metric": metric}, tmp_path)
        known = {
            "name": name, "status": "finished", "created": "2026-01-02T03:04:05+00:00",
            "began": 1767323045.0, "config": loaded.as_dict(), "plan": rounds_of(loaded),
        }  # fmt: skip

        def fill(folder):
            write_lines(folder / "trials.jsonl", trials)
            write_lines(folder / "curves.jsonl", pieces)
            if winner is not None:
                (folder / "best").mkdir()
                best = next(each for each in trials if each.number == winner)
                told = {"number": winner, "params": best.params, "epochs": best.epochs,
                        "metrics": best.metrics, "confirmed": None, "contenders": [],
                        "search": {"metric": "loss", "value": best.value, "optimistic": True},
                        "indistinguishable": [], "test": None}  # fmt: skip
                write_json(folder / "best" / "result.json", told)

        return create(tmp_path / "runs", name, b"", run_info(**known | info), fill=fill)

    return make


@pytest.fixture
def trained(tmp_path):
    """Search a network that is trained at once, on digits if no other data are named."""

    def search(source="digits", name="trained", trainer=None, **data):
        config = {
            "data": {"source": str(source), **data},
            "trainer": {"kind": "network", "epochs": 2, "hidden_layers": 1, "hidden_units": [16]}
            | (trainer or {}),
            "space": {"learning_rate": {"values": [0.02]}},
            "search": {"trials": 1, "confirm": False},
            "parallel": {"backend": "serial"},
        }
        return hpsearch.search(config, tmp_path / "runs", name, progress=False).directory

    return search


@pytest.fixture
def result():
    """A trial's line, made by what is said of it."""
    return a_result


@pytest.fixture
def piece():
    """The learning curve of a trial."""
    return a_piece


@pytest.fixture
def params():
    """A setting of the space in which every kind of parameter is active."""
    return dict(PARAMS)


@pytest.fixture
def config():
    """The configuration of the runs that are made."""
    return dict(CONFIG)


@pytest.fixture
def library():
    """A tool's library by name; where the tools must be tested its lack is no reason to pass."""

    def found(name):
        try:
            return importlib.import_module(name)
        except ImportError:
            unable = pytest.fail if os.environ.get("REQUIRE_TOOLS") else pytest.skip
            unable(f"needs {name}: pip install 'hpsearch[export]' optuna-dashboard")

    return found


@pytest.fixture
def out(tmp_path):
    """A folder to export to."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def blocked(monkeypatch):
    """Make a library as good as not installed."""
    return lambda *names: [monkeypatch.setitem(sys.modules, name, None) for name in names]

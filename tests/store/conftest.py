"""A run directory that is ready for its first trial."""

from dataclasses import replace

import pytest

from hpsearch.store import as_line, create
from hpsearch.trial import Inherited, Piece, Result, Status

RESULT = Result(
    number=0,
    round=0,
    status=Status.COMPLETED,
    params={"learning_rate": 0.1, "hidden_units": [16, 32], "nesterov": True},
    epochs=2,
    metrics={"val_loss": 0.5, "val_accuracy": 0.9},
    value=0.9,
    error=None,
    started="2020-04-02T13:33:34.000+00:00",
    seconds=0.25,
)
PIECE = Piece(0, 0, 0, 0, 2, 0.9, {"epoch": [1, 2], "val_accuracy": [0.8, 0.9]})


@pytest.fixture
def run(tmp_path, run_info):
    return create(tmp_path, "first", b"name: t\n", run_info())


@pytest.fixture(scope="session")
def result():
    """A result with this number, or with other fields changed."""
    return lambda number=0, **changes: replace(RESULT, number=number, **changes)


@pytest.fixture(scope="session")
def piece():
    return lambda number=0, **changes: replace(PIECE, number=number, **changes)


@pytest.fixture(scope="session")
def inherited(result):
    """A parent's trial."""
    more = {"curve": {"epoch": [1, 2], "val_loss": [0.6, None]}, "seed": (0, "trial", 3)}
    return lambda number=0: Inherited(**as_line(result(number)), **more, rules=2)

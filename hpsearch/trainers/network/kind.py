"""Kind `network`: hpsearch's own network, trained in NumPy on prepared arrays.

What trains, writes and opens models is imported by the functions that do so: a report asks a
kind for its hyperparameters and metrics, and shall not wait for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hpsearch.nn.metrics import SHARES
from hpsearch.nn.optimizers import learning_rates
from hpsearch.trainers.kinds import Goal, Kind, ModelFile, Setup, Trained, Workplace
from hpsearch.trainers.network.hyperparameters import (
    HYPERPARAMETERS,
    MEASURED,
    METRICS,
    TIMED,
    complete,
    ignored,
    problems,
)

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.encoding import Encoding
    from hpsearch.store import SafePath
    from hpsearch.trainers.network.model import Model
    from hpsearch.trainers.protocol import Job, Settings, State, Trainer
    from hpsearch.trial import Layer

METRIC_GOALS: Mapping[str, Goal] = {
    **{name: "minimize" if name.endswith("loss") else "maximize" for name in METRICS},
    **dict.fromkeys(MEASURED, "minimize"),
}

MODEL = "model.npz"


def _make(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.trainers.network.trainer import NetworkTrainer

    return NetworkTrainer(str(at.data), at.classes, setup.best, measured_by(setup))


def measured_by(setup: Setup) -> tuple[str, ...]:
    """The metrics of `MEASURED` that trials are compared by."""
    return tuple(name for name in MEASURED if name in setup.measured)


def _health(trainer: Trainer, job: Job, state: State) -> list[Layer]:
    from hpsearch.trainers.network.trainer import NetworkTrainer

    assert isinstance(trainer, NetworkTrainer)
    return trainer.health(job, state)


def _rate(settings: Settings, epoch: int) -> float:
    s: dict[str, Any] = complete(settings)
    return learning_rates(
        s["learning_rate"],
        schedule=s["schedule"],
        decay=s["learning_rate_decay"],
        warmup=s["warmup"],
        epoch=epoch - 1,
        epochs=s["epochs"],
        steps=1,
    )[-1]


def write_network(best: SafePath, trained: Trained) -> Model:
    """Write a trained network, by whichever framework, as an .npz file."""
    from hpsearch.trainers.network.model import save_model, trained_model

    model = trained_model(trained.job.settings, trained.state, trained.dataset)
    save_model(best / MODEL, model)
    return model


def _open(best: SafePath, _setup: Setup) -> tuple[Model, Encoding]:
    from hpsearch.trainers.network.model import open_network

    return open_network(best / MODEL)


def _as_bytes(settings: Settings, state: State, dataset: Dataset) -> bytes:
    from hpsearch.trainers.network.model import as_bytes, trained_model

    return as_bytes(trained_model(settings, state, dataset))


def _snippets(settings: Settings, features: int, classes: int) -> dict[str, list[str]]:
    from hpsearch.trainers.network import frameworks

    shape = {"features": features, "classes": classes}
    return {
        "PyTorch": frameworks.pytorch(settings, **shape),
        "Keras": frameworks.keras(settings, **shape),
    }


NETWORK_FILE = ModelFile(MODEL, write_network, _open, _as_bytes)

KIND = Kind(
    name="network",
    help="`kind: network`, the built-in network, and hyperparameters that every trial shares.",
    make=_make,
    hyperparameters=HYPERPARAMETERS,
    metrics=METRIC_GOALS,
    timed=frozenset(TIMED),
    shares=frozenset(f"val_{name}" for name in SHARES),
    check_settings=problems,
    ignored_settings=ignored,
    health=_health,
    rate=_rate,
    model=NETWORK_FILE,
    snippets=_snippets,
)

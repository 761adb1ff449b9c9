"""A small classification problem as arrays, what is below Keras, and a command that trains."""

import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from hpsearch.trainers.command.trainer import CommandTrainer
from hpsearch.trainers.keras.frameworks import FRAMEWORKS
from hpsearch.trainers.protocol import Job


def _write_arrays(folder, *, rows=(150, 60), features=6, classes=3, seed=0):
    """Gaussian blobs, one a class, written as the trainer wants them for a fold."""
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((classes, features)) * 2
    for part, n in zip(("train", "val"), rows, strict=True):
        y = np.arange(n) % classes
        x = centres[y] + generator.standard_normal((n, features))
        np.save(folder / f"x_{part}.npy", x.astype(np.float32))
        np.save(folder / f"y_{part}.npy", y.astype(np.int64))


@pytest.fixture(scope="session")
def write_arrays():
    return _write_arrays


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blobs")
    _write_arrays(folder / "0")
    return str(folder)


@pytest.fixture(scope="session")
def framework():
    """The framework below Keras that this process tests, the first that is here.

    Keras takes one for good: KERAS_BACKEND=jax tests another, which then has to be here.
    """
    named = os.environ.get("KERAS_BACKEND")
    here = [name for name in FRAMEWORKS if find_spec("keras") and find_spec(name)]
    if named is None and not here:
        pytest.skip("needs Keras and a framework, as the extra [keras] has them")
    return named or here[0]


@pytest.fixture
def script(tmp_path):
    """Write a Python script, and give the command that runs it."""

    def write(text):
        (tmp_path / "script.py").write_text(text)
        return f"{sys.executable} script.py"

    return write


@pytest.fixture
def train(tmp_path):
    """Train a piece of a command, whose parameters are `params`."""

    def run(
        command,
        *,
        until=1,
        epochs=None,
        state=None,
        metric="score",
        options=(),
        report=None,
        **params,
    ):
        run_folder = tmp_path / "run"
        run_folder.mkdir(exist_ok=True)
        trainer = CommandTrainer(command, str(run_folder), metric, str(tmp_path), **dict(options))
        settings = {"epochs": epochs or until, "x": 0.5, **params}
        job = Job(7, settings, (0, "trial", 7), until_epoch=until)
        return trainer.train([job], [state], report)[0]

    return run

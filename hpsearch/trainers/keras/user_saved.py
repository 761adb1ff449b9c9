"""A Keras model of the user's: the function that builds it, and the winner's files."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.data.encoding import Encoding
from hpsearch.errors import RunError, TrainerError
from hpsearch.nn.types import Array
from hpsearch.store.files import write_json
from hpsearch.store.safe_path import MOST, SafePath
from hpsearch.trainers.function.loading import Function, extras_of, load, modules_below
from hpsearch.trainers.keras.framework import check_installed, silenced, start
from hpsearch.trainers.network.model import check_width, standardised

FORMAT = 1
"""Version of the file beside the model; a reader refuses a newer one."""

EXTRAS = ("features", "classes")
"""What the function gets besides the parameters, where it takes an argument of the name."""

SIGNATURE = "build(params), and any of features and classes"


@dataclass(frozen=True)
class ModelSource:
    """What a user's model is made with, by a trainer and by whoever reads it again.

    Attributes:
        target: the function that builds it, as `file.py:name` or `module:name`.
        home: the folder that the function is looked for in.
        backend: the framework below Keras.
        threads: that it may use.
    """

    target: str
    home: str
    backend: str = "tensorflow"
    threads: int = 1


def builder(source: ModelSource) -> tuple[Function, tuple[str, ...]]:
    """Start Keras, load the function that builds the model, and see which of EXTRAS it takes.

    Keras starts first: the user's file imports it, and must find it on the right framework.

    Raises:
        TrainerError: Keras is not installed, or the function cannot be imported or called.
    """
    start(source.backend, source.threads)
    function = load(source.target, source.home)
    return function, extras_of(function, source.target, ({},), EXTRAS, SIGNATURE)


def loaded_extras(source: ModelSource) -> tuple[str, ...]:
    """Which of EXTRAS the function takes, for another process to find out; see `builder`."""
    return builder(source)[1]


def imported_modules(source: ModelSource) -> dict[str, bytes]:
    """The files below its folder that the function imports; see `modules_below`."""
    builder(source)
    return modules_below(source.target, source.home)


@dataclass(frozen=True)
class SavedModel:
    """A model.keras and what belongs to it; plain values, so that a worker may have it.

    Attributes:
        path: of the file, which takes raw rows and gives probabilities.
        encoding: how a file becomes rows.
        source: how the model was made; layers of the user's are defined there.
        trusted: whether the file that `source` names may be run, for these layers. What a run
            directory says is a stranger's word.
    """

    path: SafePath
    encoding: Encoding
    source: ModelSource
    trusted: bool = False

    @property
    def class_names(self) -> Array:
        """(classes,), the labels as text."""
        return np.array([str(name) for name in self.encoding.classes])

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities (rows, classes) of raw, unstandardised rows (rows, features).

        Raises:
            DataError: the rows have another number of features, or a value is not finite.
            RunError: the file cannot be read as a model.
            TrainerError: Keras or the framework is not installed.
        """
        check_width(rows, self.encoding.features)
        X = standardised(rows, self.encoding.mean, self.encoding.scale)
        found = self.path.status()
        stamp = 0 if found is None else found.st_mtime_ns
        model = _loaded(self.path, self.source, self.trusted, stamp)
        with silenced():
            return np.asarray(model.predict(X, verbose=0), np.float64)

    def save(self) -> None:
        """Write what belongs to the model beside it."""
        values = {"format": FORMAT, **vars(self.source), "encoding": self.encoding.to_json()}
        write_json(_beside(self.path), values)


@dataclass(frozen=True)
class AtWorker:
    """A model that predicts in a worker: this process stays without Keras.

    Attributes:
        model: as it was written.
        call: calls a function with arguments in a worker.
    """

    model: SavedModel
    call: Callable[..., Any]

    @property
    def class_names(self) -> Array:
        """(classes,), the labels."""
        return self.model.class_names

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities of raw rows."""
        found: Array = self.call(self.model.probabilities, rows)
        return found


def open_saved(path: SafePath, trusted: bool = False) -> SavedModel:
    """What `SavedModel.save` wrote, given the path of model.keras.

    Raises:
        RunError: the file beside it is missing, damaged or of another version.
    """
    beside = _beside(path)
    try:
        values = json.loads(beside.read_text(MOST))
        if (version := values.pop("format")) != FORMAT:
            raise ValueError(f"format {version}, but this hpsearch reads {FORMAT}")
        encoding = Encoding.from_json(values.pop("encoding"))
        return SavedModel(path, encoding, ModelSource(**values), trusted)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{beside}: must be what hpsearch wrote beside the model, found "
            f"{type(error).__name__}: {error}; restore it"
        ) from error


def _beside(path: SafePath) -> SafePath:
    return path.parent / path.path.with_suffix(".json").name


@lru_cache(maxsize=2)
def _loaded(path: SafePath, source: ModelSource, trusted: bool, _stamp: int) -> Any:
    """The model without its first layer, which standardises, and does so in float32 only."""
    check_installed(source.backend)
    start(source.backend, source.threads)
    import keras

    if trusted:
        # The file may be gone, and mostly is not needed. What it prints is no output of ours.
        with redirect_stdout(sys.stderr), suppress(TrainerError):
            load(source.target, source.home)
    try:
        with path.open() as file, tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
            copy = Path(folder, "model.keras")  # Keras opens by name, and follows links
            with copy.open("xb") as out:
                shutil.copyfileobj(file, out)
            return keras.Sequential(keras.saving.load_model(copy, compile=False).layers[1:])
    except RunError:
        raise
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        trust = "" if trusted else ", and say --trust to have it run (in Python, import it first)"
        raise RunError(
            f"{path}: cannot be read as a Keras model ({message}); restore it. If layers of it "
            f"are defined in {source.target} in {source.home}, restore that{trust}"
        ) from error

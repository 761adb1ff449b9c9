"""A trained network with all it needs to predict, and its file, model.npz."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from hpsearch.data.dataset import Dataset
from hpsearch.data.encoding import Encoding
from hpsearch.errors import DataError, RunError
from hpsearch.messages import counted
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture
from hpsearch.nn.inference import Dense, chunks, fold, log_softmax, logits
from hpsearch.nn.types import Array
from hpsearch.store.safe_path import SafePath
from hpsearch.trainers.network.plan import plan
from hpsearch.trainers.network.state import from_state
from hpsearch.trainers.protocol import Settings, State

FORMAT = 1
"""Version of the file's contents; a reader refuses a newer one."""

_ARRAYS = ("params", "averages", "mean", "scale", "class_names")


@dataclass(frozen=True)
class Model:
    """A trained network.

    Attributes:
        architecture: its shape.
        params: (parameters,) float32, see `architecture.layers`.
        averages: (statistics,) float32, batch norm's test-time means and variances.
        batch_norm_epsilon: added to those variances.
        mean: (features,), subtracted from each raw column.
        scale: (features,), what each column is then divided by.
        class_names: (classes,), the labels as the data had them: text or numbers.
        data: whatever else the caller needs to turn a file into rows, such as feature names
            and encodings; plain JSON values.
    """

    architecture: Architecture
    params: Array
    averages: Array
    batch_norm_epsilon: float
    mean: Array
    scale: Array
    class_names: Array
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dense(self) -> list[Dense]:
        """Its layers with batch norm folded into weights and biases, float32."""
        epsilon = np.full((1, 1, 1), self.batch_norm_epsilon, np.float32)
        averages = self.averages[None] if self.architecture.batch_norm else None
        return fold(self.architecture, self.params[None], averages, epsilon)

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities (rows, classes) of raw, unstandardised rows (rows, features).

        Computed in float64, where neither the order of a sum nor what computes it shows: in
        float32 large logits differ by some 1e-5 from one library, machine or batch to another.
        Works in chunks, so that a large memory-mapped array is never copied whole.

        Raises:
            DataError: the rows have another number of features, or a value is not finite.
        """
        check_width(rows, self.architecture.units[0])
        dense = [Dense(W.astype(np.float64), b.astype(np.float64)) for W, b in self.dense]
        found = np.empty((len(rows), self.architecture.units[-1]))
        for cut in chunks(len(rows), dense):
            X = standardised(rows[cut], self.mean, self.scale, cut.start)
            Z = logits(dense, self.architecture.activation, X.astype(np.float64))[0]
            found[cut] = np.exp(log_softmax(Z))
        return found

    def predict(self, rows: Array) -> Array:
        """The most probable class of each raw row, by name."""
        names: Array = self.class_names[self.probabilities(rows).argmax(axis=1)]
        return names


def check_width(rows: Array, features: int) -> None:
    """Refuse rows that have another number of features than a model was trained on.

    Raises:
        DataError: they have.
    """
    if rows.ndim != 2 or rows.shape[1] != features:
        raise DataError(
            f"rows to predict must have the {counted(features, 'feature')} that the model was "
            f"trained on; found an array of shape {rows.shape}"
        )


def standardised(rows: Array, mean: Array, scale: Array, first: int = 0) -> Array:
    """Raw rows (rows, features) as a model takes them: standardised in float64, then float32.

    Args:
        rows: the rows.
        mean: (features,), subtracted from each column.
        scale: (features,), what each column is then divided by.
        first: the number of the first row, for messages.

    Raises:
        DataError: a value is not finite.
    """
    raw = np.asarray(rows, np.float64)
    with np.errstate(over="ignore"):
        X: Array = ((raw - mean) / scale).astype(np.float32)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise DataError(
            f"row {first + row}, feature {column} (both from 0): must be a finite "
            f"number of a usual size, found {raw[row, column]}; fill or drop it"
        )
    return X


def model_from_state(
    settings: Settings,
    state: State,
    *,
    mean: Array,
    scale: Array,
    class_names: Array,
    data: Mapping[str, Any] | None = None,
) -> Model:
    """The model that a trial's settings and its state after training make.

    Args:
        settings: the trial's hyperparameters.
        state: as `NetworkTrainer.train` returned it, after at least one epoch; where it keeps
            the best one, that is the model.
        mean: (features,), of the training rows' standardisation.
        scale: (features,), likewise.
        class_names: (classes,), in the order of the class indices.
        data: see Model.

    Raises:
        TrainerError: the state belongs to other settings.
    """
    # batch_size does not enter the model, so no number of training rows has to be known
    p = plan(settings, features=len(mean), classes=len(class_names), rows=np.iinfo(np.int64).max)
    params, averages = from_state(state, p.recipe).counting
    return Model(
        p.recipe.architecture,
        params,
        averages,
        p.constants.batch_norm_epsilon,
        np.asarray(mean, np.float64),
        np.asarray(scale, np.float64),
        np.asarray(class_names),
        dict(data or {}),
    )


def trained_model(settings: Settings, state: State, dataset: Dataset) -> Model:
    """A model that predicts from raw rows: weights, averages, standardisation, class names.

    `dataset` is what it was trained on; else see `model_from_state`.
    """
    encoding = dataset.encoding
    return model_from_state(
        settings,
        state,
        mean=encoding.mean,
        scale=encoding.scale,
        class_names=np.array([str(name) for name in encoding.classes]),
        data=encoding.to_json(),
    )


def _as_arrays(model: Model) -> dict[str, Any]:
    """What `load_model` reads, without anything that would need pickle."""
    header = {
        "format": FORMAT,
        "units": list(model.architecture.units),
        "activation": model.architecture.activation,
        "batch_norm": model.architecture.batch_norm,
        "batch_norm_epsilon": model.batch_norm_epsilon,
        "data": dict(model.data),
    }
    arrays = {name: getattr(model, name) for name in _ARRAYS}
    if model.class_names.dtype.hasobject:
        arrays["class_names"] = model.class_names.astype(np.str_)
    arrays["header"] = np.array(json.dumps(header))
    return arrays


def as_bytes(model: Model) -> bytes:
    """A model as `load_model` reads it, for a place that may be no file."""
    file = io.BytesIO()
    np.savez(file, **_as_arrays(model))
    return file.getvalue()


def save_model(path: SafePath, model: Model) -> None:
    """Write a run's model.npz whole: a crash leaves the old file or the new one."""
    arrays = _as_arrays(model)
    path.write(lambda file: np.savez(file, **arrays))


def load_model(path: Path | SafePath) -> Model:
    """Read what `save_model` wrote.

    Args:
        path: in a run directory, or of a file that the user named.

    Raises:
        RunError: the file is missing, damaged, or no model of this version.
    """
    try:
        # opened here, because NumPy leaves a file open whose archive is damaged
        at = SafePath.of(path) if isinstance(path, Path) else path
        with at.open() as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            version = header["format"]
            arrays = {name: file[name] for name in _ARRAYS} if version == FORMAT else {}
        return _model(header, arrays) if arrays else _other_version(path, version)
    except FileNotFoundError:
        raise RunError(f"{path}: no such file; name a model.npz that a run wrote") from None
    except RunError:
        raise
    except Exception as error:  # a damaged archive makes NumPy and zipfile raise almost anything
        raise _damaged(path, error) from error


def open_network(path: Path | SafePath) -> tuple[Model, Encoding]:
    """Read a model, and how it wants its rows.

    Raises:
        RunError: see `load_model`; or what the file says of the rows does not fit the network.
    """
    model = load_model(path)
    try:
        encoding, units = Encoding.from_json(model.data), model.architecture.units
        if (encoding.features, len(encoding.classes)) != (units[0], units[-1]):
            raise ValueError(
                f"{encoding.features} features and {len(encoding.classes)} classes of a network "
                f"with {units[0]} and {units[-1]}"
            )
    except ValueError as error:
        raise _damaged(path, error) from error
    return model, encoding


def _damaged(path: Path | SafePath, error: Exception) -> RunError:
    return RunError(
        f"{path}: damaged, or not a model that hpsearch saved ({type(error).__name__}: {error}); "
        "restore it, or train the trial again with retrain"
    )


def _model(header: dict[str, Any], arrays: dict[str, Array]) -> Model:
    """Put a file's contents together; a ValueError says what does not fit."""
    architecture = Architecture(
        tuple(header["units"]), header["activation"], batch_norm=header["batch_norm"]
    )
    if architecture.activation not in ACTIVATIONS:
        raise ValueError(f"unknown activation {architecture.activation!r}")
    features, classes = architecture.units[0], architecture.units[-1]
    expected = {
        "params": (architecture.parameters,),
        "averages": (architecture.statistics,),
        "mean": (features,),
        "scale": (features,),
        "class_names": (classes,),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, not {shape}")
    return Model(
        architecture,
        batch_norm_epsilon=float(header["batch_norm_epsilon"]),
        data=dict(header["data"]),
        **arrays,
    )


def _other_version(path: Path | SafePath, version: object) -> NoReturn:
    raise RunError(
        f"{path}: a model of format {version}, but this hpsearch reads format {FORMAT}; "
        "use the version that wrote it"
    )

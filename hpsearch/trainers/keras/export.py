"""A trained network as a Keras model of standard layers; importing this imports Keras."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hpsearch.nn.architecture import layers as cut
from hpsearch.nn.architecture import statistics as cut_statistics
from hpsearch.nn.types import Array
from hpsearch.store.safe_path import SafePath
from hpsearch.trainers.keras.layers import activation
from hpsearch.trainers.network.model import Model


def as_keras(model: Model) -> Any:
    """The Keras model: standardisation, the layers with their weights, softmax."""
    shape = model.architecture
    stack: list[Any] = [keras.Input((shape.units[0],)), standardise(model.mean, model.scale)]
    values: list[tuple[Any, list[Any]]] = []
    found = cut_statistics(model.averages[None], shape)
    for index, (layer, units) in enumerate(
        zip(cut(model.params[None], shape), shape.units[1:], strict=True)
    ):
        last, normed = index == len(shape.hidden), layer.gamma is not None
        dense = keras.layers.Dense(
            units, use_bias=not normed, activation="softmax" if last else None
        )
        stack.append(dense)
        if normed:
            norm = keras.layers.BatchNormalization(epsilon=model.batch_norm_epsilon)
            stack.append(norm)
            values.append((dense, [layer.W[0]]))
            arrays = (layer.gamma, layer.shift, *found[index])
            values.append((norm, [array[0, 0] for array in arrays if array is not None]))
        else:
            values.append((dense, [layer.W[0], layer.shift[0, 0]]))
        if not last:
            stack.append(activation(shape.activation))
    built = keras.Sequential(stack)
    for part, arrays_of in values:
        part.set_weights(arrays_of)
    return built


def standardise(mean: Array, scale: Array) -> Any:
    """The layer that standardises raw rows."""
    return keras.layers.Normalization(
        mean=mean.astype(np.float32), variance=np.square(scale).astype(np.float32)
    )


def write(path: SafePath, model: Any) -> None:
    """Write a Keras model whole: a crash leaves the old file or the new one."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        made = Path(folder, "model.keras")  # Keras opens by name, and follows links
        model.save(made)
        with made.open("rb") as file:
            path.write(lambda out: shutil.copyfileobj(file, out))

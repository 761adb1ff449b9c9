"""A user's model, built and looked at before it trains; importing this imports Keras."""

from __future__ import annotations

import copy
from typing import Any

import keras

from hpsearch.errors import TrainerError
from hpsearch.trainers.function.loading import Function

WANTS_ONE_HOT = ("categorical_crossentropy", "binary_crossentropy")
"""Losses that cannot be told a class by its index, as hpsearch does."""


def built(
    target: str, function: Function, params: dict[str, Any], given: dict[str, int], shape: Any
) -> Any:
    """The model that a function builds: compiled, with its weights, and fit for the data.

    Args:
        target: the function's name, for messages.
        function: is called with the parameters.
        params: of the trial, which get a copy.
        given: what the function takes besides, by name.
        shape: (features, classes).

    Raises:
        TrainerError: it is no such model.
        Exception: what the function raised.
    """
    features, classes = shape
    model = function(copy.deepcopy(params), **given)
    if not isinstance(model, keras.Model):
        raise TrainerError(
            f"{target}: must return a compiled keras.Model, found {type(model).__name__}"
        )
    if not model.compiled or model.loss is None:
        found = "one without a loss" if model.compiled else "one that is not compiled"
        raise TrainerError(
            f"{target}: must return a compiled keras.Model, found {found}; call "
            "model.compile(optimizer, loss) before you return it"
        )
    if (loss := _name(model.loss)) in WANTS_ONE_HOT:
        raise TrainerError(
            f"{target}: the loss gets class indices (rows,) and outputs (rows, {classes}), which "
            f"{loss} does not take; compile with sparse_categorical_crossentropy"
        )
    found = _output_shape(target, model, features)
    if found != (None, classes):
        raise TrainerError(
            f"{target}: the model's output must be (rows, {classes}), a number for each class, "
            f"found {_rows(found)}; end it with Dense(classes), where build takes classes by name"
        )
    return model


def check_saves(target: str, model: Any) -> None:
    """Make sure that the model can be written to a .keras file and read again, safely.

    Raises:
        TrainerError: a part of it cannot, such as a Lambda layer.
    """
    try:
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)  # the loss may be anything
        keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        raise TrainerError(
            f"{target}: the model must be one that a .keras file can hold ({message}); give "
            "layers of your own a get_config() and @keras.saving.register_keras_serializable(), "
            "and take one instead of Lambda"
        ) from error


def _output_shape(target: str, model: Any, features: int) -> Any:
    """The shape of what the model makes of rows, which builds it; None if that is no array."""
    try:
        output = model(keras.Input((features,)), training=False)
    except Exception as error:
        message = str(error).strip().partition("\n")[0]
        raise TrainerError(
            f"{target}: the model must take rows of {features} numbers, found "
            f"{type(error).__name__}: {message}"
        ) from error
    shape = getattr(output, "shape", None)
    return None if shape is None else tuple(shape)


def _name(loss: Any) -> str:
    """What Keras calls a loss, given as text, function or object."""
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    return str(name)


def _rows(shape: Any) -> str:
    if shape is None:
        return "several outputs"
    return f"({', '.join(['rows', *map(str, shape[1:])])})"

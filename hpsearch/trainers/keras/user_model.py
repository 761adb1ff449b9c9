"""A user's Keras model: checked, trained, made whole; importing this imports Keras."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from hpsearch import rng
from hpsearch.errors import TrainerError
from hpsearch.nn.metrics import count, of_counts
from hpsearch.nn.types import Array
from hpsearch.trainers.function.loading import Function
from hpsearch.trainers.keras.export import standardise
from hpsearch.trainers.network.arrays import PreparedRows
from hpsearch.trainers.protocol import Job, State

WANTS_ONE_HOT = ("categorical_crossentropy", "binary_crossentropy")
"""Losses that do not take a class by its index, as hpsearch gives it."""

TOLERANCE = 1e-3
"""How far a row's outputs may add up to something else than 1 and still be probabilities."""


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


def weights(model: Any) -> list[Any]:
    """All variables of the layers, those that are not trained and seeds among them."""
    counted = {id(variable) for variable in model.metrics_variables}
    variables = (*model.trainable_variables, *model.non_trainable_variables)
    return [variable for variable in variables if id(variable) not in counted]


def optimizer_variables(model: Any) -> list[Any]:
    """All variables of the optimizer, made if they are not there yet."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return list(model.optimizer.variables)


def values(variables: Sequence[Any], name: str) -> State:
    """The values of variables as named arrays: name_0, name_1, ..."""
    return {f"{name}_{i}": np.array(v) for i, v in enumerate(map(_value, variables))}


def assign(target: str, variables: Sequence[Any], state: State, name: str) -> None:
    """Set variables to what `values` gave.

    Args:
        target: the function that built the model, for messages.
        variables: of the model.
        state: of a training.
        name: what `values` called them.

    Raises:
        TrainerError: the state belongs to another model.
    """
    arrays = [state[key] for i in range(len(state)) if (key := f"{name}_{i}") in state]
    found, expected = ([tuple(each.shape) for each in group] for group in (arrays, variables))
    if found != expected:
        raise TrainerError(
            f"{target}: must build the model that the trial began with, whose {name} had shapes "
            f"{found}, found {expected}; undo the change, or start a new run"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def epoch(
    model: Any,
    train: PreparedRows,
    val: PreparedRows,
    classes: int,
    size: int,
    job: Job,
    number: int,
) -> dict[str, Any]:
    """Fit the model to the mini-batches that the network would train on, and measure it.

    Only whole mini-batches: a framework may compile anew for each other number of rows.

    Args:
        model: is compiled.
        train: the rows to fit.
        val: the rows to measure with.
        classes: of the target.
        size: of a mini-batch, at most the training rows.
        job: says what the training's random numbers are drawn from.
        number: of the epoch, from 0; its random numbers are the same in whatever piece it is.
    """
    whole = len(train.y) // size * size
    order = rng.stream(*job.seed, "shuffle", number).permutation(len(train.y))[:whole]
    drawn = rng.library_seed(*job.seed, "epoch", number, rules=job.rules)
    reseed = keras.callbacks.LambdaCallback(  # a first fit may draw before its epoch begins
        on_epoch_begin=lambda *_: keras.utils.set_random_seed(drawn)
    )
    fitted = model.fit(
        train.X[order],
        train.y[order],
        batch_size=size,
        shuffle=False,
        initial_epoch=number,
        epochs=number + 1,
        callbacks=[reseed],
        verbose=0,
    )
    outputs = predicted(model, val.X, size)
    counts = count(val.y, outputs.argmax(axis=1), classes)
    return {
        **{f"train_{name}": values[-1] for name, values in fitted.history.items()},
        **{f"val_{name}": value for name, value in _measured(model, val.y, outputs).items()},
        **{f"val_{name}": value for name, value in of_counts(counts).items()},
    }


def predicted(model: Any, X: Array, size: int) -> Array:
    """What the model makes of all rows, a whole mini-batch at a time."""
    rows = np.minimum(np.arange(-(-len(X) // size) * size), len(X) - 1)
    outputs: Array = model.predict(X[rows], batch_size=size, verbose=0)
    return outputs[: len(X)]


def _measured(model: Any, y: Array, outputs: Array) -> dict[str, Any]:
    """The loss, regularisation included, and the metrics that the model is compiled with."""
    model.reset_metrics()
    loss = model.compute_loss(y=y, y_pred=outputs, training=False)
    found = dict(model.compute_metrics(None, y, outputs))
    return {**found, "loss": float(loss)}


def _value(variable: Any) -> Array:
    value: Array = keras.ops.convert_to_numpy(variable)
    return value


def whole(model: Any, mean: Array, scale: Array, rows: Array) -> Any:
    """The model between a standardisation and, where it gives logits, a softmax.

    Args:
        model: gives probabilities or logits (rows, classes) of standardised rows.
        mean: (features,), subtracted from each raw column.
        scale: (features,), what each column is then divided by.
        rows: some standardised rows, which show what the model gives.
    """
    stack = [keras.Input((len(mean),)), standardise(mean, scale), model]
    if not are_probabilities(model.predict(rows, verbose=0)):
        stack.append(keras.layers.Softmax())
    model.compiled = False  # the file is to predict with: it needs no loss of the user's
    return keras.Sequential(stack)


def are_probabilities(outputs: Array) -> bool:
    """Whether each row of (rows, classes) is a distribution, as of a softmax."""
    return bool((outputs >= 0).all() and (np.abs(outputs.sum(axis=1) - 1) < TOLERANCE).all())

"""A user's model between epochs and through one; importing this imports Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from hpsearch import rng
from hpsearch.errors import TrainerError
from hpsearch.nn.metrics import accuracy, balanced_accuracy, count, macro_f1
from hpsearch.nn.types import Array
from hpsearch.trainers.network.arrays import Part
from hpsearch.trainers.protocol import Job, State


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
    model: Any, train: Part, val: Part, classes: int, size: int, job: Job, number: int
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
        **{f"train_{name}": told[-1] for name, told in fitted.history.items()},
        **{f"val_{name}": value for name, value in _measured(model, val.y, outputs).items()},
        "val_accuracy": accuracy(counts),
        "val_balanced_accuracy": balanced_accuracy(counts),
        "val_macro_f1": macro_f1(counts),
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
    told = dict(model.compute_metrics(None, y, outputs))
    return {**told, "loss": float(loss)}


def _value(variable: Any) -> Array:
    value: Array = keras.ops.convert_to_numpy(variable)
    return value

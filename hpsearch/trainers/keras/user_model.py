"""A user's Keras model: checked, trained, made whole; importing this imports Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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

SEED = "seed_generator_state"
"""What Keras calls a variable that random numbers are drawn from."""

TOLERANCE = 1e-3
"""How far a row's outputs may add up to something else than 1 and still be probabilities."""


def built(
    target: str, function: Function, params: dict[str, Any], given: dict[str, int], shape: Any
) -> Any:
    """The model that a function builds: compiled, with its weights, and fit for the data.

    Args:
        target: the function's name, for messages.
        function: is called with the parameters.
        params: of the trial, which the function may change.
        given: what the function takes besides, by name.
        shape: (features, classes).

    Raises:
        TrainerError: it is no such model.
        Exception: what the function raised.
    """
    features, classes = shape
    model = function(params, **given)
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


@dataclass(frozen=True)
class Fresh:
    """A model as it is built and not yet trained, to be compared with one of other parameters.

    Attributes:
        paths: Keras's names of the variables of the layers, in the order of `weights`.
        weights: their values.
        rule: the class of the optimizer.
        moments: the names of its variables, without its own.
        optimizer: their values.
    """

    paths: list[str]
    weights: list[Array]
    rule: str
    moments: list[str]
    optimizer: list[Array]

    @classmethod
    def of(cls, model: Any) -> Fresh:
        """What a model is that was just built."""
        variables = weights(model)
        return cls(
            [variable.path for variable in variables],
            list(values(variables, "weights").values()),
            type(model.optimizer).__name__,
            [each.path.partition("/")[2] for each in optimizer_variables(model)],
            list(values(optimizer_variables(model), "optimizer").values()),
        )

    def places(self, seeds: bool) -> list[int]:
        """The places of those variables that are states of random numbers, or of all others."""
        return [i for i, path in enumerate(self.paths) if path.endswith(SEED) == seeds]


def changed(target: str, state: State, old: Fresh, new: Fresh, names: str) -> State:
    """The weights and optimizer of a training under the parameters that it has from now on.

    What is trained stays. A number that is not trained, such as the learning rate, is the new one
    where the parameters make it another. Another optimizer begins anew.

    Args:
        target: the function that built the models, for messages.
        state: of the training under the old parameters.
        old: the model that these build.
        new: the model that the new ones build.
        names: of the parameters that changed, for messages.

    Raises:
        TrainerError: the layers have other shapes.
    """
    places = _places(old, new)
    before, after = (
        [fresh.weights[i].shape for i in fresh.places(seeds=False)] for fresh in (old, new)
    )
    if len(before) != len(after) or any(
        old.weights[place].shape != new.weights[i].shape for i, place in places.items()
    ):
        raise TrainerError(
            f"{target}: a change of {names} must leave the layers their shapes, which were "
            f"{before}, found {after}; start another model: hpsearch babysit"
        )
    rest = {"kept_cost", "epochs"}
    found = {name: array for name, array in state.items() if name in rest}
    for i, array in enumerate(new.weights):
        place = places.get(i)
        is_new = place is None or (array.shape == () and array != old.weights[place])
        found[f"weights_{i}"] = array if is_new else state[f"weights_{place}"]
        if "kept_cost" in state:
            found[f"kept_{i}"] = array if place is None else state[f"kept_{place}"]
    anew = not same_optimizer(old, new)
    for i, array in enumerate(new.optimizer):
        is_new = anew or (array != old.optimizer[i]).any()
        found[f"optimizer_{i}"] = array if is_new else state[f"optimizer_{i}"]
    return found


def same_optimizer(old: Fresh, new: Fresh) -> bool:
    """Whether two models have an optimizer of one class for the same variables."""
    return old.rule == new.rule and old.moments == new.moments


def _places(old: Fresh, new: Fresh) -> dict[int, int]:
    """Where each variable of a new model was in the old one: by its name, or else by order.

    A state of random numbers may be missing, as a Dropout of 0 has none.
    """
    found: dict[int, int] = {}
    for seeds in (False, True):
        before, after = old.places(seeds), new.places(seeds)
        named = {old.paths[i]: i for i in before}
        if len(named) == len(before) and (seeds or {*named} == {new.paths[i] for i in after}):
            found |= {i: named[new.paths[i]] for i in after if new.paths[i] in named}
        else:
            found |= dict(zip(after, before, strict=False))
    return found


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

"""Every hyperparameter of the built-in network, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import DEVIATIONS
from hpsearch.nn.metrics import OF_COUNTS
from hpsearch.nn.optimizers import DECAYING, OPTIMIZERS, SCHEDULES
from hpsearch.trainers.hyperparameter import Hyperparameter
from hpsearch.trainers.protocol import Settings
from hpsearch.trial import Choosable

_SMALLEST = 1e-30  # in float32, 0 would not be far below, and 0/0 ends a training

_OTHER = "start another model: hpsearch babysit"

_SHAPE = f"the weights that are trained have this shape; {_OTHER}"
_FUNCTION = f"the weights are trained for this function; {_OTHER}"
_START = f"it says how the first weights are drawn, and they are trained already; {_OTHER}"
_AVERAGE = f"the statistics so far are averaged in this way; {_OTHER}"
_CURVE = f"all epochs of a training report the same; {_OTHER}"

_TABLE = (
    Hyperparameter("epochs", "int", 30, "passes over the training rows", low=1),
    Hyperparameter(
        "learning_rate",
        "float",
        0.01,
        "alpha: the length of a step",
        low=0,
        low_open=True,
        tier=1,
        search={"scale": "log", "min": 1e-4, "max": 1},
    ),
    Hyperparameter(
        "learning_rate_decay",
        "float",
        0.0,
        "how fast the learning rate falls; what it means depends on schedule",
        low=0,
        tier=3,
        search={"min": 0, "max": 1},
    ),
    Hyperparameter(
        "schedule",
        "choice",
        "inverse_time",
        "the curve along which the learning rate falls",
        choices=tuple(SCHEDULES),
    ),
    Hyperparameter(
        "warmup", "float", 0.0, "epochs over which the learning rate first rises", low=0
    ),
    Hyperparameter(
        "optimizer",
        "choice",
        "adam",
        "how gradients become steps",
        choices=tuple(OPTIMIZERS),
    ),
    Hyperparameter(
        "momentum",
        "float",
        0.9,
        "beta of optimizer momentum: the weight of past gradients",
        low=0,
        high=1,
        high_open=True,
        tier=2,
        search={"scale": "1-10^r", "min": 0.9, "max": 0.999},
    ),
    Hyperparameter(
        "beta1",
        "float",
        0.9,
        "adam, adamw: the weight of past gradients",
        low=0,
        high=1,
        high_open=True,
    ),
    Hyperparameter(
        "beta2",
        "float",
        None,
        "rmsprop, adam, adamw: the weight of past squared gradients; "
        "null is 0.9 for rmsprop, else 0.999",
        low=0,
        high=1,
        high_open=True,
        nullable=True,
    ),
    Hyperparameter(
        "epsilon",
        "float",
        1e-8,
        "rmsprop, adam, adamw: added to the root of the squared gradients",
        low=_SMALLEST,
    ),
    Hyperparameter(
        "batch_size",
        "int",
        64,
        "examples of a mini-batch; at most the training rows are taken",
        low=1,
        tier=2,
        search={"values": [32, 64, 128, 256]},
    ),
    Hyperparameter(
        "hidden_layers",
        "int",
        1,
        "hidden layers; 0 is softmax regression",
        low=0,
        high=100,
        tier=3,
        search={"type": "int", "min": 1, "max": 3},
        constant=_SHAPE,
    ),
    Hyperparameter(
        "hidden_units",
        "int",
        64,
        "units of every hidden layer, or a list with one number a layer",
        low=1,
        listable=True,
        tier=2,
        search={"type": "int", "scale": "log", "min": 16, "max": 128},
        constant=_SHAPE,
    ),
    Hyperparameter(
        "activation",
        "choice",
        "relu",
        "what follows each hidden layer",
        choices=tuple(ACTIVATIONS),
        constant=_FUNCTION,
    ),
    Hyperparameter(
        "batch_norm",
        "bool",
        True,
        "standardise each hidden unit over the mini-batch",
        constant=_SHAPE,
    ),
    Hyperparameter(
        "batch_norm_average",
        "choice",
        "ewma",
        "statistics at test time: ewma weighs recent mini-batches more, "
        "mean is the plain mean over the last epoch",
        choices=("ewma", "mean"),
        constant=_AVERAGE,
    ),
    Hyperparameter(
        "batch_norm_decay",
        "float",
        0.9,
        "the weight of past mini-batches in ewma",
        low=0,
        high=1,
        high_open=True,
    ),
    Hyperparameter(
        "batch_norm_epsilon",
        "float",
        1e-5,
        "added to a mini-batch's variance",
        low=_SMALLEST,
        constant=_FUNCTION,
    ),
    Hyperparameter(
        "l2",
        "float",
        0.0,
        "adds l2 W to the gradient of the weights; for adamw the decoupled weight decay",
        low=0,
        search={"scale": "log", "min": 1e-6, "max": 1e-2},
    ),
    Hyperparameter(
        "dropout",
        "float",
        0.0,
        "the share of hidden units dropped in training",
        low=0,
        high=1,
        high_open=True,
        search={"min": 0, "max": 0.5},
    ),
    Hyperparameter(
        "initializer",
        "choice",
        "he",
        "the deviation of the first weights: he sqrt(2/n), xavier sqrt(2/(n+u)), "
        "n inputs and u units",
        choices=tuple(DEVIATIONS),
        constant=_START,
    ),
    Hyperparameter(
        "class_weight",
        "choice",
        "none",
        "balanced: a class of k among n rows and c classes weighs n/(c k) in the loss",
        choices=("none", "balanced"),
    ),
    Hyperparameter(
        "patience",
        "int",
        None,
        "stop when val_loss has not improved for so many epochs; null never stops",
        low=1,
        nullable=True,
    ),
    Hyperparameter(
        "track_shift",
        "bool",
        False,
        "also report mean_shift and variance_shift: how far the hidden units moved in an epoch",
        constant=_CURVE,
    ),
)

HYPERPARAMETERS: Mapping[str, Hyperparameter] = MappingProxyType({h.name: h for h in _TABLE})
"""By name, in the order in which they are shown."""

METRICS = ("train_loss", "val_loss", *(f"val_{name}" for name in OF_COUNTS))
"""What every epoch reports."""

SHIFT_METRICS = ("mean_shift", "variance_shift")
"""What it reports besides with `track_shift`."""


TIMED = ("predict_us", "epoch_seconds")
"""Microseconds to predict a validation row, all in one pass, and seconds to train an epoch; of
trials that train together, each one's share."""

MEASURED = ("parameters", *TIMED)
"""What it reports besides where trials are compared by it; `parameters` are those trained."""


def complete(settings: Settings) -> dict[str, Choosable]:
    """The settings with every hyperparameter they leave out at its default.

    beta2's default depends on the optimizer: 0.9 for rmsprop, 0.999 otherwise.
    """
    full = {name: settings.get(name, h.default) for name, h in HYPERPARAMETERS.items()}
    if full["beta2"] is None:
        full["beta2"] = 0.9 if full["optimizer"] == "rmsprop" else 0.999
    return full


def problems(settings: Settings) -> list[tuple[str, str]]:
    """What is wrong with settings, as (hyperparameter, problem): each value, then how they fit.

    Unknown names are the caller's to refuse.
    """
    found = [
        (name, problem)
        for name, h in HYPERPARAMETERS.items()
        if name in settings and (problem := h.check(settings[name]))
    ]
    if found:
        return found
    full = complete(settings)
    units, hidden_layers = full["hidden_units"], full["hidden_layers"]
    if isinstance(units, list) and len(units) != hidden_layers:
        found.append(
            (
                "hidden_units",
                f"must have hidden_layers = {hidden_layers} entries, not {len(units)}",
            )
        )
    if full["batch_size"] == 1 and full["batch_norm"] and hidden_layers:
        found.append(
            (
                "batch_size",
                "must be at least 2 with batch norm, because a single example has no variance; "
                "raise it or set batch_norm: false",
            )
        )
    return found


_BATCH_NORM = ("batch_norm_average", "batch_norm_decay", "batch_norm_epsilon")


def ignored(settings: Settings) -> list[tuple[str, str]]:
    """Hyperparameters that are set but change nothing, each with the reason.

    >>> ignored({"optimizer": "adam", "momentum": 0.9})
    [('momentum', 'only optimizer momentum uses it, not adam')]
    """
    full = complete(settings)
    optimizer, schedule = full["optimizer"], full["schedule"]
    idle: dict[str, str] = {}
    if optimizer != "momentum":
        idle["momentum"] = f"only optimizer momentum uses it, not {optimizer}"
    if optimizer not in ("adam", "adamw"):
        idle["beta1"] = f"only optimizers adam and adamw use it, not {optimizer}"
    if optimizer not in ("rmsprop", "adam", "adamw"):
        for name in ("beta2", "epsilon"):
            idle[name] = f"only optimizers rmsprop, adam and adamw use it, not {optimizer}"
    if schedule not in DECAYING:
        idle["learning_rate_decay"] = f"schedule {schedule} does not use it"
    elif full["learning_rate_decay"] == 0:
        idle["schedule"] = "with learning_rate_decay 0 the learning rate stays constant"
    if full["batch_norm_average"] != "ewma":
        idle["batch_norm_decay"] = "batch_norm_average mean forgets nothing within an epoch"
    if full["batch_norm"] is False:
        idle |= dict.fromkeys(_BATCH_NORM, "batch_norm is false")
    if full["hidden_layers"] == 0:
        hidden = (
            "hidden_units",
            "activation",
            "dropout",
            "batch_norm",
            *_BATCH_NORM,
            "track_shift",
        )
        idle |= dict.fromkeys((*hidden, *_BATCH_NORM), "there is no hidden layer")
    return [(name, idle[name]) for name in HYPERPARAMETERS if name in settings and name in idle]

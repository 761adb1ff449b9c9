"""The settings in PyTorch's and Keras's terms, as lines of Python that build the same network.

Comments among the lines say where a framework has no exact equivalent. References:
https://docs.pytorch.org/docs/stable/optim.html, https://keras.io/api/optimizers/
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from hpsearch.messages import counted
from hpsearch.trainers.network.hyperparameters import complete
from hpsearch.trainers.network.plan import plan
from hpsearch.trainers.protocol import Settings

_TORCH_ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {
        "relu": "nn.ReLU()",
        "leaky_relu": "nn.LeakyReLU(0.01)",
        "tanh": "nn.Tanh()",
        "sigmoid": "nn.Sigmoid()",
        "gelu": "nn.GELU(approximate='tanh')",
    }
)

_KERAS_ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {
        "relu": "layers.ReLU()",
        "leaky_relu": "layers.LeakyReLU(negative_slope=0.01)",
        "tanh": "layers.Activation('tanh')",
        "sigmoid": "layers.Activation('sigmoid')",
        "gelu": "layers.Activation(lambda u: keras.activations.gelu(u, approximate=True))",
    }
)

_RATES: Mapping[str, str] = MappingProxyType(
    {
        "inverse_time": "1 / (1 + {decay!r} * epoch)",
        "exponential": "math.exp(-{decay!r} * epoch)",
        "inverse_sqrt": "1 / math.sqrt(1 + {decay!r} * epoch)",
        "staircase": "0.5 ** math.floor({decay!r} * epoch + 1e-9)",
        "cosine": "(1 + math.cos(math.pi * epoch / {epochs})) / 2",
        "constant": "1.0",
    }
)


def pytorch(settings: Settings, *, features: int, classes: int) -> list[str]:
    """Lines that define `model`, `optimizer`, `scheduler` (stepped each epoch) and `loss`."""
    s, units = _read(settings, features, classes)
    lines = ["import math", "from torch import nn, optim", "", "model = nn.Sequential("]
    for n, u in pairwise(units[:-1]):
        lines.append(f"    nn.Linear({n}, {u}, bias={not s['batch_norm']}),")
        if s["batch_norm"]:
            past = s["batch_norm_decay"]
            momentum = repr(_round(1 - past)) if s["batch_norm_average"] == "ewma" else None
            epsilon = s["batch_norm_epsilon"]
            lines.append(f"    nn.BatchNorm1d({u}, eps={epsilon!r}, momentum={momentum}),")
        lines.append(f"    {_TORCH_ACTIVATIONS[s['activation']]},")
        if s["dropout"]:
            lines.append(f"    nn.Dropout({s['dropout']!r}),")
    lines += [f"    nn.Linear({units[-2]}, {units[-1]}),", ")"]
    init = {"he": "kaiming_normal_(w, nonlinearity='relu')", "xavier": "xavier_normal_(w)"}
    lines += [
        "weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]",
        "others = [p for p in model.parameters() if all(p is not w for w in weights)]",
        "for w in weights:",
        f"    nn.init.{init[s['initializer']]}",
        "for layer in model:",
        "    if isinstance(layer, nn.Linear) and layer.bias is not None:",
        "        nn.init.zeros_(layer.bias)",
        f"groups = [{{'params': weights, 'weight_decay': {s['l2']!r}}}, {{'params': others}}]",
        f"optimizer = optim.{_torch_optimizer(s)}",
        f"scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: {_rate(s)})",
        "loss = nn.CrossEntropyLoss()",
        f"# DataLoader(..., batch_size={s['batch_size']}, shuffle=True, drop_last=True), "
        f"{counted(s['epochs'], 'epoch')}",
    ]
    return lines + _notes(s) + _torch_notes(s)


def keras(settings: Settings, *, features: int, classes: int) -> list[str]:
    """Lines that define `model`, compiled, and `schedule`, a callback for `fit`."""
    s, units = _read(settings, features, classes)
    regularizer = (
        f", kernel_regularizer=keras.regularizers.L2({_round(s['l2'] / 2)!r})"
        if s["l2"] and s["optimizer"] != "adamw"
        else ""
    )

    def dense(n: int, u: int, *, bias: bool) -> str:
        deviation = _round((2 / n if s["initializer"] == "he" else 2 / (n + u)) ** 0.5)
        return (
            f"    layers.Dense({u}, use_bias={bias}, "
            f"kernel_initializer=keras.initializers.RandomNormal(stddev={deviation!r})"
            f"{regularizer}),"
        )

    lines = ["import math", "import keras", "from keras import layers", ""]
    lines += ["model = keras.Sequential([", f"    keras.Input(({units[0]},)),"]
    for n, u in pairwise(units[:-1]):
        lines.append(dense(n, u, bias=not s["batch_norm"]))
        if s["batch_norm"]:
            lines.append(
                f"    layers.BatchNormalization(momentum={s['batch_norm_decay']!r}, "
                f"epsilon={s['batch_norm_epsilon']!r}),"
            )
        lines.append(f"    {_KERAS_ACTIVATIONS[s['activation']]},")
        if s["dropout"]:
            lines.append(f"    layers.Dropout({s['dropout']!r}),")
    lines += [
        dense(units[-2], units[-1], bias=True),
        "])",
        f"optimizer = keras.optimizers.{_keras_optimizer(s)}",
    ]
    if s["optimizer"] == "adamw":
        lines.append("optimizer.exclude_from_weight_decay(var_names=['gamma', 'beta', 'bias'])")
    lines += [
        "loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "model.compile(optimizer, loss, metrics=['accuracy'])",
        "first = float(optimizer.learning_rate.numpy())",
        f"schedule = keras.callbacks.LearningRateScheduler(lambda epoch: first * ({_rate(s)}))",
        f"# model.fit(..., batch_size={s['batch_size']}, epochs={s['epochs']}, "
        "callbacks=[schedule])",
    ]
    return lines + _notes(s) + _keras_notes(s)


def _read(settings: Settings, features: int, classes: int) -> tuple[dict[str, Any], list[int]]:
    """The completed settings and the units of every layer; batch_norm false without layers."""
    architecture = plan(
        settings, features=features, classes=classes, rows=2**31
    ).recipe.architecture
    completed: dict[str, Any] = complete(settings)
    completed["batch_norm"] = architecture.batch_norm
    return completed, list(architecture.units)


def _torch_optimizer(s: Mapping[str, Any]) -> str:
    rate, betas = f"lr={_first_rate(s)!r}", f"betas=({s['beta1']!r}, {s['beta2']!r})"
    if s["optimizer"] == "sgd":
        return f"SGD(groups, {rate})"
    if s["optimizer"] == "momentum":
        return f"SGD(groups, {rate}, momentum={s['momentum']!r})"
    if s["optimizer"] == "rmsprop":
        return f"RMSprop(groups, {rate}, alpha={s['beta2']!r}, eps={s['epsilon']!r})"
    if s["optimizer"] == "adam":
        return f"Adam(groups, {rate}, {betas}, eps={s['epsilon']!r})"
    return f"AdamW(groups, {rate}, {betas}, eps={s['epsilon']!r}, weight_decay=0.0)"


def _keras_optimizer(s: Mapping[str, Any]) -> str:
    rate = f"learning_rate={_first_rate(s)!r}"
    betas = f"beta_1={s['beta1']!r}, beta_2={s['beta2']!r}, epsilon={s['epsilon']!r}"
    if s["optimizer"] == "sgd":
        return f"SGD({rate})"
    if s["optimizer"] == "momentum":
        return f"SGD({rate}, momentum={s['momentum']!r})"
    if s["optimizer"] == "rmsprop":
        return f"RMSprop({rate}, rho={s['beta2']!r}, epsilon={_round(s['epsilon'] ** 2)!r})"
    if s["optimizer"] == "adam":
        return f"Adam({rate}, {betas})"
    return f"AdamW({rate}, {betas}, weight_decay={s['l2']!r})"


def _first_rate(s: Mapping[str, Any]) -> float:
    """The learning rate that takes the course's steps in a framework.

    Its v = beta v + (1 - beta) dW is a framework's velocity times (1 - beta).
    """
    rate: float = s["learning_rate"]
    return _round(rate * (1 - s["momentum"])) if s["optimizer"] == "momentum" else rate


def _rate(s: Mapping[str, Any]) -> str:
    """The share of the first learning rate as a Python expression of `epoch`, from 0."""
    falls = s["learning_rate_decay"] or s["schedule"] == "cosine"
    template = _RATES[s["schedule"] if falls else "constant"]
    return template.format(decay=s["learning_rate_decay"], epochs=s["epochs"])


def _notes(s: Mapping[str, Any]) -> list[str]:
    """What neither framework says in a line."""
    notes = []
    if s["warmup"]:
        notes.append(
            f"# Not exact: hpsearch first raises the rate step by step over {s['warmup']!r} "
            "epochs; the schedule here has no warm-up."
        )
    if s["class_weight"] == "balanced":
        notes.append(
            "# Not exact: hpsearch weighs each example by n / (classes * count of its class) and "
            "divides by the batch size; pass the weights and average so."
        )
    if s["batch_norm"] and s["batch_norm_average"] == "mean":
        notes.append("# Not exact: hpsearch averages the statistics over the last epoch alone.")
    return notes


def _torch_notes(s: Mapping[str, Any]) -> list[str]:
    if not s["batch_norm"]:
        return []
    return [
        "# Nearly: PyTorch's running variance divides by m - 1 and starts at 1; "
        "hpsearch's divides by m and corrects the start. Training steps are the same."
    ]


def _keras_notes(s: Mapping[str, Any]) -> list[str]:
    notes = ["# Not exact: fit also trains on the last, smaller batch; hpsearch leaves it out."]
    if s["batch_norm"]:
        notes.append(
            "# Nearly: Keras's moving averages start at 0 and 1; hpsearch's correct the start."
        )
    if s["optimizer"] == "rmsprop":
        notes.append(
            "# Nearly: Keras adds epsilon under the root, hpsearch after (so squared here)."
        )
    if s["optimizer"] in ("adam", "adamw"):
        notes.append("# Nearly: Keras adds epsilon before the bias correction, hpsearch after.")
    if s["optimizer"] == "momentum" and s["schedule"] != "constant" and _rate(s) != "1.0":
        notes.append("# Nearly: when the rate changes, Keras's velocity keeps the old rate.")
    return notes


def _round(value: float) -> float:
    """A computed constant without its rounding error: 0.1, not 0.09999999999999998."""
    return float(f"{value:.12g}")

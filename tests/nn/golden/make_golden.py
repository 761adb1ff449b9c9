"""Golden values from PyTorch 2.13.0 in float64, on one processor: golden.json beside this file.

    pip install torch==2.13.0 numpy jaxtyping
    PYTHONPATH=. python tests/nn/golden/make_golden.py

Batch norm and the optimizers are called directly. The trajectories run the very lines that
`hpsearch.trainers.network.frameworks.pytorch` writes for a setting, on the mini-batches of
hpsearch's shuffle, so they hold the translation to account as well.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn, optim

from hpsearch import rng
from hpsearch.trainers.network.frameworks import pytorch

SEED = ("golden", 7)
ROWS, FEATURES, CLASSES = 22, 5, 3
SETTINGS = [
    {"optimizer": "adam", "hidden_layers": 2, "hidden_units": [6, 4], "learning_rate": 0.05},
    {"optimizer": "rmsprop", "hidden_units": 6, "activation": "tanh", "learning_rate_decay": 0.5},
    {
        "optimizer": "momentum",
        "hidden_units": 6,
        "activation": "gelu",
        "learning_rate": 0.3,
        "l2": 0.01,
        "schedule": "exponential",
        "learning_rate_decay": 0.2,
    },
    {
        "optimizer": "adamw",
        "hidden_layers": 2,
        "hidden_units": 5,
        "batch_norm": False,
        "activation": "leaky_relu",
        "l2": 0.1,
        "schedule": "cosine",
    },
    {
        "optimizer": "sgd",
        "hidden_units": 6,
        "activation": "sigmoid",
        "initializer": "xavier",
        "learning_rate": 0.5,
        "schedule": "staircase",
        "learning_rate_decay": 0.5,
    },
    {"optimizer": "adam", "hidden_layers": 0, "l2": 0.02, "schedule": "inverse_sqrt"},
]
EPOCHS, BATCH_SIZE = 3, 5


def numbers(tensor: torch.Tensor) -> list:
    return tensor.detach().numpy().tolist()


def batch_norm() -> dict:
    """Forward and backward in training mode, with random weights on the output."""
    Z = torch.randn(7, 4, requires_grad=True)
    layer = nn.BatchNorm1d(4, eps=1e-3)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    R = torch.randn(7, 4)
    out = layer(Z)
    (out * R).sum().backward()
    found = {"Z": Z, "gamma": layer.weight, "beta": layer.bias, "R": R, "out": out}
    found |= {"dZ": Z.grad, "d_gamma": layer.weight.grad, "d_beta": layer.bias.grad}
    return {name: numbers(value) for name, value in found.items()}


def updates() -> dict:
    """Each optimizer's parameters after every step of the same gradients."""
    start, gradients = torch.randn(6), torch.randn(5, 6)
    made = {
        "sgd": lambda W: optim.SGD(W, lr=0.1),
        "momentum": lambda W: optim.SGD(W, lr=0.1 * (1 - 0.8), momentum=0.8),
        "rmsprop": lambda W: optim.RMSprop(W, lr=0.1, alpha=0.8, eps=1e-3),
        "adam": lambda W: optim.Adam(W, lr=0.1, betas=(0.8, 0.95), eps=1e-3),
        "adamw": lambda W: optim.AdamW(W, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.2),
    }
    steps = {}
    for name, make in made.items():
        W = nn.Parameter(start.clone())
        optimizer = make([W])
        steps[name] = []
        for gradient in gradients:
            W.grad = gradient.clone()
            optimizer.step()
            steps[name].append(numbers(W))
    return {"start": numbers(start), "gradients": numbers(gradients), "steps": steps}


def flat(model: nn.Sequential) -> list[float]:
    """The parameters in hpsearch's order: all weight matrices, then gamma and shift by layer."""
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    parts = [layer.weight.T for layer in linear]
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            parts += [layer.weight, layer.bias]
        elif isinstance(layer, nn.Linear) and layer.bias is not None:
            parts.append(layer.bias)
    return [number for part in parts for number in part.detach().numpy().ravel().tolist()]


def trajectory(settings: dict, X: torch.Tensor, y: torch.Tensor) -> dict:
    """A whole training: the mean loss of each epoch and the parameters at the end."""
    settings = {**settings, "epochs": EPOCHS, "batch_size": BATCH_SIZE}
    names: dict = {}
    exec("\n".join(pytorch(settings, features=FEATURES, classes=CLASSES)), names)
    model, start, losses = names["model"], flat(names["model"]), []
    for epoch in range(EPOCHS):
        order = rng.stream(*SEED, "shuffle", epoch).permutation(ROWS)
        total = []
        for k in range(ROWS // BATCH_SIZE):
            rows = order[k * BATCH_SIZE : (k + 1) * BATCH_SIZE]
            names["optimizer"].zero_grad()
            loss = names["loss"](model(X[rows]), y[rows])
            loss.backward()
            names["optimizer"].step()
            total.append(loss.item())
        losses.append(float(np.mean(total)))
        names["scheduler"].step()
    return {"settings": settings, "start": start, "losses": losses, "end": flat(model)}


def main() -> None:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    X, y = torch.randn(ROWS, FEATURES), torch.randint(0, CLASSES, (ROWS,))
    golden = {
        "torch": torch.__version__,
        "batch_norm": batch_norm(),
        "updates": updates(),
        "data": {"X": numbers(X), "y": numbers(y), "seed": SEED},
        "trajectories": [trajectory(settings, X, y) for settings in SETTINGS],
    }
    text = json.dumps(golden, indent=None, separators=(",", ":"))
    (Path(__file__).parent / "golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

"""How each layer of a network trains: the next step of training, looked at and not taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hpsearch import rng
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Layer, layers, statistics
from hpsearch.nn.inference import fold
from hpsearch.nn.optimizers import OPTIMIZERS, Buffers, coefficients
from hpsearch.nn.propagation import Propagation
from hpsearch.nn.training import Constants, Recipe, Seed, Snapshot
from hpsearch.nn.types import Array

ROWS = 1_000
"""A unit is dead if it is 0 on this many of the training rows, the first ones."""


class Health(NamedTuple):
    """One number for each layer from the input on, (layers,) float64.

    `update / weight` is what a practitioner looks at first; about 1e-3 is usual.
    """

    weight: Array  # norm of W
    gradient: Array  # norm of dW, the gradient of the loss on a mini-batch, without l2
    update: Array  # norm of the step that the optimizer would take on W
    dead: Array  # share of the units that are 0 on each of ROWS rows; NaN where none can be
    shift: Array  # from a mini-batch's means to those at test time; NaN without batch norm


def health(
    recipe: Recipe,
    constants: Constants,
    network: Snapshot,
    X: Array,
    y: Array,
    *,
    seed: Seed,
    epoch: int,
    rate: float,
    class_weights: Array | None = None,
) -> Health:
    """Look at the step that `Stack.epoch` would take first; nothing that is given changes.

    Args:
        recipe: of the trial.
        constants: likewise.
        network: the trial between two epochs.
        X: (rows, features), all training rows.
        y: (rows,), class indices.
        seed: of the trial.
        epoch: the number of the next epoch, from 0.
        rate: the learning rate of the step.
        class_weights: (classes,), weights in the loss; None for equal ones.
    """
    shape, update = recipe.architecture, constants.update
    optimizer, params = OPTIMIZERS[recipe.optimizer], network.params[None]
    epsilon = np.full((1, 1, 1), constants.batch_norm_epsilon, params.dtype)
    drops = np.full((1, 1, 1), constants.dropout, params.dtype) if recipe.dropout else None
    step = Propagation(
        shape,
        params,
        recipe.batch_size,
        epsilon=epsilon,
        dropout_rates=drops,
        class_weights=class_weights,
    )
    rows = rng.stream(*seed, "shuffle", epoch).permutation(len(y))[: recipe.batch_size]
    step.X[0], step.labels[0] = X[rows], y[rows]
    if recipe.dropout:
        step.drop([rng.stream(*seed, "dropout", epoch)])
    with np.errstate(all="ignore"):
        step.forward()
        step.backward()
        gradient = _norms(layers(step.gradients, shape))
        sums = network.moment_weights[None].copy()
        (c,) = coefficients(optimizer, [update], np.array([[rate]]), sums, params.dtype)
        W, dW = params[:, : shape.weights], step.gradients[:, : shape.weights]
        taken = np.zeros_like(params)  # an update subtracts from it: the step itself is left
        if recipe.l2 and optimizer.decoupled:
            taken[:, : shape.weights] = W * (c.shrink - 1)
        elif recipe.l2:
            dW += W * params.dtype.type(update.l2)
        moments = tuple(moment[None].copy() for moment in network.moments)
        optimizer.update(Buffers(taken, step.gradients, moments, np.empty_like(params)), c)
        return Health(
            _norms(layers(params, shape)),
            gradient,
            _norms(layers(taken, shape)),
            _dead(recipe, network, epsilon, X[:ROWS]),
            _shift(recipe, network, constants.batch_norm_epsilon, step.batch_statistics),
        )


def _norms(found: list[Layer]) -> Array:
    return np.array([np.linalg.norm(layer.W.astype(np.float64)) for layer in found])


def _dead(recipe: Recipe, network: Snapshot, epsilon: Array, X: Array) -> Array:
    """The share of dead units at test time, (layers,)."""
    shape = recipe.architecture
    activation = ACTIVATIONS[shape.activation]
    shares = np.full(len(shape.units) - 1, np.nan)
    if not activation.dies or (shape.batch_norm and not network.statistics_weight):
        return shares
    averages = network.averages[None] if shape.batch_norm else None
    A = X
    for index, (W, b) in enumerate(fold(shape, network.params[None], averages, epsilon)[:-1]):
        A = np.matmul(A, W)
        A += b
        activation.forward(A, A, np.empty_like(A))
        shares[index] = 1 - A.any(axis=1).mean()
    return shares


def _shift(recipe: Recipe, network: Snapshot, epsilon: float, batch: Array) -> Array:
    """How far a mini-batch's means are from the averages, in their deviations, (layers,)."""
    shape = recipe.architecture
    shifts = np.full(len(shape.units) - 1, np.nan)
    if not shape.batch_norm or not network.statistics_weight:
        return shifts
    averages = statistics(network.averages[None], shape)
    for index, (seen, used) in enumerate(zip(statistics(batch, shape), averages, strict=True)):
        deviation = np.sqrt(used.variance + epsilon)
        shifts[index] = (np.abs(seen.mean - used.mean) / deviation).mean()
    return shifts

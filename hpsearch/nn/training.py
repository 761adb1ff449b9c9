"""Epochs of mini-batches for a stack of networks: the training loop of the lecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from hpsearch import rng
from hpsearch.nn import batch_norm, optimizers
from hpsearch.nn.architecture import Architecture
from hpsearch.nn.initializers import initialize
from hpsearch.nn.optimizers import OPTIMIZERS, Buffers, Coefficients, Scalars
from hpsearch.nn.propagation import Propagation
from hpsearch.nn.types import Array, Flat, FlatStatistics

Seed = tuple[int | str, ...]
"""A trial's identity, from which all its random numbers derive."""


@dataclass(frozen=True)
class Recipe:
    """What trials must share to train as one stack."""

    architecture: Architecture
    optimizer: str
    batch_size: int
    average: str = "ewma"  # of batch norm's statistics: ewma, or mean over the last epoch
    l2: bool = False  # whether weights are regularised at all
    dropout: bool = False  # whether units are dropped at all


@dataclass(frozen=True)
class Constants:
    """What each trial of a stack has for itself; every number is a plain float."""

    update: Scalars = field(default_factory=Scalars)
    dropout: float = 0.0
    batch_norm_decay: float = 0.9
    batch_norm_epsilon: float = 1e-5


@dataclass(frozen=True)
class Snapshot:
    """One trial between two epochs: all that its training needs to go on, bit for bit."""

    params: Array  # (parameters,)
    moments: Array  # (optimizer's moments, parameters)
    moment_weights: Array  # (2,) float64, see optimizers.coefficients
    statistics: Array  # (statistics,) weighted sums of batch norm's means and variances
    statistics_weight: float  # what to divide them by

    @property
    def averages(self) -> Array:
        """Batch norm's mean and variance of each hidden unit at test time, after an epoch."""
        weight = self.statistics.dtype.type(self.statistics_weight)
        averages: Array = self.statistics / weight
        return averages


def start(
    recipe: Recipe, initializer: str, seed: Seed, dtype: DTypeLike = np.float32
) -> Snapshot:
    """A trial before its first epoch."""
    params = initialize(recipe.architecture, [initializer], [seed], dtype)[0]
    moments = OPTIMIZERS[recipe.optimizer].moments
    return Snapshot(
        params,
        np.zeros((moments, params.size), dtype),
        np.zeros(2),
        np.zeros(recipe.architecture.statistics, dtype),
        0.0,
    )


class Stack:
    """Trials of one recipe, trained together; each gets the bits it would get alone."""

    def __init__(
        self,
        recipe: Recipe,
        constants: Sequence[Constants],
        snapshots: Sequence[Snapshot],
        class_weights: Array | None = None,
    ):
        """Copy the snapshots into flat buffers and make the buffers of a step.

        Args:
            recipe: what the trials share.
            constants: one a trial.
            snapshots: one a trial; they stay as they are.
            class_weights: (classes,) weights in the loss, or None.
        """
        self.recipe = recipe
        self.params: Flat = np.stack([s.params for s in snapshots])
        dtype = self.params.dtype
        optimizer = OPTIMIZERS[recipe.optimizer]
        self._moments = [
            np.stack([s.moments[i] for s in snapshots]) for i in range(optimizer.moments)
        ]
        self._moment_weights = np.stack([s.moment_weights for s in snapshots])
        self._statistics = np.stack([s.statistics for s in snapshots])
        self._statistics_weights = [s.statistics_weight for s in snapshots]
        self._constants = constants
        self._optimizer = optimizer

        def each(values: list[float]) -> Array:
            return np.array(values, dtype)[:, None]

        self._l2 = each([c.update.l2 for c in constants])
        self._decay = each([c.batch_norm_decay for c in constants])
        self.epsilon = each([c.batch_norm_epsilon for c in constants])[:, None]
        self._network = Propagation(
            recipe.architecture,
            self.params,
            recipe.batch_size,
            epsilon=self.epsilon,
            dropout_rates=each([c.dropout for c in constants])[:, None]
            if recipe.dropout
            else None,
            class_weights=class_weights,
        )
        self._buffers = Buffers(
            self.params,
            self._network.gradients,
            tuple(self._moments),
            np.empty_like(self.params),
        )
        self._W = self.params[:, : recipe.architecture.weights]
        self._dW = self._network.gradients[:, : recipe.architecture.weights]
        self._l2_W = self._buffers.scratch[:, : recipe.architecture.weights]

    def epoch(
        self, X: Array, y: Array, seeds: Sequence[Seed], epoch: int, rates: Sequence[list[float]]
    ) -> Array:
        """Train on every whole mini-batch of a shuffle; the rows left over sit this epoch out.

        The shuffle is the permutation of rng.stream(*seed, "shuffle", epoch), dropout's masks
        come from rng.stream(*seed, "dropout", epoch). Training ends early only when all trials
        have diverged; one that diverges alone computes NaN and disturbs nobody.

        Args:
            X: (rows, features), all training rows; only mini-batches of it are copied.
            y: (rows,), class indices.
            seeds: one a trial.
            epoch: from 0.
            rates: the learning rates of the epoch's steps, one list a trial.

        Returns:
            The mean over the mini-batches of the loss, (trials,); not finite where diverged.
        """
        size, network = self.recipe.batch_size, self._network
        steps = len(y) // size
        orders = [rng.stream(*seed, "shuffle", epoch).permutation(len(y)) for seed in seeds]
        drops = seeds if self.recipe.dropout else ()
        masks = [rng.stream(*seed, "dropout", epoch) for seed in drops]
        plan = optimizers.coefficients(
            self._optimizer,
            [c.update for c in self._constants],
            np.array(rates),
            self._moment_weights,
            self.params.dtype,
        )
        forgetting = self._decay if self.recipe.average == "ewma" else None
        if forgetting is None:
            self._statistics[...] = 0
            self._statistics_weights = [0.0] * len(seeds)
        total = np.zeros(len(seeds))
        with np.errstate(all="ignore"):
            for step, scalars in enumerate(plan):
                for t, order in enumerate(orders):
                    rows = order[step * size : (step + 1) * size]
                    # mode="clip" writes straight into out; the default would buffer it
                    X.take(rows, axis=0, out=network.X[t], mode="clip")
                    y.take(rows, out=network.labels[t], mode="clip")
                if masks:
                    network.drop(masks)
                total += network.forward()
                if not np.isfinite(total).any():
                    break
                network.backward()
                batch_norm.accumulate(self._statistics, network.batch_statistics, forgetting)
                self._update(scalars)
        for t, constants in enumerate(self._constants):
            decay = 1.0 if forgetting is None else constants.batch_norm_decay
            before = self._statistics_weights[t]
            self._statistics_weights[t] = batch_norm.weight(before, decay, steps)
        return total / steps

    def _update(self, scalars: Coefficients) -> None:
        """One step of the optimizer on every parameter, l2 on weights only."""
        if self.recipe.l2 and self._optimizer.decoupled:
            self._W *= scalars.shrink
        elif self.recipe.l2:
            np.multiply(self._W, self._l2, out=self._l2_W)
            self._dW += self._l2_W
        self._optimizer.update(self._buffers, scalars)

    def snapshot(self, trial: int) -> Snapshot:
        """A copy of one trial as it is now."""
        params = self.params[trial].copy()
        moments = np.array([m[trial] for m in self._moments], params.dtype)
        return Snapshot(
            params,
            moments.reshape(len(self._moments), params.size),
            self._moment_weights[trial].copy(),
            self._statistics[trial].copy(),
            self._statistics_weights[trial],
        )

    def averages(self) -> FlatStatistics | None:
        """Batch norm's test-time means and variances, (trials, statistics)."""
        if not self.recipe.architecture.batch_norm:
            return None
        weights = np.array(self._statistics_weights, self.params.dtype)
        averages: FlatStatistics = self._statistics / weights[:, None]
        return averages

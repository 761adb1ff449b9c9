"""The training loop: epochs of mini-batches for a stack of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from hpsearch import rng
from hpsearch.nn import batch_norm, optimizers
from hpsearch.nn.architecture import Architecture, initialize
from hpsearch.nn.optimizers import OPTIMIZERS, Buffers, Coefficients, Scalars
from hpsearch.nn.propagation import Propagation
from hpsearch.nn.types import Array, Flat, FlatStatistics

Seed = tuple[int | str, ...]
"""What identifies a trial, and what all its random numbers derive from."""


@dataclass(frozen=True)
class Recipe:
    """The settings that trials must share to train as one stack.

    Attributes:
        architecture: the shape of the network.
        optimizer: a name in `OPTIMIZERS`.
        batch_size: examples in a mini-batch.
        average: how batch norm averages its statistics for test time: "ewma", an exponentially
            weighted average, or "mean", the plain mean over the last epoch.
        l2: whether any of the trials regularises its weights.
        dropout: whether any of the trials drops units.
    """

    architecture: Architecture
    optimizer: str
    batch_size: int
    average: str = "ewma"
    l2: bool = False
    dropout: bool = False


@dataclass(frozen=True)
class Constants:
    """The settings in which the trials of a stack may differ; every number is a plain float."""

    update: Scalars = field(default_factory=Scalars)
    dropout: float = 0.0
    batch_norm_decay: float = 0.9
    batch_norm_epsilon: float = 1e-5


@dataclass(frozen=True)
class Snapshot:
    """One trial between two epochs: all that its training needs to go on with the same bits."""

    params: Array  # (parameters,)
    moments: Array  # (moments of the optimizer, parameters)
    moment_weights: Array  # (2,) float64: the sums of `optimizers.coefficients`
    statistics: Array  # (statistics,) weighted sums of batch norm's means and variances
    statistics_weight: float  # by what to divide them: `batch_norm.weight`

    @property
    def averages(self) -> Array:
        """Mean and variance of each hidden unit, (statistics,), for batch norm at test time."""
        weight = self.statistics.dtype.type(self.statistics_weight)
        averages: Array = self.statistics / weight
        return averages


def start(recipe: Recipe, initializer: str, seed: Seed, dtype: DTypeLike = np.float32) -> Snapshot:
    """A trial before its first epoch.

    Args:
        recipe: its settings.
        initializer: a name in `DEVIATIONS`.
        seed: of the trial.
        dtype: of the parameters and all that is computed with them.
    """
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
    """Trials that share a recipe, trained together; each gets the bits it would get alone."""

    def __init__(
        self,
        recipe: Recipe,
        constants: Sequence[Constants],
        snapshots: Sequence[Snapshot],
        class_weights: Array | None = None,
    ):
        """Copy the snapshots into flat buffers, and allocate those of a step.

        Args:
            recipe: what the trials share.
            constants: one a trial.
            snapshots: one a trial; they are not changed.
            class_weights: (classes,), weights in the loss; None for equal ones.
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

        @np.errstate(over="ignore")  # what is too large for the dtype is inf there
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
        """Train on every whole mini-batch of a shuffle; the rows left over are not used.

        The shuffle is the permutation of rng.stream(*seed, "shuffle", epoch); dropout draws from
        rng.stream(*seed, "dropout", epoch). A trial that diverges goes on with NaN and does not
        disturb the others; the epoch ends early only when all have diverged.

        Args:
            X: (rows, features), all training rows; only mini-batches of it are copied.
            y: (rows,), class indices.
            seeds: one a trial.
            epoch: the number of the epoch, from 0.
            rates: for each trial the learning rates of the steps.

        Returns:
            The mean loss over the mini-batches, (trials,); not finite where a trial diverged.
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
        """One step of the optimizer on all parameters, with l2 on the weights alone."""
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
        """Means and variances for batch norm at test time, (trials, statistics); None without."""
        if not self.recipe.architecture.batch_norm:
            return None
        weights = np.array(self._statistics_weights, self.params.dtype)
        averages: FlatStatistics = self._statistics / weights[:, None]
        return averages

"""The trainer: the network's own in all but the mini-batch steps, which Keras takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hpsearch import rng
from hpsearch.nn import batch_norm
from hpsearch.nn.optimizers import OPTIMIZERS, coefficients
from hpsearch.nn.training import Constants, Recipe, Seed, Snapshot
from hpsearch.nn.types import Array, FlatStatistics
from hpsearch.store import SafePath
from hpsearch.trainers.keras.framework import start
from hpsearch.trainers.network.model import Model
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

if TYPE_CHECKING:
    from hpsearch.trainers.keras.program import Program


class KerasStack:
    """One trial in Keras, in the words of `nn.training.Stack`; a stack of one is all there is."""

    def __init__(
        self,
        recipe: Recipe,
        constants: Sequence[Constants],
        snapshots: Sequence[Snapshot],
        class_weights: Array | None,
    ):
        from hpsearch.trainers.keras.program import program

        ((self._constants,), (snapshot,)) = constants, snapshots
        self.recipe = recipe
        self._class_weights = class_weights
        self._program: Program = program(recipe)
        self._now = snapshot
        self._program.load(snapshot.params, snapshot.moments, snapshot.statistics)

    @property
    def params(self) -> Array:
        """All parameters, (1, parameters)."""
        return self._now.params[None]

    @property
    def epsilon(self) -> Array:
        """Batch norm's, (1, 1, 1)."""
        return np.full((1, 1, 1), self._constants.batch_norm_epsilon, np.float32)

    def epoch(
        self, X: Array, y: Array, seeds: Sequence[Seed], epoch: int, rates: Sequence[list[float]]
    ) -> Array:
        """Train on every whole mini-batch of the shuffle that the NumPy network would use.

        The arguments are those of `network.trainer.Steps.epoch`.
        """
        (seed,), size, now = seeds, self.recipe.batch_size, self._now
        steps = len(y) // size
        order = rng.stream(*seed, "shuffle", epoch).permutation(len(y))[: steps * size]
        moment_weights = now.moment_weights[None].copy()
        update = self._constants.update
        plan = coefficients(
            OPTIMIZERS[self.recipe.optimizer],
            [update],
            np.array(rates),
            moment_weights,
            np.float32,
        )
        scalars = {
            "beta": update.beta,
            "one_minus_beta": 1 - update.beta,
            "beta2": update.beta2,
            "one_minus_beta2": 1 - update.beta2,
            "l2": update.l2,
        }
        ewma = self.recipe.average == "ewma"
        decay = self._constants.batch_norm_decay if ewma else 1.0
        self._program.set(self._constants, scalars, decay)
        if not ewma:
            self._program.forget()
        if self.recipe.dropout:
            self._program.seed(rng.stream(*seed, "dropout", epoch))
        table = np.array([(c.alpha[0, 0], c.epsilon[0, 0], c.shrink[0, 0]) for c in plan])
        total = self._program.epoch(
            X, y, self._class_weights, order.reshape(steps, size), table.astype(np.float32)
        )
        params, moments, statistics = self._program.unload()
        before = now.statistics_weight if ewma else 0.0
        weight = batch_norm.weight(before, decay, steps)
        self._now = Snapshot(params, moments, moment_weights[0], statistics, weight)
        return np.array([total / steps])

    def snapshot(self, trial: int) -> Snapshot:
        """The trial as it is now."""
        assert trial == 0
        return self._now

    def averages(self) -> FlatStatistics | None:
        """Batch norm's test-time means and variances, (1, statistics)."""
        return self._now.averages[None] if self.recipe.architecture.batch_norm else None


@dataclass(frozen=True)
class KerasTrainer(NetworkTrainer):
    """Trains the network with Keras; data, metrics, patience and states are `NetworkTrainer`'s.

    A state of one is a state of the other: both start from the same weights and see the same
    mini-batches, so their losses agree to rounding (but for dropout, whose masks differ).
    Validation rows are measured with batch norm folded into the weights, outside Keras.

    Attributes:
        backend: the framework below Keras, one of `frameworks.FRAMEWORKS`.
        threads: that it may use; their number may change bits.
    """

    backend: str = "tensorflow"
    threads: int = 1
    stacks: ClassVar[bool] = False

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """Each job alone."""
        return [[job] for job in jobs]

    def _begin(
        self,
        recipe: Recipe,
        constants: Sequence[Constants],
        snapshots: Sequence[Snapshot],
        class_weights: Array | None,
    ) -> KerasStack:
        start(self.backend, self.threads)
        return KerasStack(recipe, constants, snapshots, class_weights)

    def export(self, path: SafePath, model: Model) -> None:
        """Write a trained network as a .keras file: from raw rows to probabilities.

        Raises:
            TrainerError: Keras or the framework is not installed.
        """
        start(self.backend, self.threads)
        from hpsearch.trainers.keras.export import as_keras, write

        write(path, as_keras(model))

"""A trial between two pieces of training, as arrays that can be saved without pickle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpsearch.errors import TrainerError
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.nn.training import Recipe, Snapshot, start
from hpsearch.trainers.protocol import Job, State


@dataclass(frozen=True)
class Progress:
    """How far a trial is: its network, epochs done, and what patience counts."""

    network: Snapshot
    epoch: int = 0
    best_loss: float = np.inf  # the lowest val_loss so far
    waited: int = 0  # epochs since then

    def after(self, network: Snapshot, val_loss: float) -> Progress:
        """The progress one epoch later."""
        if val_loss < self.best_loss:
            return Progress(network, self.epoch + 1, val_loss, 0)
        return Progress(network, self.epoch + 1, self.best_loss, self.waited + 1)


def begin(job: Job, recipe: Recipe, initializer: str) -> Progress:
    """A trial before its first epoch."""
    return Progress(start(recipe, initializer, job.seed))


def to_state(progress: Progress) -> State:
    """The progress as named arrays."""
    network = progress.network
    return {
        "params": network.params,
        "moments": network.moments,
        "moment_weights": network.moment_weights,
        "statistics": network.statistics,
        "statistics_weight": np.array(network.statistics_weight),
        "epoch": np.array(progress.epoch),
        "best_loss": np.array(progress.best_loss),
        "waited": np.array(progress.waited),
    }


def from_state(state: State, recipe: Recipe) -> Progress:
    """The progress that `to_state` wrote.

    Raises:
        TrainerError: the state belongs to a network of another shape or optimizer.
    """
    try:
        network = Snapshot(
            state["params"],
            state["moments"],
            state["moment_weights"],
            state["statistics"],
            float(state["statistics_weight"]),
        )
        progress = Progress(
            network, int(state["epoch"]), float(state["best_loss"]), int(state["waited"])
        )
    except KeyError as error:
        raise TrainerError(f"the saved state lacks {error}; train the trial again") from error
    size = recipe.architecture.parameters
    expected = ((size,), (OPTIMIZERS[recipe.optimizer].moments, size))
    found = (network.params.shape, network.moments.shape)
    if found != expected or network.statistics.shape != (recipe.architecture.statistics,):
        raise TrainerError(
            f"the saved state has parameters and moments of shapes {found}, but the settings "
            f"need {expected}; train the trial again"
        )
    return progress

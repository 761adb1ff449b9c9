"""A trial between two pieces of training, as arrays that can be saved without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hpsearch.errors import TrainerError
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.nn.training import Recipe, Snapshot, start
from hpsearch.nn.types import Array
from hpsearch.trainers.network.hyperparameters import complete
from hpsearch.trainers.protocol import Best, Job, State


@dataclass(frozen=True)
class Kept:
    """The network as it was after the best epoch so far."""

    params: Array  # (parameters,)
    averages: Array  # (statistics,) batch norm's, at test time
    cost: tuple[float, float]  # see Best


@dataclass(frozen=True)
class Progress:
    """How far a trial is: its network, epochs done, what patience counts, the best epoch."""

    network: Snapshot
    epoch: int = 0
    best_loss: float = np.inf  # the lowest val_loss so far
    waited: int = 0  # epochs since then
    kept: Kept | None = None  # None where the last epoch counts

    def after(self, network: Snapshot, row: Mapping[str, float], best: Best | None) -> Progress:
        """The progress one epoch later, which gave these metrics; of equal epochs the first."""
        kept, val_loss = self.kept, row["val_loss"]
        if best is not None and (kept is None or best.cost(row) < kept.cost):
            kept = Kept(network.params, network.averages, best.cost(row))
        if val_loss < self.best_loss:
            return Progress(network, self.epoch + 1, val_loss, 0, kept)
        return Progress(network, self.epoch + 1, self.best_loss, self.waited + 1, kept)

    @property
    def counting(self) -> tuple[Array, Array]:
        """Parameters and batch norm's averages after the epoch that counts."""
        chosen = self.network if self.kept is None else self.kept
        return chosen.params, chosen.averages


def begin(job: Job, recipe: Recipe, initializer: str) -> Progress:
    """A trial before its first epoch."""
    return Progress(start(recipe, initializer, job.seed))


def to_state(progress: Progress) -> State:
    """The progress as named arrays."""
    network = progress.network
    state = {
        "params": network.params,
        "moments": network.moments,
        "moment_weights": network.moment_weights,
        "statistics": network.statistics,
        "statistics_weight": np.array(network.statistics_weight),
        "epoch": np.array(progress.epoch),
        "best_loss": np.array(progress.best_loss),
        "waited": np.array(progress.waited),
    }
    if progress.kept is None:
        return state
    return state | {
        "kept_params": progress.kept.params,
        "kept_averages": progress.kept.averages,
        "kept_cost": np.array(progress.kept.cost),
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
        kept = None
        if "kept_params" in state:
            value, loss = state["kept_cost"].tolist()
            kept = Kept(state["kept_params"], state["kept_averages"], (value, loss))
        progress = Progress(
            network, int(state["epoch"]), float(state["best_loss"]), int(state["waited"]), kept
        )
    except KeyError as error:
        raise TrainerError(f"the saved state lacks {error}; train the trial again") from error
    expected = ((recipe.architecture.parameters,), _moments(recipe))
    found = (network.params.shape, network.moments.shape)
    if found != expected or network.statistics.shape != (recipe.architecture.statistics,):
        raise TrainerError(
            f"the saved state has parameters and moments of shapes {found}, but the settings "
            f"need {expected}; train the trial again"
        )
    return progress


def go_on(job: Job, state: State, recipe: Recipe) -> tuple[Progress, tuple[str, ...]]:
    """The progress that a job goes on from, and what its user should know of it.

    Where another optimizer trained the epoch before, the moments start anew.

    Raises:
        TrainerError: the state belongs to a network of another shape, or is damaged.
    """
    epoch = int(state.get("epoch", 0))
    before, now = (complete(each)["optimizer"] for each in (job.settings_of(epoch), job.settings))
    if before == now:
        return from_state(state, recipe), ()
    fresh: State = {"moments": np.zeros(_moments(recipe), np.float32)}
    fresh["moment_weights"] = np.zeros(2)
    anew = f"optimizer: the moments of {now} start anew"
    none = f"optimizer: {now} has no moments, and those of {before} are gone"
    remark = anew if OPTIMIZERS[recipe.optimizer].moments else none
    return from_state({**state, **fresh}, recipe), (remark,) if epoch else ()


def _moments(recipe: Recipe) -> tuple[int, int]:
    """The shape of an optimizer's moments."""
    return OPTIMIZERS[recipe.optimizer].moments, recipe.architecture.parameters

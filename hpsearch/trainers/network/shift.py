"""The two extra metrics of `track_shift`: how far the hidden units moved in an epoch."""

from __future__ import annotations

from math import isfinite

import numpy as np

from hpsearch.nn.covariate_shift import Moments, moments, shift
from hpsearch.nn.training import Snapshot
from hpsearch.nn.types import Array
from hpsearch.trainers.network.hyperparameters import SHIFT_METRICS
from hpsearch.trainers.network.plan import Plan
from hpsearch.trainers.network.state import Progress

ROWS = 256
"""The fixed batch: this many of the training rows, the first ones."""


def tracked(plan: Plan, before: Progress, after: Snapshot, X: Array) -> dict[str, float | None]:
    """What a trial reports besides its metrics after an epoch; nothing without `track_shift`.

    Measured on the first rows of X, the training rows, between the ends of two epochs. None
    stands for what is undefined: in the first epoch, where no hidden unit varies, and where the
    network has diverged.

    Args:
        plan: of the trial.
        before: the trial before the epoch.
        after: its network after the epoch.
        X: (rows, features), the training rows.
    """
    if not plan.track_shift:
        return {}
    if before.epoch == 0:
        return dict.fromkeys(SHIFT_METRICS)
    rows = X[:ROWS]
    found = shift(_moments(plan, before.network, rows), _moments(plan, after, rows))
    values = (float(found.mean[0]), float(found.variance[0]))
    return {
        name: value if isfinite(value) else None
        for name, value in zip(SHIFT_METRICS, values, strict=True)
    }


def _moments(plan: Plan, network: Snapshot, X: Array) -> Moments:
    epsilon = np.full((1, 1, 1), plan.constants.batch_norm_epsilon, network.params.dtype)
    with np.errstate(all="ignore"):
        return moments(plan.recipe.architecture, network.params[None], epsilon, X)

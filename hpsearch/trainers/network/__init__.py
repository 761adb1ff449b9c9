"""The built-in trainer: hpsearch's own network on prepared arrays."""

from hpsearch.trainers.network.hyperparameters import (
    HYPERPARAMETERS,
    complete,
    ignored,
    problems,
)
from hpsearch.trainers.network.trainer import METRICS, NetworkTrainer

__all__ = ["HYPERPARAMETERS", "METRICS", "NetworkTrainer", "complete", "ignored", "problems"]

"""The trainer of a user's own Python function."""

from hpsearch.trainers.function.loading import Manner, inspected, load, manner
from hpsearch.trainers.function.trainer import FunctionTrainer

__all__ = ["FunctionTrainer", "Manner", "inspected", "load", "manner"]

"""The trainer of a user's own command, in any language."""

from hpsearch.trainers.command.template import program, used
from hpsearch.trainers.command.trainer import CommandTrainer

__all__ = ["CommandTrainer", "program", "used"]

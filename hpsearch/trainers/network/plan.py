"""From settings, as a configuration writes them, to what `hpsearch.nn` trains."""

from __future__ import annotations

from dataclasses import dataclass

from hpsearch.errors import TrainerError
from hpsearch.nn.architecture import Architecture
from hpsearch.nn.optimizers import Scalars, learning_rates
from hpsearch.nn.training import Constants, Recipe
from hpsearch.trainers.network.hyperparameters import complete, problems
from hpsearch.trainers.protocol import Settings


@dataclass(frozen=True)
class Plan:
    """One trial's training: what it may share with a stack, and what is its own."""

    recipe: Recipe
    constants: Constants
    initializer: str
    learning_rate: float
    learning_rate_decay: float
    schedule: str
    warmup: float
    epochs: int
    patience: int | None
    balanced: bool
    track_shift: bool

    def rates(self, epoch: int, steps: int) -> list[float]:
        """The learning rate of each step of an epoch, counted from 0."""
        return learning_rates(
            self.learning_rate,
            schedule=self.schedule,
            decay=self.learning_rate_decay,
            warmup=self.warmup,
            epoch=epoch,
            epochs=self.epochs,
            steps=steps,
        )


def plan(settings: Settings, *, features: int, classes: int, rows: int) -> Plan:
    """Read the settings, which a configuration has checked, for data of a given shape.

    Args:
        settings: hyperparameters by name; those left out take their defaults.
        features: columns of the prepared rows.
        classes: of the target.
        rows: to train on; a larger batch_size is clipped to them.

    Raises:
        TrainerError: a value is out of its range, or values do not fit together.
    """
    wrong = problems(settings)
    if wrong:
        raise TrainerError("; ".join(f"{name}: {problem}" for name, problem in wrong))
    s = complete(settings)
    hidden, units = _integer(s["hidden_layers"]), s["hidden_units"]
    widths = units if isinstance(units, list) else [units] * hidden
    architecture = Architecture(
        (features, *(_integer(u) for u in widths), classes),
        str(s["activation"]),
        batch_norm=bool(s["batch_norm"]) and hidden > 0,
    )
    optimizer = str(s["optimizer"])
    batch_size = min(_integer(s["batch_size"]), rows)
    if batch_size == 1 and architecture.batch_norm:
        raise TrainerError(
            "batch norm needs mini-batches of at least 2 rows, but there is 1 training row; "
            "bring more data or set batch_norm: false"
        )
    constants = Constants(
        Scalars(
            beta=_number(s["momentum"] if optimizer == "momentum" else s["beta1"]),
            beta2=_number(s["beta2"]),
            epsilon=_number(s["epsilon"]),
            l2=_number(s["l2"]),
        ),
        dropout=_number(s["dropout"]) if hidden else 0.0,
        batch_norm_decay=_number(s["batch_norm_decay"]),
        batch_norm_epsilon=_number(s["batch_norm_epsilon"]),
    )
    return Plan(
        Recipe(
            architecture,
            optimizer,
            batch_size,
            average=str(s["batch_norm_average"]),
            l2=constants.update.l2 > 0,
            dropout=constants.dropout > 0,
        ),
        constants,
        initializer=str(s["initializer"]),
        learning_rate=_number(s["learning_rate"]),
        learning_rate_decay=_number(s["learning_rate_decay"]),
        schedule=str(s["schedule"]),
        warmup=_number(s["warmup"]),
        epochs=_integer(s["epochs"]),
        patience=None if s["patience"] is None else _integer(s["patience"]),
        balanced=s["class_weight"] == "balanced",
        track_shift=bool(s["track_shift"]),
    )


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _integer(value: object) -> int:
    assert isinstance(value, int | float)
    return int(value)

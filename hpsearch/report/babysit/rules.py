"""The rules of advice on a babysat model: what each sees of it, and what it proposes.

Every rule compares medians over windows of epochs, so that one lucky or unlucky epoch says
nothing; the first WINDOW epochs under a setting say nothing either.

Sources: Bengio 2012, https://arxiv.org/abs/1206.5533 (the learning rate first; updates of about
1e-3 of the weights; early stopping); Smith 2018, https://arxiv.org/abs/1803.09820 (signs of
under- and overfitting early in the curves); the lecture (decay, regularisation, more data).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import isfinite, sqrt
from statistics import median
from typing import Any

from hpsearch.report.numbers import number
from hpsearch.searching.babysit.nudge import FACTOR
from hpsearch.trial import Diagnosis, Layer

WINDOW = 5  # epochs whose median is compared; a setting has so many before anything is said
CHANGE = 0.05  # of a loss: less is as good as flat
HALF = 0.5  # of a loss where there is much to learn
OPEN = 0.1  # of the loss at the start or of a guess: below it, there is little left to learn
BARELY = 0.1  # of the first loss: a model that has moved less has hardly begun
SWING = 0.1  # of the loss, from epoch to epoch: more is an oscillation
GAP = 2.0  # times the training loss is a validation loss that is far from it
LONG = 10  # epochs without a better one
FADED = 0.1  # of the learning rate that was set: less is left of it by decay
LARGE, USUAL, SMALL = 1e-2, 1e-3, 1e-4  # norm of an update over the weights'
UNEVEN = 100.0  # times the update/weight of one layer is that of another
DEAD = 0.4  # of a layer's units
SHIFT = 0.5  # deviations between a mini-batch's means and batch norm's averages
BY_CHANCE = 0.8  # over the root of the batch size: their mean distance by chance


@dataclass(frozen=True)
class Proposal:
    """What a rule found: why, and the change that it would make, if any.

    Attributes:
        code: of the finding.
        about: what it is about, "rate", "end", "fit" or "layers"; of two proposals about the
            same, the less important one is not made: it would say the same, or the opposite.
        message: in words, with the numbers that it was decided by.
        change: a parameter and its next value.
        back: begin again from this epoch.
        stop: end the training.
    """

    code: str
    about: Sequence[str]
    message: str
    change: tuple[str, Any] | None = None
    back: int | None = None
    stop: bool = False


@dataclass(frozen=True)
class Series:
    """One number an epoch, lower is better, and the medians of each WINDOW of them."""

    name: str
    values: Sequence[float]
    sign: int = 1  # -1 where the metric is to be maximised

    @cached_property
    def medians(self) -> list[float]:
        """Of the window that ends with each epoch; shorter for the first ones."""
        return [
            median(self.values[max(0, end - WINDOW) : end])
            for end in range(1, len(self.values) + 1)
        ]

    def shown(self, value: float) -> str:
        """A value as the metric has it."""
        return number(self.sign * float(f"{value:.4g}"))

    def swing(self, end: int) -> float:
        """The usual step from one epoch to the next, over two windows."""
        last = self.values[max(0, end - 2 * WINDOW) : end]
        return median(abs(b - a) for a, b in pairwise(last))


@dataclass(frozen=True)
class Look:
    """A line after an epoch, as the rules see it.

    Attributes:
        epoch: the last one.
        since: the epoch after which its setting holds.
        train: the training loss; None where the trainer reports none.
        val: the validation loss, or else the metric that counts.
        metric: that counts.
        chance: the loss of a guess; infinite where it is not known.
        rate: name and value of the learning rate; None where there is none.
        left: share of it that decay has left in this epoch.
        settings: all of them.
        layers: the last few looks at the layers, oldest first.
        stop: what to say before the epoch that is kept: "stop: ", or nothing at the end.
    """

    epoch: int
    since: int
    train: Series | None
    val: Series
    metric: Series
    chance: float
    rate: tuple[str, float] | None
    left: float
    settings: Mapping[str, Any]
    layers: Sequence[Diagnosis]
    stop: str

    def recent(self, series: Series) -> tuple[float, float]:
        """The median of the window before the last, and of the last."""
        first = max(self.since + 1, self.epoch - WINDOW)
        return series.medians[first - 1], series.medians[self.epoch - 1]

    def worse(self, series: Series, before: float, now: float) -> bool:
        """Whether a value is worse by more than noise."""
        return now - before > max(series.swing(self.epoch), CHANGE * abs(before))

    @property
    def scale(self) -> float:
        """A loss from which there is much to learn: the first one, or that of a guess."""
        assert self.train is not None
        return min(self.train.values[0], self.chance)

    @property
    def learns(self) -> bool:
        """Whether the training loss falls."""
        if self.train is None:
            return False
        before, now = self.recent(self.train)
        return now < before * (1 - CHANGE)

    @property
    def open(self) -> bool:
        """Whether the training loss is far from its end."""
        return self.train is None or self.train.medians[self.epoch - 1] >= OPEN * self.scale

    @cached_property
    def best(self) -> int:
        """The epoch with the best value of the metric, of equal ones that with the least loss."""
        values, losses = self.metric.values, self.val.values
        return 1 + min(range(self.epoch), key=lambda place: (values[place], losses[place]))

    def number_of(self, name: str, default: float = 0.0) -> float:
        """A setting that is a number; the default where it is not set, or is none."""
        value = self.settings.get(name)
        return float(value) if isinstance(value, int | float) else default

    def lower(self, factor: float = FACTOR) -> tuple[str, Any] | None:
        """The learning rate divided by a factor."""
        return self.rate and (self.rate[0], _two_digits(self.rate[1] / factor))

    def higher(self, factor: float = FACTOR) -> tuple[str, Any] | None:
        """The learning rate times a factor."""
        return self.rate and (self.rate[0], _two_digits(self.rate[1] * factor))


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


# The rules, the most important first. Each gives what it proposes, or nothing.


def _not_learning(look: Look) -> Iterator[Proposal]:
    """No better than a guess."""
    if look.train is None or not isfinite(look.chance):
        return
    loss, now = look.val.medians[look.epoch - 1], look.train.medians[look.epoch - 1]
    if look.val.name != "val_loss" or loss < look.chance or now < HALF * look.chance:
        return
    first = look.train.values[0]
    told = (
        f"after epoch {look.epoch}, val_loss {number(loss)} is no better than a guess "
        f"({number(look.chance)})"
    )
    if abs(now - first) <= BARELY * first:
        yield Proposal(
            "not-begun",
            ["rate"],
            f"{told}, and train_loss {number(now)} has hardly moved from {number(first)}; "
            "raise the learning rate",
            look.higher(10),
        )
    else:
        yield Proposal(
            "blown-up",
            ["rate"],
            f"{told}, and train_loss went from {number(first)} to {number(now)}; begin again "
            "with a lower learning rate",
            look.lower(10),
            back=0,
        )


def _rising(look: Look) -> Iterator[Proposal]:
    """The training loss rises."""
    if look.train is None or not look.open:
        return
    before, now = look.recent(look.train)
    if look.worse(look.train, before, now):
        yield Proposal(
            "rising",
            ["rate"],
            f"{look.train.name} rises: {number(before)} five epochs ago, {number(now)} now "
            "(medians of five); lower the learning rate",
            look.lower(),
            back=look.best if now > 2 * look.train.values[look.best - 1] else None,
        )


def _oscillates(look: Look) -> Iterator[Proposal]:
    """The training loss goes up and down."""
    if look.train is None or not look.open or look.epoch - look.since < 2 * WINDOW:
        return
    last = look.train.values[look.epoch - 2 * WINDOW : look.epoch]
    steps = [b - a for a, b in pairwise(last)]
    turns = sum(a * b < 0 for a, b in pairwise(steps))
    swing, level = look.train.swing(look.epoch), median(last)
    if turns >= WINDOW and swing > SWING * level:
        yield Proposal(
            "oscillates",
            ["rate"],
            f"{look.train.name} turned {turns} times in ten epochs, by {number(swing)} from one "
            f"to the next around {number(level)}; lower the learning rate",
            look.lower(),
        )


def _layers(look: Look) -> Iterator[Proposal]:
    """Updates too large or small, dead units, batch norm's averages far off."""
    names = [layer.name for layer in look.layers[-1].layers] if look.layers else []
    found = {name: _of_layer(look.layers, name) for name in names}
    ratios = {name: layer.ratio for name, layer in found.items() if layer.ratio}
    if ratios:
        most, least = max(ratios, key=ratios.__getitem__), min(ratios, key=ratios.__getitem__)
        told = f"update/weight of {most} is {number(_two_digits(ratios[most]))}"
        usual = f"usual is about {USUAL:g}"
        if min(ratios.values()) > LARGE and look.train and look.open and not look.learns:
            yield Proposal(
                "large-updates",
                ["rate"],
                f"{told}, {usual}, and {look.train.name} does not fall; lower the learning rate",
                look.lower(),
            )
        elif max(ratios.values()) < SMALL and look.open:
            yield Proposal(
                "small-updates",
                ["rate"],
                f"the largest {told}, {usual}; raise the learning rate",
                look.higher(3 if max(ratios.values()) > SMALL / 10 else 10),
            )
        elif max(ratios.values()) > UNEVEN * min(ratios.values()):
            yield Proposal(
                "uneven-updates",
                ["layers"],
                f"{told}, of {least} {number(_two_digits(ratios[least]))}: the layers learn at "
                "very different speeds; another initializer, activation or batch norm, in "
                "another model, would help",
            )
    for name, layer in found.items():
        if layer.dead is not None and layer.dead > DEAD:
            yield Proposal(
                "dead",
                ["layers"],
                f"{layer.dead:.0%} of the units of {name} are dead, which mostly a step too far "
                "does; go on with a lower learning rate, or try leaky_relu in another model",
                look.lower(),
            )
            break
    chance = BY_CHANCE / sqrt(max(1.0, look.number_of("batch_size", 64)))
    for name, layer in found.items():
        if layer.shift is not None and layer.shift > max(SHIFT, 3 * chance):
            yield Proposal(
                "shift",
                ["rate"],
                f"batch norm's averages in {name} are {number(_two_digits(layer.shift))} "
                f"deviations from a mini-batch's means ({number(_two_digits(chance))} would be "
                "chance), so validation sees another network than training; lower the rate",
                look.lower(),
            )
            break


def _of_layer(looks: Sequence[Diagnosis], name: str) -> Layer:
    """The median of the last looks at a layer."""
    seen = [layer for each in looks for layer in each.layers if layer.name == name]

    def middle(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    return Layer(
        name,
        1.0,
        middle([layer.gradient for layer in seen]),
        middle([layer.ratio for layer in seen]),
        middle([layer.dead for layer in seen]),
        middle([layer.shift for layer in seen]),
    )


def _slow(look: Look) -> Iterator[Proposal]:
    """The training loss is high and hardly falls: by decay, or by too low a rate."""
    if look.train is None or not look.open or look.epoch - look.since < 2 * WINDOW:
        return
    before, now = look.recent(look.train)
    if look.learns or look.worse(look.train, before, now):
        return
    told = f"{look.train.name} is flat at {number(now)} ({number(before)} five epochs ago)"
    decay = look.number_of("learning_rate_decay")
    if look.left <= FADED and look.rate is not None:
        rest = number(_two_digits(look.left * look.rate[1]))
        change = ("learning_rate_decay", _two_digits(decay / 10)) if decay else look.higher()
        yield Proposal(
            "faded",
            ["rate"],
            f"{told}, and decay has left {rest} of the learning rate {number(look.rate[1])}; "
            f"{'decay it less' if decay else 'raise it'}",
            change,
        )
    elif now > HALF * look.scale:
        start = "of a guess" if look.chance < look.train.values[0] else "at the start"
        yield Proposal(
            "flat",
            ["rate"],
            f"{told}, more than half of that {start} ({number(look.scale)}); raise the learning "
            "rate, or let it decay if that makes it worse",
            look.higher(),
        )


def _overfits(look: Look) -> Iterator[Proposal]:
    """The validation loss rises while the training loss falls, and the metric has its best."""
    first = min(look.epoch, look.since + WINDOW)
    medians = look.val.medians[first - 1 : look.epoch]
    low = first + min(range(len(medians)), key=medians.__getitem__)
    lowest, now = look.val.medians[low - 1], look.val.medians[look.epoch - 1]
    if look.epoch - look.best < LONG or not look.worse(look.val, lowest, now):
        return
    told = (
        f"{look.val.name} went from {look.val.shown(lowest)} at epoch {low} to "
        f"{look.val.shown(now)}"
    )
    if look.train is not None:
        before, after = look.train.medians[low - 1], look.train.medians[look.epoch - 1]
        if after > before * (1 - CHANGE):
            return
        told += f", while {look.train.name} fell from {number(before)} to {number(after)}"
    yield Proposal(
        "overfits",
        ["end"],
        f"{told}; {look.stop}epoch {look.best}, the best one, is kept",
        stop=True,
    )


def _stuck(look: Look) -> Iterator[Proposal]:
    """No better epoch for long."""
    waited = look.epoch - max(look.best, look.since)
    if waited < max(LONG, look.best // 2):
        return
    best = look.metric.shown(look.metric.values[look.best - 1])
    told = (
        f"{look.metric.name} has not been better than {best} since epoch {look.best}, "
        f"{look.epoch - look.best} epochs ago"
    )
    if look.since > look.best or not look.open or look.rate is None:
        yield Proposal("stuck", ["end"], f"{told}; {look.stop}that epoch is kept", stop=True)
    else:
        yield Proposal(
            "stuck", ["rate", "end"], f"{told}; lower the learning rate, or stop", look.lower()
        )


def _gap(look: Look) -> Iterator[Proposal]:
    """The training loss is far below the validation loss, which rises, or nothing gets better."""
    if look.train is None or look.val.name != "val_loss":
        return
    train, val = look.train.medians[look.epoch - 1], look.val.medians[look.epoch - 1]
    far = 0 <= train < HALF * look.scale and val > GAP * train
    lowest = min(look.val.medians[min(look.epoch, look.since + WINDOW) - 1 : look.epoch])
    waits = look.epoch - look.best >= WINDOW
    if not far or not (waits or look.worse(look.val, lowest, val)):
        return
    told = f"train_loss {number(train)} is far below val_loss {number(val)}"
    dropout, l2 = look.number_of("dropout"), look.number_of("l2")
    if dropout < 0.5 and look.settings.get("hidden_layers") != 0:
        change: tuple[str, Any] = ("dropout", 0.2 if not dropout else min(0.5, dropout + 0.1))
    else:
        change = ("l2", 1e-4 if not l2 else _two_digits(3 * l2))
    yield Proposal(
        "gap", ["fit"], f"{told}; regularise it by dropout or L2, or get more data", change
    )


RULES = (_not_learning, _rising, _oscillates, _layers, _slow, _overfits, _stuck, _gap)

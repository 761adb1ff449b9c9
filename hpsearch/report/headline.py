"""The winner's value, and how much it is worth.

Terminal, page, list, comparison and JSON all show this number: the mean over new seeds where the
winner was confirmed, else what the search saw. Beside it stands the searched metric on the test
rows, and what one constant answer would have given there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

from hpsearch.report.numbers import ends, number
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import difference
from hpsearch.store import RunDirectory
from hpsearch.store.records import Contender, Rates
from hpsearch.trial import Result

if TYPE_CHECKING:
    from hpsearch.report.summary import Summary


@dataclass(frozen=True)
class Headline:
    """A winner's value.

    Attributes:
        metric: the one that was searched.
        trial: the winner's number.
        value: the mean over new seeds; where it was not confirmed, what the search saw.
        search: what the search saw: the best of many values, and so probably a lucky one.
        seeds: how many new seeds `value` is the mean of; 0 where it was not confirmed.
    """

    metric: str
    trial: int
    value: float | None
    search: float | None
    seeds: int

    @property
    def source(self) -> str:
        """Where the value is from, in words."""
        if not self.seeds:
            return "in the search"
        seeds = f"{self.seeds} new seeds" if self.seeds > 1 else "one new seed"
        return f"confirmed with {seeds}; {number(self.search)} in the search"


@dataclass(frozen=True)
class Tested:
    """The searched metric on the test rows.

    Attributes:
        name: such as test_accuracy.
        value: of the winner's model.
        interval: 95 %; None where a run of an earlier version has none.
        constant: what one constant answer would have given; None likewise.
        better: whether the winner is better than that with 95 % confidence.
    """

    name: str
    value: float
    interval: tuple[float, float] | None
    constant: float | None
    better: bool

    @property
    def constant_words(self) -> str:
        """What the constant answer is."""
        if self.name.endswith("_loss"):
            return "always answering the classes' shares"
        return "always answering the largest class"

    @property
    def warning(self) -> str | None:
        """That the winner is no better than a constant answer; None where it is better."""
        if self.better or self.constant is None:
            return None
        interval = f" (95 % interval {ends(self.interval)})" if self.interval else ""
        return (
            f"the winner's {self.name} of {number(self.value)}{interval} is no better than "
            f"{self.constant_words} would be, {number(self.constant)}: do the features say "
            "anything of the labels, and are the labels right? Then widen the space"
        )


def confirmation_of(run: RunDirectory) -> str | None:
    """One line that says what new seeds gave for the winner; None where it was not confirmed."""
    winner = run.winner(run.info)
    if winner is None or winner.confirmed is None:
        return None
    return (
        f"confirmed: {winner.search.metric} {number(winner.confirmed.mean)} by trial "
        f"{winner.number} ({number(winner.confirmed.search)} in the search)"
    )


@dataclass(frozen=True)
class Gain:
    """What the winner gains over the first setting of `search.start`."""

    value: float  # more is better, whatever the goal
    error: float | None  # standard error of that
    baseline: float
    itself: bool  # whether the first setting won


def headline_of(criterion: Criterion, best: Result, confirmed: Contender | None) -> Headline:
    """The value of a winner, given what confirmation found."""
    value, seeds = best.value, 0
    if confirmed is not None and confirmed.mean is not None:
        value, seeds = float(confirmed.mean), confirmed.seeds
    return Headline(criterion.name, best.number, value, best.value, seeds)


def on_test_rows(
    criterion: Criterion, test: Mapping[str, Any], prefix: str = "test"
) -> Tested | None:
    """The searched metric on the test rows, or accuracy where it is not measured there.

    Args:
        criterion: the searched metric and its goal.
        test: the metrics on these rows, as result.json has them.
        prefix: of the metrics' names in `test`; "new" for rows other than the test rows.
    """
    name = f"{prefix}_" + criterion.name.removeprefix("val_")
    searched = criterion.name.startswith("val_") and test.get(name) is not None
    name = name if searched else f"{prefix}_accuracy"
    value = test.get(name)
    if value is None:
        return None
    interval, constant = interval_of(name, test), constant_of(name, test)
    better = True
    if searched and constant is not None:
        low, high = interval or (value, value)
        better = low > constant if criterion.goal == "maximize" else high < constant
    return Tested(name, value, interval, constant, better)


def interval_of(name: str, test: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95 % interval of a metric; a file of an earlier version has only that of accuracy."""
    found = test.get("intervals", {}).get(name)
    if found is None and name.partition("_")[2] == "accuracy":
        found = test.get("interval")
    return None if found is None else (found[0], found[1])


def constant_of(name: str, test: Mapping[str, Any]) -> float | None:
    """What a constant answer gives; a file of an earlier version has only the confusion matrix."""
    if name in test.get("baseline", {}):
        return float(test["baseline"][name])
    rows = [sum(row) for row in test.get("confusion") or []]
    if not sum(rows):
        return None
    import numpy as np

    from hpsearch.nn.metrics import constant_answer

    return constant_answer(np.array(rows)).get(name.partition("_")[2])


def class_rates(
    names: Sequence[str], rates: Rates, most: int, undefined: str
) -> Iterator[tuple[str, ...]]:
    """Name, rows, precision, recall and F1 of each class, as text.

    Args:
        names: of all classes.
        rates: of each class, in the same order.
        most: classes; of more, those with the lowest F1.
        undefined: the text of a rate that is undefined.
    """
    order: Sequence[int] = range(len(names))
    if len(names) > most:
        order = sorted(order, key=lambda i: (rates.f1[i] is None, rates.f1[i] or 0.0))[:most]
    for i in order:
        cells = (rates.precision[i], rates.recall[i], rates.f1[i])
        shown = (undefined if cell is None else number(cell) for cell in cells)
        yield names[i], f"{rates.rows[i]:,}", *shown


def gain(summary: Summary) -> Gain | None:
    """What the winner gains over the first setting of `search.start`; None where there is none.

    Both are compared by the means over new seeds where both were confirmed.
    """
    baseline, best, headline = summary.baseline, summary.best, summary.headline
    if baseline is None or best is None or headline is None:
        return None
    contenders = () if summary.outcome is None else summary.outcome.contenders
    first = next((each for each in contenders if each.number == baseline.number), None)
    value = baseline.value if first is None else first.mean
    if value is None or headline.value is None:
        return None
    better = 1 if summary.criterion.goal == "maximize" else -1
    confirmed, error = summary.confirmed, None
    if confirmed is not None and confirmed.deviation is not None:
        seeds = confirmed.seeds
        # A baseline that was not confirmed is one training of it.
        error = confirmed.deviation * sqrt(1 / seeds + (1 / seeds if first else 1))
    gained = difference(headline.value, value)
    if gained is None or (error is not None and not isfinite(error)):
        return None  # beyond the largest float
    return Gain(better * gained, error, value, baseline.number == best.number)


def no_better_than_parent(summary: Summary, parent: Headline | None) -> str | None:
    """Why a refined run is no better than its parent; None where it is better, or has none.

    Args:
        summary: of the refined run.
        parent: the parent's headline, which counts where its winner lies outside the space that
            was searched; None where there is none, or the two do not compare.
    """
    name, best, headline = summary.info.parent, summary.best, summary.headline
    if name is None or best is None or headline is None:
        return None
    winner, first = summary.spec.inherited, summary.spec.first
    said = "no better than its parent"
    if summary.info.status != "finished":
        said += " so far"
    if best.number < first:
        return f"{said}: trial {best.number} of {name} is still the best"
    if summary.spec.is_start(best.number):
        return f"{said}: the best is one of {name}'s settings, trained again"
    if winner is not None and winner in summary.indistinguishable:
        return f"{said}, within one error: trial {winner} of {name} does as well"
    if parent is not None:
        both = bool(parent.seeds and headline.seeds)
        new, old = (h.value if both else h.search for h in (headline, parent))
        if summary.criterion.cost(new) >= summary.criterion.cost(old):
            return (
                f"{said}: {name} came to {parent.metric} {number(old)} with trial {parent.trial}"
            )
    return None

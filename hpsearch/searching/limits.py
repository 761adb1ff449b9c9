"""What ends a search before its plan does: a target, failures, rounds without a better best.

Trials are looked at in the order of their numbers, each once nothing can change its fate. So the
last trial of a search depends on values and numbers alone: it is the same with 1 job or 64, in
whatever order trials answer. What was trained beyond it meanwhile is no part of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hpsearch.config import Config
from hpsearch.messages import counted
from hpsearch.searching.criterion import Criterion
from hpsearch.trial import Ending, Result, Round, Status

KEYS = {
    "target": "metric.target",
    "max_failures": "search.max_failures",
    "patience": "search.patience",
}
"""What `Ending.by` may say, and the key of the configuration that sets this limit."""


@dataclass(frozen=True)
class Limits:
    """Where a search ends before its plan; None for no limit. The target is the criterion's."""

    max_failures: int | None = None  # failed trials that are put up with
    patience: int | None = None  # rounds in a row without a better best


UNLIMITED = Limits()


@dataclass
class Watch:
    """Goes through the trials in the order of their numbers, until a limit ends the search.

    Attributes:
        limits: of the search.
        criterion: says what is better, and what reaches the target.
        rounds: the plan.
        best: the best trial so far; the best of a parent's to begin with.
        next: the number of the trial that it comes to next.
        round: which one that trial is in.
        failures: how many failed.
        better: whether the round that it is in has a better best.
        idle: how many rounds in a row had none.
    """

    limits: Limits
    criterion: Criterion
    rounds: Sequence[Round]
    best: Result | None = None
    next: int = field(init=False)
    round: int = 0
    failures: int = 0
    better: bool = False
    idle: int = 0

    def __post_init__(self) -> None:
        self.next = self.rounds[0].first

    def end(self, results: Mapping[int, Result], is_over: Callable[[int], bool]) -> Ending | None:
        """Go on as far as fates are final; the ending, once there is one.

        Args:
            results: by number, of the trials whose fate is known.
            is_over: whether all rungs of a round have ended. Until then a trial that stopped
                may be called back, in the place of one that was lost.
        """
        while self.round < len(self.rounds):
            result = results.get(self.next)
            if result is None or (result.status is Status.STOPPED and not is_over(self.round)):
                return None
            number = self.next
            by = self._passed(result)
            if by is not None:
                return Ending(by, number)
        return None

    def _passed(self, result: Result) -> str | None:
        """Take a trial into account; the limit that ends the search with it, if one does."""
        limits, criterion = self.limits, self.criterion
        if criterion.reaches(result):
            return "target"
        self.failures += result.status is Status.FAILED
        if limits.max_failures is not None and self.failures > limits.max_failures:
            return "max_failures"
        if criterion.best([result]) and (self.best is None or self._beats(result, self.best)):
            self.best, self.better = result, True
        round = self.rounds[self.round]
        self.next += 1
        if self.next == round.first + round.trials:
            self.round += 1
            if self.round < len(self.rounds):  # settings that were added may stand between
                self.next = self.rounds[self.round].first
            self.idle, self.better = (0 if self.better else self.idle + 1), False
            if limits.patience is not None and self.idle >= limits.patience:
                return "patience"
        return None

    def _beats(self, result: Result, best: Result) -> bool:
        """Whether a trial breaks the bounds by less, or has the better value."""
        new, old = (
            (self.criterion.broken(each.metrics), self.criterion.cost(each.value)[0])
            for each in (result, best)
        )
        return new < old


def limits_of(config: Config) -> Limits:
    """The limits that a configuration sets."""
    return Limits(config.search.max_failures, config.search.patience)


def limit_set(by: str, config: Config) -> float | None:
    """What a configuration sets for the limit that ended a search."""
    section, _, name = KEYS.get(by, "").partition(".")
    value: float | None = getattr(getattr(config, section, None), name, None)
    return value


def why_ended(ending: Ending, config: Config) -> str:
    """What ended a search, in words.

    Args:
        ending: as run.json has it.
        config: of the search.
    """
    limit = limit_set(ending.by, config)
    if ending.by == "target":
        return f"trial {ending.last} is the first to reach the target: metric.target is {limit:g}"
    if ending.by == "max_failures":
        most = "none" if not limit else f"{limit:g}"
        return f"trial {ending.last} failed, one more than search.max_failures allows ({most})"
    if ending.by == "patience":
        rounds = counted(int(limit or 0), "round")
        return f"no better best in {rounds} up to trial {ending.last} (search.patience)"
    return f"ended by {ending.by} after trial {ending.last}"

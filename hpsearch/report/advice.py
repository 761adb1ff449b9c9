"""What to be wary of, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import comb
from pathlib import Path

from hpsearch.config import Config
from hpsearch.errors import as_argument
from hpsearch.report.numbers import condition, number
from hpsearch.sampling.pressure import Pressure, pressures
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.history import LOST, why_diverged, why_failed
from hpsearch.space import Choice, Space, same
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Result, Status

CHANCE = 0.05  # that a value which loses every trial has only had bad luck, at most
SELECTED = 0.5  # of the trials: more than that show where trials were drawn, not what is good
MANY = 0.25  # of the trials: more that diverged or failed are worth a word


@dataclass(frozen=True)
class Advice:
    """Something to be wary of and what to do; `parameter` is None where it is not about one."""

    code: str
    parameter: str | None
    message: str


def advise(
    run: Path, config: Config, results: Sequence[Result], elites: Sequence[Observation]
) -> Iterator[Advice]:
    """Warn of bounds that the best trials press against, and of many trials lost.

    Args:
        run: its folder, for the commands that are named.
        config: of the search.
        results: of its trials.
        elites: its best trials.
    """
    best = [elite.params for elite in elites]
    if len(best) <= SELECTED * len(results):
        for pressure in pressures(config.space, best, kind_read(config.trainer).limits()):
            yield Advice("pressure", pressure.parameter, _pressing(run, pressure, config.space))
    for status, remedy in (
        (Status.DIVERGED, why_diverged(config.space, results)),
        (Status.FAILED, why_failed(results)),
    ):
        share = sum(result.status is status for result in results) / max(1, len(results))
        if share >= MANY:
            yield Advice(status.value, None, f"{share:.0%} of the trials {status}; {remedy}")
    yield from _losing(config.space, results)


def _losing(space: Space, results: Sequence[Result]) -> Iterator[Advice]:
    """Values of one parameter with which every trial was lost, where that is hardly chance.

    Were trials lost whatever the value, the n with this one would all be among the lost with
    the hypergeometric chance C(lost, n) / C(all, n), as in Fisher's exact test (1922). Of ordered
    values the lost ones at either end count as one group. The level is divided by the number of
    groups, after Bonferroni.
    """
    ended = [result for result in results if not result.cut]
    groups: list[tuple[str, str, list[Result], list[Result]]] = []
    for parameter in space:
        name = parameter.name
        active = [result for result in ended if name in result.params]
        if parameter.fixed or parameter.per is not None:
            continue
        if isinstance(parameter.domain, Choice):
            for value in parameter.domain.values:
                group = [result for result in active if same(result.params[name], value)]
                groups.append((name, number(value), group, active))
            continue
        ordered = sorted(active, key=lambda result: _place(result.params[name]))
        for words, side in (("up to", ordered), ("of at least", ordered[::-1])):
            group = list(takewhile(lambda result: result.status in LOST, side))
            after = [result.params[name] for result in side[len(group) : len(group) + 1]]
            group = [result for result in group if result.params[name] not in after]
            end = f" {number(group[-1].params[name])}" if group else ""
            groups.append((name, f"{words}{end}", group, active))
    for name, value, group, active in groups:
        lost = sum(result.status in LOST for result in active)
        if not group or lost == len(active) or any(r.status not in LOST for r in group):
            continue
        n = len(group)
        if comb(lost, n) / comb(len(active), n) <= CHANCE / len(groups):
            others, rest = len(active) - n, lost - n
            which = "both" if n == 2 else f"all {n}"
            yield Advice(
                "losing",
                name,
                f"{which} trials with {name} {value} {_statuses(group)}, of the {others} others "
                f"{rest or 'none'}; leave it out of the space, or see why",
            )


def _statuses(lost: Sequence[Result]) -> str:
    return " or ".join(status for status in LOST if any(r.status is status for r in lost))


def _place(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _pressing(run: Path, pressure: Pressure, space: Space) -> str:
    better = "smaller" if pressure.side == "min" else "larger"
    which = ""
    if pressure.alternative is not None:
        when = space[pressure.parameter].alternatives[pressure.alternative].when
        which = f" (where {condition(when)})"
    return (
        f"{pressure.share:.0%} of the best trials press against {pressure.parameter}'s "
        f"{pressure.side} of {number(pressure.bound)}{which}; {better} values may be better "
        f"still: hpsearch refine {as_argument(run)} --widen"
    )

"""What to be wary of, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.config import Config
from hpsearch.config.kinds import limits
from hpsearch.errors import RunError
from hpsearch.report.numbers import number
from hpsearch.sampling.pressure import Pressure, pressures
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.known import LOST, UNDEFINED
from hpsearch.space import Choice, Space, same
from hpsearch.trial import Result, Status

if TYPE_CHECKING:
    from hpsearch.report.summary import Summary

SELECTED = 0.5  # of the trials: more than that show where trials were drawn, not what is good
CHANCE = 0.05  # that a value which loses every trial has only had bad luck, at most
MANY = 0.25  # of the trials: more that diverged or failed are worth a word


@dataclass(frozen=True)
class Caution:
    """Something to be wary of; `parameter` is None where it is not about one."""

    code: str
    parameter: str | None
    message: str


def warnings(
    run: Path,
    config: Config,
    results: Sequence[Result],
    elites: Sequence[Observation],
    logged: bool = True,
) -> Iterator[Caution]:
    """Bounds that the best trials press against, many trials lost, and values that lose all.

    `logged` says whether there is a logs/log.txt.
    """
    best = [elite.params for elite in elites]
    if len(best) <= SELECTED * len(results):
        for pressure in pressures(config.space, best, limits(config.trainer)):
            yield Caution("pressure", pressure.parameter, _pressing(run, pressure))
    for status in LOST:
        lost = [result for result in results if result.status is status]
        share = len(lost) / max(1, len(results))
        if share >= MANY:
            remedies = (_undefined(lost), _remedy(status, config.space, logged))
            told = next(filter(None, remedies), None)
            rest = "" if told is None else f"; {told}"
            yield Caution(status.value, None, f"{share:.0%} of the trials {status}{rest}")
    yield from _losing(config.space, results)


def without_winner(summary: Summary) -> RunError:
    """Why a search that is over has no winner, and what to do about it."""
    metric, space = summary.objective.name, summary.config.space
    told, remedies = [], []
    for status in LOST:
        lost = [result for result in summary.results if result.status is status]
        if not lost:
            continue
        undefined = _undefined(lost)
        first = next((result.error for result in lost if result.error), None)
        why = undefined or (f"the first said {first}" if first else None)
        told.append(f"{len(lost)} {status}" + (f" ({why})" if why else ""))
        if undefined:
            remedies.append("let every metric that is reported be finite, or leave it out")
        elif remedy := _remedy(status, space, summary.logged):
            remedies.append(remedy)
        if status is Status.DIVERGED and not undefined and "learning_rate" not in space:
            remedies.append("narrow the space to settings that stay finite")
    counts = f": {', '.join(told)}" if told else ""
    remedy = "; ".join(dict.fromkeys(remedies)) or "give the search more time, or more trials"
    return RunError(
        f"{summary.run.path}: no trial was completed with a finite {metric}{counts}; {remedy}"
    )


def _undefined(lost: Sequence[Result]) -> str | None:
    """The commonest reason of trials that diverged by a metric beside the one that counts."""
    errors = [r.error for r in lost if r.error is not None and r.error.startswith(UNDEFINED)]
    metrics = Counter(error.removeprefix(UNDEFINED).partition(" was ")[0] for error in errors)
    if not metrics:
        return None
    [(names, count)] = metrics.most_common(1)
    of = "" if count == len(lost) else f" in {count} of them"
    return f"{names} was NaN or infinite{of}"


def _remedy(status: Status, space: Space, logged: bool) -> str | None:
    if status is Status.FAILED:
        return "logs/log.txt has their tracebacks" if logged else None
    if "learning_rate" in space:
        return "a smaller maximum for learning_rate would waste less"
    return None


def _losing(space: Space, results: Sequence[Result]) -> Iterator[Caution]:
    """Values of one parameter with which every trial was lost, where that is hardly chance.

    Were trials lost whatever the value, the n with this one would all be among the lost with
    the hypergeometric chance C(lost, n) / C(all, n). Of ordered values the lost ones at either
    end count as one group. The chance is held against the number of groups that are looked at.
    """
    known = [result for result in results if not result.cut]
    groups: list[tuple[str, str, list[Result], list[Result]]] = []
    for parameter in space:
        name = parameter.name
        active = [result for result in known if name in result.params]
        if parameter.fixed or parameter.per is not None:
            continue
        if isinstance(parameter.domain, Choice):
            for value in parameter.domain.values:
                own = [result for result in active if same(result.params[name], value)]
                groups.append((name, number(value), own, active))
            continue
        ordered = sorted(active, key=lambda result: _place(result.params[name]))
        for words, side in (("up to", ordered), ("of at least", ordered[::-1])):
            own = list(takewhile(lambda result: result.status in LOST, side))
            after = [result.params[name] for result in side[len(own) : len(own) + 1]]
            own = [result for result in own if result.params[name] not in after]
            if own:
                end = number(own[-1].params[name])
                groups.append((name, f"{words} {end}", own, active))
            else:
                groups.append((name, words, [], active))
    for name, value, own, active in groups:
        lost = sum(result.status in LOST for result in active)
        if not own or lost == len(active) or any(r.status not in LOST for r in own):
            continue
        if comb(lost, len(own)) / comb(len(active), len(own)) <= CHANCE / len(groups):
            others = len(active) - len(own)
            yield Caution(
                "losing",
                name,
                f"all {len(own)} trials with {name} {value} {_fate(own)}, of the {others} others "
                f"{lost - len(own)}; leave it out of the space, or see why",
            )


def _fate(lost: Sequence[Result]) -> str:
    return " or ".join(status for status in LOST if any(r.status is status for r in lost))


def _place(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _pressing(run: Path, pressure: Pressure) -> str:
    better = "smaller" if pressure.side == "min" else "larger"
    return (
        f"{pressure.share:.0%} of the best trials press against {pressure.parameter}'s "
        f"{pressure.side} of {number(pressure.bound)}; {better} values may be better still: "
        f"hpsearch refine {run} --widen"
    )

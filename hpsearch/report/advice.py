"""What to be wary of, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.config import Config
from hpsearch.config.kinds import limits
from hpsearch.report.escape import printable
from hpsearch.report.numbers import number
from hpsearch.sampling.pressure import Pressure, pressures
from hpsearch.sampling.ranking import Observation
from hpsearch.trial import Result, Status

SELECTED = 0.5  # of the trials: more than that show where trials were drawn, not what is good
MOST_NAMES = 5  # of metrics in one message
MANY = 0.25  # of the trials: more that diverged or failed are worth a word


@dataclass(frozen=True)
class Caution:
    """Something to be wary of; `parameter` is None where it is not about one."""

    code: str
    parameter: str | None
    message: str


def warnings(
    run: Path, config: Config, results: Sequence[Result], elites: Sequence[Observation]
) -> Iterator[Caution]:
    """Bounds that the best trials press against, and many trials lost."""
    best = [elite.params for elite in elites]
    if len(best) <= SELECTED * len(results):
        for pressure in pressures(config.space, best, limits(config.trainer)):
            yield Caution("pressure", pressure.parameter, _pressing(run, pressure))
    for status, remedy in (
        (Status.DIVERGED, _of_diverged(config, results)),
        (Status.FAILED, "logs/log.txt has their tracebacks"),
    ):
        share = sum(result.status is status for result in results) / max(1, len(results))
        if share >= MANY:
            yield Caution(status.value, None, f"{share:.0%} of the trials {status}; {remedy}")


def without_winner(run: Path, config: Config, results: Sequence[Result]) -> str:
    """Why a search ended without a winner, and what to do: one message.

    Args:
        run: its folder.
        config: of the search.
        results: of its trials.
    """
    counts = Counter(result.status for result in results)
    reasons = []
    if counts[Status.DIVERGED]:
        reasons.append(f"{counts[Status.DIVERGED]:,} diverged; {_of_diverged(config, results)}")
    if counts[Status.FAILED]:
        reasons.append(f"{counts[Status.FAILED]:,} failed; logs/log.txt has their tracebacks")
    why = f" ({len(results):,} trials: {'; '.join(reasons)})" if reasons else ""
    return f"{run}: no trial was completed with a finite {config.metric.name}{why}"


def undefined(results: Sequence[Result]) -> list[str]:
    """The metrics that became NaN or infinite in trials that diverged, the commonest first."""
    return [
        name
        for name, _ in Counter(
            name
            for result in results
            if result.status is Status.DIVERGED
            for name, value in result.metrics.items()
            if value is None
        ).most_common()
    ]


def _of_diverged(config: Config, results: Sequence[Result]) -> str:
    """What made trials diverge, and what would waste less."""
    names = [printable(name) for name in undefined(results)[:MOST_NAMES]]
    cause = f"{', '.join(names)} became NaN or infinite; " if names else ""
    if "learning_rate" in config.space:
        return f"{cause}a smaller maximum for learning_rate would waste less"
    return f"{cause}narrow the space to where all that is reported stays finite"


def _pressing(run: Path, pressure: Pressure) -> str:
    better = "smaller" if pressure.side == "min" else "larger"
    return (
        f"{pressure.share:.0%} of the best trials press against {pressure.parameter}'s "
        f"{pressure.side} of {number(pressure.bound)}; {better} values may be better still: "
        f"hpsearch refine {run} --widen"
    )

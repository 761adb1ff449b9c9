"""What to be wary of, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.config import Config
from hpsearch.config.kinds import limits
from hpsearch.report.numbers import number
from hpsearch.sampling.pressure import Pressure, pressures
from hpsearch.sampling.ranking import Observation
from hpsearch.trial import Result, Status

SELECTED = 0.5  # of the trials: more than that show where trials were drawn, not what is good
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
        (Status.DIVERGED, "a smaller maximum for learning_rate would waste less"),
        (Status.FAILED, "logs/log.txt has their tracebacks"),
    ):
        share = sum(result.status is status for result in results) / max(1, len(results))
        if share >= MANY:
            yield Caution(status.value, None, f"{share:.0%} of the trials {status}; {remedy}")


def _pressing(run: Path, pressure: Pressure) -> str:
    better = "smaller" if pressure.side == "min" else "larger"
    return (
        f"{pressure.share:.0%} of the best trials press against {pressure.parameter}'s "
        f"{pressure.side} of {number(pressure.bound)}; {better} values may be better still: "
        f"hpsearch refine {run} --widen"
    )

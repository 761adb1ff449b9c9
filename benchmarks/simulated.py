"""The search that `hpsearch run` does, with training replaced by looking values up.

Nothing is written to disk. What proposes, stops and ranks is `hpsearch.searching.loop.Search`
itself, so a benchmark measures the tool and no copy of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.backends.serial import Serial
from hpsearch.sampling.plan import plan, round_sizes
from hpsearch.searching.brief import Brief
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.loop import Search
from hpsearch.searching.objective import Objective
from hpsearch.space import Space
from hpsearch.trainers.protocol import Job, Outcome
from hpsearch.trial import Piece, Result

OBJECTIVE = Objective("accuracy", "maximize")


class NoWriter:
    """Keeps nothing."""

    def piece(self, piece: Piece, state: object = None) -> None:
        """Nothing."""

    def result(self, result: Result) -> None:
        """Nothing."""

    def worked(self, *what: object) -> None:
        """Nothing."""

    def sync(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Lookup:
    """A trainer whose curves come from a function of (number, params, epochs from, to)."""

    curve: Callable[[Job, range], list[float]]
    epochs: int
    metrics: tuple[str, ...] = ("accuracy",)

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """One by one."""
        return [[job] for job in jobs]

    def train(self, jobs: Sequence[Job], states: Sequence[Any]) -> list[Outcome]:
        """Go on to each job's next rung."""
        return [self._one(job, state) for job, state in zip(jobs, states, strict=True)]

    def _one(self, job: Job, state: Any) -> Outcome:
        epochs = range(1 + int(state["epoch"] if state else 0), job.until_epoch + 1)
        curve: Any = {"epoch": list(epochs), "accuracy": self.curve(job, epochs)}
        return Outcome(curve, {"epoch": job.until_epoch}, finished=job.until_epoch == self.epochs)  # type: ignore[dict-item]


def search(
    space: Space,
    curve: Callable[[Job, range], list[float]],
    *,
    trials: int,
    amounts: tuple[int, ...],
    seed: int,
    screened: bool = True,
    sampler: Any = "zoom",
) -> list[Result]:
    """Every trial of one search, in the order in which their fates were known."""
    brief = Brief(
        space,
        settings={"epochs": amounts[-1]},
        rounds=plan(round_sizes(trials), amounts),
        seed=seed,
        sampler=sampler,
        screened=screened,
    )
    ledger = Ledger(OBJECTIVE, NoWriter(), began=time.time())  # type: ignore[arg-type]
    with Serial() as backend:
        Search(brief, Lookup(curve, amounts[-1]), backend, ledger, lambda _: None).go()
    return list(ledger.results.values())

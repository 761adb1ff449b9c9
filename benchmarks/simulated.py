"""The search that `hpsearch run` does, with training replaced by looking values up.

What proposes, stops, ranks and records is `hpsearch.searching.session.conduct` itself, in a run
directory that is thrown away, so a benchmark measures the tool and no copy of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.config import from_mapping
from hpsearch.searching.session import begin, conduct
from hpsearch.trainers.protocol import Job, Outcome, Report, TrainsOneByOne
from hpsearch.trial import Result

Curve = Callable[[Job, range], list[float]]


@dataclass(frozen=True)
class Lookup(TrainsOneByOne):
    """A trainer whose curves come from a function of a job and of epochs from its last one on."""

    curve: Curve
    epochs: int
    metrics: tuple[str, ...] = ("accuracy",)

    def train_one(self, job: Job, state: Any, _report: Report | None) -> Outcome:
        """Go on to the job's next rung."""
        epochs = range(1 + int(state["epoch"] if state else 0), job.until_epoch + 1)
        curve: Any = {"epoch": list(epochs), "accuracy": self.curve(job, epochs)}
        kept = {"epoch": np.array(job.until_epoch)}
        return Outcome(curve, kept, finished=job.until_epoch == self.epochs)


def search(
    space: Mapping[str, Any],
    curve: Curve,
    *,
    trials: int,
    epochs: int,
    seed: int,
    screened: bool = True,
    sampler: str = "zoom",
    workers: int | None = None,
) -> list[Result]:
    """Every trial of one search for the largest accuracy, by number.

    Args:
        space: as a configuration has it.
        curve: gives the accuracies of a trial at some epochs.
        trials: how many settings are proposed.
        epochs: of a full training.
        seed: of the search.
        screened: whether a Gaussian process picks among candidates.
        sampler: zoom or random.
        workers: for how many the plan is made; None for a few.
    """
    config = from_mapping(
        {
            "name": "simulated",
            "seed": seed,
            "trainer": {"kind": "function", "function": "simulated:Lookup", "epochs": epochs},
            "metric": {"name": "accuracy", "goal": "maximize"},
            "space": space,
            "search": {
                "trials": trials,
                "sampler": sampler,
                "screen": screened,
                "halving": epochs > 1,
                "confirm": False,
            },
            "parallel": {"backend": "serial", "workers": workers},
        }
    )
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        run = begin(config, None, Path(folder), "simulated")
        conduct(run, lambda _: None, config, trainer=Lookup(curve, epochs))
        return run.results

"""What the pieces of a user's own training have in common: their seed, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.rng import library_seed
from hpsearch.store import SafePath
from hpsearch.trainers.checkpoints import Checkpoints, to_state
from hpsearch.trainers.measures import Measures, curve_of
from hpsearch.trainers.protocol import OWN_EPOCHS, Job, Outcome


def seed_of(job: Job) -> int:
    """A seed for a user's trainer, the same wherever the job is trained."""
    return library_seed(*job.seed, "user", rules=job.rules)


def params_of(job: Job) -> dict[str, Any]:
    """The parameters of a job as a user's trainer is told them, one called "epochs" among them."""
    hidden = {"epochs": job.settings[OWN_EPOCHS]} if OWN_EPOCHS in job.settings else {}
    own = {n: v for n, v in job.settings.items() if n not in ("epochs", OWN_EPOCHS)}
    return {**own, **hidden}


def outcome_of(
    job: Job,
    rows: Mapping[int, Measures],
    metric: str,
    done: int,
    ended: bool,
    checkpoints: Checkpoints,
    left: SafePath | None,
) -> Outcome:
    """The outcome of a piece; its checkpoint is kept where a later piece may go on from it.

    Args:
        job: the piece.
        rows: the metrics of its epochs.
        metric: what counts.
        done: the epoch that it went on from.
        ended: whether training ended by itself, so that more epochs would change nothing.
        checkpoints: of its training.
        left: the folder with what a later piece may go on from; None where it never does.

    Raises:
        TrainerError: there is no epoch, or one between others is missing.
    """
    if not rows:
        checkpoints.drop()
        if done:  # it was at its end before
            return Outcome({"epoch": []}, None, finished=True)
        raise TrainerError("training must report metrics after each epoch, found none")
    curve, diverged = curve_of(rows, metric)
    finished = ended or job.until_epoch >= job.settings["epochs"]  # type: ignore[operator]
    if diverged or finished:
        checkpoints.drop()
        return Outcome(curve, None, diverged=diverged, finished=finished)
    kept = left is not None and checkpoints.keep(left, job.until_epoch)
    if not kept:
        checkpoints.drop()
    return Outcome(curve, to_state(job.until_epoch, kept))

"""A trial again: bit for bit, longer, with other seeds, or on more of the data."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hpsearch import backends
from hpsearch.config import Config
from hpsearch.data.dataset import Dataset, write_prepared
from hpsearch.data.encoding import fit
from hpsearch.errors import RunError, TrainerError
from hpsearch.searching.brief import brief_of, known_trials
from hpsearch.searching.known import Known
from hpsearch.searching.session import jobs_of
from hpsearch.store import RunDirectory
from hpsearch.trainers.network import NetworkTrainer
from hpsearch.trainers.protocol import Job, Outcome
from hpsearch.trial import Status


def known_trial(run: RunDirectory, config: Config, number: int | None) -> Known:
    """A trial of a run or of its parents by its number; the winner for None.

    Raises:
        RunError: there is no such trial, no winner, or the trial failed.
    """
    known = {each.result.number: each for each in known_trials(run, brief_of(run, config))}
    if number is None:
        if run.outcome is None:
            raise RunError(f"{run.path}: has no winner yet; name a trial with --trial")
        number = int(run.outcome["number"])
    if number not in known:
        have = f"{min(known)} to {max(known)}" if known else "none"
        raise RunError(f"{run.path}: has no trial {number}; there are {have}")
    if known[number].result.status is Status.FAILED:
        raise RunError(f"{run.path}: trial {number} failed: {known[number].result.error}")
    return known[number]


def jobs_again(
    config: Config, known: Known, epochs: int | None = None, seeds: int = 0
) -> list[Job]:
    """The training of a trial as it was, or `seeds` times with new random numbers.

    A learning rate that follows a cosine over all epochs is stretched with `epochs`.
    """
    settings = {**config.trainer.settings, **known.result.params}
    until = known.result.epochs
    if epochs is not None:
        settings["epochs"] = until = epochs
    identities: Sequence[tuple[int | str, ...]] = [known.seed]
    if seeds:
        identities = [(*known.seed, "again", again) for again in range(seeds)]
    return [
        Job(known.result.number, settings, seed, until_epoch=until, repeat=repeat)
        for repeat, seed in enumerate(identities)
    ]


def without_validation(dataset: Dataset, config: Config) -> Dataset:
    """The same data with the validation rows among the training rows; test rows stay apart."""
    assert config.data is not None
    rows = np.sort(np.concatenate([dataset.parts["train"], dataset.parts["val"]]))
    encoding = fit(
        dataset.source,
        rows,
        dataset.classes,
        standardize=config.data.standardize,
        missing=config.data.missing,
    )
    return replace(dataset, parts={**dataset.parts, "train": rows}, encoding=encoding)


def train(jobs: Sequence[Job], config: Config, dataset: Dataset) -> list[Outcome]:
    """Train jobs as a search would, and give their outcomes in the same order.

    Raises:
        TrainerError: a training failed.
    """
    outcomes: dict[int, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        write_prepared(dataset, Path(folder))
        trainer = NetworkTrainer(folder, len(dataset.classes))
        groups: dict[Hashable, list[Job]] = dict(enumerate(trainer.groups(jobs)))
        with backends.create(config.parallel.backend, min(jobs_of(config), len(groups))) as at:
            for key, group in groups.items():
                at.submit(backends.Task(key, trainer.train, (group, [None] * len(group))))
            while at.pending:
                answer = at.next()
                if answer.kind != "ok":
                    raise TrainerError(f"training trial {jobs[0].number} again: {answer.error}")
                for job, outcome in zip(groups.pop(answer.key), answer.value, strict=True):
                    outcomes[job.repeat] = outcome
    return [outcomes[job.repeat] for job in jobs]

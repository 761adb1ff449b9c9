"""A trial again: bit for bit, longer, with other seeds, or on more of the data."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hpsearch import backends
from hpsearch.config import Config
from hpsearch.data.dataset import Dataset, with_parts, write_folds
from hpsearch.errors import RunError, TrainerError
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.curves import Curve, average
from hpsearch.searching.history import PastTrial
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.session import folds_of
from hpsearch.searching.spec import check_reported, check_rules, past_trials, spec_for, spec_of
from hpsearch.searching.trainer import backend_of, here, trainer_of
from hpsearch.searching.winner import median
from hpsearch.store import RunDirectory
from hpsearch.trainers.kinds import kind_of
from hpsearch.trainers.protocol import Job, Outcome
from hpsearch.trial import Status, Training


def known_trial(run: RunDirectory, config: Config, number: int | None) -> PastTrial:
    """Find a trial of a run, or of its parent, by number; None finds the winner.

    Raises:
        RunError: there is no such trial, no winner, the trial failed, or the run was searched
            by rules of a later version.
    """
    info = run.info
    check_rules(run, info)
    check_reported(run, config)
    known = {each.result.number: each for each in past_trials(run, spec_of(run, info, config))}
    if number is None:
        winner = run.winner(info)
        if winner is None:
            raise RunError(f"{run.path}: has no winner yet; name a trial with --trial")
        number = winner.number
    if number not in known:
        have = f"{min(known)} to {max(known)}" if known else "none"
        raise RunError(f"{run.path}: has no trial {number}; there are {have}")
    if known[number].result.status is Status.FAILED:
        raise RunError(f"{run.path}: trial {number} failed: {known[number].result.error}")
    return known[number]


def jobs_again(
    config: Config, known: PastTrial, epochs: int | None = None, seeds: int = 0
) -> list[Job]:
    """The trainings of a trial as they were, or `seeds` times with new random numbers.

    Args:
        config: of the trial's search.
        known: the trial.
        epochs: train this long instead; a cosine schedule is stretched with it. None for as
            long as the trial trained.
        seeds: how many new seeds; 0 for the trial's own.

    Returns:
        One job for each repeat and fold, in this order; with new seeds, one for each seed
        (numbered as `repeat`) and fold.
    """
    spec = spec_for(config, rounds_of(config))
    settings = spec.settings_of(known.result.params)
    until = known.result.epochs
    if not kind_of(config.trainer).needs_data and known.result.status is Status.COMPLETED:
        until = config.trainer.epochs  # where it ended by itself it does so again
    if epochs is not None:
        settings["epochs"] = until = epochs
    trainings = [
        (spec.seed_of_training(known.seed, repeat), repeat, fold)
        for repeat, fold in spec.trainings
    ]
    if seeds:
        trainings = [
            ((*known.seed, "again", again), again, fold)
            for again in range(seeds)
            for fold in range(spec.folds)
        ]
    return [
        Job(
            known.result.number,
            settings,
            seed,
            until_epoch=until,
            repeat=repeat,
            fold=fold,
            rules=known.rules,
        )
        for seed, repeat, fold in trainings
    ]


def for_refit(config: Config, known: PastTrial) -> tuple[Config, PastTrial]:
    """The search and the trial for a training on all rows but the test rows.

    No rows are left to validate on, so one training replaces all folds and repeats; where the
    best epoch counts, it stops at the epoch that was best in the search.

    Raises:
        RunError: the trial's learning curve, which says what epoch that was, is gone.
    """
    metric, search = config.metric, config.search
    if metric.at == "best" and len(known.curve.get(metric.name, ())) < known.result.epochs:
        raise RunError(
            f"trial {known.result.number}: curves.jsonl must hold its {metric.name} after each "
            "epoch, to say which was best; found fewer: train it again without --refit"
        )
    counts = criterion_of(config).epoch_after(known.curve, known.result.epochs)
    known = replace(known, result=replace(known.result, epochs=counts))
    config = replace(
        config,
        metric=replace(metric, at="last"),
        search=replace(search, folds=None, repeats=1),
    )
    return config, known


def without_validation(dataset: Dataset, config: Config) -> Dataset:
    """The same data with the validation rows among the training rows; test rows stay apart."""
    assert config.data is not None
    rows = np.sort(np.concatenate([dataset.parts["train"], dataset.parts["val"]]))
    return with_parts(dataset, {**dataset.parts, "train": rows}, config.data)


def train(jobs: Sequence[Job], config: Config, dataset: Dataset | None) -> list[Outcome]:
    """Train jobs as a search would, each on its fold, and give outcomes in the same order.

    Raises:
        TrainerError: a training failed.
    """
    config, folds = here(config), folds_of(config, dataset)
    outcomes: dict[Training, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        if folds:
            write_folds(folds, Path(folder))
        trainer = trainer_of(config, Path(folder), Path(folder), folds)
        groups: dict[Hashable, list[Job]] = dict(enumerate(trainer.groups(jobs)))
        folders = backends.Folders(Path(folder), Path(folder))
        with backend_of(config, folders, most=len(groups)) as at:
            for key, group in groups.items():
                at.submit(backends.Task(key, trainer.train, (group, [None] * len(group))))
            while at.pending:
                answer = at.next()
                if answer.kind != "ok":
                    raise TrainerError(f"training trial {jobs[0].number} again: {answer.error}")
                for job, outcome in zip(groups.pop(answer.key), answer.value, strict=True):
                    outcomes[job.training] = outcome
    return [outcomes[job.training] for job in jobs]


def curves_by_seed(jobs: Sequence[Job], outcomes: Sequence[Outcome], metric: str) -> list[Curve]:
    """The learning curve of each seed: the mean over its folds.

    Args:
        jobs: as `jobs_again` gave them.
        outcomes: of these jobs, in the same order.
        metric: that trials are compared by, see `average`.
    """
    by_seed: dict[int, list[Curve]] = defaultdict(list)
    for job, outcome in zip(jobs, outcomes, strict=True):
        by_seed[job.repeat].append(outcome.curve)
    return [average(curves, metric) for curves in by_seed.values()]


def model_again(
    jobs: Sequence[Job], outcomes: Sequence[Outcome], config: Config, dataset: Dataset
) -> bytes:
    """The file of the model of the training with the median value, as a search would choose it.

    Args:
        jobs: that were trained.
        outcomes: of these jobs, in the same order.
        config: of the search.
        dataset: that they were trained on.

    Raises:
        TrainerError: that training diverged.
    """
    criterion = criterion_of(config)
    trained = {job.training: (job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)}
    values = {each: _value(outcome, criterion) for each, (_, outcome) in trained.items()}
    job, outcome = trained[median(values, criterion)]
    if outcome.state is None:
        raise TrainerError(
            f"trial {job.number}: a model needs a training that does not diverge, found one that "
            "did; choose another trial with --trial"
        )
    file = kind_of(config.trainer).model
    assert file is not None
    assert file.as_bytes is not None
    return file.as_bytes(job.settings, outcome.state, folds_of(config, dataset)[job.fold])


def _value(outcome: Outcome, criterion: Criterion) -> float | None:
    """The value of a training; None where it diverged."""
    curve = outcome.curve
    counts = criterion.epoch_after(curve, len(curve["epoch"]))
    return None if outcome.diverged else curve[criterion.name][counts - 1]

"""Lines of a babysat model again, whole: bit for bit, with other random numbers, on other rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hpsearch.config import Config
from hpsearch.data.dataset import Dataset, write_folds
from hpsearch.errors import RunError, as_argument
from hpsearch.searching.babysit.bench import Bench, bench
from hpsearch.searching.babysit.lines import Line
from hpsearch.searching.babysit.story import Story
from hpsearch.searching.curves import Curve, end_to_end
from hpsearch.searching.history import PastTrial
from hpsearch.searching.session import folds_of
from hpsearch.searching.trainer import Function
from hpsearch.store.records import BabysitStart
from hpsearch.trainers.protocol import Job, Outcome, State
from hpsearch.trial import Point


@contextmanager
def bench_aside(
    config: Config,
    start: BabysitStart,
    dataset: Dataset | None,
    function: Function | None = None,
) -> Iterator[tuple[Bench, Path]]:
    """What trains a babysat model outside its run's folder, for a block, and the folder instead.

    Args:
        config: of the training.
        start: of the model.
        dataset: what it is trained on; None where the trainer reads its own.
        function: from Python, to train instead of what the configuration names.
    """
    folds = folds_of(config, dataset)[:1]
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        place = Path(folder)
        for name in ("data", "state", "logs"):
            (place / name).mkdir()
        if folds:
            write_folds(folds, place / "data")
        with bench(config, start, place, place / "data", folds, function) as ready:
            yield ready, place


def known_line(story: Story, number: int | None) -> PastTrial:
    """A line of a babysat model up to its last epoch; None finds the best, up to its best epoch.

    Raises:
        RunError: there is no such line, or nothing of it was trained.
    """
    path, best = story.run.path, story.best
    if number is None and best is None:
        raise RunError(
            f"{path}: has no epoch with a finite {story.criterion.name} yet; train it with: "
            f"hpsearch resume {as_argument(path)}"
        )
    last = len(story.lines.all) - 1
    if number is not None and not 0 <= number <= last:
        raise RunError(f"{path}: has no branch {number}; there are 0 to {last}")
    if number is None:
        assert best is not None
        number, epochs = best.trial, best.epoch
    else:
        epochs = story.last_epoch(number)
    if not epochs:
        raise RunError(
            f"{path}: branch {number} has no epoch yet; train it with: "
            f"hpsearch resume {as_argument(path)}"
        )
    curve = {name: values[:epochs] for name, values in story.curve(number).items()}
    result = story.result(Point(story.lines.owner(number, epochs), epochs))
    start = story.info.babysit
    assert start is not None
    return PastTrial(replace(result, number=number), curve, start.seed, start.rules)


def lines_again(
    story: Story, config: Config, known: PastTrial, dataset: Dataset | None, seeds: int = 0
) -> tuple[list[Job], list[Outcome]]:
    """Train a line of a babysat model as it was, its changes at the epochs where they were.

    Args:
        story: of the model.
        config: of the training.
        known: the line, trained up to its result's epoch.
        dataset: what it is trained on.
        seeds: how often, with new random numbers; 0 for once with its own.

    Returns:
        The last job of each training, numbered as `repeat`, and its outcome with all epochs.

    Raises:
        TrainerError: a training failed.
    """
    line, until = story.lines.all[known.result.number], known.result.epochs
    assert story.info.babysit is not None
    identities = [(*known.seed, "again", again) for again in range(seeds)] or [known.seed]
    jobs, outcomes = [], []
    with bench_aside(config, story.info.babysit, dataset) as (ready, _):
        for repeat, identity in enumerate(identities):
            start = replace(ready.start, seed=identity)
            job, outcome = train_line(replace(ready, start=start), line, until)
            jobs.append(replace(job, repeat=repeat))
            outcomes.append(outcome)
    return jobs, outcomes


def train_line(
    ready: Bench, line: Line, until: int, at: int = 0, state: State | None = None
) -> tuple[Job, Outcome]:
    """Train a line piece by piece from a state after some epoch, as one job and outcome."""
    curve: Curve = {}
    remarks: Sequence[str] = ()
    while True:
        end, settings = next(line.pieces(at, until))
        job = ready.job(line, settings, end)
        outcome = ready.train(job, state).outcome
        curve, state = end_to_end([curve, outcome.curve]), outcome.state
        remarks = (*remarks, *outcome.remarks)
        reached = int(curve["epoch"][-1] or 0) if curve["epoch"] else at
        if reached < end or end >= until or outcome.diverged:
            whole = {name: list(values) for name, values in curve.items()}
            return job, replace(outcome, curve=whole, remarks=tuple(remarks))
        at = end

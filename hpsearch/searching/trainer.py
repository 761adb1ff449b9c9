"""The trainer of a search, made by its kind, and the workers that it trains in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch import backends
from hpsearch.backends import node
from hpsearch.config import Config
from hpsearch.data.dataset import Dataset
from hpsearch.errors import TrainerError
from hpsearch.store import RunDirectory, SafePath, trial_folder
from hpsearch.trainers.kinds import Kind, Setup, Workplace, kind_named, kind_of
from hpsearch.trainers.protocol import Best, Job, Outcome, Report, State, Trainer
from hpsearch.trial import whole_name

Function = Callable[..., Any]
"""A function that was handed over from Python, instead of named in a configuration."""


LOAD = "load it with hpsearch.load({}, objective=...)"
"""How a babysat model that was begun with a function from Python gets it again."""

AGAIN = "go on with: hpsearch.load({}).resume(objective)"
"""How a search gets it."""


def setup_of(config: Config, function: Function | None = None) -> Setup:
    """What a configuration says of its trainer, as its kind takes it."""
    metric = config.metric
    return Setup(
        config.trainer.options,
        config.space.names,
        metric.name,
        Best(metric.name, metric.goal) if metric.at == "best" else None,
        threads_of(config, jobs_of(config)),
        workers=config.parallel.backend != "serial",
        function=function,
        measured=tuple(each.name for each in (metric, *config.other_metrics)),
    )


def inspected(config: Config, function: Function | None = None) -> Config:
    """The configuration, now that its trainer was looked at, as its kind does before a search.

    Where training cannot stop after an epoch, each trial is trained in full: no halving.

    Raises:
        TrainerError: it cannot work: a function that cannot be imported, no such program, ...
    """
    if kind_of(config.trainer).inspect(setup_of(config, function)):
        return config
    return replace(config, search=replace(config.search, halving=None))


def check_at_hand(run: RunDirectory, config: Config, remedy: str) -> None:
    """Refuse to train without it what was begun with a function handed over from Python.

    Such a function stands in `__main__`, where nothing can be imported from.

    Args:
        run: of the trainings.
        config: of the run.
        remedy: what hands it over again, for the message; {} stands for the run.

    Raises:
        TrainerError: it was begun with one.
    """
    named = config.trainer.options.get("function")
    if isinstance(named, str) and named.startswith("__main__:"):
        place = run.name if run.path.parent == Path("runs") else str(run.path)
        raise TrainerError(
            f"{run.path}: was begun with a function handed over from Python; "
            f"{remedy.format(json.dumps(place, ensure_ascii=False))}"
        )


def trainer_of(
    config: Config,
    run: Path,
    data: Path,
    folds: Sequence[Dataset],
    function: Function | None = None,
) -> Trainer:
    """The trainer of a search.

    Args:
        config: of the search.
        run: the run's folder, or a temporary one.
        data: the folder of the prepared arrays, one folder in it for each fold.
        folds: the data that they are of; empty where the trainer reads its own.
        function: handed over from Python, instead of one that the configuration names.
    """
    classes = len(folds[0].classes) if folds else 0
    place, setup = Workplace(run, data, classes), setup_of(config, function)
    kind = kind_of(config.trainer)
    if config.parallel.backend != "dask":
        return kind.make(setup, place)
    code: Mapping[str, bytes] = {}
    if function is None and kind.code is not None and kind.code.modules is not None:
        code = kind.code.modules(setup.options)
    place = replace(place, run=run.resolve(), data=data.resolve())  # a worker is elsewhere
    return TravellingTrainer(kind.name, setup, place, code)


@dataclass(frozen=True)
class TravellingTrainer:
    """A trainer that is made anew at each worker of a cluster, in the folders that are there.

    Attributes:
        kind: its name.
        setup: what the configuration says of it.
        place: where it works for who conducts the search.
        code: files of the user's code, by their paths in the folder that it is looked for in.
    """

    kind: str
    setup: Setup
    place: Workplace
    code: Mapping[str, bytes]

    def groups(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """See `Trainer`."""
        return self.made_here().groups(jobs)

    def made_here(self) -> Trainer:
        """The trainer for who conducts the search."""
        return self._made(self.setup, self.place)

    def train(
        self, jobs: Sequence[Job], states: Sequence[State | None], report: Report | None = None
    ) -> list[Outcome]:
        """See `Trainer`.

        Raises:
            TrainerError: what it trains with is not at this worker.
        """
        setup, place, at = self.setup, self.place, node.here()
        if at is not None and at.folders is not None:
            place = replace(place, run=at.folders.run, data=at.folders.data)
        if at is not None and self.code:
            home = node.code_here(setup.options["folder"], self.code, at.scratch)
            setup = replace(setup, options={**setup.options, "folder": home})
        elif at is not None and _modules_of(self._kind) is None:
            self._kind.inspect(setup)
        return self._made(setup, place).train(jobs, states, report)

    @property
    def _kind(self) -> Kind:
        return kind_named(self.kind).variant(self.setup.options)

    def _made(self, setup: Setup, place: Workplace) -> Trainer:
        return self._kind.make(setup, place)


def _modules_of(kind: Kind) -> Callable[[Mapping[str, Any]], Mapping[str, bytes]] | None:
    """What gives the user's code, which is sent to workers; None where it has to be there."""
    return None if kind.code is None else kind.code.modules


def files_of(jobs: Sequence[Job]) -> tuple[str, ...]:
    """What a group of jobs reads and writes in the run's folder: checkpoints, folders and logs."""
    states = [f"state/{whole_name(job.training)}" for job in jobs]
    folders = ["/".join(trial_folder(SafePath(Path()), job.training).parts) for job in jobs]
    several = [(str(job.number), whole_name(job.training)) for job in jobs]
    numbers = dict.fromkeys(number for both in several for number in both)  # of repeats, too
    logs = [f"logs/trial-{n}.{end}txt" for n in numbers for end in ("", "stdout.", "stderr.")]
    return (*states, *folders, *logs)


def jobs_of(config: Config) -> int | None:
    """How many trials train at once; None for as many as a cluster has room for, now and then.

    One that may take all cores has the machine for itself.
    """
    if config.parallel.backend == "serial":
        return 1
    jobs = config.parallel.jobs
    if _elsewhere(config) and jobs in ("auto", -1):
        return None
    if jobs == "auto" and kind_of(config.trainer).threads == "all":
        return 1
    return backends.auto_jobs() if jobs in ("auto", -1) else int(jobs)


def threads_of(config: Config, jobs: int | None) -> int:
    """The threads of each worker. One is the rule where their number would change bits.

    A Dask worker says by the number of its threads how many trials it trains at once.
    """
    threads, kind = config.parallel.threads, kind_of(config.trainer)
    if kind.threads == "one":
        return 1
    if threads != "auto":
        return threads
    if jobs is None or kind.threads != "all" or _elsewhere(config):
        return 1
    return max(1, backends.auto_jobs() // jobs)


def here(config: Config) -> Config:
    """The same, trained on this machine: one trial needs no cluster, which may be long gone."""
    if config.parallel.backend in ("local", "serial"):
        return config
    return replace(config, parallel=replace(config.parallel, backend="local"))


def cluster_of(config: Config) -> backends.Cluster:
    """The Dask cluster that a configuration names."""
    parallel = config.parallel
    tls = None if parallel.tls is None else vars(parallel.tls)
    return backends.Cluster(parallel.scheduler, parallel.scheduler_file, tls)


def _elsewhere(config: Config) -> bool:
    """Whether trials run on a cluster, which says how many there is room for."""
    parallel = config.parallel
    if parallel.backend == "joblib":
        return (parallel.engine or "loky") not in backends.ON_THIS_MACHINE
    return parallel.backend == "dask" and cluster_of(config).named


def backend_of(
    config: Config,
    folders: backends.Folders,
    most: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> backends.Backend:
    """Where a configuration's trials run.

    Args:
        config: of the search.
        folders: of the run, or temporary ones.
        most: workers at most.
        say: takes what people should know of a cluster.
    """
    parallel, jobs = config.parallel, jobs_of(config)
    if most is not None:
        jobs = most if jobs is None else min(jobs, most)
    return backends.create(
        parallel.backend,
        jobs,
        threads=threads_of(config, jobs),
        memory=parallel.memory,
        devices=parallel.devices or (),
        cluster=cluster_of(config),
        folders=folders,
        say=say,
        engine=parallel.engine,
    )

"""A run directory is made for a search, and the search is done in it, to its winner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hpsearch import backends
from hpsearch.backends import ClusterLostError, Folders
from hpsearch.config import Config, from_run
from hpsearch.data.dataset import Dataset, cross_validation, load, write_folds
from hpsearch.errors import ConfigError, RunError, as_argument
from hpsearch.rng import RULES
from hpsearch.searching.by_hand import by_hand_in
from hpsearch.searching.criterion import criterion_of
from hpsearch.searching.desk import Desk
from hpsearch.searching.events import FilesChanged, Listener, Remarked, SearchEnded, SearchStarted
from hpsearch.searching.history import check_params
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.provenance import provenance
from hpsearch.searching.refine import Refinement
from hpsearch.searching.running import Watched, running_folder
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.spec import check_reported, proposals, spec_for, spec_of
from hpsearch.searching.trainer import Function, backend_of, trainer_of
from hpsearch.searching.trust import seal
from hpsearch.searching.winner import write_winner
from hpsearch.store import (
    RunData,
    RunDirectory,
    RunInfo,
    SafePath,
    Writer,
    as_yaml,
    create,
    vanished,
)
from hpsearch.trainers.kinds import kind_of
from hpsearch.trainers.protocol import Trainer
from hpsearch.trial import Inherited, Round, Trial

BEAT = 1.0
"""Seconds between two notes of how long a search has taken, which count if it is killed."""

BEAT_SHARE = 0.01
"""Of the time gone by that a kill may cost instead, in a long search."""


def first_trials(config: Config) -> list[Trial]:
    """The first round as a search will propose it."""
    rounds = rounds_of(config)
    return proposals(spec_for(config, rounds), rounds[0])


def read_data(config: Config) -> Dataset | None:
    """The data of a search, read, split and checked; None where the trainer reads its own."""
    if config.data is None:
        kind = kind_of(config.trainer)
        if not kind.needs_data:
            return None
        raise ConfigError(f"data: {kind.data_missing()}")
    dataset = load(config.data)
    folds_of(config, dataset)
    return dataset


def folds_of(config: Config, dataset: Dataset | None) -> list[Dataset]:
    """The data once for each fold, or as it is where there are none; at place k that of fold k.

    A trainer that reads its own data has none here.

    Raises:
        DataError: the data cannot be cut into so many folds.
    """
    if dataset is None:
        return []
    if config.search.folds is None:
        return [dataset]
    assert config.data is not None
    return cross_validation(dataset, config.search.folds, config.data)


def run_name(config: Config) -> str:
    """The name of a run that was given none: the search's, and the time in UTC."""
    return f"{config.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def begin(
    config: Config,
    dataset: Dataset | None,
    runs_dir: Path,
    name: str | None = None,
    refinement: Refinement | None = None,
    sealed: bool = True,
) -> RunDirectory:
    """Make the run directory of a search whose data is known to be sound.

    Args:
        config: of the search.
        dataset: what it trains on; None where the trainer reads its own.
        runs_dir: the folder that holds the runs.
        name: of the run; None for one that is free.
        refinement: what narrowed the configuration, if anything did.
        sealed: whether the code that it names is the user's word, and not only a parent's.

    Raises:
        RunError: the name is taken, the folder cannot be written, or others can read the key
            that seals runs.
    """
    if refinement is None:
        info = new_info(config, dataset, rounds_of(config))
        return create_run(config, runs_dir, name, info, sealed=sealed)
    parent, history = refinement.parent, refinement.history
    tried = [past.result.params for past in history]
    info = replace(
        new_info(config, dataset, rounds_of(config, refinement.first, tried)),
        parent=_named(parent, runs_dir),
        parent_winner=refinement.winner,
        test_looks=refinement.parent_info.test_looks,
    )
    lines = [past.as_inherited() for past in history]
    return create_run(config, runs_dir, name, info, lines, sealed=sealed)


def new_info(config: Config, dataset: Dataset | None, plan: tuple[Round, ...]) -> RunInfo:
    """What run.json says of a search that has not begun: "interrupted", for there is all to do."""
    return RunInfo(
        name=config.name,
        status="interrupted",
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        began=time.time(),
        seed=config.seed,
        rules=RULES,
        data=described(dataset),
        config=config.as_dict(),
        config_yaml=_as_text(config_text(config)),  # to notice if it is changed by hand
        plan=plan,
        **provenance(),
    )


def create_run(
    config: Config,
    runs_dir: Path,
    name: str | None,
    info: RunInfo,
    history: Sequence[Inherited] = (),
    *,
    sealed: bool = True,
    fill: Callable[[SafePath], None] | None = None,
) -> RunDirectory:
    """Make a run directory, sealed and complete from the moment it appears.

    Args:
        config: of its search.
        runs_dir: the folder that holds the runs.
        name: of the run; None for the configuration's and the time, numbered if that is taken.
        info: as `new_info` gives it, with what is different.
        history: trials of a parent.
        sealed: whether the code that it names is the user's word.
        fill: writes what else the folder shall hold.
    """
    info = replace(info, seal=seal(info) if sealed else None)
    given = run_name(config) if name is None else name
    text = config_text(config)
    return create(runs_dir, given, text, info, history, numbered=name is None, fill=fill)


def fingerprint_of(dataset: Dataset | None) -> str | None:
    """What tells the data of two runs apart; None where the trainer reads its own."""
    return None if dataset is None else dataset.fingerprint


def described(dataset: Dataset | None) -> RunData:
    """What run.json says of the data."""
    if dataset is None:
        return RunData(fingerprint=None, rows={}, features=0, classes=[])
    return RunData(
        fingerprint=dataset.fingerprint,
        rows={str(part): rows for part, rows in dataset.counts.items()},
        features=dataset.features,
        classes=list(dataset.classes),
    )


def _named(parent: RunDirectory, runs_dir: Path) -> str:
    """A parent beside its child is known by name, another by its path."""
    beside = parent.path.resolve().parent == runs_dir.resolve()
    return parent.name if beside else str(parent.path.resolve())


def config_text(config: Config) -> bytes:
    """What the user wrote; for a search from Python or by `refine`, the same in YAML."""
    return as_yaml(config.as_dict()).encode() if config.text is None else config.text


def _as_text(written: bytes) -> str | None:
    try:
        return written.decode()
    except UnicodeDecodeError:
        return None


def conduct(
    run: RunDirectory,
    notify: Listener,
    config: Config | None = None,
    dataset: Dataset | None = None,
    function: Function | None = None,
    trainer: Trainer | None = None,
) -> None:
    """Do a search, or what is left of it, to the end: its winner stands in best/.

    Args:
        run: what is on disk decides what is left to do.
        notify: is called with every event.
        config: the run's own, perhaps with other `parallel` settings; None to read it.
        dataset: its data; None to read it.
        function: to train with, instead of the one that the configuration names.
        trainer: what trains instead of all that the configuration names, as benchmarks do.

    Raises:
        RunError: another process is at it, the data is not what it was, or the disk is full,
            read-only or gone.
        TrainerError: each of the first trials failed.
    """
    backends.open_streams()
    info = run.info
    config = config or from_run(info.config, run.path)
    if trainer is None:
        check_reported(run, config)
    folds = folds_of(config, dataset or same_data(run, info, config))
    spec = spec_of(run, info, config)
    deadline = None
    if spec.timeout is not None:
        deadline = time.monotonic() + spec.timeout - run.seconds(info)

    def changed(files: str) -> None:
        notify(FilesChanged(files))

    def said(message: str) -> None:
        notify(Remarked(message))

    with (
        watched_disk(run),
        run.writing(changed) as writer,
        kept_status(run, writer),
        prepared_data(run, folds),
        running_folder(run),
    ):
        trainer = trainer or trainer_of(config, run.path, run.data.path, folds, function)
        folders = Folders(run.path.resolve(), run.data.path.resolve())
        with cluster_kept(run), backend_of(config, folders, say=said) as backend:
            ledger = Ledger(criterion_of(config), writer, info.began, spec.trainings)
            ledger.folders_stay = config.trainer.options.get("keep") == "all"
            ledger.read(run)
            check_params(ledger.results.values(), spec.space, run.inside / "trials.jsonl")
            by_hand = by_hand_in(run, spec)
            desk = Desk(run, config, spec, by_hand, writer)
            reports = Watched(run.running.resolved())
            search = Scheduler(
                spec, trainer, backend, ledger, notify, deadline, by_hand, desk, reports
            )
            trials = spec.trials + len(by_hand.added)
            notify(SearchStarted(run, trials, len(ledger.results), backend.jobs))
            try:
                search.go()
            except KeyboardInterrupt:
                search.take_in()
                raise
            writer.update(out_of_time=not search.confirmed, ending=search.ending)
            write_winner(run, search, folds, kind_of(config.trainer))
        if search.confirmed:  # else what the time cut goes on from its states
            with suppress(OSError):
                run.states.remove()  # a failed confirmation may leave some
            run.states.mkdir(exist_ok=True)
    notify(SearchEnded(run))


def same_data(run: RunDirectory, info: RunInfo, config: Config) -> Dataset | None:
    """The data of a run, which must be what it was when the run began.

    Raises:
        RunError: it is not.
    """
    dataset = read_data(config)
    expected = info.data.fingerprint
    if dataset is not None and dataset.fingerprint != expected:
        raise RunError(
            f"{run.path}: the data must be what the run began with (fingerprint "
            f"{str(expected)[:12]}), found {dataset.fingerprint[:12]} in {dataset.source.name}; "
            "restore it, or start a new run"
        )
    return dataset


@contextmanager
def watched_disk(run: RunDirectory) -> Iterator[None]:
    """Say of a disk that is full, read-only or gone which it is, and how to go on.

    Only the run directory is written inside: what trials raise comes back as answers.
    """
    try:
        yield
    except OSError as error:
        if not run.path.is_dir():
            raise vanished(run.path) from error
        raise RunError(
            f"{run.path}: must be a folder that can be written, found: "
            f"{error.strerror or error}; what finished is on disk. Once that is mended, go on "
            f"with: hpsearch resume {as_argument(run.path)}"
        ) from error


@contextmanager
def cluster_kept(run: RunDirectory) -> Iterator[None]:
    """Say how to go on where the cluster is gone."""
    try:
        yield
    except ClusterLostError as error:
        raise ClusterLostError(
            f"{error}. What finished is on disk; go on with: "
            f"hpsearch resume {as_argument(run.path)} --scheduler ADDRESS"
        ) from None


@contextmanager
def prepared_data(run: RunDirectory, folds: Sequence[Dataset]) -> Iterator[None]:
    """The data as memory-mapped files that all workers share, for as long as they work."""
    run.data.remove()  # a crash may have left them
    try:
        if folds:
            run.data.mkdir()
            write_folds(folds, run.data.path)
        yield
    finally:
        with suppress(OSError):
            run.data.remove()


@contextmanager
def kept_status(run: RunDirectory, writer: Writer) -> Iterator[Callable[[str], None]]:
    """Keep run.json's status and seconds true, whatever happens inside.

    Gives what may be told another status than "finished" for a block that ends well.
    """
    info = run.info  # as it is now that nobody else may write it
    started, spent, over = time.monotonic(), run.seconds(info), threading.Event()
    writer.describe(replace(info, status="running", seconds=spent))

    def seconds() -> float:
        return round(spent + time.monotonic() - started, 3)

    def keep_time() -> None:
        while not over.wait(max(BEAT, BEAT_SHARE * seconds())):
            with suppress(OSError, RunError):  # who trains will meet it, too
                writer.update(seconds=seconds())

    def end(status: str) -> None:
        over.set()
        beat.join()
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        writer.update(status=status, ended=now, seconds=seconds())

    beat = threading.Thread(target=keep_time, daemon=True)
    beat.start()
    last = ["finished"]
    try:
        yield last.append
    except BaseException as error:
        with suppress(OSError, RunError):  # the trouble that came first is the one to tell
            stopped = isinstance(error, KeyboardInterrupt | ClusterLostError)
            end("interrupted" if stopped else "failed")
        raise
    end(last[-1])

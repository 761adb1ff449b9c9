"""Where a babysat model comes from, and the ways into its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hpsearch.config import Config, from_run
from hpsearch.data.dataset import Dataset
from hpsearch.errors import ConfigError, RunError, TrainerError, as_argument
from hpsearch.rng import RULES
from hpsearch.searching.babysit.bench import Bench, bench
from hpsearch.searching.babysit.lines import Settings
from hpsearch.searching.babysit.nudge import (
    SECTIONS,
    changes,
    middle,
    problems_of,
    searched,
    sorted_out,
)
from hpsearch.searching.babysit.record import Record
from hpsearch.searching.babysit.session import Say, Session, opened, reopened
from hpsearch.searching.babysit.story import read
from hpsearch.searching.events import Listener, RunOpened
from hpsearch.searching.resume import reopen
from hpsearch.searching.retrain import known_trial
from hpsearch.searching.session import (
    create_run,
    folds_of,
    new_info,
    prepared_data,
    read_data,
    same_data,
    watched_disk,
)
from hpsearch.searching.trainer import Function, check_at_hand, inspected, setup_of
from hpsearch.searching.trust import is_sealed, permit, unsealed
from hpsearch.store import RunDirectory
from hpsearch.store.records import BabysitStart
from hpsearch.store.requests import Request
from hpsearch.trainers.kinds import kind_of
from hpsearch.trial import Round, Rung


@dataclass(frozen=True)
class Prepared:
    """A model that can be babysat: nothing more is looked up, imported or checked."""

    config: Config
    start: BabysitStart
    dataset: Dataset | None
    function: Function | None = None
    sealed: bool = True


def prepare(
    config: Config, given: Mapping[str, Any], function: Function | None = None
) -> Prepared:
    """Prepare a model with the fixed settings of a configuration and the middle of its space.

    Args:
        config: of a search.
        given: values by name, instead of the middle.
        function: from Python, to train instead of what the configuration names.

    Raises:
        HpsearchError: a value cannot be, the trainer cannot be steered, the data cannot be read.
    """
    params = middle(config, given)
    if problems := problems_of(config, given, params):
        raise ConfigError(problems)
    start = BabysitStart((config.seed, "trial", 0), RULES, ((0, params),))
    return _prepared(config, start, function)


def prepare_from(
    run: RunDirectory,
    given: Mapping[str, Any],
    *,
    trial: int | None = None,
    epoch: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    function: Function | None = None,
    trust: bool = False,
) -> Prepared:
    """Prepare a model that begins as a trial of a run did.

    Args:
        run: of a search.
        given: values by name, instead of the trial's: from the start, or from `epoch` on.
        trial: its number; None for the winner.
        epoch: after which the values hold; the epochs before are those of the trial.
        epochs: how many to train in all; None for as many as there.
        seed: of other random numbers than the trial's.
        function: from Python, to train instead of what the run names.
        trust: the user's word that the code which the run names may run; seals the run.

    Raises:
        HpsearchError: there is no such trial or epoch, or as for `prepare`.
    """
    info = run.info
    if info.babysit is not None:
        path = as_argument(run.path)
        raise RunError(
            f"{run.path}: is a babysat model already; go on with: hpsearch resume {path}, longer: "
            f"hpsearch resume {path} --epochs N, from an earlier epoch: "
            f"hpsearch steer {path} --branch EPOCH"
        )
    config = from_run(info.config, run.path)
    if function is None:
        check_at_hand(run, config, "begin with: hpsearch.babysit({}, objective=...)")
    sealed = is_sealed(info) if function is not None else permit(run, info, config, trust)
    known = known_trial(run, config, trial)
    most = config.trainer.epochs if epochs is None else epochs
    if epochs is not None:
        settings = {**config.trainer.settings, "epochs": epochs}
        config = replace(config, trainer=replace(config.trainer, settings=settings))
    if epoch is not None and not 0 <= epoch < most:
        raise ConfigError(
            f"--from-epoch: must be one of 0 to {most - 1}, as {most} epochs are planned, "
            f"found {epoch}"
        )
    params = searched(config.space, known.result.params)
    settings_of_line: Settings = ((0, params),)
    if epoch:
        if given:
            changed = changes(config, params, given, epoch)
            settings_of_line = ((0, params), (epoch, {**params, **changed}))
    elif given:
        after = middle(config, {**params, **given})
        if problems := problems_of(config, given, after):
            raise ConfigError(problems)
        settings_of_line = ((0, after),)
    identity = known.seed if seed is None else (seed, "trial", known.result.number)
    start = BabysitStart(
        identity, known.rules, settings_of_line, run.name, known.result.number, epoch
    )
    found = _prepared(replace(config, text=None), start, function)
    return replace(found, sealed=sealed)


def _prepared(config: Config, start: BabysitStart, function: Function | None) -> Prepared:
    config = inspected(config, function)
    reason = kind_of(config.trainer).unsteerable(setup_of(config, function))
    if reason is not None:
        raise TrainerError(f"babysit: {reason}")
    return Prepared(config, start, read_data(config), function)


def begin(prepared: Prepared, runs_dir: Path, name: str | None) -> RunDirectory:
    """Make the run directory of a babysat model.

    Raises:
        RunError: the name is taken, or the folder cannot be written.
    """
    config = prepared.config
    epochs = config.trainer.epochs
    plan = (Round(0, 0, 1, 0.0, (Rung(1, epochs),)),)
    info = replace(
        new_info(config, prepared.dataset, plan), kind="babysit", babysit=prepared.start
    )
    info = replace(info, seed=config.seed, rules=prepared.start.rules)
    return create_run(config, runs_dir, name, info, sealed=prepared.sealed)


@contextmanager
def at_work(
    run: RunDirectory,
    notify: Listener,
    say: Say,
    config: Config | None = None,
    dataset: Dataset | None = None,
    function: Function | None = None,
) -> Iterator[Session]:
    """Train a babysat model, for a block.

    Args:
        run: of the model.
        notify: is called with events.
        say: is called with what was done.
        config: the run's own, perhaps with other `parallel` settings; None to read it.
        dataset: its data; None to read it.
        function: from Python, to train instead of what the run names.
    """
    info = run.info
    config = config or from_run(info.config, run.path)
    notify(RunOpened(run, None, unsealed(run, info)))
    with run.writing():  # another process that is at it is told of before anything is prepared
        pass
    with at_bench(run, config, dataset, function) as ready, opened(run, ready, notify, say) as s:
        yield s


@contextmanager
def at_bench(
    run: RunDirectory,
    config: Config,
    dataset: Dataset | None = None,
    function: Function | None = None,
) -> Iterator[Bench]:
    """What trains a run's model, for a block; the arguments are those of `at_work`."""
    info = run.info
    assert info.babysit is not None
    folds = folds_of(config, dataset or same_data(run, info, config))[:1]
    with (
        prepared_data(run, folds),
        bench(config, info.babysit, run.path, run.data.path, folds, function) as ready,
    ):
        yield ready


def reopen_model(
    run: RunDirectory,
    overrides: tuple[str, ...] = (),
    *,
    named: bool = True,
    trust: bool = False,
    **forced: Any,
) -> Config:
    """The configuration to go on with.

    Raises:
        HpsearchError: as `resume.reopen` does, or a setting of the model is to change.
    """
    given, others = sorted_out(overrides, SECTIONS)
    if given or others != tuple(overrides):
        first = overrides[0] if given else "epochs=N"
        raise ConfigError(
            f"{run.path}: what the model trains with is changed with: "
            f"hpsearch steer {as_argument(run.path)} --set {first}"
        )
    with watched_disk(run):
        config = reopen(run, overrides, named=named, trust=trust, babysat=True, **forced)
    assert config is not None
    return config


def check_length(run: RunDirectory, epochs: int) -> None:
    """Refuse to end a model before where it is, while it is as it was.

    Raises:
        ConfigError: it has trained as many epochs or more.
    """
    story = read(run)
    if epochs != story.epochs:
        changes(story.config, story.lines.active.params, {"epochs": epochs}, story.epoch)


def go_on(session: Session, epochs: int | None = None, by: str = "steer") -> None:
    """Take up a model that was stopped, paused or finished.

    Args:
        session: at the model.
        epochs: train so many in all; None for as many as were planned.
        by: who wants it, for the diary.
    """
    reopened(session, by)
    if epochs is not None and epochs != session.record.epochs:
        session.catch_up()
        session.act(Request("set", {"epochs": epochs}, by=by))


def act_on_idle(run: RunDirectory, request: Request) -> str:
    """Change a model that nobody trains now.

    Raises:
        HpsearchError: somebody does, or it cannot be done.
    """
    done: list[str] = []
    try:
        with run.writing() as writer:
            record = Record(run, writer)
            recorded = len(record.story.diary)
            try:
                done.append(record.act(request))
            finally:
                if len(record.story.diary) > recorded and not done:
                    done.append("this is in the diary")
            writer.describe(run.info)
            writer.log(done[0])
            if not record.over:
                writer.update(status="interrupted")
    except OSError as error:
        found = f"must be a folder that can be written, found: {error.strerror or error}"
        what = "it holds when the model goes on" if done else "nothing was changed"
        raise RunError(f"{run.path}: {found}; {what}") from error
    return done[0]

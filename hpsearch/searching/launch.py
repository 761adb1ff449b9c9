"""The one way into a search: prepare it, launch it, or resume it, and watch it to its end.

The command line, Python, `refine` and `import` all come through here:

    prepared = prepare(config, runs_dir)       # the trainer inspected, the data read
    run = launch(prepared, runs_dir, "digits", notify)
    resume(run, trials=128, notify=notify)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.config import Config, changed, from_run
from hpsearch.data.dataset import Dataset
from hpsearch.errors import RunError
from hpsearch.messages import counted
from hpsearch.searching.events import Listener, RunOpened
from hpsearch.searching.history import why_diverged, why_failed
from hpsearch.searching.planning import grid_of, shortage
from hpsearch.searching.refine import Refinement, refine, refine_around, start_from
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct, fingerprint_of, read_data
from hpsearch.searching.trainer import Function, inspected
from hpsearch.searching.trust import check_cluster, is_sealed, permit, unsealed
from hpsearch.store import RunDirectory, find
from hpsearch.trial import Result, Status


@dataclass(frozen=True)
class Prepared:
    """A search that can start: nothing more is looked up, imported or checked.

    Attributes:
        config: complete; what the trainer can do is known.
        dataset: read and split; None where the trainer reads its own data, and for a run that
            is resumed, whose data `conduct` reads and compares with what it was.
        function: trains instead of what the configuration names; None for what it names.
        refinement: what narrowed the configuration around a parent's best trials, if anything.
        sealed: whether the run may carry the user's seal for the code that it names.
    """

    config: Config
    dataset: Dataset | None
    function: Function | None = None
    refinement: Refinement | None = None
    sealed: bool = True


def prepare(config: Config, runs_dir: Path, function: Function | None = None) -> Prepared:
    """Inspect the trainer of a search and read its data.

    Args:
        config: of the search; where `search.start` names a run, that run's best settings.
        runs_dir: the folder that holds the runs.
        function: from Python, to train instead of what the configuration names.

    Raises:
        TrainerError: the trainer cannot be imported, called or found.
        DataError: the data cannot be read, split or cut into folds.
        RunError: there is no run to start from, or none of its settings lies in the space.
    """
    if isinstance(config.search.start, str):
        config = start_from(config, find(config.search.start, runs_dir))
    config = inspected(config, function)
    return Prepared(config, read_data(config), function)


def prepare_refinement(
    parent: RunDirectory,
    overrides: Sequence[str] = (),
    *,
    top: int | None = None,
    widen: bool = False,
    function: Function | None = None,
    trust: bool = False,
    look: bool = False,
    **forced: Any,
) -> Prepared:
    """Prepare a new search in the region of a run's best trials.

    Args:
        parent: the run to refine.
        overrides: `KEY=VALUE` texts that change its configuration.
        top: how many of the best trials set the region; None for a tenth.
        widen: enlarge the space past bounds that the best trials press against.
        function: from Python, to train instead of what the parent names.
        trust: the user's word that the code which the parent names may run; seals the parent.
        look: only look at the narrowed space: no code of the parent's is run.
        forced: `trials`, `jobs`, `backend` or `scheduler`; None for one that was not given.

    Raises:
        HpsearchError: as `prepare` and `refine.refine` do, or the code is not trusted.
    """
    info = parent.info
    before = from_run(info.config, parent.path)
    config = changed(info.config, parent.path, overrides, **forced)
    sealed = True
    if function is not None:  # nothing else runs, but what the parent names may be a stranger's
        sealed = is_sealed(info)
    elif not look:
        sealed = permit(parent, info, config, trust)
    if not look:
        check_cluster(parent, info, before, config, trust)
    config = config if look else inspected(config, function)
    dataset = read_data(config)
    if info.babysit is not None:
        found = refine_around(parent, before, config, top, widen)
        dataset = dataset if look else read_data(found.config)
    else:
        found = refine(parent, before, config, fingerprint_of(dataset), top, widen)
    return Prepared(found.config, dataset, function, found, sealed)


def launch(prepared: Prepared, runs_dir: Path, name: str | None, notify: Listener) -> RunDirectory:
    """Do a search from its run directory's making to its winner.

    Args:
        prepared: by `prepare` or `prepare_refinement`.
        runs_dir: the folder that holds the runs.
        name: of the run; None for the configuration's and the time.
        notify: is called with every event.

    Raises:
        RunError: the name is taken, the folder cannot be written, or no trial was completed
            with a finite value.
        TrainerError: each of the first trials failed.
    """
    run = begin(
        prepared.config, prepared.dataset, runs_dir, name, prepared.refinement, prepared.sealed
    )
    _finish(run, prepared, notify)
    return run


def resume(
    run: RunDirectory,
    overrides: Sequence[str] = (),
    *,
    trials: int | None = None,
    function: Function | None = None,
    trust: bool = False,
    notify: Listener,
    **forced: Any,
) -> bool:
    """Do what is left of a search; whether anything was.

    Args:
        run: an interrupted one, or one to extend.
        overrides: `KEY=VALUE` texts, of what may change in a run that has begun.
        trials: so many in all, more than were planned; None to keep the plan.
        function: from Python, where the search was begun with one.
        trust: the user's word that the code which the run names may run; seals it.
        notify: is called with every event.
        forced: `jobs`, `backend` or `scheduler`; None for one that was not given.

    Raises:
        HpsearchError: as `resume.reopen` and `launch` do.
    """
    config = reopen(run, overrides, trials=trials, named=function is None, trust=trust, **forced)
    if config is None:
        return False
    config = inspected(config, function)
    _finish(run, Prepared(config, None, function), notify)
    return True


def _finish(run: RunDirectory, prepared: Prepared, notify: Listener) -> None:
    """Do a search, or the rest of it, and see that it has a winner."""
    config = prepared.config
    info, history = run.info, [line.params for line in run.history]
    fewer = shortage(config, history) if info.rules > 1 else None
    grid = grid_of(config, sum(round.trials for round in info.plan))
    notify(RunOpened(run, fewer, unsealed(run, info), grid))
    conduct(run, notify, config, prepared.dataset, prepared.function)
    if run.winner(info) is None:
        raise RunError(without_winner(run.path, config, run.results))


def without_winner(run: Path, config: Config, results: Sequence[Result]) -> str:
    """Why a search ended without a winner, and what to do: one message.

    Args:
        run: its folder.
        config: of the search.
        results: of its trials.
    """
    counts = Counter(result.status for result in results)
    reasons = []
    if counts[Status.DIVERGED]:
        reasons.append(
            f"{counts[Status.DIVERGED]:,} diverged; {why_diverged(config.space, results)}"
        )
    if counts[Status.FAILED]:
        reasons.append(f"{counts[Status.FAILED]:,} failed; {why_failed(results)}")
    why = f" ({counted(len(results), 'trial')}: {'; '.join(reasons)})" if reasons else ""
    return f"{run}: no trial was completed with a finite {config.metric.name}{why}"

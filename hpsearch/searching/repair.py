"""Make a damaged run fit to be resumed: what cannot be read counts as never trained."""

from __future__ import annotations

from dataclasses import replace

from hpsearch.config import from_run
from hpsearch.errors import RunError
from hpsearch.messages import counted
from hpsearch.searching.babysit.mend import mend
from hpsearch.searching.history import check_params
from hpsearch.searching.resume import check_resumable
from hpsearch.space import Space
from hpsearch.store import RunDirectory, RunInfo, lock, set_aside
from hpsearch.trainers.network.model import load_model
from hpsearch.trial import Result


def repair(run: RunDirectory) -> list[str]:
    """Set aside what is damaged; what that was, one line each. Resuming the run trains it again.

    Raises:
        RunError: another process is writing to the run; or what is damaged cannot be made
            again: run.json, an imported run, and what a refined one took over from its parent.
    """
    with lock.take(run.inside / lock.NAME):
        info = run.info
        check_resumable(run, info)
        run.history  # noqa: B018 (raises)
        found = _of_the_search(run, info) if info.babysit is None else mend(run, info)
        if problem := _of_the_winner(run, info):
            run.best.remove()
            found.append(f"{problem}; the winner is worked out again")
        if found:
            run.write_info(replace(info, status="interrupted"))
    return found


def _of_the_search(run: RunDirectory, info: RunInfo) -> list[str]:
    """Set aside the damaged lines of a search; one line for each file."""
    config = from_run(info.config, run.path)
    space, metric = config.space, config.metric.name
    lost = set_aside(run, metric, lambda each: _fits(each, space, run))
    return [
        f"{run.path / file}: {counted(count, 'damaged line')} set aside"
        for file, count in lost.items()
    ]


def _fits(result: Result, space: Space, run: RunDirectory) -> bool:
    """Whether a trial is one of this search."""
    try:
        check_params([result], space, run.inside / "trials.jsonl")
    except RunError:
        return False
    return True


def _of_the_winner(run: RunDirectory, info: RunInfo) -> str | None:
    """What is damaged in best/; None if it can be read."""
    try:
        if run.winner(info) is not None and run.model.exists():
            load_model(run.model)
    except RunError as error:
        return str(error).partition("; ")[0]
    return None

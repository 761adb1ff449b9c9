"""Make a damaged run fit to be resumed: what cannot be read counts as never trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from hpsearch.config import from_run
from hpsearch.errors import RunError
from hpsearch.messages import counted
from hpsearch.searching.babysit.lines import Lines
from hpsearch.searching.babysit.story import joined, lines_in
from hpsearch.searching.history import check_params
from hpsearch.searching.resume import check_resumable
from hpsearch.space import Space
from hpsearch.store import RunDirectory, RunInfo, lock, set_aside
from hpsearch.trainers.network.model import load_model
from hpsearch.trial import Piece, Result


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
        config = from_run(info.config, run.path)
        space, metric = config.space, config.metric.name
        if info.babysit is None:
            lost = set_aside(run, metric, lambda each: _fits(each, space, run))
        else:
            lines = lines_in(run, info.babysit, config, run.diary)
            branches = {line.number for line in lines.all}
            lost = set_aside(
                run, metric, lambda each: each.number in branches, partial(_strays, lines, metric)
            )
        found = [
            f"{run.path / file}: {counted(count, 'damaged line')} set aside"
            for file, count in lost.items()
        ]
        if problem := _of_the_winner(run, info):
            run.best.remove()
            found.append(f"{problem}; the winner is worked out again")
        if found:
            run.write_info(replace(info, status="interrupted"))
    return found


def _strays(lines: Lines, metric: str, pieces: Mapping[int, Piece]) -> set[int]:
    """The places of a babysat model's pieces that lack the metric, or follow no other."""
    whole = joined(lines, (piece for piece in pieces.values() if metric in piece.curve))
    kept = {id(piece) for own in whole.values() for piece in own}
    return {place for place, piece in pieces.items() if id(piece) not in kept}


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

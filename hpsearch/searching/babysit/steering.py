"""Steering a babysat model from another process than the one that trains it."""

from __future__ import annotations

from collections.abc import Callable

from hpsearch.errors import RunError, as_argument
from hpsearch.searching.babysit.start import act_on_idle
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request, ask_writer, check_note, check_within_reach


def steer(
    run: RunDirectory,
    request: Request,
    timeout: float | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> str:
    """Have a change made by the process that trains the model, or make it where none does.

    Args:
        run: of the model.
        request: the change.
        timeout: seconds to wait for the answer; None for as long as the process lives.
        say: is told, once, what takes long.

    Returns:
        What was done, in words.

    Raises:
        RunError: it cannot be done, or no answer came in time; nothing has changed then. Or the
            run is a search's, or another machine trains the model.
        KeyboardInterrupt: the user is tired of waiting; likewise.
    """
    if run.info.babysit is None:
        raise RunError(
            f"{run.path}: is a search, which cannot be steered; babysit its winner with: "
            f"hpsearch babysit {as_argument(run.path)}"
        )
    check_within_reach(run, "in training", "steer it")
    check_note(request.note)
    waiting = "the end of the epoch in training"
    return ask_writer(run, request, lambda: _idle(run, request), waiting, timeout, say)


def _idle(run: RunDirectory, request: Request) -> str:
    resume = f"hpsearch resume {as_argument(run.path)}"
    if request.action in ("pause", "continue", "stop"):
        finished = run.info.status == "finished"
        found = "has trained all its epochs" if finished else "stands still"
        more = " --epochs N" if finished else ""
        raise RunError(
            f"{run.path}: must be in training to {request.action}, but it {found}; go on with: "
            f"{resume}{more}"
        )
    done = act_on_idle(run, request)
    return done if run.info.status == "finished" else f"{done}; train on with: {resume}"

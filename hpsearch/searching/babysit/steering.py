"""Steering a babysat model from another process than the one that trains it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from hpsearch.errors import RunError, as_argument
from hpsearch.searching.babysit.record import check_note
from hpsearch.searching.babysit.start import act_on_idle
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Reply, Request, Requests

POLL = 0.02
"""Seconds between two looks for the answer."""

PATIENCE = 2.0
"""Seconds after which whoever asks is told what they wait for."""


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
        RunError: it cannot be done, or no answer came in time; nothing has changed then.
        KeyboardInterrupt: the user is tired of waiting; likewise.
    """
    _must_be_babysat(run)
    check_note(request.note)
    if not run.at_work:
        return _idle(run, request)
    requests = Requests(run.inside)
    name = requests.ask(request)
    began, told = time.monotonic(), False
    try:
        while True:
            held = run.at_work  # before the look: an answer that is there by then counts
            if (reply := requests.answer(name)) is not None:
                return _said(reply)
            if not held:
                return _left_alone(run, requests, name, request)
            if requests.lost(name):
                raise RunError(
                    f"{run.path}: the request was removed by another program; whether it was done "
                    f"stands in {run.path / 'interventions.jsonl'}"
                )
            waited = time.monotonic() - began
            if timeout is not None and waited >= timeout and requests.withdraw(name):
                raise RunError(
                    f"{run.path}: no epoch ended within {timeout:g} s, so nothing was changed; "
                    "ask again, with a longer --timeout or none"
                )
            if waited >= PATIENCE and not told:
                told = True
                say("waiting for the end of the epoch in training; Ctrl-C takes this back")
            time.sleep(POLL)
    except KeyboardInterrupt:
        if requests.withdraw(name):
            raise KeyboardInterrupt("taken back; nothing was changed") from None
        raise


def _left_alone(run: RunDirectory, requests: Requests, name: str, request: Request) -> str:
    """What becomes of a request whose process has ended."""
    if requests.withdraw(name):
        return _idle(run, request)
    if (reply := requests.answer(name)) is not None:
        return _said(reply)
    raise RunError(
        f"{run.path}: the process that trained it ended before it answered; whether this was "
        f"done stands in {run.path / 'interventions.jsonl'}"
    )


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


def _must_be_babysat(run: RunDirectory) -> None:
    """Refuse what no request can reach.

    Raises:
        RunError: the run is a search's, or another machine trains the model.
    """
    info = run.info
    if info.babysit is None:
        raise RunError(
            f"{run.path}: is a search, which cannot be steered; babysit its winner with: "
            f"hpsearch babysit {as_argument(run.path)}"
        )
    if run.at_work or not run.says_running:
        return
    owner = run.owner
    host = owner.rpartition(" on ")[2]
    if owner and host != socket.gethostname():
        raise RunError(
            f"{run.path}: is in training on another machine ({owner}), whose lock cannot be seen "
            "from here; steer it there, or if it has ended there, go on here with: "
            f"hpsearch resume {as_argument(run.path)}"
        )


def _said(reply: Reply) -> str:
    if not reply.done:
        raise RunError(reply.text)
    return reply.text

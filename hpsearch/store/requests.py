"""What people ask of the process that writes a run: files, renamed into the run's requests/.

There are no sockets: whoever can write into the run's folder can ask, from another terminal or
over a shared file system. A request is a file `ID.json`; the writer takes it by renaming it, so
either it is done or it was withdrawn, never both; the answer is a file `ID.answer`. Both folders
and files are their owner's alone, and no link is followed.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from secrets import token_hex
from typing import Any

import msgspec

from hpsearch.errors import RunError, as_argument
from hpsearch.store import lock
from hpsearch.store.files import as_json
from hpsearch.store.run_directory import RunDirectory
from hpsearch.store.safe_path import SafePath

FOLDER = "requests"
MOST = 2**20  # bytes of a request or an answer
OLD = 600.0  # seconds after which nobody waits for an answer any more
NAME = re.compile(r"[\w-]{1,100}\.json", re.ASCII)  # of a request's file
LONGEST_NOTE = 10_000  # characters

POLL = 0.02
"""Seconds between two looks for the answer."""

PATIENCE = 2.0
"""Seconds after which whoever asks is told what they wait for."""


@dataclass(frozen=True)
class Request:
    """What is asked of a babysat model, or of a search.

    Attributes:
        action: set, undo, pause, continue, stop or branch; of a search add, stop or note.
        set: new values by name.
        note: why, in the words of whoever asks.
        epoch: to branch at.
        trial: the line to branch from, None for the one in training; the trial to stop, None for
            the whole search.
        tags: of the search, to give it.
        by: who asks: key, steer or python.
        id: of its file; empty for one that did not come as a file.
    """

    action: str
    set: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    epoch: int | None = None
    trial: int | None = None
    _: KW_ONLY
    tags: Sequence[str] = ()
    by: str = "steer"
    id: str = ""


@dataclass(frozen=True)
class Reply:
    """What came of a request: whether it was done, and what there is to say."""

    done: bool
    text: str


class Requests:
    """The folder requests/ of a run, for those who ask and for the one who answers."""

    def __init__(self, run: SafePath):
        self._folder = run / FOLDER
        self._lock = run / lock.NAME

    # Who asks

    def ask(self, request: Request) -> str:
        """Put a request where the writer will find it, and give its id."""
        self._folder.mkdir(exist_ok=True, private=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{token_hex(4)}"
        asked = {key: value for key, value in vars(request).items() if key != "id"}
        hidden = self._folder / f".{name}"
        hidden.write_text(as_json(asked))
        hidden.rename(f"{name}.json")
        return name

    def answer(self, name: str) -> Reply | None:
        """The answer to a request, which is then gone; None while there is none."""
        path = self._folder / f"{name}.answer"
        try:
            reply = msgspec.json.decode(path.read_bytes(MOST), type=Reply)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise RunError(f"{path}: must be an answer of hpsearch's, found {error}") from None
        path.remove()
        return reply

    def withdraw(self, name: str) -> bool:
        """Take a request back; False where the writer has taken it already."""
        return (self._folder / f"{name}.json").remove()

    def lost(self, name: str) -> bool:
        """Whether somebody has removed a request, so that no answer will come."""
        steps = (f"{name}.json", f".{name}.taken", f"{name}.answer")  # as time goes by
        return not any((self._folder / each).exists() for each in steps)

    # Who answers

    @property
    def waiting(self) -> bool:
        """Whether anything is asked that nobody has taken yet."""
        return any(map(NAME.fullmatch, self._names()))

    def taken(self) -> list[Request]:
        """The requests that have come, oldest first; whoever asked can no longer withdraw them.

        What is no request gets an answer that says so.
        """
        found = []
        for name in filter(NAME.fullmatch, self._names()):
            stem = name.removesuffix(".json")
            with suppress(FileNotFoundError):  # it was withdrawn
                (self._folder / name).rename(f".{stem}.taken")
                found.append(stem)
        return [request for stem in found if (request := self._read(stem)) is not None]

    def reply(self, request: Request, reply: Reply) -> None:
        """Answer a request that came as a file; after this it is gone."""
        if request.id:
            self._reply(request.id, reply)

    def sweep(self) -> None:
        """Answer what was asked while nobody was there, and remove what nobody waits for.

        What came after the run's lock was taken is left for `taken`.
        """
        began = self._lock.status()
        with suppress(FileNotFoundError):
            self._names()
            self._folder.make_private()
        for name in self._names():
            path = self._folder / name
            found = path.status()
            if found is None:
                continue
            if NAME.fullmatch(name):
                if began is not None and found.st_mtime_ns >= began.st_mtime_ns:
                    continue
                text = "nobody was at the run when this was asked; ask again"
                self._reply(name.removesuffix(".json"), Reply(False, text))
                path.remove()
            elif time.time() - found.st_mtime > OLD or name.endswith(".taken"):
                path.remove()

    def _names(self) -> list[str]:
        """What is in the folder; a link or a file in its place is removed, never followed."""
        try:
            return self._folder.names()
        except RunError:
            self._folder.remove()
            return []

    def _read(self, stem: str) -> Request | None:
        path = self._folder / f".{stem}.taken"
        try:
            found = path.status()
            if found is not None and found.st_uid != os.geteuid():
                raise RunError(f"must come from the run's owner, found user {found.st_uid}")
            request = msgspec.json.decode(path.read_bytes(MOST), type=Request)
        except (msgspec.MsgspecError, RunError, OSError, RecursionError) as error:
            self._reply(stem, Reply(False, f"is no request of hpsearch's: {error}"))
            return None
        return replace(request, by="steer", id=stem)

    def _reply(self, stem: str, reply: Reply) -> None:
        with suppress(FileNotFoundError):  # the folder was removed: nobody waits
            (self._folder / f"{stem}.answer").write_text(as_json(vars(reply)))
        (self._folder / f".{stem}.taken").remove()


def check_note(note: str | None) -> None:
    """Refuse a note that says nothing, is too long, or cannot be written into a file.

    Raises:
        RunError: it is one.
    """
    if note is None:
        return
    if not note.strip():
        raise RunError(f"note: must say something, found {note[:40]!r}")
    if len(note) > LONGEST_NOTE:
        raise RunError(f"note: must have at most {LONGEST_NOTE:,} characters, found {len(note):,}")
    if any("\ud800" <= char <= "\udfff" for char in note):
        raise RunError(f"note: must be text in UTF-8, found {note[:40]!r}")


def check_within_reach(run: RunDirectory, what: str, verb: str) -> None:
    """Refuse to ask a process on another machine, which cannot be seen from here.

    Args:
        run: at which it works, or did.
        what: the process does: "in training".
        verb: what to do there instead.

    Raises:
        RunError: by all that is known here, the process is at work there.
    """
    if run.at_work or not run.says_running:
        return
    owner = run.owner
    host = owner.rpartition(" on ")[2]
    if owner and host != socket.gethostname():
        raise RunError(
            f"{run.path}: is {what} on another machine ({owner}), whose lock cannot be seen "
            f"from here; {verb} there, or if it has ended there, go on here with: "
            f"hpsearch resume {as_argument(run.path)}"
        )


def ask_writer(
    run: RunDirectory,
    request: Request,
    alone: Callable[[], str],
    waiting: str,
    timeout: float | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> str:
    """Have something done by the process that writes a run, or here where there is none.

    Args:
        run: the run.
        request: what is to be done.
        alone: does it where no process writes the run.
        waiting: what an answer waits for: "the end of the epoch in training".
        timeout: seconds to wait for the answer; None for as long as the process lives.
        say: is told, once, what takes long.

    Returns:
        What was done, in words.

    Raises:
        RunError: it cannot be done, or no answer came in time; nothing has changed then.
        KeyboardInterrupt: the user is tired of waiting; likewise.
    """
    if not run.at_work:
        return alone()
    requests = Requests(run.inside)
    name = requests.ask(request)
    diary = run.path / "interventions.jsonl"
    began, told = time.monotonic(), False
    try:
        while True:
            held = run.at_work  # before the look: an answer that is there by then counts
            if (reply := requests.answer(name)) is not None:
                return _said(reply)
            if not held:
                if requests.withdraw(name):
                    return alone()
                if (reply := requests.answer(name)) is not None:
                    return _said(reply)
                raise RunError(
                    f"{run.path}: the process that trained it ended before it answered; whether "
                    f"this was done stands in {diary}"
                )
            if requests.lost(name):
                raise RunError(
                    f"{run.path}: the request was removed by another program; whether it was done "
                    f"stands in {diary}"
                )
            waited = time.monotonic() - began
            if timeout is not None and waited >= timeout and requests.withdraw(name):
                raise RunError(
                    f"{run.path}: no epoch ended within {timeout:g} s, so nothing was changed; "
                    "ask again, with a longer --timeout or none"
                )
            if waited >= PATIENCE and not told:
                told = True
                say(f"waiting for {waiting}; Ctrl-C takes this back")
            time.sleep(POLL)
    except KeyboardInterrupt:
        if requests.withdraw(name):
            raise KeyboardInterrupt("taken back; nothing was changed") from None
        raise


def _said(reply: Reply) -> str:
    if not reply.done:
        raise RunError(reply.text)
    return reply.text

"""The live view of a babysat model in a terminal, and its keys."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from hpsearch.cli.babysit import keys, layout
from hpsearch.cli.babysit.plain import Plain, tell
from hpsearch.cli.babysit.screen import Screen
from hpsearch.errors import as_argument
from hpsearch.report.babysit.advice import Offered, advise
from hpsearch.report.text import Line
from hpsearch.searching.babysit.session import Session
from hpsearch.searching.events import Event, FilesChanged, Remarked, RunOpened
from hpsearch.store.requests import Request

PACE = 0.125
"""Seconds between two frames, at least; a key that is pressed shows at once."""

SHARE = 0.005
"""Of the time that frames may take, and the looks for advice: where one takes long, there are
fewer."""

LOOK = 1.0
"""Seconds between two looks for advice."""

STAYS = 10.0
"""Seconds that the newest message is shown, and the answer to a key which did nothing."""

KEPT = 100
"""Messages that are said again when the view is gone."""


class Terminal:
    """What `babysit` and `resume` show in a terminal: the model as it is, and what keys do.

    In the background, and before and after the view, it shows plain lines.
    """

    def __init__(self) -> None:
        self._screen = Screen()
        self._plain = Plain()
        self._session: Session | None = None
        self._messages: list[str] = []
        self._earlier: list[str] = []  # of them, what the diary does not tell, too
        self._said_at = float("-inf")
        self._entries = self._tells = 0  # of the diary: known, and told by the last message
        self._printed = 0  # of the messages, how many are in the scrollback
        self._answer, self._answered = "", 0.0
        self._prompt: keys.Prompt | None = None
        self._help = False
        self._typed = ""  # the beginning of a key
        self._due = self._stale = 0.0  # when a frame may be painted, and when it must be
        self._painted = (0, 0, 0)  # the line, its epoch, and that which the model stood at
        self._advice: Sequence[Offered] = ()
        self._advised_at, self._advice_due = (-1, 0, 0), 0.0
        self._streams: tuple[object, object] | None = None

    def notify(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, RunOpened) and event.unsealed is not None:
            self.say(event.unsealed)
        if isinstance(event, FilesChanged | Remarked):
            self.say(event.message)

    def say(self, text: str) -> None:
        """Say what was done."""
        self._messages.append(text)
        self._answer, self._said_at = "", time.monotonic()
        if self._session is not None:
            entries = len(self._session.story.diary)
            self._tells, self._entries = entries - self._entries, entries
        if not self._tells:
            self._earlier = [*self._earlier[-5:], text]
        self._due = self._stale = 0.0
        if not self._screen.taken:
            self._give_back()
            self._print()

    def hear(self, session: Session) -> Sequence[Request]:
        """What was asked by keys since the last time."""
        if self._session is None:
            run = session.record.run.path
            steer = f"hpsearch steer {as_argument(run)}"
            self._earlier = []
            self.say(f"{run}: ? shows the keys; from another terminal: {steer}")
            self._session, self._entries = session, len(session.story.diary)
        self._take()
        typed = self._screen.read()
        pressed, self._typed = keys.keys_of(self._typed + typed, last=not typed)
        requests: list[Request] = []
        for key in pressed:
            self._due = self._stale = 0.0
            asked = self._pressed(key, session, requests)
            if asked is not None:
                requests.append(asked)
        return requests

    def show(self, session: Session) -> None:
        """Show the model as it is now."""
        if not self._take():
            self._plain.show(session)
            return
        now, record = time.monotonic(), session.record
        at = record.number, record.epoch, session.at
        same = at == self._painted and now < self._stale
        if (same or now < self._due) and not self._screen.resized:
            return
        work, self._painted, self._stale = time.thread_time(), at, now + LOOK
        rows, cursor = self._frame(session, self._screen.size)
        self._screen.paint(rows, cursor)
        self._due = now + max(PACE, (time.thread_time() - work) / SHARE)

    def close(self) -> None:
        """Leave the terminal as it was, with the last state and what was said above it."""
        size, shown = self._screen.size, self._screen.taken
        self._give_back()
        self._screen.close()
        if self._prompt is not None and self._prompt.text:
            self.say(f"ended before it was entered: {self._prompt.text}")
        self._print()
        with suppress(OSError):  # the terminal is gone
            if shown and self._session is not None and self._session.record.epoch:
                self._last(self._session, size)

    def _pressed(
        self, key: keys.Key, session: Session, requests: Sequence[Request]
    ) -> Request | None:
        """What a key asks for, after what others have asked."""
        record = session.record
        now = keys.Now(record.config, record.lines, record.epoch, session.stopped)
        now = now.after([*session.waiting, *requests])
        self._answer = ""
        if key.name == "redraw":
            self._screen.forget()
            return None
        if self._help:
            self._help = False
            return None
        if self._prompt is not None:
            if key.name not in ("enter", "escape"):
                self._prompt = self._prompt.typed(key)
                return None
            asked: Request | keys.Prompt | str = ""
            if key.name == "enter":
                asked = keys.answered(self._prompt, now)
            self._prompt = None
        elif key.text == "?" and key.name == "text":
            self._help = True
            return None
        elif key.name in ("enter", "escape"):
            return None
        else:
            asked = keys.asked(key, now)
        if isinstance(asked, Request):
            return asked
        if isinstance(asked, str):
            self._answer, self._answered = asked, time.monotonic()
        else:
            self._prompt = asked
        return None

    def _frame(
        self, session: Session, size: tuple[int, int]
    ) -> tuple[list[Line], tuple[int, int] | None]:
        """The rows of the screen, and where the cursor shows."""
        if self._help:
            return layout.help_rows(size), None
        bottom, column = layout.bottom_of(self._prompt, size[0])
        rows = layout.view(session.story, self._shown(session), size, self._unicode, bottom)
        return rows, None if self._prompt is None else (size[1] - 1, column)

    def _shown(self, session: Session) -> layout.Shown:
        now = time.monotonic()
        answer = self._answer if now < self._answered + STAYS else ""
        fresh = bool(self._messages) and not answer and now < self._said_at + STAYS
        tells = self._tells if fresh else 0
        return layout.Shown(
            at=session.at,
            pace=session.pace,
            waiting=session.waiting,
            answer=answer,
            said=self._messages[-1] if fresh else "",
            tells=tells,
            earlier=self._earlier[:-1] if fresh and not tells else self._earlier,
            advice=self._advised(session),
            over=session.over,
        )

    def _advised(self, session: Session) -> Sequence[Offered]:
        """What might help; looked for now and then, and at once after a change."""
        record, now = session.record, time.monotonic()
        at = record.number, len(record.lines.active.settings), record.epoch
        if at != self._advised_at and (at[:2] != self._advised_at[:2] or now >= self._advice_due):
            work = time.thread_time()
            self._advice, self._advised_at = advise(session.story), at
            self._advice_due = now + max(LOOK, (time.thread_time() - work) / SHARE)
        return self._advice

    @property
    def _unicode(self) -> bool:
        try:
            "▁█".encode(self._screen.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def _last(self, session: Session, size: tuple[int, int]) -> None:
        """Print the last state, without what is said: that stands above."""
        columns, rows = size
        shown = layout.Shown(session.at, session.pace, over=session.over, left=True)
        lines = layout.view(session.story, shown, (columns, min(rows - 6, 20)), self._unicode)
        for line in lines:
            sys.stderr.write(self._screen.drawn(line, columns) + "\n")
        sys.stderr.flush()

    def _take(self) -> bool:
        """Take the terminal where that is possible; all that is printed is said meanwhile."""
        if not self._screen.taken and self._streams is not None:
            self._give_back()
        if not self._screen.take():
            return False
        if self._streams is None:
            self._streams = sys.stdout, sys.stderr
            sys.stderr = _Said(self.say, sys.stderr)
            if sys.stdout.isatty():
                sys.stdout = _Said(self.say, sys.stdout)
            self._due = self._stale = 0.0
        return True

    def _give_back(self) -> None:
        self._screen.give_back()
        if self._streams is not None:
            (sys.stdout, sys.stderr), self._streams = self._streams, None

    def _print(self) -> None:
        """Print what was said and is not in the scrollback."""
        new = self._messages[self._printed :]
        self._printed = len(self._messages)
        if len(new) > KEPT:
            tell(f"[{len(new) - KEPT} earlier messages are in logs/log.txt of the run]")
        for text in new[-KEPT:]:
            tell(text)


class _Said(io.TextIOBase):
    """A stream whose lines are said, so that they do not tear the view."""

    def __init__(self, say: Callable[[str], object], stream: object):
        self._say, self._stream, self._rest = say, stream, ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(getattr(self._stream, "encoding", "utf-8"))

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        found: int = self._stream.fileno()  # type: ignore[attr-defined]
        return found

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if lines:  # of a warning with its place, one message
            self._say("\n".join(lines))
        return len(text)

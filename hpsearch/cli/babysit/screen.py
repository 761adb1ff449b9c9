"""The terminal, taken while a model is babysat and given back as it was, whatever happens.

Keys come as they are pressed (cbreak mode), rows are painted on the alternate screen, and only
those that have changed, so nothing flickers. The terminal is given back at the end, at Ctrl-C and
other signals, and while the process is suspended (Ctrl-Z). What no process can do for itself, to
give it back after `kill -9`, a small second process does, which waits for the end of this one.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style

from hpsearch.report.escape import encodable
from hpsearch.report.text import Line
from hpsearch.searching.interrupts import at_once, shielded

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J"
"""The alternate screen, no cursor, long rows not wrapped, and marks around what is pasted."""

LEAVE = "\x1b[?2004l\x1b[?7h\x1b[0m\x1b[?25h\x1b[999;1H\x1b[K\x1b[?1049l"
"""All of it back; where there is no other screen, what follows stands below the view."""

REPAINT = 5.0
"""Seconds after which all rows are painted, in case something else has written over them."""

PATIENCE = 1.0
"""Seconds that a terminal which takes nothing is waited for at the end."""

_GUARD = """
import ast, os, select, signal, sys, termios
for number in signal.valid_signals() - {signal.SIGALRM, signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
parent, heard, open_ = int(sys.argv[1]), b"", True
while open_:
    gone = os.getppid() != parent
    while open_ and select.select([0], [], [], 0 if gone else 1)[0]:
        part = os.read(0, 65536)
        heard, open_ = heard + part, bool(part)
    open_ = open_ and not gone
held = ast.literal_eval(heard.decode().rpartition("\\n")[0].rpartition("\\n")[2] or "None")
if held:
    signal.alarm(5)
    taken, before, leave = held
    try:
        if termios.tcgetattr(1) == taken:
            termios.tcsetattr(1, termios.TCSANOW, before)
        os.write(2, leave)
    except (OSError, termios.error):
        pass
"""
# It writes only if the modes are still this program's: a shell may have set its own by then.


class Guard:
    """A process that gives the terminal back if this one cannot.

    It has a session of its own, hears no signal, holds nothing but the terminal and the pipe by
    which it learns what to restore, and ends when this process does.
    """

    def __init__(self, keyboard: int, output: int):
        read, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (this very program)
                [sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid())],
                stdin=read,
                stdout=keyboard,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(read)

    def restore(self, held: tuple[list[Any], list[Any], bytes] | None) -> None:
        """Say what to do after a sudden end: modes taken, modes before, text; None: nothing."""
        with suppress(OSError):
            os.write(self._pipe, f"{held!r}\n".encode())

    def close(self) -> None:
        """End it."""
        with suppress(OSError):
            os.close(self._pipe)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._process.kill()


class Screen:
    """The terminal of this process: keys from stdin, rows to stderr.

    Attributes:
        gone: whether the terminal was closed.
    """

    def __init__(self) -> None:
        self.gone = False
        self._in = sys.stdin.fileno()
        self.encoding = sys.stderr.encoding or "utf-8"
        self._out, self._own = _opened(sys.stderr.fileno())
        self._decoder = codecs.getincrementaldecoder(sys.stdin.encoding or "utf-8")("replace")
        console = Console(stderr=True, force_terminal=True)
        system = None if console.no_color else console.color_system
        names = {"standard": "STANDARD", "256": "EIGHT_BIT", "truecolor": "TRUECOLOR"}
        self._colours = ColorSystem[names[system]] if system in names else None
        self._more = "~" if encodable("…", self.encoding) != "…" else "…"  # of a row that is cut
        self._before: list[Any] | None = None  # its modes; None while it is not taken
        self._guard: Guard | None = None
        self._stop: Any = None  # what SIGTSTP did before
        self._busy = self._suspended = False
        self._rows: list[str] = []
        self._cursor: tuple[int, int] | None = None
        self._painted = (0, 0), float("-inf")  # the size, and when all was painted
        self._left = b""  # of a frame that the terminal did not take at once

    @property
    def taken(self) -> bool:
        """Whether it is this program's now."""
        return self._before is not None and not self.gone

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows now."""
        try:
            found = os.get_terminal_size(self._out)
        except OSError:
            return 80, 24
        return (found.columns, found.lines) if found.columns and found.lines else (80, 24)

    @property
    def resized(self) -> bool:
        """Whether the rows were painted for another size."""
        return self.size != self._painted[0]

    def take(self) -> bool:
        """Take the terminal if this process is in its foreground; gives whether it is taken."""
        if not self.taken and not self.gone and self._in_foreground():
            with shielded(), self._undisturbed():
                self._take()
        return self.taken

    def give_back(self) -> None:
        """Leave the terminal as it was; it may be taken again. Nothing where it is not taken."""
        before = self._before
        if before is None:
            return
        self._write_all(LEAVE.encode())
        with suppress(OSError, termios.error):
            termios.tcflush(self._in, termios.TCIFLUSH)  # keys for a view that is no more
            termios.tcsetattr(self._in, termios.TCSANOW, before)
        self._before = None
        if self._guard is not None:
            self._guard.restore(None)

    def close(self) -> None:
        """Leave the terminal as it was, for good."""
        with shielded(), self._undisturbed():
            self.give_back()
            if self._guard is not None:
                self._guard.close()
            if self._stop is not None:
                signal.signal(signal.SIGTSTP, self._stop)
                self._stop = None
            if self.give_back in at_once:
                at_once.remove(self.give_back)
        if self._own:
            os.close(self._out)
            self._own = False

    def read(self) -> str:
        """What was typed since the last time."""
        if not self.taken or not self._in_foreground():
            return ""
        typed = b""
        try:
            while len(typed) < 2**20 and select.select([self._in], [], [], 0)[0]:
                part = os.read(self._in, 65536)
                if not part:
                    raise OSError("closed")
                typed += part
        except OSError:
            self.gone = True
        return self._decoder.decode(typed)

    def paint(self, lines: Sequence[Line], cursor: tuple[int, int] | None = None) -> None:
        """Show rows from the top; a frame is left out where the terminal cannot follow.

        Args:
            lines: the rows, cut to the width.
            cursor: the row and column, from 0, where the cursor shows; None for none.
        """
        with shielded(), self._undisturbed():
            self._flush()
            if self._left or not self.taken or not self._in_foreground():
                return
            (columns, rows), now = self.size, time.monotonic()
            text = "" if self._painted[0] == (columns, rows) else "\x1b[2J"
            if text or now - self._painted[1] > REPAINT:
                self._rows, self._painted = [], ((columns, rows), now)
            drawn = [self.drawn(line, columns) for line in lines[:rows]]
            drawn += [""] * (rows - len(drawn))
            for place, row in enumerate(drawn):
                if place >= len(self._rows) or self._rows[place] != row:
                    text += f"\x1b[{place + 1};1H{row}"
                    text += "\x1b[K" * (_cells(row) < columns)
            if cursor is not None:
                text += f"\x1b[{cursor[0] + 1};{min(columns, cursor[1] + 1)}H"
            if cursor != self._cursor:
                text += "\x1b[?25l" if cursor is None else "\x1b[?25h"
            self._rows, self._cursor = drawn, cursor
            self._left = text.encode(self.encoding, "backslashreplace")
            self._flush()

    def forget(self) -> None:
        """Paint all rows the next time: something may have written over them."""
        self._rows, self._painted = [], ((0, 0), float("-inf"))

    def drawn(self, line: Line, columns: int) -> str:
        """A row with its colours, cut to a width."""
        text, left = "", columns
        for part, style in line.stretches:
            shown = encodable(part, self.encoding)
            if (width := cell_len(shown)) > left:
                shown, width = set_cell_size(shown, max(0, left - 1)) + self._more[:left], left
            left -= width
            if shown and style and self._colours is not None:
                shown = Style.parse(style).render(shown, color_system=self._colours)
            text += shown
        return text

    def _take(self) -> None:
        try:
            before = termios.tcgetattr(self._in)
            if self._guard is None:
                self._guard = Guard(self._in, self._out)
                at_once.append(self.give_back)
            modes = _cbreak(before)
            self._before = before
            self._guard.restore((modes, before, LEAVE.encode()))
            termios.tcflush(self._in, termios.TCIFLUSH)  # typed before there was a view
            termios.tcsetattr(self._in, termios.TCSANOW, modes)
            if (found := termios.tcgetattr(self._in)) != modes:
                self._guard.restore((found, before, LEAVE.encode()))
        except (OSError, termios.error):
            self.gone = True
            return
        main = threading.current_thread() is threading.main_thread()
        if main and self._stop is None:
            ignored = signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
            self._stop = signal.SIG_IGN if ignored else signal.signal(signal.SIGTSTP, self._asked)
        self._cursor, self._left = None, b""
        self.forget()
        self._write_all(ENTER.encode())

    def _asked(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ctrl-Z."""
        self._suspended = True
        if not self._busy:
            self._suspend()

    def _suspend(self) -> None:
        """Stop, with the terminal given back; `take` takes it again, after `fg`."""
        self._suspended = False
        self.give_back()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        if self._stop is not None:
            signal.signal(signal.SIGTSTP, self._asked)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Let Ctrl-Z wait for the end of a block."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before
            if self._suspended and not before:
                self._suspend()

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._in) == os.getpgrp()
        except OSError:  # a terminal that does not control this process, or none any more
            return True

    def _flush(self) -> None:
        """Write what is left of a frame, as far as the terminal takes it now."""
        while self._left:
            try:
                self._left = self._left[os.write(self._out, self._left) :]
            except BlockingIOError:
                return
            except OSError:
                self.gone, self._left = True, b""

    def _write_all(self, text: bytes) -> None:
        """Write, and wait a little where the terminal takes nothing."""
        until = time.monotonic() + PATIENCE
        with suppress(OSError):
            while text and (left := until - time.monotonic()) > 0:
                if select.select([], [self._out], [], left)[1]:
                    with suppress(BlockingIOError):
                        text = text[os.write(self._out, text) :]


def _opened(output: int) -> tuple[int, bool]:
    """A terminal opened anew, so that it can be written to without waiting; else as it is.

    That it never waits is a property of the open file, which the shell shares otherwise.
    """
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        return os.open(os.ttyname(output), flags), True
    return output, False


def _cbreak(modes: list[Any]) -> list[Any]:
    """Modes in which each key is read at once and not shown; Ctrl-C and Ctrl-Z are signals.

    Ctrl-S stops nothing: a terminal that is held would hold up the training.
    """
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = modes
    iflag &= ~(termios.IXON | termios.ISTRIP)
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, characters]


def _cells(row: str) -> int:
    """Columns that a row with colours takes."""
    return cell_len(re.sub("\x1b\\[[0-9;]*m", "", row))

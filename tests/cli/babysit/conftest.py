"""`hpsearch babysit` in a real terminal, of which the test sees the screen as a user does."""

import codecs
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DIGITS = Path(__file__).parents[3] / "configs" / "digits.yaml"
HPSEARCH = "from hpsearch.cli import main; main()"
PATIENCE = 60.0


class Screen:
    """What a terminal shows of the bytes that it gets: rows of text, without colours."""

    TOKEN = re.compile(
        r"\x1b\[(?P<arguments>[0-9;?]*)(?P<command>[A-Za-z])|(?P<text>[^\x1b\r\n\b]+)|[\r\n\b]"
    )

    def __init__(self, columns, rows):
        self.columns, self.count = columns, rows
        self.modes = {"25"}  # of the private ones: the cursor shows
        self.rows, self.at, self.rest = {}, (0, 0), ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, data):
        text = self.rest + self.decoder.decode(data)
        place = 0
        while place < len(text):
            found = self.TOKEN.match(text, place)
            if found is None:
                assert len(text) - place < 20, f"not understood: {text[place:]!r}"
                break
            place = found.end()
            self.obey(found)
        self.rest = text[place:]

    def obey(self, found):
        row, column = self.at
        if found["text"]:
            before = self.rows.get(row, "").ljust(column)
            self.rows[row] = (
                before[:column] + found["text"] + before[column + len(found["text"]) :]
            )
            self.at = row, column + len(found["text"])
        elif found["command"] == "H":
            row, column = (int(each) - 1 for each in found["arguments"].split(";"))
            self.at = row, column
        elif found["command"] == "K":
            self.rows[row] = self.rows.get(row, "")[:column]
        elif found["command"] == "J":
            self.rows = {}
        elif found["command"] in ("h", "l"):
            mode = found["arguments"].removeprefix("?")
            (self.modes.add if found["command"] == "h" else self.modes.discard)(mode)
            if mode == "1049":
                self.rows, self.at = {}, (0, 0)
        elif found[0] == "\n":
            self.at = row + 1, column
        elif found[0] == "\r":
            self.at = row, 0
        elif found[0] == "\b":
            self.at = row, column - 1

    @property
    def text(self):
        return "\n".join(self.rows.get(row, "") for row in range(max(self.rows, default=-1) + 1))

    @property
    def taken(self):
        """Whether it is a program's: another screen, no cursor, marks around what is pasted."""
        return bool({"1049", "2004"} & self.modes) or "25" not in self.modes


class InTerminal:
    """A program as the job in the foreground of a terminal of its own."""

    def __init__(self, folder, command, size=(80, 24), environment=None, **streams):
        import fcntl
        import pty
        import termios

        self.termios, self.folder = termios, folder
        self.main, self.other = pty.openpty()
        self.screen, self.raw = Screen(*size), b""
        termios.tcsetwinsize(self.other, size[::-1])
        self.modes = termios.tcgetattr(self.other)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(self.other, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "PYTHONUTF8": "1", **(environment or {})},
            preexec_fn=take_terminal,
            pass_fds=[self.other],
            **{"stdin": self.other, "stdout": self.other, "stderr": self.other, **streams},
        )

    @property
    def run(self):
        return self.folder / "runs" / "m"

    @property
    def sane(self):
        """Whether the terminal is as it was before."""
        return self.termios.tcgetattr(self.other) == self.modes and not self.screen.taken

    @property
    def diary(self):
        lines = (self.run / "interventions.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def status(self):
        return json.loads((self.run / "run.json").read_text())["status"]

    def press(self, text):
        os.write(self.main, text.encode())

    def resize(self, columns, rows):
        self.screen.columns, self.screen.count = columns, rows
        self.termios.tcsetwinsize(self.other, (rows, columns))

    def read(self, seconds=0.05):
        if select.select([self.main], [], [], seconds)[0]:
            part = os.read(self.main, 65536)
            self.raw += part
            self.screen.feed(part)

    def wait(self, true, what=""):
        """Read on until something is true."""
        until = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < until, f"{what}\n{self.screen.text}\n{self.raw[-2000:]!r}"
            self.read()

    def wait_for(self, text):
        self.wait(lambda: re.search(text, self.screen.text), f"waited for {text}")

    def wait_for_view(self):
        self.wait_for(r"epoch \d+/\d+ .*\n(.*\n)+.*update/weights")
        assert self.screen.taken

    def wait_for_diary(self, entries):
        path = self.run / "interventions.jsonl"
        self.wait(lambda: path.exists() and len(self.diary) >= entries, "waited for the diary")

    def end(self):
        """Its exit status, when the terminal has shown all."""
        self.wait(lambda: self.process.poll() is not None, "waited for the end")
        while select.select([self.main], [], [], 0)[0]:
            self.read()
        return self.process.returncode

    def hang_up(self):
        """Close the terminal, as a closed window or a broken connection does."""
        os.close(self.other)
        os.close(self.main)
        self.main = self.other = None

    def clean_up(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        if self.main is not None:
            os.close(self.main)
            os.close(self.other)


@pytest.fixture
def in_terminal(tmp_path):
    """Begins a program in a terminal, and ends it after the test."""
    pytest.importorskip("termios")
    begun = []

    def begin(command, **options):
        begun.append(InTerminal(tmp_path, command, **options))
        return begun[-1]

    yield begin
    for each in begun:
        each.clean_up()


@pytest.fixture
def hpsearch(in_terminal):
    """Begins hpsearch in a terminal, perhaps with some code before."""

    def begin(*words, before="", **options):
        command = [sys.executable, "-c", before + HPSEARCH, *map(str, words)]
        return in_terminal(command, **options)

    return begin


@pytest.fixture
def babysit(hpsearch):
    """Begins to babysit a model of the digits, which trains for long unless it is said."""

    def begin(*words, epochs=100_000, **options):
        words = ("--name=m", f"--epochs={epochs}", *words)
        return hpsearch("babysit", DIGITS, *words, **options)

    return begin

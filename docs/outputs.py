"""Run every command that a page shows, and put what it prints below it.

    python docs/outputs.py README.md docs/guide.md

A block that begins with ```console holds commands, each behind "$ ", and their output. The
commands of a page run in order, in one new folder with a copy of configs/. Where the output has
a line ^C, the command is interrupted after the lines above it, as a terminal does it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)  # a backslash continues a line
INTERRUPT = "^C"


@dataclass(frozen=True)
class Example:
    """A command as a page shows it, and the output that stands below it."""

    command: str
    output: str

    @property
    def interrupted_after(self) -> int | None:
        """After how many lines the command is interrupted; None where it is not."""
        lines = self.output.splitlines()
        return lines.index(INTERRUPT) if INTERRUPT in lines else None


@dataclass(frozen=True)
class Ran:
    """What a command printed, on both streams, and its exit status."""

    output: str
    status: int


def examples(page: str) -> Iterator[Example]:
    """Every command of a page, in order."""
    for block in BLOCK.findall(page):
        _, *parts = COMMAND.split(block)
        yield from map(Example, parts[::2], parts[1::2])


def run(example: Example, folder: Path) -> Ran:
    """Run a command in a folder, with the hpsearch that belongs to this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 (the project's own pages)
        ["bash", "-c", example.command],  # noqa: S607 (whichever bash the reader has)
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "PATH": path},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if len(lines) == example.interrupted_after:
                lines.append(f"{INTERRUPT}\n")
                os.killpg(process.pid, signal.SIGINT)
    return Ran("".join(lines), process.returncode)


def refreshed(page: str, folder: Path) -> str:
    """A page with the output that its commands have now."""

    def again(block: re.Match[str]) -> str:
        _, *parts = COMMAND.split(block[0])
        shown = map(Example, parts[::2], parts[1::2])
        return "".join(f"$ {each.command}\n{run(each, folder).output}" for each in shown)

    return BLOCK.sub(again, page)


def main() -> None:
    """Refresh the pages that are named on the command line."""
    for path in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as name:
            shutil.copytree(ROOT / "configs", Path(name) / "configs")
            path.write_text(refreshed(path.read_text(encoding="utf-8"), Path(name)), "utf-8")


if __name__ == "__main__":
    main()

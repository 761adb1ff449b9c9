"""Run all that a page shows, and put what it prints below it.

    python docs/outputs.py README.md docs/guide.md docs/python.md

A block that begins with ```console holds commands, each behind "$ ", and their output. The
commands of a page run in order, in one new folder with a copy of configs/. Where the output has
a line ^C, the command is interrupted after the lines above it, as a terminal does it.

A block that begins with ```python, with one that begins with ```text below it, is a cell of a
notebook: the page's cells are run in order, and the text is what a cell prints and the value of
its last line. Commands and cells do not meet on one page.
"""

from __future__ import annotations

import json
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
PYTHON = re.compile(
    r"(?<=^```python\n)(.*?)^```\n(\n```text\n.*?^```\n)?", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)  # a backslash continues a line
INTERRUPT = "^C"
NOTEBOOK = """
import ast, contextlib, io, json, sys
names, told = {"__name__": "__main__"}, []
for cell in json.load(sys.stdin):
    *statements, last = ast.parse(cell).body
    shown = isinstance(last, ast.Expr)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(ast.Module(statements + [last][shown:], []), "<cell>", "exec"), names)
        value = None
        if shown:
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
        if value is not None:
            print(repr(value))
    told.append(printed.getvalue())
json.dump(told, sys.stdout)
"""


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


def cells(page: str) -> list[tuple[str, bool]]:
    """The cells of a page that is a notebook, in order, each with whether a text stands below."""
    found = [(block[1], block[2] is not None) for block in PYTHON.finditer(page)]
    return found if any(shown for _, shown in found) else []


def run_cells(page: str, folder: Path) -> list[str]:
    """What each cell of a page gives, run in one Python in a folder.

    Raises:
        RuntimeError: a cell failed; the message is its traceback.
    """
    done = subprocess.run(  # noqa: S603 (the project's own pages)
        [sys.executable, "-c", NOTEBOOK],
        cwd=folder,
        input=json.dumps([cell for cell, _ in cells(page)]),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    given: list[str] = json.loads(done.stdout)
    return given


def refreshed_cells(page: str, folder: Path) -> str:
    """A page with what its cells give now."""
    given = iter(run_cells(page, folder))

    def again(block: re.Match[str]) -> str:
        text = next(given)
        return f"{block[1]}```\n" + (f"\n```text\n{text}```\n" if block[2] else "")

    return PYTHON.sub(again, page)


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
            page = path.read_text(encoding="utf-8")
            refresh = refreshed_cells if cells(page) else refreshed
            path.write_text(refresh(page, Path(name)), encoding="utf-8")


if __name__ == "__main__":
    main()

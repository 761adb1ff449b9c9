"""The command line in this process: its status, its output, and searches small enough."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hpsearch.cli import main

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
TINY = ("--trials=6", "--set=trainer.epochs=2", "--backend=serial")


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


def call(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    """Run `hpsearch` with these words in this process."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    streams = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return Said(ended.value.code, streams.out, streams.err)


@pytest.fixture
def hpsearch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command line, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: call(capsys, *words)


@pytest.fixture
def search(hpsearch: Command) -> Command:
    """A tiny search of the digits with a name; more words change it."""

    def run(name: str, *words: object) -> Said:
        return hpsearch("run", DIGITS, "--name", name, *TINY, *words)

    return run


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[tuple[object, ...], Said]]:
    """The searches that were done for `searched`: their folders, and what each command said."""
    return tmp_path_factory.mktemp("made"), {}


@pytest.fixture
def searched(
    hpsearch: Command,
    _made: tuple[Path, dict[tuple[object, ...], Said]],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """As `search`, for tests of what comes after it: each search is done once, and copied."""
    folder, said = _made

    def run(name: str, *words: object) -> Said:
        done = (name, *words)
        if done not in said:
            (folder / str(len(said))).mkdir()
            with monkeypatch.context() as patch:
                patch.chdir(folder / str(len(said)))
                said[done] = hpsearch("run", DIGITS, "--name", name, *TINY, *words)
        kept = folder / str([*said].index(done)) / "runs" / name
        shutil.copytree(kept, Path("runs", name))
        info = Path("runs", name, "run.json")  # the newest of all, as if it were done now
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        info.write_text(re.sub(r'(?<="created": ")[^"]*', now, info.read_text(), count=1))
        return said[done]

    return run


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """A table with labels that are text, a text column, and a column of numbers."""
    colours = {"rose": "red", "iris": "blue", "tulip": "red"}
    path = tmp_path / "flowers.csv"
    path.write_text(
        "size,colour,flower\n"
        + "".join(
            f"{kind + n / 50},{colours[flower]},{flower}\n"
            for n in range(20)
            for kind, flower in enumerate(colours)
        )
    )
    return path


@pytest.fixture
def digits() -> Path:
    """The configuration of the main job."""
    return DIGITS


@pytest.fixture
def trials() -> Callable[[str], list[dict[str, Any]]]:
    """The trials of a run by number, without what only the clock decides."""

    def read(name: str) -> list[dict[str, Any]]:
        lines = Path("runs", name, "trials.jsonl").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        for trial in found:
            del trial["started"], trial["seconds"]
        return sorted(found, key=lambda trial: trial["number"])

    return read

"""What cannot be read in a run directory is set aside, so that it can be trained again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.errors import RunError
from hpsearch.store.files import write_whole
from hpsearch.store.records import record_of
from hpsearch.store.run_directory import RunDirectory
from hpsearch.store.shape import WORK, shaped
from hpsearch.trial import Piece, Result

FOLDER = "damaged"  # in the run directory: what was set aside, by the file that it was in


def set_aside(run: RunDirectory, sound: Callable[[Result], bool]) -> dict[str, int]:
    """Take out every line that is damaged, or says again what another said; how many, by file.

    The lines are kept in damaged/, the others stay as they are, to the byte. Nobody else may be
    writing to the run. A crash leaves each file as it was or mended.

    Args:
        run: the run.
        sound: whether a trial that can be read is one of this search.
    """
    checks: dict[str, Callable[[Any], object]] = {
        "curves.jsonl": _piece,
        "trials.jsonl": partial(_result, sound),
        "timeline.jsonl": _work,
    }
    found = {file: _mend(run.path, file, check) for file, check in checks.items()}
    return {file: lines for file, lines in found.items() if lines}


def _piece(line: Any) -> object:
    piece = record_of(line, Piece)
    return piece.training, piece.rung


def _result(sound: Callable[[Result], bool], line: Any) -> object:
    result = record_of(line, Result)
    if not sound(result):
        raise ValueError("not of this search")
    return result.number


def _work(line: Any) -> None:
    held = shaped(line, WORK, "timeline.jsonl")
    _ = [held[name] for name in WORK]  # raises where one is missing


def _mend(folder: Path, file: str, identify: Callable[[Any], object]) -> int:
    """Take damaged lines out of a file; how many. `identify` raises, or says what a line is of.

    Lines of None may repeat, others are damaged where one like them came before.
    """
    path = folder / file
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []  # no torn tail
    good: list[bytes] = []
    bad: list[bytes] = []
    seen = set()
    for line in lines:
        try:
            identity = identify(json.loads(line))
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError, RunError):
            bad.append(line)
            continue
        repeated = identity is not None and identity in seen
        (bad if repeated else good).append(line)
        seen.add(identity)
    if bad:
        _keep(folder / FOLDER / file, bad)
        write_whole(path, lambda out: out.write(b"".join(line + b"\n" for line in good)))
    return len(bad)


def _keep(path: Path, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as out:
        out.write(b"".join(line + b"\n" for line in lines))

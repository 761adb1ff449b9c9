"""What cannot be read in a run directory is set aside, so that it can be trained again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from functools import partial

from hpsearch.store.files import whole_lines
from hpsearch.store.records import Record, read_line
from hpsearch.store.run_directory import RunDirectory
from hpsearch.store.safe_path import SafePath
from hpsearch.trial import Piece, Result, Span

FOLDER = "damaged"  # in the run directory: what was set aside, by the file that it was in


def set_aside(
    run: RunDirectory,
    metric: str,
    sound: Callable[[Result], bool],
    strays: Callable[[Mapping[int, Piece]], set[int]] | None = None,
) -> dict[str, int]:
    """Take out every line that is damaged, or contradicts another; how many, by file.

    The lines are kept in damaged/, the others stay as they are, to the byte. Nobody else may be
    writing to the run. A crash leaves each file as it was or mended.

    Args:
        run: the run.
        metric: that its trials are compared by.
        sound: whether a trial that can be read is one of this search.
        strays: the places of the pieces that contradict others; None for a search's rule.
    """
    curves, trials, timeline = (
        run.inside / f"{name}.jsonl" for name in ("curves", "trials", "timeline")
    )
    found = {
        curves.name: mend_lines(curves, Piece, strays or partial(_contradicting, metric)),
        trials.name: mend_lines(trials, Result, partial(_foreign, sound)),
        timeline.name: mend_lines(timeline, Span, lambda _: set()),
    }
    return {file: lines for file, lines in found.items() if lines}


def _contradicting(metric: str, pieces: Mapping[int, Piece]) -> set[int]:
    """The places of pieces that repeat another, and of those without the metric that counts.

    Of a training with such a piece none is kept, as it goes on from one to the next. Other
    metrics may come and go.
    """
    torn = {
        piece.training
        for piece in pieces.values()
        if piece.curve.get("epoch") and metric not in piece.curve
    }
    rungs = {place: (piece.training, piece.rung) for place, piece in pieces.items()}
    lost = {place for place, piece in pieces.items() if piece.training in torn}
    return lost | _again(rungs)


def _foreign(sound: Callable[[Result], bool], results: Mapping[int, Result]) -> set[int]:
    """The places of trials that are not of this search, and of those that repeat another."""
    own = {place: result.number for place, result in results.items() if sound(result)}
    return (results.keys() - own.keys()) | _again(own)


def _again(identities: Mapping[int, Hashable]) -> set[int]:
    """The places at which stands what stood at an earlier one."""
    first: dict[Hashable, int] = {}
    return {place for place, name in identities.items() if first.setdefault(name, place) != place}


def mend_lines(
    path: SafePath,
    kind: type[Record],
    contradicting: Callable[[Mapping[int, Record]], set[int]],
) -> int:
    """Take lines out of a file that cannot be read or contradict others; how many.

    They are kept in damaged/, the others stay as they are, to the byte.

    Args:
        path: of the file, in a run directory.
        kind: what each line is.
        contradicting: given all that can be read by their places, the places of those to take out.
    """
    lines = list(whole_lines(path))
    records: dict[int, Record] = {}
    for place, line in enumerate(lines):
        with suppress(ValueError):
            records[place] = read_line(line, kind)
    good = records.keys() - contradicting(records)
    bad = [line for place, line in enumerate(lines) if place not in good]
    if bad:
        _keep(path.parent / FOLDER / path.name, bad)
        path.write_bytes(b"".join(line for place, line in enumerate(lines) if place in good))
    return len(bad)


def _keep(path: SafePath, lines: Iterable[bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.append() as out:
        out.write(b"".join(lines))

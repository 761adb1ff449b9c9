"""A damaged babysat run made fit to go on: what cannot be read, and what hangs on it, set aside.

A damaged line of curves.jsonl costs the epochs of its branch from there on, which are trained
again. A damaged line of the diary costs more: nobody knows from where the model went on after it,
so all that was done later goes with it, and what was trained later, too. The lines are kept in
damaged/, and the message says from which epoch the model goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from hpsearch.config import Config, from_run
from hpsearch.errors import RunError
from hpsearch.messages import counted
from hpsearch.searching.babysit.lines import Lines
from hpsearch.searching.babysit.story import joined, lines_in, read
from hpsearch.store import RunDirectory, RunInfo, set_aside
from hpsearch.store.repair import FOLDER, mend_lines
from hpsearch.trial import Diagnosis, Intervention, Piece, Point, Result


def mend(run: RunDirectory, info: RunInfo) -> list[str]:
    """Set aside what is damaged in a babysat model's run; what that was, one line each.

    Args:
        run: nobody else may be writing to it.
        info: what run.json says.

    Raises:
        RunError: what the model began with is damaged.
    """
    assert info.babysit is not None
    config, path = from_run(info.config, run.path), run.inside / "interventions.jsonl"
    lines_in(run, info.babysit, config, ())  # or nothing in the diary would hold
    lost = mend_lines(path, Intervention, partial(_not_holding, run, info, config))
    lines = lines_in(run, info.babysit, config, run.diary)
    known = _known(lines, run.diary) if lost else None
    found = set_aside(
        run, config.metric.name, partial(_fate_is_known, lines, known),
        partial(_strays, lines, config.metric.name, known),
    )  # fmt: skip
    said = [f"{run.path / f}: {counted(n, 'damaged line')} set aside" for f, n in found.items()]
    diagnostics = run.inside / "diagnostics.jsonl"
    if n := mend_lines(diagnostics, Diagnosis, partial(_of_the_unknown, known)):
        said.append(f"{diagnostics}: {counted(n, 'damaged line')} set aside")
    if known is not None:
        _forget_states(run, known)
        said.insert(0, f"{path}: {counted(lost, 'line')} from the damaged one on set aside, with "
                       "what was trained after: what was done then cannot be known. The model "
                       f"goes on from branch {known.trial}, epoch {known.epoch}")  # fmt: skip
    return [*said, *_unfinished(run)]


def _not_holding(
    run: RunDirectory, info: RunInfo, config: Config, entries: Mapping[int, Intervention]
) -> set[int]:
    """The places in a diary from the first line on that cannot be read or does not fit."""
    good: list[Intervention] = []
    for place in range(max(entries, default=-1) + 1):
        if place not in entries or not _holds(run, info, config, [*good, entries[place]]):
            return {each for each in entries if each >= place}
        good.append(entries[place])
    return set()


def _holds(
    run: RunDirectory, info: RunInfo, config: Config, diary: Sequence[Intervention]
) -> bool:
    assert info.babysit is not None
    try:
        lines_in(run, info.babysit, config, diary)
    except RunError:
        return False
    return True


def _known(lines: Lines, diary: Sequence[Intervention]) -> Point:
    """The last epoch of the line in training of which a diary says how it was trained."""
    active = lines.active
    epochs = [done.epoch for done in diary if done.trial == active.number]
    return Point(active.number, max([active.began, *epochs]))


def _strays(
    lines: Lines, metric: str, known: Point | None, pieces: Mapping[int, Piece]
) -> set[int]:
    """The places of pieces that lack the metric, follow no other, or come after what is known."""
    sound = (
        piece
        for piece in pieces.values()
        if metric in piece.curve and (known is None or Point(piece.number, piece.epochs) <= known)
    )
    kept = {id(piece) for own in joined(lines, sound).values() for piece in own}
    return {place for place, piece in pieces.items() if id(piece) not in kept}


def _fate_is_known(lines: Lines, known: Point | None, result: Result) -> bool:
    """Whether a line has come to an end that still counts."""
    return result.number < (len(lines.all) if known is None else known.trial)


def _of_the_unknown(known: Point | None, diagnoses: Mapping[int, Diagnosis]) -> set[int]:
    """The places of what was measured after what is known."""
    if known is None:
        return set()
    return {p for p, each in diagnoses.items() if Point(each.number, each.epoch) > known}


def _forget_states(run: RunDirectory, known: Point) -> None:
    """Remove the snapshots of what came after what is known, and the best epoch."""
    for folder in map(run.states.__truediv__, run.states.names()):
        number = folder.name.partition("-")[0]
        if not number.isdecimal() or int(number) < known.trial:
            continue
        if folder.name != str(known.trial):
            folder.remove()
            continue
        for name in folder.names():
            epoch = name.removesuffix(".npz").removeprefix("checkpoint-")
            if not epoch.isdecimal() or int(epoch) > known.epoch:
                (folder / name).remove()
    run.best.remove()


def _unfinished(run: RunDirectory) -> Iterator[str]:
    """What epochs are lost; the end of the branch in training is taken back where it lost some."""
    story, path = read(run, lacking=True), run.inside / "trials.jsonl"
    for line in story.lines.all[:-1]:
        have, needed = story.last_epoch(line.number), story.needed(line.number)
        if have < needed:
            (run.inside / FOLDER).mkdir(exist_ok=True)  # tells the next writer that they may be
            yield f"{run.path}: branch {line.number} has lost epochs {have + 1} to {needed}"
    number, known = story.number, story.results.get(story.number)
    if known is not None and story.epoch < known.epochs:
        mend_lines(path, Result, lambda all_: {p for p, r in all_.items() if r.number == number})
        yield f"{path}: branch {number} has lost epochs, so it has not come to its end"

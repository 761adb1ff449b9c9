"""All that a run's files say of one trial, as plain values and as text: `report --trial N`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import RunError, as_argument
from hpsearch.messages import counted
from hpsearch.report.chart import learning_curve
from hpsearch.report.escape import cut
from hpsearch.report.numbers import duration, number
from hpsearch.report.summary import Summary
from hpsearch.report.text import LONGEST_NAME, TextTable, display, heading
from hpsearch.report.workers import host_and_name
from hpsearch.searching.by_hand import in_words
from hpsearch.searching.curves import Curve
from hpsearch.store import RunDirectory
from hpsearch.store.files import plain
from hpsearch.store.records import Contender
from hpsearch.store.safe_path import SafePath
from hpsearch.trial import Piece, Result, Span, Status

MOST_LOG = 4096  # bytes from the end of a log
MOST_FAILURES = 1 << 20  # bytes from the end of log.txt, which holds the tracebacks of all trials
LOGS = ("trial-{}.txt", "trial-{}.stdout.txt", "trial-{}.stderr.txt")


@dataclass(frozen=True)
class TrainedPiece:
    """A piece of a trial's training: how far it went and what it reached there."""

    repeat: int
    fold: int
    rung: int
    epochs: int
    value: float | None
    confirming: bool  # with a new seed, after the search
    worker: str | None = None  # that trained it, as timeline.jsonl names it
    lost: int = 0  # how often a worker went away with it before


@dataclass(frozen=True)
class TrialReport:
    """All that a run's files say of one trial.

    Attributes:
        run: its run's name.
        path: the run's folder.
        of_parent: the parent's name, where the trial is the parent's of a refined run.
        metric: the one that was searched.
        winner: whether it won.
        result: its line of trials.jsonl.
        fixed: the settings that all trials share.
        rungs: every piece of its training, in order; none of a parent's trial.
        curve: what the search saw of it, epoch by epoch.
        confirmed: what new seeds gave, where it was among the best.
        traceback: of its failure.
        logs: the end of what it printed, by file.
        by_hand: what people did to it, in words.
        added: whether somebody added it, so that no round proposed it.
    """

    run: str
    path: Path
    of_parent: str | None
    metric: str
    winner: bool
    result: Result
    fixed: Mapping[str, Any]
    rungs: Sequence[TrainedPiece]
    curve: Curve
    confirmed: Contender | None
    traceback: str | None
    logs: Mapping[str, str]
    by_hand: Sequence[str] = ()
    added: bool = False

    def as_json(self) -> dict[str, Any]:
        """What `report --trial N --format json` prints."""
        return {
            "run": self.run,
            "parent": self.of_parent,
            "metric": self.metric,
            "winner": self.winner,
            **asdict(self.result),
            "fixed": dict(self.fixed),
            "rungs": [asdict(rung) for rung in self.rungs],
            "curve": {name: list(values) for name, values in self.curve.items()},
            "confirmed": plain(self.confirmed),
            "traceback": self.traceback,
            "logs": dict(self.logs),
            "by_hand": list(self.by_hand),
        }

    def show(self) -> None:
        """Print it."""
        show_trial(self)


def report_trial(summary: Summary, wanted: int) -> TrialReport:
    """Gather what the run's files say of trial `wanted`.

    Raises:
        RunError: there is no such trial, or it has not ended yet.
    """
    trials = {each.result.number: each for each in summary.past_trials}
    pieces = [piece for piece in summary.run.pieces if piece.number == wanted]
    if wanted not in trials:
        raise _unknown(summary, wanted, pieces)
    outcome = summary.outcome
    contenders = () if outcome is None else outcome.contenders
    inherited = wanted < summary.spec.first
    return TrialReport(
        run=summary.run.name,
        path=summary.run.path,
        of_parent=str(summary.info.parent) if inherited else None,
        metric=summary.criterion.name,
        winner=outcome is not None and outcome.number == wanted,
        result=trials[wanted].result,
        fixed=dict(summary.config.trainer.settings),
        rungs=tuple(_rungs(pieces, summary.timeline, summary.spec.repeats)),
        curve=trials[wanted].curve,
        confirmed=next((each for each in contenders if each.number == wanted), None),
        traceback=None if inherited else _traceback(summary.run, wanted),
        logs={} if inherited else dict(_logs(summary.run, wanted)),
        by_hand=tuple(in_words(act) for act in summary.by_hand.acts if act.trial == wanted),
        added=wanted in summary.by_hand.added,
    )


def _unknown(summary: Summary, wanted: int, pieces: Sequence[Piece]) -> RunError:
    path, numbers = summary.run.path, [each.result.number for each in summary.past_trials]
    if pieces:
        epochs = max(piece.epochs for piece in pieces)
        return RunError(f"{path}: trial {wanted} has not ended; it is at epoch {epochs:,} so far")
    if wanted in summary.by_hand.added:
        remedy = f"train it with: hpsearch resume {as_argument(path)}"
        return RunError(f"{path}: trial {wanted} was added, and is not trained yet; {remedy}")
    have = f"{min(numbers)} to {max(numbers)}" if numbers else "none"
    return RunError(f"{path}: has no trial {wanted}; there are {have}")


def _rungs(
    pieces: Sequence[Piece], timeline: Sequence[Span], repeats: int
) -> Iterator[TrainedPiece]:
    """The pieces of one trial in order, and from the timeline who trained them."""
    numbers = {piece.number for piece in pieces}
    own = [span for span in timeline if span.number in numbers]
    for piece in sorted(pieces, key=lambda p: (p.repeat, p.fold, p.rung)):
        place = piece.repeat, piece.fold, piece.rung
        spans = [span for span in own if (span.repeat, span.fold, span.rung) == place]
        lost = [span for span in spans if not span.kept]
        kept = [span.worker for span in spans if span.kept]
        yield TrainedPiece(
            *place,
            piece.epochs,
            piece.value,
            confirming=piece.repeat >= repeats,
            worker=kept[-1] if kept else None,
            lost=len(lost),
        )


def _traceback(run: RunDirectory, wanted: int) -> str | None:
    """The last entry of a trial in logs/log.txt; each begins with its number."""
    text = tail(run.inside / "logs" / "log.txt", MOST_FAILURES) or ""
    entries = re.split(r"^(?=trial \d+: )", text, flags=re.MULTILINE)
    found = [entry for entry in entries if entry.startswith(f"trial {wanted}: ")]
    return found[-1].partition(": ")[2].rstrip() if found else None


def _logs(run: RunDirectory, wanted: int) -> Iterator[tuple[str, str]]:
    for name in LOGS:
        text = tail(run.inside / "logs" / name.format(wanted), MOST_LOG)
        if text:
            yield f"logs/{name.format(wanted)}", text


def tail(path: SafePath, most: int) -> str | None:
    """The end of a text file, whole lines where it is cut; None where there is no plain file."""
    try:
        with path.open() as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - most))
            text = stream.read(most).decode(errors="replace")
    except (OSError, RunError):  # a stranger's link or pipe is no log
        return None
    return (text.partition("\n")[2] or text) if size > most else text


def show_trial(report: TrialReport) -> None:
    """Print a trial."""
    result = report.result
    display(heading(_headline(report)))
    display("", _settings(report))
    if report.rungs:
        display("", _training(report))
    title = f"{report.metric}, epoch by epoch"
    if lines := learning_curve(report.curve, report.metric, title):
        display("", *lines)
    if result.error is not None:
        why = "stopped" if result.status is Status.STOPPED else "failed"
        display("", heading(f"Why it {why}"), report.traceback or result.error)
    if report.by_hand:
        display("", heading("By hand"), *report.by_hand)
    for name, text in report.logs.items():
        display("", heading(f"The end of {name}"), text.rstrip("\n"))
    if result.status.value != "failed":
        display(
            "",
            f"train it again:  hpsearch retrain {as_argument(report.path)} "
            f"--trial {result.number}",
        )


def _headline(report: TrialReport) -> str:
    result = report.result
    whose = f" of {report.of_parent}, its parent" if report.of_parent else ""
    won = ", the winner" if report.winner else ""
    value = "" if result.value is None else f", {report.metric} {number(result.value)}"
    return f"{report.run}: trial {result.number}{whose}, {result.status}{won}{value}"


def _settings(report: TrialReport) -> TextTable:
    result = report.result
    table = TextTable("setting", "")
    for name, value in result.params.items():
        table.add_row(name, number(value))
    for name, value in report.fixed.items():
        if name not in result.params:
            table.add_row(name, f"{number(value)}  (fixed)")
    table.add_row("")
    for name, metric in result.metrics.items():
        table.add_row(name, number(metric))
    if (confirmed := report.confirmed) is not None:
        values = ", ".join(number(value) for value in confirmed.values)
        table.add_row("with new seeds", f"{number(confirmed.mean)}  (mean of {values})")
    table.add_row("")
    table.add_row("round", "by hand" if report.added else str(result.round + 1))
    table.add_row("epochs", f"{result.epochs:,}")
    table.add_row("started", result.started[:19].replace("T", " "))
    table.add_row("took", duration(result.seconds))
    return table


def _training(report: TrialReport) -> TextTable:
    """A line for each piece of training; repeats and folds are named where there are several."""
    repeats = len({rung.repeat for rung in report.rungs if not rung.confirming})
    folds = len({rung.fold for rung in report.rungs})
    cluster = any(rung.lost or host_and_name(rung.worker or "")[0] for rung in report.rungs)
    table = TextTable("training", "rung", "epoch", report.metric, *["worker"] * cluster)
    for rung in report.rungs:
        name = f"new seed {rung.repeat - repeats + 1}" if rung.confirming else "search"
        if repeats > 1 and not rung.confirming:
            name += f", repeat {rung.repeat + 1}"
        if folds > 1:
            name += f", fold {rung.fold + 1}"
        worker = cut(rung.worker or "", LONGEST_NAME)
        if rung.lost:
            worker += f" ({counted(rung.lost, 'loss')} before)"
        cells = str(rung.rung + 1), f"{rung.epochs:,}", number(rung.value)
        table.add_row(name, *cells, *[worker] * cluster)
    return table

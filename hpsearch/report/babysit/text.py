"""What became of a babysat model, as text: its best epoch, branches, diary, advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import RunError, as_argument
from hpsearch.messages import counted, printable
from hpsearch.report.babysit.summary import BabysitSummary, Branch, Entry
from hpsearch.report.chart import learning_curve
from hpsearch.report.numbers import duration, ends, number, rough
from hpsearch.report.text import Line, Printable, TextTable, display, heading, warning
from hpsearch.searching.curves import difference
from hpsearch.trial import Params

ABREAST = 4  # settings beside each other; more follow below
MOST_ENTRIES = 30  # of the diary; of more, the last ones


def show(summary: BabysitSummary) -> None:
    """Print a summary."""
    display(_headline(summary), f"{what_it_is(summary)}; {how_far(summary)}")
    if summary.best is not None:
        display("", _best(summary))
        display(*_curve(summary, summary.best.trial))
    if len(summary.branches) > 1:
        display("", _branches(summary))
    if summary.entries:
        display("", *_diary(summary))
    if summary.advice:
        display("", *_advice(summary))
    display("", *_closing(summary))


def show_progress(summary: BabysitSummary, one_line: bool = False) -> None:
    """Print how a model in training stands, on one screen or in one line."""
    if one_line:
        display(_headline(summary, f", {how_far(summary)}"))
        return
    display(_headline(summary), how_far(summary))
    display("", *_curve(summary, summary.story.number))
    for entry in summary.entries[-5:]:
        display(f"epoch {entry.epoch}: {entry.words}{_note(entry)}")
    if summary.advice:
        display("", *_advice(summary))
    display("", "Ctrl-C stops watching; the training goes on.")


def what_it_is(summary: BabysitSummary) -> str:
    """In words, what was babysat, and where it began."""
    start = summary.beginning
    if start is None:
        return "one model, babysat"
    until = "" if start.epoch is None else f" up to its epoch {start.epoch}"
    return f"one model, babysat from trial {start.trial} of {start.run}{until}"


def how_far(summary: BabysitSummary) -> str:
    """In words, how far the training has come."""
    story, seconds = summary.story, summary.info.seconds
    of = f" of branch {story.number}" if len(summary.branches) > 1 else ""
    more = f", {summary.trained:,} trained in all" if summary.trained != story.epoch else ""
    took = f", in {duration(seconds)}" if seconds else ""
    return f"{summary.status}, epoch {story.epoch} of {story.epochs}{of}{more}{took}"


def against_beginning(summary: BabysitSummary) -> tuple[str, str] | None:
    """The trial that the model began as, and by how much the best epoch is better."""
    start, value = summary.beginning, summary.value
    if start is None or start.result is None or start.result.value is None or value is None:
        return None
    gained = difference(value, start.result.value)
    better = (gained or 0) > 0 if summary.criterion.goal == "maximize" else (gained or 0) < 0
    by = f"{'better' if better else 'worse'} by {rough(abs(gained))}" if gained else "as good"
    epochs = counted(start.result.epochs, "epoch")
    where = f"trial {start.trial} of {start.run}: {number(start.result.value)} after {epochs}"
    return where, by


def _headline(summary: BabysitSummary, more: str = "") -> Line:
    best, run = summary.best, summary.run.name
    if best is None:
        none = f"{run}: no epoch with a finite {summary.criterion.name} yet{more}"
        return Line(((none, "bold"),))
    of = f" of branch {best.trial}" if len(summary.branches) > 1 else ""
    return Line((
        (f"{run}: ", "bold"),
        (f"{summary.criterion.name} {number(summary.value)}", "bold green"),
        (f" after epoch {best.epoch}{of}{more}", "bold"),
    ))  # fmt: skip


def _best(summary: BabysitSummary) -> TextTable:
    table = TextTable("The best epoch", "")
    for name, value in summary.settings.items():
        table.add_row(name, number(value))
    table.add_row("")
    name = summary.criterion.name
    table.add_row(name, number(summary.value))
    if (against := against_beginning(summary)) is not None:
        table.add_row("  and where it began", f"{against[0]} ({against[1]})")
    if (found := summary.tested) is not None:
        interval = "" if found.interval is None else f"  (95 % interval {ends(found.interval)})"
        table.add_row(found.name, f"{number(found.value)}{interval}")
    for other, value in summary.metrics.items():
        if other != name:
            table.add_row(other, number(value))
    return table


def _curve(summary: BabysitSummary, wanted: int) -> list[Line | str]:
    """The learning curve of a branch, the epochs before it began among them."""
    name = summary.criterion.name
    of = f" of branch {wanted}" if len(summary.branches) > 1 else ""
    drawn = learning_curve(summary.story.curve(wanted), name, f"{name}{of}, epoch by epoch")
    return ["", *drawn] if drawn else []


def _branches(summary: BabysitSummary) -> TextTable:
    table = TextTable("branch", "from", "epochs", "status", "best", "after", "changes")
    for branch in summary.branches:
        table.add_row(*branch_cells(branch))
    return table


def branch_cells(branch: Branch) -> list[str]:
    """Number, origin, epochs, status, best value, its epoch, and changes, as text."""
    origin = branch.origin
    return [
        str(branch.number),
        "the start" if origin is None else f"{origin.trial}, epoch {origin.epoch}",
        f"{branch.epochs:,}",
        branch.status,
        "" if branch.best is None else number(branch.value),
        "" if branch.best is None else f"epoch {branch.best}",
        branch.changes,
    ]


def _diary(summary: BabysitSummary) -> Iterator[Printable]:
    entries = summary.entries[-MOST_ENTRIES:]
    more = len(summary.entries) - len(entries)
    yield heading("The diary" + (f", without the first {more}" if more else ""))
    for entry in entries:
        by = "" if entry.done.by == "rescue" else f", by {entry.done.by}"
        yield f"{entry.done.time[:16].replace('T', ' ')}  epoch {entry.epoch}{by}: {entry.words}"
        if entry.done.note:
            yield f"    {printable(entry.done.note)}"


def _note(entry: Entry) -> str:
    return f"  # {printable(entry.done.note)}" if entry.done.note else ""


def _advice(summary: BabysitSummary) -> Iterator[Printable]:
    for offered in summary.advice:
        yield warning(offered.message)
        if offered.command:
            yield f"  {offered.command}"


def next_commands(summary: BabysitSummary) -> Iterator[tuple[str, str]]:
    """The commands to go on with, and why."""
    run, story = as_argument(summary.run.path), summary.story
    if summary.status in ("stopped", "interrupted", "failed"):
        yield "go on with", f"hpsearch resume {run}"
    elif summary.status == "finished":
        yield "train longer", f"hpsearch resume {run} --epochs {2 * story.epochs}"
    elif summary.status == "paused":
        yield "go on", f"hpsearch steer {run} --continue"
    if summary.best is not None:
        yield "look around", f"hpsearch refine {run}"
    if summary.outcome is not None and summary.run.has_model:
        yield "use it", f"hpsearch predict {run} DATA"
        if summary.measured is None and summary.info.data.rows.get("test"):
            yield "judge it", f"hpsearch evaluate {run}"
    if summary.trained:
        yield "do it again", f"hpsearch babysit --replay {run}"


def _closing(summary: BabysitSummary) -> Iterator[str]:
    looks = summary.info.test_looks
    if looks > 1:
        yield f"its test rows were looked at {looks} times; trust them a little less"
    run = summary.run
    if run.report.exists():
        yield f"see it:       {run.report} (or: hpsearch report --open {as_argument(run.path)})"
    for why, command in next_commands(summary):
        yield f"{why + ':':13} {command}"


@dataclass(frozen=True)
class BranchReport:
    """All that a run's files say of one branch: `report --trial N`.

    Attributes:
        summary: of the model.
        number: of the branch.
    """

    summary: BabysitSummary
    number: int

    @property
    def branch(self) -> Branch:
        """What became of it."""
        return self.summary.branches[self.number]

    @property
    def settings(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Its settings, each with the epoch after which it held."""
        return list(self.summary.story.lines.all[self.number].settings)

    def as_json(self) -> dict[str, Any]:
        """What `report --trial N --format json` prints."""
        branch, story = self.branch, self.summary.story
        result = story.results.get(self.number)
        origin = branch.origin
        return {
            "run": self.summary.run.name,
            "kind": "babysit",
            "metric": self.summary.criterion.name,
            **vars(branch),
            "origin": origin and {"trial": origin.trial, "epoch": origin.epoch},
            "settings": [list(each) for each in self.settings],
            "error": None if result is None else result.error,
            "curve": {n: list(values) for n, values in story.curve(self.number).items()},
            "layers": [
                {"epoch": each.epoch, "layers": list(each.layers)}
                for each in self.summary.diagnostics(self.number)
            ],
        }

    def show(self) -> None:
        """Print it."""
        summary, branch = self.summary, self.branch
        name, origin = summary.criterion.name, branch.origin
        began = "" if origin is None else f", from epoch {origin.epoch} of branch {origin.trial}"
        display(heading(f"{summary.run.name}: branch {branch.number}{began}, {branch.status}"))
        for first in range(0, len(self.settings), ABREAST):
            display("", self._settings(self.settings[first:][:ABREAST]))
        display(*_curve(summary, self.number), "")
        if branch.best is not None:
            display(f"best {name} of its own epochs: {number(branch.value)}, epoch {branch.best}")
        run = as_argument(summary.run.path)
        display(
            f"go on from it: hpsearch steer {run} --trial {branch.number} --branch {branch.last}"
        )

    def _settings(self, shown: Sequence[tuple[int, Params]]) -> TextTable:
        """Some of its settings beside each other."""
        table = TextTable("setting", *(f"from epoch {epoch + 1}" for epoch, _ in shown))
        for name in dict.fromkeys(name for _, params in self.settings for name in params):
            table.add_row(name, *(self.summary.setting_text(params, name) for _, params in shown))
        return table


def report_branch(summary: BabysitSummary, wanted: int) -> BranchReport:
    """Gather what the run's files say of branch `wanted`.

    Raises:
        RunError: there is no such branch.
    """
    most = len(summary.branches) - 1
    if not 0 <= wanted <= most:
        raise RunError(f"{summary.run.path}: has no branch {wanted}; there are 0 to {most}")
    return BranchReport(summary, wanted)

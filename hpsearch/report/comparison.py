"""Several runs side by side, as plain values and as text.

Rows say what each run came to, its winner's settings, and where the configurations differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hpsearch.messages import counted
from hpsearch.report.chart import chart
from hpsearch.report.escape import cut
from hpsearch.report.headline import constant_of, interval_of
from hpsearch.report.numbers import duration, ends, number
from hpsearch.report.summary import Summary, improvements
from hpsearch.report.text import TextTable, display, heading, warning
from hpsearch.trial import Result

if TYPE_CHECKING:
    from hpsearch.report.babysit.summary import BabysitSummary
    from hpsearch.report.findings import Findings

LETTERS = "abcdefghijklmnopqrstuvwxyz"
NOT_COMPARED = ("name", "data.fingerprint")  # of a configuration
EPOCHS = "epochs trained"
ABREAST = 4  # runs beside each other
HEIGHT = 12  # lines of the chart
LONGEST = 18  # characters of a run's name above its column


class Member(Protocol):
    """One run of a comparison."""

    @property
    def letter(self) -> str:
        """Which draws its line."""
        ...

    @property
    def summary(self) -> Summary | BabysitSummary:
        """What it came to."""
        ...

    @property
    def parent(self) -> Member | None:
        """Its parent, where that is another member."""
        ...

    @property
    def params(self) -> Mapping[str, Any]:
        """The winner's settings; empty where there is none."""
        ...

    def setting_text(self, name: str) -> str:
        """One of the winner's settings as text; empty where it has none of this name."""
        ...

    @property
    def best(self) -> Result | None:
        """The winner, with its value; None where there is none."""
        ...

    @property
    def epochs(self) -> int:
        """How many epochs were trained, those that confirm a winner left out."""
        ...

    def outcome(self, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What it came to, in each metric that one of the runs searched: names and cells."""
        ...

    def over_epochs(self) -> list[tuple[float, float]]:
        """The best value so far by epochs trained, those of all trials or branches together."""
        ...

    def over_time(self) -> list[tuple[float, float]]:
        """The same by seconds of searching or training."""
        ...


def name_of(member: Member) -> str:
    """The run's name."""
    return member.summary.run.name


def metric_of(member: Member) -> tuple[str, str]:
    """The metric and its goal: values of different ones do not compare."""
    return member.summary.criterion.name, member.summary.criterion.goal


@dataclass(frozen=True)
class SearchMember:
    """A search among others; its parent too, where that is another member."""

    letter: str
    summary: Summary
    parent: Member | None

    @property
    def params(self) -> Mapping[str, Any]:
        """The winner's settings."""
        return {} if self.summary.best is None else self.summary.best.params

    def setting_text(self, name: str) -> str:
        """One of the winner's settings as text."""
        return number(self.params[name]) if name in self.params else ""

    @property
    def best(self) -> Result | None:
        """The winner."""
        return self.summary.best

    @property
    def epochs(self) -> int:
        """How many epochs the trials had."""
        return sum(result.epochs for result in self.summary.results)

    def outcome(self, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What it came to."""
        return _outcome(self.summary, metrics)

    def over_trials(self) -> list[tuple[float, float]]:
        """The best value so far, trial by trial."""
        return self._best_so_far(None)

    def over_epochs(self) -> list[tuple[float, float]]:
        """The same by epochs, trial after trial; a refined run's go on from its parent's."""
        trained, before = 0, self.parent
        while before is not None:
            trained += before.epochs
            before = before.parent
        places = {}
        for result in self.summary.results:
            trained += result.epochs
            places[result.number] = float(trained)
        return self._best_so_far(places)

    def over_time(self) -> list[tuple[float, float]]:
        """The same over time; a refined run's clock goes on from its parent's."""
        from hpsearch.report.html.figures.progress import ends as trial_ends

        offset, before = 0.0, self.parent
        while before is not None:
            offset += before.summary.info.seconds or 0.0
            before = before.parent
        return self._best_so_far({n: offset + end for n, end in trial_ends(self.summary).items()})

    def _best_so_far(self, places: Mapping[int, float] | None) -> list[tuple[float, float]]:
        """(place, value) wherever a trial became the best completed one, and of the last trial.

        A refined run's line goes on from where its parent's ended.

        Args:
            places: where trials stand on the x axis, by number; None: at their number, counted
                from 1.
        """
        at = (lambda n: float(n + 1)) if places is None else places.__getitem__
        criterion, parent = self.summary.criterion, self.parent
        results = [r for r in self.summary.results if places is None or r.number in places]
        if not results:
            return []
        best = parent.best if parent and metric_of(parent) == metric_of(self) else None
        best = best or criterion.best(each.result for each in self.summary.spec.history)
        steps = improvements(results, at, criterion, best)
        first = min(results, key=lambda result: (at(result.number), result.number))
        last = max(at(result.number) for result in results)
        if best is not None and (not steps or steps[0][1] is not first):
            steps.insert(0, (at(first.number), best))
        points = [(x, result.value) for x, result in steps if result.value is not None]
        if points and points[-1][0] < last:
            points.append((last, points[-1][1]))
        return points


@dataclass(frozen=True)
class Progress:
    """The best value so far of several runs.

    Attributes:
        steps: in words, "trial by trial".
        axis: what the x axis counts.
        lines: the points of each run.
    """

    steps: str
    axis: str
    lines: list[list[tuple[float, float]]]


@dataclass(frozen=True)
class Comparison:
    """Runs in the order asked for."""

    members: tuple[Member, ...]

    @cached_property
    def metrics(self) -> list[tuple[str, str]]:
        """Every metric and goal of the runs; those with the same share a chart."""
        return list(dict.fromkeys(metric_of(member) for member in self.members))

    def of(self, metric: tuple[str, str]) -> list[Member]:
        """The runs that optimise this metric."""
        return [member for member in self.members if metric_of(member) == metric]

    def progress(self, metric: tuple[str, str]) -> Progress:
        """The best so far of the runs that optimise this metric, by trials if all are searches."""
        members = self.of(metric)
        searches = [member for member in members if isinstance(member, SearchMember)]
        if len(searches) == len(members):
            return Progress("trial by trial", "trial", [each.over_trials() for each in searches])
        lines = [member.over_epochs() for member in members]
        return Progress("epoch by epoch", "epochs trained", lines)

    @cached_property
    def outcomes(self) -> list[tuple[str, list[str]]]:
        """What the runs came to: a name, and a cell for each run."""
        metrics = [name for name, _ in self.metrics]
        columns = [dict(member.outcome(metrics)) for member in self.members]
        if any(EPOCHS in column for column in columns):  # then it is what they all have
            for member, column in zip(self.members, columns, strict=True):
                column.setdefault(EPOCHS, f"{member.epochs:,}")
        return _side_by_side(columns)

    @cached_property
    def settings(self) -> list[tuple[str, list[str]]]:
        """The winners' settings: a name, and a cell for each run."""
        names = dict.fromkeys(name for member in self.members for name in member.params)
        return _side_by_side(
            [{name: member.setting_text(name) for name in names} for member in self.members]
        )

    @cached_property
    def differences(self) -> list[tuple[str, list[Any]]]:
        """Where the configurations differ: a dotted key, and a value for each run."""
        trees = [dict(_flat(member.summary.info.config)) for member in self.members]
        keys = dict.fromkeys(key for tree in trees for key in tree)
        rows = [
            (key, [tree.get(key) for tree in trees]) for key in keys if key not in NOT_COMPARED
        ]
        return [(key, values) for key, values in rows if any(v != values[0] for v in values[1:])]

    @property
    def set_otherwise(self) -> list[tuple[str, list[str]]]:
        """The same, each value in few words."""
        return [(k, ["" if v is None else describe(v) for v in vs]) for k, vs in self.differences]

    @cached_property
    def warnings(self) -> list[str]:
        """Why the runs' values may not compare."""
        found = []
        if len(self.metrics) > 1:
            names = ", ".join(f"{name} ({goal})" for name, goal in self.metrics)
            found.append(f"the runs optimise different metrics, which do not compare: {names}")
        prints = {m.summary.info.data.fingerprint for m in self.members}
        if len(prints) > 1:
            found.append("the runs had different data or splits: their values do not compare")
        return found

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints of several runs."""
        return {
            "runs": [member.summary.as_json() for member in self.members],
            "differences": dict(self.differences),
            "cautions": self.warnings,
        }


def compare(found: Sequence[Findings]) -> Comparison:
    """Set runs side by side, each but once; a refined run knows its parent among them."""
    by_path = {each.run.path.resolve(): each for each in found}
    letters = {path: LETTERS[place % len(LETTERS)] for place, path in enumerate(by_path)}
    members: dict[Any, Member] = {}

    def member(path: Any) -> Member:
        if path not in members:
            each = by_path[path]
            name = each.info.parent
            above = None if name is None else (path.parent / name).resolve()  # a path stays one
            parent = member(above) if above in by_path and above != path else None
            members[path] = each.member(letters[path], parent)
        return members[path]

    return Comparison(tuple(member(path) for path in by_path))


def _side_by_side(columns: Sequence[Mapping[str, str]]) -> list[tuple[str, list[str]]]:
    """A row for each name of which a column says something: the name, and a cell of each."""
    names = dict.fromkeys(name for column in columns for name, cell in column.items() if cell)
    return [(name, [column.get(name, "") for column in columns]) for name in names]


def _outcome(summary: Summary, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a search came to, in each metric that one of the runs searched."""
    headline = summary.headline
    yield "status", summary.info.status
    yield "refined from", summary.info.parent or ""
    yield "trials", f"{len(summary.results):,}"
    yield "ended by", summary.ended_by or ""
    yield "added by hand", ", ".join(map(str, sorted(summary.by_hand.added)))
    yield "tags", ", ".join(summary.by_hand.tags)
    seconds = summary.info.seconds
    yield "took", duration(seconds) if seconds else ""
    yield from summary.workers.cells()
    if summary.best is not None and headline is not None:
        yield "winner", f"trial {summary.best.number}"
        for name in metrics:
            if name == headline.metric:
                yield name, number(headline.value)
            elif name in summary.best.metrics:
                yield name, f"{number(summary.best.metrics[name])} in the search"
        if headline.seeds:
            yield "confirmed with", counted(headline.seeds, "new seed")
            yield "in the search", number(headline.search)
        if summary.no_better_than_parent:
            yield "better than its parent", "no"
    yield from on_test_rows(summary, metrics)


def on_test_rows(
    summary: Summary | BabysitSummary, metrics: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The metrics that the runs searched on this run's test rows, beside a constant answer's."""
    test, found = summary.test or {}, summary.tested
    searched = [f"test_{name.removeprefix('val_')}" for name in metrics if name.startswith("val_")]
    for name in dict.fromkeys([*searched, *([found.name] if found else [])]):
        if test.get(name) is None:
            continue
        interval, constant = interval_of(name, test), constant_of(name, test)
        within = "" if interval is None else f" (95 % {ends(interval)})"
        yield name, f"{number(test[name])}{within}"
        if constant is not None:
            yield f"  constant {name}", number(constant)


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a configuration by dotted key; a parameter of the space is one leaf."""
    for key, value in tree.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and not before.startswith("space."):
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def show_comparison(comparison: Comparison, page: Path | None = None) -> None:
    """Print a comparison, and where its page is."""
    for metric in comparison.metrics:
        members, progress = comparison.of(metric), comparison.progress(metric)
        pairs = zip(members, progress.lines, strict=True)
        lines = {member.letter: line for member, line in pairs if line}
        drawn = chart(lines, height=HEIGHT, steps=True)
        if drawn:
            display(heading(f"Best {metric[0]} so far, {progress.steps}"), *drawn, "")
    for member in comparison.members:
        story = f", goes on from {name_of(member.parent)}" if member.parent else ""
        display(f"{member.letter} = {cut(name_of(member), 60)}{story}")
    tables = [("What they came to", comparison.outcomes), ("The winners", comparison.settings)]
    if comparison.differences:
        tables.append(("What was set otherwise", comparison.set_otherwise))
    for first in range(0, len(comparison.members), ABREAST):
        for title, rows in tables:
            display("", _table(title, comparison, rows, first))
    if comparison.warnings:
        display("", *map(warning, comparison.warnings))
    if page is not None:
        display("", f"see it:       {page}")


def _table(
    title: str, comparison: Comparison, rows: Sequence[tuple[str, list[str]]], first: int
) -> TextTable:
    """Rows of as many runs as stand beside each other, from the run at `first` on."""
    members = comparison.members[first:][:ABREAST]
    table = TextTable(title, *(cut(f"{m.letter} {name_of(m)}", LONGEST) for m in members))
    for name, cells in rows:
        if any(shown := cells[first:][:ABREAST]):
            table.add_row(name, *shown)
    return table


def describe(value: object) -> str:
    """A setting, or a parameter of the space, in few words.

    >>> describe({"scale": "log", "min": 0.001, "max": 1.0}), describe([1, 2])
    ('0.001 .. 1 (log)', '[1, 2]')
    """
    if not isinstance(value, dict):
        return number(value)
    if "min" in value and "max" in value:
        scale = value.get("scale", "linear")
        scaled = "" if scale == "linear" else f" ({scale})"
        return f"{number(value['min'])} .. {number(value['max'])}{scaled}"
    return ", ".join(f"{key}: {number(entry)}" for key, entry in value.items())

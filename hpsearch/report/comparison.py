"""Several runs held against each other, as plain values: shown in text and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpsearch.messages import counted
from hpsearch.report.headline import constant_of, interval_of
from hpsearch.report.numbers import duration, ends, number
from hpsearch.report.summary import Summary

SIGNS = "abcdefghijklmnopqrstuvwxyz"
UNSAID = ("name", "data.fingerprint")  # of a configuration: no setting


@dataclass(frozen=True)
class Member:
    """One run of a comparison; its parent too, where that is another member."""

    sign: str  # one letter
    summary: Summary
    parent: Member | None

    @property
    def name(self) -> str:
        """The run's name."""
        return self.summary.run.name

    @property
    def metric(self) -> tuple[str, str]:
        """What it optimises: values of unequal metrics do not compare."""
        return self.summary.criterion.name, self.summary.criterion.goal

    def best_so_far(self, places: Mapping[int, float] | None = None) -> list[tuple[float, float]]:
        """Where the best completed trial changed, to the last trial.

        A refined run's line goes on from where its parent's ended.

        Args:
            places: where trials stand, by number; None: at their number, counted from 1.
        """
        at = (lambda n: float(n + 1)) if places is None else places.__getitem__
        criterion = self.summary.criterion
        results = [r for r in self.summary.results if places is None or r.number in places]
        best = self.parent.summary.best if self._goes_on and self.parent else None
        best = best or criterion.best(each.result for each in self.summary.spec.history)
        points: list[tuple[float, float]] = []
        for result in sorted(results, key=lambda r: (at(r.number), r.number)):
            better = criterion.best([result] if best is None else [best, result])
            if better is not best or (not points and best is not None):
                best = better
                assert best is not None
                assert best.value is not None
                points.append((at(result.number), best.value))
        if points and points[-1][0] < (last := max(at(r.number) for r in results)):
            points.append((last, points[-1][1]))
        return points

    @property
    def _goes_on(self) -> bool:
        return self.parent is not None and self.parent.metric == self.metric


@dataclass(frozen=True)
class Comparison:
    """Runs in the order asked for."""

    members: tuple[Member, ...]

    @cached_property
    def metrics(self) -> list[tuple[str, str]]:
        """Every metric and goal there is; runs of one of them share a picture."""
        return list(dict.fromkeys(member.metric for member in self.members))

    def of(self, metric: tuple[str, str]) -> list[Member]:
        """The runs that optimise this metric."""
        return [member for member in self.members if member.metric == metric]

    @cached_property
    def outcomes(self) -> list[tuple[str, list[str]]]:
        """What the runs came to: a name, and a cell for each run."""
        metrics = [name for name, _ in self.metrics]
        told = [dict(_outcome(member, metrics)) for member in self.members]
        names = dict.fromkeys(name for cells in told for name in cells)
        return [(name, [cells.get(name, "") for cells in told]) for name in names]

    @cached_property
    def settings(self) -> list[tuple[str, list[str]]]:
        """The winners' settings: a name, and a cell for each run."""
        params = [dict(m.summary.best.params) if m.summary.best else {} for m in self.members]
        names = dict.fromkeys(name for each in params for name in each)
        return [
            (name, [number(each[name]) if name in each else "" for each in params])
            for name in names
        ]

    @cached_property
    def differences(self) -> list[tuple[str, list[Any]]]:
        """Where the configurations differ: a dotted key, and a value for each run."""
        trees = [dict(_flat(member.summary.info["config"])) for member in self.members]
        keys = dict.fromkeys(key for tree in trees for key in tree)
        found = [(key, [tree.get(key) for tree in trees]) for key in keys if key not in UNSAID]
        return [(key, values) for key, values in found if any(v != values[0] for v in values[1:])]

    @cached_property
    def cautions(self) -> list[str]:
        """Why the runs' values may not compare."""
        found = []
        if len(self.metrics) > 1:
            names = ", ".join(f"{name} ({goal})" for name, goal in self.metrics)
            found.append(f"the runs optimise different metrics, which do not compare: {names}")
        prints = {(m.summary.info.get("data") or {}).get("fingerprint") for m in self.members}
        if len(prints) > 1:
            found.append("the runs had different data or splits: their values do not compare")
        return found

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints of several runs."""
        return {
            "runs": [member.summary.as_json() for member in self.members],
            "differences": dict(self.differences),
            "cautions": self.cautions,
        }


def compare(summaries: Sequence[Summary]) -> Comparison:
    """Hold runs against each other; a parent and its child are one story."""
    by_path = {summary.run.path.resolve(): summary for summary in summaries}
    signs = {path: _sign(place) for place, path in enumerate(by_path)}
    members: dict[Any, Member] = {}

    def member(path: Any) -> Member:
        if path not in members:
            summary = by_path[path]
            name = summary.info.get("parent")
            above = None if name is None else (path.parent / name).resolve()  # a path stays one
            parent = member(above) if above in by_path and above != path else None
            members[path] = Member(signs[path], summary, parent)
        return members[path]

    return Comparison(tuple(member(path) for path in by_path))


def _sign(place: int) -> str:
    return SIGNS[place % len(SIGNS)]


def _outcome(member: Member, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What a run came to, in each metric that one of the runs searched."""
    summary, headline = member.summary, member.summary.headline
    yield "status", str(summary.info["status"])
    yield "refined from", str(summary.info.get("parent") or "")
    yield "trials", f"{len(summary.results):,}"
    seconds = summary.info.get("seconds")
    yield "took", duration(seconds) if seconds else ""
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
        if summary.unimproved:
            yield "better than its parent", "no"
    if summary.test is not None:
        yield from _on_test_rows(summary, metrics)


def _on_test_rows(summary: Summary, metrics: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What each run searched, on this one's test rows, beside what a constant answer gives."""
    test, found = summary.test or {}, summary.tested
    searched = [f"test_{name.removeprefix('val_')}" for name in metrics if name.startswith("val_")]
    for name in dict.fromkeys([*searched, *([found.name] if found else [])]):
        if test.get(name) is None:
            continue
        interval, constant = interval_of(name, test), constant_of(name, test)
        told = "" if interval is None else f" (95 % {ends(interval)})"
        yield name, f"{number(test[name])}{told}"
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

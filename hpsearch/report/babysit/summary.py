"""What became of a babysat model, as plain values: branches, diary, best epoch, advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hpsearch.config import Config
from hpsearch.errors import HpsearchError
from hpsearch.report.babysit.advice import Offered, advise, rate_in
from hpsearch.report.headline import Tested, on_test_rows
from hpsearch.report.numbers import number as shown
from hpsearch.searching.babysit.nudge import settings_with
from hpsearch.searching.babysit.story import Story, read
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import Curve, join
from hpsearch.store import RunDirectory, RunInfo, Winner, is_run
from hpsearch.store.files import plain
from hpsearch.store.records import Measured
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Diagnosis, Intervention, Params, Point, Result

BEGINNINGS = ("undo", "branch", "rescue")
"""The interventions that begin a new branch."""


@dataclass(frozen=True)
class Entry:
    """An intervention of the diary, and the branch and epoch after which training goes on."""

    done: Intervention
    number: int

    @property
    def epoch(self) -> int:
        """The last epoch before it."""
        return self.done.epoch

    @property
    def changes(self) -> str:
        """What changed, in words: "learning_rate 0.01 -> 0.003"."""
        pairs = self.done.set.items()
        return ", ".join(f"{name} {shown(old)} -> {shown(new)}" for name, (old, new) in pairs)

    @property
    def words(self) -> str:
        """What was done, in words, without the note."""
        done = self.done
        if done.action in BEGINNINGS:
            where = f"branch {self.number} begins after epoch {done.epoch} of branch {done.trial}"
            why = "" if done.action == "branch" else done.action
            return ": ".join(filter(None, (why, where, self.changes)))
        if done.action == "set":
            return self.changes or "note"
        return done.action


@dataclass(frozen=True)
class Branch:
    """A branch: the epochs that were trained under one number.

    Attributes:
        number: of the branch.
        origin: the epoch of another branch that it goes on from; None for the first.
        last: its last epoch.
        status: what became of it; of the one in training what the run says of itself, or paused.
        best: the best of its own epochs; None where none has a finite value.
        value: the metric there.
        changes: what was changed where it began, and on its way, in words.
    """

    number: int
    origin: Point | None
    last: int
    status: str
    best: int | None
    value: float | None
    changes: str

    @property
    def epochs(self) -> int:
        """How many epochs are its own."""
        return self.last - (0 if self.origin is None else self.origin.epoch)


@dataclass(frozen=True)
class Beginning:
    """The trial of another run that a babysat model began as.

    Attributes:
        run: the name of that run.
        trial: its number.
        epoch: up to which it was that trial; None where it went its own way from the start.
        result: of that trial; None where the run is no longer there.
        curve: its learning curve; empty likewise.
    """

    run: str
    trial: int
    epoch: int | None
    result: Result | None
    curve: Curve


@dataclass(frozen=True)
class BabysitSummary:
    """What became of a babysat model: the source of the text, the page, the JSON and the CSV."""

    story: Story
    outcome: Winner | None

    @property
    def run(self) -> RunDirectory:
        """The run directory."""
        return self.story.run

    @property
    def info(self) -> RunInfo:
        """What run.json says."""
        return self.story.info

    @property
    def config(self) -> Config:
        """Of the training."""
        return self.story.config

    @property
    def criterion(self) -> Criterion:
        """What makes an epoch good."""
        return self.story.criterion

    @property
    def status(self) -> str:
        """running, paused, finished, stopped, interrupted or failed."""
        found = run_status(self.story)
        return "paused" if self.story.lines.paused and found == "running" else found

    @cached_property
    def best(self) -> Point | None:
        """The best epoch of all branches; None while no epoch has a finite value."""
        return self.story.best

    @property
    def value(self) -> float | None:
        """The metric after the best epoch."""
        return None if self.best is None else self.story.value(self.best)

    @cached_property
    def params(self) -> Mapping[str, Any]:
        """The setting of the best epoch; before there is one, that of the first."""
        best = self.best or Point(0, 0)
        return self.story.lines.all[best.trial].params_after(best.epoch)

    @cached_property
    def metrics(self) -> Mapping[str, float | None]:
        """What the best epoch reported."""
        return {} if self.best is None else self.story.metrics(self.best)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting of the best epoch, the configuration's fixed ones after its own."""
        best = self.best or Point(0, 0)
        return {**self.params, **self.story.settings(best.trial, best.epoch)}

    def setting_text(self, params: Params, name: str) -> str:
        """A parameter's value as text, be it fixed or the trainer's default.

        Args:
            params: a setting that the model had.
            name: of the parameter; where it is none, or does nothing with this setting, there
                is no text.
        """
        kind, settings = kind_read(self.config.trainer), settings_with(self.config, params)
        if name not in settings:
            known = kind.hyperparameters.get(name)
            if known is None:
                return ""
            settings[name] = known.default
            if not kind.any_names and name in dict(kind.ignored_settings(settings)):
                return ""
        return shown(settings[name])

    @property
    def trained(self) -> int:
        """How many epochs were trained, those of all branches together."""
        return sum(len(curve.get("epoch", ())) for curve in self.story.own.values())

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The diary."""
        return tuple(entries(self.story.diary))

    @cached_property
    def branches(self) -> tuple[Branch, ...]:
        """Every branch, by number."""
        return tuple(self._branch(number) for number in range(len(self.story.lines.all)))

    def _branch(self, number: int) -> Branch:
        story = self.story
        line, result = story.lines.all[number], story.results.get(number)
        best = replace(story, own={number: story.own[number]}).best
        changes = [e.changes for e in self.entries if e.number == number and e.changes]
        return Branch(
            number=number,
            origin=line.origin,
            last=story.last_epoch(number),
            status=self.status if result is None else str(result.status),
            best=None if best is None else best.epoch,
            value=None if best is None else story.value(best),
            changes="; ".join(changes),
        )

    @cached_property
    def results(self) -> list[Result]:
        """The branches whose fate is known, each with what its best epoch reported."""
        found = []
        for number, result in sorted(self.story.results.items()):
            branch = self.branches[number]
            if branch.best is not None:
                metrics = self.story.metrics(Point(number, branch.best))
                result = replace(result, metrics=metrics, value=branch.value)
            found.append(result)
        return found

    @cached_property
    def advice(self) -> list[Offered]:
        """What to try, the most important first."""
        return advise(self.story)

    @cached_property
    def beginning(self) -> Beginning | None:
        """The trial of another run that it began as; None where it began by a configuration."""
        start = self.info.babysit
        if start is None or start.run is None or start.trial is None:
            return None
        named = Beginning(start.run, start.trial, start.epoch, None, {})
        path = self.run.path.parent / Path(start.run).name
        try:
            if not is_run(path):
                return named
            other = RunDirectory(path)
            result = next((r for r in other.results if r.number == start.trial), None)
            pieces = [p for p in other.pieces if p.training == (start.trial, 0, 0)]
        except (HpsearchError, OSError):
            return named
        return replace(named, result=result, curve=join(pieces) if pieces else {})

    @cached_property
    def snippets(self) -> Mapping[str, list[str]]:
        """The best epoch's settings as code, by framework; empty for trainers without one."""
        if self.best is None:
            return {}
        data = self.info.data
        settings = self.story.settings(self.best.trial, self.best.epoch)
        kind = kind_read(self.config.trainer)
        return kind.snippets(settings, data.features, len(data.classes))

    @property
    def measured(self) -> Measured | None:
        """The best epoch on the test rows, once `evaluate` was asked; None before."""
        outcome, best = self.outcome, self.best
        if outcome is None or best is None or Point(outcome.number, outcome.epochs) != best:
            return None
        return outcome.test

    @property
    def test(self) -> dict[str, Any] | None:
        """The same by name."""
        return None if self.measured is None else cast("dict[str, Any]", plain(self.measured))

    @cached_property
    def tested(self) -> Tested | None:
        """The metric that counts on the test rows; None where they were not looked at."""
        return None if self.test is None else on_test_rows(self.criterion, self.test)

    def rate(self, number: int, epoch: int) -> float | None:
        """The learning rate in an epoch of a branch, after any decay; None if it is unknown."""
        kind = kind_read(self.config.trainer)
        return rate_in(kind, self.story.settings(number, epoch), epoch)

    def diagnostics(self, number: int) -> list[Diagnosis]:
        """How the layers did on the way to the last epoch of a branch."""
        owner = self.story.lines.owner
        found = [
            each
            for each in self.story.diagnostics
            if each.number in (number, owner(number, each.epoch))
        ]
        return sorted(found, key=lambda each: each.epoch)

    def as_json(self) -> dict[str, Any]:
        """The summary that `report --format json` prints; see docs/guide.md."""
        story, best, start = self.story, self.best, self.info.babysit
        assert start is not None
        return {
            "run": self.run.name,
            "kind": "babysit",
            "status": self.status,
            "metric": self.criterion.name,
            "goal": self.criterion.goal,
            "value": self.value,
            "best": best
            and {
                "number": best.trial,
                "epoch": best.epoch,
                "params": self.params,
                "metrics": self.metrics,
                "value": self.value,
            },
            "test": self.test,
            "tested": self.tested and asdict(self.tested),
            "number": story.number,
            "epoch": story.epoch,
            "epochs": story.epochs,
            "trained": self.trained,
            "settings": plain(story.settings(story.number)),
            "from": None
            if start.run is None
            else {"run": start.run, "trial": start.trial, "epoch": start.epoch},
            "branches": [
                {**vars(branch), "origin": branch.origin and asdict(branch.origin)}
                for branch in self.branches
            ],
            "interventions": [
                {**asdict(entry.done), "branch": entry.number} for entry in self.entries
            ],
            "advice": [vars(offered) for offered in self.advice],
            "classes": list(self.info.data.classes),
        }

    def rows(self) -> dict[str, list[Any]]:
        """One row an epoch of every branch: the columns of `report --format csv`.

        A metric is the column `metrics.NAME`, a parameter of the setting in that epoch
        `params.NAME`; `rate` is the learning rate after decay; `done` and `note` tell what was
        done right before the epoch.
        """
        story = self.story
        names = dict.fromkeys(n for curve in story.own.values() for n in curve if n != "epoch")
        params = dict.fromkeys(
            name for line in story.lines.all for _, each in line.settings for name in each
        )
        done: dict[tuple[int, int], list[Entry]] = {}
        for entry in self.entries:
            done.setdefault((entry.number, entry.epoch + 1), []).append(entry)
        table: dict[str, list[Any]] = {"branch": [], "epoch": []}
        columns = [f"metrics.{n}" for n in names] + ["rate"] + [f"params.{p}" for p in params]
        table |= {name: [] for name in (*columns, "done", "note")}
        for number, curve in story.own.items():
            line = story.lines.all[number]
            for place, at in enumerate(curve.get("epoch", ())):
                epoch = int(at or 0)
                setting, before = line.params_after(epoch), done.get((number, epoch), [])
                table["branch"].append(number)
                table["epoch"].append(epoch)
                for name in names:
                    values = curve.get(name)
                    table[f"metrics.{name}"].append(None if values is None else values[place])
                table["rate"].append(self.rate(number, epoch))
                for name in params:
                    table[f"params.{name}"].append(setting.get(name))
                table["done"].append("; ".join(entry.words for entry in before) or None)
                notes = [entry.done.note for entry in before if entry.done.note]
                table["note"].append("; ".join(notes) or None)
        return table


def run_status(story: Story) -> str:
    """What run.json says, but "stopped" where the user stopped the training, and all is well."""
    last = next((done for done in reversed(story.diary) if done.set or done.action != "set"), None)
    stopped = last is not None and last.action == "stop" and last.epoch == story.epoch
    return "stopped" if stopped and story.info.status == "interrupted" else story.info.status


def entries(diary: Iterable[Intervention]) -> Iterator[Entry]:
    """Each intervention with the branch under which training goes on."""
    number = 0
    for done in diary:
        number += done.action in BEGINNINGS
        yield Entry(done, number)


def summarise_babysat(run: RunDirectory) -> BabysitSummary:
    """Read what became of a babysat model; works at any moment of its life.

    Raises:
        RunError: the run is no babysat model, or its files are damaged.
    """
    story = read(run)
    return BabysitSummary(story, run.winner(story.info))

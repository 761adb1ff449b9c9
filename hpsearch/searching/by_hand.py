"""What people did to a search: settings of their own, stops, and notes.

Each is a line of interventions.jsonl, on the disk before it takes effect. The trials of a search
follow from its configuration and these lines: with any number of workers, after a crash, and in
another run that is given the same lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hpsearch.errors import RunError
from hpsearch.fields import show
from hpsearch.messages import counted, one_line, printable
from hpsearch.searching.history import check_settings
from hpsearch.searching.spec import Spec
from hpsearch.store import RunDirectory
from hpsearch.trial import Act, Result, Trial

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
TAGS = "must be at most 40 letters, digits, '.', '_' and '-', and begin with a letter or digit"

FILE = "interventions.jsonl"


class ByHand:
    """What people did to a search so far.

    Attributes:
        acts: all of it, in order.
        added: settings of their own, by number.
        joins: the first round that looks at each of them.
        stops: after how many rungs each trial stops that they stopped.
    """

    def __init__(self, acts: Iterable[Act] = ()):
        self.acts: list[Act] = []
        self.added: dict[int, Trial] = {}
        self.joins: dict[int, int] = {}
        self.stops: dict[int, int] = {}
        for act in acts:
            self.take(act)

    def take(self, act: Act) -> None:
        """Take in what was done."""
        self.acts.append(act)
        number = act.trial
        if number is None:
            return
        if act.action == "add" and act.round is not None and act.params is not None:
            self.added[number] = Trial(number, act.round - 1, act.params)
            self.joins[number] = act.round
        elif act.action == "stop" and act.rungs is not None:
            self.stops[number] = act.rungs

    def joining(self, round: int) -> list[Trial]:
        """The settings that a round is the first to look at, by number."""
        return [self.added[n] for n in sorted(self.added) if self.joins[n] == round]

    def stops_after(self, number: int, rungs: int) -> bool:
        """Whether a trial goes no further than so many rungs."""
        return number in self.stops and self.stops[number] <= rungs

    def waiting(self, results: Mapping[int, Result]) -> list[int]:
        """The settings of which nobody knows yet how they do, by number."""
        return [number for number in sorted(self.added) if number not in results]

    @property
    def tags(self) -> list[str]:
        """The search's tags, in the order in which it got them."""
        return list(dict.fromkeys(tag for act in self.acts for tag in act.tags))

    @property
    def notes(self) -> list[str]:
        """What people noted of the search, the latest last."""
        return [act.note for act in self.acts if act.action == "note" and act.note is not None]


def by_hand_in(run: RunDirectory, spec: Spec) -> ByHand:
    """What interventions.jsonl says was done to a search; it may come from a stranger.

    Raises:
        RunError: a line says what cannot have been done.
    """
    file, found = run.inside / FILE, ByHand()
    for line, act in enumerate(run.acts, 1):
        if (problem := _impossible(act, found, spec)) is not None:
            raise RunError(f"{file}: line {line}: {problem}; restore the file")
        if act.params is not None:
            check_settings([(act.trial or 0, act.params)], spec.space, file, "restore the file")
        found.take(act)
    return found


def _impossible(act: Act, before: ByHand, spec: Spec) -> str | None:
    """What is wrong with a line, given those before it; None: nothing."""
    number = act.trial
    if act.action == "add":
        if number is None or act.params is None or act.round is None:
            return "must have trial, params and round, as a setting was added"
        if number < spec.first or spec.round_of(number) is not None or number in before.added:
            return f"trial must be a number that no other has, found {number}"
        if not 1 <= act.round <= len(spec.rounds):
            return f"round must be one of 1 to {len(spec.rounds)}, found {act.round}"
    elif act.action == "stop" and number is not None:
        if act.rungs is None:
            return "must have rungs, as a trial was stopped"
        if number not in before.added and spec.round_of(number) is None:
            return f"trial must be one of this search, found {number}"
    if not all(map(TAG.fullmatch, act.tags)):
        return f"tags: {TAGS}"
    return None


def in_words(act: Act, most: int | None = None) -> str:
    """What was done, on one line: `trial 64 was added: learning_rate 0.01`.

    Args:
        act: what was done.
        most: characters of its note; None for all.
    """
    if act.action == "add":
        values = ", ".join(f"{printable(n)} {_value(v)}" for n, v in (act.params or {}).items())
        text = f"trial {act.trial} was added: {values}"
    elif act.action == "stop" and act.trial is not None:
        rungs = act.rungs or 0
        when = f"after {counted(rungs, 'rung')}" if rungs else "before its first rung ended"
        text = f"trial {act.trial} was stopped {when}"
    else:
        text = "the search was stopped" if act.action == "stop" else ""
    tags = ", ".join(act.tags)
    parts = [text, one_line(act.note or "")[:most], f"tagged {tags}" if tags else ""]
    return "; ".join(part for part in parts if part)


def _value(value: Any) -> str:
    """A value as a message shows it, numbers with six digits at most."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{printable(n)}: {_value(v)}' for n, v in value.items())}}}"
    if isinstance(value, str):
        return printable(value[:60])
    return show(float(f"{value:.6g}") if isinstance(value, float) else value)

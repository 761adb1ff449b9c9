"""A call of a user's generator, which may be left at a yield and gone on with in a later piece.

What changed between two epochs is what `yield` gives: `change = yield {"val_loss": 0.5}`. Where a
function keeps checkpoints, it is called anew with the new parameters instead, as it is after a
crash, so that it makes no difference whether there was one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass
from functools import wraps
from math import isfinite
from typing import Any

from hpsearch.store import SafePath
from hpsearch.trainers.isolation import Surroundings
from hpsearch.trainers.protocol import Job, Report
from hpsearch.trainers.user_training import Metrics, epoch_named, metrics_of, params_of


class Change(dict[str, Any]):
    """Parameters by name; it notices which of those that changed are read.

    >>> change = Change({"rate": 0.1, "momentum": 0.9})
    >>> change.get("rate"), change.unread
    (0.1, {'momentum'})
    >>> {"units": 8, **change}, change.unread
    ({'units': 8, 'rate': 0.1, 'momentum': 0.9}, set())
    """

    def __init__(self, values: Mapping[str, Any], changed: Collection[str] | None = None):
        super().__init__(values)
        self.unread = set(values if changed is None else changed)

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:  # a copy is a plain dict
        return dict, (dict(self),)


def _reading(name: str, *, one: bool) -> Callable[..., Any]:
    """A method of dict that notices: it reads the one name that it is given, or all of them."""
    method = getattr(dict, name)

    @wraps(method)
    def read(self: Change, *args: Any, **keys: Any) -> Any:
        if one:
            self.unread.difference_update(args[:1])
        else:
            self.unread.clear()
        return method(self, *args, **keys)

    return read


for _name in ("__contains__", "__getitem__", "get", "pop", "setdefault"):
    setattr(Change, _name, _reading(_name, one=True))
# `**`, `update`, `|` and `dict` go through these where a class has an __iter__ of its own
for _name in (
    "__eq__",
    "__iter__",
    "__ne__",
    "__reversed__",
    "items",
    "keys",
    "popitem",
    "values",
):
    setattr(Change, _name, _reading(_name, one=False))


@dataclass
class Call:
    """A generator and how far it is: the one mutable thing here.

    Attributes:
        generator: of a call of the function.
        epoch: of its last yield; before its first, the one that it goes on from.
        work: its checkpoint_dir, if it takes one.
        params: that it was called with, where some of them had changed.
        begun: whether it has yielded.
        over: whether it cannot go on from its last yield.
        surroundings: in which it was left, to go on in.
    """

    generator: Generator[Any, Any, None]
    epoch: int
    work: SafePath | None = None
    params: Change | None = None
    begun: bool = False
    over: bool = False
    surroundings: Surroundings | None = None

    def follow(
        self, job: Job, metric: str, report: Report | None, since: int = 0
    ) -> tuple[dict[int, Metrics], bool, tuple[str, ...]]:
        """Train up to a job's until_epoch, giving what changed to each yield.

        Gives each epoch's metrics, whether the generator ended by itself, and what it did not
        read of a change at epoch `since` or later.

        Raises:
            TrainerError: what it yields is no metric.
            Exception: what the generator raised.
        """
        rows: dict[int, Metrics] = {}
        ignored: list[str] = []
        while self.epoch < job.until_epoch and not self.over:
            at = self.epoch
            change = changed(job, at) if self.begun and job.earlier else None
            ended = False
            try:
                reported = self.generator.send(change if _takes(self.generator) else None)
            except StopIteration:
                self.over = ended = True
            if at >= since:
                ignored += _unread(change, "what yield gave it")
                ignored += _unread(None if self.begun else self.params, "params")
            if ended:
                return rows, True, tuple(ignored)
            self.begun = True
            self.epoch = epoch_named(reported) or at + 1
            if self.epoch > job.until_epoch:
                self.over = True
                return rows, False, tuple(ignored)
            row = rows[self.epoch] = metrics_of(reported, metric, self.epoch)
            if report is not None:
                report({"epoch": self.epoch, **row})
            self.over = not all(map(isfinite, row.values()))
        return rows, False, tuple(ignored)


def _takes(generator: Any) -> bool:
    """Whether a yield can be given anything: not where it is that of `yield from` a list, say."""
    inner = getattr(generator, "gi_yieldfrom", None)
    return hasattr(generator, "send") if inner is None else _takes(inner)


def _unread(change: Change | None, where: str) -> list[str]:
    """What to say of names that were not read."""
    if change is None or not change.unread:
        return []
    names = ", ".join(map(repr, sorted(change.unread)))
    return [f"the function did not read {names} from {where}"]


def changed(job: Job, epoch: int) -> Change | None:
    """What changed after an epoch of a training, None where nothing did.

    A parameter that is no longer set is None.
    """
    before, after = params_of(job, epoch), params_of(job, epoch + 1)
    names = (name for name in {**after, **before} if before.get(name) != after.get(name))
    found = {name: copy.deepcopy(after.get(name)) for name in names}
    return Change(found) if found else None

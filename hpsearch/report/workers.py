"""Who trained where: hosts and their workers, how busy they were, and what was lost with them.

A worker trains one piece at a time: a process of this machine, or a place of a cluster's worker.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hpsearch.messages import counted
from hpsearch.report.numbers import duration
from hpsearch.trial import Span

Interval = tuple[float, float]
"""A start and an end, in seconds since the run began."""


@dataclass(frozen=True)
class Worker:
    """What a worker did.

    Attributes:
        host: its machine's name; empty for the one machine of a run without a cluster.
        name: on that machine.
        pieces: how many it trained.
        trained: seconds that these took.
        lost: how many pieces it went away with.
        lost_seconds: that it had spent on these.
        first: when its first piece began, in seconds since the run began.
        last: when its last piece ended, likewise.
    """

    host: str
    name: str
    pieces: int
    trained: float
    lost: int
    lost_seconds: float
    first: float
    last: float

    @property
    def full_name(self) -> str:
        """Host and name, as timeline.jsonl has them."""
        return f"{self.host}/{self.name}" if self.host else self.name


@dataclass(frozen=True)
class Workers:
    """All workers of a run, by host and name, in the order in which people count."""

    all: tuple[Worker, ...]

    @property
    def count(self) -> int:
        """How many there were, whether or not at the same time."""
        return len(self.all)

    @cached_property
    def by_host(self) -> dict[str, list[Worker]]:
        """The workers of each host."""
        found: dict[str, list[Worker]] = {}
        for worker in self.all:
            found.setdefault(worker.host, []).append(worker)
        return found

    @property
    def hosts(self) -> tuple[Worker, ...]:
        """What the workers of each host did together; the name says how many they are."""
        return tuple(
            Worker(
                host=host,
                name=f"{len(own):,}",
                pieces=sum(worker.pieces for worker in own),
                trained=_total(worker.trained for worker in own),
                lost=sum(worker.lost for worker in own),
                lost_seconds=_total(worker.lost_seconds for worker in own),
                first=min(worker.first for worker in own),
                last=max(worker.last for worker in own),
            )
            for host, own in self.by_host.items()
        )

    @cached_property
    def there(self) -> dict[str, Interval]:
        """From when to when each worker was there, by its full name.

        On a cluster workers come and go: one is there from the start of its first piece to the
        end of its last. Those of a single machine are there together.
        """
        local = self.by_host.get("", ())
        together = [(min(w.first for w in local), max(w.last for w in local))] if local else []
        return {
            worker.full_name: (worker.first, worker.last) if worker.host else together[0]
            for worker in self.all
        }

    @property
    def lost(self) -> int:
        """How many pieces were lost with workers that went away."""
        return sum(worker.lost for worker in self.all)

    @property
    def lost_seconds(self) -> float:
        """That workers had spent on these."""
        return _total(worker.lost_seconds for worker in self.all)

    @property
    def trained(self) -> float:
        """Seconds in which workers trained what was kept, all of them together."""
        return _total(worker.trained for worker in self.all)

    @property
    def utilisation(self) -> float | None:
        """The share of the time in which workers were there that they trained what was kept."""
        time = _total(end - start for start, end in self.there.values())
        return min(1.0, self.trained / time) if time > 0 else None

    @property
    def places(self) -> str:
        """How many workers on how many hosts; a single machine goes without saying.

        >>> workers_of([Span(number=0, rung=0, worker="node-1/a", start=0, end=1)]).places
        '1 worker on 1 host'
        """
        workers = counted(self.count, "worker")
        if set(self.by_host) <= {""}:
            return workers
        return f"{workers} on {counted(len(self.by_host), 'host')}"

    @property
    def notable(self) -> bool:
        """Whether there is more to tell than of a single machine: hosts, or a loss."""
        return len(self.by_host) > 1 or self.lost > 0

    def sentence(self) -> str | None:
        """How busy they were, and what was lost; None where nothing was trained.

        >>> first = Span(number=0, rung=0, worker="n1/a", start=0, end=9)
        >>> again = Span(number=1, rung=0, worker="n2/a", start=2, end=8)
        >>> gone = replace(again, worker="n1/b", start=0, end=2, lost=True)
        >>> from textwrap import fill
        >>> print(fill(workers_of([first, gone, again]).sentence(), 70))
        3 workers on 2 hosts trained 88 % of the time; 1 piece (2.0 s, 12 % of
        the training) was lost with a worker that went away, and was trained
        again
        """
        busy = self.utilisation
        if busy is None:
            return None
        said = f"{self.places} trained {percent(busy)} of the time"
        if not self.lost:
            return said
        share = self.lost_seconds / (_total([self.trained, self.lost_seconds]) or 1.0)
        was, workers = ("was", "a worker") if self.lost == 1 else ("were", "workers")
        return (
            f"{said}; {counted(self.lost, 'piece')} ({duration(self.lost_seconds)}, "
            f"{percent(share)} of the training) {was} lost with {workers} that went away, and "
            f"{was} trained again"
        )

    def cells(self) -> Iterator[tuple[str, str]]:
        """The same in few words, for the rows of a table."""
        busy = self.utilisation
        if busy is not None:
            yield "workers", self.places.replace(" workers", "").replace(" worker", "")
            yield "busy", percent(busy) + (f", {self.lost:,} lost" if self.lost else "")

    def as_json(self) -> dict[str, Any]:
        """What `report --format json` prints of them."""
        return {
            "count": self.count,
            "hosts": len(self.by_host),
            "utilisation": self.utilisation,
            "lost": {"pieces": self.lost, "seconds": round(self.lost_seconds, 3)},
        }


def workers_of(spans: Iterable[Span]) -> Workers:
    """Sum up what each worker did.

    >>> spans = [Span(number=n, rung=0, worker="n1/b", start=n, end=n + 0.5) for n in range(2)]
    >>> workers_of(spans).all[0]
    Worker(host='n1', name='b', pieces=2, trained=1.0, lost=0, lost_seconds=0, first=0, last=1.5)
    """
    own: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        own[span.worker].append(span)
    return Workers(tuple(_worker(name, own[name]) for name in sorted(own, key=_in_order)))


def _worker(full_name: str, spans: Sequence[Span]) -> Worker:
    lost = [seconds(span) for span in spans if not span.kept]
    kept = [seconds(span) for span in spans if span.kept]
    host, name = host_and_name(full_name)
    first, last = min(span.start for span in spans), max(span.end for span in in_turn(spans))
    return Worker(host, name, len(kept), _total(kept), len(lost), _total(lost), first, last)


def host_and_name(worker: str) -> tuple[str, str]:
    """The host that a worker's name begins with, and the rest; one machine's have no host.

    >>> host_and_name("node-1/gpu/3"), host_and_name("0")
    (('node-1', 'gpu/3'), ('', '0'))
    """
    host, _, name = worker.partition("/")
    return (host, name) if host and name else ("", worker)


def _in_order(worker: str) -> tuple[list[Any], list[Any]]:
    """What sorts workers by host, then by name, with numbers in them by size."""
    host, name = host_and_name(worker)
    return _counting(host), _counting(name)


def _counting(name: str) -> list[Any]:
    """Text and numbers in turn; a longer number than anyone writes is several."""
    parts = re.split(r"(\d{1,18})", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def in_turn(spans: Iterable[Span]) -> list[Span]:
    """Each piece at a time of its own: trials that trained together share theirs.

    Their lines begin at the same time and have each its share of the seconds.

    >>> both = [Span(number=n, rung=0, worker="0", start=4, end=6) for n in range(2)]
    >>> [(span.start, span.end) for span in in_turn(both)]
    [(4, 6), (6, 8)]
    """
    until: dict[tuple[str, float], float] = {}
    placed = []
    for span in spans:
        group = span.worker, span.start
        start = until.get(group, span.start)
        until[group] = end = start + seconds(span)
        placed.append(span if start == span.start else replace(span, start=start, end=end))
    return placed


def coverage(intervals: Iterable[Interval], start: float, end: float, parts: int) -> list[float]:
    """How many of the intervals hold on average in each of so many equal parts of a time.

    Args:
        intervals: starts and ends, in seconds.
        start: of the time, likewise.
        end: of the time, likewise.
        parts: into which it is cut.

    >>> coverage([(0, 2), (1, 3.5)], start=0, end=4, parts=4)
    [1.0, 2.0, 1.0, 0.5]
    """
    scale = parts / (end - start)
    edges, change = [0.0] * (parts + 1), [0.0] * (parts + 2)
    for each in intervals:
        low, high = (min(max((at - start) * scale, 0.0), float(parts)) for at in each)
        for at, sign in ((low, 1.0), (high, -1.0)):
            place = int(at)  # from the next part on it counts wholly, in this one for the rest
            edges[place] += sign * (place + 1 - at)
            change[place + 1] += sign
    found, holding = [], 0.0
    for place in range(parts):
        holding += change[place]
        found.append(round(holding + edges[place], 6))
    return found


def seconds(span: Span) -> float:
    """How long a piece took; a stranger's file may hold any times.

    >>> seconds(Span(number=0, rung=0, worker="0", start=2, end=1))
    0
    """
    return _total([max(0, span.end - span.start)])


def percent(share: float) -> str:
    """A share in whole percent.

    >>> percent(0.874), percent(0.002), percent(0.0)
    ('87 %', 'under 1 %', '0 %')
    """
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _total(values: Iterable[float]) -> float:
    """A sum, at most the largest number that there is."""
    return min(sum(values), sys.float_info.max)

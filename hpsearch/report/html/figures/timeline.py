"""Who trained what and when: a row a worker, by host, and above them how many were training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from math import isfinite
from typing import Any

from hpsearch.messages import counted
from hpsearch.report.html.figures.style import (
    BLUE,
    FADED,
    GREEN,
    RED,
    Figure,
    axis,
    evenly,
    figure,
    shade,
)
from hpsearch.report.html.markup import plot_text
from hpsearch.report.numbers import duration, number
from hpsearch.report.summary import Summary
from hpsearch.report.workers import (
    Interval,
    Worker,
    Workers,
    coverage,
    host_and_name,
    in_turn,
    percent,
)
from hpsearch.searching.spec import Spec
from hpsearch.trial import Span

PARTING = "rgba(255,255,255,0.7)"
IDLE = "rgba(138,147,160,0.22)"
MOST_SPANS = 1500  # drawn one by one
MOST_BARS = 3000  # of pieces that were merged where there are more
PIXELS = 1000  # of the axis, about: what is nearer than one touches
MOST_WORKERS = 64  # that have a row each, and a bar for each piece
MOST_ROWS = 200  # where there are more workers
PARTS = 240  # of the time, in each of which it is counted how many trained
MOST_LOSSES = 500  # that are marked where there are so many workers
ABOVE = 110  # pixels of what stands above the rows
LONGEST = 40  # characters of a host's or a worker's name

Trace = dict[str, Any]
"""What plotly calls a trace: marks of one kind."""


def workers(summary: Summary) -> Figure | None:
    """When each worker trained: a bar a piece, or where they are too many the share of the time.

    Of several workers, how many there were and how many of them trained stands above.
    """
    found, spans = summary.workers, in_turn(summary.timeline)
    ends = _ends(spans)
    if ends is None:
        return None
    rows = _bars(summary, spans, ends) if found.count <= MOST_WORKERS else None
    rows = rows or _shares(found, spans, ends)
    above = _counts(found, spans, ends) if found.count > 1 else []
    height = rows.height + (ABOVE if above else 0)
    share = rows.height / height  # of the picture is the rows'
    layout: dict[str, Any] = {"yaxis": {**rows.axis, "domain": [0, share]}}
    if above:
        most = max(above[0]["y"])
        layout["yaxis2"] = axis(
            "workers", domain=[share + 16 / height, 1], range=[0, 1.06 * most], nticks=4
        )
    return figure(
        above + rows.traces,
        rows.note,
        height=110 + height,
        xaxis=axis("seconds since the run began", range=list(ends)),
        barmode="overlay",
        shapes=rows.lines,
        showlegend=len(above + rows.traces) > 1,
        **layout,
    )


def _ends(spans: Sequence[Span]) -> Interval | None:
    """When the first piece began and the last one ended; None where no clock tells such times."""
    if not spans:
        return None
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    whole = isfinite(end - start) and end > start
    return (start, end) if whole and isfinite(PARTS / (end - start)) else None


@dataclass(frozen=True)
class _Rows:
    """The lower part of the picture: its marks, axis, height in pixels, lines and a note."""

    traces: list[Trace]
    axis: dict[str, Any]
    height: int
    note: str | None
    lines: Sequence[dict[str, Any]] = ()


# A bar for each piece


@dataclass
class _Bar:
    """A piece of training, or several of one worker that stand too close to tell apart."""

    worker: str
    what: str  # the trial and its rung, where it is one piece
    start: float
    end: float
    pieces: int = 1

    def text(self, lost: bool = False) -> str:
        """Whose piece it is, who trained it, how long it took and when it began.

        >>> _Bar("n1/a", "trial 3, rung 1", start=61.0, end=61.25).text()
        'trial 3, rung 1<br>worker a on n1<br>0.2 s from 1 min 1 s'
        >>> _Bar("0", "trial 3, rung 1", start=0.0, end=12.0).text(lost=True)
        'trial 3, rung 1<br>worker 0<br>lost: the worker went away after 12.0 s; trained again'
        """
        host, name = (plot_text(each, LONGEST) for each in host_and_name(self.worker))
        what = self.what if self.pieces == 1 else counted(self.pieces, "piece")
        took = duration(min(self.end - self.start, 1e300))
        if not lost:
            how = f"{took} from {duration(self.start)}"
        elif self.pieces == 1:
            how = f"lost: the worker went away after {took}; trained again"
        else:
            how = f"lost: the worker went away, {took} in all; trained again"
        return f"{what}<br>worker {name}{f' on {host}' if host else ''}<br>{how}"


def _bars(summary: Summary, spans: Sequence[Span], ends: Interval) -> _Rows | None:
    """A row a worker and a bar a piece: by rung, what confirms the best, and what was lost.

    None where there would be too many bars.
    """
    found = summary.workers.all
    rows = {worker.full_name: row for row, worker in enumerate(found)}
    few = len(spans) <= MOST_SPANS
    gap = None if few else (ends[1] - ends[0]) / PIXELS
    traces = []
    for name, own, looks in _kinds(summary.spec, spans):
        bars = _merged(own, gap, summary.spec)
        lost = not own[0].kept
        traces.append({
            "type": "bar", "orientation": "h", "name": name,
            "y": [rows[bar.worker] for bar in bars],
            "base": [bar.start for bar in bars],
            "x": [round(bar.end - bar.start, 3) for bar in bars],
            "text": [bar.text(lost) for bar in bars],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"line": {"width": 0.6 if few else 0, "color": PARTING}} | looks,
        })  # fmt: skip
    if sum(len(trace["x"]) for trace in traces) > MOST_BARS:
        return None
    parted = [row for row in range(1, len(found)) if found[row].host != found[row - 1].host]
    tall = min(34, max(15, 408 // len(found)))
    return _Rows(
        traces,
        axis(
            "" if found[0].host else "worker",
            range=[len(found) - 0.5, -0.5],
            tickvals=list(range(len(found))),
            ticktext=labels(found),
            showgrid=False,
        ),
        tall * len(found),
        None if few else f"{len(spans):,} pieces of training; gaps under a pixel are not drawn.",
        [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": row - 0.5, "y1": row - 0.5,
             "line": {"color": FADED, "width": 1}}
            for row in parted
        ],
    )  # fmt: skip


def _kinds(spec: Spec, spans: Sequence[Span]) -> Iterable[tuple[str, list[Span], dict[str, Any]]]:
    """The pieces that look alike: their name, themselves, and how they look."""
    kept = [span for span in spans if span.kept]
    rungs: dict[int, list[Span]] = {}
    for span in kept:
        if not spec.confirms(span.repeat):
            rungs.setdefault(span.rung, []).append(span)
    for rung in sorted(rungs):
        colour = shade(rung / max(rungs)) if max(rungs) else BLUE
        yield f"rung {rung + 1}", rungs[rung], {"color": colour}
    if new := [span for span in kept if spec.confirms(span.repeat)]:
        yield "new seeds for the best", new, {"color": GREEN}
    if lost := [span for span in spans if not span.kept]:
        looks: dict[str, Any] = {
            "color": "rgba(0,0,0,0)",
            "pattern": {"shape": "/", "fgcolor": RED, "size": 6},
            "line": {"width": 1, "color": RED},
        }
        yield _lost(lost), lost, looks


def _lost(spans: Sequence[Span]) -> str:
    return f"lost and trained again ({len(spans):,})"


def labels(workers: Sequence[Worker]) -> list[str]:
    """What stands before the rows: a host is named once, before the first of its workers.

    >>> labels([Worker(host, "a", 1, 1, 0, 0, 0, 1) for host in ("n1", "n1", "n2")])
    ['<b>n1</b>  a', 'a', '<b>n2</b>  a']
    """
    hosts = shortened([worker.host for worker in workers])
    found, before = [], ""
    for worker in workers:
        host = f"<b>{hosts[worker.host]}</b>  " if worker.host not in ("", before) else ""
        found.append(host + plot_text(worker.name, 14))
        before = worker.host
    return found


def shortened(hosts: Iterable[str], most: int = 18) -> dict[str, str]:
    """Labels of hosts: of long names that begin or end alike, what tells them apart.

    >>> shortened(["gpu-17.cluster.example.org", "gpu-18.cluster.example.org"])
    {'gpu-17.cluster.example.org': '…17…', 'gpu-18.cluster.example.org': '…18…'}
    >>> shortened(["node-1", "node-2"])
    {'node-1': 'node-1', 'node-2': 'node-2'}
    """
    names = list(dict.fromkeys(hosts))
    before = after = 0
    if len(names) > 1 and max(map(len, names)) > most // 2:
        before = _alike(names)
        after = _alike([name[before:][::-1] for name in names])
    left, right = "…" * (before > 0), "…" * (after > 0)
    return {
        name: plot_text(f"{left}{name[before : len(name) - after]}{right}", most) for name in names
    }


def _alike(names: Sequence[str]) -> int:
    """How many characters names begin with alike, up to a number, which is not cut."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*names, strict=False))
    return len("".join(column[0] for column in alike).rstrip("0123456789"))


def _merged(spans: Iterable[Span], gap: float | None, spec: Spec) -> list[_Bar]:
    """A bar for each piece; with a `gap`, in seconds, one for all that it does not part."""
    found: list[_Bar] = []
    last: dict[str, _Bar] = {}
    for span in sorted(spans, key=lambda span: span.start):
        bar = last.get(span.worker)
        if bar is None or gap is None or span.start - bar.end > gap:
            what = f"trial {span.number}, " + (
                "a new seed" if spec.confirms(span.repeat) else f"rung {span.rung + 1}"
            )
            last[span.worker] = bar = _Bar(span.worker, what, span.start, span.end)
            found.append(bar)
        else:
            bar.end, bar.pieces = max(bar.end, span.end), bar.pieces + 1
    return found


# How many trained


def _counts(found: Workers, spans: Sequence[Span], ends: Interval) -> list[Trace]:
    """How many workers there were, and how many of them trained, what was lost and what not."""
    there = coverage(found.there.values(), *ends, PARTS)
    busy = coverage(((span.start, span.end) for span in spans), *ends, PARTS)
    kept = coverage(((span.start, span.end) for span in spans if span.kept), *ends, PARTS)
    drawn = [("workers there", there, FADED, IDLE)]
    if found.lost:
        drawn.append(("training what was lost", busy, RED, RED))
    drawn.append(("training", kept, BLUE, BLUE))
    width = (ends[1] - ends[0]) / PARTS
    traces: list[Trace] = [
        {
            "type": "scatter", "mode": "lines", "name": name, "yaxis": "y2", "hoverinfo": "skip",
            "x0": ends[0], "dx": width, "y": [round(n, 2) for n in (*counts, counts[-1])],
            "line": {"shape": "hv", "width": 1, "color": colour},
            "fill": "tozeroy", "fillcolor": filled, "showlegend": filled != RED,
        }
        for name, counts, colour, filled in drawn
    ]  # fmt: skip
    # What a pointer finds: a line has only its points, a column can be pointed at anywhere.
    columns = {
        "type": "bar", "name": "how many", "yaxis": "y2", "showlegend": False,
        "x0": ends[0] + width / 2, "dx": width, "width": width, "y": traces[0]["y"][:-1],
        "text": [_how_many(*counts) for counts in zip(kept, there, strict=True)],
        "textposition": "none", "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": "rgba(0,0,0,0)"},
    }  # fmt: skip
    return [*traces, columns]


def _how_many(training: float, there: float) -> str:
    """What a pointer shows of a moment.

    >>> _how_many(6.3, 8.0), _how_many(0.0, 0.0)
    ('6.3 of 8 workers training: 79 %', 'no worker there')
    """
    if not there:
        return "no worker there"
    workers = counted(1, "worker") if there == 1 else f"{number(there)} workers"
    return f"{number(training)} of {workers} training: {percent(min(1.0, training / there))}"


def _shares(found: Workers, spans: Sequence[Span], ends: Interval) -> _Rows:
    """Where there are too many bars: the share of a row's workers that trained, and each loss."""
    rows = rows_of(found)
    place = {worker.full_name: row for row, own in enumerate(rows) for worker in own}
    kept: list[list[Interval]] = [[] for _ in rows]
    for span in spans:
        if span.kept:
            kept[place[span.worker]].append((span.start, span.end))
    names = _names(rows)
    shares = []
    for own, trained in zip(rows, kept, strict=True):
        there = coverage((found.there[worker.full_name] for worker in own), *ends, PARTS)
        busy = coverage(trained, *ends, PARTS)
        shares.append([
            min(100, round(100 * b / t)) if t > 0 else None
            for b, t in zip(busy, there, strict=True)
        ])  # fmt: skip
    traces: list[Trace] = [{
        "type": "heatmap", "name": "training", "y": names, "z": shares, "zmin": 0, "zmax": 100,
        "x0": ends[0] + (ends[1] - ends[0]) / PARTS / 2, "dx": (ends[1] - ends[0]) / PARTS,
        "colorscale": [[0, IDLE], [1, BLUE]], "showscale": False, "hoverongaps": False,
        "hovertemplate": "%{y}<br>%{z} % training at %{x:.0f} s<extra></extra>",
    }]  # fmt: skip
    lost = [span for span in spans if not span.kept]
    if lost:
        marked = evenly(lost, MOST_LOSSES)
        bars = [_Bar(s.worker, f"trial {s.number}, rung {s.rung + 1}", s.start, s.end)
                for s in marked]  # fmt: skip
        traces.append({
            "type": "scatter", "mode": "markers", "name": _lost(lost),
            "x": [bar.end for bar in bars], "y": [names[place[bar.worker]] for bar in bars],
            "text": [bar.text(lost=True) for bar in bars],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": RED, "symbol": "x", "size": 5},
        })  # fmt: skip
    most = max(map(len, rows))
    note = "A row is a worker: blue while it trained, grey while it waited."
    if most > 1:
        note = (
            f"A row is up to {most:,} workers: blue while all that were there trained, grey while "
            "none did."
        )
    if lost and len(marked) < len(lost):
        note += f" {len(marked):,} of {len(lost):,} losses are marked."
    return _Rows(
        traces,
        axis("", type="category", range=[len(rows) - 0.5, -0.5], showgrid=False),
        max(4 * len(rows), min(320, 34 * len(rows))),
        note,
    )


def rows_of(found: Workers, most: int = MOST_ROWS) -> list[list[Worker]]:
    """The workers in at most so many rows: of one host, or where there are more hosts of several.

    >>> hosts = [Worker(f"n{n}", name, 1, 1, 0, 0, 0, 1) for n in range(3) for name in "abc"]
    >>> [len(row) for row in rows_of(Workers(tuple(hosts)), most=6)]
    [2, 1, 2, 1, 2, 1]
    >>> [len(row) for row in rows_of(Workers(tuple(hosts)), most=2)]
    [6, 3]
    """
    hosts = list(found.by_host.values())
    size, largest = 1, max(map(len, hosts))
    while size < largest and sum(-(-len(own) // size) for own in hosts) > most:
        size *= 2
    rows = [row for own in hosts for row in _cut(own, -(-len(own) // size))]
    several = -(-len(rows) // most)
    return [
        [worker for row in rows[at : at + several] for worker in row]
        for at in range(0, len(rows), several)
    ]


def _cut(workers: Sequence[Worker], parts: int) -> list[list[Worker]]:
    """Workers in so many parts of about the same size."""
    size, more = divmod(len(workers), parts)
    ends = [part * size + min(part, more) for part in range(parts + 1)]
    return [list(workers[low:high]) for low, high in pairwise(ends)]


def _names(rows: Sequence[Sequence[Worker]]) -> list[str]:
    """A name for each row, no two alike: a worker's, a host's, or the first and the last one."""
    hosts = shortened([worker.host for row in rows for worker in row])
    count = Counter(row[0].host for row in rows)
    found: dict[str, None] = {}
    for row in rows:
        first, last = row[0], row[-1]
        host, name = hosts[first.host], plot_text(first.name, 14)
        if first.host != last.host:
            label = f"{host} to {hosts[last.host]}"
        elif count[first.host] == 1 and len(row) > 1:
            label = host
        else:
            to = f" to {plot_text(last.name, 14)}" if len(row) > 1 else ""
            label = f"{host}/{name}{to}" if host else f"{name}{to}"
        place, unique = len(found), label
        while unique in found:
            unique, place = f"{label} #{place}", place + 1
        found[unique] = None
    return list(found)

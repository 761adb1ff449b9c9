"""The page of several runs: one picture of all, then their outcomes and settings abreast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hpsearch.report.comparison import Comparison, Member, Progress, metric_of, name_of
from hpsearch.report.html.figures.progress import COLOURS
from hpsearch.report.html.figures.style import Figure, axis, figure, value_axis, value_range
from hpsearch.report.html.markup import card, escaped, header, items, plot_text, short
from hpsearch.report.html.page import document, is_page, plot
from hpsearch.report.numbers import number
from hpsearch.store.output import Output


def default_page(runs_dir: Path) -> Output:
    """Where the page goes that nobody named: in the place of the last one."""
    path = runs_dir / "comparison.html"
    return Output(path, force=is_page(path))


def write_comparison(comparison: Comparison, output: Output) -> None:
    """Write the page of a comparison: a reader sees the old one or the new one.

    Raises:
        OutputError: the file exists already or cannot be written.
    """
    page = compare_page(comparison)
    with output.text() as file:
        file.write(page)


def compare_page(comparison: Comparison) -> str:
    """The whole HTML of a comparison."""
    figures: dict[str, Figure] = {}
    parts = [_headline(comparison)]
    for index, metric in enumerate(comparison.metrics):
        members = comparison.of(metric)
        cards = []
        over_time = [member.over_time() for member in members]
        for name, progress in (
            ("trials", comparison.progress(metric)),
            ("time", Progress("over time", "seconds of searching or training", over_time)),
        ):
            made = _progress(members, progress)
            if made is not None:
                drawn = plot(f"{name}-{index}", made, figures)
                heading = f"Best {short(metric[0])} so far, {progress.steps}"
                cards.append(f"<section class=card><h2>{heading}</h2>{drawn}</section>")
        parts.append(f"<div class=pair>{''.join(cards)}</div>")
    parts += [
        _table("outcomes", "What they came to", comparison, comparison.outcomes),
        _table("winners", "The winners' settings", comparison, comparison.settings),
        _table("differences", "What was set otherwise", comparison, comparison.set_otherwise),
    ]
    title = " and ".join(name_of(member) for member in comparison.members)
    return document(title, "\n".join(parts), figures)


def _headline(comparison: Comparison) -> str:
    runs = comparison.members
    story = [
        f"{short(name_of(member))} goes on from {short(name_of(member.parent))}"
        for member in runs
        if member.parent
    ]
    top = header("<p class=kicker>hpsearch</p>", f"{len(runs)} runs compared", story)
    return top + items([escaped(each) for each in comparison.warnings], "warnings")


def _progress(members: Sequence[Member], progress: Progress) -> Figure | None:
    """The best value so far of runs with the same metric."""
    data: list[dict[str, Any]] = []
    values: list[float] = []
    for index, (member, points) in enumerate(zip(members, progress.lines, strict=True)):
        values += [y for _, y in points]
        if points:
            colour = COLOURS[index % len(COLOURS)]
            dash = ("solid", "dash", "dot")[index // len(COLOURS) % 3]
            data.append({
                "type": "scatter", "mode": "lines+markers", "name": plot_text(name_of(member)),
                "x": [x for x, _ in points], "y": [y for _, y in points],
                "text": [number(y) for _, y in points],
                "hovertemplate": "%{fullData.name}: %{text}<extra></extra>",
                "line": {"shape": "hv", "color": colour, "width": 2.5, "dash": dash},
                "marker": {"size": 5},
            })  # fmt: skip
    if not data:
        return None
    limits = value_range(members[0].summary.criterion, values)
    return figure(
        data,
        "The axis leaves out the weakest quarter; a double click shows all." if limits else None,
        xaxis=axis(progress.axis),
        yaxis=value_axis(metric_of(members[0])[0], limits),
        showlegend=True,
    )


def _table(
    name: str, title: str, comparison: Comparison, rows: Sequence[tuple[str, list[str]]]
) -> str:
    if not rows:
        return ""
    heads = "".join(f"<th scope=col>{short(name_of(m), 30)}</th>" for m in comparison.members)
    lines = "".join(
        f"<tr><td>{short(row, 40)}</td>{''.join(f'<td>{short(c, 40)}</td>' for c in cells)}</tr>"
        for row, cells in rows
    )
    return card(
        name,
        title,
        f"<div class=scroll><table><thead><tr><th></th>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>",
    )

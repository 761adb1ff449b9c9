"""What mattered, as bars."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from math import ceil

from rich.table import Table
from rich.text import Text

from hpsearch.report.importance import Importance, Share
from hpsearch.report.text import columns, heading

BAR = 12  # characters that stand for everything


def parts(importance: Importance, metric: str) -> Iterator[Text | Table | str]:
    """What to print of it, one below the other."""
    if importance.reason is not None:
        yield f"What mattered is not told: {importance.reason}"
        return
    signs = symbols(sys.stdout.encoding)
    yield heading(f"What mattered for {metric}")
    yield _bars(importance, *signs)
    yield (
        f"Shares of the variance in a setting's predicted rank, {signs[0]} one standard error;"
        "\nnear the winner is where `hpsearch refine` would search. Surrogates ranked "
        f"{importance.trials}\ntrials that they had not seen with a correlation of "
        f"{importance.correlation:.2f}."
    )


def _bars(importance: Importance, plus_minus: str, block: str) -> Table:
    """One line a parameter, the largest share of the whole space first."""

    def cell(share: Share | None) -> str:
        if share is None:
            return "(does not vary)"
        bar = block * round(BAR * share.share)
        return f"{bar:{BAR}} {percent(share, plus_minus)}"

    whole, near = importance.whole, importance.near
    table = columns("", "whole space", "near the winner")
    for name in sorted(whole, key=lambda name: -(share.share if (share := whole[name]) else 0)):
        table.add_row(name, cell(whole[name]), cell(near.get(name)))
    return table


def percent(share: Share, plus_minus: str) -> str:
    """A share as people read it, its error rounded up.

    >>> percent(Share(0.416, 0.031), "+-"), percent(Share(0.002, 0.001), "+-")
    (' 42 % +- 4', ' <1 %')
    """
    text = f"{100 * share.share:.0f}" if share.share >= 0.005 else "<1"
    error = f" {plus_minus} {ceil(100 * share.error)}" if share.error >= 0.005 else ""
    return f"{text:>3} %{error}"


def symbols(encoding: str | None) -> tuple[str, str]:
    """The signs for an error and for a bar; ASCII where a stream knows no others.

    >>> symbols("utf-8"), symbols("ascii")
    (('±', '█'), ('+-', '#'))
    """
    try:
        "±█".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "+-", "#"
    return "±", "█"

"""How results reach stdout: tables without lines, and JSON that people can read, too."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hpsearch.messages import printable
from hpsearch.report.escape import cut, encodable, lines_printable
from hpsearch.store.files import plain

LONGEST_NAME = 34  # characters of a name in a table; its middle is left out beyond
WIDTH = 80  # of what is written to a file or a pipe


def tell(*parts: Text | Table | str, width: int = WIDTH) -> None:
    """Print to stdout: lines of text as they are, tables fitted into the width.

    Colours only on a terminal, and never against NO_COLOR. No line ends in blanks, and nothing
    in a name or a value is obeyed by the terminal.

    Args:
        parts: what to print, one below the other.
        width: of tables that go to a file or a pipe; a terminal has its own.
    """
    on_terminal = sys.stdout.isatty()
    console = Console(
        width=None if on_terminal else width, highlight=False, emoji=False, markup=False
    )
    with console.capture() as captured:
        for part in parts:
            if not isinstance(part, Table):
                part = _harmless(part)
            console.print(part, soft_wrap=not isinstance(part, Table))
    text = re.sub(r" +$", "", captured.get(), flags=re.MULTILINE)
    sys.stdout.write(encodable(text, sys.stdout.encoding))
    sys.stdout.flush()


def heading(text: str) -> Text:
    """A line above a table."""
    return Text(text, style="bold")


class Columns(Table):
    """A table of users' text: what a row holds is made printable."""

    longest: int | None = LONGEST_NAME

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row; its name, the first cell, is shortened."""
        texts = [printable(cell) if isinstance(cell, str) else cell for cell in cells]
        if texts and isinstance(texts[0], str) and self.longest is not None:
            texts[0] = cut(texts[0], self.longest)
        super().add_row(*texts, **options)


def columns(*names: str, right: int = 0, longest: int | None = LONGEST_NAME) -> Table:
    """A table without lines, as narrow as its contents, whose first column is never wrapped.

    Args:
        names: of the columns.
        right: how many columns, counted from the last, hold numbers set flush right.
        longest: characters of a name, the first cell of a row or of a column; None: any number.
    """
    table = Columns(box=None, pad_edge=False)
    table.longest = longest
    for place, name in enumerate(names):
        flush_right = place >= len(names) - right
        table.add_column(
            Text(printable(name) if longest is None else cut(name, longest)),
            no_wrap=place == 0,
            overflow="fold",
            justify="right" if flush_right else "left",
        )
    return table


def json_text(value: Mapping[str, Any] | list[Any]) -> str:
    """JSON, indented, but with lists of plain values on one line.

    >>> print(json_text({"confusion": [[9, 1], [0, 10]]}))
    {
      "confusion": [
        [9, 1],
        [0, 10]
      ]
    }
    """
    text = json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False)
    text = re.sub("[^\n -~]", _as_json_takes_it, text)
    # A newline inside a JSON string is escaped, so these newlines are all of the layout.
    return re.sub(r"\[\n[^][{}]*\n *\]", _on_one_line, text)


def _harmless(part: Text | str) -> Text | str:
    if isinstance(part, str):
        return lines_printable(part)
    if lines_printable(part.plain) == part.plain:
        return part
    return Text(lines_printable(part.plain), style=part.style)


def _as_json_takes_it(found: re.Match[str]) -> str:
    """A sign; as JSON escapes it where a terminal would obey it or the stream has none."""
    sign = found[0]
    if sign.isprintable() and encodable(sign, sys.stdout.encoding) == sign:
        return sign
    return json.dumps(sign)[1:-1]


def _on_one_line(found: re.Match[str]) -> str:
    entries = found[0][1:-1].strip().split("\n")
    return "[" + " ".join(entry.strip() for entry in entries) + "]"

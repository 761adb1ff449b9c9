"""Text on stdout: lines with a style, tables without rules, and JSON that people can read, too."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpsearch.messages import printable
from hpsearch.report.escape import cut, encodable, lines_printable
from hpsearch.store.files import plain

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

LONGEST_NAME = 34  # characters of a name in a table; its middle is left out beyond
WIDTH = 80  # of what is written to a file or a pipe


@dataclass(frozen=True)
class Line:
    """A line of text whose stretches have a style of rich, such as "bold green"."""

    stretches: tuple[tuple[str, str], ...]  # (text, style)


class TextTable:
    """A table without rules, as narrow as its contents, whose first column is never wrapped."""

    def __init__(self, *names: str, right: int = 0, longest: int | None = LONGEST_NAME):
        """Begin a table.

        Args:
            names: of the columns.
            right: how many columns, counted from the last, hold numbers set flush right.
            longest: characters of a name, the first cell of a row or of a column; None: any
                number.
        """
        self._longest, self._right = longest, right
        self.names = [self._name(name) for name in names]
        self.rows: list[list[str]] = []

    def add_row(self, name: str, *cells: str) -> None:
        """Add a row; its name, the first cell, is shortened."""
        self.rows.append([self._name(name), *map(printable, cells)])

    def _name(self, name: str) -> str:
        return printable(name) if self._longest is None else cut(name, self._longest)

    def drawn(self) -> Table:
        """The table as rich knows it."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for place, name in enumerate(self.names):
            table.add_column(
                Text(name),
                no_wrap=place == 0,
                overflow="fold",
                justify="right" if place >= len(self.names) - self._right else "left",
            )
        for row in self.rows:
            table.add_row(*row)
        return table


Printable = Line | TextTable | str
"""What `display` prints: a styled line, a table, or text as it is."""


def heading(text: str) -> Line:
    """A line above a table."""
    return Line(((text, "bold"),))


def warning(text: str) -> Line:
    """A line that warns of something."""
    return Line(((f"! {text}", "yellow"),))


def display(*parts: Printable, width: int = WIDTH) -> None:
    """Print to stdout: lines of text as they are, tables fitted into the width.

    Colours only on a terminal, and never against NO_COLOR. No line ends in blanks, and the
    terminal obeys no control character in a name or a value.

    Args:
        parts: what to print, one below the other.
        width: of tables that go to a file or a pipe; a terminal has its own.
    """
    from rich.console import Console  # slow to import, and what programs read needs none of it

    console = Console(
        width=None if sys.stdout.isatty() else width, highlight=False, emoji=False, markup=False
    )
    with console.capture() as captured:
        for part in parts:
            if isinstance(part, TextTable):
                console.print(part.drawn())
            else:
                console.print(_rich_line(part), soft_wrap=True)
    text = re.sub(r" +$", "", captured.get(), flags=re.MULTILINE)
    sys.stdout.write(encodable(text, sys.stdout.encoding))
    sys.stdout.flush()


def _rich_line(part: Line | str) -> Text | str:
    from rich.text import Text

    if isinstance(part, str):
        return lines_printable(part)
    return Text.assemble(*((lines_printable(text), style) for text, style in part.stretches))


def unicode_output() -> bool:
    """Whether stdout can show characters such as ± and █; where not, text is drawn in ASCII."""
    try:
        "±█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


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
    text = re.sub("[^\n -~]", _json_character, text)
    # A newline inside a JSON string is escaped, so these newlines are all of the layout.
    return re.sub(r"\[\n[^][{}]*\n *\]", _on_one_line, text)


def _json_character(found: re.Match[str]) -> str:
    """A character, escaped where a terminal would obey it or the stream cannot encode it."""
    character = found[0]
    if character.isprintable() and encodable(character, sys.stdout.encoding) == character:
        return character
    return json.dumps(character)[1:-1]


def _on_one_line(found: re.Match[str]) -> str:
    entries = found[0][1:-1].strip().split("\n")
    return "[" + " ".join(entry.strip() for entry in entries) + "]"

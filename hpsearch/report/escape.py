"""Text from users, made safe for a terminal: nothing in it moves the cursor or breaks a line.

All that is printed goes through `echo` or `echo_data` here, or through `report.text.display`.
"""

from __future__ import annotations

import re
import sys

from hpsearch.messages import printable


def echo(text: str, *, err: bool = False) -> None:
    """Print a message, whose line breaks are kept and other control characters escaped.

    Args:
        text: without the line break at its end.
        err: to stderr.

    Raises:
        OSError: the stream is closed.
    """
    stream = sys.stderr if err else sys.stdout
    stream.write(encodable(lines_printable(text) + "\n", stream.encoding))
    stream.flush()


def echo_data(text: str) -> None:
    """Print what a program may read: as it is, but on a terminal with control characters escaped.

    Raises:
        OSError: the stream is closed.
    """
    stream = sys.stdout
    shown = lines_printable(text) if stream.isatty() else text
    stream.write(encodable(shown, stream.encoding))
    stream.flush()


def lines_printable(text: str) -> str:
    """Text that keeps its line breaks; other control characters are escaped."""
    return printable(text, keep="\n")


def cut(value: object, most: int) -> str:
    """Printable text of at most so many characters, its middle left out.

    >>> cut("hidden_units_of_the_encoder", 15)
    'hidden...ncoder'
    """
    text = printable(value)
    if len(text) <= most:
        return text
    tail = (most - 3) // 2
    return f"{text[: most - 3 - tail]}...{text[-tail:]}"


def encodable(text: str, encoding: str | None) -> str:
    r"""Text as a stream can take it: characters that its encoding lacks are escaped.

    >>> encodable("± 🦊", "latin-1")
    '± \\U0001f98a'
    """
    name = encoding or "utf-8"
    return re.sub(
        "[^\x00-\x7f]", lambda found: found[0].encode(name, "backslashreplace").decode(name), text
    )

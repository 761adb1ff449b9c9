r"""Text of a user's, made safe for a terminal: nothing in it moves the cursor or breaks a line."""

from __future__ import annotations

import re


def printable(value: object) -> str:
    r"""Text on one line, with what is no sign of a writing spelled out.

    Spelled out are control characters (escape codes and line breaks begin with one), signs that
    turn the direction of writing, and halves of a surrogate pair.

    >>> printable("a\x1b[31mb\nc"), printable("é 🦊")
    ('a\\x1b[31mb\\nc', 'é 🦊')
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in str(value)
    )


def lines_printable(text: str) -> str:
    """The same for text whose line breaks are meant."""
    return "\n".join(map(printable, text.split("\n")))


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
    r"""Text as a stream can take it: signs that it does not know are spelled out.

    >>> encodable("± 🦊", "latin-1")
    '± \\U0001f98a'
    """
    name = encoding or "utf-8"
    return re.sub(
        "[^\x00-\x7f]", lambda found: found[0].encode(name, "backslashreplace").decode(name), text
    )

"""What messages are made of: names, counts and values, as one line that a terminal can show.

Also `expanded`, which reads a path as its user writes it.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable

from hpsearch.errors import HpsearchError


def listed(names: Iterable[object], most: int = 10) -> str:
    """Names as a message shows them, the first few of many.

    >>> listed(["a", 1]), listed(range(12), most=3)
    ("'a', 1", '0, 1, 2, ... (12 in all)')
    """
    shown = [quoted(name) for name in names]
    more = f", ... ({len(shown)} in all)" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def quoted(value: object, most: int = 60) -> str:
    """A value as a message shows it; of a long one the first characters, `most` in all.

    >>> quoted("a" * 100, most=10)
    "'aaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def counted(count: int, name: str) -> str:
    """A number of things, with their name in the singular or the plural.

    >>> counted(1, "trial"), counted(1234, "trial"), counted(2, "new class"), counted(0, "entry")
    ('1 trial', '1,234 trials', '2 new classes', '0 entries')
    """
    if count != 1:
        ends = (("s", "ses"), ("x", "xes"), ("nch", "nches"), ("ry", "ries"))
        old, new = next((each for each in ends if name.endswith(each[0])), ("", "s"))
        name = name.removesuffix(old) + new
    return f"{count:,} {name}"


def printable(value: object, keep: str = "") -> str:
    r"""A value's text with every character that cannot be printed escaped, as Python would.

    These are control characters (line breaks are, and what begins a terminal's commands),
    characters that turn the direction of writing, and halves of a surrogate pair, which no
    encoding has.

    Args:
        value: whose text it is.
        keep: characters that stay as they are.

    >>> printable("a\x1b[31mb\nc"), printable("é 🦊")
    ('a\\x1b[31mb\\nc', 'é 🦊')
    """
    text = str(value)
    if text.isprintable():  # the usual case first
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def one_line(value: object) -> str:
    r"""A value's text on one line: printable, and a single space for any run of white space.

    >>> one_line("shapes differ:\n  (2, 3)")
    'shapes differ: (2, 3)'
    """
    return printable(re.sub(r"\s+", " ", str(value)))


def readable(text: str, most: int | None = None) -> str:
    r"""Text of several lines, printable, in at most so many characters.

    Line breaks and tabs stay, and text that is too long loses its middle.

    >>> print(readable("no file caf\udce9\0.csv"), readable("a" * 50, most=20))
    no file caf\udce9\x00.csv aaaaaaa ... aaaaaaaa
    """
    if most is not None and len(text) > most:
        head = (most - 5) // 2
        text = f"{text[:head]} ... {text[head + 5 - most :]}"
    return printable(text, keep="\n\t")


def expanded(path: str) -> str:
    """A path with the home folder in place of a `~` or `~name` that it begins with.

    A shell does this for most, but not in `--runs-dir=~/x`, in a variable, in YAML or in Python.
    A file whose name begins with `~` keeps it.

    Raises:
        HpsearchError: there is no user of this name, and no such file.
    """
    if not path.startswith("~"):
        return path
    found = os.path.expanduser(path)  # noqa: PTH111 (Path's raises, and says less)
    if found != path:
        return found
    first = path.partition("/")[0]
    if os.path.lexists(first):
        return path
    raise HpsearchError(
        f"{path}: must begin with the home folder of a user, found no user {first[1:]!r}; for a "
        f"file of this name write ./{path}"
    )


def expanded_target(target: str) -> str:
    """The same for a path, or for the address of a file, such as sqlite:///~/study.db."""
    scheme, three, path = target.partition(":///")
    if not three:
        return expanded(target)
    return f"{scheme}:///{expanded(path)}"

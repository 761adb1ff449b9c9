"""Names of files, columns and runs: as users give them, and as messages show them."""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from hpsearch.errors import HpsearchError


def expanded(path: str) -> str:
    """A path that a user gives, with the home folder for a `~` that it begins with.

    A shell does this for most, but not in `--runs-dir=~/x`, in a variable, in YAML or in Python.

    Raises:
        HpsearchError: it begins with the name of a user that there is not.
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


def listed(names: Iterable[object], most: int = 10) -> str:
    """Names as a message shows them, the first few of many."""
    shown = [quoted(name) for name in names]
    more = f", ... ({len(shown)} in all)" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def quoted(value: object, most: int = 60) -> str:
    """A value as a message shows it; of a long one its beginning.

    >>> quoted("a" * 100, most=10)
    "'aaaaaa..."
    """
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def printable(value: object, keep: str = "") -> str:
    r"""Text on one line, with what is no sign of a writing spelled out as Python would.

    Spelled out are control characters (escape codes and line breaks begin with one), signs that
    turn the direction of writing, and halves of a surrogate pair, which no encoding has.

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
        sign if sign.isprintable() or sign in keep else sign.encode("unicode_escape").decode()
        for sign in text
    )


def readable(text: str, most: int | None = None) -> str:
    r"""Text from a trainer as a file or a terminal can take it, in at most so many characters.

    Line breaks and tabs stay, and text that is too long loses its middle.

    >>> print(readable("no file caf\udce9\0.csv"), readable("a" * 50, most=20))
    no file caf\udce9\x00.csv aaaaaaa ... aaaaaaaa
    """
    if most is not None and len(text) > most:
        head = (most - 5) // 2
        text = f"{text[:head]} ... {text[head + 5 - most :]}"
    return printable(text, keep="\n\t")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant; the first of those that differ in case alone.

    >>> nearest("momentun", ["momentum", "l2"]), nearest("zzz", ["momentum", "l2"])
    ('momentum', None)
    """
    import difflib

    by_lower = {other.lower(): other for other in reversed(list(names))}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint at the nearest name, or nothing if none is near."""
    near = nearest(name, names)
    return "" if near is None else f" (did you mean {near!r}?)"


def counted(count: int, name: str) -> str:
    """A number of things, with their name in the singular or the plural.

    >>> counted(1, "trial"), counted(1234, "trial"), counted(2, "new class"), counted(0, "entry")
    ('1 trial', '1,234 trials', '2 new classes', '0 entries')
    """
    if count != 1:
        ends = (("s", "ses"), ("x", "xes"), ("ry", "ries"))
        old, new = next((each for each in ends if name.endswith(each[0])), ("", "s"))
        name = name.removesuffix(old) + new
    return f"{count:,} {name}"

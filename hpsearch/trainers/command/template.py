"""The words of a command, with the places in them and groups around them; no shell reads it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count as naturals
from typing import Any

WORD = r"[\w./+@%#~-]+"
# A letter is among it: {1..9} is no name. That it begins with no space comes first, as the search
# for the letter would else be made anew at each space of a long gap.
NAME = rf"(?! )(?=[^{{}}]*[^\W\d]){WORD}(?: +{WORD})*"
PLACE = re.compile(rf"\{{\{{({NAME})\}}\}}|\{{({NAME})\}}")
"""`{name}`, or `{{name}}` for the text `{name}`. Other braces stand for themselves.

A name is of words of letters, digits and `_ . / + @ % # ~ -`, with spaces between them.
"""

MEANT = re.compile(rf"\$\{{({NAME})\}}|\{{(?:\{{)? *({NAME}) *(?:[:!][^\s{{}}]+ *)?\}}")
"""What was probably meant as a place, in the manner of a shell, Jinja or a format."""

HOLE = re.compile("\0!?([0-9]+)\0")
FILLED = re.compile("\0[0-9]+\0")
"""The number of a place, which stands for it while words are cut; `!` marks an escaped one."""

QUOTED = r"""\\.|'[^']*'|"(?:\\.|[^"\\])*\""""
WRITTEN = re.compile(rf"(?:{QUOTED}|[^ \t\r\n])+", re.DOTALL)
"""A word as it is written, with its quotes: what a shell takes for one."""

GIVEN = ("epochs", "full_epochs", "seed", "trial", "checkpoint_dir", "trial_dir")
"""What a command may name besides its parameters, each also as a variable of the environment."""

MADE = ("args", "python", "params_file")
"""What a command may name, too, unless a parameter is called so."""


@dataclass(frozen=True)
class Place:
    """A place of a command, which a value fills."""

    name: str

    def __str__(self) -> str:
        """The place as it is written."""
        return f"{{{self.name}}}"


Word = tuple[str | Place, ...]
"""One word: texts, and places between them."""


@dataclass(frozen=True)
class Group:
    """Words between `[` and `]`, left out together where a parameter among them is inactive."""

    words: tuple[Word, ...]


def words(command: str) -> list[str]:
    """The words of a command, those of its groups among them, with their places still empty.

    >>> words("python train.py --note 'two words' {rate} [--decay {decay}]")
    ['python', 'train.py', '--note', 'two words', '{rate}', '--decay', '{decay}']

    Raises:
        ValueError: it has no word, a null character, or a quotation or group that does not end.
    """
    try:
        parts = parsed(command)
    except ValueError:  # the name of a parameter, which is not known here, may have a quote in it
        plain = re.sub(r"""\{[^{}]*['"\\][^{}]*\}""", "{name}", command)
        if plain == command:
            raise
        parts = parsed(plain)
    return ["".join(map(str, word)) for word in words_of(parts)]


def words_of(parts: Iterable[Word | Group]) -> Iterator[Word]:
    """The words of a command one by one, those of its groups among them."""
    for part in parts:
        yield from part.words if isinstance(part, Group) else (part,)


def program(command: str) -> str:
    """The first word: what is run."""
    return words(command)[0]


@cache
def places_of(names: tuple[str, ...]) -> re.Pattern[str]:
    """`PLACE`, and besides a place for each of these names that has other signs in it.

    >>> places_of(("a:b", "rate")).findall("{a:b} {a:c} {rate}")
    [('', 'a:b'), ('', 'rate')]
    """
    odd = [
        name
        for name in sorted(names, key=len, reverse=True)
        if not re.fullmatch(NAME, name) and not any(name.startswith(f"{n}.") for n in names)
    ]
    if not odd:
        return PLACE
    any_name = "|".join([*(rf"{re.escape(name)}(?:\.[^{{}}]*)?" for name in odd), NAME])
    return re.compile(rf"\{{\{{({any_name})\}}\}}|\{{({any_name})\}}")


def used(text: str, names: Iterable[str] = ()) -> list[str]:
    """The names of the places in a text, each once, in order.

    >>> used("train --lr {rate} --batch={size} {{left}} {rate}")
    ['rate', 'size']
    """
    found = (match[2] for match in places_of(tuple(names)).finditer(text))
    return list(dict.fromkeys(name for name in found if name))


def misread(text: str, names: Collection[str]) -> list[tuple[str, str]]:
    """What looks like the place of one of these names and is none, each with the name.

    >>> misread("train ${rate} {{ rate }} {rate:.3f} { print } {{rate}}", ["rate"])
    [('${rate}', 'rate'), ('{{ rate }', 'rate'), ('{rate:.3f}', 'rate')]
    """
    place = places_of(tuple(names))
    left = place.sub(lambda match: match[0] if _dollar(match) else "", text)
    return [
        (match[0], name)
        for match in MEANT.finditer(left)
        if (name := match[1] or match[2]) in names
    ]


def _dollar(match: re.Match[str]) -> bool:
    """Whether a place, which a shell would fill, follows a dollar sign."""
    return bool(match[2]) and match.string[: match.start()].endswith("$")


@cache
def parsed(command: str, names: tuple[str, ...] = ()) -> tuple[Word | Group, ...]:
    """A command as its words and groups of words.

    It is cut as a shell would, and each place stays whole, whatever spaces its name has. A group
    begins with a `[` that begins a word and ends with a `]` that ends one, both unquoted; brackets
    inside words and quotations are text. `[[` and `]]` in these places are the signs themselves.
    What names no place is no group, and keeps its brackets.

    >>> parsed("train [--lr={lr}] [[a]] b[0]")[1:]
    (Group(words=(('--lr=', Place(name='lr')),)), ('[a]',), ('b[0]',))

    Args:
        command: it.
        names: of the parameters, which may have signs that a place has not else.

    Raises:
        ValueError: it has no word, a null character, or a quotation or group that does not end.
    """
    if "\0" in command:
        raise ValueError("it has a null character")
    written, matches = _written(command, names)
    found: list[Word | Group] = []
    at = 0
    while at < len(written):
        end = _end(written, at)
        if end is None or not _has_place(written[at : end + 1]):
            found.append(_word(_plain(written[at]), matches))
            at += 1
        else:
            inside = filter(None, map(_unbracketed, written[at : end + 1]))
            found.append(Group(tuple(_word(each, matches) for each in inside)))
            at = end + 1
    if not found:
        raise ValueError("it has no word")
    return tuple(found)


def unplaced(command: str, names: tuple[str, ...] = ()) -> list[str]:
    """What is written as a group and names no place, so that it keeps its brackets.

    >>> unplaced("train --units [8,4] [--lr {lr}] --sizes=[1]")
    ['[8,4]']
    """
    written, matches = _written(command, names)
    ends = ((at, _end(written, at)) for at in range(len(written)))
    groups = [written[at : end + 1] for at, end in ends if end is not None]
    return [
        HOLE.sub(lambda hole: matches[int(hole[1])][0], " ".join(group))
        for group in groups
        if not _has_place(group)
    ]


def _written(command: str, names: tuple[str, ...]) -> tuple[list[str], list[re.Match[str]]]:
    """The words of a command as they are written, with numbers for places; and the places."""
    matches = list(places_of(names).finditer(command))
    numbers = naturals()

    def hole(match: re.Match[str]) -> str:
        return f"\0{'!' if match[1] else ''}{next(numbers)}\0"

    return WRITTEN.findall(places_of(names).sub(hole, command)), matches


def _has_place(written: Iterable[str]) -> bool:
    return any(map(FILLED.search, written))


def _end(written: Sequence[str], at: int) -> int | None:
    """Where the group ends that begins with a word; None where none does.

    Raises:
        ValueError: it does not end, or another one begins in it, and a place follows.
    """
    if _brackets(written[at])[0] % 2 == 0:
        return None
    wrong = "that does not end with ]"
    for end in range(at, len(written)):
        first, _, last = _brackets(written[end])
        if end > at and first % 2:
            wrong = "within a group"
            break
        if last % 2:
            return end
    if _has_place(written[at:]):
        raise ValueError(f"a group [ {wrong}; write [[ for the sign")
    return None


def _brackets(word: str) -> tuple[int, int, int]:
    """How many unquoted `[` begin a word, and how many `]` end it: inner ones, and the others.

    >>> _brackets("[--sizes=[1,2]]"), _brackets("'[x]'")
    ((1, 1, 1), (0, 0, 0))
    """
    signs = re.sub(QUOTED, "q", word, flags=re.DOTALL)
    middle = signs.lstrip("[").rstrip("]")
    first = len(signs) - len(signs.lstrip("["))
    last = len(signs) - first - len(middle)
    inner = 0
    for sign in middle:
        inner = max(inner + (sign == "[") - (sign == "]"), 0)
    return first, min(inner, last), max(last - inner, 0)


def _unbracketed(word: str) -> str:
    """A word without the brackets of a group, and with one for each doubled one at its ends."""
    first, inner, last = _brackets(word)
    return "[" * (first // 2) + word[first : len(word) - last - inner] + "]" * (inner + last // 2)


def _plain(word: str) -> str:
    """A word outside groups: of the brackets at its ends only doubled ones mean anything."""
    first, _, last = _brackets(word)
    if first % 2 or (first == 0 and set(word) != {"]"}):
        return word
    return _unbracketed(word) + "]" * (last % 2)


def _word(text: str, matches: Sequence[re.Match[str]]) -> Word:
    """A word as a shell reads it, with a place, or an escaped one's text, in each of its holes."""
    parts: list[str | Place] = [""]
    for i, piece in enumerate(HOLE.split(shlex.split(text)[0])):
        match = matches[int(piece)] if i % 2 else None
        if match is not None and match[2]:
            parts += [Place(match[2]), ""]
        else:
            parts[-1] += piece if match is None else f"{{{match[1]}}}"  # type: ignore[operator]
    return tuple(part for part in parts if part) or ("",)


def remaining(command: str, params: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The parameters without a place of their own in a command, which `{args}` then writes.

    >>> remaining("train {opt.lr} {args}", {"opt": {"lr": 0.1}, "units": 8}, ["opt", "units"])
    {'units': 8}
    """
    placed = holders(used(command, names), names)
    return {name: value for name, value in params.items() if name not in placed}


def holders(places: Iterable[str], names: Collection[str]) -> set[str]:
    """The parameters that places are of: by their names, or as entries of their values.

    >>> sorted(holders(["model.lr", "opt.lr"], ["model", "model.lr", "opt"]))
    ['model.lr', 'opt']
    """
    found = set()
    for place in places:
        above = [name for name in names if place.startswith(f"{name}.")]
        found |= {place} if place in names else {*above}
    return found

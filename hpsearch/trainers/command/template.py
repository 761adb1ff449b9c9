"""The words of a command, and the values that stand in them; no shell ever reads either."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
    return ["".join(map(_shown, word)) for word in words_of(parts)]


def _shown(part: str | Place) -> str:
    return f"{{{part.name}}}" if isinstance(part, Place) else part


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


def filled(
    command: str,
    values: Mapping[str, Any],
    args: Sequence[str] | None = None,
    names: tuple[str, ...] = (),
) -> list[str]:
    """The words of a command with values in their places.

    The command is cut into words first, so a value never ends a word, whatever it holds. What has
    no value, as of a parameter whose `when` does not hold, leaves its word out, or its group; a
    word of nothing but its place stays, empty, and so does a script, a word of several words.

    >>> filled("train --lr={model.lr} {opt name}", {"model.lr": 0.1, "opt name": "adam w"})
    ['train', '--lr=0.1', 'adam w']
    >>> filled("train --note {note} --units={units}", {"note": "; rm -rf ~", "units": [8, 4]})
    ['train', '--note', '; rm -rf ~', '--units=[8, 4]']
    >>> filled("train {opt} --lr={opt.lr}", {"opt": {"lr": 0.1, "decay": False}})
    ['train', '{"lr": 0.1, "decay": false}', '--lr=0.1']
    >>> filled("train [--decay {decay}] --momentum={momentum} {args}", {}, ["--units=8"])
    ['train', '--units=8']

    Args:
        command: it.
        values: by the names of places.
        args: the words for `{args}`; None where that is the place of a parameter.
        names: of the parameters.
    """
    if args is not None:
        values = {**values, "args": " ".join(args)} if args else values
    found: list[str] = []
    for part in parsed(command, names):
        if isinstance(part, Group) and _absent(words_of([part]), values):
            continue
        for word in words_of([part]):
            if word == (Place("args"),) and args is not None:
                found += args
            elif not (_absent([word], values) and leaves_out(word)):
                found.append("".join(_filling(each, values) for each in word))
    return found


def _filling(
    part: str | Place, values: Mapping[str, Any], write: Callable[[Any], str] | None = None
) -> str:
    if isinstance(part, str):
        return part
    value = _value(part.name, values)
    return "" if value is ABSENT else (write or as_text)(value)


def _absent(several: Iterable[Word], values: Mapping[str, Any]) -> list[str]:
    """The names of the places in words that have no value."""
    places = [part for word in several for part in word if isinstance(part, Place)]
    return [place.name for place in places if _value(place.name, values) is ABSENT]


def leaves_out(word: Word) -> bool:
    """Whether a word is left out where one of its places is empty.

    >>> leaves_out(("--lr=", Place("lr"))), leaves_out((Place("lr"),))
    (True, False)
    """
    texts = [part for part in word if isinstance(part, str)]
    option = re.match(r"-[^\s=]*=", word[0]) if isinstance(word[0], str) else None
    return bool(texts) and (option is not None or not re.search(r"\s", "".join(texts)))


def empty(command: str, values: Mapping[str, Any], names: tuple[str, ...] = ()) -> list[str]:
    """What goes wrong in a command where places have no value: messages, one for each place.

    >>> empty("train --momentum {momentum}", {})
    ['{momentum} would be an empty word; write [--momentum {momentum}], which is then left out']
    """
    found = []
    before = ""
    parts = parsed(command, names)
    stay = [part for part in parts if isinstance(part, tuple) or not _absent(part.words, values)]
    missing = _absent(words_of(stay[:1] or parts[:1]), values)
    if missing:
        found.append(f"{{{missing[0]}}} has no value, and a program must be the first word")
    for i, part in enumerate(parts):
        absent = _absent(words_of([part]), values)
        shown = "" if isinstance(part, Group) else "".join(map(_shown, part))
        if absent and i and isinstance(part, tuple) and all(map(_is_place, part)):
            option = f"{before} " if before.startswith("-") else ""
            message = f"{{{absent[0]}}} would be an empty word; write [{option}{shown}], which is"
            found.append(f"{message} then left out")
        before = shown
    return found


def _is_place(part: str | Place) -> bool:
    return isinstance(part, Place)


ABSENT = object()
"""What stands for the value of a parameter that is inactive."""


def _value(name: str, values: Mapping[str, Any]) -> Any:
    """A parameter's value, or an entry of one: `opt.lr` is that of `opt` if none is called so.

    ABSENT where there is none.
    """
    if name in values:
        return values[name]
    for dot in re.finditer(r"\.", name):
        holder = values.get(name[: dot.start()])
        if isinstance(holder, dict) and name[dot.end() :] in holder:
            return holder[name[dot.end() :]]
    return ABSENT


def text_filled(
    text: str,
    values: Mapping[str, Any],
    names: tuple[str, ...] = (),
    write: Callable[[Any], str] | None = None,
) -> tuple[str, bool]:
    """A text with values in its places, none where there is none; and whether all have one.

    >>> text_filled('{"lr": {lr}, "decay": "{decay}"}', {"lr": 0.1})
    ('{"lr": 0.1, "decay": ""}', False)

    Args:
        text: it.
        values: by the names of places.
        names: of the parameters.
        write: gives the text for a value; None for `as_text`.
    """
    whole = all(_value(name, values) is not ABSENT for name in used(text, names))

    def value(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else _filling(Place(match[2]), values, write)

    return places_of(names).sub(value, text), whole


def as_text(value: Any) -> str:
    """A value as a command reads it: text as it is, anything else as JSON.

    >>> as_text("a b"), as_text(1e-05), as_text(True), as_text([8, 4])
    ('a b', '1e-05', 'true', '[8, 4]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""Values in the places of a command, or of any text; no shell ever reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hpsearch.trainers.command.template import (
    Group,
    Place,
    Word,
    parsed,
    places_of,
    used,
    words_of,
)


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
        shown = "" if isinstance(part, Group) else "".join(map(str, part))
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

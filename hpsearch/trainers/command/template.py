"""The words of a command, and the values that stand in them; no shell ever reads either."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Collection, Mapping
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

HOLE = re.compile("\0([0-9]+)\0")
FILLED = re.compile("\0([^\0]*)\0")

GIVEN = ("epochs", "full_epochs", "seed", "trial", "checkpoint_dir")
"""What a command may name besides its parameters."""


def words(command: str) -> list[str]:
    """The words of a command, with their places still empty.

    >>> words("python train.py --note 'two words' {rate}")
    ['python', 'train.py', '--note', 'two words', '{rate}']

    Raises:
        ValueError: it has no word, a null character, or a quotation that does not end.
    """
    return [_put_back(word, _text) for word in _cut(command)]


def used(command: str) -> list[str]:
    """The names of the places in a command, each once, in order.

    >>> used("train --lr {rate} --batch={size} {{left}} {rate}")
    ['rate', 'size']
    """
    names = (match[2] for match in PLACE.finditer(command))
    return list(dict.fromkeys(name for name in names if name))


def misread(command: str, names: Collection[str]) -> list[tuple[str, str]]:
    """What looks like the place of one of these names and is none, each with the name.

    >>> misread("train ${rate} {{ rate }} {rate:.3f} { print } {{rate}}", ["rate"])
    [('${rate}', 'rate'), ('{{ rate }', 'rate'), ('{rate:.3f}', 'rate')]
    """
    left = PLACE.sub(lambda match: match[0] if _dollar(match) else "", command)
    return [
        (match[0], name)
        for match in MEANT.finditer(left)
        if (name := match[1] or match[2]) in names
    ]


def _dollar(match: re.Match[str]) -> bool:
    """Whether a place, which a shell would fill, follows a dollar sign."""
    return bool(match[2]) and match.string[: match.start()].endswith("$")


def program(command: str) -> str:
    """The first word: what is run."""
    return words(command)[0]


def _cut(command: str) -> list[str]:
    """The words of a command, each place as its number between two null characters.

    So a place stays whole, whatever spaces its name has.
    """
    if "\0" in command:
        raise ValueError("it has a null character")
    numbers = naturals()
    found = shlex.split(PLACE.sub(lambda _: f"\0{next(numbers)}\0", command))
    if not found:
        raise ValueError("it has no word")
    places = [match[0] for match in PLACE.finditer(command)]
    return [HOLE.sub(lambda hole: f"\0{places[int(hole[1])]}\0", word) for word in found]


def _put_back(word: str, filling: Callable[[re.Match[str]], str]) -> str:
    """A word with a text for each of its places."""
    return FILLED.sub(lambda hole: PLACE.sub(filling, hole[1]), word)


def _text(match: re.Match[str]) -> str:
    return match[0]


def filled(command: str, values: Mapping[str, Any]) -> list[str]:
    """The words of a command with values in their places.

    The command is cut into words first, so a value never ends a word, whatever it holds. A
    parameter without a value, since its `when` does not hold, leaves its place empty.

    >>> filled("train --lr={model.lr} {opt name}", {"model.lr": 0.1, "opt name": "adam w"})
    ['train', '--lr=0.1', 'adam w']
    >>> filled("train --note {note} --units={units}", {"note": "; rm -rf ~", "units": [8, 4]})
    ['train', '--note', '; rm -rf ~', '--units=[8, 4]']
    >>> filled("train {opt} --lr={opt.lr}", {"opt": {"lr": 0.1, "decay": False}})
    ['train', '{"lr": 0.1, "decay": false}', '--lr=0.1']
    """

    def value(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else as_text(_value(match[2], values))

    return [_put_back(word, value) for word in _cut(command)]


def _value(name: str, values: Mapping[str, Any]) -> Any:
    """A parameter's value, or an entry of one: `opt.lr` is that of `opt` if none is called so."""
    if name in values:
        return values[name]
    for dot in re.finditer(r"\.", name):
        holder = values.get(name[: dot.start()])
        if isinstance(holder, dict) and name[dot.end() :] in holder:
            return holder[name[dot.end() :]]
    return ""


def as_text(value: Any) -> str:
    """A value as a command reads it: text as it is, anything else as JSON.

    >>> as_text("a b"), as_text(1e-05), as_text(True), as_text([8, 4])
    ('a b', '1e-05', 'true', '[8, 4]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

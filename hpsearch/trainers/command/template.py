"""The words of a command, and the values that stand in them; no shell ever reads either."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

PLACE = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")
"""`{name}`, or `{{name}}` for the text `{name}`. Other braces stand for themselves."""

GIVEN = ("epochs", "full_epochs", "seed", "trial", "checkpoint_dir")
"""What a command may name besides its parameters."""


def words(command: str) -> list[str]:
    """The words of a command, with their places still empty.

    >>> words("python train.py --note 'two words' {rate}")
    ['python', 'train.py', '--note', 'two words', '{rate}']

    Raises:
        ValueError: it has no word, or a quotation that does not end.
    """
    found = shlex.split(command)
    if not found:
        raise ValueError("it has no word")
    return found


def used(command: str) -> list[str]:
    """The names of the places in a command, each once, in order.

    >>> used("train --lr {rate} --batch={size} {{left}} {rate}")
    ['rate', 'size']
    """
    names = (match[2] for word in words(command) for match in PLACE.finditer(word))
    return list(dict.fromkeys(name for name in names if name))


def program(command: str) -> str:
    """The first word: what is run."""
    return words(command)[0]


def filled(command: str, values: Mapping[str, Any]) -> list[str]:
    """The words of a command with values in their places.

    The command is cut into words first, so a value never ends a word, whatever it holds. A
    parameter without a value, since its `when` does not hold, leaves its place empty.

    >>> filled("train --note {note} --units={units}", {"note": "; rm -rf ~", "units": [8, 4]})
    ['train', '--note', '; rm -rf ~', '--units=[8, 4]']
    """

    def value(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else as_text(values.get(match[2], ""))

    return [PLACE.sub(value, word) for word in words(command)]


def as_text(value: Any) -> str:
    """A value as a command reads it: text as it is, anything else as JSON.

    >>> as_text("a b"), as_text(1e-05), as_text(True), as_text([8, 4])
    ('a b', '1e-05', 'true', '[8, 4]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

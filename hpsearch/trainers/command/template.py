"""The words of a command, and the values that stand in them; no shell ever reads either."""

from __future__ import annotations

import json
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

HOLE = re.compile("\0([0-9]+)\0")
OPEN, CLOSE = "\0[\0", "\0]\0"

TOKEN = re.compile(r"""[ \t\r\n]+|\\.|'[^']*'|"(?:\\.|[^"\\])*"|\[+|\]+|.""", re.DOTALL)
"""A gap, an escape, a quotation, some brackets, or any other sign: what a shell reads as one."""

GIVEN = ("epochs", "full_epochs", "seed", "trial", "checkpoint_dir")
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
    return ["".join(map(_shown, word)) for word in _flat(parsed(command))]


def _shown(part: str | Place) -> str:
    return f"{{{part.name}}}" if isinstance(part, Place) else part


def _flat(parts: Iterable[Word | Group]) -> Iterator[Word]:
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
    texts = shlex.split(_grouped(*_holed(command, names))[0])
    matches = list(places_of(names).finditer(command))
    found: list[Word | Group] = []
    group: list[Word] | None = None
    for text in texts:
        if text == OPEN:
            group = []
        elif text == CLOSE and group is not None:
            found.append(Group(tuple(group)))
            group = None
        else:
            (found if group is None else group).append(_word(text, matches))
    if not any(_flat(found)):
        raise ValueError("it has no word")
    return tuple(found)


def _holed(command: str, names: tuple[str, ...]) -> tuple[str, list[bool]]:
    """A command with a numbered hole for each place, and which of these are no escaped ones."""
    place, numbers = places_of(names), naturals()
    real = [match[2] is not None for match in place.finditer(command)]
    return place.sub(lambda _: f"\0{next(numbers)}\0", command), real


def _word(text: str, matches: Sequence[re.Match[str]]) -> Word:
    """A word with a place, or an escaped one's text, in each of its holes."""
    parts: list[str | Place] = [""]
    for i, piece in enumerate(HOLE.split(text)):
        match = matches[int(piece)] if i % 2 else None
        if match is not None and match[2]:
            parts += [Place(match[2]), ""]
        else:
            parts[-1] += piece if match is None else f"{{{match[1]}}}"  # type: ignore[operator]
    return tuple(part for part in parts if part) or ("",)


def _grouped(text: str, real: Sequence[bool]) -> tuple[str, list[str]]:
    """A command with a word of its own where each group begins and ends, and plain brackets.

    Also what is written as a group and names no place.
    """

    def named(piece: str) -> bool:
        return any(real[int(hole)] for hole in HOLE.findall(piece))

    unplaced: list[str] = []
    found: list[str] = []
    group: tuple[int, int] | None = None  # where it began in `found` and in the text
    begins, doubled, inside = True, False, 0  # `inside`: brackets that are open within the word
    for match in TOKEN.finditer(text):
        token, count = match[0], len(match[0])
        ends = match.end() == len(text) or text[match.end()] in " \t\r\n"
        if token[0] in " \t\r\n":
            found.append(token)
            begins, doubled, inside = True, False, 0
            continue
        if token[0] == "[" and begins:
            pairs, single = divmod(count, 2)
            if single and group is not None and named(text[group[1] :]):
                raise ValueError("a group [ within a group; write [[ for the sign")
            if single:
                if group is not None:
                    found[group[0] :] = [text[group[1] : match.start()]]
                group = len(found), match.start()
                found.append(f"{OPEN} ")
            found.append("[" * pairs)
            doubled = pairs > 0
        elif token[0] == "[":
            inside += count
            found.append(token)
        elif token[0] == "]" and ends and (group is not None or doubled or begins):
            own = min(inside, count)
            pairs, single = divmod(count - own, 2)
            found.append("]" * (own + pairs))
            if single and group is not None:
                since, start = group
                group, whole = None, text[start : match.end()]
                if named(whole):
                    found.append(f" {CLOSE}")
                else:
                    found[since:] = [whole]
                    unplaced.append(whole)
            elif single:
                found.append("]")
        else:
            inside -= min(inside, count) if token[0] == "]" else 0
            found.append(token)
        begins = False
    if group is not None and named(text[group[1] :]):
        raise ValueError("a group [ that does not end with ]; write [[ for the sign")
    if group is not None:
        found[group[0] :] = [text[group[1] :]]
    return "".join(found), unplaced


def unplaced(command: str, names: tuple[str, ...] = ()) -> list[str]:
    """What is written as a group and names no place, so that it keeps its brackets.

    >>> unplaced("train --units [8,4] [--lr {lr}] --sizes=[1]")
    ['[8,4]']
    """
    return [HOLE.sub("", text) for text in _grouped(*_holed(command, names))[1]]


def remaining(command: str, params: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The parameters without a place of their own in a command, which `{args}` then writes.

    >>> remaining("train {opt.lr} {args}", {"opt": {"lr": 0.1}, "units": 8}, ["opt", "units"])
    {'units': 8}
    """
    places = used(command, names)
    return {name: value for name, value in params.items() if not has_place(name, places)}


def has_place(name: str, places: Iterable[str]) -> bool:
    """Whether a parameter, or an entry of its values, is among the places of a command."""
    return any(place == name or place.startswith(f"{name}.") for place in places)


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
        if isinstance(part, Group) and _absent(_flat([part]), values):
            continue
        for word in _flat([part]):
            if word == (Place("args"),) and args is not None:
                found += args
            elif not (_absent([word], values) and leaves_out(word)):
                found.append("".join(_filling(each, values) for each in word))
    return found


def _filling(part: str | Place, values: Mapping[str, Any]) -> str:
    if isinstance(part, str):
        return part
    value = _value(part.name, values)
    return "" if value is ABSENT else as_text(value)


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
    for i, part in enumerate(parsed(command, names)):
        absent = _absent(_flat([part]), values)
        shown = "" if isinstance(part, Group) else "".join(map(_shown, part))
        if absent and i == 0:
            found.append(f"{{{absent[0]}}} has no value, and the program must have one")
        elif absent and not isinstance(part, Group) and all(map(_is_place, part)):
            option = f"{before} " if before.startswith("-") else ""
            message = f"{{{absent[0]}}} would be an empty word; write [{option}{shown}], which is"
            found.append(f"{message} then left out")
        before = shown
    return found


def _is_place(part: str | Place) -> bool:
    return isinstance(part, Place)


ABSENT = object()


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
    text: str, values: Mapping[str, Any], names: tuple[str, ...] = ()
) -> tuple[str, bool]:
    """A text with values in its places, none where there is none; and whether all have one.

    >>> text_filled('{"lr": {lr}, "decay": "{decay}"}', {"lr": 0.1})
    ('{"lr": 0.1, "decay": ""}', False)
    """
    whole = all(_value(name, values) is not ABSENT for name in used(text, names))

    def value(match: re.Match[str]) -> str:
        return f"{{{match[1]}}}" if match[1] else _filling(Place(match[2]), values)

    return places_of(names).sub(value, text), whole


def as_text(value: Any) -> str:
    """A value as a command reads it: text as it is, anything else as JSON.

    >>> as_text("a b"), as_text(1e-05), as_text(True), as_text([8, 4])
    ('a b', '1e-05', 'true', '[8, 4]')
    """
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

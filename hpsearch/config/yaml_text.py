"""YAML text, or values from Python -> plain values: dicts, lists and scalars.

Scalars follow YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema), where
PyYAML alone would follow YAML 1.1: `1e-4` is a number, only true and false are booleans, and
`on`, `2020-04-02`, `1:30` and `1_000` are text. Only scalars, lists and mappings are ever built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from typing import Any

import yaml

from hpsearch.config.problems import KeyPath, Mark, Positions, Problem
from hpsearch.errors import ConfigError
from hpsearch.messages import printable

MOST_BYTES = 1_000_000
MOST_NODES = 10_000
DEEPEST = 50
LONGEST_INTEGER = 300  # digits; a float has room for 308
TAG = "tag:yaml.org,2002:"

_IMPLICIT = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
)


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema; stops at too many or too deep ones."""

    yaml_implicit_resolvers = {}  # none of YAML 1.1's  # noqa: RUF012

    def __init__(self, text: str):
        super().__init__(text)
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._nodes += 1
        self._depth += 1
        if self._nodes > MOST_NODES:
            raise _refusal(f"more than {MOST_NODES:,} values", self.get_mark())
        if self._depth > DEEPEST:
            raise _refusal(f"nested more than {DEEPEST} deep", self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _name, _pattern, _first in _IMPLICIT:
    _Loader.add_implicit_resolver(TAG + _name, re.compile(f"(?:{_pattern})$"), _first)


def _refusal(message: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=mark)


def _tag_refusal(node: yaml.Node) -> yaml.MarkedYAMLError:
    tag = node.tag.replace(TAG, "!!")
    return _refusal(f"the tag {tag}; write plain values", node.start_mark)


def read(text: bytes, file: str) -> tuple[Any, Positions, list[Problem]]:
    """The text's value, where each part of it stands, and problems such as duplicate keys.

    Raises:
        ConfigError: not UTF-8, not YAML, or nothing in it; such an error stands alone, since
            all that follows it would be guesswork.
    """
    decoded = _decode(text, file)
    try:
        loader = _Loader(decoded)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        walk = _Walk()
        value = None if node is None else walk.value(node, ())
    except yaml.reader.ReaderError as error:
        line, column = _line_and_column(decoded, error.position)
        character = f"character {error.character:#x}"
        raise ConfigError(f"{file}:{line}:{column}: text cannot hold {character}") from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{file}{_where(error)}: {printable(_why(error))}") from None
    return value, Positions(file, walk.keys, walk.values), walk.problems


def too_long(file: str, size: int) -> ConfigError:
    """What to say of a file with more bytes than a configuration has."""
    return ConfigError(
        f"{file}: a configuration has at most {MOST_BYTES:,} bytes, this file has "
        f"{size:,}; is it the data? Name the data in data.source"
    )


def _decode(text: bytes, file: str) -> str:
    if len(text) > MOST_BYTES:
        raise too_long(file, len(text))
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: a configuration is YAML text in UTF-8; byte {error.start} is "
            f"{text[error.start]:#04x}, which UTF-8 cannot have there"
        ) from None


def _line_and_column(text: str, position: int) -> Mark:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _where(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"


def _why(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "no reason given"
    if "'\\t'" in problem:
        problem += " (indent with spaces, not with tabs)"
    if "but found another document" in problem:
        return "a configuration is one YAML document; here a second one starts"
    if isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError):
        context = f" {error.context}" if error.context else ""
        return f"not valid YAML{context}: {problem}"
    return f"refused: {problem}"


def is_text(text: str) -> bool:
    """Whether a string is Unicode text, which halves of surrogate pairs are not."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Walk:
    """One pass over the nodes: their values, their places, and the duplicate keys."""

    def __init__(self) -> None:
        self.keys: dict[KeyPath, Mark] = {}
        self.values: dict[KeyPath, Mark] = {}
        self.problems: list[Problem] = []
        self._visited = 0
        self._above: list[yaml.Node] = []

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._visited += 1  # an alias counts as often as it is used
        if self._visited > MOST_NODES:
            raise _refusal(f"aliases expand to more than {MOST_NODES:,} values", node.start_mark)
        if any(node is above for above in self._above):
            raise _refusal("an alias to itself", node.start_mark)
        self.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if node.tag not in (TAG + "map", TAG + "seq"):
            raise _tag_refusal(node)
        self._above.append(node)
        if isinstance(node, yaml.MappingNode):
            value: Any = dict(self._items(node, path))
        else:
            value = [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        self._above.pop()
        return value

    def _items(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, Any]]:
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if key == "<<" and not key_node.style:
                raise _refusal(
                    "the merge key '<<'; write the keys out, or use an alias as a value",
                    key_node.start_mark,
                )
            if key is None or key_node.tag != TAG + "str" or not is_text(key):
                shown = "a list or mapping" if key is None else key or "nothing"
                raise _refusal(f"a key must be text, found {shown}", key_node.start_mark)
            here = (*path, key)
            if here in self.keys:
                line, column = self.keys[here]
                message = f"duplicate key, first at {line}:{column}; keep one of them"
                self.problems.append(Problem(here, message, place))
                continue
            self.keys[here] = place
            yield key, self.value(value_node, here)


def _scalar(node: yaml.ScalarNode) -> Any:
    kind, text = node.tag.removeprefix(TAG), node.value
    if kind == "str":
        if not is_text(text):
            raise _refusal("half of a surrogate pair; write the character itself", node.start_mark)
        return text
    pattern = next((pattern for name, pattern, _ in _IMPLICIT if name == kind), None)
    if pattern is None:
        raise _tag_refusal(node)
    if not re.fullmatch(pattern, text):
        raise _refusal(f"{text!r} is no {kind}", node.start_mark)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        if len(text) > LONGEST_INTEGER:
            raise _refusal(f"a number of {len(text):,} digits", node.start_mark)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))


def plain(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """A tree of dicts, lists and scalars, and what could not be made one.

    Tuples, ranges and arrays become lists, NumPy scalars Python's, paths text.
    """
    problems: list[Problem] = []

    def value(given: Any, path: KeyPath) -> Any:
        if isinstance(given, str) and not is_text(given):
            problems.append(Problem(path, "must be text; half of a surrogate pair is none"))
            return None
        if type(given) is int and abs(given) >= 10**LONGEST_INTEGER:
            problems.append(Problem(path, f"has more than {LONGEST_INTEGER} digits"))
            return None
        if given is None or type(given) in (bool, int, float, str):
            return given
        if len(path) > DEEPEST:
            problems.append(Problem(path[:3], f"is nested more than {DEEPEST} deep"))
            return None
        if isinstance(given, Mapping):
            return dict(entries(given, path))
        if isinstance(given, list | tuple | range):
            return [value(entry, (*path, i)) for i, entry in enumerate(given)]
        if isinstance(given, PathLike):
            return str(fspath(given))
        if hasattr(given, "tolist"):  # NumPy's scalars and arrays
            return value(given.tolist(), path)
        if isinstance(given, bool | int | float | str):  # such as enums and numpy.str_
            kind = next(kind for kind in (bool, int, float, str) if isinstance(given, kind))
            return kind(given)
        problems.append(
            Problem(path, f"must be plain values, found an object of type {type(given).__name__}")
        )
        return None

    def entries(given: Mapping[Any, Any], path: KeyPath) -> list[tuple[str, Any]]:
        sound = []
        for key, entry in given.items():
            if not isinstance(key, str) or not is_text(key):
                problems.append(Problem(path, f"a key must be text, found {key!r}"))
                continue
            before = len(problems)
            read = str(key), value(entry, (*path, str(key)))
            sound += [read] if len(problems) == before else []
        return sound

    return dict(entries(tree, ())), problems

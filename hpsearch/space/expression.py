"""Constraints and derived values as text: `beta1 < beta2`, `batch_size * 4`.

The text is Python's syntax, and a small part of it: its tree is walked once and becomes closures;
nothing of it is run by Python. Texts, numbers and results are bounded, so that none takes long.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hpsearch.fields import is_finite, is_number, show
from hpsearch.space.domain import same
from hpsearch.suggestions import did_you_mean

MOST_CHARACTERS = 1000
MOST_PARTS = 200  # names, numbers and signs of one text
MOST_BITS = 1024  # of a power of whole numbers

ALLOWED = (
    "an expression holds names, numbers, text, true, false, + - * / // % **, comparisons, and, "
    "or, not, a list [1, 2], an entry such as units[0], abs, len, log2, max, min, round and sum"
)

OTHER_WORDS = {
    "[^=<>!]=[^=]": "; equality is ==",
    "&&": "; && is and",
    r"\|\|": "; || is or",
    "!(?!=)": "; ! is not",
}
"""Signs of other languages, each with what is written here."""

Values = Mapping[str, Any]
Evaluate = Callable[[Values], Any]


class ExpressionError(ValueError):
    """A text that is no expression, or what no value can be computed of."""


class MistypedError(ExpressionError):
    """Text where a number must be, say: no choice of values makes up for it."""


class InactiveError(Exception):
    """The expression is about an entry that a list does not have."""


@dataclass(frozen=True)
class Expression:
    """A text that is computed from a setting.

    >>> within = Expression("units[0] * layers <= 256")
    >>> within.names, within.value({"units": [64, 32], "layers": 2})
    (('units', 'layers'), True)
    """

    text: str

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)  # closures do not pickle

    @cached_property
    def _compiled(self) -> tuple[Evaluate, tuple[str, ...]]:
        names: dict[str, None] = {}
        return _closure(_parsed(self.text), names), tuple(names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that it is computed from.

        Raises:
            ExpressionError: the text is no expression.
        """
        return self._compiled[1]

    def value(self, values: Values) -> Any:
        """What it is with these values, which all its names must have.

        Raises:
            InactiveError: a list does not have the entry that is named.
            ExpressionError: there is no such value, as of 1 / 0.
        """
        return self._compiled[0](values)

    def holds(self, values: Values) -> bool:
        """Whether it is true; it is where it names what is inactive, and does not apply.

        Raises:
            ExpressionError: there is no such value, or it is neither true nor false.
        """
        if not all(name in values for name in self.names):
            return True
        try:
            return _truth(self.value(values), self.text)
        except InactiveError:
            return True


def _parsed(text: str) -> ast.expr:
    """The tree of a text, no larger than any that somebody would write."""
    if len(text) > MOST_CHARACTERS:
        raise ExpressionError(f"has more than {MOST_CHARACTERS:,} characters; shorten it")
    if not text.strip():
        raise ExpressionError(f"is empty; {ALLOWED}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's about its own syntax
            tree = ast.parse(text.replace("\n", " ").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        hints = "".join(hint for sign, hint in OTHER_WORDS.items() if re.search(sign, text))
        raise ExpressionError(f"cannot be read{hints}; {ALLOWED}") from None
    if sum(isinstance(node, ast.expr) for node in ast.walk(tree)) > MOST_PARTS:
        raise ExpressionError(f"has more than {MOST_PARTS} parts; split it")
    return tree


def _closure(node: ast.expr, names: dict[str, None]) -> Evaluate:
    """What a part of a tree computes; the names that it needs are added to `names`."""

    def inner(part: ast.expr) -> Evaluate:
        return _closure(part, names)

    text = ast.unparse(node)
    if (name := _name(node)) is not None:
        if name in WORDS:
            word = WORDS[name]
            return lambda _values: word
        names[name] = None
        return operator.itemgetter(name)
    match node:
        case ast.Constant(value=constant) if _is_plain(constant):
            return lambda _values: constant
        case ast.List(elts=parts):
            entries = [inner(part) for part in parts]
            return lambda values: [entry(values) for entry in entries]
        case ast.UnaryOp(op=sign, operand=part) if type(sign) in SIGNS:
            return _unary(SIGNS[type(sign)], inner(part), text)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
            return _binary(ARITHMETIC[type(sign)], inner(left), inner(right), text)
        case ast.BoolOp(op=junction, values=parts):
            return _junction(isinstance(junction, ast.Or), [inner(part) for part in parts], text)
        case ast.Compare(left=left, ops=signs, comparators=others):
            tests = [COMPARISONS.get(type(sign)) for sign in signs]
            if all(tests):
                return _chain(tests, [inner(part) for part in (left, *others)], text)  # type: ignore[arg-type]
        case ast.Subscript(value=part, slice=index) if not isinstance(index, ast.Slice):
            return _entry(inner(part), inner(index), text)
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            return _call(FUNCTIONS[name], [inner(part) for part in parts], text)
        case ast.Call(func=ast.Name(id=name)) if near := did_you_mean(name, FUNCTIONS):
            raise ExpressionError(f"there is no function {name!r}{near}; {ALLOWED}")
    raise ExpressionError(f"{_short(text)} cannot stand in an expression; {ALLOWED}")


def _name(node: ast.expr) -> str | None:
    """The name that a part is, with its dots; `space["learning-rate"]` names whatever there is."""
    if isinstance(node, ast.Name):
        return node.id
    match node:
        case ast.Subscript(value=ast.Name(id="space"), slice=ast.Constant(value=str(name))):
            return name
    if isinstance(node, ast.Attribute):
        above = _name(node.value)
        return None if above is None else f"{above}.{node.attr}"
    return None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | None) or is_finite(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(value: Any, text: str) -> Any:
    """A number, or why it is none that can be computed with."""
    if not is_number(value):
        raise MistypedError(f"{_short(text)}: must be of numbers, found {show(value)}")
    return value


def _truth(value: Any, text: str) -> bool:
    if not isinstance(value, bool):
        raise MistypedError(f"{_short(text)}: must be true or false, found {show(value)}")
    return value


def _computed(function: Callable[..., Any], arguments: Sequence[Any], text: str) -> Any:
    """A result that is a number of a size that others can be computed of."""
    try:
        result = function(*arguments)
    except (ArithmeticError, ValueError) as error:
        raise ExpressionError(f"{_short(text)}: {error}") from None
    if not is_finite(result):
        raise ExpressionError(f"{_short(text)}: is no number, or too large")
    return result


def _unary(function: Callable[[Any], Any], part: Evaluate, text: str) -> Evaluate:
    if function is operator.not_:
        return lambda values: not _truth(part(values), text)
    return lambda values: function(_number(part(values), text))


def _binary(
    function: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate, text: str
) -> Evaluate:
    def evaluate(values: Values) -> Any:
        sides = _number(left(values), text), _number(right(values), text)
        return _computed(function, sides, text)

    return evaluate


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if whole and base.bit_length() * exponent > MOST_BITS:
        raise OverflowError("is too large")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError("a root of a negative number")
    return result


def _junction(stops_at: bool, parts: Sequence[Evaluate], text: str) -> Evaluate:
    def evaluate(values: Values) -> bool:
        return any(_truth(part(values), text) is stops_at for part in parts) is stops_at

    return evaluate


def _chain(
    tests: Sequence[Callable[[Any, Any, str], bool]], parts: Sequence[Evaluate], text: str
) -> Evaluate:
    """Comparisons such as a < b <= c: each neighbour with the next."""

    def evaluate(values: Values) -> bool:
        left = parts[0](values)
        for test, part in zip(tests, parts[1:], strict=True):
            right = part(values)
            if not test(left, right, text):
                return False
            left = right
        return True

    return evaluate


def _ordering(function: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str], bool]:
    return lambda a, b, text: function(_number(a, text), _number(b, text))


def _is_in(value: Any, entries: Any, text: str) -> bool:
    if not isinstance(entries, list):
        raise MistypedError(f"{_short(text)}: must be in a list, found {show(entries)}")
    return any(same(value, entry) for entry in entries)


def _entry(part: Evaluate, index: Evaluate, text: str) -> Evaluate:
    """One entry of a list, by its number from 0, or from the end by -1; of a dict, by its name."""

    def evaluate(values: Values) -> Any:
        holder, place = part(values), index(values)
        if isinstance(holder, list) and type(place) is int:
            if not -len(holder) <= place < len(holder):
                raise InactiveError
            return holder[place]
        if isinstance(holder, dict) and isinstance(place, str):
            if place not in holder:
                raise InactiveError
            return holder[place]
        if isinstance(holder, list | dict):
            kind = "whole number" if isinstance(holder, list) else "name"
            message = f"entries of {show(holder)} have a {kind} each, found {show(place)}"
            raise MistypedError(f"{_short(text)}: {message}")
        raise MistypedError(f"{_short(text)}: must be an entry of a list, found {show(holder)}")

    return evaluate


def _call(
    function: Callable[[Sequence[Any], str], Any], parts: Sequence[Evaluate], text: str
) -> Evaluate:
    return lambda values: function([part(values) for part in parts], text)


def _of_one(function: Callable[[Any], Any]) -> Callable[[Sequence[Any], str], Any]:
    """A function of one number."""

    def call(given: Sequence[Any], text: str) -> Any:
        if len(given) != 1:
            raise MistypedError(f"{_short(text)}: must have one argument, found {len(given)}")
        return _computed(function, [_number(given[0], text)], text)

    return call


def _round(given: Sequence[Any], text: str) -> Any:
    if not 1 <= len(given) <= 2 or (len(given) == 2 and type(given[1]) is not int):
        raise MistypedError(f"{_short(text)}: must have a number, and perhaps how many digits")
    _number(given[0], text)
    return _computed(round, given, text)


def _length(given: Sequence[Any], text: str) -> int:
    if len(given) != 1 or not isinstance(given[0], list):
        found = ", ".join(map(show, given)) or "nothing"
        raise MistypedError(f"{_short(text)}: must have one list, found {found}")
    return len(given[0])


def _of_many(function: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any], str], Any]:
    """A function of a list of numbers, or of several; what is of no entry is inactive."""

    def call(given: Sequence[Any], text: str) -> Any:
        if not given:
            raise MistypedError(f"{_short(text)}: must have a list, or numbers")
        numbers = given[0] if len(given) == 1 and isinstance(given[0], list) else given
        for number in numbers:
            _number(number, text)
        if not numbers and function is not _sum:
            raise InactiveError
        return _computed(function, [numbers], text)

    return call


def _sum(numbers: Sequence[Any]) -> Any:
    """Rounded once, as Python's own sum of floats has other bits from version 3.12 on."""
    return math.fsum(numbers) if any(isinstance(n, float) for n in numbers) else sum(numbers)


WORDS = {"true": True, "false": False, "null": None}
SIGNS: Mapping[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
ARITHMETIC: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}
COMPARISONS: Mapping[type, Callable[[Any, Any, str], bool]] = {
    ast.Lt: _ordering(operator.lt),
    ast.LtE: _ordering(operator.le),
    ast.Gt: _ordering(operator.gt),
    ast.GtE: _ordering(operator.ge),
    ast.Eq: lambda a, b, _text: same(a, b),
    ast.NotEq: lambda a, b, _text: not same(a, b),
    ast.In: _is_in,
    ast.NotIn: lambda value, entries, text: not _is_in(value, entries, text),
}
FUNCTIONS: Mapping[str, Callable[[Sequence[Any], str], Any]] = {
    "abs": _of_one(abs),
    "len": _length,
    "log2": _of_one(math.log2),
    "max": _of_many(max),
    "min": _of_many(min),
    "round": _round,
    "sum": _of_many(_sum),
}

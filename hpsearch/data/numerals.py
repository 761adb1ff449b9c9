"""How text files write numbers: with decimal commas, separated thousands, percent signs and units.

A column is read as numbers if there is only one way to read it. If there are two, or if some of
its fields are not numbers, it is refused with a message that says what to do. So a column of
numbers never becomes categories unnoticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from hpsearch.messages import quoted

NAMES = {".": "point", ",": "comma"}
"""The decimal marks, and their names."""

_APART = {".": (",", "'", "\u2019", "_", " "), ",": (".", "'", "\u2019", "_", " ")}
_SAME = str.maketrans("\u2212\u00a0\u202f\u2009", "-   ")  # other characters for minus and space
_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_MISSING = frozenset(
    ["", "n/a", "n.a.", "na", "nan", "-nan", "#n/a", "#na", "<na>", "null", "?", "1.#qnan"]
)
_PERHAPS_MISSING = frozenset(
    ["none", "nil", "missing", "unknown", "undefined", "n/k", "nk", "tba", "tbd", "void", "empty"]
)
_SPREADSHEET_ERROR = re.compile(r"#[A-Z/0]+[!?]")
_CURRENCY = (
    "$\u00a2-\u00a5\u058f\u060b\u0e3f\u17db\u20a0-\u20c0\ufdfc\uff04\uffe0\uffe1\uffe5\uffe6"
)
_SIGNED = re.compile(
    rf"([+-]?)\s*"
    rf"([A-Z]{{0,3}}[{_CURRENCY}]|EUR|USD|GBP|CHF|JPY|CNY|INR|Rs\.?|)\s*"
    rf"([+-]?[0-9.,](?:.*[0-9.,])?)"
    rf"(\s*[%\u2030{_CURRENCY}]|\s*\u00b0\s?[A-Z]?|\s+[^\W\d_]{{1,12}}\.?|[^\W\d_]{{2,12}}|)"
)


# What is left without other characters around it. (To substitute these would take quadratic time.)
_CORE = re.compile(r"[\w.,](?:.*[\w.,])?", re.DOTALL)


@dataclass(frozen=True)
class Writing:
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal mark.
        thousands: the separator of groups of three digits; "" for none.
        sign: the currency sign or unit beside each number; "" for none. With a percent sign, the
            value is a hundredth of the number.
    """

    decimal: str = "."
    thousands: str = ""
    sign: str = ""


PLAIN = Writing()


@dataclass(frozen=True)
class Doubt:
    """Why it is not clear whether a column holds numbers, or which.

    Attributes:
        text: a field that shows it.
        reason: what is wrong, and what to do.
        ambiguous: whether all fields are numbers, but with either decimal mark.
        mark: whether the field probably stands for a missing value.
    """

    text: str
    reason: str
    ambiguous: bool = False
    mark: bool = False


def parse(text: str, writing: Writing = PLAIN) -> float | None:
    """The number that a text writes, NaN if it means a missing value, None if it is not a number.

    >>> parse("-1.234,5", Writing(",", ".")), parse("12 %", Writing(sign="%")), parse("1,5")
    (-1234.5, 0.12, None)
    """
    body = _tidy(text)
    if _is_missing(body):
        return float("nan")
    sign, body = _signed(body)
    if sign != writing.sign:
        return None
    if _INFINITE.fullmatch(body):
        return float(body)
    if not _pattern(writing.decimal, writing.thousands).fullmatch(body):
        return None
    if writing.thousands:
        body = body.replace(writing.thousands, "")
    value = float(body.replace(writing.decimal, "."))
    return value / 100 if sign == "%" else value


def judge(
    texts: Sequence[str], rows: Sequence[int], decimal: str | None = None
) -> Writing | Doubt | None:
    """How the numbers of a column are written; None if it holds text, a `Doubt` if it is unclear.

    Args:
        texts: the different fields.
        rows: how many rows have each.
        decimal: the decimal mark; None to find out from the fields.

    >>> judge(["3,14", "2", "1,234"], [1, 1, 1])
    Writing(decimal=',', thousands='', sign='')
    >>> judge(["12-B", "13"], [1, 1])
    """
    kinds = _kinds(texts)
    by_kind: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    count = dict.fromkeys(_KINDS, 0)
    for text, kind, n in zip(texts, kinds, rows, strict=True):
        by_kind[kind].append(text)
        count[kind] += n
    numbers, total = by_kind["number"], sum(rows) - count["missing"]
    if not numbers:
        return None
    spaces = {_tidy(text).count(" ") for text in numbers}
    if len(spaces) == 1 and spaces.pop() > 1:
        return None  # as in telephone numbers
    if count["number"] == total:
        return _common_writing(numbers, decimal)
    share = count["number"] / total
    mostly = share > 0.5
    odd = next(text for kind in ("mark", "word", "code") for text in by_kind[kind])
    found = f"{quoted(odd)} is not a number, while {count['number']} of {total} rows hold one; "
    if count["mark"] and count["mark"] + count["number"] == total:
        sure = mostly or len(numbers) > 2
    elif count["code"] > total / 10:  # 12-B, 10.10.2: names, though some are digits only
        return None
    elif count["mark"]:
        sure = mostly
    else:
        many = len(numbers) > 20 or (len(numbers) > 5 and any(map(_has_fraction, numbers)))
        otherwise = any(parse(text) is None for text in numbers)
        sure = share > 0.9 and many
        sure = sure or (mostly and (otherwise or (many and not count["code"])))
    if not sure:
        return None
    return Doubt(
        odd,
        f"{found}mend it, or, if it stands for a missing value, set data.missing_values: "
        f"[{json.dumps(odd[:60], ensure_ascii=False)}] and data.missing: mean",
        mark=count["mark"] > 0,
    )


def is_number(text: str) -> bool:
    """Whether a text is a number with a decimal mark or separated thousands, in any writing."""
    body = _signed(_tidy(text))[1]
    return any(char in body for char in ".,'") and _is_number_somehow(body)


def may_be_grouped(texts: Iterable[str]) -> str | None:
    """A number such as 1.234, if the point may separate thousands in all such numbers."""
    pointed = [text for text in map(_tidy, texts) if "." in text]
    may = pointed and all(_pattern(",", ".").fullmatch(text) for text in pointed)
    return pointed[0] if may else None


def ambiguous(text: str) -> Doubt:
    """The doubt about a number such as 1,234, which may mean 1.234 or 1234."""
    mark = next(char for char in text if char in NAMES)
    other = "." if mark == "," else ","
    return Doubt(
        text,
        f"{quoted(text)} may have a decimal {NAMES[mark]} or its thousands set apart; say which "
        f'sign stands before a fraction: data.decimal: "{mark}" or data.decimal: "{other}"',
        ambiguous=True,
    )


def _common_writing(numbers: Sequence[str], decimal: str | None) -> Writing | Doubt:
    """The one way in which all these numbers can be read, or a doubt."""
    signed = [_signed(_tidy(text)) for text in numbers]
    for text, (sign, _) in zip(numbers, signed, strict=True):
        if sign != signed[0][0]:
            bearing, bare = (text, numbers[0]) if sign else (numbers[0], text)
            return Doubt(
                bearing,
                f"{quoted(bearing)} bears the sign {sign or signed[0][0]!r}, and {quoted(bare)} "
                f"does not; write every number of the column in one way, at best without signs",
            )
    sign = signed[0][0]
    bodies = [body for _, body in signed if not _INFINITE.fullmatch(body)]
    found = {}
    for mark in NAMES if decimal is None else (decimal,):
        for apart in ("", *_APART[mark]):
            if all(map(_pattern(mark, apart).fullmatch, bodies)):
                found[mark] = Writing(mark, apart, sign)
                break
    if not found:
        return _mixed(numbers, bodies, decimal)
    if len(found) == 1:
        return next(iter(found.values()))
    marked = next((text for text in numbers if "," in text or "." in text), None)
    if marked is None or found["."] == PLAIN or found["."].thousands == found[","].thousands:
        return found["."]
    return ambiguous(marked)


def _mixed(numbers: Sequence[str], bodies: Sequence[str], decimal: str | None) -> Doubt:
    """The doubt about numbers that are not all written in the same way."""
    plain = _pattern(decimal or ".", "")
    odd = next(
        text for text, body in zip(numbers, bodies, strict=False) if not plain.fullmatch(body)
    )
    if decimal is not None:
        return Doubt(
            odd,
            f"{quoted(odd)} is no number with a decimal {NAMES[decimal]}, as data.decimal says "
            f"they are; mend it",
        )
    signs = [char for char in odd if not char.isalnum()]
    sign = next((sign for sign in signs if sign not in "+-"), [*signs, odd[0]][0])
    comma = ' (if every fraction has a comma: data.decimal: ",")' if sign == "," else ""
    return Doubt(
        odd,
        f"{quoted(odd)} has the sign {sign!r}, which cannot be read for sure; write every number "
        f"of the column in one way, at best as 1234.5{comma}",
    )


_KINDS = ("missing", "number", "mark", "code", "word")


def _kinds(texts: Sequence[str]) -> list[str]:
    """What each field is: a number in any writing, missing, a mark, a code or a word."""
    bodies = [_tidy(text) for text in texts]
    units = {sign for sign, _ in map(_signed, bodies) if sign[-1:].isalpha()}
    return [_kind(body, len(units) == 1) for body in bodies]


def _kind(body: str, units: bool) -> str:
    if _is_missing(body):
        return "missing"
    sign, number = _signed(body)
    if (units or not sign[-1:].isalpha()) and _is_number_somehow(number):
        return "number"
    alphanumeric = any(char.isalnum() for char in body)
    if not alphanumeric or body.casefold() in _PERHAPS_MISSING or _SPREADSHEET_ERROR.match(body):
        return "mark"
    return "code" if any(char.isdigit() for char in body) else "word"


def _is_number_somehow(body: str) -> bool:
    """Whether a field is a number in any writing, apart from other characters around it."""
    found = _CORE.search(body)
    core = found[0] if found else ""
    return bool(_INFINITE.fullmatch(core)) or any(
        _pattern(mark, apart).fullmatch(core) for mark in NAMES for apart in _APART[mark]
    )


def _is_missing(body: str) -> bool:
    return body == "None" or body.casefold() in _MISSING


def _has_fraction(text: str) -> bool:
    return bool(re.search(r"[.,]\d", text))


def _tidy(text: str) -> str:
    return text.translate(_SAME).strip()


def _signed(body: str) -> tuple[str, str]:
    """The currency sign or unit of a number, and the number without it.

    >>> _signed("-$ 5"), _signed("12 %"), _signed("7")
    (('$', '-5'), ('%', '12'), ('', '7'))
    """
    found = _SIGNED.fullmatch(body)
    if found is None or (found[2] and found[4]):
        return "", body
    return (found[2] or found[4]).strip(), found[1] + found[3]


@lru_cache
def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    """A number with this decimal mark, and this separator or none between its thousands."""
    whole = "[0-9]+"
    if thousands:
        whole = f"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+)"
    mark = re.escape(decimal)
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")

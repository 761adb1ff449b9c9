"""docs/run_format.md names every field of every record with its type and default, and no other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from msgspec import UNSET, UnsetType

from hpsearch.store import FORMAT, RunData, RunInfo, Winner, records
from hpsearch.store.records import (
    BabysitStart,
    ConfirmedWinner,
    Contender,
    Measured,
    Origin,
    Rates,
    SearchValue,
)
from hpsearch.trial import (
    Act,
    Choosable,
    Count,
    Diagnosis,
    Ending,
    Inherited,
    Intervention,
    Layer,
    Number,
    Piece,
    Result,
    Round,
    Rung,
    Span,
    Status,
    Value,
    Whole,
)

PAGE = (Path(__file__).parents[2] / "docs" / "run_format.md").read_text()
PLACES = {  # what stands before the table of each record
    RunInfo: "## run.json",
    RunData: "`data`:",
    Round: "A round of `plan`:",
    Rung: "A rung of a round:",
    Ending: "`ending`:",
    Origin: "`imported`:",
    BabysitStart: "`babysit`:",
    Intervention: "## interventions.jsonl",
    Act: "Of a search:",
    Diagnosis: "## diagnostics.jsonl",
    Layer: "A layer:",
    Piece: "## curves.jsonl",
    Result: "## trials.jsonl",
    Span: "## timeline.jsonl",
    Inherited: "## history.jsonl",
    Winner: "## best/result.json",
    SearchValue: "`search`:",
    Contender: "A contender, and `confirmed`:",
    ConfirmedWinner: "`confirmed` alone:",
    Measured: "`test`:",
    Rates: "`per_class`, each a list in the order of `data.classes`:",
}
NAMES = {
    Count: "count", Whole: "whole number", int: "whole number", str: "text", Any: "any",
    bool: "true or false", NoneType: "null", Choosable: "entry", Value: "value", Number: "number",
    Status: "status",
    RunData: "data", Round: "round", Rung: "rung", Origin: "origin", SearchValue: "search value",
    Contender: "contender", ConfirmedWinner: "confirmed", Measured: "test", Rates: "rates",
    BabysitStart: "beginning", Layer: "layer", Ending: "ending",
}  # fmt: skip


def words(kind):
    """A type as the page has it."""
    if kind in NAMES:
        return NAMES[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if {*get_args(Number)} <= {*args}:
            args = (Number, *(each for each in args if each not in get_args(Number)))
        if {*get_args(Choosable)} <= {*args}:
            args = (Choosable, *(each for each in args if each not in get_args(Choosable)))
        if {*get_args(Value)} <= {*args}:
            args = (Value, *(each for each in args if each not in get_args(Value)))
        return " or ".join(words(each) for each in args if each is not UnsetType)
    if origin is Literal:
        *names, last = ("true" if name is True else f"`{name}`" for name in args)
        return f"{', '.join(names)} or {last}" if names else last
    if origin is Mapping:
        return f"object of {words(args[1])}"
    if origin is tuple and args[-1] is not ...:
        if len({*args}) > 1:
            return f"pair of {' and '.join(map(words, args))}"
        return f"{('pair', 'triple')[len(args) - 2]} of {words(args[0])}"
    assert origin in (list, Sequence, tuple), kind
    return f"list of {words(args[0])}"


def default(field):
    if field.default_factory is not MISSING:
        return repr(field.default_factory())
    if field.default is MISSING or field.name == "format":
        return ""
    return {None: "null", (): "[]", UNSET: "absent"}.get(field.default, str(field.default))


def expected(kind):
    """The rows of a record's table: field, type and default."""
    hints = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        return [(name, words(hint), "absent") for name, hint in hints.items()]
    above = {each.name for base in kind.__bases__ if base is not object for each in fields(base)}
    return [
        (each.name, words(hints[each.name]), default(each))
        for each in fields(kind)
        if each.name not in above
    ]


def test_every_record_has_one_table_and_there_is_no_other():
    defined = {
        each
        for each in vars(records).values()
        if is_dataclass(each) and each.__module__ == records.__name__
    }
    assert {each for each in defined if not each.__name__.startswith("_")} <= PLACES.keys()
    assert PAGE.count("\n| field | type | default | unit and meaning |\n") == len(PLACES)
    assert len({*PLACES.values()}) == len(PLACES)


@pytest.mark.parametrize("kind", PLACES, ids=lambda kind: kind.__name__)
def test_each_field_stands_there_with_its_type_and_default(kind):
    before = PLACES[kind]
    start = PAGE.index(f"\n{before}\n")
    table = re.search(r"(?:^\|.*\n)+", PAGE[start:], re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert [(row[0].strip("`"), row[1], row[2]) for row in rows[2:]] == expected(kind)
    assert all(row[3] for row in rows[2:])


def test_the_page_names_the_format():
    assert f"**format {FORMAT}**" in PAGE

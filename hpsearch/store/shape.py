"""What a JSON file of a run must hold: damage is named where it is read, not where it hurts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from types import NoneType
from typing import Any

from hpsearch.errors import RunError
from hpsearch.store.safe_path import MOST, SafePath
from hpsearch.trial import HUGE

NUMBER = (int, float)
MAYBE_NUMBER = (int, float, NoneType)

ROUND = {
    "number": int,
    "first": int,
    "trials": int,
    "progress": NUMBER,
    "rungs": [{"trials": int, "epochs": int}],
}
RUN = {
    "name": str,
    "status": str,
    "created": str,
    "began": NUMBER,
    "seconds": NUMBER,
    "seed": int,
    "rules": int,
    "parent": (str, NoneType),
    "parent_winner": (int, NoneType),
    "test_looks": int,
    "seal": (str, NoneType),
    "data": {"fingerprint": (str, NoneType), "classes": list, "rows": dict, "features": int},
    "config": {"parallel": dict},
    "plan": [ROUND],
}
MEASURED = {
    "interval": [NUMBER, NUMBER],
    "rows": int,
    **{f"test_{name}": MAYBE_NUMBER for name in ("loss", "balanced_accuracy", "macro_f1", "auc")},
    "test_accuracy": NUMBER,
    "intervals": {
        f"test_{name}": [NUMBER, NUMBER]
        for name in ("loss", "accuracy", "balanced_accuracy", "macro_f1")
    },
    "baseline": {
        f"test_{name}": NUMBER
        for name in ("loss", "accuracy", "balanced_accuracy", "macro_f1", "auc")
    },
    "per_class": {
        "rows": [int],
        "precision": [MAYBE_NUMBER],
        "recall": [MAYBE_NUMBER],
        "f1": [MAYBE_NUMBER],
    },
    "confused": [[int, int, int]],
    "confusion": (NoneType, [[int]]),
}
WORK = {"number": int, "rung": int, "worker": str, "start": NUMBER, "end": NUMBER}
RESULT = {
    "number": int,
    "params": dict,
    "indistinguishable": [int],
    "contenders": [{"number": int, "mean": MAYBE_NUMBER}],
    "test": (NoneType, MEASURED),
    "confirmed": (
        NoneType,
        {
            "number": int,
            "mean": MAYBE_NUMBER,
            "deviation": MAYBE_NUMBER,
            "optimism": MAYBE_NUMBER,
            "seeds": int,
            "interval": (NoneType, [NUMBER, NUMBER]),
        },
    ),
}


class Held(dict[str, Any]):
    """What a file holds; a key that it lacks is said to be missing from that file."""

    def __init__(self, entries: Mapping[str, Any], where: str):
        super().__init__(entries)
        self.where = where

    def __missing__(self, key: str) -> Any:
        raise RunError(f"{self.where}: must hold {key!r}, found none; the file is damaged")


def read_json(path: SafePath, spec: Any) -> Held:
    """A JSON file whose entries are of the types that `spec` gives.

    Raises:
        FileNotFoundError: it is missing.
        RunError: it is no plain file, too long, or cannot be read; or an entry is of another type.
    """
    try:
        found = json.loads(path.read_text(MOST), parse_constant=_refuse)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: must be readable JSON, found: {error}") from None
    if not isinstance(found, dict):
        raise RunError(f"{path}: must be a JSON object, found {str(found)[:40]!r}")
    held: Held = shaped(found, spec, f"{path}")
    return held


def shaped(value: Any, spec: Any, where: str) -> Any:
    """A value, if it is what `spec` says; its objects name what they lack.

    Args:
        value: what JSON gave.
        spec: a type, a tuple of alternatives, `[spec]` for a list, `[spec, spec]` for one of
            two, or a dict of specs for an object. Other keys may stand beside them, and not all
            must be there.
        where: the place, for the message.

    Raises:
        RunError: it is not; the message names the place in the file.

    >>> shaped({"seed": 3}, {"seed": int, "name": str}, "run.json")
    {'seed': 3}
    """
    if fits(value, spec):
        if isinstance(value, dict):
            spec = next((each for each in _each(spec) if isinstance(each, dict)), {})
            entries = {
                key: shaped(entry, spec[key], f"{where}: {key}") if key in spec else entry
                for key, entry in value.items()
            }
            return Held(entries, where)
        if isinstance(value, list):
            inner = next((each[0] for each in _each(spec) if isinstance(each, list)), object)
            return [shaped(entry, inner, f"{where}, {i}") for i, entry in enumerate(value)]
        return value
    raise RunError(f"{where}: holds {str(value)[:40]!r}, which cannot be; the file is damaged")


def fits(value: Any, spec: Any) -> bool:
    """Whether a value is of a type that `spec` allows; not what it contains."""
    if isinstance(value, bool):
        return spec in (bool, object)
    if isinstance(value, int) and abs(value) >= HUGE:
        return False
    if isinstance(value, float) and not isfinite(value):
        return False
    if isinstance(value, list) and any(
        isinstance(each, list) and len(each) not in (1, len(value)) for each in _each(spec)
    ):
        return False
    types = tuple(each if isinstance(each, type) else type(each) for each in _each(spec))
    return isinstance(value, types)


def is_number(value: Any) -> bool:
    """Whether JSON gave a finite number that is not too large: `fits(value, NUMBER)`, faster."""
    if type(value) is float:
        return isfinite(value)
    return type(value) is int and abs(value) < HUGE


def _each(spec: Any) -> tuple[Any, ...]:
    return spec if isinstance(spec, tuple) else (spec,)


def _refuse(name: str) -> None:
    raise ValueError(f"{name}, which JSON does not know")


def check_classes(test: Mapping[str, Any], classes: int, where: str) -> None:
    """Refuse test metrics that are not of so many classes.

    Raises:
        RunError: a table has not a row (and the matrix a column) for each class, or a pair of
            classes names one that there is not.
    """
    confusion = test.get("confusion")
    if confusion is not None and any(len(side) != classes for side in (confusion, *confusion)):
        raise RunError(
            f"{where}: test: confusion must have {classes} rows and columns, one a class; the "
            "file is damaged"
        )
    for name, values in test.get("per_class", {}).items():
        if isinstance(values, list) and len(values) != classes:
            raise RunError(
                f"{where}: test: per_class: {name} must have {classes} values, one a class, found "
                f"{len(values)}; the file is damaged"
            )
    for true, taken_for, rows in test.get("confused", []):
        if not (0 <= true < classes and 0 <= taken_for < classes and rows > 0):
            raise RunError(
                f"{where}: test: confused must name classes from 0 to {classes - 1} and how many "
                f"rows, found {[true, taken_for, rows]}; the file is damaged"
            )


def check_plan(plan: list[dict[str, Any]], where: str) -> None:
    """Refuse a plan whose rounds do not follow one another.

    Raises:
        RunError: a number in it cannot be.
    """
    first = plan[0]["first"] if plan else 0
    for number, round in enumerate(plan):
        rungs = round["rungs"]
        trials = [rung["trials"] for rung in rungs]
        sound = (
            (round["number"], round["first"]) == (number, first)
            and bool(rungs)
            and trials[0] == round["trials"]
            and trials == sorted(trials, reverse=True)
            and trials[-1] > 0
            and all(rung["epochs"] > 0 for rung in rungs)
            and 0 <= round["progress"] <= 1
        )
        if not sound or first < 0:
            raise RunError(
                f"{where}: plan: round {number} does not follow from those before it, found "
                f"{str(dict(round))[:80]}; the file is damaged"
            )
        first += round["trials"]

"""Stands in for NNI while hpsearch trains a script: its parameters, and what it reports."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import hpsearch_reports
from hpsearch_reports import flat, say_once, write

__version__ = "3.0"  # what scripts compare with the lowest that they take
_step = 0


def get_next_parameter() -> dict[str, Any]:
    """The trial's parameters; those named `a.b` are also entries `b` of a mapping `a`.

    A choice with nested parameters is a mapping with `_name`, as NNI hands it over; the variable
    NNI_NESTED_CHOICES holds the names of these as a JSON list.
    """
    choices = json.loads(os.environ.get("NNI_NESTED_CHOICES") or "[]")
    held = hpsearch_reports.params()
    nested = {name: _nested(name, held, choices) for name in choices if name in held}
    rest = {n: v for n, v in held.items() if not any(_within(n, c) for c in choices)}
    outer = {n: v for n, v in nested.items() if not any(_within(n, c) for c in choices if c != n)}
    return {**hpsearch_reports.overridden({}, rest), **outer}


def _within(name: str, choice: str) -> bool:
    """Whether a parameter is a choice, or nested in one of its options."""
    return name == choice or name.startswith(f"{choice}.")


def _nested(name: str, held: Mapping[str, Any], choices: list[str]) -> dict[str, Any]:
    """The option of a choice that holds, with the parameters nested in it."""
    option = {"_name": held[name]}
    inner = [each for each in choices if each != name and _within(each, name)]
    for each, value in held.items():
        if each == name or not _within(each, name):
            continue
        if each in inner:
            option[each[len(name) + 1 :]] = _nested(each, held, choices)
        elif not any(_within(each, choice) for choice in inner):
            option[each[len(name) + 1 :]] = value
    return option


def get_current_parameter(tag: str | None = None) -> Any:
    """The trial's parameters, or one of them."""
    held = get_next_parameter()
    return held if tag is None else held.get(tag)


def report_intermediate_result(metric: Any) -> None:
    """Report a number, or a mapping with a number `default`, after an epoch."""
    global _step
    values = _values(metric)
    write("nni", step=_step, values=values)
    _step += 1


def report_final_result(metric: Any) -> None:
    """Report what the whole training came to."""
    write("nni", final=_values(metric))
    write("nni", end="finish")


def _values(metric: Any) -> dict[str, Any]:
    return flat(metric if isinstance(metric, dict) else {"default": metric})


def get_experiment_id() -> str:
    return "hpsearch" if "HPSEARCH_TRIAL" in os.environ else "STANDALONE"


def get_trial_id() -> str:
    return os.environ.get("HPSEARCH_TRIAL", "STANDALONE")


def get_sequence_id() -> int:
    return int(os.environ.get("HPSEARCH_TRIAL", "0"))


def trial_end() -> None:
    """The real one calls this at the end; nothing is left to do."""


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        hpsearch_reports.unknown("nni", f"nni.{name}")
        say_once(f"hpsearch: its stand-in for nni has no {name}")
    raise AttributeError(f"module 'nni' has no attribute {name!r}")

"""Stands in for NNI while hpsearch trains a script: its parameters, and what it reports."""

from __future__ import annotations

import os
from typing import Any

import hpsearch_reports
from hpsearch_reports import flat, say_once, write

__version__ = "3.0"  # what scripts compare with the lowest that they take
_step = 0


def get_next_parameter() -> dict[str, Any]:
    """The trial's parameters; those named `a.b` are also entries `b` of a mapping `a`."""
    return hpsearch_reports.overridden({}, hpsearch_reports.params())


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

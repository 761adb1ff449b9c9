"""What the stand-ins share: a trial's parameters, and lines in the file that hpsearch reads.

`HPSEARCH_PARAMS` holds the parameters as a JSON object, `HPSEARCH_REPORTS` names the file. Without
them nothing is overridden and nothing is written. The script's interpreter may be another one than
hpsearch's: Python 3.8 or later, its standard library, nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import numbers
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

_lock = threading.RLock()
_noted: set[str] = set()


def _unlocked() -> None:
    global _lock
    _lock = threading.RLock()  # a thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlocked)


def params() -> dict[str, Any]:
    """The trial's parameters; empty outside a search."""
    held: dict[str, Any] = json.loads(os.environ.get("HPSEARCH_PARAMS") or "{}")
    return held


def write(source: str, **held: Any) -> bool:
    """Append one line; whether there was a file to write to.

    The file is opened for each line, and each line is one write: so several processes may report,
    forked ones too, and nothing waits in a buffer when the script is killed.
    """
    path = os.environ.get("HPSEARCH_REPORTS")
    if not path:
        return False
    line = json.dumps({"source": source, **held}) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError as error:  # the script is not to blame
        say_once(f"hpsearch: a report must be written to {path}, found: {error}")
        return False
    return True


def unknown(source: str, name: str) -> None:
    """Note once that the script uses something which a stand-in does not have."""
    with _lock:
        if name in _noted:
            return
        _noted.add(name)
    write(source, unknown=name)


def say_once(text: str) -> None:
    """Say something on the standard error output, once."""
    with _lock:
        if text in _noted:
            return
        _noted.add(text)
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")


def number(value: Any) -> Any:
    """A number for JSON, of a number, a NumPy scalar or a tensor of one; None for anything else.

    NaN and the infinities are texts, as JSON has none of them.
    """
    if not isinstance(value, numbers.Real):
        value = _called(value, "item") or _called(_called(value, "numpy"), "item")
        if value is None:
            return None
        (value,) = value
    if isinstance(value, numbers.Integral):
        return int(value)
    value = float(value)
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


def _called(value: Any, method: str) -> Any:
    """A tuple with the number that a method gives; for `numpy`, what it gives."""
    call = None if value is None or isinstance(value, type) else getattr(value, method, None)
    if not callable(call):
        return None
    try:
        found = call()
    except Exception:  # more than one number, or no tensor at all
        return None
    if method == "numpy":
        return found
    return (found,) if isinstance(found, numbers.Real) else None


def flat(values: Mapping[Any, Any], before: str = "") -> dict[str, Any]:
    """The numbers in a mapping by name, `a.b` for one inside another; what is none is left out."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{before}{name}."))
        elif (as_number := number(value)) is not None:
            found[f"{before}{name}"] = as_number
    return found


def settings_of(config: Any) -> dict[str, Any]:
    """The settings in what a script gives as a configuration: a mapping, a namespace, a file."""
    if not config:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    if isinstance(config, argparse.Namespace):
        return dict(vars(config))
    if isinstance(config, (str, os.PathLike)):
        return _in_file(config)
    if callable(getattr(config, "flag_values_dict", None)):  # absl's flags
        return dict(config.flag_values_dict())
    try:
        return dict(config)
    except (TypeError, ValueError):
        return dict(getattr(config, "__dict__", {}))


def _in_file(path: Any) -> dict[str, Any]:
    """The settings in a file of YAML or JSON, in which `{value: 3}` is 3."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        import yaml
    except ImportError:
        held = json.loads(text)
    else:
        held = yaml.safe_load(text)
    return {
        name: value["value"] if isinstance(value, dict) and "value" in value else value
        for name, value in (held or {}).items()
        if name != "wandb_version"
    }


def overridden(settings: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with a trial's parameters over them.

    A parameter `a.b` is also entry `b` of the mapping `a`, as scripts have it one way or the
    other; not beside its entry where the script has only that.

    >>> overridden({"lr": 1, "opt": {"b": 2, "c": 3}}, {"lr": 0.1, "opt.b": 0.2})
    {'lr': 0.1, 'opt': {'b': 0.2, 'c': 3}}
    >>> overridden({}, {"opt.b": 0.2})
    {'opt.b': 0.2, 'opt': {'b': 0.2}}
    """
    found = dict(settings)
    for name, value in over.items():
        first, *path = name.split(".")
        if not path or name in settings or not isinstance(settings.get(first), Mapping):
            found[name] = value
        if path and isinstance(found.get(first, {}), Mapping):
            found[first] = _put(found.get(first, {}), path, value)
    return found


def _put(mapping: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    held = dict(mapping) if isinstance(mapping, Mapping) else {}
    held[first] = _put(held.get(first), rest, value) if rest else value
    return held


class Steps:
    """Counts the steps of a run as W&B does.

    A log belongs to the step that it names, or to the current one. It ends that step if it names
    none, or if it says so (`commit`). What names an earlier step is too late, and left out.
    """

    def __init__(self) -> None:
        self.current = 0

    def of(self, step: Any = None, commit: Any = None) -> Any:
        """The step that a log belongs to; None if that has passed."""
        with _lock:
            at = self.current if step is None else int(step)
            if at < self.current:
                return None
            ends = step is None if commit is None else commit
            self.current = at + 1 if ends else at
            return at


def report_log(steps: Steps, data: Mapping[Any, Any], step: Any, commit: Any) -> None:
    """Write what a script logs with W&B, with the step that it belongs to."""
    at = steps.of(step, commit)
    if at is None:
        say_once(
            f"hpsearch: a step must not be less than {steps.current}, found {step}: left out, "
            "as W&B does"
        )
    else:
        values = flat(data)
        if values:
            write("wandb", step=at, values=values)

"""For a training script of your own: its parameters in this trial, and what it reports.

    from hpsearch import this_trial

    p = this_trial.params(lr=0.01, units=64)  # the defaults, and the trial's over them
    for epoch in range(this_trial.epochs or 10):
        ...
        this_trial.report(val_loss=loss)

Started by itself, the script uses the defaults. Each report is a JSON line of its output or, if
hpsearch names a file for them, a line of that. In a search `number` is the trial's number,
`epochs` and `full_epochs` are the epochs to train now and in all, `seed` is the trial's own, and
`checkpoint_dir` is a folder to go on from, and `trial_dir` one of the trial's own, if the
configuration asks for it; elsewhere they are None.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    number: int | None
    epochs: int | None
    full_epochs: int | None
    seed: int | None
    checkpoint_dir: Path | None
    trial_dir: Path | None

__all__ = [
    "checkpoint_dir",
    "epochs",
    "full_epochs",
    "number",
    "params",
    "report",
    "seed",
    "trial_dir",
]

_VARIABLES = {
    "number": "HPSEARCH_TRIAL",
    "epochs": "HPSEARCH_EPOCHS",
    "full_epochs": "HPSEARCH_FULL_EPOCHS",
    "seed": "HPSEARCH_SEED",
    "checkpoint_dir": "HPSEARCH_CHECKPOINT_DIR",
    "trial_dir": "HPSEARCH_TRIAL_DIR",
}
_steps = 0


class Params(dict[str, Any]):
    """The parameters of a trial by name: `p["lr"]`, or `p.lr` for a name that Python takes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"the trial has no parameter {name!r}; it has {', '.join(self) or 'none'}"
            ) from None


def params(**defaults: Any) -> Params:
    """The defaults, and over them the parameters of the trial.

    >>> params(lr=0.01).lr
    0.01
    """
    return Params({**defaults, **json.loads(os.environ.get("HPSEARCH_PARAMS") or "{}")})


def report(values: Mapping[str, Any] | None = None, /, **more: Any) -> None:
    """Report what the training has come to after an epoch; each report is one.

    Args:
        values: numbers by name, for names that Python does not take: `{"val/loss": 0.4}`.
        more: numbers by name; NumPy's scalars and tensors of one number will do.

    Raises:
        TypeError: a value is no number, or there is none.
    """
    global _steps
    shared: Any = import_module("hpsearch.trainers.command.standins.hpsearch_reports")
    given = {**(values or {}), **more}
    numbers = {name: shared.number(value) for name, value in given.items()}
    wrong = next((name for name, found in numbers.items() if found is None), None)
    if wrong is not None:
        raise TypeError(f"report: {wrong} must be a number, found {given[wrong]!r}")
    if not numbers:
        raise TypeError("report: there must be a number, such as val_loss=0.4, found none")
    if not shared.write("hpsearch", step=_steps, values=numbers):
        shown = {name: float(n) if isinstance(n, str) else n for name, n in numbers.items()}
        print(json.dumps(shown), flush=True)  # noqa: T201 (the script's output)
    _steps += 1


def __getattr__(name: str) -> Any:
    if name not in _VARIABLES:
        raise AttributeError(f"module 'hpsearch.this_trial' has no attribute {name!r}")
    text = os.environ.get(_VARIABLES[name])
    if not text:
        return None
    return Path(text) if name.endswith("_dir") else int(text)

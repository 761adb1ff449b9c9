"""`hpsearch init`: a first configuration, fitted to the data, with a reason beside each line.

The space follows the lecture's order of importance ("Tuning Process"): the learning rate
first; then momentum, hidden units and the mini-batch size; then layers and decay. Adam's
betas and epsilon keep their defaults.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from hpsearch.data.profile import Profile
from hpsearch.data.profile import profile as look_at
from hpsearch.messages import counted, printable
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS

IMBALANCED = 3.0  # the largest class beside the smallest: from here on accuracy misleads
VALIDATION, TEST = 0.2, 0.2

TIERS = {
    1: "what matters most",
    2: "what comes next",
    3: "what comes last; beta1, beta2 and epsilon are best left at their defaults",
}

NOTES = {
    "learning_rate": "alpha: 10^r, r uniform",
    "momentum": "beta: 1 - 10^r, r uniform",
    "hidden_units": "one number a layer",
    "learning_rate_decay": "alpha / (1 + decay epoch)",
}

_EPOCHS = ((1_000, 60), (10_000, 30), (30_000, 15))  # up to so many training rows, so many epochs
_EPOCHS_BEYOND = 10


def starter(profile: Profile | None, source: str) -> str:
    """A commented YAML configuration that loads without problems.

    Args:
        profile: what the data holds; None to look at a source that is built in.
        source: what `data.source` shall say, relative to where the configuration will stand.

    >>> print(starter(None, "digits").splitlines()[0])
    # 1,797 rows, 64 features, 10 classes.
    """
    found = look_at(source) if profile is None else profile
    rows = found.parts.get("train", round(found.rows * (1 - VALIDATION - TEST)))
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(source).stem).lstrip("._-") or "search"
    size = counted(found.rows, "row"), counted(found.features, "feature")
    lines = [
        f"# {size[0]}, {size[1]}, {counted(len(found.class_counts), 'class')}.",
        "# Check it with `hpsearch check`, search with `hpsearch run`.",
        f"name: {scalar(stem[:100])}",
        "seed: 0                     # another seed, another search; the data split stays",
        "",
        *_data(source, found),
        "",
        "trainer:                    # hyperparameters fixed here are the same in every trial",
        "  kind: network",
        f"  epochs: {_epochs(rows)}",
        "",
        *_metric(found.class_counts),
        "",
        "space:                      # min and max are true values; the scale spreads them",
        *_space(rows, found.features),
        "",
        "search:",
        "  trials: 64                # settings to try, coarse to fine",
        "  # On, unless false is written here: halving (weak trials stop early), screen (a model",
        "  # of the trials so far picks the next), confirm (the best train again with new seeds).",
        "",
        "parallel:",
        "  jobs: auto                # every core, one trial each",
    ]
    return "\n".join(lines) + "\n"


def _data(source: str, found: Profile) -> Iterator[str]:
    yield "data:"
    yield f"  source: {scalar(source)}"
    if found.target is not None:
        yield f"  target: {scalar(found.target)}  # the column to predict"
    yield f"  validation: {VALIDATION}           # fraction of all rows that compares the trials"
    if "test" in found.parts:
        yield "  # the source brings its own test rows; they judge the winner"
    else:
        yield f"  test: {TEST}                 # fraction of all rows that judges the winner"
    if found.excluded:
        yield "  # Left out; to learn from one of them all the same, take it out of the list:"
        for name, reason in found.excluded.items():
            yield f"  #   {printable(name)}: {printable(reason)}"
        yield f"  exclude: {flow(list(found.excluded))}"
    if found.missing_values:
        marks = flow(list(found.missing_values))
        yield f"  missing_values: {marks}     # what seems to stand for a missing number"
    if found.missing:
        yield "  missing: mean             # some values are missing: the training rows' mean"


def _metric(counts: Mapping[Any, int]) -> Iterator[str]:
    most, least = max(counts.values()), min(counts.values())
    if most >= IMBALANCED * least:
        yield f"# The largest class has {most} rows, the smallest {least}: plain accuracy would"
        yield "# reward ignoring the small ones. trainer.class_weight: balanced may help too."
        yield "metric: {name: val_balanced_accuracy, goal: maximize}"
    else:
        yield "metric: {name: val_accuracy, goal: maximize}"


def _epochs(rows: int) -> int:
    return next((epochs for most, epochs in _EPOCHS if rows <= most), _EPOCHS_BEYOND)


def _batch_sizes(rows: int) -> list[int]:
    """Four powers of two that leave an epoch some ten steps or more, where the rows allow it."""
    largest = 32
    while largest < 512 and 2 * largest * 8 <= rows:
        largest *= 2
    return [largest // 8, largest // 4, largest // 2, largest]


def _space(rows: int, features: int) -> Iterator[str]:
    widest = 128 if features <= 128 else 256
    fitted: dict[str, dict[str, Any]] = {
        "batch_size": {"values": _batch_sizes(rows)},
        "hidden_units": {
            **HYPERPARAMETERS["hidden_units"].search,
            "max": widest,
            "per": "hidden_layers",
        },
        "momentum": {**HYPERPARAMETERS["momentum"].search, "when": {"optimizer": "momentum"}},
    }
    for tier, title in TIERS.items():
        yield f"  # {title}"
        if tier == HYPERPARAMETERS["momentum"].tier:
            yield "  optimizer: {values: [momentum, adam]}"
        for name, hyperparameter in HYPERPARAMETERS.items():
            if hyperparameter.tier == tier:
                line = f"  {name}: {flow(fitted.get(name, hyperparameter.search))}"
                yield f"{line}  # {NOTES[name]}" if name in NOTES else line


def flow(value: Any) -> str:
    """A value in YAML's flow style.

    >>> flow({"scale": "log", "min": 1e-4, "max": 1})
    '{scale: log, min: 1e-4, max: 1}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A scalar in YAML, quoted where it could be taken for something else.

    >>> scalar(1e-4), scalar("label"), scalar("1e-4"), scalar("no: 1")
    ('1e-4', 'label', '"1e-4"', '"no: 1"')
    """
    if isinstance(value, float) and 0 < abs(value) < 0.001:
        mantissa, exponent = f"{value:e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_./][\w./-]*|1-10\^r", value, re.ASCII)
        if plain and value.lower() not in ("true", "false", "null"):
            return value
        return '"' + "".join(map(_escaped, value)) + '"'
    return json.dumps(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"

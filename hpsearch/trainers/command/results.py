"""What a command reports of its training: JSON lines, matches of a pattern, or a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.messages import counted, quoted
from hpsearch.store import MOST, SafePath
from hpsearch.trainers.user_training import Metrics, epoch_named, metrics_of

Results = Sequence[Mapping[str, Any]]
"""One mapping of names to numbers for each epoch, or one for the whole training."""


def results_in_lines(output: str, metric: str) -> Results:
    r"""The lines that are JSON objects with the metric.

    Where these name their epochs, one that names another epoch and lacks the metric is a result,
    too, which is to be complained of; a line without either is none.

    >>> results_in_lines('begin\n{"loss": 2}\n{"step": 3}\n{"loss": 1}\n', "loss")
    [{'loss': 2}, {'loss': 1}]

    Raises:
        TrainerError: there is none.
    """
    objects = [each for line in output.splitlines() if (each := _object(line)) is not None]
    having = [each for each in objects if metric in each]
    if having:
        named = [each["epoch"] for each in having if _whole(each.get("epoch"))]
        known = {*named} if len(named) == len(having) else None
        return [
            each
            for each in objects
            if metric in each
            or (known is not None and _whole(each.get("epoch")) and each["epoch"] not in known)
        ]
    if objects:
        found = ", ".join(map(repr, objects[-1])) or "no metric"
        raise TrainerError(f"the result must have the metric {metric!r}, found {found}")
    lines = output.splitlines()
    meant = next((line for line in reversed(lines) if "{" in line and metric in line), None)
    nearly = "" if meant is None else f"; the nearest is {quoted(meant.strip(), 100)}"
    raise TrainerError(
        f'a line of output must be a JSON object such as {{"{metric}": 0.5}}, found none in '
        f"{counted(len(lines), 'line')}{nearly}"
    )


def results_by_pattern(output: str, pattern: str, metric: str) -> Results:
    r"""The matches of a regular expression: its named groups, or its first group as the metric.

    >>> results_by_pattern("loss=2\nloss=1\n", r"loss=(\S+)", "loss")
    [{'loss': 2.0}, {'loss': 1.0}]

    Raises:
        TrainerError: it matches nowhere, or what it matched is no number.
    """
    results = []
    for match in re.finditer(pattern, output, re.MULTILINE):
        named = {name: text for name, text in match.groupdict().items() if text is not None}
        texts = named or {metric: match[1] if match.re.groups else match[0]}
        results.append({name: _number(text) for name, text in texts.items()})
    if not results:
        raise TrainerError(f"the output must match {pattern!r} somewhere, it does not")
    return results


def results_in_file(path: SafePath) -> Results:
    """A JSON file with an object, or a list of objects, one for each epoch.

    Raises:
        TrainerError: it is missing, or holds something else.
    """
    try:
        held = json.loads(path.read_text(MOST))
    except FileNotFoundError:
        raise TrainerError(f"the command must write {path.name}, found no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise TrainerError(f"{path.name} must be readable JSON, found: {error}") from None
    listed = held if isinstance(held, list) else [held]
    if not listed or not all(isinstance(each, dict) for each in listed):
        raise TrainerError(f"{path.name} must hold a JSON object, or a list with one an epoch")
    return listed


def by_epoch(results: Results, metric: str, done: int, until: int) -> dict[int, Metrics]:
    """The metrics of each epoch that a command was asked for.

    Args:
        results: what it said, in order. It counts epochs from `done` + 1, or names them.
        metric: what counts.
        done: the epoch that it went on from.
        until: the last epoch that it was asked for. With 1, only the last result counts, so
            that a command which knows nothing of epochs may tell of its progress.

    Raises:
        TrainerError: a result is no metric, or one result stands for several epochs.
    """
    if until == 1:
        last = [each for each in results if metric in each or each is results[0]][-1]
        return {1: metrics_of(last, metric)}
    rows: dict[int, Metrics] = {}
    epoch = done
    for each in results:
        epoch = epoch_named(each) or epoch + 1
        if epoch <= until:
            rows[epoch] = metrics_of(each, metric, epoch)
    if len(results) == 1 and "epoch" not in results[0] and until - done > 1:
        raise TrainerError(
            f"each epoch must have its own result, found one for {until - done} epochs; print "
            "one an epoch (with an 'epoch' if there is but one), or leave trainer.epochs out"
        )
    return rows


def _whole(value: Any) -> bool:
    return isinstance(value, int | float)


def _object(line: str) -> dict[str, Any] | None:
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text  # what is wrong with it, `metrics_of` says

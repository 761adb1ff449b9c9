"""Where the metrics of a command are: what `result` may be, and what goes with a tracker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from hpsearch.fields import Rule
from hpsearch.messages import listed
from hpsearch.trainers.command.reports import SET
from hpsearch.trainers.command.stores import tensorboard_missing

PLACES = ("pattern", "file", "tensorboard")
"""Where the metrics may be, if not in lines of the output."""


def result() -> Rule:
    """What `result` may be."""
    expected = "{pattern: REGULAR EXPRESSION}, {file: NAME} or {tensorboard: {dir: FOLDER}}"

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {*PLACES}:
            raise ValueError(expected)
        ((name, given),) = value.items()
        if name == "tensorboard":
            return {name: _event_files(given)}
        if not isinstance(given, str) or not given:
            raise ValueError(f"{expected}, each as text")
        if name == "pattern":
            try:
                re.compile(given)
            except re.error as error:
                raise ValueError(f"{expected}", f" whose pattern is none: {error}") from None
        return {name: given}

    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    filled = {"type": "string", "minLength": 1}
    tags = [filled, {"type": "array", "items": filled}]
    tags.append({"type": "object", "additionalProperties": filled})
    events = {"dir": filled, "tags": {"anyOf": tags}}
    properties: dict[str, Any] = {name: filled for name in PLACES if name != "tensorboard"}
    properties["tensorboard"] = {
        "type": "object",
        "properties": events,
        "additionalProperties": False,
    }
    return Rule(check, {**one, "properties": properties})


def _event_files(given: Any) -> dict[str, Any]:
    """The standard form of `tensorboard`: the folder, and tags by metric, "" for the one.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(given, dict) or not set(given) <= {"dir", "tags"}:
        raise ValueError(
            "{tensorboard: {dir: FOLDER, tags: {METRIC: TAG}}}, either of them or none"
        )
    folder, tags = given.get("dir", "."), given.get("tags", {})
    if not isinstance(folder, str) or not folder:
        raise ValueError("{tensorboard: {dir: FOLDER}}, which is a text")
    texts = list(tags.values()) if isinstance(tags, dict) else tags
    if isinstance(tags, str):
        texts = [tags]
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        raise ValueError(
            "{tensorboard: {tags: ...}} with the metric's tag, a list of tags, or tags by metric"
        )
    return {"dir": folder, "tags": tags}


def tags_of(given: Mapping[str, Any], metric: str) -> dict[str, str]:
    """The tags by metric: a text is the one of the metric that counts, a list names itself."""
    tags = given["tags"]
    if isinstance(tags, str):
        return {metric: tags}
    return dict(tags) if isinstance(tags, dict) else {tag: tag for tag in tags}


def mistracked(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What does not go together with a tracker."""
    name = options.get("tracker")
    if name is None:
        return
    if options.get("result"):
        yield "result", f"the metrics come from one place; drop it, or tracker: {name}"
    for variable in options.get("env") or {}:
        if variable in SET.get(name, ()):
            yield "env", f"{variable}: tracker: {name} sets it; drop one of them"


def shared_place(given: Mapping[str, Any]) -> str | None:
    """What to say of a file or folder that is the same for all trials."""
    path = given.get("file") or given.get("tensorboard", {}).get("dir", "")
    if not PurePath(path).is_absolute():
        return None
    return (
        f"all trials write to {path}, so those at the same time are mixed up; write to a relative "
        "path, which each trial has of its own, or set parallel.jobs: 1"
    )


def unreadable(given: Mapping[str, Any], metric: str) -> str | None:
    """Why the metric cannot be found where `result` says, None where it may be there."""
    events = given.get("tensorboard")
    if events is None:
        return None
    tags = tags_of(events, metric)
    if tags and metric not in tags:
        return f"tags must have one for the metric {metric!r}, found {listed(tags)}"
    return tensorboard_missing()

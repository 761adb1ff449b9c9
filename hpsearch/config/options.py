"""What a kind of trainer can be told besides hyperparameters: what to run, and how to read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.fields import Rule, choice, flag, text
from hpsearch.trainers.command.template import words


@dataclass(frozen=True)
class Option:
    """One key of `trainer`; `default` None leaves it unset."""

    name: str
    rule: Rule
    help: str
    example: str
    default: Any = None
    required: bool = False


def _function() -> Rule:
    return text(r".+:[^:]+", "a function, as FILE.py:NAME or MODULE:NAME")


def _command() -> Rule:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("a command line, as text")
        try:
            words(value)
        except ValueError as error:
            raise ValueError(
                "a command line", f" ({error})".replace("No closing", "no closing")
            ) from None
        return value

    return Rule(check, {"type": "string", "minLength": 1})


def _result() -> Rule:
    expected = "{pattern: REGULAR EXPRESSION} or {file: NAME}"

    def check(value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or len(value) != 1 or not set(value) <= {"pattern", "file"}:
            raise ValueError(expected)
        ((name, given),) = value.items()
        if not isinstance(given, str) or not given:
            raise ValueError(f"{expected}, each as text")
        if name == "pattern":
            try:
                re.compile(given)
            except re.error as error:
                raise ValueError(f"{expected}", f" whose pattern is none: {error}") from None
        return {name: given}

    one = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
    properties = {name: {"type": "string", "minLength": 1} for name in ("pattern", "file")}
    return Rule(check, {**one, "properties": properties})


FOLDER = Option(
    "folder",
    text(),
    "The folder that files and modules are looked for in, and a command is run in. Relative to "
    "the configuration file, whose folder it is if left out.",
    "models",
)

FUNCTION: Mapping[str, Option] = {
    "function": Option(
        "function",
        _function(),
        "What trains: `FILE.py:NAME` or `package.module:NAME`, called as `train(params, epochs)`.",
        "mymodel.py:train",
        required=True,
    ),
    "folder": FOLDER,
}

BACKEND = Option(
    "backend",
    choice("tensorflow", "jax", "torch"),
    "The framework below Keras: `tensorflow` (extra `[keras]`), `jax` (`[keras-jax]`) or `torch` "
    "(`[keras-torch]`).",
    "jax",
    default="tensorflow",
)

KERAS: Mapping[str, Option] = {"backend": BACKEND}

KERAS_MODEL: Mapping[str, Option] = {
    "model": Option(
        "model",
        _function(),
        "What builds your own model: `FILE.py:NAME` or `package.module:NAME`, called as "
        "`build(params)`; it returns a compiled `keras.Model`. Left out, Keras trains the "
        "network.",
        "mymodel.py:build",
        required=True,
    ),
    "backend": BACKEND,
    "folder": FOLDER,
}

COMMAND: Mapping[str, Option] = {
    "command": Option(
        "command",
        _command(),
        "What trains: a program and its arguments. `{name}` stands for a parameter, or for "
        "`epochs`, `full_epochs`, `seed`, `trial` or `checkpoint_dir`. No shell reads it.",
        "python train.py --lr {learning_rate}",
        required=True,
    ),
    "result": Option(
        "result",
        _result(),
        "Where the metrics are, if not in lines of stdout that are JSON objects: "
        "`{pattern: ...}`, a regular expression for stdout with the metric as its first group, or "
        "metrics as named groups; or `{file: ...}`, a JSON file in the checkpoint folder.",
        "{pattern: 'accuracy: (.*)'}",
    ),
    "resumes": Option(
        "resumes",
        flag(),
        "The command goes on from what it left in its checkpoint folder; else a trial that "
        "survives a rung is trained anew.",
        "true",
        default=False,
    ),
    "folder": FOLDER,
}

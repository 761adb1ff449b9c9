"""Kind `command`: a command of the user's, in any language."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from platform import node
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrainerError
from hpsearch.fields import Rule, flag
from hpsearch.suggestions import ELSEWHERE, did_you_mean
from hpsearch.trainers.command.template import GIVEN, PLACE, misread, program, used, words
from hpsearch.trainers.function.kind import FOLDER
from hpsearch.trainers.hyperparameter import epochs
from hpsearch.trainers.kinds import Kind, Option, Remarks, Setup, UserCode, Workplace

if TYPE_CHECKING:
    from hpsearch.trainers.protocol import Trainer


def _command_line() -> Rule:
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


def _unknown_places(options: Mapping[str, Any], names: list[str]) -> Remarks:
    """Places of a command that nothing fills."""
    known = [*names, *GIVEN]
    found = [
        (
            "command",
            f"{{{name}}} is neither a parameter nor {', '.join(GIVEN)}{_meant(name, known)}",
        )
        for name in used(options["command"])
        if name not in known
    ]
    found += [
        (
            "command",
            f"{text}: no shell or formatter reads it; write {{{name}}} for the value, or "
            f"{'$' * text.startswith('$')}{{{{{name}}}}} for the text",
        )
        for text, name in misread(options["command"], known)
    ]
    return found


def _meant(name: str, known: list[str]) -> str:
    return did_you_mean(name, known, ELSEWHERE) or f"; write {{{{{name}}}}} for the text"


def _unused_parameters(options: Mapping[str, Any], names: list[str]) -> Remarks:
    places = used(options["command"])
    reason = "the command does not name it; unless it reads HPSEARCH_PARAMS,"
    return [
        (
            name,
            f"{reason} add {{{name}}} to it, or drop it"
            if used(f"{{{name}}}")
            else f"{reason} rename it: it can be no place",
        )
        for name in names
        if not any(place == name or place.startswith(f"{name}.") for place in places)
    ]


def _places(options: Mapping[str, Any]) -> Iterator[Path]:
    """The folder, and any file there that a word of the command, or a word's value, names."""
    home = Path(options["folder"])
    yield home
    for word in words(options["command"]):
        yield from (home / part for part in (word, word.partition("=")[2]))


def _inspect(setup: Setup) -> bool:
    """Find the program, on this machine: a cluster's workers look as well."""
    name, home = program(setup.options["command"]), setup.options["folder"]
    if not Path(home).is_dir():
        raise TrainerError(f"trainer.folder: must be a folder, found none at {home} on {node()}")
    if PLACE.search(name) or shutil.which(name) is not None:
        return True
    path = Path(home, name)
    if "/" in name and shutil.which(str(path)) is not None:
        return True
    why = "is not executable (chmod +x)" if "/" in name and path.is_file() else "does not exist"
    where = f"in {home}" if "/" in name else "in PATH"
    raise TrainerError(
        f"trainer.command: must begin with a program, found {name!r}, which {why} {where}"
    )


def _unsteerable(setup: Setup) -> str | None:
    _inspect(setup)
    if setup.options["resumes"]:
        return None
    return (
        "trainer.command: must go on from what it left in its checkpoint folder, found one that "
        "would train from the start at each change; have it save there after each epoch, go on "
        "from that, and say resumes: true"
    )


def _make(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.trainers.command.trainer import CommandTrainer

    options = setup.options
    result = options.get("result") or {}
    return CommandTrainer(
        options["command"],
        str(at.run.resolve()),
        setup.metric,
        options["folder"],
        pattern=result.get("pattern"),
        file=result.get("file"),
        resumes=options["resumes"],
    )


KIND = Kind(
    name="command",
    help="`kind: command`, a command of your own, explained in\n"
    "[your_own_model.md](your_own_model.md). Its parameters are whatever `space` names,\n"
    "its metrics whatever it reports; `data` and `search.folds` are not for it.",
    make=_make,
    hyperparameters=epochs(
        "Epochs of a full training. Above 1, the command tells of each epoch and heeds "
        "`{epochs}` or `HPSEARCH_EPOCHS`, so that weak trials can stop early."
    ),
    options={
        "command": Option(
            "command",
            _command_line(),
            "What trains: a program and its arguments. `{name}` stands for a parameter, or for "
            "`epochs`, `full_epochs`, `seed`, `trial` or `checkpoint_dir`. No shell reads it.",
            "python train.py --lr {learning_rate}",
            required=True,
        ),
        "result": Option(
            "result",
            _result(),
            "Where the metrics are, if not in lines of stdout that are JSON objects: "
            "`{pattern: ...}`, a regular expression for stdout with the metric as its first "
            "group, or metrics as named groups; or `{file: ...}`, a JSON file in the checkpoint "
            "folder.",
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
    },
    any_names=True,
    default_metric="value",
    needs_data=False,
    reserved=GIVEN,
    check_options=_unknown_places,
    unused_parameters=_unused_parameters,
    inspect=_inspect,
    unsteerable=_unsteerable,
    threads="all",
    devices=True,
    code=UserCode("command", "command", _places),
)

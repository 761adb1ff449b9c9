"""Kind `command`: a command of the user's, in any language."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from platform import node
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrainerError
from hpsearch.fields import Rule, choice, flag, text
from hpsearch.suggestions import ELSEWHERE, did_you_mean
from hpsearch.trainers.command.arguments import (
    ENDINGS,
    Arguments,
    home_of,
    parsed_settings,
    template_of,
    variables,
    written,
)
from hpsearch.trainers.command.filling import empty, text_filled
from hpsearch.trainers.command.reports import CALLS, HAND_OVER
from hpsearch.trainers.command.template import (
    GIVEN,
    MADE,
    PLACE,
    Group,
    Place,
    Word,
    holders,
    misread,
    parsed,
    program,
    unplaced,
    used,
    words,
    words_of,
)
from hpsearch.trainers.command.where import (
    mistracked,
    result,
    shared_place,
    tags_of,
    unreadable,
)
from hpsearch.trainers.function.kind import FOLDER, KEEP
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


SCRIPTS = (".py", ".sh", ".R", ".jl")
"""Endings of files that an interpreter runs."""


def _misplaced(options: Mapping[str, Any], names: list[str]) -> Remarks:
    """What is wrong with the places of a command, and of the variables that it is given."""
    known = [*names, *GIVEN, *MADE]
    found = [("command", message) for message in _unknown_places(options["command"], known)]
    found += mistracked(options)
    for variable, given in (options.get("env") or {}).items():
        found += [("env", f"{variable}: {each}") for each in _unknown_places(given, known)]
        if "args" in used(given, names) and "args" not in names:
            message = f"{variable}: {{args}} is several words; write {{NAME}} for one parameter"
            found.append(("env", message))
    try:
        parts = parsed(options["command"], tuple(names))
    except ValueError as error:
        return [*found, ("command", f"must be a command line ({error})")]
    return found if "args" in names else [*found, *_misused(options, parts)]


def _misused(
    options: Mapping[str, Any], parts: Sequence[Word | Group]
) -> Iterator[tuple[str, str]]:
    """What is wrong with `{args}` in a command, and with how they are to be written."""
    having = [word for word in words_of(parts) if Place("args") in word]
    given = options.get("args") or {}
    if given and not having:
        yield "args", "nothing is written so; add {args} to the command, or drop it"
    if given.get("style") != "json" and any(len(word) > 1 for word in having):
        message = "{args} is several words, and must stand between spaces; a script in quotes gets"
        yield "command", f'{message} them by "$@": sh -c \'train "$@"\' sh {{args}}'


def _unknown_places(given: str, known: list[str]) -> Iterator[str]:
    """Places that nothing fills, and what was probably meant as one."""
    for name in used(given, known):
        if name not in known:
            yield (
                f"{{{name}}} is neither a parameter nor {', '.join((*GIVEN, *MADE))}"
                f"{_meant(name, known)}"
            )
    for piece, name in misread(given, known):
        yield (
            f"{piece}: no shell or formatter reads it; write {{{name}}} for the value, or "
            f"{'$' * piece.startswith('$')}{{{{{name}}}}} for the text"
        )


def _meant(name: str, known: list[str]) -> str:
    return did_you_mean(name, known, ELSEWHERE) or f"; write {{{{{name}}}}} for the text"


def _empty_places(
    options: Mapping[str, Any], names: list[str], params: Mapping[str, Any]
) -> Remarks:
    """Words that would be empty with the parameters of one trial."""
    given = dict.fromkeys([*GIVEN, *(name for name in MADE if name not in names)], "")
    found = empty(options["command"], {**given, **params}, tuple(names))
    return [("command", message) for message in found]


def _example(
    options: Mapping[str, Any], names: list[str], params: Mapping[str, Any]
) -> str | None:
    """The command of one trial, as a shell would have it; places that it alone knows stay."""
    values = {**{name: f"{{{name}}}" for name in (*GIVEN, "params_file")}, "python": "python"}
    values |= params
    arguments = Arguments(**(_sound("args", options) or {}))
    return shlex.join(arguments.filled(options["command"], params, values, tuple(names)))


def _remarks(options: Mapping[str, Any], names: list[str]) -> Remarks:
    """What may not be meant: see the functions; and a place for results that trials share."""
    shared = shared_place(options.get("result") or {})
    found = [("result", shared)] if shared else []
    return [*found, *_brackets(options, names), *_unread(options, names), *_nowhere(options)]


def _all_used(options: Mapping[str, Any], names: list[str]) -> list[str]:
    """The places in the command, and in the variables that it is given."""
    texts = [options["command"], *(_sound("env", options) or {}).values()]
    return [place for text in texts for place in used(text, names)]


def _unread(options: Mapping[str, Any], names: list[str]) -> Remarks:
    """A file of the settings that nothing names."""
    asked = "params_file" in _all_used(options, names)
    if "params_file" not in options or asked or options.get("cwd") == "trial":
        return []
    message = "nothing names {params_file}, and the command is not run where the file is; unless"
    return [
        ("params_file", f"{message} it reads HPSEARCH_PARAMS_FILE, name it, or add cwd: trial")
    ]


def _nowhere(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Scripts that are not there."""
    for word in words(options["command"]):
        script = PurePath(word).suffix in SCRIPTS and not (word.startswith("-") or used(word))
        if script and not Path(options["folder"], word).exists():
            where = f"there is no {word} in {options['folder']}"
            yield "command", f"{where}; write where it is, or set trainer.folder"


def _brackets(options: Mapping[str, Any], names: list[str]) -> Remarks:
    """What looks like a group of words and is none."""
    return [
        (
            "command",
            f"{piece} names no parameter, so it is never left out, and stands as it is; write "
            f"[{piece}] to say so",
        )
        for piece in unplaced(options["command"], tuple(names))
    ]


def _unused_parameters(options: Mapping[str, Any], names: list[str]) -> Remarks:
    if _sound("tracker", options) in HAND_OVER:
        return []
    places = _all_used(options, names)
    if "params_file" in options or {"args", "params_file"} & {*places} - {*names}:
        return []
    placed = holders(places, names)
    reason = "the command does not name it; unless it reads HPSEARCH_PARAMS, add"
    return [
        (name, f"{reason} {{{name}}} to it, or drop it") for name in names if name not in placed
    ]


def _places(options: Mapping[str, Any]) -> Iterator[Path]:
    """The folder, and any file there that a word of the command, or a word's value, names."""
    home = Path(options["folder"])
    yield home
    for word in words(options["command"]):
        yield from (home / part for part in (word, word.partition("=")[2]))


def _inspect(setup: Setup) -> bool:
    """Find the program, on this machine: a cluster's workers look as well."""
    _sound("args", setup.options)
    _sound("tracker", setup.options)
    if (why := unreadable(_sound("result", setup.options) or {}, setup.metric)) is not None:
        raise TrainerError(f"trainer.result: {why}")
    name, home = program(setup.options["command"]), setup.options["folder"]
    if not Path(home).is_dir():
        raise TrainerError(f"trainer.folder: must be a folder, found none at {home} on {node()}")
    _inspect_params_file(setup)
    path = (_sound("env", setup.options) or {}).get("PATH")
    path = None if path is None or used(path) else path
    if PLACE.search(name) or shutil.which(name, path=path) is not None:
        return True
    file = Path(home, name)
    if "/" in name and shutil.which(str(file)) is not None:
        return True
    why = "is not executable (chmod +x)" if "/" in name and file.is_file() else "does not exist"
    where = f"in {home}" if "/" in name else "in PATH"
    raise TrainerError(
        f"trainer.command: must begin with a program, found {name!r}, which {why} {where}"
    )


def _inspect_params_file(setup: Setup) -> None:
    """Look whether the file of the settings can be made: from a template, or by its ending."""
    given = _sound("params_file", setup.options)
    if given is None:
        return
    template, names = template_of(setup.options["folder"], given), list(setup.names)
    if template is None:
        if Path(given).suffix not in ENDINGS:
            raise TrainerError(
                f"trainer.params_file: must be a template in {setup.options['folder']}, or end in "
                f"{', '.join(ENDINGS)}, to be made whole; found {given!r}"
            )
        return
    places, path = used(template, names), Path(setup.options["folder"], given)
    of_parameters = [place for place in places if holders([place], names)]
    for message in _unknown_places(template, [*names, *GIVEN, "python", *of_parameters]):
        raise TrainerError(f"trainer.params_file: {path}: {message}")
    if names and not of_parameters:
        _inspect_names(setup, template, path)


def _inspect_names(setup: Setup, template: str, path: Path) -> None:
    """Look whether a file without places for parameters has their names, as YAML or JSON."""
    names, homes = list(setup.names), []
    if path.suffix in ENDINGS:
        try:
            tree = parsed_settings(text_filled(template, {})[0], path.suffix)
        except (ValueError, RecursionError) as error:
            raise TrainerError(f"trainer.params_file: {path}: cannot be read: {error}") from None
        homes = [name for name in names if home_of(tree, name) is not None]
    if not homes:
        raise TrainerError(
            f"trainer.params_file: must be a template, with places such as {{{names[0]}}}, or "
            f"have the names of parameters, found none in {path}; add them, or name a file that "
            "is not there, to have one made of all settings"
        )
    command = setup.options["command"]
    placed = holders(used(command, names), names) | {*homes}
    lost = [name for name in names if name not in placed and "args" not in used(command, names)]
    if lost:
        raise TrainerError(
            f"trainer.params_file: {path}: must have every parameter that the command does not "
            f"name, found no {lost[0]}; add it there, or {{{lost[0]}}} to the command"
        )


def _trained_anew(options: Mapping[str, Any]) -> str | None:
    if options["resumes"]:
        return None
    return (
        "with resumes: true none, where the script goes on from what it left in {checkpoint_dir}"
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


def _sound(key: str, options: Mapping[str, Any]) -> Any:
    """One of the options, None where it is not set; the file of a run may be damaged.

    Raises:
        TrainerError: it is none that a configuration may have.
    """
    try:
        return None if options.get(key) is None else KIND.options[key].rule.apply(options[key])
    except ValueError as error:
        raise TrainerError(f"trainer.{key}: {error}") from None


def _make(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.trainers.command.trainer import CommandTrainer

    options = setup.options
    where = _sound("result", options) or {}
    events = where.get("tensorboard")
    return CommandTrainer(
        options["command"],
        str(at.run.resolve()),
        setup.metric,
        options["folder"],
        names=setup.names,
        arguments=Arguments(**(_sound("args", options) or {})),
        variables=_sound("env", options) or {},
        params_file=_sound("params_file", options),
        pattern=where.get("pattern"),
        file=where.get("file"),
        events=None if events is None else (events["dir"], tags_of(events, setup.metric)),
        tracker=_sound("tracker", options),
        resumes=options["resumes"],
        in_folder=options.get("cwd") == "trial",
        keeps=options.get("keep") is not None,
    )


KIND = Kind(
    name="command",
    help="`kind: command`, a command of your own, explained in\n"
    "[your_own_model.md](your_own_model.md). Its parameters are whatever `space` names,\n"
    "its metrics whatever it reports; `data` and `search.folds` are not for it.",
    make=_make,
    hyperparameters=epochs(
        "Epochs of a full training. Above 1 each result is an epoch, and a weak trial is ended at "
        "its rung, whether or not the script heeds `{epochs}` or `HPSEARCH_EPOCHS`."
    ),
    options={
        "command": Option(
            "command",
            _command_line(),
            "What trains: a program and its arguments. `{name}` stands for a parameter, `{args}` "
            "for every parameter without a place of its own, or it is `epochs`, `full_epochs`, "
            "`seed`, `trial`, `checkpoint_dir`, `trial_dir` (a folder of the trial's own), "
            "`python` (the interpreter that hpsearch runs on) or `params_file`. Words in `[...]` "
            "are left out together where a parameter among them is inactive. No shell reads it.",
            "python train.py --lr {learning_rate}",
            required=True,
        ),
        "args": Option(
            "args",
            written(),
            "How `{args}` writes parameters. `style`: `equals` (`--lr=0.1`, the default), "
            "`spaced` (`--lr 0.1`), `hydra` (`lr=0.1`) or `json` (all in one word). `hyphens`: "
            "whether `_` in a name becomes `-`. `booleans`: `value` (`--bn=true`), `python` "
            "(`--bn=True`), `flag` (`--bn` or nothing) or `no-flag` (`--bn` or `--no-bn`). "
            "`lists`: `json` (`--units=[8, 4]`), `comma` (`--units=8,4`), `spaced` "
            "(`--units 8 4`) or `repeat` (`--units=8 --units=4`).",
            "{style: spaced, hyphens: true, booleans: flag, lists: comma}",
        ),
        "env": Option(
            "env",
            variables(),
            "Environment variables, each a text with places. One with an inactive parameter is "
            "not set.",
            "{WANDB_MODE: offline, LR: '{learning_rate}'}",
        ),
        "params_file": Option(
            "params_file",
            text(),
            "A file of the trial's settings, whose path is `{params_file}` and the variable "
            "`HPSEARCH_PARAMS_FILE`: made of the file of this name in the folder, a text with "
            "places, or YAML or JSON that has the parameters' names (`a.b` is b in a mapping a); "
            "or, where none is there, of all active parameters, by its ending `.json`, `.yaml` or "
            "`.yml`. Where left out, `{params_file}` is JSON.",
            "params.yaml",
            place="file",
        ),
        "result": Option(
            "result",
            result(),
            "Where the metrics are, if not in lines of stdout that are JSON objects: "
            "`{pattern: ...}`, a regular expression for stdout with the metric as its first "
            "group, or metrics as named groups; `{file: ...}`, a file in the trial's own "
            "folder if it has one, else in the checkpoint folder: "
            "JSON, or by its ending a row an epoch in lines of JSON (`.jsonl`, `.ndjson`) or in a "
            "table with a header (`.csv`, `.tsv`); or `{tensorboard: {dir: ..., tags: ...}}`, "
            "event files in a folder there, where `tags` is the metric's tag, a list of tags, or "
            "tags by metric (all by their own names where left out).",
            "{pattern: 'accuracy: (.*)'}",
        ),
        "tracker": Option(
            "tracker",
            choice(*CALLS),
            "The library to which the script reports its metrics: `wandb` or `nni`, which need "
            "neither an account nor an installation, as a stand-in is there for either; `mlflow`; "
            "or `hpsearch`, by `from hpsearch import this_trial`. Each report that has the metric "
            "is an epoch. From all but `mlflow` the script gets the trial's parameters, too.",
            "wandb",
        ),
        "resumes": Option(
            "resumes",
            flag(),
            "The command goes on from what it left in its checkpoint folder; else a trial that "
            "survives a rung is trained anew.",
            "true",
            default=False,
        ),
        "cwd": Option(
            "cwd",
            choice("trial"),
            "`trial`: the command is run in the trial's own folder, and words of it that name a "
            "file in `folder` become whole paths. Where left out, it is run in `folder`.",
            "trial",
        ),
        "keep": KEEP,
        "folder": FOLDER,
    },
    any_names=True,
    default_metric="value",
    needs_data=False,
    reserved=GIVEN,
    check_options=_misplaced,
    check_trial=_empty_places,
    unused_parameters=_unused_parameters,
    example=_example,
    remarks=_remarks,
    inspect=_inspect,
    trained_anew=_trained_anew,
    unsteerable=_unsteerable,
    threads="all",
    devices=True,
    code=UserCode("command", "command", _places),
)

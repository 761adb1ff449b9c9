"""A trainer of the user's own, a function or a command: looked at before it runs, then made."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch import backends
from hpsearch.config import Config
from hpsearch.errors import TrainerError
from hpsearch.trainers.command import CommandTrainer, program
from hpsearch.trainers.command.template import PLACE
from hpsearch.trainers.function import FunctionTrainer, Manner, inspected, manner
from hpsearch.trainers.keras.framework import check_installed
from hpsearch.trainers.output import redirected

Target = Callable[..., Any]
"""A function that was handed over from Python, instead of named in a configuration."""


def is_own(config: Config) -> bool:
    """Whether the trainer is the user's: it has no data of ours, and leaves no model of ours."""
    return config.trainer.kind in ("function", "command")


def settled(config: Config, target: Target | None = None) -> Config:
    """The configuration, now that it is known what its trainer can do.

    A function that returns, instead of yielding, is trained in full: there is no halving. One
    that is only named is imported, in a process of its own: what importing does to a process
    is not done to this one.

    Raises:
        TrainerError: the function cannot be imported or called, there is no such program, or
            Keras is asked for and not installed.
    """
    trainer = config.trainer
    if trainer.kind == "keras":
        check_installed(trainer.options["backend"])
    if trainer.kind == "command":
        _find_program(trainer.options["command"], trainer.options["folder"])
    if trainer.kind != "function":
        return config
    name, home = trainer.options["function"], trainer.options["folder"]
    how = _look(name, home) if target is None else manner(target, name)
    if how.generator:
        return config
    return replace(config, search=replace(config.search, halving=None))


def own_trainer(
    config: Config, folder: Path, target: Target | None = None
) -> FunctionTrainer | CommandTrainer:
    """The user's trainer, at work in the folder of a run."""
    options, metric = config.trainer.options, config.metric.name
    where = str(folder.resolve())
    if config.trainer.kind == "function":
        return FunctionTrainer(target or options["function"], where, metric, options["folder"])
    result = options.get("result") or {}
    return CommandTrainer(
        options["command"],
        where,
        metric,
        options["folder"],
        pattern=result.get("pattern"),
        file=result.get("file"),
        resumes=options["resumes"],
    )


def _look(name: str, home: str) -> Manner:
    """How a named function is called, as a worker finds it."""
    backend = "serial" if sys.platform == "win32" else "local"
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-") as folder,
        backends.create(backend, 1) as at,
    ):
        at.submit(backends.Task("look", _quietly_inspected, (name, home, folder)))
        answer = at.next()
    if answer.kind != "ok":
        error = (answer.error or answer.kind).removeprefix("TrainerError: ")
        raise TrainerError(error if error.startswith(name) else f"{name}: {error}")
    found: Manner = answer.value
    return found


def _quietly_inspected(name: str, home: str, folder: str) -> Manner:
    with redirected(Path(folder, "printed.txt")):
        return inspected(name, home)


def _find_program(command: str, home: str) -> None:
    name = program(command)
    if PLACE.search(name) or shutil.which(name) is not None:
        return
    path = Path(home, name)
    if "/" in name and shutil.which(str(path)) is not None:
        return
    why = "is not executable (chmod +x)" if "/" in name and path.is_file() else "does not exist"
    where = f"in {home}" if "/" in name else "in PATH"
    raise TrainerError(
        f"trainer.command: must begin with a program, found {name!r}, which {why} {where}"
    )

"""A trainer of the user's own, a function or a command: looked at before it runs, then made."""

from __future__ import annotations

import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch import backends
from hpsearch.backends.attempt import error_line
from hpsearch.backends.worker import dumps
from hpsearch.config import Config
from hpsearch.errors import TrainerError
from hpsearch.store import SafePath
from hpsearch.trainers.command import CommandTrainer, program
from hpsearch.trainers.command.template import PLACE
from hpsearch.trainers.function import FunctionTrainer, Manner, inspected, manner
from hpsearch.trainers.keras.framework import check_installed
from hpsearch.trainers.keras.own import Origin, takes
from hpsearch.trainers.output import redirected

Target = Callable[..., Any]
"""A function that was handed over from Python, instead of named in a configuration."""


def is_own(config: Config) -> bool:
    """Whether the trainer is the user's, and has no data of ours."""
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
        if not trainer.network:
            origin = origin_of(config)
            _look(origin.target, takes, (origin,))
    if trainer.kind == "command":
        _find_program(trainer.options["command"], trainer.options["folder"])
    if trainer.kind != "function":
        return config
    name, home = trainer.options["function"], trainer.options["folder"]
    if target is not None and config.parallel.backend != "serial":
        _check_copies(target, name)
    how: Manner = _look(name, inspected, (name, home)) if target is None else manner(target, name)
    if how.generator and "epochs" in config.space:
        raise TrainerError(
            f"{name}: yields after each epoch, so trainer.epochs says how many there are; rename "
            "the parameter 'epochs', or return the last value"
        )
    if how.generator:
        return config
    return replace(config, search=replace(config.search, halving=None))


def _check_copies(target: Target, name: str) -> None:
    """Refuse a function that no worker can have a copy of, before any trial fails by it.

    Raises:
        TrainerError: it, or something that it uses, cannot be pickled, or not be read again.
    """
    try:
        pickle.loads(dumps(target))  # noqa: S301 (what we have just written)
    except Exception as error:  # whatever a user's __reduce__ or __setstate__ raises
        raise TrainerError(
            f"{name}: must be a function that can be copied to worker processes, with all that it "
            f"uses, found {error_line(error)}; make that inside the function, or train in this "
            "process: parallel.backend: serial"
        ) from error


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


def origin_of(config: Config) -> Origin:
    """What a Keras model of the user's is made with; one thread unless more are asked for."""
    options, threads = config.trainer.options, config.parallel.threads
    threads = 1 if threads == "auto" else threads
    return Origin(options["model"], options["folder"], options["backend"], threads)


def _look(name: str, look: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What there is to tell of a named function, as a worker finds it."""
    backends.open_streams()
    backend = "serial" if sys.platform == "win32" else "local"
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-") as folder,
        backends.create(backend, 1) as at,
    ):
        at.submit(backends.Task("look", _quietly, (folder, look, args)))
        answer = at.next()
    if answer.kind != "ok":
        error = (answer.error or answer.kind).removeprefix("TrainerError: ")
        raise TrainerError(error if error.startswith(name) else f"{name}: {error}")
    return answer.value


def _quietly(folder: str, look: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with redirected(SafePath(Path(folder)) / "printed.txt"):
        return look(*args)


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

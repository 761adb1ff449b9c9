"""From `mymodel.py:train` to a function, and how to call it by its signature."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from hpsearch.errors import TrainerError

Function = Callable[..., Any]

EXTRAS = ("checkpoint_dir", "seed", "trial", "trial_dir")
"""What a function gets besides, where it takes an argument of the name."""

SIGNATURE = (
    "train(params, epochs) or train(params), and any of checkpoint_dir, seed, trial and trial_dir"
)


@dataclass(frozen=True)
class CallStyle:
    """How a function is called and what it does: plain values that travel between processes."""

    generator: bool  # it yields after each epoch; else it is trained in full
    extras: tuple[str, ...]  # those of EXTRAS that it takes
    first: tuple[str, ...] = ("params", "epochs")  # what it takes in its place
    named: tuple[str, ...] = ()  # which of these two it takes by name

    def call(self, function: Function, **known: Any) -> Any:
        """Call the function with those of the known arguments that it takes."""
        names = (*self.named, *self.extras)
        given = [known[name] for name in self.first]
        return function(*given, **{name: known[name] for name in names})


@cache
def load(target: str, home: str) -> Function:
    """The function that a text names.

    Args:
        target: `file.py:name` or `package.module:name`.
        home: the folder that files are relative to and modules are looked for in first.

    Raises:
        TrainerError: there is no such file, module or function, or importing it raised.
    """
    where, _, name = target.rpartition(":")
    if home not in sys.path:
        sys.path.insert(0, home)
    try:
        module = (
            _file(Path(home, where)) if where.endswith(".py") else importlib.import_module(where)
        )
    except TrainerError:
        raise
    except BaseException as error:  # a SystemExit at import is the file's fault, too
        if isinstance(error, KeyboardInterrupt):  # it may be the user's wish; whoever calls knows
            raise
        message = " ".join(str(error).split()) or "no message"
        raise TrainerError(
            f"{target}: {where} must be importable, found {type(error).__name__}: {message}"
            f"{_line(error, where)}"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        functions = [
            known for known, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]  # fmt: skip
        found = "is something else" if hasattr(module, name) else "does not exist"
        there = f"; its functions: {', '.join(functions)}" if functions else ""
        raise TrainerError(f"{target}: must name a function of {where}, {name!r} {found}{there}")
    return function  # type: ignore[no-any-return]  # callable() says nothing of what it returns


def call_style(function: Function, name: str = "") -> CallStyle:
    """How to call a function, by its signature.

    The epochs are its second argument, unless that has a default and another name, such as
    `data=None`. Parameters and epochs may be by name alone; the epochs may be missing.

    Raises:
        TrainerError: it cannot be called with parameters, or needs something else.
    """
    generator = _is_generator(function)
    try:
        takes = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions written in C have none
        return CallStyle(generator, ())
    named = tuple(
        each.name
        for each in takes
        if each.kind is each.KEYWORD_ONLY and each.name in ("params", "epochs")
    )
    placed = [
        each for each in takes if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    second = placed[1 - ("params" in named)] if len(placed) > 1 - ("params" in named) else None
    any_place = second is None and any(each.kind is each.VAR_POSITIONAL for each in takes)
    first = () if "params" in named else ("params",)
    if "epochs" not in named and (any_place or (second is not None and _is_epochs(second))):
        first = (*first, "epochs")
    elif "epochs" not in named and any(each.kind is each.VAR_KEYWORD for each in takes):
        named = (*named, "epochs")
    args = tuple({"params": {}, "epochs": 1}[each] for each in first)
    known = [each for each in EXTRAS if each != "trial_dir" or any(t.name == each for t in takes)]
    extras = extras_of(function, name, args, (*named, *known), SIGNATURE)
    return CallStyle(generator, tuple(e for e in extras if e not in named), first, named)


def _is_epochs(second: inspect.Parameter) -> bool:
    """Whether a function's second argument is the epochs."""
    if second.name in EXTRAS:
        return False
    return second.default is second.empty or "epoch" in second.name


def extras_of(
    function: Function, name: str, args: tuple[Any, ...], known: Sequence[str], usage: str
) -> tuple[str, ...]:
    """Which of the known arguments a function takes by name, besides those in their place.

    Args:
        function: the user's.
        name: by which the configuration names it, for messages.
        args: examples of its arguments in their place.
        known: the names of the arguments that it may take besides.
        usage: how it must be callable, for messages.

    Raises:
        TrainerError: it cannot be called so.
    """
    name = name or getattr(function, "__name__", "the function")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C have none
        return ()
    takes = signature.parameters.values()
    anything = any(each.kind is each.VAR_KEYWORD for each in takes)
    named = {
        each.name for each in takes if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
    }
    extras = tuple(extra for extra in known if anything or extra in named)
    try:
        signature.bind(*args, **dict.fromkeys(extras))
    except TypeError as error:
        raise TrainerError(
            f"{name}: must be callable as {usage}; found {name.rpartition(':')[2]}"
            f"{signature} ({error})"
        ) from None
    return extras


def loaded_call_style(target: str | Function, home: str) -> CallStyle:
    """How to call a function, loaded if it is only named; for another process to find out."""
    if isinstance(target, str):
        return call_style(load(target, home), target)
    return call_style(target)


def modules_below(target: str, home: str) -> dict[str, bytes]:
    """The files below a folder that loading a function has imported, by their paths in it.

    Installed packages are none of them, even if their environment is in that folder.
    """
    load(target, home)
    top, found = Path(home).resolve(), {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        path = Path(file).resolve() if isinstance(file, str) else top
        inside = path.is_relative_to(top) and path.is_file()
        if inside and not {"site-packages", "dist-packages"} & set(path.parts):
            found[path.relative_to(top).as_posix()] = path.read_bytes()
    return found


def _is_generator(function: Function) -> bool:
    """Whether a call gives a generator; also of an object that is called by its class's rule."""
    called = inspect.unwrap(function)
    if not inspect.isroutine(called) and not inspect.isclass(called):
        called = getattr(called, "func", None) or type(called).__call__  # a partial, an object
    return inspect.isgeneratorfunction(called)


def _file(path: Path) -> ModuleType:
    """Run a file as a module. Its folder comes first in sys.path, as if it were a script."""
    if not path.is_file():
        raise TrainerError(f"{path}: no such file; name one as FILE.py:NAME, see trainer.folder")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = path.stem if path.stem not in sys.modules else f"hpsearch_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TrainerError(f"{path}: cannot be read as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs, as an import does: its classes must pickle
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _line(error: BaseException, where: str) -> str:
    """The last line of the user's own file that an error came through."""
    trace, last = error.__traceback__, 0
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == Path(where).name:
            last = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {last})" if last else ""

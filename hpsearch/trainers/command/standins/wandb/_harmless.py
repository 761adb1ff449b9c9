"""What stands for everything that the stand-in does not have: harmless, and noted once."""

from __future__ import annotations

import importlib
import sys
import types
import uuid
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

from hpsearch_reports import unknown


class Harmless:
    """Anything: it can be called, entered, iterated (it is empty), and has every attribute."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python and its libraries ask what something can do
            raise AttributeError(name)
        return Harmless()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        decorates = len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType)
        return args[0] if decorates else Harmless()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: Any) -> None:
        pass

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True  # "an account is there", "go on with the training"

    def __contains__(self, item: Any) -> bool:
        return False

    def __getitem__(self, key: Any) -> Any:
        return Harmless()

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __subclasscheck__(self, subclass: Any) -> bool:
        return False

    def __mro_entries__(self, bases: Any) -> Any:
        return (Harmless,)

    def __fspath__(self) -> str:
        return ""

    def __str__(self) -> str:
        return ""


class Error(Exception):
    """What `wandb` raises."""

    def __init__(self, message: str = "", context: Any = None) -> None:
        super().__init__(message)
        self.message = message


class CommError(Error):
    """The server cannot be reached."""


class UsageError(Error):
    """Something was called in a way that it is not meant for."""


class ConfigError(Error):
    """A setting was changed that must not be; here each may be."""


def generate_id(length: int = 8) -> str:
    """A name that no other run has; it does not draw from a generator that scripts seed."""
    return uuid.uuid4().hex[:length]


SUBMODULES = {
    "agents", "apis", "data_types", "env", "errors", "filesync", "integration", "jupyter", "keras",
    "lightgbm", "old", "plot", "plots", "proto", "sdk", "sklearn", "util", "viz", "wandb_run",
    "xgboost",
}  # fmt: skip
_KNOWN = {"ConfigError": ConfigError, "generate_id": generate_id}
_PLOTS = ("wandb.plot", "wandb.plots", "wandb.sklearn", "wandb.viz")


class _Submodule(types.ModuleType, Harmless):
    """`wandb.a.b`: what `wandb` has by the same name, or something harmless."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        if self.__name__.rpartition(".")[2] in ("keras", "lightgbm", "xgboost"):
            callbacks = importlib.import_module("wandb._callbacks")
            found = callbacks.of(self.__name__.rpartition(".")[2], name)
            if found is not None:
                return found
        here = vars(sys.modules["wandb"]).get(name, _KNOWN.get(name))
        if here is not None:
            return here
        full = f"{self.__name__}.{name}"
        if name.endswith(("Error", "Exception")):  # may stand behind `except`
            made: Any = type(name, (Error,), {})
        elif name[0].isupper() or self.__name__.startswith(_PLOTS):
            made = Harmless()
        else:
            return importlib.import_module(full)  # which may be a module, or a function
        if not self.__name__.startswith(_PLOTS):
            unknown("wandb", full)
        setattr(self, name, made)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        unknown("wandb", self.__name__)
        return Harmless.__call__(self, *args, **kwargs)


class _Finder(MetaPathFinder, Loader):
    """Finds every submodule of `wandb` that is no file here."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith("wandb.") or name.startswith("wandb._"):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        return _Submodule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class _Module(types.ModuleType):
    """`wandb` itself."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "config" and not hasattr(value, "as_dict"):
            self.config.update(value)  # some scripts write `wandb.config = {...}`
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module 'wandb' has no attribute {name!r}")
        if name in SUBMODULES:
            return importlib.import_module(f"wandb.{name}")
        unknown("wandb", f"wandb.{name}")
        made: Any = Harmless()
        if name.endswith(("Error", "Exception")):
            made = type(name, (Error,), {})
        super().__setattr__(name, made)
        return made


def complete(module: types.ModuleType) -> None:
    """Let `wandb` have every other attribute and submodule, too."""
    sys.meta_path.append(_Finder())
    module.__class__ = _Module

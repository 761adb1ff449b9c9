"""The real `wandb`, found further along `sys.path`: loaded offline, and listened to."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.machinery import PathFinder
from typing import Any

from hpsearch_reports import (
    Steps,
    flat,
    overridden,
    params,
    report_log,
    say_once,
    settings_of,
    write,
)


def real(name: str, path: Any) -> Any:
    """Load the real package in place of the stand-in; None if there is none.

    Args:
        name: of the package, `wandb`.
        path: the folders of the stand-in.
    """
    ours = os.path.realpath(os.path.dirname(next(iter(path))))
    further = [each for each in sys.path if os.path.realpath(each) != ours]
    spec = PathFinder.find_spec(name, further)
    if spec is None or spec.loader is None or spec.origin is None:
        return None  # a folder `wandb` with the files of earlier runs is no package
    os.environ["WANDB_MODE"] = "offline"
    os.environ.setdefault("WANDB_SILENT", "true")
    if "HPSEARCH_TRIAL" in os.environ:
        os.environ.setdefault("WANDB_NAME", f"trial-{os.environ['HPSEARCH_TRIAL']}")
    if not os.environ.get("WANDB_DIR"):
        os.environ["WANDB_DIR"] = _folder()
    for other in [each for each in sys.modules if each.startswith(f"{name}.")]:
        del sys.modules[other]  # of the stand-in
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    sys.meta_path.insert(0, _Distribution(name, ours))
    return module


def _folder() -> str:
    """Where the trial's files are kept, or a folder that goes when this process ends."""
    given = os.environ.get("HPSEARCH_TRIAL_DIR")
    if given:
        return given
    made = tempfile.mkdtemp(prefix="wandb-")
    here = os.getpid()

    def remove() -> None:
        if os.getpid() == here:
            shutil.rmtree(made, ignore_errors=True)

    atexit.register(remove)  # before the real one's: so it is called after that
    return made


class _Distribution:
    """Finds the version of the real package, and not that of the stand-in before it."""

    def __init__(self, name: str, ours: str) -> None:
        self.name, self.ours = name, ours

    def find_spec(self, *args: Any, **kwargs: Any) -> None:
        return None

    def find_distributions(self, context: Any = None) -> Any:
        if context is None or context.name != self.name:
            return iter(())
        from importlib.metadata import DistributionFinder, MetadataPathFinder  # slow to import

        path = [each for each in context.path if os.path.realpath(each) != self.ours]
        there = DistributionFinder.Context(name=self.name, path=path)
        return iter(MetadataPathFinder.find_distributions(there))


def listen(wandb: Any) -> None:
    """Report what the script logs, and let the trial's parameters stand over its settings."""
    try:
        _listen(wandb)
    except (ImportError, AttributeError) as error:  # the script is not to blame
        say_once(
            "hpsearch: wandb must be a version that can be listened to (0.13 or later), found "
            f"{wandb.__version__}: {error}"
        )


def _listen(wandb: Any) -> None:
    run_class = importlib.import_module("wandb.sdk.wandb_run").Run
    begin, log, finish = wandb.init, run_class._log, run_class._finish

    def _log(self: Any, data: Any, step: Any = None, commit: Any = None) -> Any:
        done = log(self, data, step=step, commit=commit)
        report_log(self.__dict__.setdefault("_hpsearch_steps", Steps()), data, step, commit)
        return done

    def _finish(self: Any, *args: Any, **kwargs: Any) -> Any:
        _end(self)
        return finish(self, *args, **kwargs)

    def init(*args: Any, **kwargs: Any) -> Any:
        """Begin a run as wandb.init does, offline, with the trial's parameters."""
        run = begin(*args, **{**kwargs, "mode": "offline"})
        if "_hpsearch_begun" not in run.__dict__:
            run.__dict__["_hpsearch_begun"] = os.getpid()
            _begun.append(run)
            given = dict(run.config)
            over = overridden(given, params())
            changed = {k: v for k, v in over.items() if k in params() or given.get(k) != v}
            run.config.update_locked(changed, user="sweep", _allow_val_change=True)
        return run

    run_class._log, run_class._finish = _log, _finish
    wandb.init = init
    wandb.login = lambda *_, **__: True  # no account is needed
    wandb.sweep = lambda *_, **__: "hpsearch"
    wandb.agent = _agent
    _listen_to_config(importlib.import_module("wandb.sdk.wandb_config").Config)
    _listen_to_summary(importlib.import_module("wandb.sdk.wandb_summary").Summary)


_begun: list[Any] = []


def _end(run: Any) -> None:
    """Write once that a run has ended, in the process that began it."""
    if run.__dict__.get("_hpsearch_begun") == os.getpid():
        run.__dict__["_hpsearch_begun"] = None
        write("wandb", end="finish")


@atexit.register
def _at_exit() -> None:
    for run in _begun:
        _end(run)


def _agent(sweep_id: Any = None, function: Any = None, *args: Any, **kwargs: Any) -> None:
    """Call the function once: this process trains one trial."""
    if function is not None:
        function()


def _listen_to_config(config_class: Any) -> None:
    """Let parameters `a.b` stand over a mapping `a` that is set later, too."""
    inside = {name.partition(".")[0] for name in params() if "." in name}
    update, set_item = config_class.update, config_class.__setitem__

    def merge(self: Any, settings: Any) -> None:
        later = {k: v for k, v in settings.items() if k in inside and isinstance(v, Mapping)}
        if later:
            over = {k: v for k, v in overridden(later, params()).items() if k in later}
            self.update_locked(over, user="sweep", _allow_val_change=True)

    def _update(self: Any, d: Any, *args: Any, **kwargs: Any) -> Any:
        merge(self, settings_of(d))
        return update(self, d, *args, **kwargs)

    def _set_item(self: Any, key: Any, val: Any) -> Any:
        merge(self, {key: val})
        return set_item(self, key, val)

    if inside:
        config_class.update = _update
        config_class.__setitem__ = config_class.__setattr__ = _set_item


def _listen_to_summary(summary_class: Any) -> None:
    update = summary_class._update

    def _update(self: Any, record: Any) -> Any:
        set_here = {".".join(map(str, each.key)): each.value for each in record.update}
        values = flat(set_here)
        if values:
            write("wandb", summary=values)
        return update(self, record)

    summary_class._update = _update

"""A run: its configuration, what it logs, its summary; and the functions that act on the last."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hpsearch_reports import (
    Steps,
    flat,
    overridden,
    params,
    report_log,
    say_once,
    settings_of,
    unknown,
    write,
)

from wandb._harmless import CommError, Error, Harmless, UsageError, generate_id

__all__ = [
    "Api", "CommError", "Config", "Error", "Run", "RunDisabled", "Settings", "Summary",
    "UsageError", "agent", "alert", "config", "controller", "define_metric", "ensure_configured",
    "finish", "init", "join", "link_artifact", "link_model", "log", "log_artifact", "log_code",
    "log_model", "login", "mark_preempting", "require", "restore", "run", "save", "setup",
    "summary", "sweep", "teardown", "termerror", "termlog", "termwarn", "unwatch", "use_artifact",
    "use_model", "watch",
]  # fmt: skip

__version__ = "0.99.0"  # what integrations compare with the lowest that they take


class Config:
    """A run's settings, by attribute or item; those of the trial stand over what is set here."""

    def __init__(self) -> None:
        object.__setattr__(self, "_set", {})
        object.__setattr__(self, "_held", overridden({}, params()))

    def update(self, d: Any = None, allow_val_change: Any = None, **more: Any) -> None:
        self._set.update(settings_of(d), **more)
        object.__setattr__(self, "_held", overridden(self._set, params()))

    def setdefaults(self, d: Any) -> None:
        self.update({k: v for k, v in settings_of(d).items() if k not in self._held})

    def as_dict(self) -> dict[str, Any]:
        return dict(self._held)

    def keys(self) -> Any:
        return self._held.keys()

    def values(self) -> Any:
        return self._held.values()

    def items(self) -> Any:
        return self._held.items()

    def get(self, key: str, default: Any = None) -> Any:
        return self._held.get(key, default)

    def persist(self) -> None:
        pass

    def __getitem__(self, key: str) -> Any:
        return self._held[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self._set.pop(key, None)
        self.update()

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_held"][name]
        except KeyError:
            raise AttributeError(f"{type(self)!r} object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __contains__(self, key: Any) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return repr(self._held)


class Summary(dict):  # type: ignore[type-arg]
    """The last value of everything that was logged; what a script sets itself is reported."""

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, d: Any = None, **more: Any) -> None:  # type: ignore[override]
        given = dict(d or {}, **more)
        super().update(given)
        values = flat(given)
        if values:
            write("wandb", summary=values)

    def _logged(self, values: Mapping[str, Any]) -> None:
        super().update(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Run:
    """One run, from `init` to `finish`."""

    def __init__(self, config: Config, given: Mapping[str, Any]) -> None:
        trial = os.environ.get("HPSEARCH_TRIAL")
        self.config = config
        self.summary = Summary()
        self.id: str = str(given.get("id") or os.environ.get("WANDB_RUN_ID") or generate_id())
        self.name: Any = given.get("name") or os.environ.get("WANDB_NAME")
        self.name = self.name or ("run-" + self.id if trial is None else f"trial-{trial}")
        self.project: Any = given.get("project") or os.environ.get("WANDB_PROJECT")
        self.project = self.project or "uncategorized"
        self.entity: Any = given.get("entity") or os.environ.get("WANDB_ENTITY") or ""
        self.group: Any = given.get("group") or ""
        self.job_type: Any = given.get("job_type") or ""
        self.notes: Any = given.get("notes")
        self.tags: Any = tuple(given.get("tags") or ())
        self.settings: Any = given.get("settings") or Settings()
        self._settings = self.settings  # scripts ask for this, too
        self.resumed = False
        self.offline = True
        self.disabled = False
        self.starting_step = 0
        self.start_time = 0
        self.url: Any = None
        self.sweep_id: Any = None
        self.sweep_url: Any = None
        self.project_url: Any = None
        self.path = f"{self.entity}/{self.project}/{self.id}"
        self._given_dir = given.get("dir")
        self._dir: str | None = None
        self._steps = Steps()
        self._pid = os.getpid()
        self._finished = False

    @property
    def _is_finished(self) -> bool:
        return self._finished

    @property
    def step(self) -> int:
        return int(self._steps.current)

    @property
    def dir(self) -> str:
        """A folder for files, where the script or the search wants it; else it goes at exit."""
        if self._dir is None:
            given = self._given_dir or os.environ.get("WANDB_DIR")
            given = given or os.environ.get("HPSEARCH_TRIAL_DIR")
            base = _temporary() if given is None else os.fspath(given)
            base = os.path.abspath(base)
            self._dir = os.path.join(base, "wandb", f"run-{self.id}", "files")
            os.makedirs(self._dir, exist_ok=True)
        return self._dir

    def log(self, data: Any, step: Any = None, commit: Any = None, sync: Any = None) -> None:
        if not isinstance(data, Mapping):
            raise TypeError("wandb.log must be passed a dictionary")
        if any(not isinstance(key, str) for key in data):
            raise TypeError("Key values passed to `wandb.log` must be strings.")
        if self._finished:
            say_once("hpsearch: what is logged after wandb.finish() is left out")
            return
        report_log(self._steps, data, step, commit)
        self.summary._logged(data)

    def finish(self, exit_code: Any = None, quiet: Any = None) -> None:
        global run
        if self._finished:
            return
        self._finished = True
        if os.getpid() == self._pid:
            write("wandb", end="finish")
        if run is self:
            _make_current(None)

    join = finish

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, *args: Any) -> None:
        self.finish(0 if kind is None else 1)

    def log_artifact(self, artifact: Any, *args: Any, **kwargs: Any) -> Any:
        from wandb._values import Artifact

        return artifact if isinstance(artifact, Artifact) else Artifact(str(artifact), "unknown")

    use_artifact = log_artifact
    link_artifact = log_artifact
    upsert_artifact = log_artifact
    finish_artifact = log_artifact

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        return []

    save = watch

    def use_model(self, name: Any, *args: Any, **kwargs: Any) -> str:
        return _temporary()

    def define_metric(self, *args: Any, **kwargs: Any) -> Any:
        return Harmless()

    def unwatch(self, *args: Any, **kwargs: Any) -> None:
        pass

    alert = unwatch
    display = unwatch
    link_model = unwatch
    log_code = unwatch
    log_model = unwatch
    mark_preempting = unwatch
    restore = unwatch
    status = unwatch
    write_logs = unwatch
    _label = unwatch
    _set_library = unwatch

    def project_name(self) -> str:
        return str(self.project)

    def get_url(self) -> Any:
        return None

    get_project_url = get_url
    get_sweep_url = get_url

    def to_html(self, *args: Any, **kwargs: Any) -> str:
        return ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self)!r} object has no attribute {name!r}")
        unknown("wandb", f"wandb.run.{name}")
        return Harmless()


class RunDisabled(Run):
    """What `init(mode="disabled")` gave once; here each run is a Run, for its metrics count."""


class Settings:
    """Settings of the real one: kept, and without effect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return None

    def update(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.update(kwargs)


class Api:
    """Refused: it asks a server."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise CommError(
            "wandb.Api asks W&B's server, but hpsearch runs this script offline and without an "
            "account; leave it out of what is searched"
        )


config = Config()
summary = Summary()
run: Run | None = None
_folders: list[str] = []


def _temporary() -> str:
    _folders.append(tempfile.mkdtemp(prefix="wandb-"))
    return _folders[-1]


def _make_current(new: Run | None) -> None:
    """Let `wandb.run`, `wandb.config` and `wandb.summary` be those of this run."""
    global run, config, summary
    run = new
    if new is not None:
        config, summary = new.config, new.summary
    module: Any = sys.modules["wandb"]
    module.run, module.config, module.summary = run, config, summary


def init(
    job_type: Any = None,
    dir: Any = None,
    config: Any = None,
    project: Any = None,
    entity: Any = None,
    reinit: Any = None,
    tags: Any = None,
    group: Any = None,
    name: Any = None,
    notes: Any = None,
    config_exclude_keys: Any = None,
    config_include_keys: Any = None,
    **others: Any,
) -> Run:
    """Begin a run; where one goes on, that is returned unless `reinit` asks for another."""
    if run is not None:
        if not reinit or reinit in ("default", "return_previous"):
            return run
        if reinit != "create_new":
            run.finish()
    if others.get("sync_tensorboard"):
        unknown("wandb", "wandb.init(sync_tensorboard=True)")
    defaults = "config-defaults.yaml"
    given = settings_of(defaults) if os.path.exists(defaults) else {}
    given.update(settings_of(config))
    if config_include_keys:
        given = {k: v for k, v in given.items() if k in config_include_keys}
    if config_exclude_keys:
        given = {k: v for k, v in given.items() if k not in config_exclude_keys}
    begun = _first_config() or Config()
    begun.update(given)
    _begun.append(
        Run(
            begun,
            {
                **others, "job_type": job_type, "dir": dir, "project": project, "entity": entity,
                "tags": tags, "group": group, "name": name, "notes": notes,
            },
        )
    )  # fmt: skip
    _make_current(_begun[-1])
    return _begun[-1]


_begun: list[Run] = []


def _first_config() -> Config | None:
    """What was set before the first run belongs to it."""
    return None if _begun else config


@atexit.register
def _at_exit() -> None:
    here = [each for each in _begun if each._pid == os.getpid()]
    for each in here:
        each.finish()
    if here or not _begun:  # not in a forked process
        for folder in _folders:
            shutil.rmtree(folder, ignore_errors=True)


def _current(name: str) -> Run:
    if run is None:
        raise Error(f"You must call wandb.init() before wandb.{name}()")
    return run


def log(data: Any, step: Any = None, commit: Any = None, sync: Any = None) -> None:
    _current("log").log(data, step, commit)


def finish(exit_code: Any = None, quiet: Any = None) -> None:
    if run is not None:
        run.finish(exit_code)


join = finish


def _of_run(name: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        return getattr(_current(name), name)(*args, **kwargs)

    function.__name__ = name
    return function


alert = _of_run("alert")
define_metric = _of_run("define_metric")
link_artifact = _of_run("link_artifact")
link_model = _of_run("link_model")
log_artifact = _of_run("log_artifact")
log_code = _of_run("log_code")
log_model = _of_run("log_model")
mark_preempting = _of_run("mark_preempting")
restore = _of_run("restore")
save = _of_run("save")
unwatch = _of_run("unwatch")
use_artifact = _of_run("use_artifact")
use_model = _of_run("use_model")
watch = _of_run("watch")


def login(*args: Any, **kwargs: Any) -> bool:
    """No account is needed."""
    return True


def sweep(*args: Any, **kwargs: Any) -> str:
    """The sweep is hpsearch's."""
    return "hpsearch"


def agent(sweep_id: Any = None, function: Any = None, *args: Any, **kwargs: Any) -> None:
    """Call the function once: this process trains one trial."""
    if function is not None:
        function()


def setup(*args: Any, **kwargs: Any) -> Any:
    return Harmless()


def controller(*args: Any, **kwargs: Any) -> Any:
    return Harmless()


def teardown(exit_code: Any = None) -> None:
    finish(exit_code)


def require(*args: Any, **kwargs: Any) -> None:
    pass


ensure_configured = require


def termlog(string: str = "", *args: Any, **kwargs: Any) -> None:
    sys.stderr.write(f"wandb: {string}\n")


termwarn = termlog
termerror = termlog

"""A run as Python sees it, and the ways to get one: search, load, refine, resume."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.api.progress import Bar, told
from hpsearch.api.report import Report
from hpsearch.api.values import function, plain, shown, text, whole_or_none
from hpsearch.api.values import settings as values_of
from hpsearch.config import Config, from_mapping, from_run
from hpsearch.config import load as load_config
from hpsearch.data.encoding import batches, surprises
from hpsearch.data.open import given_rows, open_new
from hpsearch.errors import ConfigError, HpsearchError
from hpsearch.exchange.formats import export_run
from hpsearch.messages import counted, expanded
from hpsearch.report.findings import write_report
from hpsearch.report.summary import Summary, summarise
from hpsearch.report.table import columns
from hpsearch.searching.curves import Curve
from hpsearch.searching.desk import act_on
from hpsearch.searching.launch import launch, prepare, prepare_refinement, resume
from hpsearch.searching.models import winning_model
from hpsearch.searching.spec import past_trials, spec_of
from hpsearch.store import RunDirectory, find
from hpsearch.store.requests import Request
from hpsearch.trial import Result

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


Objective = Callable[..., Any]
"""train(params, epochs), and by name any of checkpoint_dir, seed, trial and trial_dir."""


class Run:
    """One run directory. Everything is read from disk when it is asked for."""

    def __init__(self, directory: RunDirectory):
        self.directory = directory

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @property
    def name(self) -> str:
        """The run's name: its folder's."""
        return self.directory.name

    @property
    def status(self) -> str:
        """One of running, finished, interrupted, failed."""
        return self.directory.info.status

    @property
    def config(self) -> Config:
        """What the run was asked to do."""
        return from_run(self.directory.info.config, self.path)

    @property
    def best(self) -> Result | None:
        """The winner; while there is none, the best completed trial so far.

        In a refined run it may be a trial of the parent's.
        """
        return self.summary.best

    @property
    def trials(self) -> list[Result]:
        """Every trial whose fate is known, by number."""
        return self.directory.results

    @property
    def curves(self) -> dict[int, Curve]:
        """Each trial's learning curve: lists by metric, with "epoch" beside them."""
        info = self.directory.info
        spec = spec_of(self.directory, info, from_run(info.config, self.path))
        known = past_trials(self.directory, spec)[len(spec.history) :]
        return {each.result.number: each.curve for each in known}

    @property
    def summary(self) -> Summary:
        """Everything that `hpsearch report` says, as plain values."""
        return summarise(self.directory)

    def frame(self) -> pd.DataFrame:
        """A row a trial, indexed by number: metrics.NAME and params.NAME beside its fate."""
        import pandas as pd

        return pd.DataFrame(columns(self.trials)).set_index("number")

    def export(
        self, to: str, target: str | Path, name: str | None = None, *, force: bool = False
    ) -> None:
        """Write the trials for another tool, or the winner's network, as `hpsearch export` does.

        Args:
            to: csv, parquet, optuna, mlflow or tensorboard, and for the network onnx.
            target: a file, a folder or a URL, as the format has it; nothing is overwritten.
            name: of Optuna's study or MLflow's experiment; None for the run's.
            force: replace a file (csv, parquet, onnx) that is there.

        Raises:
            HpsearchError: the library is missing, the target is taken or cannot be written, or
                there is no network for onnx.
        """
        export_run(self.directory, to, str(target), name, force=force)

    def report(self) -> Report:
        """Write report.html; a notebook shows it inline."""
        return Report(write_report(self.directory))

    def predict(self, rows: Any, trust: bool = False) -> np.ndarray[Any, Any]:
        """The winner's label for each row.

        Args:
            rows: new ones, as the data had them: a pandas DataFrame with the same columns, an
                array (rows, features), or a file or folder as `hpsearch predict` takes it.
            trust: run the file of a Keras model of your own, though the run is not sealed as
                yours; seals it.

        Returns:
            (rows,) labels, of the type that they have in the data.

        Raises:
            HpsearchError: the run has no winner yet, or one without a model here; the rows do
                not suit it.
        """
        shares = self.probabilities(rows, trust)
        labels: np.ndarray[Any, Any] = shares.columns.to_numpy()[shares.to_numpy().argmax(axis=1)]
        return labels

    def probabilities(self, rows: Any, trust: bool = False) -> pd.DataFrame:
        """The winner's probability of each class, a column each, for each row; see `predict`."""
        import numpy as np
        import pandas as pd

        model, encoding = winning_model(self.directory, trust)
        if isinstance(rows, str | Path):
            source, _ = open_new(rows, encoding, labels=False)
        else:
            source = given_rows(rows, encoding)
        for line in surprises(source, encoding):
            warnings.warn(line, UserWarning, stacklevel=2)
        shares = [model.probabilities(X) for X in batches(source, encoding)]
        found = np.concatenate([np.empty((0, len(encoding.classes))), *shares])
        return pd.DataFrame(found, columns=pd.Index(encoding.classes))

    def resume(
        self,
        objective: Objective | None = None,
        jobs: int | None = None,
        trials: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        progress: bool = True,
        trust: bool = False,
    ) -> Run:
        """Finish an interrupted run, or extend one; a finished one stays as it is otherwise.

        Args:
            objective: the function that the search was begun with, where it was given one.
            jobs: how many trials train at once.
            trials: go on to so many in all, more than were planned.
            overrides: what may change in a run that has begun, by dotted key: `parallel.*`,
                `search.timeout`, `search.trial_timeout` and limits such as `metric.target`.
            progress: show a bar.
            trust: run the function, command or Keras model that the run names, though it is not
                sealed as yours; seals it. With an `objective` nothing else runs.

        Raises:
            HpsearchError: another process is at it, something may not change, or what it names
                is not trusted.
        """
        with Bar(progress) as notify:
            resume(
                self.directory,
                as_texts(overrides),
                trials=trials,
                function=objective,
                trust=trust,
                notify=notify,
                jobs=jobs,
            )
        return self

    def refine(
        self,
        name: str | None = None,
        top: int | None = None,
        trials: int | None = None,
        widen: bool = False,
        objective: Objective | None = None,
        jobs: int | None = None,
        progress: bool = True,
        trust: bool = False,
    ) -> Run:
        """A new run beside this one, narrowed around its best trials.

        Args:
            name: of the new run.
            top: how many of the best trials set the region; None for a tenth.
            trials: how many settings to try; None for as many as here.
            widen: reach past bounds that the best press against.
            objective: the function that this run was searched with, where it was given one.
            jobs: how many trials train at once.
            progress: show a bar.
            trust: as for `resume`.
        """
        prepared = prepare_refinement(
            self.directory,
            top=top,
            widen=widen,
            function=objective,
            trust=trust,
            trials=trials,
            jobs=jobs,
        )
        with Bar(progress) as notify:
            return Run(launch(prepared, self.path.parent, name, notify))

    def add(
        self, settings: Mapping[str, Any], like: int | None = None, note: str | None = None
    ) -> str:
        """Train a setting of your own in full, beside those that are proposed.

        A search at work begins at once; one that stands or has finished is resumed for it.

        Args:
            settings: values by name, in the space; what is left out is the trainer's default, or
                the middle of the range.
            like: the trial from which what is left out is taken instead.
            note: why, for the report.

        Returns:
            What was done, in words; the trial's number is among them.

        Raises:
            HpsearchError: a value cannot be; nothing has changed then.
        """
        if not isinstance(settings, Mapping):
            raise HpsearchError(
                "settings: must be a mapping such as {'learning_rate': 0.01}, found "
                f"{shown(settings)}"
            )
        if not settings and like is None:
            raise HpsearchError(
                "settings: must hold a value such as {'learning_rate': 0.01}, or `like` a trial; "
                "found neither"
            )
        like = whole_or_none("like", like, 0)
        return self._act(
            Request("add", values_of(settings), text("note", note), trial=like, by="python")
        )

    def stop(self, *, trial: int | None = None, note: str | None = None) -> str:
        """End the search where it is at work, as Ctrl-C there does, or one of its trials.

        Args:
            trial: the number of a trial, which never goes on; None for the whole search, which
                `resume` goes on with.
            note: why, for the report.

        Returns:
            What was done, in words.

        Raises:
            HpsearchError: nothing is at work, or the trial has ended.
        """
        trial = whole_or_none("trial", trial, 0)
        return self._act(Request("stop", note=text("note", note), trial=trial, by="python"))

    def note(self, text: str | None = None, *, tags: Sequence[str] = ()) -> str:
        """Note something about the run, or give it tags; `hpsearch list` and reports show them.

        Args:
            text: what to note.
            tags: each of at most 40 letters, digits, `.`, `_` and `-`.

        Raises:
            HpsearchError: there is neither, or one cannot be.
        """
        return self._act(Request("note", note=text, tags=_tags(tags), by="python"))

    def _act(self, request: Request) -> str:
        """Have something done: by the process that works on the run, or here."""
        note = text("note", request.note)
        return act_on(self.directory, replace(request, note=note), say=told)

    def __repr__(self) -> str:
        return f"<Run {str(self.path)!r}, {self.status}, {counted(len(self.trials), 'trial')}>"


def search(
    config: str | Path | Mapping[str, Any],
    runs_dir: str | Path = "runs",
    name: str | None = None,
    objective: Objective | None = None,
    jobs: int | None = None,
    seed: int | None = None,
    trials: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Run:
    """Search the space that a configuration describes, to the end.

    Ctrl-C interrupts it; `load(name).resume()` goes on.

    Args:
        config: a YAML file, or a dict with the same keys.
        runs_dir: the folder that holds the runs.
        name: of the run and its folder; None for the configuration's name and the time.
        objective: what to train, instead of the configuration's trainer: `train(params, epochs)`
            returns a number or {metric: number}, or yields one of them after each epoch. The
            epochs of a full training stand in the configuration's `trainer`. Workers get a copy
            of it, so a lambda or a closure will do.
        jobs: how many trials train at once; -1 for every core.
        seed: instead of the configuration's.
        trials: how many settings to try, instead of the configuration's.
        overrides: settings by dotted key, such as {"trainer.epochs": 10}.
        progress: show a bar.

    Raises:
        HpsearchError: the configuration, the data or the name is not what it must be, or not
            one trial gave a finite value.
    """
    forced: dict[str, Any] = {"jobs": jobs, "seed": seed, "trials": trials}
    if objective is not None:
        forced_trainer = {"kind": "function", "function": _name_of(objective)}
        overrides = {**(overrides or {}), **{f"trainer.{k}": v for k, v in forced_trainer.items()}}
    texts = as_texts(overrides)
    if isinstance(config, Mapping):
        loaded = from_mapping(config, None, texts, **forced)
    elif isinstance(config, str | Path):
        loaded = load_config(config, texts, **forced)
    else:
        raise HpsearchError(f"config: must be a file or a dict, found {type(config).__name__}")
    folder = Path(expanded(str(runs_dir)))
    prepared = prepare(loaded, folder, objective)
    with Bar(progress) as notify:
        return Run(launch(prepared, folder, name, notify))


def loaded(
    config: str | Path | Mapping[str, Any],
    texts: Sequence[str],
    objective: Objective | None,
    *,
    searched: bool = True,
    **forced: Any,
) -> Config:
    """The configuration in a file or a dict, which names the objective, if there is one.

    Args:
        config: the file or the dict.
        texts: `KEY=VALUE` texts that change it.
        objective: is trained instead of what it names.
        searched: whether there must be anything to search.
        forced: `jobs`, `seed` or `trials`; None for one that was not given.

    Raises:
        HpsearchError: it is none, or has problems.
    """
    if objective is not None:
        kind = {"trainer.kind": "function", "trainer.function": _name_of(objective)}
        texts = [*texts, *as_texts(kind)]
    if isinstance(config, Mapping):
        return from_mapping(config, None, texts, searched=searched, **forced)
    if isinstance(config, str | Path):
        return load_config(config, texts, searched=searched, **forced)
    raise HpsearchError(f"config: must be a file or a dict, found {type(config).__name__}")


def load(
    run: str | Path | None = None,
    runs_dir: str | Path = "runs",
    objective: Objective | None = None,
    trust: bool = False,
) -> Run:
    """A run on disk: a folder, a name under `runs_dir`, or the newest.

    Args:
        run: the folder or the name; None for the newest.
        runs_dir: the folder that holds the runs.
        objective: of a babysat model: the function that it was begun with, if it was.
        trust: of a babysat model: run what the run names, though it is not sealed as yours.

    Returns:
        A `Run`; of a babysat model a `Babysat`, which can train on.

    Raises:
        RunError: there is no such run; the message names those that there are.
    """
    directory = find(run, Path(expanded(str(runs_dir))))
    if directory.info.babysit is None:  # a damaged run is refused here, not at its first use
        return Run(directory)
    from hpsearch.api.babysat import Babysat  # a Run itself

    return Babysat(directory, function(objective), trust=trust)


def _tags(given: Any) -> tuple[str, ...]:
    """Tags as a list of texts.

    Raises:
        HpsearchError: they are something else, such as a single text.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise HpsearchError(f"tags: must be a list of texts, found {shown(given)}")
    if (odd := next((tag for tag in given if not isinstance(tag, str)), None)) is not None:
        raise HpsearchError(f"tags: must be texts, found {shown(odd)}")
    return tuple(given)


def as_texts(overrides: Mapping[str, Any] | None) -> list[str]:
    """Settings as `--set` takes them. JSON is YAML, so a value is read back as what it was."""
    texts = []
    for key, value in (overrides or {}).items():
        try:
            texts.append(f"{key}={json.dumps(plain(value))}")
        except (TypeError, ValueError):  # an object, or a list that holds itself
            raise ConfigError(
                f"overrides: {key}: must be a number, a text, true, false, null, or a list or a "
                f"mapping of them, found {shown(value)}"
            ) from None
    return texts


def _name_of(objective: Objective) -> str:
    """What a function is called in the configuration.

    It is MODULE:NAME where that can be imported; any other function stands in `__main__`, by
    which a run knows that it has to be handed over again.
    """
    name = getattr(objective, "__qualname__", type(objective).__name__)
    signs = "".join(sign if sign.isalnum() else "_" for sign in name).lstrip("0123456789")
    module = getattr(objective, "__module__", None) or "__main__"
    importable = getattr(sys.modules.get(module), name, None) is objective
    return f"{module if importable else '__main__'}:{signs or 'train'}"

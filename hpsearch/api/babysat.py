"""A babysat model from Python: train a few epochs, look, change something, train on."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hpsearch.api import values
from hpsearch.api.progress import told
from hpsearch.api.run import Objective, Run, as_texts, loaded
from hpsearch.config import Config, file_meant
from hpsearch.data.dataset import Dataset, write_folds
from hpsearch.errors import ConfigError, HpsearchError, RunError
from hpsearch.messages import expanded, printable
from hpsearch.report.babysit.summary import BabysitSummary, summarise_babysat
from hpsearch.report.numbers import number
from hpsearch.searching.babysit.bench import Bench, bench
from hpsearch.searching.babysit.nudge import SECTIONS, sorted_out
from hpsearch.searching.babysit.replay import Replayed, replay
from hpsearch.searching.babysit.session import Session, opened, reopened
from hpsearch.searching.babysit.start import (
    act_on_idle,
    begin,
    check_length,
    go_on,
    prepare,
    prepare_from,
    reopen_model,
)
from hpsearch.searching.babysit.steering import steer
from hpsearch.searching.babysit.story import Story, read
from hpsearch.searching.curves import Curve
from hpsearch.searching.events import Event, Remarked
from hpsearch.searching.session import folds_of, same_data
from hpsearch.searching.trainer import Function
from hpsearch.searching.trust import unsealed
from hpsearch.store import RunDirectory, find
from hpsearch.store.requests import Request
from hpsearch.trial import Intervention, Result

if TYPE_CHECKING:
    import pandas as pd

BY = "python"
"""Who did it, in the diary."""


class Curves(dict[int, Curve]):
    """The whole learning curve of each branch, by number; called, one of them as a table."""

    def __init__(self, story: Story):
        super().__init__({line.number: story.curve(line.number) for line in story.lines.all})
        self._story = story

    def __call__(self, trial: int | None = None) -> pd.DataFrame:
        """A row an epoch, indexed by it; a column a metric.

        Args:
            trial: the branch's number; None for the one in training.

        Raises:
            RunError: there is no such branch.
        """
        number = self._story.number if trial is None else values.whole("trial", trial)
        if number not in self:
            raise RunError(
                f"{self._story.run.path}: has no branch {number}; there are 0 to {max(self)}"
            )
        return frame_of(self[number])


def frame_of(curve: Curve) -> pd.DataFrame:
    """A learning curve as a table."""
    import pandas as pd

    columns = {name: values for name, values in curve.items() if name != "epoch"}
    epochs = pd.Index([int(epoch or 0) for epoch in curve.get("epoch", ())], name="epoch")
    return pd.DataFrame(columns, index=epochs)


@dataclass(frozen=True)
class _Ready:
    """What is kept between calls: what trains, and the files of prepared data it needs."""

    bench: Bench
    files: Sequence[Path]

    @property
    def whole(self) -> bool:
        """Whether nobody has tidied the prepared data away."""
        return all(file.exists() for file in self.files)


class Babysat(Run):
    """A babysat model's run: what every run can do, and training on, a few epochs at a time.

    The run's lock is held only while a call works, so `hpsearch steer` works between the calls,
    and each call reads from disk what was done meanwhile. The worker and the prepared data are
    kept for the next call, until `close`, the end of a `with` block, the end of the training, or
    the end of the program. A notebook shows the run's page.
    """

    def __init__(
        self,
        directory: RunDirectory,
        function: Function | None = None,
        dataset: Dataset | None = None,
        *,
        trust: bool = False,
    ):
        """Look at a run; nothing is trained or locked yet.

        Args:
            directory: the run's.
            function: trains instead of what the run names.
            dataset: the run's data; None to read it when it is needed.
            trust: whether what the run names may run, though it is not sealed as yours.
        """
        super().__init__(directory)
        self._function, self._dataset, self._trust = function, dataset, trust
        self._ready: _Ready | None = None
        self._release: Callable[[], object] = _nothing

    # What is so

    @property
    def story(self) -> Story:
        """All of it: branches, curves, diary, how the layers do."""
        return read(self.directory)

    @property
    def epoch(self) -> int:
        """The last epoch of the branch in training."""
        return self.story.epoch

    @property
    def epochs(self) -> int:
        """How many epochs are planned."""
        return self.story.epochs

    @property
    def best(self) -> Result | None:
        """The best epoch of all branches, as a trial that ended there; None while there is none.

        Its `number` is the branch that trained it.
        """
        story = self.story
        return None if story.best is None else story.result(story.best)

    @property
    def summary(self) -> BabysitSummary:  # type: ignore[override]  # of another kind of run
        """Everything that `hpsearch report` says, as plain values; `advice` among them."""
        return summarise_babysat(self.directory)

    @property
    def curves(self) -> Curves:
        """Each branch's whole learning curve, by number; `curves()` is a table of the last's."""
        return Curves(self.story)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting of the branch in training, fixed ones too."""
        story = self.story
        return story.settings(story.number)

    @property
    def diary(self) -> Sequence[Intervention]:
        """What was done, in order."""
        return self.story.diary

    # Training

    def step(self, epochs: int = 1) -> pd.DataFrame:
        """Train some epochs, fewer at the end of the training.

        A model that was stopped or paused goes on. What others ask meanwhile, with
        `hpsearch steer`, is done, and told as a warning. Ctrl-C ends it; what was trained is
        recorded. After the end nothing is trained, which a warning says; `set(epochs=N)` makes
        the training longer.

        Args:
            epochs: how many.

        Returns:
            The metrics of the epochs that were trained, a row each; after the end none.

        Raises:
            HpsearchError: another process trains it, training fails, or the data have changed.
        """
        epochs = values.whole("epochs", epochs, 1)
        with self._at_work(told) as session:
            if session.over:
                told(_at_its_end(session))
            reopened(session, BY)
            trained = session.train(epochs)
            curve = session.story.curve(session.record.number)
        last = len(curve["epoch"]) if curve.get("epoch") else 0
        first = max(0, last - trained)
        return frame_of({name: values[first:] for name, values in curve.items()})

    def finish(self, epochs: int | None = None) -> pd.DataFrame:
        """Train to the end, and keep the best epoch.

        Args:
            epochs: plan so many in all, more or fewer than before: the training ends there. It
                is a change as `set(epochs=...)` is, which a warning tells and the diary has;
                `step` trains some more. None for as many as are planned.

        Returns:
            The whole learning curve of the branch in training.

        Raises:
            HpsearchError: as for `step`, or it has trained as many or more.
        """
        epochs = values.whole_or_none("epochs", epochs, 1)
        if epochs is not None:
            check_length(self.directory, epochs)
        with self._at_work(told) as session:
            go_on(session, epochs, BY)
            while not session.over and not session.record.lines.paused:
                session.turn(timeout=None)
            curve = session.story.curve(session.record.number)
        return frame_of(curve)

    def resume(
        self,
        objective: Objective | None = None,
        jobs: int | None = None,
        trials: int | None = None,
        overrides: Mapping[str, Any] | None = None,
        progress: bool = True,  # noqa: ARG002  # of every run's resume
        trust: bool = False,
    ) -> Self:
        """Train to the end, as `finish` does, perhaps with the function handed over again.

        Args:
            objective: the function that the model was begun with, if it was begun with one.
            jobs: as for a search; one model trains in one worker.
            trials: of a search; a babysat model has none.
            overrides: what may change in a run that has begun, by dotted key: `parallel.*`.
            progress: of a search; a babysat model shows none.
            trust: run what the run names, though it is not sealed as yours; seals it.

        Raises:
            HpsearchError: as for `finish`, or something may not change.
        """
        if trials is not None:
            raise RunError(f"{self.path}: trials: goes with a search; use finish(epochs)")
        if objective is not None:
            self._function = values.function(objective)
        self._trust = self._trust or trust
        self.close()  # what is kept trains as before
        reopen_model(
            self.directory,
            tuple(as_texts(overrides)),
            named=self._function is None,
            trust=self._trust,
            jobs=jobs,
        )
        self.finish()
        return self

    # Interventions

    def set(self, note: str | None = None, **settings: Any) -> str:
        """Change settings from the next epoch on; gives what was done, in words.

        Args:
            note: why, for the diary.
            settings: new values by name, such as `learning_rate=0.003`; NumPy's numbers, too.

        Raises:
            HpsearchError: a value cannot be; nothing has changed then.
        """
        return self._ask(Request("set", settings, note=note, by=BY))

    def note(self, text: str | None = None, *, tags: Sequence[str] = ()) -> str:
        """Write a note into the diary; tags are for searches."""
        if tags:
            raise RunError(f"{self.path}: tags: go with a search; this is a babysat model")
        return self._ask(Request("set", {}, note=text, by=BY))

    def undo(self, note: str | None = None) -> str:
        """Go back to before the last change, as a new branch.

        Raises:
            HpsearchError: there is no change to undo.
        """
        return self._ask(Request("undo", note=note, by=BY))

    def branch(
        self, epoch: int, trial: int | None = None, note: str | None = None, **settings: Any
    ) -> str:
        """Go back to an epoch, as a new branch, with other settings or the same.

        Args:
            epoch: after which it begins.
            trial: the branch that trained it; None for the one in training.
            note: why, for the diary.
            settings: new values by name.

        Raises:
            HpsearchError: there is no such epoch, or a value cannot be.
        """
        return self._ask(
            Request(
                "branch",
                settings,
                note,
                values.whole("epoch", epoch),
                values.whole_or_none("trial", trial),
                by=BY,
            )
        )

    def stop(self, note: str | None = None, *, trial: int | None = None) -> str:
        """End the training, and keep the best epoch; `step` and `finish` would go on.

        Args:
            note: why, for the diary.
            trial: of a search; a babysat model is stopped whole.

        Raises:
            HpsearchError: as for `step`.
        """
        if trial is not None:
            raise RunError(f"{self.path}: trial: goes with a search; this is a babysat model")
        request = Request("stop", note=values.text("note", note), by=BY)
        if self.directory.at_work:
            return steer(self.directory, request, say=told)
        with self._at_work() as session:
            session.catch_up()
            text = "had come to its end" if session.over else session.act(request)
        self.close()
        return text

    def replay(self) -> Replayed:
        """Train all branches anew by the diary: whether every epoch has the same bits."""
        return replay(self.directory, function=self._function, trust=self._trust)

    # Between the calls

    def close(self) -> None:
        """Release the worker and the prepared data; the next call makes them anew."""
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.bench.backend.cancel()  # what an interrupt left in training
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        story = self.story
        of = f" of branch {story.number}" if story.number else ""
        best = ""
        if story.best is not None:
            value = number(story.value(story.best))
            best = f", best {story.criterion.name} {value} (epoch {story.best.epoch})"
        start, begun = story.info.babysit, ""
        if start is not None and start.run is not None and story.epoch < (start.epoch or 0):
            begun = f", up to epoch {start.epoch} as trial {start.trial} of {printable(start.run)}"
        return f"<Babysat {str(self.path)!r}, epoch {story.epoch}/{story.epochs}{of}{begun}{best}>"

    def _repr_html_(self) -> str:
        """The page, which a notebook shows below the cell; report.html has it, too."""
        return self.report()._repr_html_()

    def _ask(self, request: Request) -> str:
        """Have something done: by the process that trains the model, or here.

        What cannot be asked at all is refused first, wherever the model trains.
        """
        values.text("note", request.note)
        request = replace(request, set=values.settings(request.set))
        if self.directory.at_work:
            return steer(self.directory, request, say=told)
        if self._ready is None:
            return act_on_idle(self.directory, request)
        refused: HpsearchError | None = None
        with self._at_work() as session:
            session.catch_up()
            try:
                text = session.act(request)
            except HpsearchError as error:  # the run is sound: it must not end as failed
                refused = error
        if refused is not None:
            raise refused
        return text

    @contextmanager
    def _at_work(self, say: Callable[[str], None] = lambda _: None) -> Iterator[Session]:
        """Work on the model with the run's lock, for a block."""
        try:
            with opened(self.directory, self._made_ready(), _remarked, say) as session:
                yield session
                over = session.over
        except BaseException:  # a piece may still be in training
            self.close()
            raise
        if over:
            self.close()

    def _made_ready(self) -> Bench:
        """What trains, made where there is none yet."""
        if self._ready is not None and self._ready.whole:
            return self._ready.bench
        self.close()
        run, function = self.directory, self._function
        if run.at_work:
            with run.writing():  # says who is at it, before anything is prepared
                pass
        config = reopen_model(run, named=function is None, trust=self._trust)
        if (remark := unsealed(run, run.info)) is not None:
            told(remark)
        kept = ExitStack()
        try:
            self._ready = _prepared(kept, run, config, self._dataset, function)
        except BaseException:
            kept.close()
            raise
        self._release = weakref.finalize(self, kept.close)
        return self._ready.bench


def babysit(
    config: str | Path | Mapping[str, Any] | Run,
    runs_dir: str | Path = "runs",
    name: str | None = None,
    *,
    trial: int | None = None,
    from_epoch: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    objective: Objective | None = None,
    trust: bool = False,
) -> Babysat:
    """Begin to babysit one model; nothing is trained yet.

    Args:
        config: a YAML file or a dict with the same keys, whose fixed settings and the middle of
            whose space the model begins with; or a search's run, its folder or its name, as whose
            winner or other trial it begins.
        runs_dir: the folder that holds the runs.
        name: of the new run; None for the configuration's name and the time.
        trial: begin as this trial of the run; None for its winner.
        from_epoch: be that trial up to this epoch; `overrides` hold from there on. The model
            begins at epoch 0 all the same, and trains these epochs again.
        overrides: other values by name, such as {"learning_rate": 0.01}, and of a configuration
            other keys by dotted key, such as {"data.test": 0}.
        epochs: how many to train in all.
        seed: of the random numbers.
        objective: what to train, instead of the configuration's trainer: a function that yields
            its metrics after each epoch; `change = yield ...` gives it what was changed.
        trust: run the function, command or Keras model that the run names, though it is not
            sealed as yours; seals it.

    Raises:
        HpsearchError: the configuration, a value, the data or the name is not what it must be,
            or what trains cannot be steered.
    """
    folder, texts = Path(expanded(str(runs_dir))), as_texts(overrides)
    name, objective = values.text("name", name), values.function(objective)
    trial, from_epoch = (
        values.whole_or_none("trial", trial, 0),
        values.whole_or_none("from_epoch", from_epoch, 0),
    )
    epochs, seed = values.whole_or_none("epochs", epochs, 1), values.whole_or_none("seed", seed)
    source = _source(config, folder)
    if isinstance(source, RunDirectory):
        given, others = sorted_out(texts, ())
        if others:
            raise ConfigError(f"{others[0]}: only settings of the model may change in a run")
        prepared = prepare_from(
            source,
            given,
            trial=trial,
            epoch=from_epoch,
            epochs=epochs,
            seed=seed,
            function=objective,
            trust=trust,
        )
    else:
        if trial is not None or from_epoch is not None:
            raise ConfigError("trial and from_epoch: go with a run, found a configuration")
        given, others = sorted_out(texts, SECTIONS)
        forced = () if epochs is None else (f"trainer.epochs={epochs}",)
        asked = loaded(source, [*others, *forced], objective, searched=False, seed=seed)
        prepared = prepare(asked, given, objective)
    run = begin(prepared, folder, name)
    return Babysat(run, objective, prepared.dataset, trust=trust)


def _source(
    config: str | Path | Mapping[str, Any] | Run, runs_dir: Path
) -> str | Path | Mapping[str, Any] | RunDirectory:
    """A configuration, or the run that is meant."""
    if isinstance(config, Run):
        return config.directory
    if not isinstance(config, str | Path):
        return config
    return file_meant(config) or find(config, runs_dir)


def _prepared(
    kept: ExitStack,
    run: RunDirectory,
    config: Config,
    dataset: Dataset | None,
    function: Function | None,
) -> _Ready:
    """Prepare the data in a temporary folder, where no other process tidies, and what trains."""
    info = run.info
    assert info.babysit is not None
    folds = folds_of(config, dataset or same_data(run, info, config))[:1]
    folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-")))
    if folds:
        write_folds(folds, folder)
    made = kept.enter_context(bench(config, info.babysit, run.path, folder, folds, function))
    return _Ready(made, [folder, *folder.rglob("*")])


def _at_its_end(session: Session) -> str:
    """Why nothing is trained, and what to do."""
    record = session.record
    end = f"{record.run.path}: had come to its end after epoch {record.epoch}; nothing was trained"
    if record.epoch < record.epochs:  # a function that returned, say
        return f"{end}: it ended by itself; go back with branch(epoch)"
    return f"{end}; to train longer: set(epochs={2 * record.epochs})"


def _remarked(event: Event) -> None:
    """Warn of what a trainer remarks on a change."""
    if isinstance(event, Remarked):
        told(event.message)


def _nothing() -> None:
    """Release nothing."""

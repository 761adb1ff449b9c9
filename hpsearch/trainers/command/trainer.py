"""The trainer of a user's command: given the parameters, asked for the metrics."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from hpsearch.store import SafePath
from hpsearch.trainers.checkpoints import Checkpoints, kept_epochs
from hpsearch.trainers.command.arguments import Arguments, file_of, from_elsewhere, template_of
from hpsearch.trainers.command.files import in_file, inside
from hpsearch.trainers.command.filling import as_text, text_filled
from hpsearch.trainers.command.following import Course, Epochs, Whole, follow
from hpsearch.trainers.command.process import Tail, started
from hpsearch.trainers.command.reports import Tracker, tracked
from hpsearch.trainers.command.results import JsonLines, Matches
from hpsearch.trainers.command.sources import Source
from hpsearch.trainers.command.stores import EventFiles
from hpsearch.trainers.command.template import used
from hpsearch.trainers.protocol import Job, Outcome, Report, State, TrainsOneByOne
from hpsearch.trainers.user_training import (
    Metrics,
    in_pieces,
    nothing_to_train,
    outcome_of,
    params_of,
    seed_of,
    steered_outcome,
)
from hpsearch.trial import short_name

WENT_ON = (
    "trained on after the last epoch of trainer.epochs, and was ended there; if it has more "
    "epochs, or reports more often than once in each, write how many reports a full training has"
)
"""What to say where a full training did not end by itself."""


@dataclass(frozen=True)
class CommandTrainer(TrainsOneByOne):
    """Trains each job by one run of a command, which is given the epoch to train up to.

    A later piece goes on from the checkpoint folder where the command `resumes`; else it is
    trained anew, and epochs that are known already are reported a second time. Each setting of a
    training that is steered is a run of its own.

    Attributes:
        command: its words with `{name}` for values, see `template`.
        folder: of the run; checkpoints go to its "state", what is printed to its "logs".
        metric: what counts.
        home: the folder that the command is run in.
        names: of the parameters in the space.
        arguments: how `{args}` writes parameters.
        variables: of the environment, texts with places.
        params_file: the name of a template in `home` for a file of the settings, or of a file
            that is made whole by its ending; None where only `{params_file}` asks for one.
        pattern: a regular expression for results in the output, instead of lines of JSON.
        file: a file with the results instead, in the trial's own folder if it has one, else in
            the checkpoint folder.
        events: a folder there with TensorBoard's event files instead, and tags by metric.
        tracker: the library to which the script reports them instead.
        resumes: the command goes on from what it left in the checkpoint folder.
        in_folder: it is run in the trial's own folder.
        keeps: that folder is made, whether or not anything names it.
    """

    command: str
    folder: str
    metric: str
    home: str = "."
    names: tuple[str, ...] = ()
    arguments: Arguments = field(default_factory=Arguments)
    variables: Mapping[str, str] = field(default_factory=dict)
    params_file: str | None = None
    pattern: str | None = None
    file: str | None = None
    events: tuple[str, Mapping[str, str]] | None = None
    tracker: str | None = None
    resumes: bool = False
    in_folder: bool = False
    keeps: bool = False

    def train_one(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        """Train a job from its state to its until_epoch.

        Raises:
            TrainerError: the command failed, or what it reports is no result.
        """
        if (tried := nothing_to_train(job, state)) is not None:
            return tried
        if not job.steered:
            return self._train(job, state, report)
        there = self.resumes and self._checkpoints(job).has(kept_epochs(state))
        train = partial(self._train, report=report)
        return in_pieces(job, state, state if there else None, train)

    def _train(self, job: Job, state: State | None, report: Report | None) -> Outcome:
        logs = SafePath(Path(self.folder)) / "logs"
        logs.mkdir(exist_ok=True)  # without its parents: a deleted run stays so
        checkpoints = self._checkpoints(job)

        def piece(folder: SafePath, done: int) -> Outcome:
            course = self._course(job, done, report)
            rows = self._run(job, folder, checkpoints.trial, logs, course)
            ended = max(rows, default=0) < job.until_epoch
            resumes = self.resumes and not course.over
            if not job.steered:
                left = None if course.over else folder  # it may have been writing there
                where = checkpoints, left, resumes
                outcome = outcome_of(job, rows, self.metric, done, ended, *where)
                goes_on = outcome.finished and course.late > 1
                return replace(outcome, remarks=(WENT_ON,)) if goes_on else outcome

            def keep(epoch: int) -> bool:
                return resumes and checkpoints.keep(folder, epoch)

            outcome = steered_outcome(job, state, rows, self.metric, ended, keep)
            folder.remove()  # where nothing was kept
            return outcome

        return checkpoints.within(kept_epochs(state) if self.resumes else 0, piece)

    def _checkpoints(self, job: Job) -> Checkpoints:
        return Checkpoints.of(SafePath(Path(self.folder)), job.training, self.has_folder)

    @property
    def has_folder(self) -> bool:
        """Whether each trial has a folder of its own, for something asks for it."""
        if self.in_folder or self.keeps or self._asks("trial_dir"):
            return True
        template = template_of(self.home, self.params_file) if self.params_file else None
        return "trial_dir" in used(template or "", self.names)

    def _asks(self, place: str) -> bool:
        """Whether the command, or a variable of its, has a place."""
        texts = (self.command, *self.variables.values())
        return any(place in used(text, self.names) for text in texts)

    def _course(self, job: Job, done: int, report: Report | None) -> Course:
        """What counts of the reports of a piece that goes on from an epoch."""
        if job.settings["epochs"] == 1:
            return Whole(self.metric, report)
        full = job.until_epoch >= job.settings["epochs"]  # type: ignore[operator]
        saves = full or self.resumes
        return Epochs(self.metric, job.until_epoch, done, saves, report, not self.resumes)

    def _run(
        self, job: Job, folder: SafePath, trial: SafePath | None, logs: SafePath, course: Course
    ) -> dict[int, Metrics]:
        """Run the command for a piece, and give the metrics of each epoch.

        Args:
            job: the piece.
            folder: that it goes on from, and saves in.
            trial: the trial's own folder, if it has one.
            logs: the folder for what it prints.
            course: what its reports come to.
        """
        words, home, environment = self._call(job, folder, trial, logs)
        # Repeats and folds may be trained at the same time, and each reads what itself printed.
        own = f"trial-{short_name(job.training)}"
        stdout, stderr = (logs / f"{own}.{name}.txt" for name in ("stdout", "stderr"))
        tracking: AbstractContextManager[Tracker | None] = nullcontext()
        if self.tracker is not None:  # beside the piece's folder, where a kill leaves it for short
            there = folder.parent / f"{self.tracker}-{folder.name}"
            tracking = tracked(self.tracker, there, stderr, trial)
        with tracking as tracker, stdout.append() as out, stderr.append() as err:
            printed, errors = Tail(out), Tail(err)
            if tracker is not None:
                environment = tracker.variables(environment)
                source = tracker.source(self.metric, job.settings["epochs"] == 1)
            else:
                source = self._source(printed, trial or folder, trial is not None)
            try:
                with started(words, home, environment, out, err) as process:
                    return follow(process, source, course, printed, errors)
            finally:
                for log, tail in ((stdout, printed), (stderr, errors)):
                    tail.cut()
                    if tail.of_nothing:
                        log.remove()

    def _call(
        self, job: Job, folder: SafePath, trial: SafePath | None, logs: SafePath
    ) -> tuple[list[str], str, dict[str, str]]:
        """The words of the command for a piece, the folder to run it in, and its variables.

        Args:
            job: the piece.
            folder: that it goes on from, and saves in.
            trial: the trial's own folder, if it has one.
            logs: the folder for its file of the settings, where it has none.
        """
        params = params_of(job)
        given = {
            "epochs": job.until_epoch,
            "full_epochs": job.settings["epochs"],
            "seed": seed_of(job),
            "trial": job.number,
            "checkpoint_dir": str(folder),
        }
        if trial is not None:
            given["trial_dir"] = str(trial)
        environment = {f"HPSEARCH_{name.upper()}": as_text(v) for name, v in given.items()}
        environment["HPSEARCH_PARAMS"] = json.dumps(params, ensure_ascii=False)
        values = {**given, **params}
        if "python" not in self.names:
            values["python"] = sys.executable
        file = self._params_file(job, params, values, trial, logs)
        if file is not None:
            environment["HPSEARCH_PARAMS_FILE"] = str(file)
            values.setdefault("params_file", str(file))
        environment |= self._variables(values)
        words = self.arguments.filled(self.command, params, values, self.names)
        if not self.in_folder:
            return words, self.home, environment
        words = from_elsewhere(words, self.home)
        if {"-m", "-c"} & {*words}:  # Python looks for modules where it is run
            path = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
            whole = str(Path(self.home).absolute())
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (whole, path)))
        return words, str(trial), environment

    def _variables(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The variables that the configuration sets, but those with an inactive parameter."""
        texts = {
            name: text_filled(text, values, self.names) for name, text in self.variables.items()
        }
        return {name: text for name, (text, whole) in texts.items() if whole}

    def _params_file(
        self,
        job: Job,
        params: Mapping[str, Any],
        values: Mapping[str, Any],
        trial: SafePath | None,
        logs: SafePath,
    ) -> SafePath | None:
        """Write the file of the settings, where the command is given one.

        It lies in the trial's own folder, under its own name, or beside the logs.
        """
        asked = "params_file" not in self.names and self._asks("params_file")
        if self.params_file is None and not asked:
            return None
        name = self.params_file or "params.json"
        template = template_of(self.home, name) if self.params_file else None
        file = logs / f"trial-{short_name(job.training)}.params{Path(name).suffix}"
        if trial is not None:
            file = trial / Path(name).name
        ending = Path(name).suffix
        file.write_text(file_of(params, values, template, ending, self.names))
        return file.resolved()

    def _source(self, printed: Tail, folder: SafePath, own: bool) -> Source:
        """Where the metrics of a piece are: files in the trial's own folder, if it has one."""
        where = "the trial's folder" if own else "the checkpoint folder"
        if self.file is not None:
            return in_file(inside(folder, self.file), self.metric, where)
        if self.events is not None:
            there, tags = self.events
            return EventFiles(inside(folder, there), tags, self.metric, f"{there} in {where}")
        if self.pattern is not None:
            return Matches(printed.new, self.pattern, self.metric)
        return JsonLines(printed.new, self.metric)

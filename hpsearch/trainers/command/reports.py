"""What a script reports to a tracker: where its library writes, and what hpsearch reads there."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.messages import listed, readable
from hpsearch.store import SafePath
from hpsearch.trainers.command.files import Growing, WholeLines, metrics_in
from hpsearch.trainers.command.sources import Reported, Source
from hpsearch.trainers.command.stores import MlflowStore

CALLS = {
    "wandb": "wandb.log",
    "nni": "nni.report_intermediate_result",
    "mlflow": "mlflow.log_metric",
    "hpsearch": "this_trial.report",
}
"""The trackers by name, each with what reports a metric to it."""

HAND_OVER = ("wandb", "nni", "hpsearch")
"""Those from which a script gets the trial's parameters."""

STAND_IN = ("wandb", "nni")
"""Those whose modules hpsearch has a stand-in for."""

STANDINS = Path(__file__).parent / "standins"

SET = {"mlflow": ("MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE")}
"""Variables that only hpsearch may set, by tracker."""

_UNDEFINED = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@contextmanager
def tracked(
    name: str, folder: SafePath, log: SafePath, trial: SafePath | None = None
) -> Iterator[Tracker]:
    """A tracker for one piece of training, with a folder of its own that goes with the piece.

    Args:
        name: one of `CALLS`.
        folder: to make; what a killed search left there is removed.
        log: where to note what the script used that the stand-in does not have.
        trial: the trial's own folder, which keeps what the library writes; None if it has none.
    """
    folder.remove()
    folder.mkdir(private=True)
    tracker = Tracker(name, folder.resolved(), (trial or folder).resolved())
    try:
        yield tracker
    finally:
        if tracker.unknown:
            with log.append() as file:
                for each in tracker.unknown:
                    text = f"hpsearch: its stand-in for {name} has no {readable(each, 200)}"
                    file.write(f"{text}, so that does nothing\n".encode())
        folder.remove()


@dataclass(frozen=True)
class Tracker:
    """A tracker during one piece of training.

    Attributes:
        name: one of `CALLS`.
        folder: private, and the tracker's alone.
        kept: the folder for what the library writes besides.
        unknown: what the script used that the stand-in does not have.
    """

    name: str
    folder: SafePath
    kept: SafePath
    unknown: list[str] = field(default_factory=list)

    @property
    def _reports(self) -> SafePath:
        return self.folder / "reports.jsonl"

    @property
    def _store(self) -> SafePath:
        return self.kept / "mlruns"

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """What the script's environment needs, besides what it is given already.

        Args:
            given: the variables of the trial and of the configuration, which stand over these.
        """
        before = given.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
        found: dict[str, str] = {"HPSEARCH_REPORTS": str(self._reports)}
        if self.name in STAND_IN:
            path = [str(STANDINS), *([before] if before else [])]
            found["PYTHONPATH"] = os.pathsep.join(path)
        if self.name == "wandb":
            found["WANDB_MODE"] = "offline"
            if not given.get("WANDB_DIR", os.environ.get("WANDB_DIR")):
                found["WANDB_DIR"] = str(self.kept)
        if self.name == "mlflow":
            found["MLFLOW_TRACKING_URI"] = self._store.path.as_uri()
            found["MLFLOW_ALLOW_FILE_STORE"] = "true"  # else recent ones want a slow database
            # An experiment or a run of another store is not in this one.
            others = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID")
            found |= {name: "" for name in others if {**os.environ, **given}.get(name)}
        return {**given, **found}

    def source(self, metric: str, single: bool) -> Source:
        """Where the metrics are.

        Args:
            metric: what counts.
            single: whether a full training is one epoch.
        """
        if self.name == "mlflow":
            return MlflowStore(self._store, metric)
        return Reports(self._reports, self.name, metric, single, self.unknown)


class Reports:
    """The lines that a stand-in, or `this_trial`, writes of what a script reports.

    The reports of one step are put together, and those that have the metric are the epochs.
    """

    def __init__(
        self,
        path: SafePath,
        tracker: str,
        metric: str,
        single: bool = False,
        unknown: list[str] | None = None,
    ) -> None:
        """Follow the reports of a piece of training.

        Args:
            path: of the file.
            tracker: whose reports count.
            metric: what counts.
            single: whether a full training is one epoch: then the result of the whole counts,
                and otherwise only where no epoch has one.
            unknown: is given what the script used that the stand-in does not have.
        """
        self._unknown = [] if unknown is None else unknown
        self._tracker = tracker
        self._metric = metric
        self._single = single
        self._file = Growing(path)
        self._lines = WholeLines()
        self._run = 0  # which of the runs that the script begins one after the other
        self._step: tuple[int, object] | None = None
        self._values: dict[str, Any] = {}  # of the step
        self._any = False
        self._whole: dict[str, Any] = {}  # what the whole training came to
        self._names: dict[str, None] = {}

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        found = self._file.new(ended)
        reported = []
        if found is not None:
            lines = self._lines.of(found[1])
            reported = [each for line in lines if (each := self._read(line)) is not None]
        if ended and self._metric in self._whole and (self._single or not self._any):
            reported.append(Reported(self._whole))
        return reported

    def _read(self, line: bytes) -> Reported | None:
        try:
            held = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(held, dict) or held.get("source") != self._tracker:
            return None
        if "unknown" in held and len(self._unknown) < 100:
            self._unknown.append(str(held["unknown"]))
        if "end" in held:
            self._run += 1
        for key in ("summary", "final"):
            self._whole |= self._metrics(held.get(key))
        if "values" not in held:
            return None
        step = None if held.get("step") is None else (self._run, held["step"])
        if step is None or step != self._step:
            self._step, self._values = step, {}
        self._values |= self._metrics(held["values"])
        if self._metric not in self._values:
            return None
        self._any = True
        self._whole.pop(self._metric, None)  # what is logged later stands in its place
        return Reported(dict(self._values), key=step)

    def _metrics(self, values: Any) -> dict[str, Any]:
        """The numbers among what was reported, in which NNI calls the metric "default"."""
        if not isinstance(values, dict):
            return {}
        numbers = {name: _UNDEFINED.get(value, value) if isinstance(value, str) else value
                   for name, value in values.items()}  # fmt: skip
        if self._tracker == "nni" and "default" in numbers and self._metric not in numbers:
            numbers[self._metric] = numbers.pop("default")
        self._names.update(dict.fromkeys(list(numbers)[:100]))
        return metrics_in(numbers, self._metric)

    def nothing(self) -> TrainerError:
        """See `Source`."""
        message = f"the script must report {self._metric!r} by {CALLS[self._tracker]}, found "
        if self._names:
            return TrainerError(f"{message}only {listed(self._names)}")
        unseen = f"; python -I and containers do not see hpsearch's module {self._tracker}"
        return TrainerError(f"{message}no report{unseen if self._tracker in STAND_IN else ''}")

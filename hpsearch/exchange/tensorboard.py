"""A run as event files of TensorBoard: scalars an epoch, and its HParams page.

TensorBoard writes its messages and frames its records; TensorFlow is not needed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hpsearch.exchange.exported_run import ExportedRun, ExportedTrial
from hpsearch.exchange.target import Target, needs
from hpsearch.searching.history import LOST
from hpsearch.store.output import new_folder

VALUE = "hpsearch/value"  # the tag of a trial's value
FILE = "events.out.tfevents.{:010d}.hpsearch"


def to_tensorboard(run: ExportedRun, target: Target) -> str:
    """Write a folder that holds a folder for each trial; returns how to look at it.

    Raises:
        ExchangeError: TensorBoard is missing.
        OutputError: there is something of that name, or it cannot be written.
    """
    messages = _Messages()
    types = _types(run)
    with new_folder(target.path) as hidden:
        _write(hidden, 0, [messages.experiment(run, types)], messages)
        for trial in run.trials:
            folder = hidden / f"trial-{trial.result.number:05d}"
            folder.mkdir()
            start = int(trial.times[0].timestamp())
            _write(folder, start, messages.session(trial, types), messages)
    return f"tensorboard --logdir {target.path}"


def _write(folder: Path, start: int, events: Iterable[Any], messages: _Messages) -> None:
    with (folder / FILE.format(start)).open("wb") as file:
        writer = messages.record_writer(file)
        writer.write(messages.event(file_version="brain.Event:2", wall_time=start))
        for event in events:
            writer.write(event)


def _types(run: ExportedRun) -> dict[str, type]:
    """The type of each parameter as TensorBoard knows types: bool, float or str."""
    seen: dict[str, set[type]] = {}
    for trial in run.trials:
        for name, value in trial.params.items():
            seen.setdefault(name, set()).add(type(value))
    return {
        name: bool if types == {bool} else float if types <= {int, float} else str
        for name, types in seen.items()
    }


class _Messages:
    """TensorBoard's messages, as the bytes of an event file's records."""

    def __init__(self) -> None:
        with needs("TensorBoard", "tensorboard"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter

        self.record_writer = RecordWriter
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._api, self._metadata, self._data = api_pb2, metadata, plugin_data_pb2

    def event(self, **fields: Any) -> bytes:
        """One record of an event file."""
        return bytes(self._event(**fields).SerializeToString())

    def experiment(self, run: ExportedRun, types: Mapping[str, type]) -> bytes:
        """Which hyperparameters and metrics there are."""
        api = self._api
        kinds = {
            bool: api.DATA_TYPE_BOOL,
            float: api.DATA_TYPE_FLOAT64,
            str: api.DATA_TYPE_STRING,
        }
        metrics = (name for trial in run.trials for name in trial.curve if name != "epoch")
        tags = {VALUE: f"{run.criterion.name} ({run.criterion.goal})"}
        tags |= {name: name for name in metrics}
        experiment = api.Experiment(
            description=f"{run.name}, of hpsearch",
            hparam_infos=[api.HParamInfo(name=name, type=kinds[t]) for name, t in types.items()],
            metric_infos=[
                api.MetricInfo(name=api.MetricName(tag=tag), display_name=display)
                for tag, display in tags.items()
            ],
        )
        data = self._data.HParamsPluginData(experiment=experiment)
        return self._plugin(self._metadata.EXPERIMENT_TAG, data, 0.0)

    def session(self, trial: ExportedTrial, types: Mapping[str, type]) -> Iterable[bytes]:
        """A trial: its setting, its metrics epoch by epoch, its value, and its end."""
        result = trial.result
        start, end = (moment.timestamp() for moment in trial.times)
        info = self._data.SessionStartInfo(group_name=str(result.number), start_time_secs=start)
        for name, value in trial.params.items():
            if types[name] is str:  # JSON where a choice has not only texts
                text = value if isinstance(value, str) else json.dumps(value)
                info.hparams[name].string_value = text
            elif types[name] is bool:
                info.hparams[name].bool_value = value
            else:
                info.hparams[name].number_value = float(value)
        data = self._data.HParamsPluginData(session_start_info=info)
        yield self._plugin(self._metadata.SESSION_START_INFO_TAG, data, start)
        for epoch, metrics in trial.metrics:
            moment = start + (end - start) * epoch / max(1, result.epochs)
            yield self._scalars(metrics, epoch, min(moment, end))
        if result.value is not None:
            yield self._scalars({VALUE: result.value}, result.epochs, end)
        status = self._api.STATUS_FAILURE if result.status in LOST else self._api.STATUS_SUCCESS
        ended = self._data.SessionEndInfo(status=status, end_time_secs=end)
        data = self._data.HParamsPluginData(session_end_info=ended)
        yield self._plugin(self._metadata.SESSION_END_INFO_TAG, data, end)

    def _scalars(self, metrics: Mapping[str, float], step: int, moment: float) -> bytes:
        values = [self._summary.Value(tag=tag, simple_value=v) for tag, v in metrics.items()]
        return self.event(wall_time=moment, step=step, summary=self._summary(value=values))

    def _plugin(self, tag: str, data: Any, moment: float) -> bytes:
        value = self._summary.Value(
            tag=tag,
            metadata=self._metadata.create_summary_metadata(data),
            tensor=self._metadata.NULL_TENSOR,
        )
        return self.event(wall_time=moment, summary=self._summary(value=[value]))

"""A run as event files of TensorBoard: scalars an epoch, and its HParams page.

TensorBoard's own messages are written, by its own framing of records; TensorFlow is not needed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hpsearch.exchange.contents import Contents, rows, span
from hpsearch.exchange.flat import flatten
from hpsearch.exchange.needs import needs
from hpsearch.searching.history import LOST, PastTrial
from hpsearch.store.output import new_folder
from hpsearch.trial import Value

VALUE = "hpsearch/value"  # the tag of what a trial came to
FILE = "events.out.tfevents.{:010d}.hpsearch"


def to_tensorboard(contents: Contents, path: Path) -> str:
    """Write a folder with one for each trial; says how to look at it.

    Raises:
        ExchangeError: TensorBoard is missing.
        OutputError: there is something of that name, or it cannot be written.
    """
    messages = _Messages()
    kinds = _kinds(contents)
    with new_folder(path) as hidden:
        _write(hidden, 0, [messages.experiment(contents, kinds)], messages)
        for known in contents.trials:
            folder = hidden / f"trial-{known.result.number:05d}"
            folder.mkdir()
            start = int(span(known.result)[0].timestamp())
            _write(folder, start, messages.session(contents, known, kinds), messages)
    return f"tensorboard --logdir {path}"


def _write(folder: Path, start: int, events: Iterable[Any], messages: _Messages) -> None:
    with (folder / FILE.format(start)).open("wb") as file:
        writer = messages.record_writer(file)
        writer.write(messages.event(file_version="brain.Event:2", wall_time=start))
        for event in events:
            writer.write(event)


def _kinds(contents: Contents) -> dict[str, type]:
    """The type of each flat parameter as TensorBoard knows types: bool, float or str."""
    seen: dict[str, set[type]] = {}
    for known in contents.trials:
        for name, value in flatten(contents.space, known.result.params).items():
            seen.setdefault(name, set()).add(type(value))
    return {
        name: bool if types == {bool} else float if types <= {int, float} else str
        for name, types in seen.items()
    }


def _hyperparameters(flat: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Value]:
    """Values of their parameters' kinds; JSON where a choice has not only texts."""
    return {
        name: json.dumps(value)
        if kinds[name] is str and not isinstance(value, str)
        else kinds[name](value)
        for name, value in flat.items()
    }


class _Messages:
    """What TensorBoard reads, as bytes."""

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

    def experiment(self, contents: Contents, kinds: Mapping[str, type]) -> bytes:
        """Which hyperparameters and metrics there are."""
        api = self._api
        types = {
            bool: api.DATA_TYPE_BOOL,
            float: api.DATA_TYPE_FLOAT64,
            str: api.DATA_TYPE_STRING,
        }
        metrics = dict.fromkeys(name for known in contents.trials for name in _metrics(known))
        names = {VALUE: f"{contents.criterion.name} ({contents.criterion.goal})"}
        tags = names | {name: name for name in metrics}
        experiment = api.Experiment(
            description=f"{contents.name}, of hpsearch",
            hparam_infos=[api.HParamInfo(name=name, type=types[k]) for name, k in kinds.items()],
            metric_infos=[
                api.MetricInfo(name=api.MetricName(tag=tag), display_name=display)
                for tag, display in tags.items()
            ],
        )
        data = self._data.HParamsPluginData(experiment=experiment)
        return self._plugin(self._metadata.EXPERIMENT_TAG, data, 0.0)

    def session(
        self, contents: Contents, known: PastTrial, kinds: Mapping[str, type]
    ) -> Iterable[bytes]:
        """A trial: its setting, its metrics epoch by epoch, what it came to, and its end."""
        result = known.result
        start, end = (moment.timestamp() for moment in span(result))
        info = self._data.SessionStartInfo(group_name=str(result.number), start_time_secs=start)
        flat = flatten(contents.space, result.params)
        for name, value in _hyperparameters(flat, kinds).items():
            field = {bool: "bool_value", float: "number_value", str: "string_value"}[kinds[name]]
            setattr(info.hparams[name], field, value)
        data = self._data.HParamsPluginData(session_start_info=info)
        yield self._plugin(self._metadata.SESSION_START_INFO_TAG, data, start)
        curve = rows(known.curve)
        for epoch, metrics in curve:
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


def _metrics(known: PastTrial) -> list[str]:
    return [name for name in known.curve if name != "epoch"]

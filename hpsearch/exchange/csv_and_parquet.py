"""A table with a row for each trial: as CSV, and as Parquet with a type for each column."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hpsearch.exchange.exported_run import ExportedRun
from hpsearch.exchange.target import Target, needs
from hpsearch.report.table import columns, write_csv
from hpsearch.space import Choice, Parameter, Space

INT64 = range(-(2**63), 2**63)


def to_csv(run: ExportedRun, target: Target) -> str:
    """Write what `report --format csv` prints; returns how to read it.

    Raises:
        OutputError: the file exists already or cannot be written.
    """
    with target.output.text() as file:
        write_csv([trial.result for trial in run.trials], file)
    return f"pandas.read_csv({str(target.path)!r})"


def to_parquet(run: ExportedRun, target: Target) -> str:
    """Write the same columns with their types; returns how to read them.

    Numbers are int64 or double, `started` is a time in UTC, a parameter with `per` is a list.
    A choice between values of different types is JSON text. A value that is undefined or not
    active is null.

    Raises:
        ExchangeError: pyarrow is missing.
        OutputError: the file exists already or cannot be written.
    """
    with needs("Parquet", "parquet"):
        import pyarrow as pa
        import pyarrow.parquet as pq

    table = pa.table(_arrays(run, pa))
    with target.output.binary() as file:
        pq.write_table(table, file)
    return f"pandas.read_parquet({str(target.path)!r})"


def _arrays(run: ExportedRun, pa: Any) -> dict[str, Any]:
    """Arrow arrays by column, in the order of the CSV."""
    types = {
        **dict.fromkeys(("number", "round", "epochs"), pa.int64()),
        **dict.fromkeys(("status", "error"), pa.string()),
        "started": pa.timestamp("ms", "UTC"),
    }
    table = columns(trial.result for trial in run.trials)
    table["started"] = [trial.times[0] for trial in run.trials]
    arrays = {}
    for name, values in table.items():
        if name.startswith("params."):
            arrays[name] = _parameter(run.space, name.removeprefix("params."), values, pa)
        else:
            arrays[name] = pa.array(values, types.get(name, pa.float64()))
    return arrays


def _parameter(space: Space, name: str, values: list[Any], pa: Any) -> Any:
    """The column of one parameter, of the type that all its possible values share."""
    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "str": pa.string()}
    possible = [value for value in values if value is not None]
    if name in space:
        possible += _extremes(space[name])
    lists = [value for value in possible if isinstance(value, list)]
    listed = bool(lists) and len(lists) == len(possible)
    kind = _kind([entry for value in lists for entry in value] if listed else possible)
    if kind is None:
        texts = [None if value is None else json.dumps(value) for value in values]
        return pa.array(texts, pa.string())
    if kind == "float":
        values = [_as_float(value) for value in values]
    return pa.array(values, pa.list_(types[kind]) if listed else types[kind])


def _extremes(parameter: Parameter) -> list[Any]:
    """A choice's values, or the ends of a range; in a list if the parameter's values are lists."""
    domain = parameter.domain
    ends = list(domain.values) if isinstance(domain, Choice) else [domain.at(0.0), domain.at(1.0)]
    return ends if parameter.per is None else [ends]


def _kind(values: Iterable[Any]) -> str | None:
    """The one type that holds all values; None where there is none.

    >>> _kind([1, 2]), _kind([1, 2.5]), _kind([1, True]), _kind([1, None])
    ('int', 'float', None, 'int')
    """
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds <= {int, float} and all(v in INT64 for v in present if type(v) is int):
        return "int" if kinds == {int} else "float"
    return kinds.pop().__name__ if kinds in ({bool}, {str}) else None


def _as_float(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_float(entry) for entry in value]
    return None if value is None else float(value)

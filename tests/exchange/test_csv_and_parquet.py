"""CSV and Parquet: the same rows, in Parquet with types."""

import csv
import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hpsearch.errors import RunError
from hpsearch.exchange.formats import export_run
from hpsearch.report.table import write_csv
from hpsearch.trial import Status


def test_the_csv_is_that_of_the_report(made, out):
    run = made()
    exported = export_run(run, "csv", str(out / "made.csv"))
    printed = io.StringIO()
    write_csv(run.results, printed)
    assert (out / "made.csv").read_text() == printed.getvalue()
    assert exported.what == "5 trials of made"


def test_parquet_has_a_type_for_each_column(made, out):
    export_run(made(), "parquet", str(out / "made.parquet"))
    schema = pq.read_schema(out / "made.parquet")
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types == {
        "number": "int64",
        "round": "int64",
        "status": "string",
        "value": "double",
        "epochs": "int64",
        "metrics.loss": "double",
        "metrics.other": "double",
        "params.rate": "double",
        "params.share": "double",
        "params.layers": "int64",
        "params.units": "list<element: int64>",
        "params.batch": "int64",
        "params.width": "double",
        "params.optimizer": "string",
        "params.momentum": "double",
        "params.shape": "list<element: int64>",
        "params.batch_norm": "bool",
        "params.seeds": "int64",
        "started": "timestamp[ms, tz=UTC]",
        "seconds": "double",
        "error": "string",
    }


def test_parquet_holds_what_the_trials_hold(made, out):
    run = made()
    export_run(run, "parquet", str(out / "made.parquet"))
    rows = pq.read_table(out / "made.parquet").to_pylist()
    assert [row["status"] for row in rows] == [each.status.value for each in run.results]
    assert [row["value"] for row in rows] == [0.5, 0.25, 0.75, None, None]
    assert [row["params.units"] for row in rows[:2]] == [[8, 32], []]
    assert [row["params.momentum"] for row in rows[:2]] == [0.99, None]
    assert rows[4]["error"] == "ValueError: no such layer"
    assert rows[1]["started"] == pd.Timestamp("2026-01-02T03:04:01Z")


def test_a_choice_of_several_types_is_json_text(made, out, config, result):
    space = {"kind": {"values": [1, "one", None, [1.5], True]}}
    trials = [
        result(number, params={"kind": value}, epochs=1)
        for number, value in enumerate(space["kind"]["values"])
    ]
    run = made(config=config | {"space": space}, trials=trials, pieces=[], winner=0)
    export_run(run, "parquet", str(out / "made.parquet"))
    column = pq.read_table(out / "made.parquet")["params.kind"]
    assert column.type == pa.string()
    assert column.to_pylist() == ["1", '"one"', None, "[1.5]", "true"]


def test_a_number_too_large_for_parquet_is_text(made, out, config, result):
    space = {"big": {"values": [1, 2**70]}}
    run = made(
        config=config | {"space": space},
        trials=[result(0, params={"big": 1})],
        pieces=[],
        winner=0,
    )
    export_run(run, "parquet", str(out / "made.parquet"))
    assert pq.read_table(out / "made.parquet")["params.big"].to_pylist() == ["1"]


def test_whole_numbers_in_a_range_of_reals_stay_reals(made, out, config, result):
    space = {"share": {"min": 0, "max": 1}}
    run = made(
        config=config | {"space": space},
        trials=[result(0, params={"share": 1})],
        pieces=[],
        winner=0,
    )
    export_run(run, "parquet", str(out / "made.parquet"))
    assert pq.read_table(out / "made.parquet")["params.share"].to_pylist() == [1.0]


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_a_run_without_trials_is_a_table_without_rows(made, out, to):
    export_run(made(trials=[], pieces=[], winner=None), to, str(out / "t"))
    read = pd.read_csv if to == "csv" else pd.read_parquet
    frame = read(out / "t")
    assert len(frame) == 0
    assert list(frame)[:2] == ["number", "round"]


HOSTILE = 'a,"b"\n=1+1 \x1b[31m 🦊 ../..'


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_hostile_names_and_values_come_back_as_they_are(made, out, config, result, to):
    space = {HOSTILE: {"values": [HOSTILE, "plain"]}}
    run = made(
        config=config | {"space": space},
        trials=[result(0, params={HOSTILE: HOSTILE}, error=None, status=Status.COMPLETED)],
        pieces=[],
        winner=0,
    )
    export_run(run, to, str(out / "t"))
    if to == "csv":
        with (out / "t").open(newline="") as file:
            row = next(csv.DictReader(file))
    else:
        row = pq.read_table(out / "t").to_pylist()[0]
    assert row[f"params.{HOSTILE}"] == HOSTILE


def test_a_start_that_is_no_time_is_told(made, out, result):
    run = made(trials=[result(0, started="yesterday")], pieces=[], winner=0)
    with pytest.raises(RunError, match="trial 0: started must be a time"):
        export_run(run, "parquet", str(out / "made.parquet"))
    assert list(out.iterdir()) == []

"""Every trial as a row."""

import csv
import io

from hpsearch.report.table import write_csv
from hpsearch.trial import Result, Status


def result(number, status=Status.COMPLETED, params=None, metrics=None, error=None):
    metrics = metrics or {}
    value = metrics.get("val_loss")
    return Result(number, 0, status, params or {}, 3, metrics, value, error, "2026-01-01", 1.5)


def table(*results):
    text = io.StringIO()
    write_csv(results, text)
    return list(csv.DictReader(io.StringIO(text.getvalue())))


def test_what_is_undefined_or_not_active_is_an_empty_cell():
    rows = table(
        result(0, params={"momentum": 0.9}, metrics={"val_loss": 0.5}),
        result(1, Status.DIVERGED, {"beta1": 0.9}, {"val_loss": None}),
        result(2, Status.FAILED, error="ValueError: no"),
    )
    assert [row["params.momentum"] for row in rows] == ["0.9", "", ""]
    assert [row["params.beta1"] for row in rows] == ["", "0.9", ""]
    assert [row["metrics.val_loss"] for row in rows] == ["0.5", "", ""]
    assert [row["status"] for row in rows] == ["completed", "diverged", "failed"]
    assert rows[2]["error"] == "ValueError: no"


def test_text_with_commas_quotes_and_newlines_survives():
    error = 'ValueError: "a, b"\nc'
    assert table(result(0, error=error))[0]["error"] == error


def test_lists_and_booleans_stand_as_json():
    row = table(result(0, params={"hidden_units": [8, 4], "batch_norm": True}))[0]
    assert (row["params.hidden_units"], row["params.batch_norm"]) == ("[8, 4]", "true")


def test_without_trials_there_is_still_a_heading():
    text = io.StringIO()
    write_csv([], text)
    assert text.getvalue() == "number,round,status,value,epochs,started,seconds,error\n"

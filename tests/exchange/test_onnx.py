"""ONNX: a runtime of others predicts what the network predicts, from the raw values."""

import json
import struct
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import plotly.data
import pytest

import hpsearch
from hpsearch.cli import cli
from hpsearch.data.open import read_digits
from hpsearch.errors import ExchangeError, RunError
from hpsearch.exchange.formats import FORMATS, export_run
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.searching.models import winning_model

DIGITS = read_digits().numbers
TEXT, NUMBER, WHOLE = "tensor(string)", "tensor(double)", "tensor(int64)"


@pytest.fixture
def session(out):
    """Export a run, or a model.npz, and open it in onnxruntime."""

    def opened(run):
        path = out / f"{run.name}.onnx"
        export_run(run, "onnx", str(path))
        onnx.checker.check_model(path, full_check=True)
        return onnxruntime.InferenceSession(path)

    return opened


def answers(session, rows):
    """The outputs for an array, or for a frame with the columns that are asked for."""
    if len(session.get_inputs()) == 1:
        return session.run(None, {"x": np.asarray(rows, np.float64)})
    types = {each.name: each.type for each in session.get_inputs()}
    return session.run(
        None,
        {
            name: rows[[name]].to_numpy(np.float64 if type_ == NUMBER else object)
            for name, type_ in types.items()
        },
    )


def agrees(session, run, rows):
    """Hold both outputs against the network's; gives the labels."""
    run = hpsearch.Run(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts that no training row had
        expected, named = run.probabilities(rows).to_numpy(), run.predict(rows)
    label, probabilities = answers(session, rows)
    assert label.tolist() == named.tolist()
    assert probabilities.dtype == np.float32
    assert np.abs(probabilities - expected).max() < 1e-7
    return label


@pytest.mark.parametrize("batch_norm", [True, False], ids=["batch norm", "plain"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_predicts_the_same(trained, session, activation, batch_norm):
    run = trained(trainer={"activation": activation, "batch_norm": batch_norm,
                           "hidden_layers": 2, "hidden_units": [24, 16]})  # fmt: skip
    made = session(run)
    assert [(each.name, each.type) for each in made.get_inputs()] == [("x", NUMBER)]
    assert agrees(made, run, DIGITS).dtype == np.int64


def test_softmax_regression_predicts_the_same(trained, session):
    run = trained(trainer={"hidden_layers": 0, "hidden_units": []})
    agrees(session(run), run, DIGITS)


def test_pictures_with_large_logits_predict_the_same(trained, session, tmp_path):
    noise = np.random.default_rng(0).normal(0, 20, (len(DIGITS), 28, 28))
    large = np.kron(DIGITS.reshape(-1, 8, 8), np.ones((1, 4, 4)))[:, 2:30, 2:30] * 16
    pictures = (large + noise).clip(0, 255).astype(np.uint8)
    folder, labels = tmp_path / "idx", read_digits().labels.codes.astype(np.uint8)
    folder.mkdir()
    for name, array in (("images-idx3", pictures), ("labels-idx1", labels)):
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"digits-{name}-ubyte").write_bytes(header + array.tobytes())
    run = trained(folder, trainer={"epochs": 6, "hidden_layers": 0, "hidden_units": []})
    agrees(session(run), run, pictures.reshape(len(pictures), -1))


def test_a_table_of_numbers_is_one_input_with_its_columns_in_order(trained, session, tmp_path):
    frame = plotly.data.gapminder().drop(columns=["country", "iso_alpha", "iso_num"])
    frame["thousandths"] = 1e9 + frame["lifeExp"] / 1000  # which float32 cannot tell apart
    frame.to_csv(tmp_path / "data.csv", index=False)
    run = trained(tmp_path / "data.csv", target="continent", trainer={"epochs": 5})
    made = session(run)
    assert made.get_inputs()[0].shape == ["rows", 5]
    columns = json.loads(made.get_modelmeta().custom_metadata_map["columns"])
    assert columns == ["year", "lifeExp", "pop", "gdpPercap", "thousandths"]
    assert set(agrees(made, run, frame[columns])) > {"Africa", "Asia"}


@pytest.fixture
def tips(tmp_path):
    """A table with text columns, whose labels are days, as a frame and as a file."""
    frame = plotly.data.tips()
    frame.to_csv(tmp_path / "tips.csv", index=False)
    return frame, tmp_path / "tips.csv"


def test_a_table_with_text_has_an_input_for_each_column(trained, session, tips):
    frame, path = tips
    run = trained(path, target="day", trainer={"activation": "gelu"})
    made = session(run)
    assert [(each.name, each.type) for each in made.get_inputs()] == [
        ("total_bill", NUMBER), ("tip", NUMBER), ("size", NUMBER),
        ("sex", TEXT), ("smoker", TEXT), ("time", TEXT),
    ]  # fmt: skip
    assert {(tuple(each.shape)) for each in made.get_inputs()} == {("rows", 1)}
    assert made.get_outputs()[0].type == TEXT
    agrees(made, run, frame)
    agrees(made, run, frame.assign(sex="unheard of", time="Brunch"))


def test_missing_numbers_are_filled_and_missing_texts_are_no_category(trained, session, tips):
    frame, path = tips
    frame.loc[::7, "tip"] = np.nan
    frame.loc[::5, "size"] = -999
    frame.loc[::3, "sex"] = np.nan
    frame.to_csv(path, index=False)
    run = trained(path, target="day", missing="mean", missing_values=["-999", "none"])
    made = session(run)
    label, probabilities = answers(made, frame.fillna({"sex": ""}))
    expected = hpsearch.Run(run).probabilities(frame)
    assert np.abs(probabilities - expected).to_numpy().max() < 1e-7
    assert label.tolist() == hpsearch.Run(run).predict(frame).tolist()


@pytest.mark.parametrize("missing_values", [[], ["-999"]])
def test_what_predict_refuses_has_no_probabilities(trained, session, tips, missing_values):
    frame, path = tips
    made = session(trained(path, target="day", missing_values=missing_values))
    frame.loc[3, "tip"] = -999 if missing_values else np.nan
    _, probabilities = answers(made, frame)
    assert np.isnan(probabilities[3]).all()
    assert np.isfinite(np.delete(probabilities, 3, axis=0)).all()


def test_a_column_of_text_may_hold_nothing_in_the_training_rows(trained, session, tips):
    frame, path = tips
    frame["empty"] = pd.Series("one", index=frame.index).where(frame.index == 0)
    frame.to_csv(path, index=False)
    runs = (trained(path, target="day", name=str(seed), missing="mean", split_seed=seed)
            for seed in range(20))  # fmt: skip
    run = next(run for run in runs if "empty=one" not in winning_model(run)[1].names)
    made = session(run)
    assert "empty" in {each.name for each in made.get_inputs()}
    agrees(made, run, frame.fillna({"empty": "one"}))


@pytest.mark.parametrize(
    ("labels", "type_", "found"),
    [
        ([3, 10], WHOLE, [3, 10]),
        ([-(2**40), 2**40], WHOLE, [-(2**40), 2**40]),
        (["yes", "nö"], TEXT, ["yes", "nö"]),
        (["TRUE", "FALSE"], TEXT, ["TRUE", "FALSE"]),
        (["0.5", "1.5"], TEXT, ["0.5", "1.5"]),
        (["1e19", "2e19"], TEXT, ["1e19", "2e19"]),
        (["01", "02"], TEXT, ["01", "02"]),
    ],
)
def test_labels_are_whole_numbers_or_text_as_written(
    trained, session, tmp_path, labels, type_, found
):
    rows = [f"{i % 2 * 9 + i / 100},{labels[i % 2]}" for i in range(100)]
    (tmp_path / "data.csv").write_text("\n".join(["x,y", *rows]), encoding="utf-8")
    made = session(trained(tmp_path / "data.csv", target="y", trainer={"epochs": 20}))
    assert made.get_outputs()[0].type == type_
    label, probabilities = answers(made, [[0.0], [9.0]])
    assert label.tolist() == found
    names = json.loads(made.get_modelmeta().custom_metadata_map["class_names"])
    assert [names[i] for i in probabilities.argmax(axis=1)] == [str(each) for each in labels]


def test_columns_may_be_called_as_anything_else_is(trained, session, tips):
    frame, path = tips
    names = {"tip": "label", "sex": "probabilities", "smoker": "constant", "time": "cast",
             "size": ' a,"b"\n\x1b[31m 🦊', "total_bill": "x"}  # fmt: skip
    frame = frame.rename(columns=names)
    frame.to_csv(path, index=False)
    run = trained(path, target="day")
    made = session(run)
    assert {each.name for each in made.get_inputs()} == {*names.values()}
    assert [each.name for each in made.get_outputs()] == ["label_", "probabilities_"]
    agrees(made, run, frame)


def test_any_number_of_rows_is_a_batch(trained, session):
    made = session(trained())
    _, every = answers(made, DIGITS)
    for rows in (1, 2, 33):
        _, found = answers(made, DIGITS[:rows])
        assert np.abs(found - every[:rows]).max() < 1e-7
    label, found = answers(made, np.zeros((0, 64)))
    assert (label.shape, found.shape) == ((0,), (0, 10))


def test_the_file_says_where_it_comes_from_and_what_can_read_it(trained, out):
    run = trained()
    export_run(run, "onnx", str(out / "made.onnx"))
    model = onnx.load(out / "made.onnx")
    assert {each.key: each.value for each in model.metadata_props} == {
        "class_names": json.dumps([*"0123456789"]), "run": "trained", "trial": "0",
    }  # fmt: skip
    assert (model.producer_name, model.producer_version) == ("hpsearch", hpsearch.__version__)
    assert model.ir_version == 7
    assert {each.domain: each.version for each in model.opset_import} == {"": 13, "ai.onnx.ml": 2}


def test_the_same_run_gives_the_same_bytes(trained, tips, out):
    run = trained(tips[1], target="day")
    for name in ("one", "two"):
        export_run(run, "onnx", str(out / name))
    assert (out / "one").read_bytes() == (out / "two").read_bytes()


def test_a_model_file_is_exported_too(trained, session, tmp_path):
    run = trained()
    (tmp_path / "mine.npz").write_bytes((run.path / "best" / "model.npz").read_bytes())
    made = session(tmp_path / "mine.npz")
    agrees(made, run, DIGITS)
    assert [*made.get_modelmeta().custom_metadata_map] == ["class_names"]


@pytest.mark.parametrize("to", [to for to in FORMATS if not FORMATS[to].of_model])
def test_a_model_file_has_no_trials_to_export(tmp_path, out, to):
    with pytest.raises(ExchangeError, match=r"mine\.npz: is a model without trials"):
        export_run(tmp_path / "mine.npz", to, str(out / "t"))


def test_a_model_file_that_is_missing_or_damaged_is_told(tmp_path, out):
    path = tmp_path / "mine.npz"
    with pytest.raises(RunError, match="no such file"):
        export_run(path, "onnx", str(out / "t"))
    path.write_bytes(b"no archive")
    with pytest.raises(RunError, match="damaged, or not a model that hpsearch saved"):
        export_run(path, "onnx", str(out / "t"))
    assert list(out.iterdir()) == []


def test_a_run_without_a_winner_or_a_network_of_its_own_is_told(made, config, out):
    network = {"data": {"source": "digits"}, "trainer": {"kind": "network"},
               "space": {"learning_rate": {"values": [0.1]}}}  # fmt: skip
    keras = network | {
        "trainer": {"kind": "keras", "model": "own.py:build"}, "metric": {"name": "val_loss"},
    }  # fmt: skip
    for name, winner, given, message in [
        ("early", None, network, "has no winner yet"),
        ("own", 1, config, "was trained by a function of your own"),
        ("keras", 1, keras, r"the winner is another model; convert .*/best/model\.keras with"),
    ]:
        status = "running" if winner is None else "finished"
        run = made(name, winner=winner, config=given, status=status)
        with pytest.raises((ExchangeError, RunError), match=message):
            export_run(run, "onnx", str(out / "t"))
    assert list(out.iterdir()) == []


def test_the_command_says_what_it_wrote_and_how_to_use_it(trained, out, capsys):
    run = trained()
    for source, what in [
        (run.path, "the winner of trained"),
        (run.path / "best" / "model.npz", f"the model of {run.path / 'best' / 'model.npz'}"),
    ]:
        cli(["export", str(source), "--to=onnx", "--force", str(out / "m.onnx")],
            standalone_mode=False)  # fmt: skip
        assert capsys.readouterr().err == (
            f"wrote {what} to {out / 'm.onnx'}; "
            f"use it with: onnxruntime.InferenceSession({str(out / 'm.onnx')!r})\n"
        )


def test_a_model_is_never_taken_for_the_target(trained, tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(b"precious")
    trained()
    with pytest.raises(Exception, match=r"Missing argument 'TARGET': .*mine.npz is a model"):
        cli(["export", "--to=onnx", "--force", str(path)], standalone_mode=False)
    assert path.read_bytes() == b"precious"

"""`hpsearch retrain`, `evaluate` and `predict`: the winner, again and at work."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpsearch.cli.predict import header

SAME = "the same as recorded, bit for bit, in every epoch"


@pytest.fixture
def garden(hpsearch, flowers):
    """A finished search of the table of flowers."""
    Path("garden.yaml").write_text(
        "data: {source: flowers.csv, target: flower}\n"
        "trainer: {epochs: 20, batch_size: 8, hidden_units: 8}\n"
        "metric: {name: val_loss, goal: minimize}\n"
        "space: {learning_rate: {scale: log, min: 1e-2, max: 1}}\n"
        "search: {trials: 4}\n"
        "parallel: {backend: serial}\n"
    )
    return hpsearch("run", "garden.yaml", "--name=garden", "-q")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_retraining_the_winner_is_the_same_bit_for_bit(hpsearch, searched):
    searched("first")
    said = hpsearch("retrain", "first")
    assert said.status == 0
    assert said.out.splitlines()[-1] == SAME


def test_any_trial_can_be_retrained_also_one_of_the_parent(hpsearch, searched):
    searched("first", "--trials=8")
    for number in range(8):
        assert hpsearch("retrain", "first", f"--trial={number}").out.endswith(f"{SAME}\n")
    hpsearch("refine", "first", "--name=child", "--trials=2")
    history = Path("runs/child/history.jsonl").read_text().splitlines()
    number = json.loads(history[0])["number"]
    assert hpsearch("retrain", "child", f"--trial={number}").out.endswith(f"{SAME}\n")


def test_retraining_longer_starts_the_same_and_goes_on(hpsearch, searched):
    searched("first")
    said = hpsearch("retrain", "first", "--epochs=4")
    assert said.status == 0
    assert "after epoch 4" in said.out
    assert "recorded" not in said.out


def test_retraining_with_seeds_gives_mean_and_deviation(hpsearch, searched):
    searched("first")
    said = hpsearch("retrain", "first", "--seeds=3")
    assert said.status == 0
    heading, *lines = said.out.splitlines()[1:]
    assert heading.split() == ["after", "epoch", "2", "mean", "of", "3", "deviation"]
    deviations = {line.split()[0]: float(line.split()[2]) for line in lines}
    assert deviations["val_loss"] > 0


def test_a_refit_model_is_written_and_can_be_used(hpsearch, garden, flowers):
    said = hpsearch("retrain", "--refit", "--output=all.npz")
    assert said.status == 0
    assert "wrote all.npz; use it with: hpsearch predict all.npz DATA" in said.err
    assert "val_loss" not in said.out  # its rows were trained on
    assert len(rows(hpsearch("predict", "all.npz", flowers).out)) == 60


def test_retraining_with_folds_trains_all_of_them_and_refits_on_all_rows(hpsearch, searched):
    searched("folds", "--set=search.folds=3")
    assert hpsearch("retrain", "folds").out.endswith(f"{SAME}\n")
    assert "mean of 2" in hpsearch("retrain", "folds", "--seeds=2").out
    for words in ([], ["--refit"]):
        assert hpsearch("retrain", "folds", "--output=m.npz", "--force", *words).status == 0
        said = hpsearch("evaluate", "m.npz", "digits", "--json")
        assert json.loads(said.out)["new_accuracy"] > 0.8


def test_retraining_shows_the_epoch_that_counts(hpsearch, searched):
    wild = ("--set=metric.at=best", "--set=trainer.epochs=6", "--set=space.learning_rate.min=0.5")
    searched("best", *wild)
    stored = json.loads(Path("runs/best/best/result.json").read_text())
    shown = hpsearch("retrain", "best", f"--trial={stored['number']}").out
    [line] = [line for line in shown.splitlines() if line.startswith("val_accuracy")]
    assert float(line.split()[1]) == pytest.approx(stored["search"]["value"], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--trial=99"], 1, "runs/first: has no trial 99; there are 0 to 5"),
        (["--output=m.txt"], 2, "--output must end in .npz, found m.txt"),
        (["--output=m.npz", "--seeds=2"], 2, "--output saves one model; leave out --seeds"),
        (["--epochs=0"], 2, "must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_retrained_is_told(hpsearch, searched, words, status, message):
    searched("first")
    said = hpsearch("retrain", "first", *words)
    assert said.status == status
    assert message in said.err


def test_data_that_changed_since_is_told(hpsearch, garden, flowers):
    flowers.write_text(flowers.read_text() + "9.5,red,tulip\n")
    for words in (["retrain", "garden"], ["resume", "garden", "--trials=9"]):
        said = hpsearch(*words)
        assert said.status == 1
        assert "the data must be what the run began with" in said.err


def test_evaluate_shows_the_stored_result_and_measures_nothing_again(hpsearch, garden, flowers):
    stored = json.loads(Path("runs/garden/best/result.json").read_text())["test"]
    flowers.unlink()
    said = json.loads(hpsearch("evaluate", "garden", "--json").out)
    assert said == {"classes": ["iris", "rose", "tulip"], **stored}
    text = hpsearch("evaluate", "garden").out
    assert text.startswith("on 12 test rows\n")
    assert text.splitlines()[2].split()[0] == "test_loss"  # what was searched comes first
    assert "constant answer: always the largest class" in text
    assert text.count("tulip") == 3  # its rates, and a row and a column of the matrix


def test_evaluate_measures_new_labelled_rows(hpsearch, garden):
    Path("new.csv").write_text(
        "note,flower,colour,size\na,rose,red,0.15\nb,iris,blue,1.15\nc,tulip,red,2.15\n"
    )
    said = hpsearch("evaluate", "garden", "new.csv", "--json")
    assert said.status == 0
    found = json.loads(said.out)
    assert found["rows"] == 3
    assert found["new_accuracy"] == np.trace(found["confusion"]) / 3
    assert (found["data"], found["rows_trained_on"]) == ("new.csv", 0)
    assert hpsearch("evaluate", "garden", "new.csv").out.startswith("on 3 new rows\n")


def test_evaluate_needs_labels_that_the_model_knows(hpsearch, garden):
    Path("bare.csv").write_text("size,colour\n0.1,red\n")
    said = hpsearch("evaluate", "garden", "bare.csv")
    assert said.status == 1
    assert "hpsearch predict" in said.err
    Path("odd.csv").write_text("size,colour,flower\n0.1,red,oak\n")
    said = hpsearch("evaluate", "garden", "odd.csv")
    assert said.status == 1
    assert "'oak'" in said.err


def test_evaluate_without_test_rows_asks_for_data(hpsearch, searched):
    searched("bare", "--set=data.test=0")
    said = hpsearch("evaluate", "bare")
    assert said.status == 1
    assert "hpsearch evaluate runs/bare DATA" in said.err


def test_predict_labels_rows_in_their_order_with_the_names_of_the_classes(hpsearch, garden):
    Path("new.csv").write_text("colour,size\nblue,1.1\nred,0.1\nred,2.1\nblue,1.2\n")
    said = hpsearch("predict", "garden", "new.csv", "--probabilities")
    assert said.status == 0
    found = rows(said.out)
    assert list(found[0]) == ["label", "probability", "iris", "rose", "tulip"]
    assert [row["label"] for row in found] == ["iris", "rose", "tulip", "iris"]
    for row in found:
        shares = {name: float(row[name]) for name in ("iris", "rose", "tulip")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert max(shares, key=shares.__getitem__) == row["label"]
        assert float(row["probability"]) == max(shares.values())


def test_predict_writes_a_file(hpsearch, garden, flowers):
    said = hpsearch("predict", "garden", flowers, "-o", "labels.csv")
    assert (said.status, said.out) == (0, "")
    assert said.err == "wrote 60 labels to labels.csv\n"
    assert len(rows(Path("labels.csv").read_text())) == 60
    said = hpsearch("predict", "garden", flowers, "-o", "no/such/labels.csv")
    assert said.status == 1
    assert "no/such/labels.csv: must be in a folder that exists" in said.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size\n1\n", "'colour'"),
        ("size,colour\n1,\n", "missing value"),
        ("size,colour\nbig,red\n", "'big'"),
        ("", "the file is empty"),
    ],
)
def test_rows_that_do_not_fit_the_model_are_told(hpsearch, garden, text, message):
    Path("new.csv").write_text(text)
    said = hpsearch("predict", "garden", "new.csv")
    assert said.status == 1
    assert "new.csv: " in said.err
    assert message in said.err
    assert said.out == ""


def test_a_text_value_that_training_never_saw_is_none_of_those_it_saw(hpsearch, garden):
    Path("new.csv").write_text("size,colour\n1.1,green\n")
    said = hpsearch("predict", "garden", "new.csv")
    assert said.status == 0
    assert len(rows(said.out)) == 1


def test_a_model_file_that_is_none_is_told(hpsearch, flowers):
    Path("model.npz").write_bytes(b"PK")
    said = hpsearch("predict", "model.npz", flowers)
    assert said.status == 1
    assert "model.npz: damaged, or not a model that hpsearch saved" in said.err


def test_a_category_that_training_never_saw_is_told_on_stderr(hpsearch, garden):
    Path("new.csv").write_text("size,colour,flower\n1.1,green,iris\n0.15,red,rose\n")
    for words in (["predict", "garden", "new.csv"], ["evaluate", "garden", "new.csv"]):
        said = hpsearch(*words)
        assert said.status == 0
        assert said.err == (
            "warning: new.csv: column 'colour': 1 of 2 rows hold what no training row held: "
            "'green'; the model takes it for none of the 2 categories that it knows\n"
        )


@pytest.mark.parametrize(
    "names", [("10.1", "10.10", "beta"), ("TRUE", "FALSE"), ("1.0", "2.0"), ("007", "NA", "x")]
)
def test_labels_are_written_and_understood_as_the_training_data_wrote_them(
    hpsearch, garden, names
):
    lines = [f"{i % len(names)}.{i % 7},{names[i % len(names)]}\n" for i in range(60)]
    Path("named.csv").write_text("size,flower\n" + "".join(lines))
    hpsearch("run", "garden.yaml", "--set=data.source=named.csv", "--name=named", "-q")
    new = [line for line in lines if not line.endswith(f",{names[-1]}\n")]
    Path("new.csv").write_text("size,flower\n" + "".join(new))
    found = [row["label"] for row in rows(hpsearch("predict", "named", "new.csv").out)]
    given = [line.strip().split(",")[1] for line in new]
    right = sum(map(str.__eq__, found, given)) / len(given)
    assert right > 0.5
    measured = json.loads(hpsearch("evaluate", "named", "new.csv", "--json").out)
    assert measured["new_accuracy"] == pytest.approx(right)


@pytest.fixture
def measured(hpsearch):
    """A finished search of a table in which no two rows are the same."""
    lines = [f"{i % 3}.{i:03},{i},{'abc'[i % 3]}\n" for i in range(60)]
    Path("unique.csv").write_text("size,id,kind\n" + "".join(lines))
    Path("unique.yaml").write_text(
        "data: {source: unique.csv, target: kind, exclude: [id]}\n"
        "trainer: {epochs: 2}\n"
        "space: {learning_rate: {scale: log, min: 1e-2, max: 1}}\n"
        "search: {trials: 2}\n"
        "parallel: {backend: serial}\n"
    )
    hpsearch("run", "unique.yaml", "--name=unique", "-q")
    return lines


def told_of(seen, rows, data):
    return (
        f"warning: {data}: the winner was trained on, or chosen by, {seen} of these {rows} rows; "
        f"they are not new, and flatter it\n"
    )


def test_rows_that_the_winner_was_trained_on_are_not_called_new(hpsearch, measured):
    said = hpsearch("evaluate", "unique", "unique.csv")
    assert said.err == told_of(48, 60, "unique.csv")  # the other 12 are the test rows
    assert said.out.startswith("on 60 given rows\n")
    said = hpsearch("evaluate", "unique", "unique.csv", "--json")
    assert json.loads(said.out)["rows_trained_on"] == 48
    assert said.err == told_of(48, 60, "unique.csv")


def test_an_overlap_with_the_training_rows_is_told_whatever_the_file_is_called(hpsearch, measured):
    new = "7.5,7,a\n"
    Path("other.csv").write_text("size,id,kind\n" + "".join(measured[:30]) + new)
    said = hpsearch("evaluate", "unique", "other.csv", "--json")
    seen = json.loads(said.out)["rows_trained_on"]
    assert 12 < seen <= 30
    assert said.err == told_of(seen, 31, "other.csv")
    Path("other.csv").write_text("size,id,kind\n" + new)
    assert hpsearch("evaluate", "unique", "other.csv").err == ""


def test_a_copy_of_data_that_is_gone_is_known_by_its_fingerprint(hpsearch, measured):
    Path("unique.csv").rename("copy.csv")
    assert hpsearch("evaluate", "unique", "copy.csv").err == told_of(48, 60, "copy.csv")
    Path("part.csv").write_text("size,id,kind\n" + measured[0])
    said = hpsearch("evaluate", "unique", "part.csv", "--json")
    assert json.loads(said.out)["rows_trained_on"] is None
    assert said.err == ""


def test_rows_that_are_the_same_by_chance_are_not_told(hpsearch, garden):
    Path("few.csv").write_text("size,flower\n" + "0,rose\n1,iris\n" * 30)
    hpsearch("run", "garden.yaml", "--set=data.source=few.csv", "--name=few", "-q")
    Path("new.csv").write_text("size,flower\n" + "0,rose\n1,iris\n" * 2)
    assert hpsearch("evaluate", "few", "new.csv").err == ""


def test_predict_copies_columns_as_they_are_written(hpsearch, garden):
    Path("new.csv").write_text('id,colour,size,flower,note\n007,red,0.10,?,"a,b"\n8,blue,1.1,x,\n')
    said = hpsearch("predict", "garden", "new.csv", "--keep=id", "-k", "size", "--keep", "note")
    assert said.out.splitlines()[0] == "id,size,note,label,probability"
    found = [(row["id"], row["size"], row["note"], row["label"]) for row in rows(said.out)]
    assert found == [("007", "0.10", "a,b", "rose"), ("8", "1.1", "", "iris")]
    said = hpsearch("predict", "garden", "new.csv", "--keep=nota")
    assert said.status == 1
    assert "there is no column 'nota' to keep (did you mean 'note'?)" in said.err
    said = hpsearch("predict", "garden", "new.csv", "--keep=flower", "--keep=flower", "-p")
    assert said.out.splitlines()[0] == "flower,label,probability,iris,rose,tulip"


def test_predict_copies_columns_of_parquet_and_none_of_arrays(hpsearch, garden, searched):
    frame = pd.DataFrame({"id": [7, 8], "size": [0.1, 1.1], "colour": ["red", "blue"]})
    frame.assign(when=pd.to_datetime(["2020-01-01", None])).to_parquet("new.parquet")
    said = hpsearch("predict", "garden", "new.parquet", "--keep=id", "--keep=when")
    assert [row["id"] for row in rows(said.out)] == ["7", "8"]
    assert [row["when"][:10] for row in rows(said.out)] == ["2020-01-01", ""]
    searched("first")
    said = hpsearch("predict", "first", "digits", "--keep=id")
    assert said.err == "hpsearch: digits: its columns have no names by which to keep some\n"


@pytest.mark.parametrize(
    ("keep", "classes", "names"),
    [
        ([], [], ["label", "probability"]),
        (["id"], ["no", "yes"], ["id", "label", "probability", "no", "yes"]),
        (["label"], [], ["label", "predicted_label", "probability"]),
        (
            ["yes"],
            ["no", "yes"],
            ["yes", "label", "probability", "probability_no", "probability_yes"],
        ),
        (["probability"], [], ["probability", "label", "predicted_probability"]),
        ([], ["label", "x"], ["label", "probability", "probability_label", "probability_x"]),
    ],
)
def test_no_two_columns_of_predictions_have_one_name(keep, classes, names):
    assert header(keep, classes) == names
    assert len(set(names)) == len(names)


def test_what_a_damaged_run_lacks_to_train_a_trial_again_is_one_message(hpsearch, searched):
    searched("best", "--set=metric.at=best")
    run = Path("runs/best")
    curves = (run / "curves.jsonl").read_bytes()
    (run / "curves.jsonl").write_bytes(b"")
    said = hpsearch("retrain", "best", "--refit")
    assert said.status == 1
    assert "curves.jsonl must hold its val_accuracy after each epoch" in said.err
    assert hpsearch("retrain", "best").status == 0
    (run / "curves.jsonl").write_bytes(curves)
    record = json.loads((run / "run.json").read_text())
    record["config"]["metric"]["name"] = "no_such"
    record["status"] = "interrupted"
    (run / "run.json").write_text(json.dumps(record))
    for words in (["retrain"], ["retrain", "--refit"], ["resume"]):
        said = hpsearch(*words, "best")
        assert said.status == 1
        assert "run.json: config: metric: name must be one of train_loss, " in said.err
        assert said.err.endswith("found 'no_such'; the file is damaged\n")

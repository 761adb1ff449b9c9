"""Metrics that a script hands to a library: read while it trains, in whole searches."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch.errors import ConfigError, TrainerError
from hpsearch.store import SafePath
from hpsearch.trainers.command import stores
from hpsearch.trainers.command.kind import KIND
from hpsearch.trainers.command.reports import Reports, tracked
from hpsearch.trainers.command.stores import EventFiles, MlflowStore, Point, Together

PACKAGE = Path(hpsearch.__file__).parent


def needs(module):
    """Skip a test without a package, whose lack is a failure where it must be tested."""
    if importlib.util.find_spec(module) is None:
        unable = pytest.fail if os.environ.get("REQUIRE_TOOLS") else pytest.skip
        unable(f"needs {module}: pip install {module}")


# --- the reports of a stand-in ---


@pytest.fixture
def reports(tmp_path):
    """Read lines of reports, all at once or each after the other; what counts."""

    def read(lines, tracker="wandb", metric="loss", single=False, looks=True):
        path = tmp_path / "reports.jsonl"
        path.write_text("")
        source = Reports(SafePath(tmp_path) / path.name, tracker, metric, single)
        found = []
        for line in lines:
            with path.open("a") as file:
                file.write(json.dumps({"source": tracker, **line}) + "\n")
            found += source.look(ended=False) if looks else []
        return found + source.look(ended=True), source

    return read


def log(at, /, **values):
    return {"step": at, "values": values}


@pytest.mark.parametrize("looks", [True, False])
def test_the_reports_of_a_step_are_put_together(reports, looks):
    lines = [
        log(0, lr=0.1), log(0, loss=3), log(1, loss=2, epoch=1, step=5), log(1, acc=0.5),
        log(2, lr=0.2), log(5, loss="NaN", most="Infinity"), {"unknown": "wandb.odd"},
        {"end": "finish"},
        log(0, loss=1), log(None, loss=0), log(None, acc=0), {"source": "other", "values": {}},
    ]  # fmt: skip
    found, _ = reports(lines, looks=looks)
    assert str([each.values for each in found]) == str(
        [
            {"lr": 0.1, "loss": 3},
            {"loss": 2},
            {"loss": 2, "acc": 0.5},
            {"loss": float("nan")},
            {"loss": 1},
            {"loss": 0},
        ]
    )
    assert [each.key for each in found] == [(0, 0), (0, 1), (0, 1), (0, 5), (1, 0), None]


@pytest.mark.parametrize(
    ("single", "lines", "losses"),
    [
        (False, [log(0, loss=3), {"final": {"default": 1}}], [3]),
        (True, [log(0, default=3), {"final": {"default": 1}}], [3, 1]),
        (False, [{"final": {"default": 1}}], [1]),
        (False, [{"final": {"default": 1, "loss": 2}}], [2]),
    ],
)
def test_a_final_result_counts_where_no_epoch_has_one_or_there_is_but_one(
    reports, single, lines, losses
):
    found, _ = reports(lines, "nni", single=single)
    assert [each.values["loss"] for each in found] == losses


def test_what_is_logged_after_a_summary_stands_in_its_place(reports):
    lines = [{"summary": {"loss": 9}}, log(0, loss=3)]
    assert [each.values["loss"] for each in reports(lines, single=True)[0]] == [3]
    lines.append({"summary": {"loss": 1}})
    assert [each.values["loss"] for each in reports(lines, single=True)[0]] == [3, 1]
    assert [each.values["loss"] for each in reports(lines[2:])[0]] == [1]


@pytest.mark.parametrize(
    ("lines", "tracker", "message"),
    [
        ([], "wandb", "must report 'loss' by wandb.log, found no report; python -I"),
        ([log(0, acc=1)], "nni", "by nni.report_intermediate_result, found only 'acc'"),
        ([], "hpsearch", "by this_trial.report, found no report"),
    ],
)
def test_a_missing_report_is_said(reports, lines, tracker, message):
    assert message in str(reports(lines, tracker)[1].nothing())


def test_what_a_stand_in_does_not_have_is_noted_in_the_log_once(tmp_path):
    run = SafePath(tmp_path)
    with tracked("wandb", run / "place", run / "log") as tracker:
        source = tracker.source("loss", single=False)
        assert (tmp_path / "place").stat().st_mode & 0o777 == 0o700
        file = Path(tracker.variables({})["HPSEARCH_REPORTS"])
        file.write_text('{"source": "wandb", "unknown": "wandb.odd\\u001b"}\nno line\n[]\n')
        assert source.look(ended=True) == []
    assert (tmp_path / "log").read_text() == (
        "hpsearch: its stand-in for wandb has no wandb.odd\\x1b, so that does nothing\n"
    )
    assert not (tmp_path / "place").exists()


def test_variables_of_the_user_stay_and_theirs_come_after_ours(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_DIR", raising=False)
    monkeypatch.setenv("MLFLOW_RUN_ID", "elsewhere")
    run = SafePath(tmp_path)

    def variables(name, trial=None, **given):
        with tracked(name, run / "place", run / "log", trial and run / trial) as tracker:
            return tracker.variables(given)

    ours = str(PACKAGE / "trainers" / "command" / "standins")
    found = variables("wandb", "trial", PYTHONPATH="mine", A="b")
    assert found["PYTHONPATH"].split(os.pathsep) == [ours, "mine"]
    trial = str(tmp_path / "trial")
    assert (found["WANDB_MODE"], found["WANDB_DIR"], found["A"]) == ("offline", trial, "b")
    assert variables("wandb")["WANDB_DIR"] == str(tmp_path / "place")
    assert variables("wandb", WANDB_DIR="mine")["WANDB_DIR"] == "mine"
    found = variables("mlflow")
    assert "PYTHONPATH" not in found
    assert found["MLFLOW_RUN_ID"] == ""
    assert found["MLFLOW_TRACKING_URI"] == (tmp_path / "place" / "mlruns").as_uri()


# --- what several files say of a step ---


def test_a_step_counts_when_it_is_whole_or_another_begins_or_all_ends():
    together = Together("loss")

    def after(*points, ended=False):
        for key, name, value in points:
            together.add(Point(0, key, name, value))
        return [(each.key, each.values) for each in together.reported(ended)]

    assert after((0, "loss", 3), (0, "lr", 1)) == []
    assert after((1, "loss", 2)) == [(0, {"loss": 3, "lr": 1})]
    assert after((1, "lr", 1)) == [(1, {"loss": 2, "lr": 1})]
    assert after((2, "lr", 1), (7, "lr", 1)) == []
    assert after((2, "loss", 1)) == [(2, {"lr": 1, "loss": 1})]
    assert after((2, "odd", float("nan"))) == []
    assert after((2, "acc", 9)) == [(2, {"lr": 1, "loss": 1, "acc": 9})]
    assert after((3, "loss", 0), (3, "lr", 1)) == []
    assert after(ended=True) == [(3, {"loss": 0, "lr": 1})]
    assert after(ended=True) == []


def test_the_store_of_mlflow_is_read_by_step_or_else_by_turn(tmp_path):
    store = MlflowStore(SafePath(tmp_path) / "mlruns", "val/loss")

    def logged(run, name, *lines):
        path = tmp_path / "mlruns" / "0" / run / "metrics" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    assert store.look(ended=True) == []
    assert "found no report; what calls mlflow.set_tracking_uri" in str(store.nothing())
    logged("a", "loss", "1 4.0 0", "3 3.0 1", "odd")
    assert store.look(ended=True) == []
    assert "'val/loss' by mlflow.log_metric, found only 'loss'" in str(store.nothing())
    logged("a", "val/loss", "2 5.0 0", "4 nan 1")
    logged("a", "system/memory", "2 5.0 0")
    logged("b", "val/loss", "5 2.0 0", "7 1.0 0")
    logged("b", "loss", "6 8.0 0", "8 7.0 0")
    found = store.look(ended=True)
    assert str([each.values for each in found]) == str(
        [
            {"loss": 4.0, "val/loss": 5.0},
            {"loss": 3.0, "val/loss": float("nan")},
            {"val/loss": 2.0, "loss": 8.0},
            {"val/loss": 1.0, "loss": 7.0},
        ]
    )
    assert len({each.key for each in found}) == 4
    later = MlflowStore(SafePath(tmp_path) / "mlruns", "val/loss")
    logged("b", "val/loss", "9 0.5 0")
    assert [each.values for each in later.look(ended=True)] == [{"val/loss": 0.5}]


# --- whole searches ---


@pytest.fixture
def search(tmp_path):
    """Search with a script; the search, and the rows of each trial by number."""

    def run(script, trainer, metric="loss", epochs=4, env=None, trials=3, name="found", **more):
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "train.py").write_text(script, encoding="utf-8")
        tree = {
            "trainer": {"kind": "command", "command": "{python} train.py", "epochs": epochs,
                        "folder": str(project), **trainer},
            "metric": {"name": metric, "goal": "minimize"},
            "space": {"rate": {"values": [1, 2, 3]}, "width": {"value": 5}},
            "search": {"trials": trials, "halving": False, "confirm": False} | more,
            "parallel": {"backend": "serial"},
        }  # fmt: skip
        found = hpsearch.search(tree, tmp_path / "runs", name, progress=False)
        return found, project

    return run


def curve_of(found):
    curve = found.curves[found.best.number]
    return {name: values for name, values in curve.items() if name != "epoch"}


WANDB = """
import wandb
run = wandb.init(config={"rate": 9})
for epoch in range(4):
    wandb.log({"lr": 0.5}, commit=False)
    wandb.log({"loss": wandb.config.rate / (epoch + 1), "note": "x", "epoch": epoch})
run.summary["best"] = 1
wandb.strange(run)
"""
NNI = """
import nni
p = nni.get_next_parameter()
for epoch in range(4):
    nni.report_intermediate_result(p["rate"] / (epoch + 1))
nni.report_final_result(100)
"""
MINE = """
from hpsearch import this_trial
p = this_trial.params(rate=9)
for epoch in range(4):
    this_trial.report(loss=p.rate / (epoch + 1), epoch=epoch)
"""
MLFLOW = """
import os, mlflow
rate = float(os.environ["RATE"])
mlflow.set_experiment("mine")
with mlflow.start_run():
    mlflow.log_param("rate", rate)
    for epoch in range(4):
        mlflow.log_metrics({"lr": 0.5, "loss": rate / (epoch + 1)}, step=epoch)
"""
EVENTS = """
import os, struct, sys
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto
import numpy as np
sys.modules["tensorboard.compat.notf"] = sys  # without TensorFlow, which takes seconds to import

rate, new = float(os.environ["RATE"]), "new" in sys.argv
where = os.environ["HPSEARCH_CHECKPOINT_DIR"] + "/logs"
writers = {part: EventFileWriter(f"{where}/{part}") for part in ("train", "validation")}
for epoch in range(4):
    for part, writer in writers.items():
        scalar = (2 if part == "train" else 1) * rate / (epoch + 1)
        value = Summary.Value(tag="epoch_loss", simple_value=scalar)
        if new:
            value = Summary.Value(tag="epoch_loss", tensor=make_tensor_proto(np.float32(scalar)))
            value.metadata.plugin_data.plugin_name = "scalars"
        text = Summary.Value(tag="text", tensor=make_tensor_proto(np.array(["x"])))
        text.metadata.plugin_data.plugin_name = "text"
        writer.add_event(Event(step=epoch, wall_time=epoch, summary=Summary(value=[value, text])))
        writer.flush()
for writer in writers.values():
    writer.close()
"""
LOSSES = [1.0, 1 / 2, 1 / 3, 1 / 4]


@pytest.mark.parametrize(
    ("script", "tracker", "rows"),
    [
        (WANDB, "wandb", {"lr": [0.5] * 4, "loss": LOSSES}),
        (NNI, "nni", {"loss": LOSSES}),
        (MINE, "hpsearch", {"loss": LOSSES}),
    ],
)
def test_a_script_that_reports_to_a_tracker_is_searched(
    search, monkeypatch, tmp_path, script, tracker, rows
):
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    # Without the packages of this interpreter: the stand-in has to do.
    bare = "-S " if tracker in ("wandb", "nni") else ""
    found, project = search(script, {"tracker": tracker, "command": f"{{python}} {bare}train.py"})
    assert curve_of(found) == rows
    assert found.best.params["rate"] == 1
    assert sorted(path.name for path in project.iterdir()) == ["train.py"]
    logs = tmp_path / "runs" / "found" / "logs"
    left = {path.name: path.read_text() for path in logs.iterdir()}
    noted = "hpsearch: its stand-in for wandb has no wandb.strange, so that does nothing\n"
    used = range(3) if tracker == "wandb" else ()
    assert left == {f"trial-{number}.stderr.txt": noted for number in used}


def test_the_real_wandb_and_the_stand_in_make_the_same_search(search, monkeypatch):
    needs("wandb")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    real, project = search(WANDB.replace("wandb.strange(run)", ""), {"tracker": "wandb"})
    bare = {"tracker": "wandb", "command": "{python} -S train.py"}
    stand_in, _ = search(WANDB, bare, name="again")
    assert curve_of(real) == curve_of(stand_in) == {"loss": LOSSES, "lr": [0.5] * 4}
    assert sorted(path.name for path in project.iterdir()) == ["train.py"]


def test_a_rung_ends_a_script_that_reports_to_a_tracker(search, tmp_path):
    script = WANDB.replace("range(4)", "range(10**9)")
    trainer = {"tracker": "wandb", "command": "{python} -S train.py"}
    found, project = search(script, trainer, halving={"min_epochs": 1, "factor": 2})
    assert curve_of(found)["loss"] == LOSSES
    assert [each.status.value for each in found.trials].count("stopped") >= 1
    assert sorted(path.name for path in project.iterdir()) == ["train.py"]


def test_the_folder_of_a_trial_keeps_what_a_tracker_writes(search, tmp_path):
    needs("wandb")
    script = WANDB.replace("wandb.strange(run)", "")
    found, project = search(script, {"tracker": "wandb", "keep": "all"}, trials=1)
    assert curve_of(found)["lr"] == [0.5] * 4
    kept = tmp_path / "runs" / "found" / "trials" / "0" / "wandb"
    assert list(kept.glob("offline-run-*/*.wandb"))
    assert sorted(path.name for path in project.iterdir()) == ["train.py"]


@pytest.mark.slow
def test_a_script_that_logs_with_mlflow_is_searched(search):
    needs("mlflow")
    trainer = {"tracker": "mlflow", "env": {"RATE": "{rate}"}}
    found, project = search(MLFLOW, trainer, trials=1)
    rate = found.best.params["rate"]
    assert curve_of(found) == {"lr": [0.5] * 4, "loss": [rate / n for n in (1, 2, 3, 4)]}
    assert sorted(path.name for path in project.iterdir()) == ["train.py"]


@pytest.mark.parametrize("form", ["", " new"])
@pytest.mark.parametrize(
    ("tags", "metric", "others"),
    [
        ({"tags": "validation/epoch_loss"}, "loss", {}),
        ({"tags": {"loss": "validation/epoch_loss", "train": "train/epoch_loss"}}, "loss",
         {"train": [2.0, 1.0, 2 / 3, 1 / 2]}),
        ({"tags": ["validation/epoch_loss"]}, "validation/epoch_loss", {}),
        ({}, "validation/epoch_loss", {"train/epoch_loss": [2.0, 1.0, 2 / 3, 1 / 2]}),
    ],
)  # fmt: skip
def test_event_files_of_tensorboard_are_searched(search, form, tags, metric, others):
    needs("tensorboard")
    trainer = {
        "result": {"tensorboard": {"dir": "logs", **tags}},
        "env": {"RATE": "{rate}"},
        "command": f"{{python}} train.py{form}",
    }
    found, _ = search(EVENTS, trainer, metric, trials=1)
    assert found.best.value == pytest.approx(found.best.params["rate"] / 4)
    rate = found.best.params["rate"]
    expected = {metric: LOSSES, **others}
    rows = curve_of(found)
    assert rows.keys() == expected.keys()
    for name, values in rows.items():
        assert values == pytest.approx([rate * value for value in expected[name]])


def test_event_files_that_lack_the_tag_say_which_there_are(search, tmp_path):
    needs("tensorboard")
    (tmp_path / "logs").mkdir()
    source = EventFiles(SafePath(tmp_path) / "logs", {}, "loss", "logs")
    (tmp_path / "logs" / "events.out.tfevents.1").write_bytes(b"\0" * 40)
    assert source.look(ended=True) == []
    assert "must have scalars of the tag 'loss', found no scalars" in str(source.nothing())


def test_a_tag_that_several_folders_have_needs_its_folder(search):
    needs("tensorboard")
    trainer = {"result": {"tensorboard": {"dir": "logs"}}, "env": {"RATE": "{rate}"}}
    with pytest.raises(TrainerError, match=r"'train/epoch_loss', 'validation/epoch_loss'; write"):
        search(EVENTS, trainer, "epoch_loss", epochs=1)


def test_event_files_without_the_package_say_how_to_install_it(search, monkeypatch):
    def missing():
        raise ImportError("No module named 'tensorboard'")

    monkeypatch.setattr(stores, "_messages", missing)
    with pytest.raises(TrainerError, match=r"trainer\.result: .*pip install .*\[tensorboard\]"):
        search(EVENTS, {"result": {"tensorboard": {}}})


def test_a_table_in_the_checkpoint_folder_is_searched(search):
    script = (
        "import os\n"
        "with open(os.environ['HPSEARCH_CHECKPOINT_DIR'] + '/log.csv', 'w') as file:\n"
        "    print('epoch,loss', file=file)\n"
        "    for epoch in range(4):\n"
        "        print(epoch, float(os.environ['RATE']) / (epoch + 1), sep=',', file=file)\n"
    )
    found, _ = search(script, {"result": {"file": "log.csv"}, "env": {"RATE": "{rate}"}})
    assert curve_of(found) == {"loss": LOSSES}


# --- the keys ---


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"tracker": "wandbb"}, "must be wandb, nni, mlflow or hpsearch, found 'wandbb' .did you"),
        ({"tracker": 3}, "tracker: must be wandb, nni, mlflow or hpsearch, found 3"),
        ({"tracker": ["wandb"]}, "tracker: must be wandb, nni, mlflow or hpsearch, found "),
        ({"tracker": "wandb", "result": {"file": "x.csv"}},
         "result: the metrics come from one place; drop it, or tracker: wandb"),
        ({"tracker": "mlflow", "env": {"MLFLOW_TRACKING_URI": "x"}},
         "env: MLFLOW_TRACKING_URI: tracker: mlflow sets it"),
        ({"result": {"tensorboard": "logs"}}, "result: must be .tensorboard: .dir: FOLDER, tags"),
        ({"result": {"tensorboard": {"dir": 3}}}, "which is a text"),
        ({"result": {"tensorboard": {"tags": {"a": 3}}}}, "tags by metric"),
        ({"result": {"file": "a", "pattern": "b"}}, "or .tensorboard: .dir: FOLDER"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_said(search, trainer, message):
    with pytest.raises(ConfigError, match=message):
        search("", trainer)


def test_tags_must_have_the_metric(search):
    with pytest.raises(TrainerError, match="tags must have one for the metric 'loss', found 'a'"):
        search("", {"result": {"tensorboard": {"tags": ["a"]}}})


@pytest.mark.parametrize(("tracker", "warned"), [("wandb", 0), ("nni", 0), ("mlflow", 1)])
def test_parameters_that_a_tracker_hands_over_need_no_place(tracker, warned, tmp_path):
    options = {"command": f"{sys.executable} train.py", "tracker": tracker}
    assert len(KIND.unused_parameters(options, ["rate"])) == warned


@pytest.mark.parametrize(
    ("result", "shared"),
    [
        ({"file": "/x/log.csv"}, ["/x/log.csv"]),
        ({"tensorboard": {"dir": "/x"}}, ["/x"]),
        ({"tensorboard": {}}, []),
        ({"file": "log.csv"}, []),
        (None, []),
    ],
)
def test_a_place_that_all_trials_share_is_remarked_on(result, shared):
    options = {"command": "train", "result": result}
    said = [(key, message.split(",")[0]) for key, message in KIND.remarks(options, [])]
    assert said == [("result", f"all trials write to {path}") for path in shared]

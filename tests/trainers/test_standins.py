"""What scripts import in place of a tracker's library, and `this_trial`; each in a process."""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hpsearch

PACKAGE = Path(hpsearch.__file__).parent
STANDINS = PACKAGE / "trainers" / "command" / "standins"
BARE = (sys.executable, "-S")  # without what is installed: the stand-in has to do


@pytest.fixture
def reports(tmp_path):
    """Run a script as a trial; the lines that it reports, and what it prints."""

    def run(script, *, python=BARE, params=None, search=True, path=(STANDINS,), **environment):
        file = tmp_path / "reports.jsonl"
        file.unlink(missing_ok=True)
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HPSEARCH", "WANDB"))}
        env["PYTHONPATH"] = os.pathsep.join(map(str, path))
        if search:
            env |= {
                "HPSEARCH_REPORTS": str(file),
                "HPSEARCH_PARAMS": json.dumps(params or {}),
                "HPSEARCH_TRIAL": "7",
            }
        done = subprocess.run(
            [*python, "script.py"], cwd=tmp_path, env=env | environment, text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [json.loads(line) for line in text.splitlines()], done.stdout

    return run


def values(lines):
    """What was logged, step by step."""
    steps = {}
    for line in lines:
        if "values" in line:
            steps.setdefault(line["step"], {}).update(line["values"])
    return steps


# --- wandb ---

SCRIPT = """
import argparse
import wandb

class Scalar:
    def __init__(self, value):
        self.value = value
    def item(self):
        return self.value

run = wandb.init(project="p", config={"lr": 0.5, "opt": {"b": 1, "c": 2}}, tags=["x"])
print(wandb.config.lr, dict(sorted(wandb.config["opt"].items())))
wandb.config.update({"lr": 3, "epochs": 4})
wandb.config.update(argparse.Namespace(depth=1), allow_val_change=True)
wandb.config["opt"] = {"b": 7, "c": 8}
wandb.config.setdefaults({"depth": 5, "width": 6})
opt = dict(sorted(wandb.config["opt"].items()))
print(wandb.config.lr, opt, wandb.config.epochs, wandb.config.depth)
print(sorted(dict(wandb.config)), wandb.config.get("none", 1))
wandb.define_metric("val_loss", summary="min")
for epoch in range(3):
    wandb.log({"train": {"loss": 1 / (epoch + 1)}, "note": "text"}, commit=False)
    wandb.log({"val_loss": 0.5 + epoch, "most": float("inf"), "flag": True})
wandb.log({"a": float("nan"), "val_loss": 3}, step=10)
wandb.log({"b": 2}, step=10)
wandb.log({"late": 2}, step=4)
wandb.log({"c": 3}, step=12, commit=True)
run.summary["best"] = 0.25
wandb.summary.update({"worst": 2})
wandb.log({"page": wandb.Html("<p>x</p>"), "x": 1})
wandb.finish()
with wandb.init(reinit=True, config={"lr": 9}) as again:
    print(again.config.lr, again.name)
    again.log({"val_loss": 1})
"""
PARAMS = {"lr": 0.01, "opt.b": 5}


def test_the_stand_in_reports_what_a_script_logs_step_by_step(reports):
    lines, _ = reports(SCRIPT, params=PARAMS)
    first = [each.get("end") for each in lines].index("finish") + 1
    assert values(lines[:first]) == {
        0: {"train.loss": 1, "val_loss": 0.5, "most": "Infinity", "flag": 1},
        1: {"train.loss": 1 / 2, "val_loss": 1.5, "most": "Infinity", "flag": 1},
        2: {"train.loss": 1 / 3, "val_loss": 2.5, "most": "Infinity", "flag": 1},
        10: {"a": "NaN", "val_loss": 3, "b": 2},
        12: {"c": 3},
        13: {"x": 1},
    }
    assert [each["summary"] for each in lines if "summary" in each] == [
        {"best": 0.25},
        {"worst": 2},
    ]
    assert values(lines[first:]) == {0: {"val_loss": 1}}
    assert lines[-1] == {"source": "wandb", "end": "finish"}


def test_the_parameters_of_the_trial_stand_over_the_settings_of_the_script(reports):
    _, printed = reports(SCRIPT, params=PARAMS)
    assert printed.splitlines() == [
        "0.01 {'b': 5, 'c': 2}",
        "0.01 {'b': 5, 'c': 8} 4 1",
        "['depth', 'epochs', 'lr', 'opt', 'width'] 1",
        "0.01 trial-7",
    ]


@pytest.fixture
def real():
    """An interpreter that has the real wandb, whose lack is a failure where it must be tested."""
    if importlib.util.find_spec("wandb") is None:
        unable = pytest.fail if os.environ.get("REQUIRE_TOOLS") else pytest.skip
        unable("needs wandb: pip install wandb")
    return (sys.executable,)


def test_the_real_one_and_the_stand_in_see_the_same(reports, real):
    version = "\nimport importlib.metadata as m; print(m.version('wandb') == wandb.__version__)"
    there, shown = reports(SCRIPT + version, params=PARAMS, python=real)
    here, printed = reports(SCRIPT + version, params=PARAMS)
    assert there == here
    assert shown == printed
    which = "import wandb; print(wandb.__version__)"
    assert reports(which, python=real)[1] != reports(which)[1]


RECORDED = """
import json, struct
from pathlib import Path
from wandb.proto import wandb_internal_pb2 as messages

files = sorted(Path("wandb").glob("*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
data, at, steps = files[0].read_bytes(), 7, {}
while at + 7 <= len(data):  # a log of LevelDB's, whose first block is enough
    _, length, _ = struct.unpack_from("<IHB", data, at)
    record = messages.Record.FromString(data[at + 7 : at + 7 + length])
    at += 7 + length
    if record.WhichOneof("record_type") == "history":
        steps[record.history.step.num] = {
            ".".join(each.nested_key) or each.key: json.loads(each.value_json)
            for each in record.history.item
        }
print(json.dumps(steps))
"""


def test_what_the_real_one_records_of_each_step_is_what_is_reported(reports, real, tmp_path):
    lines, _ = reports(SCRIPT, params=PARAMS, python=real, WANDB_DIR=str(tmp_path))
    first = [each.get("end") for each in lines].index("finish")
    _, printed = reports(RECORDED, python=real, path=())
    recorded = {
        int(step): {
            name: value
            for name, value in items.items()
            if not name.startswith(("_", "page.")) and name != "note"
        }
        for step, items in json.loads(printed, parse_constant=str).items()
    }
    assert recorded == values(lines[:first])


def test_the_real_one_is_found_where_it_is_and_a_folder_of_earlier_runs_is_not_it(
    reports, tmp_path
):
    (tmp_path / "wandb" / "offline-run-1").mkdir(parents=True)
    lines, _ = reports("import wandb; wandb.init(); wandb.log({'a': 1})")
    assert values(lines) == {0: {"a": 1}}
    real = tmp_path / "site" / "wandb"
    (real / "sdk").mkdir(parents=True)
    (real / "__init__.py").write_text(
        "from wandb.sdk.wandb_run import Run\ndef init(**k): return Run(k['mode'])\n"
    )
    (real / "sdk" / "__init__.py").touch()
    (real / "sdk" / "wandb_run.py").write_text(
        "from wandb.sdk.wandb_config import Config\n"
        "class Run:\n"
        "    def __init__(self, mode): self.mode, self.config = mode, Config()\n"
        "    def _log(self, data, step=None, commit=None): return 'logged'\n"
        "    def _finish(self): return 'finished'\n"
    )
    (real / "sdk" / "wandb_config.py").write_text(
        "class Config(dict):\n    def update_locked(self, d, **k): self.update(d)\n"
    )
    (real / "sdk" / "wandb_summary.py").write_text(
        "class Summary:\n    def _update(self, record): pass\n"
    )
    lines, printed = reports(
        "import wandb; run = wandb.init(mode='online')\n"
        "print(run.mode, run.config, run._log({'a': 2}), run._finish())",
        params={"lr": 1},
        path=(STANDINS, tmp_path / "site"),
    )
    assert printed == "offline {'lr': 1} logged finished\n"
    assert lines == [
        {"source": "wandb", "step": 0, "values": {"a": 2}},
        {"source": "wandb", "end": "finish"},
    ]


def test_numbers_of_numpy_are_numbers_and_arrays_are_left_out(reports):
    lines, _ = reports(
        "import numpy as np, wandb\n"
        "wandb.init()\n"
        "wandb.log({'a': np.float32(0.5), 'b': np.int64(2), 'c': np.ones(3), 'd': np.ones((1, 1)),"
        " 'e': None, 'f': np.bool_(True), 'g': [1], 'h': np.float64('-inf')})",
        path=(STANDINS, Path(importlib.util.find_spec("numpy").origin).parents[1]),
    )
    assert values(lines) == {0: {"a": 0.5, "b": 2, "d": 1, "f": 1, "h": "-Infinity"}}


def test_what_the_stand_in_does_not_have_is_harmless_and_noted_once(reports):
    lines, printed = reports("""
import wandb
from wandb.sdk.lib.config_util import ConfigError
from wandb.apis.public import Thing
from wandb.util import generate_id
from wandb import wandb_run

run = wandb.init(sync_tensorboard=True)
for _ in range(2):
    with wandb.strange.deep(1)[2] as entered:
        assert list(entered.any) == [] and entered
    run.odd(1)
    Thing().go()

@wandb.decorated
def kept():
    return 3

class Mine(wandb.Base):
    def __init__(self):
        super().__init__(1, two=2)
        self.x = 1

try:
    raise ValueError
except ConfigError:
    raise SystemExit(1)
except ValueError:
    pass
assert kept() == 3 and Mine().x == 1 and len(generate_id()) == 8
assert isinstance(run, (wandb_run.Run, wandb.sdk.wandb_run.Run)) and not isinstance(1, Thing)
assert not hasattr(wandb, "_attach")
chart = wandb.plot.line(wandb.Table(columns=["x"], data=[[1]]), "x", "y")
wandb.log({"chart": chart, "roc": wandb.plot.roc_curve([1], [2]), "image": wandb.Image(None)})
""")
    assert [each["unknown"] for each in lines if "unknown" in each] == [
        "wandb.apis.public.Thing",
        "wandb.init(sync_tensorboard=True)",
        "wandb.strange",
        "wandb.run.odd",
        "wandb.decorated",
        "wandb.Base",
    ]
    assert values(lines) == {}
    assert printed == ""


def test_what_scripts_and_integrations_commonly_touch_is_there(reports):
    lines, printed = reports("""
import importlib.metadata, importlib.util, os
assert importlib.util.find_spec("wandb") is not None
assert tuple(map(int, importlib.metadata.version("wandb").split("."))) >= (0, 12, 10)
import wandb
from wandb.sdk.lib import RunDisabled
from wandb.sdk.lib.config_util import ConfigError
from wandb.sdk.wandb_config import Config
from wandb.wandb_run import Run

assert wandb.run is None and hasattr(wandb, "run")
wandb.login(key="x"); wandb.require("service"); wandb.setup()
run = wandb.init(name="n", id="i", mode="online", resume="allow", anonymous=None,
                 settings=wandb.Settings(start_method="fork"))
assert wandb.init() is run and isinstance(run, (Run, RunDisabled))
run._label(code="lightning_logger")
assert isinstance(run.config, Config) and issubclass(ConfigError, Exception)
wandb.config["model/num_parameters"] = 5; del wandb.config["model/num_parameters"]
run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
wandb.watch(run, log="all"); run.unwatch(run); wandb.save("*.pt"); run.alert("a", text="b")
artifact = wandb.Artifact("model", type="model", metadata={"a": 1})
artifact.add_file("x.pt"); artifact.add_dir(".")
with artifact.new_file("held.txt") as file:
    file.write("x")
run.log_artifact(artifact, aliases=["best"]).wait()
used = wandb.use_artifact("model:latest", type="model")
assert os.path.isdir(used.download()) and os.listdir(artifact.download()) == ["held.txt"]
table = wandb.Table(columns=["a", "b"])
table.add_data(1, 2)
assert table.get_column("b") == [2]
assert (run.id, run.name, run.step, os.path.isdir(run.dir)) == ("i", "n", 0, True)
try:
    wandb.Api()
except wandb.errors.CommError as error:
    print(error)
seen = []
wandb.agent(wandb.sweep({}, project="p"), function=lambda: seen.append(1), count=20)
assert seen == [1]
wandb.config = {"lr": 3, "other": 4}
print(wandb.config.lr, wandb.config["other"], dict(**wandb.config))
""", params={"lr": 1})  # fmt: skip
    assert "unknown" not in str(lines)
    assert lines == [{"source": "wandb", "end": "finish"}]
    assert printed.splitlines()[0].startswith("wandb.Api asks W&B's server")
    assert printed.splitlines()[1] == "1 4 {'lr': 1, 'other': 4}"


def test_parameters_with_dots_are_found_either_way(reports):
    _, printed = reports(
        "import wandb; wandb.init(); c = wandb.config; print(c['opt.lr'], c['opt']['lr'], c.opt)",
        params={"opt.lr": 0.1, "opt.b": 2},
    )
    assert printed == "0.1 0.1 {'lr': 0.1, 'b': 2}\n"


def test_callbacks_for_keras_log_each_epoch(reports, tmp_path):
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").touch()
    (tmp_path / "keras" / "callbacks.py").write_text("class Callback: pass\n")
    lines, _ = reports("""
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint
from wandb.keras import WandbCallback
wandb.init()
WandbMetricsLogger().on_epoch_end(0, {"loss": 2})
WandbCallback(save_model=False).on_epoch_end(1, {"val_loss": 3})
WandbModelCheckpoint("x")
""")
    assert values(lines) == {
        0: {"epoch/loss": 2, "epoch/epoch": 0},
        1: {"epoch": 1, "val_loss": 3},
    }


def test_threads_and_forked_processes_write_whole_lines_and_one_end(reports):
    lines, _ = reports("""
import os, threading, wandb
wandb.init()
def log():
    for _ in range(50):
        wandb.log({"a" * 300: 1})
threads = [threading.Thread(target=log) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
if hasattr(os, "fork") and (child := os.fork()) == 0:
    log()
    raise SystemExit  # with what Python does at exit
os.waitpid(child, 0)
wandb.log({"last": 1})
""")
    steps = [each["step"] for each in lines if "values" in each]
    assert sorted(steps[:200]) == list(range(200))
    assert sorted(steps[200:]) == sorted([*range(200, 250), 200])
    assert [each for each in lines if "end" in each] == [lines[-1]]


def test_a_file_that_cannot_be_written_does_not_end_the_script(reports, tmp_path):
    gone = str(tmp_path / "gone" / "reports.jsonl")
    script = "import wandb; wandb.init(); wandb.log({'a': 1}); print('done')"
    assert reports(script, HPSEARCH_REPORTS=gone)[1] == "done\n"
    assert reports(script, search=False)[1] == "done\n"


# --- nni ---


def test_nni_gives_the_parameters_and_reports(reports):
    lines, printed = reports(
        """
import argparse, nni
from nni.utils import merge_parameter
p = nni.get_next_parameter()
print(p["lr"], nni.get_current_parameter("lr"), nni.get_trial_id(), nni.get_sequence_id())
args = merge_parameter(argparse.Namespace(lr=0.5, layers=2), {"lr": 1})
print(args)
nni.report_intermediate_result(0.5)
nni.report_intermediate_result({"default": float("nan"), "other": 2, "text": "x"})
nni.report_final_result(0.25)
""",
        params={"lr": 0.1},
    )
    assert printed == "0.1 0.1 7 7\nNamespace(lr=1.0, layers=2)\n"
    assert lines == [
        {"source": "nni", "step": 0, "values": {"default": 0.5}},
        {"source": "nni", "step": 1, "values": {"default": "NaN", "other": 2}},
        {"source": "nni", "final": {"default": 0.25}},
        {"source": "nni", "end": "finish"},
    ]


def test_nni_outside_a_search_has_no_parameters(reports):
    printed = reports(
        "import nni; print(nni.get_next_parameter(), nni.get_trial_id())", search=False
    )
    assert printed == ([], "{} STANDALONE\n")


# --- this_trial ---

TRIAL = """
import sys
from hpsearch import this_trial
assert "numpy" not in sys.modules
p = this_trial.params(lr=0.01, units=64)
print(p.lr, p["units"], this_trial.number, this_trial.epochs, this_trial.checkpoint_dir)
this_trial.report(val_loss=0.5)
this_trial.report({"val/loss": float("nan")}, accuracy=1)
"""


def test_this_trial_has_the_parameters_and_reports(reports):
    lines, printed = reports(
        TRIAL, params={"lr": 0.1}, path=(PACKAGE.parent,), HPSEARCH_EPOCHS="3",
        HPSEARCH_CHECKPOINT_DIR="there",
    )  # fmt: skip
    assert printed == "0.1 64 7 3 there\n"
    assert lines == [
        {"source": "hpsearch", "step": 0, "values": {"val_loss": 0.5}},
        {"source": "hpsearch", "step": 1, "values": {"val/loss": "NaN", "accuracy": 1}},
    ]


def test_this_trial_outside_a_search_uses_the_defaults_and_prints(reports):
    lines, printed = reports(TRIAL, search=False, path=(PACKAGE.parent,))
    assert lines == []
    assert printed.splitlines() == [
        "0.01 64 None None None",
        '{"val_loss": 0.5}',
        '{"val/loss": NaN, "accuracy": 1}',
    ]


def test_a_search_trains_a_script_that_asks_this_trial(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text(
        "from hpsearch import this_trial\n"
        "lr = this_trial.params(lr=9.0).lr\n"
        "for epoch in range(this_trial.epochs):\n"
        "    this_trial.report(val_loss=lr / (epoch + 1))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    found = hpsearch.search(
        {
            "trainer": {"kind": "command", "command": f"'{sys.executable}' train.py", "epochs": 2,
                        "folder": str(tmp_path)},
            "metric": {"name": "val_loss"},
            "space": {"lr": {"values": [0.5, 0.25]}},
            "search": {"trials": 2, "confirm": False},
            "parallel": {"backend": "serial"},
        },
        tmp_path / "runs", "asked", progress=False,
    )  # fmt: skip
    assert (found.best.params, found.best.value) == ({"lr": 0.25}, 0.125)


def test_this_trial_says_what_is_no_number(monkeypatch):
    from hpsearch import this_trial

    monkeypatch.delenv("HPSEARCH_PARAMS", raising=False)
    with pytest.raises(TypeError, match="report: loss must be a number, found 'low'"):
        this_trial.report(loss="low")
    with pytest.raises(TypeError, match=r"there must be a number, such as val_loss=0\.4"):
        this_trial.report()
    with pytest.raises(AttributeError, match="the trial has no parameter 'width'; it has lr"):
        this_trial.params(lr=1).width  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'rank'"):
        this_trial.rank  # noqa: B018


# --- all ---


@pytest.mark.parametrize("path", sorted(STANDINS.rglob("*.py")), ids=lambda path: path.stem)
def test_a_stand_in_is_python_3_8_and_imports_nothing_of_hpsearch(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [each.name for each in node.names] if isinstance(node, ast.Import) else []
        )
    }  # fmt: skip
    may = {*sys.stdlib_module_names, "hpsearch_reports", "wandb"}
    optional = {"yaml", "keras", "tensorflow", "xgboost"}  # where the script has them
    assert imported <= may | optional

"""Searches that train a command of the user's: end to end, and ended with all that it started."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

from hpsearch.cli import cli
from hpsearch.config import from_mapping, remarks_on
from hpsearch.errors import ConfigError, TrainerError
from hpsearch.searching.events import Remarked
from hpsearch.searching.refine import refine
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected
from hpsearch.store import RunDirectory

COUNTING = """
import json, os
from pathlib import Path

file = Path(os.environ["HPSEARCH_CHECKPOINT_DIR"], "epoch")
begun = int(file.read_text()) if file.exists() else 0
rate = json.loads(os.environ["HPSEARCH_PARAMS"])["rate"]
for epoch in range(begun + 1, int(os.environ["HPSEARCH_EPOCHS"]) + 1):
    print(json.dumps({"score": abs(rate - 0.3) + 1 / epoch + begun / 1000}), flush=True)
    file.write_text(str(epoch))
    if epoch == 5 and os.path.exists("parent"):
        parent = int(Path("parent").read_text())
        os.remove("parent")  # first, for this process does not outlive that one
        os.kill(parent, 9)
"""


@pytest.fixture
def script(tmp_path):
    """Write a script, and give a configuration that trains it."""

    def write(text, *, epochs=1, space=None, parallel=None, resumes=False, **search):
        (tmp_path / "script.py").write_text(text)
        return from_mapping(
            {
                "name": "own",
                "trainer": {
                    "kind": "command",
                    "command": f"{sys.executable} script.py",
                    "folder": str(tmp_path),
                    "epochs": epochs,
                    "resumes": resumes,
                },
                "metric": {"name": "score", "goal": "minimize"},
                "space": space or {"rate": {"scale": "log", "min": 1e-4, "max": 1}},
                "search": search,
                "parallel": parallel or {"jobs": 1},
            }
        )

    return write


def done(config, folder, name="run"):
    run = begin(config, None, folder / "runs", name)
    conduct(run, lambda event: None, config)
    return run


def bare(run):
    """Trials without what only the clock decides."""
    return [replace(result, started="", seconds=0) for result in run.results]


def test_a_command_is_halved_refined_and_has_curves(script, tmp_path):
    config = inspected(script(COUNTING, epochs=9, trials=9))
    run = done(config, tmp_path)
    statuses = [result.status for result in run.results]
    assert statuses.count("stopped") > statuses.count("completed") > 0
    whole = [piece for piece in run.pieces if piece.number == run.winner(run.info).number]
    assert [epoch for piece in whole for epoch in piece.curve["epoch"]] == list(range(1, 10))
    refinement = refine(run, config, config, None)
    assert refinement.history
    child = begin(refinement.config, None, tmp_path / "runs", "child", refinement)
    conduct(child, lambda event: None, refinement.config)
    assert child.winner(child.info).search.value <= run.winner(run.info).search.value


@pytest.mark.parametrize("resumes", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_after_kill_9_resume_gives_what_would_have_been(script, killed, resumes):
    runs = killed(script(COUNTING, epochs=9, trials=6, resumes=resumes))
    assert all(list((run.path / "state").iterdir()) == [] for run in runs)
    assert bare(runs[0]) == bare(runs[1])
    assert runs[1].states.names() == []
    assert [(run.checkpoint / "epoch").read_text() for run in runs] == ["9", "9"]
    assert runs[0].info.checkpoint == runs[1].info.checkpoint


SLEEPING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("children", "a") as file:
    file.write(f"{child.pid}\\n")
time.sleep(600)
"""


def children(folder):
    return [int(line) for line in (folder / "children").read_text().splitlines()]


def test_a_timeout_ends_the_command_and_what_it_started(script, tmp_path, wait_for_end):
    (tmp_path / "children").touch()  # a busy machine may not get so far in its time
    config = script(SLEEPING, trials=1, trial_timeout=1)
    with pytest.raises(TrainerError, match="the only trial failed"):
        done(config, tmp_path)
    (result,) = RunDirectory(tmp_path / "runs" / "run").results
    assert result.status == "failed"
    for child in children(tmp_path):
        wait_for_end(child)


def test_ctrl_c_ends_the_command_and_what_it_started(script, tmp_path, wait_for_end):
    config = script(SLEEPING, trials=2)
    (tmp_path / "config.json").write_text(json.dumps(config.as_dict()))
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch", "run", "config.json", "-q", "--name", "cut"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (tmp_path / "children").exists() or not children(tmp_path):
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    for child in children(tmp_path):
        wait_for_end(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of such a death")
def test_a_command_does_not_outlive_a_search_that_is_killed_outright(
    script, tmp_path, wait_for_end
):
    text = "import os, time\nopen('children', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(600)\n"
    (tmp_path / "config.json").write_text(json.dumps(script(text, trials=2).as_dict()))
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch", "run", "config.json", "-q"], cwd=tmp_path
    )
    while not (tmp_path / "children").exists() or not children(tmp_path):
        time.sleep(0.01)
    process.kill()
    process.wait(timeout=60)
    wait_for_end(children(tmp_path)[0])


FAILING = """
import json, os, signal, sys
how = json.loads(os.environ["HPSEARCH_PARAMS"])["how"]
if how == "exits 3":
    sys.exit(3)
if how == "is killed":
    os.kill(os.getpid(), signal.SIGKILL)
if how == "binary":
    sys.stdout.buffer.write(bytes(range(256)))
if how == "fine":
    print('{"score": 1}')
"""


def test_commands_that_fail_say_how_and_the_search_goes_on(script, tmp_path):
    hows = {
        "exits 3": "TrainerError: the command ended with exit status 3",
        "is killed": "TrainerError: the command was ended by SIGKILL",
        "binary": "TrainerError: a line of output must be a JSON object",
        "no result": "TrainerError: a line of output must be a JSON object",
        "fine": "",
    }
    config = script(
        FAILING,
        space={"how": {"values": list(hows)}},
        trials=len(hows),
        start=[{"how": how} for how in hows],
    )
    run = done(config, tmp_path)
    for result in run.results:
        assert (result.error or "").startswith(hows[result.params["how"]])
        assert result.status == ("completed" if result.params["how"] == "fine" else "failed")
    assert run.winner(run.info).params == {"how": "fine"}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program x", "found 'no-such-program', which does not exist in PATH"),
        ("./no-such-file", "which does not exist in"),
        ("./script.py", r"which is not executable \(chmod \+x\)"),
    ],
)
def test_a_program_that_is_not_there_is_refused_before_anything_runs(script, command, message):
    config = script("")
    options = {**config.trainer.options, "command": command}
    with pytest.raises(TrainerError, match=message):
        inspected(replace(config, trainer=replace(config.trainer, options=options)))


BUNDLED = """
import json, sys

opt, rate = json.loads(sys.argv[1]), float(sys.argv[2])
assert rate == opt["lr"], sys.argv
print(json.dumps({"score": opt["lr"] + opt["layers"][0]}))
"""


def test_a_command_gets_a_mapping_as_json_and_its_entries_by_name(script, tmp_path):
    values = [{"lr": lr, "layers": [1, size]} for lr in (0.5, 0.25) for size in (2, 3)]
    space = {"opt": {"values": values}, "x": {"min": 0, "max": 1}}
    config = script(BUNDLED, space=space, trials=12, confirm=False)
    options = config.trainer.options
    tree = config.as_dict()
    tree["trainer"]["command"] = options["command"] + " {opt} {opt.lr}"
    config = inspected(from_mapping(tree))
    assert all("opt" not in remark for remark in remarks_on(config))
    run = done(config, tmp_path)
    assert {result.status for result in run.results} == {"completed"}
    best = run.winner(run.info)
    assert best.params["opt"]["lr"] == 0.25
    refinement = refine(run, config, config, None)
    again = from_mapping(refinement.config.as_dict())
    assert again == refinement.config
    for format_ in ("text", "csv", "json"):
        shown = CliRunner().invoke(cli, ["report", str(run.path), "--format", format_])
        assert shown.exit_code == 0, shown.output
        assert "lr" in shown.output


def test_an_entry_that_no_value_has_is_no_place(script):
    tree = script(BUNDLED, space={"opt": {"values": [{"rate": 1}, {"rate": 2}]}}).as_dict()
    tree["trainer"]["command"] += " {opt.rat}"
    with pytest.raises(ConfigError, match=r"\{opt.rat\} is neither .*did you mean 'opt.rate'"):
        from_mapping(tree)


UNTOUCHED = """
import argparse, json, os

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True)
parser.add_argument("--optimizer", choices=["sgd", "adam"], required=True)
parser.add_argument("--momentum", type=float)
parser.add_argument("--batch-size", type=int, required=True)
parser.add_argument("--use-bn", action="store_true")
parser.add_argument("--config", required=True)
args = parser.parse_args()
assert (args.momentum is not None) == (args.optimizer == "sgd")
assert os.environ["RUN_NAME"] == f"{args.optimizer}-{args.batch_size}"
with open(args.config) as file:
    assert f"rate: {args.rate!r}" in file.read()
print(json.dumps({"score": abs(args.rate - 0.3) + (args.momentum or 0.5) + args.use_bn}))
"""


def test_a_script_of_flags_and_options_is_searched_as_it_is(tmp_path):
    (tmp_path / "train.py").write_text(UNTOUCHED)
    space = {
        "rate": {"min": 0.1, "max": 1},
        "optimizer": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.5, "max": 0.9, "when": {"optimizer": "sgd"}},
        "batch_size": {"values": [32, 64]},
        "use_bn": {"values": [True, False]},
    }
    trainer = {
        "kind": "command",
        "folder": str(tmp_path),
        "command": "{python} train.py [--momentum {momentum}] --config {params_file} {args}",
        "args": {"style": "spaced", "hyphens": True, "booleans": "flag"},
        "params_file": "all.yaml",
        "env": {"RUN_NAME": "{optimizer}-{batch_size}"},
    }
    metric = {"name": "score", "goal": "minimize"}
    config = from_mapping({"name": "as-is", "trainer": trainer, "space": space, "metric": metric,
                           "search": {"trials": 6}, "parallel": {"jobs": 1}})  # fmt: skip
    assert remarks_on(config) == []
    run = done(config, tmp_path)
    assert [result.status for result in run.results] == ["completed"] * 6
    assert {result.params["optimizer"] for result in run.results} == {"sgd", "adam"}


GOING_ON = """
import json, itertools
for epoch in itertools.count(1):
    print(json.dumps({"score": 1 / epoch}), flush=True)
"""


@pytest.mark.parametrize(
    ("resumes", "remark"),
    [
        (False, "trained on after the last epoch of trainer.epochs"),
        (True, "once more, to the last"),
    ],
)
def test_what_a_script_does_that_may_not_be_meant_is_said_once(script, tmp_path, resumes, remark):
    liar = COUNTING.replace("begun = int", "begun = 0 and int").replace("begun / 1000", "0")
    text = liar if resumes else GOING_ON
    config = script(text, epochs=9, trials=9, resumes=resumes, halving={"min_epochs": 3})
    run, said = begin(config, None, tmp_path / "runs", "said"), []
    conduct(run, said.append, config)
    messages = [event.message for event in said if isinstance(event, Remarked)]
    (message,) = [each for each in messages if remark in each]
    assert message in (run.path / "logs" / "log.txt").read_text()

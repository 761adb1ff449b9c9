"""Scripts that know nothing of hpsearch, each with a quirk of its own, tuned as they are.

They are in `tests/scripts/`. Each is searched with halving by one job and by three, is killed and
gone on with, and refined; it says the same every time.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import hpsearch
from hpsearch.cli import cli

SCRIPTS = Path(__file__).parents[1] / "scripts"

USUAL = """
trainer: {kind: command, epochs: 9}
metric: {goal: minimize}
space: {rate: {min: 0, max: 1}}
search: {halving: {min_epochs: 1}}
parallel: {jobs: 1}
"""


@dataclass(frozen=True)
class Quirk:
    """A script, and what of a configuration it needs.

    Attributes:
        command: what trains; `{python}` runs it in the folder of the scripts.
        metric: its name there.
        trainer: further keys, as YAML.
        space: parameters, as YAML; None where it has but a rate.
        goal: `maximize` or `minimize`.
        statuses: what becomes of trials.
        trials: how many; fewer of a script that takes seconds to begin.
    """

    command: str
    metric: str = "loss"
    trainer: str = "{}"
    space: str | None = None
    goal: str = "minimize"
    statuses: tuple[str, ...] = ("completed", "stopped")
    trials: int = 9

    def config(self) -> dict:
        """The configuration, without a folder."""
        tree = yaml.safe_load(USUAL)
        tree["trainer"] |= {"command": self.command, **yaml.safe_load(self.trainer)}
        tree["search"]["trials"] = self.trials
        tree["metric"] = {"name": self.metric, "goal": self.goal}
        if self.space is not None:
            tree["space"] = yaml.safe_load(self.space)
        return tree


BOOLEANS = "{lr: {min: 0, max: 1}, use_bn: {values: [true, false]}}"
TRAPS = Quirk(
    "{python} traps_sigterm.py {rate} heeds", trainer=r"result: {pattern: 'loss: (\S+)'}"
)
CHECKPOINT = Quirk(
    "{python} saves_where_it_is.py {rate} {epochs}", trainer="{cwd: trial, resumes: true}"
)
QUIRKS = {
    "argparse": Quirk(
        "{python} with_argparse.py [--momentum {momentum}] {args} --epochs={epochs}",
        "val_loss",
        "args: {hyphens: true, lists: spaced, style: spaced}",
        """
        lr: {scale: log, min: 1e-4, max: 1}
        batch_size: {values: [16, 32]}
        optimizer: {values: [sgd, adam]}
        momentum: {min: 0, max: 0.9, when: {optimizer: sgd}}
        units: {values: [[8], [8, 4]]}
        """,
    ),
    "click": Quirk(
        "{python} with_click.py {args} --epochs {epochs}",
        "accuracy",
        r"""
        args: {hyphens: true, booleans: no-flag, lists: repeat}
        result: {pattern: 'accuracy (\S+)'}
        """,
        """
        learning_rate: {scale: log, min: 1e-4, max: 1}
        bn: {values: [true, false]}
        kernel: {values: [[3], [3, 5]]}
        """,
        "maximize",
    ),
    "overrides": Quirk(
        "{python} with_overrides.py {args} epochs={epochs}",
        "val/loss",
        r"""
        args: {style: hydra}
        result: {pattern: 'val/loss=(\S+)'}
        """,
        """
        optimizer.lr: {scale: log, min: 1e-4, max: 1}
        optimizer.name: {values: [sgd, adam]}
        model.bn: {values: [true, false]}
        """,
    ),
    "--bn": Quirk(
        "{python} with_booleans.py store_true {args}", "loss", "args: {booleans: flag}", BOOLEANS
    ),
    "--bn, --no-bn": Quirk(
        "{python} with_booleans.py pair {args}", "loss", "args: {booleans: no-flag}", BOOLEANS
    ),
    "--bn true": Quirk(
        "{python} with_booleans.py json {args}", "loss", "args: {style: spaced}", BOOLEANS
    ),
    "--bn=True": Quirk(
        "{python} with_booleans.py python {args}", "loss", "args: {booleans: python}", BOOLEANS
    ),
    "nested names": Quirk(
        "{python} with_nested_names.py --optim.lr={optim.lr} {args} --trainer.max_epochs={epochs}",
        "val_loss",
        space="""
        model.hidden-size: {type: int, min: 4, max: 64}
        model.dropout: {min: 0, max: 0.5}
        optim.lr: {scale: log, min: 1e-4, max: 1}
        """,
    ),
    "params.yaml": Quirk(
        "{python} reads_params_yaml.py",
        trainer="{params_file: params.yaml, cwd: trial, result: {file: metrics.json}}",
        space="train.lr: {scale: log, min: 1e-4, max: 1}\ntrain.layers: {values: [1, 2, 3]}",
    ),
    "in bursts": Quirk("{python} prints_in_bursts.py --rate {rate}"),
    "a bar": Quirk(
        "{python} prints_a_bar.py {args} {epochs}",
        "val_loss",
        r"result: {pattern: 'val_loss: (\S+)'}",
    ),
    "more each epoch": Quirk(
        "{python} says_more_each_epoch.py {args} --epochs {epochs}", "val_loss"
    ),
    "ignores epochs": Quirk(
        "{python} ignores_epochs.py {rate}", trainer=r"result: {pattern: 'loss = (\S+)'}"
    ),
    "an epoch in parts": Quirk("{python} says_epochs_often.py {rate}"),
    "traps SIGTERM": TRAPS,
    "crashes after its rung": Quirk("{python} goes_bad.py {rate} crash"),
    "crashes above a rung": Quirk(
        "{python} goes_bad.py {rate} crash",
        goal="maximize",
        statuses=("completed", "failed", "stopped"),
    ),
    "NaN after its rung": Quirk("{python} goes_bad.py {rate} nan"),
    "NaN above a rung": Quirk(
        "{python} goes_bad.py {rate} nan",
        goal="maximize",
        statuses=("completed", "diverged", "stopped"),
    ),
    "NaN early": Quirk(
        "{python} goes_bad.py {rate} nan-early", statuses=("completed", "diverged", "stopped")
    ),
    "leaves children": Quirk("{python} leaves_children.py {rate} {epochs}"),
    "wandb": Quirk("{python} logs_to_wandb.py", "val/loss", "tracker: wandb"),
    "nni": Quirk("{python} reports_to_nni.py", "default", "tracker: nni"),
    "a table": Quirk(
        "{python} writes_a_table.py {rate} {checkpoint_dir}/log.csv",
        trainer="result: {file: log.csv}",
    ),
    "lines in a file": Quirk(
        "{python} writes_jsonl.py --rate={rate}",
        trainer="{cwd: trial, keep: all, result: {file: metrics.jsonl}}",
    ),
    "a checkpoint where it is": CHECKPOINT,
    "event files": Quirk(
        "{python} writes_events.py {rate} {checkpoint_dir}/logs",
        "validation/epoch_loss",
        "result: {tensorboard: {dir: logs}}",
    ),
    "mlflow": Quirk(
        "{python} logs_to_mlflow.py --lr {rate}", "val_loss", "tracker: mlflow", trials=4
    ),
}
NEED = {"event files": "tensorboard", "mlflow": "mlflow"}
"""Packages that quirks need."""
PARAMS = "prepare: {split: 0.25}\ntrain: {lr: 0.5, layers: 2, epochs: 9}  # as in the paper\n"


@pytest.fixture
def prepared(tmp_path):
    """Write the configuration of a quirk beside a copy of the scripts."""

    def write(quirk: Quirk) -> Path:
        for script in SCRIPTS.glob("*.py"):
            shutil.copy(script, tmp_path)
        (tmp_path / "params.yaml").write_text(PARAMS)
        path = tmp_path / "search.yaml"
        path.write_text(yaml.safe_dump({"name": "quirk", **quirk.config()}))
        return path

    return write


def said(run):
    """What a run says of its trials, without what only the clock decides."""
    pieces = {(*piece.training, piece.rung): piece.curve for piece in run.directory.pieces}
    return [replace(each, started="", seconds=0) for each in run.trials], pieces


KILLED = """
import os, signal
from pathlib import Path
from hpsearch.config import load
from hpsearch.searching.events import TrialEnded
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected

ended = 0

def die_at_the_third(event):
    global ended
    ended += isinstance(event, TrialEnded)
    if ended == 3:
        os.kill(os.getpid(), signal.SIGKILL)

config = inspected(load("search.yaml", ("parallel.jobs=3",)))
conduct(begin(config, None, Path("runs"), "cut"), die_at_the_third, config)
"""


@pytest.mark.parametrize(
    "name",
    [name if name == "wandb" else pytest.param(name, marks=pytest.mark.slow) for name in QUIRKS],
)
def test_a_script_is_tuned_alike_by_one_job_and_by_three_that_kill_9_ended(
    name, prepared, tmp_path
):
    quirk = QUIRKS[name]
    if name in NEED and find_spec(NEED[name]) is None:
        unable = pytest.fail if os.environ.get("REQUIRE_TOOLS") else pytest.skip
        unable(f"needs {NEED[name]}: pip install {NEED[name]}")
    config = prepared(quirk)
    serial = {"parallel.backend": "serial"}
    whole = hpsearch.search(config, tmp_path / "runs", "whole", overrides=serial, progress=False)
    assert {trial.status for trial in whole.trials} == {*quirk.statuses}
    curves = [curve["epoch"] for curve in whole.curves.values()]
    assert curves == [[*range(1, len(epochs) + 1)] for epochs in curves]

    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    cut = hpsearch.load("cut", tmp_path / "runs")
    assert 0 < len(cut.trials) < len(whole.trials)
    cut.resume(progress=False)
    assert said(cut) == said(whole)

    refined = whole.refine("narrowed", progress=False)
    assert {trial.status for trial in refined.trials} <= {*quirk.statuses}
    assert quirk.metric in refined.report().path.read_text()


def test_what_a_script_leaves_behind_ends_with_it(prepared, tmp_path, wait_for_end):
    config = prepared(QUIRKS["leaves children"])
    hpsearch.search(config, tmp_path / "runs", progress=False, trials=3)
    loaders = (tmp_path / "loaders.txt").read_text().split()
    assert len(loaders) >= 6
    for process in loaders:
        wait_for_end(process)


def test_a_script_that_does_not_heed_sigterm_is_ended_all_the_same(
    prepared, tmp_path, monkeypatch
):
    monkeypatch.setattr("hpsearch.trainers.command.process.GRACE", 0.1)
    config = prepared(replace(TRAPS, command="{python} traps_sigterm.py {rate} no"))
    serial = {"parallel.backend": "serial"}
    run = hpsearch.search(config, tmp_path / "runs", overrides=serial, trials=3, progress=False)
    assert {trial.status for trial in run.trials} == {"completed", "stopped"}
    assert not (tmp_path / "saved.txt").exists()


def test_the_checkpoint_of_the_best_stays_where_its_script_left_it(prepared, tmp_path):
    config = prepared(CHECKPOINT)
    serial = {"parallel.backend": "serial"}
    run = hpsearch.search(config, tmp_path / "runs", "run", overrides=serial, progress=False)
    (folder,) = (run.path / "trials").iterdir()
    assert folder.name == str(run.best.number)
    said = CliRunner().invoke(cli, ["report", str(run.path)]).output
    assert f"{folder} (its own folder)" in said
    epoch, loss = json.loads((folder / "last.ckpt").read_text())
    assert (epoch, loss) == (9, run.best.metrics["loss"])

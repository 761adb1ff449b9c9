"""Runs of version 0.1.0, which had rules 1, are still read, finished and built upon.

`rules_1/` holds two of them as 0.1.0 left them: a finished search with the network, and one
with objective.py that was killed while its third round trained; beside them, what 0.1.0 itself
made of the latter without a kill. Its third round repeats settings, two trials become undefined
above their first rung, and each loss depends on a seed below 2**32: later rules do all three
otherwise.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "rules_1"


@pytest.fixture
def folder(tmp_path):
    """A folder in which both runs lie where the files that they name are."""
    shutil.copy(HERE / "objective.py", tmp_path)
    for name in ("function", "network"):
        run = tmp_path / "runs" / name
        shutil.copytree(HERE / name, run)
        text = (run / "run.json").read_text()
        (run / "run.json").write_text(text.replace("FOLDER", str(tmp_path)))
    return tmp_path


def call(folder, *words, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "hpsearch", *words],
        cwd=folder,
        env={"HPSEARCH_TRUST": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def records(path):
    """The lines of a file by trial and piece, without what differs from time to time."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line.pop("started", None), line.pop("seconds", None)
    return sorted(lines, key=lambda line: [line["number"], line.get("rung"), line.get("repeat")])


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_that_began_under_rules_1_ends_as_it_would_have_ended(folder, jobs):
    call(folder, "resume", "function", "-q", "--jobs", str(jobs))
    run = folder / "runs" / "function"
    assert records(run / "trials.jsonl") == records(HERE / "function.trials.jsonl")
    assert records(run / "curves.jsonl") == records(HERE / "function.curves.jsonl")
    result = json.loads((run / "best" / "result.json").read_text())
    before = json.loads((HERE / "function.result.json").read_text())
    interval = result["confirmed"].pop("interval")  # Student's t was an approximation
    assert interval == pytest.approx(before["confirmed"].pop("interval"), rel=1e-9)
    assert {key: result[key] for key in before} == before


def test_a_trial_of_rules_1_is_trained_again_to_the_same_end(folder):
    done = call(folder, "retrain", "function", "--trial", "4")
    assert "0.03954" in done.stdout


def test_a_finished_run_is_listed_reported_and_exported_as_it_was(folder):
    assert "network" in call(folder, "list").stdout
    report = json.loads(call(folder, "report", "network", "--format", "json").stdout)
    recorded = json.loads((HERE / "network" / "best" / "result.json").read_text())
    assert report["best"]["number"] == recorded["number"]
    assert report["best"]["params"] == recorded["params"]
    call(folder, "export", "network", "--to", "csv", "trials.csv")
    assert len((folder / "trials.csv").read_text().splitlines()) == 1 + 9


def test_a_finished_run_predicts_and_is_refined(folder):
    assert len(call(folder, "predict", "network", "digits").stdout.splitlines()) == 1 + 1797
    call(folder, "refine", "network", "--name", "finer", "--trials", "4", "-q")
    finer = json.loads((folder / "runs" / "finer" / "run.json").read_text())
    assert finer["parent"] == "network"

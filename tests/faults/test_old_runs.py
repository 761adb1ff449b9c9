"""Runs of earlier versions are still read, finished and built upon.

`rules_1/` holds two runs as version 0.1.0 left them, `format_1/` two of a later version, whose
timeline did not name repeat and fold: a finished search with the network, and one with
objective.py that was killed while its last round trained; beside them, what that version itself
made of the latter without a kill, and said of both. Under rules 1 the third round repeats
settings, two trials become undefined above their first rung, and each loss depends on a seed
below 2**32: later rules do all three otherwise.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AGAIN = {"rules_1": "0.03954", "format_1": "0.1728"}  # what trial 4 ends with


@pytest.fixture(params=["rules_1", "format_1"])
def left(request):
    """What an early version left."""
    return HERE / request.param


@pytest.fixture
def folder(tmp_path, left):
    """A folder in which both of its runs lie where the files that they name are."""
    shutil.copy(HERE / "rules_1" / "objective.py", tmp_path)
    for name in ("function", "network"):
        run = tmp_path / "runs" / name
        shutil.copytree(left / name, run)
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


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_search_that_an_early_version_began_ends_as_it_would_have_ended(folder, left, jobs):
    call(folder, "resume", "function", "-q", "--jobs", str(jobs))
    run = folder / "runs" / "function"
    assert records(run / "trials.jsonl") == records(left / "function.trials.jsonl")
    assert records(run / "curves.jsonl") == records(left / "function.curves.jsonl")
    result = json.loads((run / "best" / "result.json").read_text())
    before = json.loads((left / "function.result.json").read_text())
    found, expected = (each["confirmed"].pop("interval") or [] for each in (result, before))
    assert found == pytest.approx(expected, rel=1e-9)  # Student's t was an approximation
    assert {key: result[key] for key in before} == before
    lines = [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]
    assert {"repeat" in line for line in lines} == {False, True}


def test_a_trial_is_trained_again_to_the_same_end(folder, left):
    done = call(folder, "retrain", "function", "--trial", "4")
    assert AGAIN[left.name] in done.stdout
    assert "the same as recorded, bit for bit" in done.stdout


def test_a_finished_run_is_listed_reported_and_exported_as_it_was(folder, left):
    assert "network" in call(folder, "list").stdout
    report = json.loads(call(folder, "report", "network", "--format", "json").stdout)
    recorded = json.loads((left / "network" / "best" / "result.json").read_text())
    assert report["best"]["number"] == recorded["number"]
    assert report["best"]["params"] == recorded["params"]
    call(folder, "export", "network", "--to", "csv", "trials.csv")
    assert len((folder / "trials.csv").read_text().splitlines()) == 1 + 9


@pytest.mark.parametrize("left", [HERE / "format_1"], ids=["format_1"])
def test_what_is_said_of_a_run_is_what_its_own_version_said(folder, left):
    for name in ("function", "network"):
        report = json.loads(call(folder, "report", name, "--format", "json").stdout)
        before = json.loads((left / f"{name}.report.json").read_text())
        assert {key: report[key] for key in before} == before
    call(folder, "export", "network", "--to", "csv", "trials.csv")
    assert (folder / "trials.csv").read_text() == (left / "network.csv").read_text()
    refined = call(folder, "refine", "network", "--dry-run").stdout
    assert refined == (left / "network.refined.txt").read_text()


@pytest.mark.slow
def test_a_finished_run_predicts_and_is_refined(folder):
    assert len(call(folder, "predict", "network", "digits").stdout.splitlines()) == 1 + 1797
    call(folder, "refine", "network", "--name", "finer", "--trials", "4", "-q")
    finer = json.loads((folder / "runs" / "finer" / "run.json").read_text())
    assert finer["parent"] == "network"

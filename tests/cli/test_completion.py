"""A shell completes commands, options and the names of runs."""

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from hpsearch.cli import cli


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder runs/ with two runs, a folder that is none, and what a crash left."""
    monkeypatch.chdir(tmp_path)
    for name in ("digits", "digits-2", "iris", ".half.new"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text("{}")
    (tmp_path / "runs" / "digits-notes").mkdir()
    return tmp_path / "runs"


def completed(*words):
    """What a shell would offer for the last of these words."""
    *before, incomplete = words
    found = ShellComplete(cli, {}, "hpsearch", "_HPSEARCH_COMPLETE").get_completions(
        before, incomplete
    )
    return [(item.type, item.value) for item in found]


@pytest.mark.parametrize(
    "command",
    [
        "resume",
        "refine",
        "report",
        "retrain",
        "evaluate",
        "predict",
        "export",
        "add",
        "stop",
        "note",
    ],
)
def test_a_run_is_completed_by_its_name(runs, command):
    assert completed(command, "di") == [("plain", "digits"), ("plain", "digits-2")]
    assert completed(command, "") == [
        ("plain", "digits"), ("plain", "digits-2"), ("plain", "iris"),
    ]  # fmt: skip
    assert completed(command, "x") == []


def test_a_run_that_is_named_already_is_not_offered_again(runs):
    assert completed("report", "digits", "d") == [("plain", "digits-2")]


def test_the_runs_are_those_of_runs_dir_wherever_it_is_said(runs, tmp_path, monkeypatch):
    runs.rename(tmp_path / "elsewhere")
    assert completed("report", "") == []
    assert ("plain", "iris") in completed("report", "--runs-dir", "elsewhere", "")
    monkeypatch.setenv("HPSEARCH_RUNS_DIR", str(tmp_path / "elsewhere"))
    assert ("plain", "iris") in completed("report", "")


@pytest.mark.parametrize("path", ["runs/di", "./", "~/ru"])
def test_a_path_is_left_to_the_shell(runs, path):
    assert completed("report", path) == [("dir", path)]


@pytest.mark.parametrize(
    ("words", "offered", "light"),
    [
        ("hpsearch re", "plain,resume plain,refine plain,report plain,retrain", "hpsearch.store"),
        ("hpsearch report ir", "plain,iris", "hpsearch.cli.run"),
    ],
)
def test_a_shell_is_answered_without_loading_what_the_command_does_not_need(
    runs, words, offered, light
):
    code = (
        "import os, sys\n"
        f"os.environ.update(_HPSEARCH_COMPLETE='bash_complete', COMP_WORDS='{words}',\n"
        f"                  COMP_CWORD='{len(words.split()) - 1}')\n"
        "from hpsearch.cli import main\n"
        "try: main()\n"
        f"except SystemExit: print([n for n in ('pydantic', 'pandas', 'plotly', '{light}')\n"
        "                         if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [*offered.split(), "[]"]

"""A leading `~` is the home folder wherever a path is given, also where no shell has read it."""

import json
from pathlib import Path

import pytest

import hpsearch as package
from hpsearch.errors import HpsearchError

YAML = """
data: {source: ~/flowers.csv, target: flower}
trainer: {epochs: 1}
space: {learning_rate: {scale: log, min: 0.01, max: 1}}
search: {trials: 4, confirm: false}
parallel: {backend: serial}
"""


@pytest.fixture
def home(tmp_path, monkeypatch, flowers):
    folder = tmp_path / "home"
    folder.mkdir()
    flowers.rename(folder / "flowers.csv")
    (folder / "c.yaml").write_text(YAML)
    sweep = "method: random\nparameters: {lr: {min: 0.1, max: 1}}\n"
    (folder / "sweep.yaml").write_text(sweep)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_every_path_of_the_command_line_may_begin_at_home(home, hpsearch, monkeypatch):
    runs = ("--runs-dir", "~/runs")
    for words in (
        ("init", "~/flowers.csv", "--target=flower", "-o", "~/new.yaml"),
        ("init", "--from", "~/sweep.yaml", "-o", "~/moved.yaml"),
        ("check", "~/c.yaml", "--set", "data.source=~/flowers.csv"),
        ("run", "~/c.yaml", "--name=a", "-q", "--runs-dir=~/runs"),
        ("run", "~/c.yaml", "--name=b", "-q", *runs, "--set", "search.start=~/runs/a"),
        ("report", "~/runs/a"),
        ("report", "a", "b", *runs, "--output", "~/both.html"),
        ("refine", "~/runs/a", "--write", "~/finer.yaml"),
        ("retrain", "~/runs/a", "-o", "~/model.npz"),
        ("predict", "~/model.npz", "~/flowers.csv", "-o", "~/labels.csv"),
        ("evaluate", "~/runs/a", "~/flowers.csv"),
        ("export", "~/runs/a", "~/trials.csv", "--to", "csv"),
    ):
        said = hpsearch(*words)
        assert said.status == 0, said.err
    monkeypatch.setenv("HPSEARCH_RUNS_DIR", "~/others")
    assert hpsearch("run", "~/c.yaml", "--name=c", "-q").status == 0
    names = {str(path.relative_to(home)) for path in [*home.iterdir(), *home.glob("*/*")]}
    assert names >= {
        "new.yaml", "runs/a", "runs/b", "both.html", "finer.yaml", "model.npz", "labels.csv",
        "trials.csv", "others/c",
    }  # fmt: skip
    assert not Path("~").exists()


def test_every_path_in_python_may_begin_at_home(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = package.search("~/c.yaml", runs_dir="~/runs", name="a", progress=False)
    assert made.path == home / "runs" / "a"
    assert package.load("~/runs/a").path == made.path
    assert package.load("a", "~/runs").path == made.path
    made.export("csv", "~/trials.csv")
    assert (home / "trials.csv").exists()
    assert len(made.predict("~/flowers.csv")) == 60
    assert not Path("~").exists()


def test_the_folder_and_the_file_of_a_function_may_lie_at_home(home, hpsearch):
    (home / "code").mkdir()
    (home / "code" / "f.py").write_text("def train(p, epochs): return {'loss': p['x']}\n")
    tree = {"metric": {"name": "loss"}, "space": {"x": {"min": 0, "max": 1}}}
    for trainer in (
        {"kind": "function", "function": "f.py:train", "folder": "~/code"},
        {"kind": "function", "function": "~/code/f.py:train"},
    ):
        Path("f.yaml").write_text(json.dumps({**tree, "trainer": trainer}))
        assert hpsearch("check", "f.yaml").status == 0


@pytest.mark.parametrize(
    "words",
    [
        ("check", "~nobody-here/c.yaml"),
        ("list", "--runs-dir=~nobody-here/runs"),
        ("report", "~nobody-here/runs/a"),
        ("check", "c.yaml", "--set", "data.source=~nobody-here/x.csv"),
    ],
)
def test_a_user_that_there_is_not_is_one_message(home, hpsearch, words):
    Path("c.yaml").write_text(YAML)
    said = hpsearch(*words)
    assert (said.status, said.out) == (1, "")
    assert len(said.err.splitlines()) == 1
    assert "found no user 'nobody-here'; for a file of this name write ./~nobody-here" in said.err
    with pytest.raises(HpsearchError, match="found no user 'nobody-here'"):
        package.load(runs_dir="~nobody-here/runs")

"""A trial that deletes or changes the files of its own run: no line is lost, and it is said."""

import json
import os

import pytest

from hpsearch.config import load
from hpsearch.errors import RunError
from hpsearch.searching.events import FilesChanged, TrialEnded
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected
from hpsearch.store import SafePath, files
from hpsearch.store.files import Lines

CONFIG = """\
name: own
trainer: {kind: function, function: own.py:train, epochs: 4}
metric: {name: loss, goal: minimize}
space: {rate: {min: 0, max: 1}}
search: {trials: 9, rounds: 2, halving: {min_epochs: 1}}
parallel: {backend: serial}
"""
OWN = """\
import os, shutil
from pathlib import Path

def vandal(run):
    pass

def train(params, epochs, trial, checkpoint_dir):
    if trial in (4, 7):
        vandal(Path(__file__).parent / "runs" / "own")
    kept = Path(checkpoint_dir, "kept")
    first = int(kept.read_text()) if kept.exists() else 0
    for epoch in range(first + 1, epochs + 1):
        kept.write_text(str(epoch))
        yield {"epoch": epoch, "loss": (params["rate"] - 0.3) ** 2 + 1 / epoch}
"""
LINES = ("curves.jsonl", "trials.jsonl", "timeline.jsonl")
DEEDS = {
    "deletes trials.jsonl": ("trials.jsonl", '(run / "trials.jsonl").unlink()'),
    "deletes curves.jsonl": ("curves.jsonl", '(run / "curves.jsonl").unlink()'),
    "replaces trials.jsonl": (
        "trials.jsonl",
        '(run / "new").write_text("mine\\n"); (run / "new").rename(run / "trials.jsonl")',
    ),
    "empties curves.jsonl": ("curves.jsonl", '(run / "curves.jsonl").write_text("")'),
    "cuts timeline.jsonl": ("timeline.jsonl", 'os.truncate(run / "timeline.jsonl", 20)'),
    "adds to trials.jsonl": (
        "trials.jsonl",
        'os.write(os.open(run / "trials.jsonl", os.O_WRONLY | os.O_APPEND), b"mine")',
    ),
    "links trials.jsonl": (
        "trials.jsonl",
        '(run / "trials.jsonl").unlink(); (run / "trials.jsonl").symlink_to("../../precious")',
    ),
    "makes a folder of curves.jsonl": (
        "curves.jsonl",
        '(run / "curves.jsonl").unlink(); (run / "curves.jsonl").mkdir()',
    ),
    "deletes run.json": ("run.json", '(run / "run.json").unlink()'),
    "writes run.json": ("run.json", '(run / "run.json").write_text("{}")'),
    "deletes the lock": (".lock", '(run / ".lock").unlink()'),
    "deletes logs": ("logs", 'shutil.rmtree(run / "logs", ignore_errors=True)'),
    "links state": (
        "state",
        'shutil.rmtree(run / "state"); (run / "state").symlink_to("../../folder")',
    ),
    "deletes all that it sees": (
        "run.json",
        "[shutil.rmtree(each) if each.is_dir() else each.unlink() for each in run.iterdir()]",
    ),
}


def search(folder, deed="pass"):
    """A search in which two trials do something to the run's files; its folder and its events."""
    folder.mkdir()
    (folder / "own.yaml").write_text(CONFIG)
    (folder / "own.py").write_text(OWN.replace("    pass\n", f"    {deed}\n", 1))
    (folder / "precious").write_text("mine")
    (folder / "folder").mkdir()
    config, told = inspected(load(folder / "own.yaml")), []
    run = begin(config, None, folder / "runs", "own")
    conduct(run, told.append, config)
    return run.path, told


def fates(run):
    """All that the run's files hold, but for what the clock decides."""
    trials, pieces, work = (
        [json.loads(line) for line in (run / name).read_text().splitlines()] for name in LINES
    )
    clock = ("started", "seconds", "start", "end", "worker")
    lines = [
        {name: value for name, value in line.items() if name not in clock}
        for line in (*trials, *pieces, *work)
    ]
    info = json.loads((run / "run.json").read_text())
    kept = {name: info[name] for name in ("status", "config", "plan", "seed", "out_of_time")}
    kept["config"].pop("trainer")  # names another folder
    return lines, kept, (run / "best" / "result.json").read_text()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run, told = search(tmp_path_factory.mktemp("whole") / "search")
    assert not any(isinstance(event, FilesChanged) for event in told)
    return fates(run)


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_trial_did_to_the_runs_files_is_said_once_and_put_right(
    tmp_path, undisturbed, deed
):
    name, code = DEEDS[deed]
    run, told = search(tmp_path / "search", code)
    if deed in ("links state", "deletes all that it sees"):  # their checkpoints, too: they fail
        lines, info, _ = fates(run)
        assert {line["number"]: line["status"] for line in lines if "status" in line}.keys() == {
            *range(9)
        }
        assert info == undisturbed[1]
    else:
        assert fates(run) == undisturbed
    messages = [event.message for event in told if isinstance(event, FilesChanged)]
    assert sum(f"{run / name}: was deleted or changed by another" in m for m in messages) == 1
    assert len(messages) == len({*messages})
    assert sum(isinstance(event, TrialEnded) for event in told) == 9
    assert (tmp_path / "search" / "precious").read_text() == "mine"
    assert list((tmp_path / "search" / "folder").iterdir()) == []
    if name in LINES:
        assert messages[0] in (run / "logs" / "log.txt").read_text()


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_of_an_earlier_session_are_written_anew_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "BLOCK", 2)
    path = SafePath(tmp_path) / "a.jsonl"
    path.write_text('{"number": 0}\n{"number": 1}\n')
    told = []
    lines = Lines(path, told.append)
    path.remove()
    lines.append({"number": 2})
    assert [line["number"] for line in read(path)] == [0, 1, 2]
    path.write_text("")
    lines.sync()
    lines.append({"number": 3})
    lines.close()
    assert [line["number"] for line in read(path)] == [0, 1, 2, 3]
    assert told == [path, path]


def test_a_backup_of_hard_links_does_not_grow_with_the_run(tmp_path):
    path = SafePath(tmp_path) / "a.jsonl"
    lines, told = Lines(path), []
    lines.append({"number": 0})
    os.link(path.path, tmp_path / "backup")
    lines.append({"number": 1})
    lines.close()
    os.link(path.path, tmp_path / "later")
    lines = Lines(path, told.append)
    lines.append({"number": 2})
    lines.close()
    assert (tmp_path / "backup").read_text().count("\n") == 1
    assert (tmp_path / "later").read_text().count("\n") == 2
    assert path.read_text().count("\n") == 3
    assert told == []


def test_a_folder_that_is_gone_as_a_whole_is_told_as_before(tmp_path):
    with pytest.raises(RunError, match=r"own: was deleted or moved while it was written to"):
        search(tmp_path / "search", "shutil.rmtree(run)")

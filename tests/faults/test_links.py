"""Whatever stands in a run directory in place of a file or folder: nothing outside is touched."""

import os
import re
import shutil
import signal
import stat
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from hpsearch.cli import main
from hpsearch.config import load
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.searching.trainer import inspected

NETWORK = """\
name: net
data: {source: rows.csv, target: label}
trainer: {kind: network, epochs: 4}
space: {learning_rate: {scale: log, min: 1e-3, max: 0.1}}
search: {trials: 5, halving: {min_epochs: 1}, confirm: {top: 1, seeds: 2}}
parallel: {backend: serial}
"""
FUNCTION = """\
name: own
trainer: {kind: function, function: own.py:train, epochs: 4}
metric: {name: loss, goal: minimize}
space: {rate: {min: 0, max: 1}}
search: {trials: 5, halving: {min_epochs: 1}}
parallel: {backend: serial}
"""
OWN = """\
from pathlib import Path
def train(params, epochs, checkpoint_dir, trial_dir):
    Path(trial_dir, "left").touch()
    if 0.9 < params["rate"] < 0.99:
        raise ValueError("too fast")
    print("begun")
    kept = Path(checkpoint_dir, "kept")
    first = int(kept.read_text()) if kept.exists() else 0
    for epoch in range(first + 1, epochs + 1):
        kept.write_text(str(epoch))
        yield {"epoch": epoch, "loss": params["rate"] / epoch}
"""
COMMANDS = [
    "list",
    "report NAME",
    "report NAME --format json",
    "report NAME --format csv",
    "report NAME other",
    "evaluate NAME",
    "evaluate NAME rows.csv",
    "predict NAME rows.csv -o runs/NAME/labels.csv --force",
    "export NAME --to csv runs/NAME/logs/trials.csv --force",
    "refine NAME --dry-run",
    "refine NAME --name child --trials 2 -q",
    "resume NAME -q",
    "retrain NAME",
    "resume NAME --repair -q",
    "resume NAME --trials 7 -q",
]
LONGEST = 60  # seconds for a command, which takes less than one


class Hangs(BaseException):
    """A command that does not come to an end."""


@contextmanager
def alarm(seconds):
    def ring(number, frame):
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with runs of every kind, and all the paths that were seen in them."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    rows = (f"{x:.3f},{y:.3f},{'ab'[int(x + y > 0)]}\n" for x, y in rng.normal(size=(80, 2)))
    (folder / "rows.csv").write_text("x,y,label\n" + "".join(rows))
    (folder / "net.yaml").write_text(NETWORK)
    (folder / "function.yaml").write_text(FUNCTION)
    (folder / "own.py").write_text(OWN)
    seen = {}

    def search(name, file, until=None):
        config = inspected(load(folder / file))
        run = begin(config, read_data(config), folder / "runs", name)
        paths = seen.setdefault(name, set())

        def tell(event):
            paths.update(str(path.relative_to(run.path)) for path in run.path.rglob("*"))
            if until is not None and list(run.path.glob(until)):
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            conduct(run, tell, config)
        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HPSEARCH_STATE_DIR", str(folder / "key"))
        patch.chdir(folder)
        # What notes the time from a thread writes run.json anew, by a name that nobody can guess.
        patch.setattr("hpsearch.searching.session.BEAT", 3600.0)
        search("other", "net.yaml")
        search("net", "net.yaml")
        search("half", "net.yaml", until="state/*.npz")
        search("function", "function.yaml", until="state/*/epoch-*")
        run = search("repaired", "net.yaml")
        with (run.path / "trials.jsonl").open("ab") as file:
            file.write(b"{]\n")
        for words in ("resume repaired --repair -q", "refine net --name refined -q",
                      "report net", "report function", "report refined"):  # fmt: skip
            assert call(words)[0] == 0, words
    assert not (folder / "runs" / "half" / "best").exists()
    for name in ("net", "half", "function", "repaired", "refined"):
        run = folder / "runs" / name
        found = {str(path.relative_to(run)) for path in run.rglob("*")}
        seen[name] = sorted(seen.get(name, set()) | found)
    return folder, seen


def call(words):
    """The status of a command in this process, and what it wrote to files of its own."""
    with pytest.MonkeyPatch.context() as patch, alarm(LONGEST):
        patch.setattr(sys, "argv", ["hpsearch", *words.split()])
        with pytest.raises(SystemExit) as ended:
            main()
    return (ended.value.code,)


NAMES = {
    # Each run has names of its own; "*" stands for a trial's or a rung's number.
    "net": [
        ".lock", "config.yaml", "run.json", "curves.jsonl", "trials.jsonl", "timeline.jsonl",
        "state", "logs", "best", "best/model.npz", "best/params.yaml", "best/result.json",
        "report.html", ".data", ".data/0", ".data/0/x_train.npy", ".data/0/y_train.npy",
        "labels.csv", "logs/trials.csv", ".running",
    ],
    "half": ["run.json", "trials.jsonl", "state", "state/*.npz", "best", ".data", "logs",
             ".lock", "curves.jsonl", ".running"],
    "function": ["state", "state/*-*-*", "state/*-*-*/epoch-*", "state/*-*-*/epoch-*/kept",
                 "state/*.npz", "logs", "logs/trial-*.txt", "best", "best/checkpoint",
                 "curves.jsonl", "trials", "trials/*"],
    "repaired": ["damaged", "damaged/trials.jsonl"],
    "refined": ["history.jsonl", "best/result.json"],
}  # fmt: skip
OLD_TEMPORARY = [".run.json.new", ".report.html.new", ".trials.jsonl.new", "best/.result.json.new"]


def test_the_names_below_are_all_that_runs_have(made):
    _, seen = made
    known = {name for names in NAMES.values() for name in names} | {
        ".data/0/x_*.npy", ".data/0/y_*.npy", "logs/log.txt", "state/*-*-*/work-*",
        "state/*-*-*/work-*/kept", "state/*-*-*/work-*/.trial_dir", "best/checkpoint/kept",
        "state/*-*-*/final", "state/*-*-*/final/kept", "state/*-*-*/epoch-*/.trial_dir",
        "state/*-*-*/epoch-*/.trial_dir/left", "trials/*/left",
        ".running/*.json",
    }  # fmt: skip
    patterns = [re.escape(name).replace(r"\*", "[^/]*") for name in known]
    every = {path for paths in seen.values() for path in paths}
    strange = [path for path in every if not re.fullmatch("|".join(patterns), path)]
    assert strange == []


def planted(made, tmp_path, run, name):
    """A copy of the runs, and the path of this name in one of them, moved away if it was there."""
    folder, _ = made
    shutil.copytree(folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    run = tmp_path / "runs" / run
    if "*" in name:
        name = str(min(run.glob(name)).relative_to(run))
    path = run / name
    (tmp_path / "outside").mkdir()
    kept = tmp_path / "outside" / "kept"
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(kept)
    elif path.suffix:
        kept.write_text("SECRET\n")
    else:
        kept.mkdir()
    if kept.is_dir():
        (kept / "precious").write_text("SECRET\n")
    elif kept.suffix in ("", ".yaml", ".txt") and kept.name != "run.json":
        text = kept.read_bytes()
        kept.write_bytes(text + b"# SECRET\n" if path.suffix in (".yaml", ".txt") else text)
    return path, kept


def snapshot(folder):
    """All that a folder holds, and when it was changed."""
    return {
        path: (info.st_ino, info.st_mode, info.st_mtime_ns, info.st_size,
               path.read_bytes() if stat.S_ISREG(info.st_mode) else b"")
        for path in sorted([folder, *folder.rglob("*")])
        for info in [path.lstat()]
    }  # fmt: skip


def everything(monkeypatch, capfd, tmp_path, run):
    """Run every command on a run; what they said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_TRUST", "1")
    monkeypatch.setenv("HPSEARCH_STATE_DIR", str(tmp_path / "key"))
    said = ""
    for command in COMMANDS:
        (status,) = call(command.replace("NAME", run))
        out, err = capfd.readouterr()
        assert status in (0, 1), (command, err)
        assert "This is a bug" not in err, (command, err)
        assert "Traceback" not in err, (command, err)
        if command == "list":
            assert status == 0
            assert "other" in out
        said += out + err
        shutil.rmtree(tmp_path / "runs" / "child", ignore_errors=True)
    return said


PLACES = [(run, name) for run, names in NAMES.items() for name in names]


@pytest.mark.parametrize(("run", "name"), PLACES)
@pytest.mark.parametrize("target", ["there", "nowhere"])
@pytest.mark.slow
def test_a_link_in_any_place_reaches_nothing_outside(
    made, tmp_path, monkeypatch, capfd, run, name, target
):
    path, kept = planted(made, tmp_path, run, name)
    path.symlink_to(kept if target == "there" else tmp_path / "outside" / "nowhere")
    before = snapshot(tmp_path / "outside")
    said = everything(monkeypatch, capfd, tmp_path, run)
    assert snapshot(tmp_path / "outside") == before
    assert "SECRET" not in said
    for file in (tmp_path / "runs").rglob("*"):
        if stat.S_ISREG(file.lstat().st_mode):
            assert b"SECRET" not in file.read_bytes(), file


@pytest.mark.parametrize("name", OLD_TEMPORARY)
def test_a_link_under_a_name_that_could_be_guessed_is_not_written_through(
    made, tmp_path, monkeypatch, capfd, name
):
    path, kept = planted(made, tmp_path, "net", name)
    path.symlink_to(kept)
    everything(monkeypatch, capfd, tmp_path, "net")
    assert kept.read_text() == "SECRET\n"


FILES = [(run, name) for run, name in PLACES if Path(name).suffix or name == ".lock"]


@pytest.mark.parametrize(("run", "name"), FILES)
@pytest.mark.slow
def test_a_named_pipe_in_the_place_of_a_file_makes_no_command_wait(
    made, tmp_path, monkeypatch, capfd, run, name
):
    path, _ = planted(made, tmp_path, run, name)
    os.mkfifo(path)
    everything(monkeypatch, capfd, tmp_path, run)

"""A real small disk that runs full, and one that becomes read-only."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

CONFIG = """\
name: tiny
data: {source: small.csv, target: y}
trainer: {kind: network, epochs: 9}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1}
search: {trials: 27, halving: true}
parallel: {backend: serial}
"""


def mount(*args):
    return subprocess.run(["mount", *map(str, args)], capture_output=True, text=True)


@contextmanager
def small_disk(folder, size):
    """A file system of its own; skips where mounting is not allowed."""
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or mount("-t", "tmpfs", "-o", "size=1m", "t", folder).returncode
    ):
        pytest.skip("mounting a file system is not allowed here")
    try:
        assert mount("-o", f"remount,size={size}", folder).returncode == 0
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """The folder of a small search, done where there is room."""
    folder = tmp_path_factory.mktemp("whole")
    rows = "".join(f"{i % 7},{i * i % 11},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "small.csv").write_text("p,q,y\n" + rows)
    (folder / "tiny.yaml").write_text(CONFIG)
    assert command(folder, "run", "tiny.yaml", "--name", "whole").returncode == 0
    return folder


@pytest.fixture
def in_process(command, whole, tmp_path):
    """Runs a command in a copy of that folder, in this process."""
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return lambda *words: command(tmp_path, *words)


@pytest.fixture
def hpsearch(in_process, tmp_path):
    """Runs it in a process that ends: with nothing left to write, or with one message."""
    return lambda *words: subprocess.run(
        [sys.executable, "-m", "hpsearch", *words], cwd=tmp_path, capture_output=True, text=True
    )


def fates(run):
    lines = map(json.loads, (run / "trials.jsonl").read_text().splitlines())
    kept = [{k: v for k, v in e.items() if k not in ("started", "seconds")} for e in lines]
    return sorted(kept, key=lambda line: line["number"])


def refused(done, reason):
    """One message with a remedy, and status 1."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("hpsearch: ")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1
    assert reason in lines[0]
    assert "hpsearch resume" in lines[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "kilobytes", [56, *(pytest.param(n, marks=pytest.mark.slow) for n in (40, 72, 88))]
)
def test_a_search_on_a_full_disk_stops_and_goes_on_once_there_is_room(
    tmp_path, hpsearch, in_process, kilobytes
):
    with small_disk(tmp_path / "disk", f"{kilobytes}k") as disk:
        refused(
            hpsearch("run", "tiny.yaml", "--name", "it", "--runs-dir", "disk"), "No space left"
        )
        before = {line["number"] for line in fates(disk / "it")}
        assert mount("-o", "remount,size=10m", disk).returncode == 0
        done = in_process("resume", "disk/it")
        assert done.returncode == 0, done.stderr
        assert before <= {line["number"] for line in fates(disk / "it")}
        assert fates(disk / "it") == fates(tmp_path / "runs" / "whole")
        best = (disk / "it" / "best" / "params.yaml").read_text()
        assert best == (tmp_path / "runs" / "whole" / "best" / "params.yaml").read_text()


def test_a_read_only_disk_refuses_a_resume_and_still_reports(tmp_path, hpsearch, in_process):
    with small_disk(tmp_path / "disk", "10m") as disk:
        shutil.copytree(tmp_path / "runs" / "whole", disk / "it")
        info = disk / "it" / "run.json"
        info.write_text(info.read_text().replace('"finished"', '"interrupted"'))
        before = info.read_bytes()
        assert mount("-o", "remount,ro", disk).returncode == 0
        refused(hpsearch("resume", "disk/it"), "Read-only file system")
        assert info.read_bytes() == before
        assert in_process("report", "disk/it").returncode == 0


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_no_half_file_and_what_was_there_before(
    tmp_path, hpsearch, in_process, force
):
    rows = "".join(f"{i % 7},{i * i % 11}\n" for i in range(20_000))
    (tmp_path / "new.csv").write_text("p,q\n" + rows)
    with small_disk(tmp_path / "disk", "40k") as disk:
        if force:
            (disk / "labels.csv").write_text("old")
        words = ("predict", "whole", "new.csv", "-o", "disk/labels.csv", *["--force"] * force)
        done = hpsearch(*words)
        assert done.returncode == 1
        message = "disk/labels.csv: cannot be written: No space left on device"
        assert done.stderr == f"hpsearch: {message}\n"
        assert [each.read_text() for each in disk.iterdir()] == ["old"] * force
        assert mount("-o", "remount,size=10m", disk).returncode == 0
        assert in_process(*words).returncode == 0
        assert (disk / "labels.csv").read_text().count("\n") == 20_001


@pytest.fixture(scope="module")
def babysat(whole, command):
    """A small model that was steered, where there was room."""
    assert command(whole, "babysit", "tiny.yaml", "--name", "model").returncode == 0
    assert command(whole, "steer", "model", "--branch", "3", "--set", "l2=0.1").returncode == 0
    assert command(whole, "resume", "model").returncode == 0
    return whole / "runs" / "model"


def epochs(run):
    """Every epoch of a babysat model, each once."""
    found = {}
    for line in map(json.loads, (run / "curves.jsonl").read_text().splitlines()):
        for row in zip(*line["curve"].values(), strict=True):
            assert (line["number"], row[0]) not in found
            found[line["number"], row[0]] = row
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 84])
def test_a_model_that_is_babysat_on_a_full_disk_stops_and_goes_on_once_there_is_room(
    tmp_path, babysat, hpsearch, in_process, kilobytes
):
    branch = ("steer", "disk/it", "--branch", "3", "--set", "l2=0.1")
    with small_disk(tmp_path / "disk", f"{kilobytes}k") as disk:
        begun = hpsearch("babysit", "tiny.yaml", "--name", "it", "--runs-dir", "disk")
        before = epochs(disk / "it")
        assert hpsearch(*branch).returncode == 0  # the diary has room where a snapshot has none
        full = hpsearch("resume", "disk/it")
        for done in (begun, full):
            if done.returncode:
                assert done.stderr.count("hpsearch: ") == 1, done.stderr
                assert "No space left" in done.stderr
                assert "Traceback" not in done.stderr
        assert full.returncode == 1
        assert mount("-o", "remount,size=10m", disk).returncode == 0
        done = in_process("resume", "disk/it")
        assert done.returncode == 0, done.stderr
        found, whole = epochs(disk / "it"), epochs(babysat)
        assert found.items() <= whole.items()
        assert before.items() <= found.items()
        assert [key for key in found if key[0] == 1] == [(1, epoch) for epoch in range(4, 10)]
        assert in_process("babysit", "disk/it", "--replay").returncode == 0

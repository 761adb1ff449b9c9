"""Every file that a command is told to write: whole or not at all, and nothing overwritten."""

import errno
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import yaml

import hpsearch as package
from hpsearch.cli import cli
from hpsearch.cli.options import OUTPUT
from hpsearch.report import png

# Of each option that names what is written: words that write it, and its name where it has one.
WRITES = {
    ("init", "output"): ("init", "data.csv", "--output={}"),
    ("predict", "output"): ("predict", "one", "data.csv", "--output={}"),
    ("refine", "write"): ("refine", "one", "--write={}"),
    ("report", "output"): ("report", "one", "two", "--output={}"),
    ("retrain", "output"): ("retrain", "one", "--output={}"),
    ("export", "target"): ("export", "one", "{}", "--to=csv"),
    ("report", "png"): ("report", "one", "--format=json", "--png={}"),  # a folder
}
MORE = {to: ("export", "one", "{}", f"--to={to}") for to in ("parquet", "onnx")}
FILES = {key[0] + " " + key[1]: words for key, words in WRITES.items() if key[1] != "png"} | MORE
READS = {
    "run", "runs", "data", "config", "runs_dir", "storage", "study", "function", "command", "name",
    "target", "overrides", "backend", "scheduler", "keep", "what", "note",
    "text", "tags", "values", "source",
}  # fmt: skip
every = pytest.mark.parametrize("words", FILES.values(), ids=FILES)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder with a table and two runs that were searched on it."""
    folder = tmp_path_factory.mktemp("searched")
    rows = "".join(f"{i % 7},{i * i % 11},{'ab'[i % 2]}\n" for i in range(200))
    (folder / "data.csv").write_text("p,q,y\n" + rows)
    config = {
        "name": "one",
        "data": {"source": str(folder / "data.csv"), "target": "y"},
        "trainer": {"kind": "network", "epochs": 2},
        "space": {"learning_rate": {"scale": "log", "min": 1e-3, "max": 1}},
        "search": {"trials": 4, "confirm": False},
        "parallel": {"backend": "serial"},
    }
    package.search(config, folder / "runs", "one", progress=False)
    shutil.copytree(folder / "runs" / "one", folder / "runs" / "two")
    return folder


@pytest.fixture
def place(searched, hpsearch, tmp_path, monkeypatch):
    """A command that writes to a path in an empty folder, and that folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.chdir(searched)
    monkeypatch.setattr(png, "_pictures", lambda _: [("a", {}), ("b", {})])
    monkeypatch.setattr(png, "find_browser", lambda: "browser")
    monkeypatch.setitem(sys.modules, "kaleido", SimpleNamespace(write_fig_from_object_sync=draw))
    say = lambda words, path, *more: hpsearch(*(w.format(path) for w in words), *more)  # noqa: E731
    return SimpleNamespace(folder=folder, file=folder / "file.npz", say=say)


def draw(specs, kopts):
    for spec in specs:
        Path(spec["path"]).write_bytes(b"drawn")


def test_every_option_that_may_name_a_file_is_known_to_write_or_to_read():
    texts = [
        (name, param.name, param.type)
        for name, command in cli.commands.items()
        for param in command.load().params
        if isinstance(param.type, click.Path | click.File | click.types.StringParamType)
    ]
    written = {(name, param) for name, param, kind in texts if kind is OUTPUT}
    others = {(name, param) for name, param, kind in texts if kind is not OUTPUT}
    assert written == {key for key in WRITES if key not in [("export", "target")]}
    assert {param for _, param in others} <= READS


@pytest.mark.parametrize("command", sorted({command for command, _ in WRITES}))
def test_every_command_that_writes_a_file_has_force(command):
    assert "force" in [param.name for param in cli.commands[command].load().params]


@pytest.mark.parametrize("kind", ["file", "link", "broken link", "hard link", "folder"])
@every
def test_what_is_there_is_refused_and_stays_as_it_was(place, words, kind):
    precious = place.folder / "precious"
    precious.write_text("precious")
    if kind == "file":
        precious.rename(place.file)
    elif kind == "hard link":
        place.file.hardlink_to(precious)
    elif kind == "folder":
        place.file.mkdir()
    else:
        place.file.symlink_to("precious" if kind == "link" else "nowhere")
    before = {each.name: (each.lstat().st_ino, each.lstat().st_mtime_ns)
              for each in place.folder.iterdir()}  # fmt: skip
    said = place.say(words, place.file)
    assert said.status == 1
    message = "must be a file, found a folder" if kind == "folder" else "exists already"
    assert said.err.startswith(f"hpsearch: {place.file}: {message}")
    assert said.err.count("\n") == 1
    assert before == {each.name: (each.lstat().st_ino, each.lstat().st_mtime_ns)
                      for each in place.folder.iterdir()}  # fmt: skip


@pytest.mark.parametrize(
    "words", [w for key, w in WRITES.items() if key[0] != "export" and key[1] != "png"]
)
def test_it_is_refused_before_any_work(place, words, monkeypatch):
    work = {"init": "profile", "predict": "open_model"}.get(words[0], "find")
    begun = lambda *_: pytest.fail("work was begun")  # noqa: E731
    monkeypatch.setattr(f"hpsearch.cli.{words[0]}.{work}", begun)
    place.file.write_text("mine")
    missing = place.folder / "no" / "file.npz"
    assert "file.npz: must be in a folder that exists" in place.say(words, missing).err
    assert "file.npz: exists already" in place.say(words, place.file).err


@every
def test_force_replaces_it_whole_and_keeps_its_mode(place, words):
    assert place.say(words, place.folder / "whole.npz").status == 0
    place.file.write_text("old")
    place.file.chmod(0o640)
    assert place.say(words, place.file, "--force").status == 0
    assert len(place.file.read_bytes()) == len((place.folder / "whole.npz").read_bytes())
    assert stat.S_IMODE(place.file.stat().st_mode) == 0o640
    assert sorted(each.name for each in place.folder.iterdir()) == ["file.npz", "whole.npz"]


@pytest.mark.parametrize("force", [False, True])
@every
def test_a_limit_on_the_size_of_files_leaves_nothing_half_written(place, words, force):
    if force:
        place.file.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2500 if "retrain" in words else 100, limits[1]))
    try:
        said = place.say(words, place.file, *["--force"] * force)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said.status == 1
    assert said.err.splitlines()[-1].endswith("file.npz: cannot be written: File too large")
    assert [each.read_text() for each in place.folder.iterdir()] == ["old"] * force


@every
def test_an_interrupt_leaves_nothing_half_written(place, words, monkeypatch):
    monkeypatch.setattr(os, "fsync", interrupt)
    assert place.say(words, place.file).status == 130
    assert list(place.folder.iterdir()) == []


def interrupt(descriptor):
    raise KeyboardInterrupt


def test_a_kill_leaves_no_file_under_the_name(place, searched):
    code = (
        "import os; os.fsync = lambda descriptor: os.kill(os.getpid(), 9)\n"
        "from hpsearch.cli import main; main()"
    )
    words = ["predict", "one", "data.csv", "-o", place.file]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=searched)
    assert done.returncode == -9
    assert not place.file.exists()
    assert len(list(place.folder.glob(".hpsearch-*/file.npz"))) == 1  # it was killed half-way
    assert place.say(FILES["predict output"], place.file).status == 0


@every
def test_a_device_takes_it(place, words):
    assert place.say(words, os.devnull).status == 0
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@every
def test_a_full_device_is_told(place, words):
    said = place.say(words, "/dev/full")
    assert said.status == 1
    assert "/dev/full: cannot be written: No space left on device" in said.err


@pytest.mark.parametrize("stdout", ["-", "/dev/stdout"])
def test_the_standard_output_holds_the_file_alone(place, stdout):
    said = {name: place.say(words, stdout) for name, words in FILES.items() if name not in MORE}
    assert said["init output"].out.startswith("# 200 rows, 2 features, 2 classes.\n")
    assert said["predict output"].out.startswith("label,probability\n")
    assert yaml.safe_load(said["refine write"].out)["name"] == "one"
    assert said["refine write"].err != ""  # the narrowed space
    assert said["report output"].out.startswith("<!DOCTYPE html>")
    assert said["export target"].out.startswith("number,round,status,")
    assert said["retrain output"].status == 2
    assert "--output must be a file" in said["retrain output"].err


def test_pictures_take_the_place_of_none_that_is_there(place):
    words = WRITES["report", "png"]
    assert place.say(words, place.folder / "new").status == 0
    assert {each.name for each in (place.folder / "new").iterdir()} == {"a.png", "b.png"}
    (place.folder / "b.png").write_text("mine")
    said = place.say(words, place.folder)
    assert said.status == 1
    assert "b.png: exists already" in said.err
    assert [each.name for each in place.folder.glob("*.png")] == ["b.png"]
    assert place.say(words, place.folder, "--force").status == 0
    assert (place.folder / "b.png").read_bytes() == b"drawn"


def test_a_folder_made_for_pictures_goes_if_none_could_be_drawn(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaleido", SimpleNamespace(write_fig_from_object_sync=fail))
    said = place.say(WRITES["report", "png"], place.folder / "new")
    assert said.status == 1
    assert "could not draw the pictures" in said.err
    assert list(place.folder.iterdir()) == []


def fail(specs, kopts):
    raise OSError(errno.EIO, "broken")


@pytest.mark.parametrize("spelling", ["{}", "runs/../{}", "hard.csv"])
def test_what_is_read_is_not_overwritten(place, searched, spelling):
    before = (searched / "data.csv").read_bytes()
    (searched / "hard.csv").hardlink_to(searched / "data.csv")
    try:
        for words in (FILES["predict output"], FILES["init output"]):
            assert "exists already" in place.say(words, spelling.format("data.csv")).err
    finally:
        (searched / "hard.csv").unlink()
    assert (searched / "data.csv").read_bytes() == before


def test_labels_may_be_forced_over_their_own_rows(place, searched):
    shutil.copy(searched / "data.csv", place.folder / "rows.csv")
    rows = place.folder / "rows.csv"
    said = place.say(("predict", "one", "{}", "-o", str(rows), "--force"), rows)
    assert said.err == f"wrote 200 labels to {rows}\n"
    assert rows.read_text().startswith("label,probability\n")
    assert rows.read_text().count("\n") == 201


def test_the_page_that_nobody_named_is_written_anew_but_over_nothing_else(place, searched):
    page, compare = searched / "runs" / "comparison.html", ("report", "one", "two")
    for _ in range(2):
        assert place.say(compare, "").err == ""
    page.write_text("mine")
    said = place.say(compare, "")
    assert said.status == 0
    assert "comparison.html: exists already" in said.err
    assert "name the page with --output" in said.err
    assert page.read_text() == "mine"
    page.unlink()


@pytest.mark.parametrize("words", [[], ["-o", "-"], ["-o", "/dev/stdout"]])
def test_a_full_standard_output_is_told_in_one_message(searched, words):
    command = [sys.executable, "-m", "hpsearch", "predict", "one", "data.csv", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=searched, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"hpsearch: No space left on device\n"

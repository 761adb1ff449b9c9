"""What the user names appears whole, and never in the place of something else."""

import os
import stat
import threading
from pathlib import Path

import pytest

from hpsearch.errors import OutputError
from hpsearch.store import output
from hpsearch.store.output import Output, new_folder


def write(output, text="ours", then=lambda: None):
    with output.text() as file:
        file.write(text)
        then()


def fill(path, then):
    with new_folder(path) as hidden:
        (hidden / "file").touch()
        then()


def throw(error):
    raise error


def test_a_file_appears_under_its_name_once_it_is_whole(tmp_path):
    with Output(tmp_path / "mine").text() as file:
        file.write("whole\n")
        assert not (tmp_path / "mine").exists()
    assert (tmp_path / "mine").read_bytes() == b"whole\n"
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_a_new_file_has_the_mode_that_a_shell_would_give_it(tmp_path):
    before = os.umask(0o027)
    try:
        write(Output(tmp_path / "mine"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o640


def there(kind, folder):
    """Something of the user's, and the path that leads to it."""
    precious, path = folder / "precious", folder / "mine"
    precious.write_text("precious")
    if kind == "file":
        return precious
    if kind == "link":
        path.symlink_to("precious")
    elif kind == "link that leads nowhere":
        path.symlink_to("nowhere")
    elif kind == "link to itself":
        path.symlink_to("mine")
    elif kind == "hard link":
        path.hardlink_to(precious)
    elif kind == "other spelling":
        return folder / "x" / ".." / "precious"
    return path


KINDS = (
    "file", "link", "link that leads nowhere", "link to itself", "hard link", "other spelling",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_is_refused(tmp_path, kind):
    (tmp_path / "x").mkdir()
    path = there(kind, tmp_path)
    before = {each.name: each.lstat() for each in tmp_path.iterdir()}
    with pytest.raises(OutputError, match=r"exists already.*; choose another name.*--force"):
        Output(path).check()
    with pytest.raises(OutputError, match="exists already"):
        write(Output(path))
    after = {each.name: each.lstat() for each in tmp_path.iterdir()}
    assert {name: (s.st_ino, s.st_mtime_ns) for name, s in before.items() if name != "x"} == {
        name: (s.st_ino, s.st_mtime_ns) for name, s in after.items() if name != "x"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_force_replaces_the_name_and_nothing_that_it_leads_to(tmp_path, kind):
    (tmp_path / "x").mkdir()
    path = there(kind, tmp_path)
    write(Output(path, force=True))
    assert not path.is_symlink()
    assert path.read_text() == "ours"
    same = kind in ("file", "other spelling")
    assert (tmp_path / "precious").read_text() == ("ours" if same else "precious")


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o444])
def test_force_keeps_the_mode(tmp_path, mode):
    path = there("file", tmp_path)
    path.chmod(mode)
    write(Output(path, force=True))
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_force_keeps_the_owner(tmp_path):
    path = there("file", tmp_path)
    os.chown(path, 1234, 2345)
    write(Output(path, force=True))
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_no_file(tmp_path, force):
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="must be a file, found a folder"):
        Output(tmp_path / "mine", force).check()


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        write(Output(tmp_path / "mine"), then=lambda: (tmp_path / "mine").write_text("theirs"))
    assert (tmp_path / "mine").read_text() == "theirs"
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def no_links(*names, **options):
    raise PermissionError(1, "Operation not permitted")


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", no_links)
    write(Output(tmp_path / "mine"))
    assert (tmp_path / "mine").read_text() == "ours"
    with pytest.raises(OutputError, match="exists already"):
        write(Output(tmp_path / "other"), then=lambda: (tmp_path / "other").write_text("theirs"))
    assert (tmp_path / "other").read_text() == "theirs"


def test_a_name_that_was_claimed_is_given_back_if_the_file_cannot_be_moved_there(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(Path, "replace", no_links)
    with pytest.raises(OutputError, match="Operation not permitted"):
        write(Output(tmp_path / "mine"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("half way"), KeyboardInterrupt()])
@pytest.mark.parametrize("force", [False, True])
def test_what_ends_half_way_leaves_what_was_there(tmp_path, error, force):
    if force:
        (tmp_path / "mine").write_text("old")
    with pytest.raises(type(error)):
        write(Output(tmp_path / "mine", force), then=lambda: throw(error))
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"] * force


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(OutputError, match=f"in a folder that exists, found no {tmp_path}/no"):
        Output(tmp_path / "no" / "mine").check()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=f"in a folder that exists, found no {tmp_path}/file"):
        Output(tmp_path / "file" / "mine").check()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refused(prefix, dir):  # noqa: A002 (as it is called)
        raise PermissionError(13, "Permission denied", str(dir))  # root may write anywhere

    monkeypatch.setattr(output, "TemporaryDirectory", refused)
    message = f"no file can be made in {tmp_path}: Permission denied; name another folder"
    with pytest.raises(OutputError, match=message):
        Output(tmp_path / "mine").check()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_folder_that_takes_no_files_whoever_asks_is_refused_before_any_work():
    with pytest.raises(OutputError, match=r"^/proc/mine: .* no file can be made in /proc: "):
        Output(Path("/proc/mine")).check()


def test_a_look_at_a_folder_leaves_nothing_there(tmp_path):
    Output(tmp_path / "mine").check()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written: File name too long"):
        Output(tmp_path / ("x" * 300)).check()


@pytest.mark.parametrize("force", [False, True])
def test_a_fifo_is_written_to_and_stays(tmp_path, force):
    os.mkfifo(tmp_path / "fifo")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo").read_text()))
    reader.start()
    write(Output(tmp_path / "fifo", force))
    reader.join()
    assert read == ["ours"]
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


@pytest.mark.parametrize("force", [False, True])
def test_a_device_is_written_to_and_stays(force):
    Output(Path(os.devnull), force).check()
    write(Output(Path(os.devnull), force))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_device_that_is_full_is_told():
    with pytest.raises(OutputError, match="/dev/full: cannot be written: No space left"):
        write(Output(Path("/dev/full")))


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_the_standard_output_is_printed_to(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    print("before")
    write(Output(Path(name)), "größer\n")
    print("after")
    assert capsys.readouterr().out == "before\ngrößer\nafter\n"
    assert list(tmp_path.iterdir()) == []


def test_an_open_descriptor_is_written_to(tmp_path):
    with (tmp_path / "file").open("w") as file:
        write(Output(Path(f"/dev/fd/{file.fileno()}")))
    assert (tmp_path / "file").read_text() == "ours"


def test_a_descriptor_that_is_not_open_is_told():
    with pytest.raises(OutputError, match="/dev/fd/987: cannot be written: Bad file descriptor"):
        write(Output(Path("/dev/fd/987")))


def test_a_stream_is_no_place_for_what_is_not_written_end_to_end():
    with pytest.raises(OutputError, match="must be a file"), Output(Path("-")).hidden():
        pass


def test_an_empty_folder_is_filled_and_another_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as hidden:
        (hidden / "file").touch()
    assert (tmp_path / "empty" / "file").exists()
    with pytest.raises(OutputError, match="exists already"), new_folder(tmp_path / "empty"):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_never_takes_the_place_of_a_file_or_link(tmp_path, kind):
    (tmp_path / "x").mkdir()
    path = there(kind, tmp_path)
    with pytest.raises(OutputError, match="exists already"), new_folder(path):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_folder_that_is_filled_meanwhile_is_not_replaced(tmp_path):
    theirs = tmp_path / "mine" / "theirs"
    with pytest.raises(OutputError, match="exists already"):
        fill(tmp_path / "mine", lambda: theirs.mkdir(parents=True))
    assert list(tmp_path.rglob("*")) == [theirs.parent, theirs]


def test_a_folder_that_fails_half_way_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="half way"):
        fill(tmp_path / "mine", lambda: throw(ValueError("half way")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [".", "logs"])
def test_a_pipe_in_a_run_is_no_stream_but_something_that_is_there(tmp_path, where):
    """A stranger may have put it there, and writing to it would wait for ever."""
    (tmp_path / "run.json").touch()
    (tmp_path / "logs").mkdir()
    pipe = tmp_path / where / "labels.csv"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match=r"labels\.csv: exists already"):
        Output(pipe).check()
    with Output(pipe, force=True).text() as file:
        file.write("label\n")
    assert pipe.is_file()
    assert pipe.read_text() == "label\n"

"""Paths below a folder that a stranger may have filled."""

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from hpsearch.errors import RunError
from hpsearch.store import SafePath


@pytest.fixture
def run(tmp_path):
    """A folder of ours, and outside of it a file and a folder with something in it."""
    (tmp_path / "file").write_text("outside")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner").write_text("outside")
    (tmp_path / "run").mkdir()
    return SafePath(tmp_path / "run")


@pytest.fixture
def unharmed(tmp_path):
    yield
    assert (tmp_path / "file").read_text() == "outside"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["inner"]
    assert (tmp_path / "folder" / "inner").read_text() == "outside"


def put(path, kind):
    """Put something into the place of a file, and give what it is called."""
    match kind:
        case "link":
            path.path.symlink_to("../file")
            return "a link, and no link in a run's folder is followed"
        case "dangling link":
            path.path.symlink_to("../nowhere")
            return "a link, and no link in a run's folder is followed"
        case "link to zeros":
            path.path.symlink_to("/dev/zero")
            return "a link, and no link in a run's folder is followed"
        case "pipe":
            os.mkfifo(path.path)
            return "a named pipe; remove it, or put the plain file in its place"
        case "socket":
            with socket.socket(socket.AF_UNIX) as opened:
                at = Path.cwd()
                os.chdir(path.root)
                opened.bind(path.name)
                os.chdir(at)
            return "a socket"
        case "folder":
            path.mkdir()
            return "a folder"


KINDS = ["link", "dangling link", "link to zeros", "pipe", "socket", "folder"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("use", ["open", "read_bytes", "read_text", "append"])
@pytest.mark.usefixtures("unharmed")
def test_what_is_no_plain_file_is_named_where_one_is_read_or_added_to(run, kind, use):
    path = run / "a"
    found = put(path, kind)
    with pytest.raises(RunError, match=f"run/a: must be a plain file, found {found}"):
        getattr(path, use)()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("unharmed")
def test_what_is_replaced_or_removed_is_what_stands_there(run, kind):
    path = run / "a"
    put(path, kind)
    if kind == "folder":
        with pytest.raises(RunError, match="must be a plain file, found a folder"):
            path.write_text("new")
    path.restore(lambda file: file.write(b"new"))
    assert stat.S_ISREG(path.status().st_mode)
    assert path.read_text() == "new"
    path.remove()
    put(path, kind)
    path.remove()
    assert not path.exists()
    path.remove()
    assert run.names() == []


@pytest.mark.parametrize(
    "use",
    [
        lambda path: path.open(),
        lambda path: path.append(),
        lambda path: path.write_text("new"),
        lambda path: path.mkdir(),
        lambda path: path.remove(),
        lambda path: path.status(),
        lambda path: path.rename("other"),
        lambda path: path.parent.names(),
        lambda path: path.parent.mkdir(exist_ok=True),
        lambda path: path.parent.copy_into(path.parent),
    ],
)
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.usefixtures("unharmed")
def test_no_folder_on_the_way_may_be_a_link(run, tmp_path, use, depth):
    above = run
    for _ in range(depth - 1):
        above = above / "deep"
        above.mkdir()
    (above / "state").path.symlink_to(tmp_path / "folder")
    with pytest.raises(RunError, match=r"state: must be a folder, found a link"):
        use(above / "state" / "inner")


@pytest.mark.usefixtures("unharmed")
def test_a_link_to_the_folder_itself_is_the_users(run, tmp_path):
    (tmp_path / "mine").symlink_to("run")
    (SafePath(tmp_path / "mine") / "a").write_text("new")
    assert (run / "a").read_text() == "new"


@pytest.mark.parametrize("names", ["..", "a/../..", "/etc", "", "a\0b"])
def test_no_name_leads_out(run, names):
    with pytest.raises(RunError, match="everything must be inside it"):
        run / names


def test_what_is_too_long_is_refused_unread(run):
    with (run / "a").append() as file:
        file.truncate(2**40)
    with pytest.raises(RunError, match="must be at most 1,000 bytes long, found more"):
        (run / "a").read_bytes(1000)


def test_a_failed_write_leaves_the_old_file_alone_and_nothing_beside_it(run):
    path = run / "a"
    path.write_text("old")

    def fails(file):
        assert [name for name in run.names() if name != "a"] != [".a.new"]
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        path.write(fails)
    assert run.names() == ["a"]
    assert path.read_text() == "old"


@pytest.mark.usefixtures("unharmed")
def test_what_is_added_to_a_file_of_two_names_reaches_neither_of_them(run, tmp_path):
    path = run / "a"
    os.link(tmp_path / "file", path.path)
    with path.append() as file:
        file.write(b" and more")
    assert path.read_text() == "outside and more"


@pytest.mark.usefixtures("unharmed")
def test_a_copy_has_the_same_files_modes_times_and_links(run):
    one, other = run / "one", run / "other"
    for folder in (one, one / "deep", other):
        folder.mkdir()
    (one / "deep" / "a").write_text("text")
    os.utime((one / "deep" / "a").path, (1, 2))
    (one / "deep" / "a").path.chmod(0o640)
    (one / "link").path.symlink_to("../../folder")
    one.copy_into(other)
    assert (other.names(), (other / "deep").names()) == (["deep", "link"], ["a"])
    found = (other / "deep" / "a").status()
    assert (found.st_mtime, stat.S_IMODE(found.st_mode)) == (2, 0o640)
    assert str((other / "link").path.readlink()) == "../../folder"


def test_a_file_that_the_user_names_is_in_its_run_if_there_is_one(run, tmp_path):
    (run / "run.json").write_text("{}")
    (run / "best").mkdir()
    assert SafePath.of((run / "best" / "model.npz").path) == run / "best" / "model.npz"
    (tmp_path / "mine").symlink_to("file")
    assert SafePath.of(tmp_path / "mine").read_text() == "outside"
    (run / "best" / "link").path.symlink_to("../../file")
    with pytest.raises(RunError, match="must be a plain file, found a link"):
        SafePath.of((run / "best" / "link").path).read_text()


def test_folders_in_one_another_without_end_are_an_error_of_the_system_as_others(run):
    (run / "state").mkdir()
    here = os.open(run.path / "state", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    with pytest.raises(OSError, match=r"too many folders in one another|Too many open files"):
        (run / "state").remove()
    subprocess.run(["rm", "-r", run.path / "state"], check=True)  # pytest could not

"""A run directory or a configuration from a stranger runs no code, and reaches no other place."""

import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.store import create

SMALL = {
    "data": {"source": "digits"},
    "trainer": {"kind": "network", "epochs": 3},
    "space": {"learning_rate": {"scale": "log", "min": 1e-3, "max": 1}},
    "search": {"trials": 6, "confirm": False},
    "parallel": {"backend": "serial"},
}

WATCHED = """
import sys
touched = []
def watch(event, arguments):
    if event == "pickle.find_class":
        touched.append(f"{event} {arguments}")
    code = {"compile": lambda: arguments[1], "exec": lambda: arguments[0].co_filename}
    if event in code and "runs/half" in str(code[event]()):
        touched.append(f"{event} {arguments}")
    if event in ("socket.bind", "socket.connect", "os.system"):
        touched.append(f"{event} {arguments}")
sys.addaudithook(watch)
from hpsearch.cli import main
try:
    main()
finally:
    print(touched, file=sys.stderr)
"""


class Evil:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (open, (self.mark, "w"))


@pytest.fixture
def half_done(tmp_path):
    """A run that was interrupted between two rungs."""
    config = from_mapping(SMALL)
    dataset = read_data(config)
    run = begin(config, dataset, tmp_path / "runs", "half")

    def tell(event):
        if any((run.path / "state").iterdir()):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conduct(run, tell, config, dataset)
    assert list((run.path / "state").glob("*.npz"))
    return run


def hpsearch(folder, *words):
    return subprocess.run(
        [sys.executable, "-c", WATCHED, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_pickles_in_a_run_directory_are_never_read(half_done, tmp_path):
    mark = tmp_path / "mark"
    payload = np.array([Evil(mark)], dtype=object)
    for state in (half_done.path / "state").glob("*.npz"):
        np.savez(state, W=payload, epoch=payload)
    done = hpsearch(tmp_path, "resume", "half")  # such a state counts as none: it trains again
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("[]\n")
    np.savez(half_done.model.path, W=payload, class_names=payload)
    for words in (["report"], ["list"], ["predict", "half", "digits"], ["evaluate", "half"],
                  ["retrain", "half"], ["refine", "half", "--dry-run"]):  # fmt: skip
        said = hpsearch(tmp_path, *words)
        assert said.stderr.endswith("[]\n"), words
        assert "unexpected" not in said.stderr
    half_done.model.write_bytes(pickle.dumps(Evil(mark)))
    said = hpsearch(tmp_path, "predict", "half", "digits")
    assert said.returncode == 1
    assert said.stderr.endswith("[]\n")
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark))).close()
    assert mark.exists()  # it would have told


def test_files_are_made_with_the_users_umask(half_done, tmp_path):
    before = os.umask(0o027)
    try:
        config = from_mapping(SMALL)
        run = begin(config, read_data(config), tmp_path / "runs", "shared")
        conduct(run, lambda event: None)
    finally:
        os.umask(before)
    for path in [run.path, *run.path.rglob("*")]:
        wanted = 0o750 if path.is_dir() else 0o640
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.parametrize("name", ["..", ".", "a/b", "/tmp/x", "a\n", "a\0b", "-x", ".x", "\u00e9"])
def test_no_name_leads_out_of_the_runs_directory(tmp_path, run_info, name):
    with pytest.raises(RunError, match="run name"):
        create(tmp_path / "runs", name, b"", run_info())
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_a_new_run_is_not_followed(tmp_path, run_info):
    elsewhere, runs = tmp_path / "elsewhere", tmp_path / "runs"
    elsewhere.mkdir()
    runs.mkdir()
    for target in (elsewhere, tmp_path / "nowhere"):
        (runs / "new").symlink_to(target)
        with pytest.raises(RunError, match="new: exists already"):
            create(runs, "new", b"", run_info())
        (runs / "new").unlink()
    (runs / ".new.new").symlink_to(elsewhere)  # where a crash leaves half a run: it is removed
    create(runs, "new", b"", run_info())
    assert [path.name for path in runs.iterdir()] == ["new"]
    assert list(elsewhere.iterdir()) == []


LISTENS = """
import os, sys
from pathlib import Path
from hpsearch.backends import create, Task

def sockets(pid):
    links = (os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir() if each.is_symlink())
    return [link for link in links if link.startswith("socket:")]

def own():
    return os.getpid()

if __name__ == "__main__":
    with create("local", jobs=2) as backend:
        backend.submit(Task("pid", own))
        worker = backend.next().value
        inodes = {link[8:-1] for pid in (os.getpid(), worker) for link in sockets(pid)}
        assert inodes  # the pipes between the two
        table = [line.split() for kind in ("tcp", "tcp6", "udp", "udp6")
                 if Path(f"/proc/net/{kind}").exists()
                 for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
        print(len([line for line in table if line[9] in inodes]))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into /proc")
def test_nothing_listens_on_a_network(tmp_path):
    (tmp_path / "listens.py").write_text(LISTENS)
    done = subprocess.run(
        [sys.executable, "listens.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "0\n", done.stderr


def test_a_parent_that_names_another_place_is_only_told(half_done, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    path = half_done.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "parent": str(secret)}))
    for words in (["resume", "half"], ["report", "half"]):
        said = hpsearch(tmp_path, *words)
        assert said.returncode == 0, said.stderr
        assert "mine" not in said.stdout + said.stderr
    assert secret.read_text() == "mine"

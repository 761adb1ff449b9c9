"""Nothing but store/safe_path.py opens, lists, makes or removes what lies in a run directory.

A SafePath is no os.PathLike: mypy refuses it wherever a path is opened by name. What is left are
plain paths, which a module may open only if it is named below, with whose files they are.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hpsearch"
OWN = {  # modules that open other files than those of a run directory
    "api/babysat.py": "the configuration of the user, and a temporary folder",
    "backends/__init__.py": "/dev/null",
    "backends/cluster.py": "the user's certificates, and the file with a scheduler's address",
    "backends/node.py": "folders of its own at a worker of a cluster, and the user's code there",
    "backends/slot.py": "/proc",
    "backends/engines.py": "/dev/null",
    "backends/worker.py": "/proc",
    "cli/__init__.py": "/dev/null",
    "cli/options.py": "the folder of the runs, whose names a shell completes",
    "cli/babysit/screen.py": "the terminal",
    "config/__init__.py": "whether the user named a configuration",
    "config/loading.py": "the user's configuration",
    "config/docs.py": "a page of the documentation",
    "data/delimited.py": "the user's data",
    "data/dataset.py": "prepared arrays, made exclusively in a folder that the caller has made",
    "data/idx.py": "the user's data",
    "data/npz.py": "the user's data",
    "data/open.py": "the user's data",
    "errors.py": "this package's metadata",
    "exchange/mlflow.py": "where the user exports to",
    "exchange/moving/recognise.py": "the file of another tool that the user names",
    "exchange/optuna_storage.py": "where the user exports to, or imports from",
    "exchange/tensorboard.py": "where the user exports to",
    "messages.py": "a name that begins with ~, whether there is such a file",
    "report/html/page.py": "files of this package, and RUNS_DIR/comparison.html",
    "report/png.py": "a browser, a temporary folder, and the folder that the user names",
    "searching/provenance.py": "/proc",
    "searching/babysit/again.py": "a temporary folder",
    "searching/retrain.py": "a temporary folder",
    "searching/trust.py": "the user's key",
    "store/files.py": "the file behind a descriptor that SafePath opened; folders of the user's",
    "store/lock.py": "the folder of the runs",
    "store/output.py": "what the user names to be written",
    "store/run_directory.py": "the folder of the runs",
    "store/safe_path.py": "this is the one",
    "store/writer.py": "a run's folder by the descriptor that SafePath opened",
    "trainers/command/arguments.py": "a template of settings, and files that a command names",
    "trainers/command/kind.py": "the user's program",
    "trainers/command/standins/hpsearch_reports.py": "the file that HPSEARCH_REPORTS names",
    "trainers/command/standins/wandb/_listening.py": "a temporary folder",
    "trainers/command/standins/wandb/_run.py": "the folder of the script's run of wandb",
    "trainers/command/standins/wandb/_values.py": "files that the script writes for wandb",
    "trainers/function/loading.py": "the user's module",
    "trainers/isolation.py": "this process's standard streams, a temporary folder",
    "trainers/keras/export.py": "a temporary folder",
    "trainers/keras/framework.py": "/dev/null",
    "trainers/keras/user_saved.py": "a temporary folder",
}
SYSTEM = {"open", "stat", "listdir", "scandir", "mkdir", "makedirs", "remove", "unlink", "rename",
          "replace", "rmdir", "link", "symlink", "readlink", "walk", "access", "truncate", "chmod",
          "chown", "lexists", "exists", "isfile", "isdir", "utime"}  # fmt: skip
BY_NAME = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file",
           "mkdir", "rename"}  # fmt: skip
PATHS_ONLY = {"is_dir", "is_symlink", "iterdir", "glob", "rglob", "rmdir", "unlink", "touch",
              "lstat", "symlink_to", "hardlink_to", "chmod", "rmtree", "copytree", "copyfile",
              "copy2", "memmap", "TemporaryDirectory", "mkdtemp", "lexists", "stat"}  # fmt: skip
ALLOWED = {  # the folder of a run itself, which the user named
    ("cli/conduct.py", "run.path.is_dir"),
    ("searching/session.py", "run.path.is_dir"),
    ("searching/babysit/session.py", "self.record.run.path.is_dir"),
    ("trainers/network/arrays.py", "np.memmap"),  # of an open file, as are the next two
    ("trainers/network/model.py", "np.load"),
    ("trainers/network/model.py", "np.savez"),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def opened(path: Path) -> Iterator[str]:
    """The calls in a module that open, list, make or remove something by a plain path."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "open":
            yield called
        if not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        plain = ".path" in owner or ".root" in owner or "runs_dir" in owner
        plain = (plain or owner.startswith("Path(")) and not owner.startswith("SafePath")
        # What a module that knows no SafePath opens is one only where it is a run's.
        plain = plain or ("SafePath" not in source and not re.match(r"(summary\.)?run\.", owner))
        if (
            name in PATHS_ONLY
            or (name in BY_NAME and plain)
            or owner in ("shutil", "tempfile", "glob")
            or (owner in ("os", "os.path") and name in SYSTEM)
            or (owner == "np" and name in ("load", "save", "savez", "memmap", "fromfile"))
        ):
            yield called


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_run_directory_is_opened_through_safe_path_alone(path):
    name = str(path.relative_to(PACKAGE))
    found = {call for call in opened(path) if (name, call) not in ALLOWED}
    if name not in OWN:
        assert found == set(), f"{name}: take a SafePath, or say above whose files these are"


def test_each_module_named_above_opens_files():
    assert [name for name in OWN if not any(opened(PACKAGE / name))] == []

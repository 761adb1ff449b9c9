"""Array shapes and types are checked at run time, in the tests only, and in those that need it.

Set JAXTYPING_DISABLE=1 to go without, for example under a debugger.
"""

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# By their own tests: whole searches would take up to three times as long.
CHECKED = ["hpsearch.nn", "hpsearch.space", "hpsearch.sampling"]

# An int is a float here, as it is to mypy.
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

ENABLED = os.environ.get("JAXTYPING_DISABLE", "0") in ("0", "false", "False")


def but_inner_ones(jaxtyped):
    """The decorator of the hook, which leaves functions in functions as they are.

    They are made anew with each call of the outer one, and their checks would be, too: that was a
    third of the time of all tests.
    """

    def decorator(*, typechecker):
        def checked(function):
            inner = "<locals>" in getattr(function, "__qualname__", "")
            return function if inner else jaxtyped(function, typechecker=typechecker)

        return checked

    return decorator


if ENABLED:
    jaxtyping.jaxtyped = but_inner_ones(jaxtyping.jaxtyped)
    install_import_hook(CHECKED, CHECKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Check shapes in the tests of what has shapes."""
    part = item.path.relative_to(Path(__file__).parent).parts[0]
    checks = ENABLED and f"hpsearch.{part}" in CHECKED
    jaxtyping.config.update("jaxtyping_disable", not checks)


# The machine may be slow or busy; a law does not depend on it.
settings.register_profile("hpsearch", deadline=None, max_examples=60)
settings.load_profile("hpsearch")


def pytest_configure(config):
    """Let the type check look at an entry of a list picked at random, in strategies too."""
    config.addinivalue_line("filterwarnings", "ignore:Do not use the `random` module")


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory):
    """A folder for the key that seals runs: tests leave the user's own alone."""
    folder = tmp_path_factory.mktemp("state")
    os.environ["HPSEARCH_STATE_DIR"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def run_info():
    """What run.json says of a run that has not begun, or with other fields changed."""
    from hpsearch.store import RunData, RunInfo
    from hpsearch.trial import Round, Rung

    usual = {
        "name": "t", "status": "interrupted", "created": "2020-04-02", "began": 1585834414.0,
        "seed": 0, "data": RunData(fingerprint=None, rows={}, features=0, classes=[]),
        "config": {}, "plan": (Round(0, 0, 3, 0.0, (Rung(3, 1),)),),
    }  # fmt: skip
    return lambda **changes: RunInfo(**{**usual, **changes})


@pytest.fixture(scope="session")
def span():
    """When a worker trained the first piece of a trial, or another."""
    from hpsearch.trial import Span

    usual = {"repeat": 0, "fold": 0, "rung": 0, "worker": "0", "start": 0.0, "end": 1.0}
    return lambda number=0, **changes: Span(number=number, **{**usual, **changes})


@pytest.fixture(scope="session")
def command():
    """`hpsearch` in a folder and in this process, for tests that need no process of its own."""

    from hpsearch.cli import main

    def run(folder, *words):
        out, err = io.StringIO(), io.StringIO()
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
            with pytest.raises(SystemExit) as ended:
                main()
        return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def limit_only(monkeypatch):
    """Let `trial_timeout` hold only for the jobs that hang: others may take as long as they like.

    A limit short enough to wait for is one that a busy machine may exceed with any trial.
    """

    from hpsearch.backends import Task

    def limit(hangs):
        def task(key, function, args, timeout=None, **others):
            timeout = timeout if any(map(hangs, args[0])) else None
            return Task(key, function, args, timeout, **others)

        monkeypatch.setattr("hpsearch.searching.scheduler.Task", task)

    return limit


@pytest.fixture
def wait_for_end():
    """Return when a process has ended; fail where it plainly does not."""

    def wait(process):
        for _ in range(3000):
            try:
                os.kill(int(process), 0)
                state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            except (ProcessLookupError, FileNotFoundError):
                return
            if state == "Z":
                return
            time.sleep(0.01)
        pytest.fail(f"process {process} is still there")

    return wait

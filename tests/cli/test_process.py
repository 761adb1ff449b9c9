"""The command line as a shell runs it: signals, pipes, terminals, exit statuses."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

HPSEARCH = (sys.executable, "-c", "from hpsearch.cli import main; main()")
DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"
SMALL = ("--trials=4", "--set=trainer.epochs=1")


@pytest.fixture
def shell(tmp_path):
    """Run `hpsearch` as a process of its own, in a folder of its own."""

    def run(*words, **options):
        given = {"capture_output": True, "text": True, "cwd": tmp_path} | options
        return subprocess.run([*HPSEARCH, *map(str, words)], **given)

    return run


def test_a_search_in_a_process_of_its_own(shell):
    done = shell("run", DIGITS, "--name=first", "--jobs=2", *SMALL)
    assert done.returncode == 0
    assert done.stdout.startswith("first: val_accuracy 0.")
    assert done.stderr.startswith("runs/first: 4 trials, 2 at a time\n")
    assert "Warning" not in done.stderr


def test_errors_end_with_status_1_and_wrong_usage_with_2(shell):
    done = shell("run", "no.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert shell("rnu").returncode == 2


@pytest.mark.slow
def test_workers_warn_of_nothing_when_the_learning_rate_blows_up(shell):
    rate = "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}"
    done = shell("run", DIGITS, "--name=boom", "--jobs=2", "--quiet", *SMALL, rate)
    assert done.returncode == 1
    assert "4 diverged" in done.stdout
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_control_c_ends_with_130_leaves_no_process_and_resume_finishes_the_same(shell, tmp_path):
    words = ("--trials=16", "--jobs=2", "--set=trainer.epochs=20")
    assert shell("run", DIGITS, "--name=whole", *words).returncode == 0
    process = subprocess.Popen(
        [*HPSEARCH, "run", DIGITS, "--name=cut", *words],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "2/16 trials" in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to workers, too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "interrupted; all that finished is on disk. Go on with: hpsearch resume runs/cut" in err
    assert "Traceback" not in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    cut = read(tmp_path, "cut")
    assert 2 <= len(cut) < 16
    assert shell("resume", "cut").returncode == 0
    assert read(tmp_path, "cut") == read(tmp_path, "whole")


def read(folder, name):
    """The trials of a run by number, without what only the clock decides."""
    lines = (folder / "runs" / name / "trials.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    for trial in found:
        del trial["started"], trial["seconds"]
    return sorted(found, key=lambda trial: trial["number"])


def test_a_reader_who_has_seen_enough_is_no_error_message(tmp_path):
    process = subprocess.Popen(
        [*HPSEARCH, "schema"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_full_disk_is_one_message(shell):
    with Path("/dev/full").open("w") as full:
        done = shell("schema", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "hpsearch: No space left on device\n"


def on_terminal(tmp_path, *words, **variables):
    """What a terminal of 80 columns is shown."""
    main, other = pty.openpty()
    termios.tcsetwinsize(other, (24, 80))
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment |= {"TERM": "xterm", **variables}
    process = subprocess.Popen(
        [*HPSEARCH, *map(str, words)],
        cwd=tmp_path,
        stdin=other,
        stdout=other,
        stderr=other,
        env=environment,
    )
    os.close(other)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert process.wait(timeout=60) == 0
    return shown.decode()


def test_a_terminal_shows_a_bar_with_round_trials_best_and_rate(tmp_path):
    shown = on_terminal(tmp_path, "run", DIGITS, "--name=first", "--jobs=1", *SMALL)
    last = [line for line in shown.split("\r") if "trial/s" in line or "s/trial" in line][-1]
    assert last.strip().startswith("round ")
    assert "4/4" in last
    assert "best 0." in last
    assert "\x1b[1m" in shown


@pytest.mark.slow
def test_no_color_is_honoured_on_a_terminal(tmp_path, shell):
    shell("run", DIGITS, "--name=first", "--quiet", *SMALL)
    coloured = on_terminal(tmp_path, "report", "first")
    plain = on_terminal(tmp_path, "report", "first", NO_COLOR="1")
    assert "\x1b[1;32m" in coloured
    assert "\x1b[1;32m" not in plain
    assert "\x1b[3" not in plain

"""`babysit` and `steer` off a terminal, in processes of their own: what they say and their end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.babysit.steering import steer
from hpsearch.searching.babysit.story import read
from hpsearch.store import RunDirectory, lock
from hpsearch.store.requests import Request, Requests

CONFIG = """\
name: tiny
data: {source: digits}
trainer: {kind: network, epochs: 100000, hidden_units: 8, batch_size: 128}
space:
  learning_rate: {scale: log, min: 1e-4, max: 1e-2}
"""
HPSEARCH = (sys.executable, "-m", "hpsearch")


class Running:
    """A model that trains in a process of its own, for as long as nobody stops it."""

    def __init__(self, folder, *words, **streams):
        (folder / "tiny.yaml").write_text(CONFIG)
        self.folder, self.run = folder, RunDirectory(folder / "runs" / "it")
        given = words or ("babysit", "tiny.yaml", "--name", "it")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        self.process = subprocess.Popen([*HPSEARCH, *given], cwd=folder, text=True, **pipes)

    def steer(self, *words):
        """`hpsearch steer` from another process, which is not waited for."""
        return subprocess.Popen(
            [*HPSEARCH, "steer", "it", *words], cwd=self.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def until_trained(self):
        """Wait, without sleeping, for what it says of the first epoch."""
        for line in self.process.stderr:
            if line.startswith("epoch "):
                return
        raise AssertionError(f"it has ended with {self.process.wait()}")

    def ask(self, action, values=None, **more):
        return steer(self.run, Request(action, values or {}, **more))

    def end(self, *signals):
        for each in signals:
            self.process.send_signal(each)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


@pytest.fixture
def running(tmp_path):
    begun = []

    def begin(*words, **streams):
        begun.append(Running(tmp_path, *words, **streams))
        return begun[-1]

    yield begin
    for each in begun:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()


@pytest.mark.slow
def test_a_model_is_steered_from_elsewhere_and_stopped(running):
    model = running()
    model.until_trained()
    said = model.ask("set", {"learning_rate": 0.02}, note="faster")
    assert "learning_rate 0.001 -> 0.02" in said
    two = [model.steer("--set", "l2=0.01"), model.steer("--set", "dropout=0.1", "--note", "b")]
    told = [each.communicate(timeout=120) for each in two]
    assert [each.returncode for each in two] == [0, 0], told
    assert all(out.startswith("after epoch ") for out, _ in told)
    assert "as branch 1" in model.ask("undo")
    assert model.ask("pause").startswith("paused after epoch ")
    status = model.steer("--status", "--format", "json").communicate()[0]
    assert json.loads(status)["paused"]
    assert model.ask("branch", epoch=1).startswith("branch 2 begins after epoch 1 of branch 1")
    assert model.ask("stop").startswith("stopped after epoch ")
    code, out, err = model.end()
    assert code == 0
    assert "kept in runs/it/best" in out
    assert "go on with: hpsearch steer runs/it --continue" in err
    assert [done.action for done in model.run.diary] == [
        "set", "set", "set", "undo", "pause", "branch", "stop",
    ]  # fmt: skip
    assert replay(model.run).same


@pytest.mark.parametrize(
    "signal_",
    ["SIGTERM", *(pytest.param(each, marks=pytest.mark.slow) for each in ("SIGINT", "SIGHUP"))],
)
def test_a_signal_ends_it_with_all_on_disk_and_it_is_resumed(running, signal_):
    model = running()
    model.until_trained()
    code, out, err = model.end(getattr(signal, signal_))
    assert code == 130
    assert out == ""
    assert "Go on with: hpsearch resume runs/it" in err
    assert "Traceback" not in err
    assert model.run.info.status == "interrupted"
    epochs = read(model.run).epoch
    again = running("resume", "it", "--epochs", str(epochs + 2), "--quiet")
    code, out, err = again.end()
    assert (code, err) == (0, "")
    assert read(model.run).epoch == epochs + 2
    assert replay(model.run).same


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(running):
    model = running()
    model.until_trained()
    code, _, err = model.end(signal.SIGINT, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err
    story = read(model.run)
    again = running("resume", "it", "--epochs", str(story.epoch + 1))
    assert again.end()[0] == 0
    assert replay(model.run).same


def test_a_reader_that_has_seen_enough_does_not_end_the_training(running):
    read_end, write_end = os.pipe()
    model = running("babysit", "tiny.yaml", "--name", "it", "--epochs", "40", stderr=write_end)
    os.close(write_end)
    os.close(read_end)
    assert model.process.wait(120) == 0
    assert model.run.info.status == "finished"


def test_no_streams_at_all_are_enough(tmp_path):
    words = ("babysit", "tiny.yaml", "--name", "it", "--epochs", "3")
    script = f"exec {' '.join(HPSEARCH)} {' '.join(words)} <&- >&- 2>&-"
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path).returncode == 0
    assert RunDirectory(tmp_path / "runs" / "it").info.status == "finished"


@pytest.mark.slow
def test_a_steer_that_gives_up_takes_its_request_back(running):
    model = running()
    model.until_trained()
    model.process.send_signal(signal.SIGSTOP)  # as if an epoch took for ever
    try:
        late = model.steer("--set", "learning_rate=0.5", "--timeout", "0.2")
        _, err = late.communicate(timeout=60)
        assert late.returncode == 1
        assert "so nothing was changed" in err
        tired = model.steer("--set", "learning_rate=0.7")
        for line in tired.stderr:
            if "Ctrl-C takes this back" in line:
                break
        tired.send_signal(signal.SIGINT)
        _, err = tired.communicate(timeout=60)
        assert tired.returncode == 130
        assert "taken back; nothing was changed" in err
    finally:
        model.process.send_signal(signal.SIGCONT)
    model.ask("stop")
    assert model.end()[0] == 0
    assert [done.action for done in model.run.diary] == ["stop"]
    assert Requests(model.run.inside)._folder.names() == []


def test_a_steer_whose_process_is_killed_makes_the_change_itself(running):
    model = running()
    model.until_trained()
    model.process.send_signal(signal.SIGSTOP)
    waiting = model.steer("--set", "learning_rate=0.5")
    for line in waiting.stderr:
        if "waiting for the end of the epoch" in line:
            break
    model.process.kill()
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert "-> 0.5; train on with: hpsearch resume" in out
    assert [done.set["learning_rate"][1] for done in model.run.diary] == [0.5]


# In this process


@pytest.fixture
def here(command, tmp_path):
    """The command line in this process and that folder."""
    return lambda *words: command(tmp_path, *words)


@pytest.fixture
def idle(here, tmp_path):
    (tmp_path / "tiny.yaml").write_text(CONFIG.replace("100000", "3"))
    said = here("babysit", "tiny.yaml", "--name", "it", "--set", "parallel.backend=serial")
    assert said.returncode == 0, said.stderr
    return RunDirectory(tmp_path / "runs" / "it")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "say what to do, for example --set learning_rate=0.003"),
        (("--undo", "--pause"), 2, "--undo and --pause do not go together"),
        (("--undo", "--set", "l2=1"), 2, "--set and --undo do not go together"),
        (("--undo", "--trial", "0"), 2, "--trial goes with --branch"),
        (("--branch", "x"), 2, "'x'"),
        (("--set", "learning_rate"), 1, "write NAME=VALUE, for example --set learning_rate=0.003"),
        (("--set", "=1"), 1, "write NAME=VALUE"),
        (("--set", "l2=1"), 1, "has trained all of its 3 epochs; to train longer add --set"),
        (("--undo",), 1, "there is no change to undo"),
        (("--pause",), 1, "must be in training to pause, but it has trained all its epochs"),
        (("--stop",), 1, "must be in training to stop"),
        (("--branch", "9"), 1, "0 to 3, found 9"),
        (("--branch", "1", "--set", "hidden_units=4"), 1, "hidden_units: cannot change while"),
    ],
)
def test_what_steer_cannot_do_is_one_message(here, idle, words, status, said):
    found = here("steer", "it", *words)
    assert found.returncode == status
    assert said in found.stderr
    assert found.stderr.count("hpsearch: ") + found.stderr.count("Error: ") == 1
    assert found.stdout == ""
    assert idle.diary == []
    assert idle.info.status == "finished"


def test_a_finished_model_is_told_how_it_goes_on(here, idle):
    assert here("steer", "it", "--note", "good").stdout == "noted after epoch 3: good\n"
    assert idle.info.status == "finished"
    found = here("resume", "it", "--epochs", "2")
    assert found.returncode == 1
    assert "epochs: must be more than the 3 that are trained" in found.stderr
    assert idle.info.status == "finished"
    found = here("steer", "it", "--branch", "1", "--set", "learning_rate=0.01")
    assert found.stdout.endswith("train on with: hpsearch resume runs/it\n")
    assert here("resume", "it", "--epochs", "5").returncode == 0
    assert read(idle).epoch == 5
    found = here("babysit", "it", "--replay", "--quiet")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("runs/it: the same bits again: 2 branches, ")
    assert found.stdout.count("\n") == 1


def test_resuming_a_finished_model_says_nothing_of_steering_what_does_not_train(here, idle):
    again = here("resume", "it")
    assert again.returncode == 0
    assert "steer" not in again.stderr
    assert "go on with: hpsearch resume runs/it --epochs" in again.stdout


def test_replay_takes_no_other_settings(here, idle):
    found = here("babysit", "it", "--replay", "--set", "learning_rate=1")
    assert found.returncode == 2
    assert "--replay goes with a RUN alone" in found.stderr
    assert idle.diary == []


def test_a_model_cannot_be_steered_from_another_machine(here, idle):
    info = idle.info
    idle.write_info(type(info)(**{**{f: getattr(info, f) for f in info.__dataclass_fields__},
                                  "status": "running"}))  # fmt: skip
    (idle.path / lock.NAME).write_text("process 17 on elsewhere")
    found = here("steer", "it", "--undo")
    assert found.returncode == 1
    assert "is in training on another machine (process 17 on elsewhere)" in found.stderr
    assert not (idle.path / "requests").exists()


def test_a_run_that_nobody_may_write_to_is_said_so(here, idle, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hpsearch.store.safe_path.SafePath.append", refuse)
    found = here("steer", "it", "--branch", "1")
    assert found.returncode == 1
    assert "must be a folder that can be written, found: Permission denied" in found.stderr
    assert Path(idle.path / "curves.jsonl").exists()

"""The trials at work: seen by the search's listeners and by reports, as far as they came."""

import json
import os

import pytest

from hpsearch.config import from_mapping
from hpsearch.report.html.page import page
from hpsearch.report.summary import summarise
from hpsearch.report.terminal import show, show_progress
from hpsearch.searching import running as module
from hpsearch.searching.events import TrialsReported
from hpsearch.searching.running import Watched, running_trainings
from hpsearch.searching.session import begin, conduct
from hpsearch.store import RunDirectory, SafePath
from hpsearch.trainers.protocol import Job
from hpsearch.trainers.reporting import AtWork

WAITS = """
def train(params, epochs):
    for epoch in range(1, epochs + 1):
        yield {"loss": params["x"] / epoch, "other": 1.0}
        if epoch % 2 == 0:
            seen = b""
            while not seen:  # by somebody who says so
                with open(params["pipe"], "rb", buffering=0) as pipe:
                    seen = pipe.read(1)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".running").mkdir()
    return SafePath(tmp_path) / ".running"


def at_work(folder, number, epochs=1, **more):
    job = Job(number, {"x": 0.5}, (0,), until_epoch=9, **more)
    training = AtWork(folder, job)
    for epoch in range(1, epochs + 1):
        training.report({"epoch": epoch, "loss": 1 / epoch})
    training.write()
    return training


def test_a_look_gives_what_is_at_work_and_removes_what_is_not(folder):
    at_work(folder, 3)
    at_work(folder, 1)
    at_work(folder, 2, repeat=1)
    (folder / "someone's.txt").write_text("else")
    watched = Watched(folder)
    found = watched.look({(1, 0, 0), (3, 0, 0), (4, 0, 0)})
    assert [one.number for one in found] == [1, 3]
    assert folder.names() == ["1-0-0.json", "3-0-0.json", "someone's.txt"]
    watched.forget([(1, 0, 0), (9, 0, 0)])
    assert [one.number for one in watched.look({(1, 0, 0), (3, 0, 0)})] == [3]


def test_a_look_reads_only_what_has_changed(folder, monkeypatch):
    training, watched, read = at_work(folder, 1), Watched(folder), []
    at_work(folder, 2)
    before = module.read
    monkeypatch.setattr(
        module, "read", lambda path, kind: read.append(path.name) or before(path, kind)
    )
    both = {(1, 0, 0), (2, 0, 0)}
    watched.look(both)
    assert read == ["1-0-0.json", "2-0-0.json"]
    training.report({"epoch": 2, "loss": 0.125})
    training.write()
    assert watched.look(both)[0].last["loss"] == 0.125
    assert read == ["1-0-0.json", "2-0-0.json", "1-0-0.json"]


def test_without_a_folder_there_is_nothing_to_see(tmp_path):
    assert Watched(SafePath(tmp_path) / ".running").look({(0, 0, 0)}) == ()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A search that looks without end."""
    monkeypatch.setattr(module, "LOOK", 0.01)
    monkeypatch.setattr(module, "SHARE", 1.0)


def searched(tmp_path, notify, epochs=5, **search):
    """A search of one trial after another, each waiting after every second epoch."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "waiting.py").write_text(WAITS)
    config = from_mapping(
        {
            "name": "t",
            "trainer": {"kind": "function", "function": "waiting:train", "epochs": epochs,
                        "folder": str(tmp_path)},
            "metric": {"name": "loss", "goal": "minimize"},
            "space": {"x": {"min": 0.25, "max": 1.0}, "how": {"values": ["a", "b"]},
                      "y": {"min": 0.0, "max": 1.0, "when": {"how": "a"}},
                      "pipe": {"value": str(pipe)}},
            "search": {"trials": 3, "rounds": 1, **search},
            "parallel": {"jobs": 1},
        },
        tmp_path,
    )  # fmt: skip
    run = begin(config, None, tmp_path / "runs", "r")
    conduct(run, lambda event: notify(event, run, pipe), config)
    return run


def test_running_trials_are_in_every_report_until_their_piece_is_recorded(tmp_path, capsys):
    seen, shown = [], {}

    def notify(event, run, pipe):
        if not isinstance(event, TrialsReported):
            return
        for one in event.running:
            epoch = one.last.get("epoch", 0)
            if not epoch or epoch % 2 or (one.number, epoch) in seen:
                continue
            summary = summarise(run)
            assert not any(r.number == one.number for r in summary.results)
            shown[one.number, epoch] = summary.running, summary.as_json(), page(summary, 5.0)
            show(summary)
            show_progress(summary)
            seen.append((one.number, epoch))
            assert one.last[event.metric] == shown[one.number, epoch][0][0].params["x"] / epoch
            pipe.write_bytes(b"!")  # it goes on

    run = searched(tmp_path, notify, halving=False)
    assert sorted(seen) == [(n, epoch) for n in range(3) for epoch in (2, 4)]
    params = {result.number: result.params for result in run.results}
    for (number, epoch), ((one,), found, html) in shown.items():
        assert (one.number, one.epoch, one.until, one.name) == (
            number,
            epoch,
            5,
            f"trial {number}",
        )
        assert one.params == params[number]
        assert one.value == params[number]["x"] / epoch
        assert [each["number"] for each in found["running"]] == [number]
        data = json.loads(html.partition('id="data">')[2].partition("</script>")[0])
        rows = [row for row in data["table"]["rows"] if row[2] == "running"]
        assert [(row[0], row[4]) for row in rows] == [(number, [epoch, f"{epoch} of 5"])]
        (dotted,) = [t for t in data["figures"]["curves"]["data"] if t["name"] == "running"]
        assert dotted["x"] == [*range(1, epoch + 1), None]
        assert "Dotted ones are still running" in html
    text = capsys.readouterr().out
    assert "Running now" in text
    assert "trial 2      2 of 5" in text
    summary = summarise(run)
    assert summary.running == ()
    assert "running" not in summary.as_json()
    assert "Dotted" not in page(summary)
    assert not (run.path / ".running").exists()


def test_a_later_piece_goes_on_from_the_curve_of_those_on_disk(tmp_path):
    run = searched(tmp_path, lambda *_: None, epochs=1, halving=False)
    run.running.mkdir()
    spec, x = summarise(run).spec, run.results[0].params["x"]
    training = AtWork(run.running, Job(0, {"x": x}, (0,), until_epoch=4, rung=1))
    training.write()
    (begun,) = running_trainings(run, spec, {})
    assert (begun.epoch, begun.value, begun.curve["epoch"]) == (1, x, [1])
    for epoch in (2, 3):
        training.report({"epoch": epoch, "loss": x / epoch})
    training.write()
    (further,) = running_trainings(run, spec, {})
    assert (further.epoch, further.value) == (3, x / 3)
    assert further.curve["epoch"] == [1, 2, 3]
    assert further.curve["loss"] == [x, x / 2, x / 3]
    again = AtWork(run.running, Job(0, {"x": x}, (0,), until_epoch=4, rung=1))
    again.report({"epoch": 1, "loss": 0.125})  # by a trainer that has to begin anew
    again.write()
    assert running_trainings(run, spec, {})[0].curve["loss"] == [0.125]


def test_a_training_whose_end_is_on_disk_is_not_shown_as_running(tmp_path):
    run = searched(tmp_path, lambda *_: None, epochs=1, halving=False)
    run.running.mkdir()
    spec, fates = summarise(run).spec, {result.number: result for result in run.results}
    at_work(run.running, 0)  # its piece is recorded
    at_work(run.running, 1, rung=1)  # its fate is known
    at_work(run.running, 2, repeat=1)
    (confirming,) = running_trainings(run, spec, fates)
    assert confirming.name == "trial 2, new seed 1"
    assert confirming.round == 0


def test_the_search_tells_once_that_nothing_runs_any_more_and_then_is_silent(folder):
    watched = Watched(folder)
    training = at_work(folder, 1)
    assert len(watched.look({(1, 0, 0)})) == len(watched.shown) == 1
    training.remove()
    assert watched.look({(1, 0, 0)}) == watched.shown == ()


def test_what_a_killed_search_leaves_is_in_no_report_and_gone_when_the_next_begins(tmp_path):
    def notify(event, run, pipe):
        if isinstance(event, TrialsReported):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, notify, halving=False)
    run = RunDirectory(tmp_path / "runs" / "r")
    assert not run.running.exists()
    run.running.mkdir()
    at_work(run.running, 0, epochs=3)
    run.update(status="running")  # as a kill leaves it
    assert summarise(run).running == ()
    with module.running_folder(run):
        assert run.running.names() == []
    assert not run.running.exists()


def test_a_search_whose_run_was_deleted_leaves_the_one_alone_that_took_its_name(tmp_path):
    run = RunDirectory(tmp_path)
    with module.running_folder(run):
        run.running.rename("gone")
        run.running.mkdir()
        at_work(run.running, 0)
    assert run.running.names() == ["0-0-0.json"]

"""What trainings at work report: files for whoever draws, which never outlast them."""

import math
import os
import threading
from types import SimpleNamespace

import msgspec
import pytest

from hpsearch.backends import node
from hpsearch.store import SafePath
from hpsearch.trainers import reporting
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job, Outcome, Reports, TrainsOneByOne, report_of
from hpsearch.trainers.reporting import AtWork, ReportingTrainer, Running, reported, running_in

PATIENCE = 60.0  # seconds in which the thread must have written


def job(number=0, **more):
    return Job(number, {"lr": 0.1, "epochs": 9}, (0,), until_epoch=9, **more)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".running").mkdir()
    return SafePath(tmp_path) / ".running"


@pytest.fixture
def writes(monkeypatch):
    """Is released with every training that the thread has looked at."""
    looked, write = threading.Semaphore(0), AtWork.write

    def written(self):
        try:
            write(self)
        finally:
            looked.release()

    monkeypatch.setattr(AtWork, "write", written)
    return lambda: looked.acquire(timeout=PATIENCE)


class Spy(TrainsOneByOne):
    """Reports two epochs, waits until they are on disk, and calls what it was given."""

    def __init__(self, wait, look):
        self.wait, self.look = wait, look

    def train_one(self, job, state, report):
        report({"epoch": 1, "loss": 0.5 + job.number})
        report({"epoch": 2, "loss": 0.25 + job.number})
        assert self.wait()
        self.look()
        return Outcome({"epoch": [1, 2]}, None)


def test_what_is_reported_is_on_disk_while_it_trains_and_gone_afterwards(folder, writes):
    seen = []
    spy = ReportingTrainer(Spy(writes, lambda: seen.append(running_in(folder))), folder)
    spy.train([job(7, rung=1, fold=2)], [None])
    (running,) = seen[0]
    curve = {"epoch": [1, 2], "loss": [7.5, 7.25]}
    last = {"epoch": 2, "loss": 7.25}
    assert running == Running(7, 0, 2, 1, 9, last, {"lr": 0.1, "epochs": 9}, curve)
    assert folder.names() == []


def test_a_training_that_raises_leaves_nothing(folder, writes):
    with pytest.raises(ZeroDivisionError):
        ReportingTrainer(Spy(writes, lambda: 1 / 0), folder).train([job()], [None])
    assert folder.names() == []


def test_nothing_is_made_where_the_run_was_deleted_or_is_not_here(tmp_path, writes):
    (tmp_path / "run").mkdir()
    folder = SafePath(tmp_path / "run") / ".running"
    ReportingTrainer(Spy(writes, lambda: None), folder).train([job()], [None])
    assert list((tmp_path / "run").iterdir()) == []


def test_elsewhere_in_a_cluster_a_trainer_has_nobody_to_report_to(folder, monkeypatch):
    at = SimpleNamespace(folders=SimpleNamespace())
    monkeypatch.setattr(node, "here", lambda: at)
    with reported(folder, [job()]) as report:
        assert report is None


def test_a_first_look_writes_over_what_a_killed_worker_has_left(folder):
    killed = AtWork(folder, job())
    killed.report({"epoch": 5, "loss": 0.1})
    killed.write()
    AtWork(folder, job()).write()
    assert [one.curve for one in running_in(folder)] == [{"epoch": []}]


def test_a_file_is_written_only_when_there_is_news(folder):
    at_work = AtWork(folder, job())
    at_work.write()
    before = (folder / "0-0-0.json").status().st_ino, (folder / "0-0-0.json").status().st_mtime_ns
    at_work.write()
    assert before == (
        (folder / "0-0-0.json").status().st_ino, (folder / "0-0-0.json").status().st_mtime_ns
    )  # fmt: skip


def test_an_epoch_reported_again_counts_as_it_was_reported_last_and_lists_stay_equally_long(
    folder,
):
    at_work = AtWork(folder, job())
    at_work.report({"epoch": 1, "loss": 0.5})
    at_work.report({"epoch": 2, "loss": math.nan})
    at_work.report({"epoch": 2, "loss": math.inf, "auc": 0.75, "note": "text"})
    at_work.write()
    (running,) = running_in(folder)
    assert running.curve == {
        "epoch": [1, 2], "loss": [0.5, None], "auc": [None, 0.75], "note": [None, None]
    }  # fmt: skip
    assert running.last == {"epoch": 2, "loss": 0.5, "auc": 0.75}


def test_a_row_that_its_trainer_changes_afterwards_stays_as_it_was_reported(folder):
    at_work, row = AtWork(folder, job()), {"epoch": 1, "loss": 0.5}
    at_work.report(row)
    row["loss"] = 7.0
    at_work.write()
    assert running_in(folder)[0].curve["loss"] == [0.5]


def test_of_very_many_epochs_some_are_left_out_and_never_the_last(folder):
    at_work = AtWork(folder, job())
    for epoch in range(1, 5001):
        at_work.report({"epoch": epoch, "loss": 1 / epoch})
        if epoch % reporting.NEWEST == 0:
            at_work.write()
    (running,) = running_in(folder)
    epochs = running.curve["epoch"]
    assert reporting.MOST_EPOCHS / 2 <= len(epochs) <= reporting.MOST_EPOCHS
    assert epochs[-1] == 5000
    assert epochs == sorted(set(epochs))
    assert running.curve["loss"] == [1 / epoch for epoch in epochs]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"\xff", b'{"number": 0',
        b'{"number":0,"repeat":0,"fold":0,"rung":0,"until":9,"last":{},"settings":{},"curve":{}}',
        b'{"number":1,"repeat":0,"fold":0,"rung":0,"until":9,"last":{},"settings":{},"curve":{"epoch":[]}}',
        b'{"number":0,"repeat":0,"fold":0,"rung":0,"until":9,"last":{},"settings":{},"curve":{"epoch":[1],"a":[]}}',
        b'{"number":0,"repeat":0,"fold":0,"rung":0,"until":9,"last":{},"settings":{},"curve":{"epoch":[null]}}',
        b'{"number":0,"repeat":0,"fold":0,"rung":0,"until":9,"last":{},"settings":{},"curve":{"epoch":[1],"a":[1e999]}}',
        b'{"number":0,"repeat":0,"fold":0,"rung":0,"until":9,"last":{"a":1e999},"settings":{},"curve":{"epoch":[]}}',
        b" " * (reporting.MOST_BYTES + 1),
    ],
)  # fmt: skip
def test_a_damaged_file_is_left_out(folder, content):
    (folder / "0-0-0.json").write_bytes(content)
    assert running_in(folder) == []


def test_links_and_other_names_are_left_out(folder, tmp_path):
    sound = Running(0, 0, 0, 0, 9, {}, {}, {"epoch": [1]})
    (tmp_path / "outside.json").write_bytes(msgspec.json.encode(sound))
    (folder.path / "0-0-0.json").symlink_to(tmp_path / "outside.json")
    (folder.path / "0.json").write_bytes(msgspec.json.encode(sound))
    os.mkfifo(folder.path / "1-0-0.json")
    assert running_in(folder) == []
    AtWork(folder, job()).write()  # in the place of the link, not through it
    assert [one.curve for one in running_in(folder)] == [{"epoch": []}]
    assert (tmp_path / "outside.json").read_bytes() == msgspec.json.encode(sound)


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path, writes):
    (tmp_path / "outside").mkdir()
    (tmp_path / ".running").symlink_to(tmp_path / "outside")
    folder = SafePath(tmp_path) / ".running"
    ReportingTrainer(Spy(writes, lambda: None), folder).train([job()], [None])
    assert running_in(folder) == []
    assert list((tmp_path / "outside").iterdir()) == []


def test_each_job_of_a_stack_reports_its_own_curve_and_its_result_is_the_same(blobs):
    jobs = [
        Job(n, {"epochs": 3, "hidden_units": 8, "batch_size": 16}, (0, n), until_epoch=3)
        for n in range(3)
    ]
    rows = {each.training: [] for each in jobs}
    trainer = NetworkTrainer(blobs, 3)
    outcomes = trainer.train(jobs, [None] * 3, Reports({t: r.append for t, r in rows.items()}))
    for each, outcome in zip(jobs, outcomes, strict=True):
        curve = outcome.curve
        assert rows[each.training] == [{name: curve[name][k] for name in curve} for k in range(3)]
    silent = trainer.train(jobs, [None] * 3)
    assert [each.curve for each in silent] == [each.curve for each in outcomes]


def test_a_group_has_a_report_for_each_job_and_a_single_job_one_that_is_called(folder):
    with reported(folder, [job(0), job(1)]) as report:
        assert isinstance(report, Reports)
        assert report_of(report, job(0)) != report_of(report, job(1))
        report({"epoch": 1})  # by a trainer that does not ask whose it is: nobody's
    with reported(folder, [job(0)]) as report:
        assert report_of(report, job(0)) == report


def test_a_forked_process_neither_writes_nor_removes(folder, writes):
    def fork():
        child = os.fork()
        if not child:
            os._exit(len(reporting._WRITER._at_work))
        assert os.waitpid(child, 0)[1] == 0
        assert folder.names() == ["0-0-0.json"]

    ReportingTrainer(Spy(writes, fork), folder).train([job()], [None])

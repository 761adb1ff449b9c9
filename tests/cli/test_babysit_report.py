"""What `report` and `list` say of babysat models, alone and among searches."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from hpsearch.api.run import load
from hpsearch.errors import HpsearchError
from hpsearch.report import png
from hpsearch.report.comparison import compare
from hpsearch.report.findings import findings
from hpsearch.searching.babysit.record import Record
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request


@pytest.fixture(scope="session")
def _kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def panda(hpsearch, digits, _kept):
    """A model of 4 epochs that was branched at epoch 2; it is trained once, and copied."""
    if not (_kept / "panda").exists():
        options = ["--epochs", "4", "--set", "parallel.backend=serial", "--quiet"]
        assert hpsearch("babysit", digits, "--name", "panda", *options).status == 0
        why = ["--note", "too fast"]
        asked = hpsearch("steer", "panda", "--branch", "2", "--set", "learning_rate=0.003", *why)
        assert asked.status == 0
        assert hpsearch("resume", "panda", "--quiet").status == 0
        shutil.copytree("runs/panda", _kept / "panda")
    else:
        shutil.copytree(_kept / "panda", "runs/panda")
    return Path("runs/panda")


def test_the_page_is_written_when_the_training_has_ended(panda):
    page = (panda / "report.html").read_text()

    assert "2 branches" in page
    assert '"refresh":null' in page
    assert "too fast" in page


def test_report_tells_the_best_epoch_the_branches_and_the_diary(hpsearch, panda):
    said = hpsearch("report", "panda")

    assert said.status == 0
    assert said.out.startswith("panda: val_accuracy 0.9")
    assert "one model, babysat; finished, epoch 4 of 4 of branch 1, 6 trained in all" in said.out
    assert "branch 1 begins after epoch 2 of branch 0: learning_rate 0.01 -> 0.003" in said.out
    assert "    too fast\n" in said.out
    assert "train longer: hpsearch resume runs/panda --epochs 8" in said.out


def test_its_formats_for_programs_agree(hpsearch, panda):
    told = json.loads(hpsearch("report", "panda", "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(hpsearch("report", "panda", "--format", "csv").out)))

    assert (told["kind"], told["status"], told["trained"]) == ("babysit", "finished", len(rows))
    best = next(
        row
        for row in rows
        if (int(row["branch"]), int(row["epoch"]))
        == (told["best"]["number"], told["best"]["epoch"])
    )
    assert float(best["metrics.val_accuracy"]) == told["value"]
    branch = json.loads(hpsearch("report", "panda", "--trial", "1", "--format", "json").out)
    assert branch["curve"]["epoch"] == [1, 2, 3, 4]
    assert "branch 1, from epoch 2" in hpsearch("report", "panda", "--trial", "1").out
    assert "has no branch 9" in hpsearch("report", "panda", "--trial", "9").err


def test_list_shows_how_many_epochs_were_trained_and_the_best(hpsearch, panda):
    hpsearch("babysit", panda, "--runs-dir", "none")  # refused; it makes no run
    (told,) = json.loads(hpsearch("list", "--format", "json").out)

    assert hpsearch("list").out.splitlines()[1].split()[:4] == [
        "panda", "finished", "6", "epochs",
    ]  # fmt: skip
    assert (told["kind"], told["epochs"], told["trials"]) == ("babysit", 6, 2)
    assert told["best_value"] == told["search_value"] > 0.8
    assert told["problem" if "problem" in told else "parent"] is None


def test_watching_a_model_that_has_ended_tells_its_end(hpsearch, panda):
    assert hpsearch("report", "panda", "--watch").out == hpsearch("report", "panda").out


def test_a_comparison_has_a_search_and_a_babysat_model_side_by_side(hpsearch, searched, panda):
    searched("first")

    said = hpsearch("report", "first", "panda")
    told = json.loads(hpsearch("report", "first", "panda", "--format", "json").out)
    rows = hpsearch("report", "first", "panda", "--format", "csv").out.splitlines()

    assert said.status == 0, said.err
    lines = {line.split("  ")[0].strip(): line for line in said.out.splitlines()}
    assert lines["epochs trained"].split()[-1] == "6"
    assert lines["branches"].split() == ["branches", "2"]
    assert lines["optimizer"].split()[-1] == "adam"  # by default
    assert "babysat from" not in lines  # nor was the search refined
    assert "refined from" not in Path("runs/comparison.html").read_text()
    assert "of branch" in said.out
    assert [run.get("kind") for run in told["runs"]] == [None, "babysit"]
    assert len([row for row in rows if row.startswith("panda,")]) == 2
    page = Path("runs/comparison.html").read_text()
    assert "so far, epoch by epoch" in page
    assert "epochs trained" in page
    assert "epoch by epoch" in said.out


def test_a_babysat_models_best_so_far_steps_with_its_epochs(panda):
    (member,) = compare([findings(RunDirectory(panda))]).members

    by_epoch, by_time = member.over_epochs(), member.over_time()

    assert by_epoch[0][0] == 1
    assert by_epoch[-1] == (6, member.summary.value)
    assert [value for _, value in by_epoch] == sorted(value for _, value in by_epoch)
    assert [value for _, value in by_time] == [value for _, value in by_epoch]
    assert by_time == sorted(by_time)
    spans = RunDirectory(panda).timeline
    assert by_time[-1][0] == pytest.approx(sum(span.end - span.start for span in spans))

    file = panda / "timeline.jsonl"
    first = file.read_text().partition("\n")[0]
    file.write_text(f'{first[:-1]},"lost":true}}\n{file.read_text()}')  # then trained again
    (again,) = compare([findings(RunDirectory(panda))]).members
    assert again.over_time() == by_time


def test_a_model_that_began_as_a_trial_is_held_against_it(hpsearch, searched):
    searched("first")
    assert hpsearch("babysit", "first", "--name", "from", "--epochs", "3", "-q").status == 0

    said = hpsearch("report", "from")

    assert "one model, babysat from trial" in said.out
    assert "and where it began   trial" in said.out
    shutil.rmtree("runs/first")
    assert "and where it began" not in hpsearch("report", "from").out


def test_evaluated_test_rows_stand_in_its_report(hpsearch, panda):
    assert "not looked at" in (panda / "report.html").read_text()
    assert hpsearch("evaluate", "panda").status == 0
    page = (panda / "report.html").read_text()
    assert "not looked at" not in page
    assert "Class by class" in page

    told = json.loads(hpsearch("report", "panda", "--format", "json").out)

    assert told["test"]["rows"] > 100
    assert told["tested"]["name"] == "test_accuracy"
    assert "test_accuracy" in hpsearch("report", "panda").out


def test_a_model_without_a_page_is_evaluated_without_making_one(hpsearch, panda):
    (panda / "report.html").unlink()
    assert hpsearch("evaluate", "panda").status == 0
    assert not (panda / "report.html").exists()


def test_what_the_user_stopped_is_called_stopped_until_something_else_is_done(hpsearch, panda):

    def words():
        (listed,) = json.loads(hpsearch("list", "--format", "json").out)
        status = json.loads(hpsearch("steer", "panda", "--status", "--format", "json").out)
        return listed["status"], status["status"]

    hpsearch("steer", "panda", "--branch", "2")
    assert words() == ("interrupted", "interrupted")
    run = RunDirectory(panda)
    with run.writing() as writer:
        Record(run, writer).act(Request("stop", by="key"))
    hpsearch("steer", "panda", "--note", "enough")
    assert words() == ("stopped", "stopped")
    assert "panda: stopped, epoch 2 of 4" in hpsearch("steer", "panda", "--status").out
    said = hpsearch("report", "panda").out
    assert "stopped, epoch 2 of 4 of branch 2" in said
    assert "go on with:   hpsearch resume runs/panda" in said
    assert '<span class="status stopped">stopped</span>' in (panda / "report.html").read_text()
    assert json.loads((panda / "run.json").read_text())["status"] == "interrupted"
    hpsearch("steer", "panda", "--set", "learning_rate=0.001")
    assert words() == ("interrupted", "interrupted")


def test_from_python_its_report_is_the_same_page(panda):
    (panda / "report.html").unlink()

    report = load("panda").report()

    assert "2 branches" in report.path.read_text()
    assert "srcdoc" in report._repr_html_()
    assert load("panda").summary.trained == 6


@pytest.mark.slow
def test_its_pictures_can_be_drawn(hpsearch, panda):
    try:
        png.find_browser()
    except HpsearchError as problem:
        pytest.skip(str(problem))
    assert hpsearch("report", "panda", "--png", "pictures").status == 0
    names = {path.name for path in Path("pictures").iterdir()}
    assert {"loss.png", "metric.png", "rate.png"} <= names

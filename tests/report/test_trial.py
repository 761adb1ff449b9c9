"""All that is known of one trial: `report --trial N`."""

import json
import os
from dataclasses import replace

import pytest

from hpsearch.errors import RunError
from hpsearch.report.summary import summarise
from hpsearch.report.trial import report_trial, show_trial, tail
from hpsearch.store.records import Contender, SearchValue, Winner
from hpsearch.trial import Piece, Status


def told(report, capsys):
    show_trial(report)
    return capsys.readouterr().out


def test_a_trial_has_its_settings_rungs_curve_and_confirmations(written, capsys):
    run = written(12)
    with run.writing() as writer:
        writer.piece(Piece(5, 0, 0, 1, 9, 0.9, {"epoch": [7, 8, 9], "val_accuracy": [0.7] * 3}))
        writer.piece(Piece(5, 1, 0, 0, 9, 0.8, {"epoch": [1], "val_accuracy": [0.8]}))
    summary = summarise(run)
    contender = Contender(5, 0.9, [0.8, 0.9], 0.85, 0.07, 2, 0.05, 0.05)
    won = Winner(
        number=5, params={}, epochs=9, metrics={}, confirmed=None, contenders=[contender],
        search=SearchValue("val_accuracy", 0.9, optimistic=True), indistinguishable=[], test=None,
    )  # fmt: skip
    summary = replace(summary, outcome=won)
    found = report_trial(summary, 5)
    assert [(r.rung, r.epochs, r.value, r.confirming) for r in found.rungs] == [
        (0, 6, pytest.approx(0.5 + 5 / 30), False),
        (1, 9, 0.9, False),
        (0, 9, 0.8, True),
    ]
    text = told(found, capsys)
    value = "0.6667"
    assert text.splitlines()[0] == f"run: trial 5, completed, the winner, val_accuracy {value}"
    for line in ("with new seeds  0.85  (mean of 0.8, 0.9)", "epochs          6  (fixed)",
                 "search      1     6      0.6667", "search      2     9      0.9",
                 "new seed 1  1     9      0.8", "val_accuracy, epoch by epoch",
                 f"train it again:  hpsearch retrain {run.path} --trial 5"):  # fmt: skip
        assert line in text, line
    as_json = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert as_json["params"] == summary.results[5].params
    assert as_json["curve"]["epoch"] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (as_json["status"], as_json["winner"]) == ("completed", True)


def test_a_failed_trial_has_its_traceback_and_the_end_of_what_it_printed(written, capsys):
    run = written(3, lambda number: Status.FAILED)
    logs = run.path / "logs"
    (logs / "log.txt").write_text(
        "trial 0: Traceback\n  first\ntrial 1: Traceback\n  once\n"
        "trial 1: Traceback\n  again\ntrial 2: Traceback\n  other\n"
    )
    (logs / "trial-1.txt").write_text("x" * 5000 + "\n\x1b[2Jdeep\nlast words\n")
    found = report_trial(summarise(run), 1)
    assert found.traceback == "Traceback\n  again"
    assert found.logs == {"logs/trial-1.txt": "\x1b[2Jdeep\nlast words\n"}
    text = told(found, capsys)
    assert "Why it failed\nTraceback\n  again\n" in text
    assert "\\x1b[2Jdeep\nlast words" in text
    assert "retrain" not in text


def test_a_log_that_is_a_link_a_pipe_or_a_folder_is_not_read(written, tmp_path):
    run = written(2)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    logs = run.path / "logs"
    (logs / "trial-1.txt").symlink_to(secret)
    os.mkfifo(logs / "trial-1.stdout.txt")
    (logs / "trial-1.stderr.txt").mkdir()
    assert report_trial(summarise(run), 1).logs == {}
    logs.rename(tmp_path / "elsewhere")
    logs.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "trial-0.txt").write_text("through a link")
    assert report_trial(summarise(run), 0).logs == {}


def test_the_end_of_a_file_is_cut_at_a_line(written):
    run = written(1)
    path = run.inside / "logs" / "trial-0.txt"
    path.path.write_text("one\ntwo\nthree\n")
    assert tail(path, 100) == "one\ntwo\nthree\n"
    assert tail(path, 9) == "three\n"
    assert tail(path, 3) == "ee\n"


def test_a_trial_that_there_is_not_and_one_that_goes_on_are_told(written):
    run = written(4)
    with pytest.raises(RunError, match=r"has no trial 9; there are 0 to 3"):
        report_trial(summarise(run), 9)
    with run.writing() as writer:
        writer.piece(Piece(9, 0, 0, 0, 2, 0.5, {"epoch": [1, 2], "val_accuracy": [0.4, 0.5]}))
    with pytest.raises(RunError, match=r"trial 9 has not ended; it is at epoch 2 so far"):
        report_trial(summarise(run), 9)
    with pytest.raises(RunError, match=r"has no trial 0; there are none"):
        report_trial(summarise(written(0, name="none")), 0)


def test_what_top_leaves_out_is_told(written):
    run = written(12)  # of which 3 were completed
    assert summarise(run, 2).left_out == "1 more completed: --top 3"
    assert summarise(run, 3).left_out is None
    assert summarise(run, 80).left_out == (
        f"no more completed (7 stopped, 2 diverged); all: hpsearch report {run.path} --format csv"
    )
    whole = written(3, lambda number: Status.COMPLETED, name="whole")
    assert summarise(whole, 80).left_out is None

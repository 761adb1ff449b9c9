"""What became of a babysat model, as values, text, JSON and CSV."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest

from hpsearch.errors import RunError
from hpsearch.report.babysit.status import as_json, status_text
from hpsearch.report.babysit.summary import BabysitSummary
from hpsearch.report.findings import BabysitFindings
from hpsearch.report.text import json_text
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.trial import Point, Result, Status


@pytest.fixture
def found(nudged):
    return BabysitFindings(BabysitSummary(nudged, None))


def rows_of(found):
    text = StringIO()
    found.write_csv(text)
    return list(csv.DictReader(StringIO(text.getvalue())))


def test_branches_tell_where_they_began_and_what_was_changed(found):
    branches = found.summary.branches

    assert [(b.number, b.origin, b.last, b.epochs) for b in branches] == [
        (0, None, 6, 6),
        (1, Point(0, 4), 8, 4),
        (2, Point(1, 6), 10, 4),
    ]
    assert [b.changes for b in branches] == [
        "learning_rate 0.01 -> 0.003",
        "learning_rate 0.003 -> 0.01",
        "dropout 0 -> 0.2",
    ]


def test_the_branch_in_training_has_the_status_of_the_run_or_is_paused(found, nudged):
    left = Result(0, 0, Status.STOPPED, {}, 6, {}, None, None, "2026", 1.0)
    story = replace(nudged, results={0: left})

    assert [b.status for b in BabysitSummary(story, None).branches] == ["stopped", *["paused"] * 2]
    ended = replace(story, info=replace(story.info, status="interrupted"))
    assert BabysitSummary(ended, None).branches[-1].status == "interrupted"


def test_the_best_epoch_is_of_all_branches_and_of_each_its_own(found):
    summary = found.summary

    assert summary.best == Point(2, 10)
    assert [b.best for b in summary.branches] == [6, 8, 10]
    assert summary.params["dropout"] == 0.2
    assert summary.trained == 14


def test_the_csv_has_each_epoch_once_with_its_setting_and_what_was_done_before_it(found):
    rows = rows_of(found)

    assert [(row["branch"], row["epoch"]) for row in rows] == [
        *(("0", str(e)) for e in range(1, 7)),
        *(("1", str(e)) for e in range(5, 9)),
        *(("2", str(e)) for e in range(7, 11)),
    ]
    assert [row["params.learning_rate"] for row in rows[:8]] == [
        *["0.01"] * 4, *["0.003"] * 2, *["0.01"] * 2,
    ]  # fmt: skip
    assert [row["params.dropout"] for row in rows[-5:]] == ["", *["0.2"] * 4]
    assert rows[4]["done"] == "learning_rate 0.01 -> 0.003"
    assert rows[4]["note"] == "lower"
    assert rows[6]["done"].startswith("undo: branch 1 begins after epoch 4 of branch 0")
    assert [bool(row["done"]) for row in rows].count(True) == 3
    assert float(rows[1]["rate"]) == pytest.approx(0.01 / 1.5)  # by the decay of 0.5


def test_the_json_can_be_read_back_and_names_its_kind(found):
    told = json.loads(json_text(found.as_json()))

    assert told["kind"] == "babysit"
    assert told["status"] == "paused"
    assert told["best"]["number"] == 2
    assert told["best"]["epoch"] == 10
    assert told["branches"][2]["origin"] == {"trial": 1, "epoch": 6}
    assert [each["branch"] for each in told["interventions"]] == [0, 1, 2, 2]
    assert told["interventions"][0]["set"] == {"learning_rate": [0.01, 0.003]}


def test_the_text_tells_best_branches_diary_and_what_to_do(found, capsys):
    found.show()

    told = capsys.readouterr().out
    assert told.startswith("m: val_accuracy 0.94 after epoch 10 of branch 2\n")
    assert "paused, epoch 10 of 1000 of branch 2, 14 trained in all" in told
    assert "epoch 4, by steer: learning_rate 0.01 -> 0.003\n    lower\n" in told
    assert "\nb long" not in told  # a note stays on its line
    assert "steer" in told
    assert "--continue" in told


def test_the_status_tells_the_rate_now_all_settings_and_the_last_of_the_diary(nudged):
    notes = [replace(nudged.diary[-1], action="set", note=f"note {n}") for n in range(4)]
    told = as_json(replace(nudged, diary=[*nudged.diary, *notes]))
    text = status_text(told)

    assert len(told["interventions"]) == 8
    assert told["rate"] == pytest.approx(0.01 / 6)  # in epoch 11, by the decay of 0.5
    assert "  learning rate now 0.001667\n  set: learning_rate_decay 0.5" in text
    assert "dropout 0.2" in text
    assert (
        "  the last 5 of 8 interventions:\n  epoch 10: pause\n  epoch 10: note  # note 0" in text
    )
    assert max(map(len, text.splitlines()[:6])) <= 80


def test_a_branch_alone_has_its_settings_and_its_whole_curve(found, capsys):
    told = found.trial(2).as_json()

    assert told["curve"]["epoch"] == list(range(1, 11))
    assert [epoch for epoch, _ in told["settings"]] == [0, 6]
    assert [each["epoch"] for each in told["layers"]] == [2, 9]  # epoch 6 is another branch's
    found.trial(2).show()
    assert "m: branch 2, from epoch 6 of branch 1" in capsys.readouterr().out
    with pytest.raises(RunError, match="has no branch 3; there are 0 to 2"):
        found.trial(3)


def test_a_branch_shows_its_settings_from_the_first_epoch_on_with_defaults(nudged, capsys):
    changes = [{"learning_rate": (1 / n, 1 / (n + 1))} for n in range(1, 6)]
    changes.append({"optimizer": ("adam", "rmsprop")})
    diary = [replace(nudged.diary[0], epoch=n, set=c) for n, c in enumerate(changes, start=1)]
    lines = lines_of(nudged.lines.all[0].settings[:1], diary)
    story = replace(nudged, lines=lines, diary=diary, own={0: nudged.own[0]})

    BabysitFindings(BabysitSummary(story, None)).trial(0).show()

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row.count("from") for row in rows if row[:1] == ["setting"]] == [4, 3]
    assert [row[1:] for row in rows if row[:1] == ["optimizer"]] == [
        ["adam"] * 4, ["adam", "adam", "rmsprop"],
    ]  # fmt: skip


def test_a_setting_is_shown_by_default_too_unless_it_does_nothing(found):
    texts = [found.summary.setting_text({}, name) for name in ("optimizer", "momentum", "none")]

    assert texts == ["adam", "", ""]


def test_the_text_of_a_model_without_an_epoch_says_so(untrained, capsys):
    found = BabysitFindings(BabysitSummary(untrained, None))

    found.show()
    found.show_progress(one_line=True)

    assert "m: no epoch with a finite val_accuracy yet" in capsys.readouterr().out
    assert rows_of(found) == []
    assert found.as_json()["best"] is None
    assert found.listed()["best_value"] is None


def test_a_run_from_elsewhere_with_a_senseless_schedule_has_no_rate(nudged):
    trainer = replace(
        nudged.config.trainer, settings={**nudged.config.trainer.settings, "schedule": "senseless"}
    )
    summary = BabysitSummary(replace(nudged, config=replace(nudged.config, trainer=trainer)), None)

    assert summary.rate(0, 1) is None
    assert summary.advice == []

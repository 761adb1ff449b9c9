"""The number that a run came to, where it is shown, and what it is worth on the test rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hpsearch.report import terminal
from hpsearch.report.comparison import compare, show_comparison
from hpsearch.report.findings import SearchFindings
from hpsearch.report.headline import gain, headline_of, on_test_rows
from hpsearch.report.html.page import page
from hpsearch.report.numbers import ends
from hpsearch.report.summary import summarise
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.evaluation import measured
from hpsearch.store.records import ConfirmedWinner, Measured, Rates, SearchValue, Winner
from hpsearch.trial import Result, Status

BALANCED = Criterion("val_balanced_accuracy", "maximize", share=True)


def result(number=3, value=0.98607, **metrics):
    metrics = {"val_accuracy": value, **metrics}
    return Result(number, 0, Status.COMPLETED, {}, 1, metrics, value, None, "", 1.0)


def lazy(rows=200, small=20):
    """The test metrics of a model that always answers the large class but for a row."""
    y = (np.arange(rows) < small).astype(np.int64)
    guesses = np.zeros(rows, np.int64)
    guesses[0] = 1
    return measured(y, guesses, np.full(rows, 0.3), 2, auc=0.6).as_dict("test")


def confirmed(mean=0.98189, search=0.98607, interval=(0.95, 1.02)):
    return ConfirmedWinner(
        number=3, search=search, values=[mean] * 3, mean=mean, deviation=0.002, seeds=3,
        standard_error=0.001, optimism=mean and search - mean, interval=interval,
    )  # fmt: skip


def stored(measured):
    return Measured(**{**measured, "per_class": Rates(**measured["per_class"])})


@pytest.fixture
def summary(written):
    """A finished run whose winner was confirmed and measured on test rows."""
    run = written(12, lambda number: Status.COMPLETED)
    summary = summarise(run)
    outcome = Winner(
        number=3, params={}, epochs=6, metrics={}, confirmed=confirmed(), contenders=[],
        search=SearchValue("val_accuracy", 0.98607, optimistic=True), indistinguishable=[],
        test=stored(lazy()),
    )  # fmt: skip
    data = replace(summary.info.data, classes=["ham", "spam"])
    return replace(
        summary,
        best=replace(summary.results[3], value=0.98607),
        outcome=outcome,
        info=replace(summary.info, data=data, status="finished"),
    )


def text_of(summary, capsys):
    terminal.show(summary)
    return capsys.readouterr().out


def test_the_headline_is_the_confirmed_value_and_the_searchs_where_there_is_none():
    found = headline_of(BALANCED, result(), confirmed())
    assert (found.value, found.search, found.seeds) == (0.98189, 0.98607, 3)
    assert found.source == "confirmed with 3 new seeds; 0.98607 in the search"
    assert headline_of(BALANCED, result(), None).value == 0.98607
    assert headline_of(BALANCED, result(), None).source == "in the search"
    assert headline_of(BALANCED, result(), confirmed(mean=None)).value == 0.98607


def test_one_number_stands_first_on_terminal_page_list_and_comparison(summary, capsys, read):
    text = text_of(summary, capsys)
    assert text.splitlines()[0] == (
        "run: val_accuracy 0.98189 by trial 3 (confirmed with 3 new seeds; 0.98607 in the search)"
    )
    shown = read(page(summary)).text
    assert (
        "val_accuracy of trial 3 0.98189 confirmed with 3 new seeds; 0.98607 in the search"
        in shown
    )
    told = summary.as_json()
    assert (told["value"], told["search_value"], told["best"]["value"]) == (
        0.98189, 0.98607, 0.98607,
    )  # fmt: skip
    cells = dict(compare([SearchFindings(summary)]).outcomes)
    assert (cells["val_accuracy"], cells["in the search"]) == (["0.98189"], ["0.98607"])


def test_the_interval_of_a_share_ends_at_1_and_says_so(summary, capsys, read):
    assert "(95 % interval of that mean 0.95 to 1, cut off at 1)" in text_of(summary, capsys)
    assert "0.95 to 1 cut off where the metric ends" in read(page(summary)).text
    assert summary.as_json()["confirmed"]["interval"] == [0.95, 1.0]
    own = replace(summary, criterion=replace(summary.criterion, share=False))
    assert own.as_json()["confirmed"]["interval"] == [0.95, 1.02]


def test_the_searched_metric_is_the_one_shown_on_the_test_rows(summary, capsys, read):
    summary = replace(summary, criterion=BALANCED)
    found = summary.tested
    assert found.name == "test_balanced_accuracy"
    assert found.value == 0.525
    assert found.constant == 0.5
    assert not found.better
    lines = [line.split() for line in text_of(summary, capsys).splitlines()]
    names = [line[0] for line in lines if line and line[0].startswith("test_")]
    assert names[0] == "test_balanced_accuracy"
    assert sorted(names) == sorted(name for name in lazy() if name.startswith("test_"))
    shown = read(page(summary)).text
    assert "test_balanced_accuracy 0.525" in shown
    assert "always answering the largest class: 0.5" in shown


def test_a_winner_no_better_than_a_constant_answer_is_a_warning(summary, capsys, read):
    summary = replace(summary, criterion=BALANCED)
    [caution] = [each for each in summary.warnings if each.code == "baseline"]
    assert caution.message.startswith(
        "the winner's test_balanced_accuracy of 0.525 (95 % interval"
    )
    assert "no better than always answering the largest class would be, 0.5" in caution.message
    assert "! the winner's test_balanced_accuracy of 0.525" in text_of(summary, capsys)
    assert caution.message.split(":")[0] in read(page(summary)).text
    assert "baseline" in [each["code"] for each in summary.as_json()["warnings"]]


def test_a_loss_is_held_against_that_of_the_classes_shares():
    loss = Criterion("val_loss", "minimize")
    found = on_test_rows(loss, lazy())
    assert found.name == "test_loss"
    assert found.constant == pytest.approx(-(0.1 * np.log(0.1) + 0.9 * np.log(0.9)))
    assert found.better
    assert "classes' shares" in found.constant_words
    assert not on_test_rows(loss, {**lazy(), "intervals": {"test_loss": [0.2, 0.4]}}).better


def test_a_metric_that_is_not_measured_on_test_rows_gives_way_to_accuracy_without_a_warning():
    for name in ("val_f_beta", "score", "train_loss"):
        found = on_test_rows(Criterion(name, "maximize"), lazy())
        assert (found.name, found.better, found.warning) == ("test_accuracy", True, None)


def test_an_older_result_takes_the_constant_answer_from_its_confusion_matrix():
    old = {"test_accuracy": 0.9, "test_balanced_accuracy": 0.6, "test_loss": 0.3, "rows": 10,
           "interval": [0.6, 0.98], "confusion": [[8, 0], [1, 1]]}  # fmt: skip
    found = on_test_rows(BALANCED, old)
    assert (found.value, found.interval, found.constant, found.better) == (0.6, None, 0.5, True)
    assert on_test_rows(Criterion("val_accuracy", "maximize"), old).interval == (0.6, 0.98)
    assert on_test_rows(BALANCED, {"rows": 9}) is None


def test_a_comparison_fills_what_each_run_recorded_of_all_metrics_searched(summary, capsys):
    recorded = {"val_accuracy": 0.98607, "val_balanced_accuracy": 0.6}
    a = replace(summary, best=replace(summary.best, metrics=recorded))
    b = replace(a, criterion=BALANCED, run=replace(a.run, path=a.run.path.with_name("b")))
    comparison = compare([SearchFindings(a), SearchFindings(b)])
    cells = dict(comparison.outcomes)
    assert cells["val_accuracy"] == ["0.98189", "0.98607 in the search"]
    assert cells["val_balanced_accuracy"] == ["0.6 in the search", "0.98189"]
    interval = ends(lazy()["intervals"]["test_balanced_accuracy"])
    assert cells["test_balanced_accuracy"] == [f"0.525 (95 % {interval})"] * 2
    assert cells["  constant test_balanced_accuracy"] == ["0.5", "0.5"]
    assert cells["test_accuracy"] == [f"0.905 (95 % {ends(lazy()['interval'])})"] * 2
    assert cells["  constant test_accuracy"] == ["0.9", "0.9"]
    show_comparison(comparison)
    assert "0.98607 in the search" in " ".join(capsys.readouterr().out.split())


def test_the_gain_over_a_setting_by_hand_is_that_of_the_headline(summary):
    with_start = replace(
        summary,
        config=replace(summary.config, search=replace(summary.config.search, start=({},))),
        results=(replace(summary.results[0], value=0.9), *summary.results[1:]),
    )
    found = gain(with_start)
    assert found.value == pytest.approx(0.98189 - 0.9)
    assert found.error == pytest.approx(0.002 * (1 + 1 / 3) ** 0.5)
    contenders = [replace(confirmed(mean=0.95), number=0)]
    outcome = replace(summary.outcome, contenders=contenders)
    both = gain(replace(with_start, outcome=outcome))
    assert both.value == pytest.approx(0.98189 - 0.95)
    assert both.error == pytest.approx(0.002 * (2 / 3) ** 0.5)
    assert gain(summary) is None


def test_the_table_of_classes_stands_on_the_page_and_is_folded_where_it_is_long(summary, read):
    found = read(page(summary))
    assert "spam 20 1 0.05 0.09524" in found.text
    assert "Most often mistaken class taken for rows spam ham 19" in found.text
    opened = [dict(attrs) for tag, attrs in found.tags if tag == "details"]
    many = 1200
    y = np.arange(many * 2) % many
    test = measured(y, np.where(y < 2, 5, y), np.ones(len(y)), many, auc=None).as_dict("test")
    data = replace(summary.info.data, classes=[f"c{i}" for i in range(many)])
    info = replace(summary.info, data=data)
    big = replace(summary, outcome=replace(summary.outcome, test=stored(test)), info=info)
    text = page(big)
    assert len(opened) > 1
    assert "1,200 classes, the 1,000 with the lowest F1" in read(text).text
    assert "c0 2 – 0 0" in read(text).text
    assert "confusion" not in json.loads(read(text).scripts[0])["figures"]
    assert text.count("<tr>") < 1100


def test_evaluate_puts_the_searched_metric_first_and_warns(capsys):
    measured_rows = {"classes": ["ham", "spam"], **lazy()}
    terminal.show_measurement(measured_rows, "test", BALANCED)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "on 200 test rows"
    assert lines[2].split()[:2] == ["test_balanced_accuracy", "0.525"]
    assert lines[2].split()[-1] == "0.5"
    assert any(line.startswith("! the winner's test_balanced_accuracy of 0.525") for line in lines)
    new = {name.replace("test_", "new_"): value for name, value in measured_rows.items()}
    for key in ("intervals", "baseline"):
        new[key] = {name.replace("test_", "new_"): value for name, value in new[key].items()}
    terminal.show_measurement(new, "new", BALANCED)
    assert "! the winner's new_balanced_accuracy of 0.525" in capsys.readouterr().out
    terminal.show_measurement(new, "new")  # a model file does not say what was searched
    assert "!" not in capsys.readouterr().out


def test_evaluate_of_many_classes_shows_the_worst_and_the_most_confused_pairs(capsys):
    many = 200
    y = np.arange(many * 2) % many
    test = measured(y, np.where(y == 7, 3, y), np.ones(len(y)), many, auc=None).as_dict("test")
    names = [f"c{index}" for index in range(many)]
    terminal.show_measurement({"classes": names, **test}, "test")
    text = capsys.readouterr().out
    assert "the 30 of 200 classes with the lowest F1; --json has all" in text
    assert "c7" in [line.split()[0] for line in text.splitlines() if line]
    assert [line.split() for line in text.splitlines()][-1] == ["c7", "c3", "2"]
    assert "test_auc                not measured" in text
    assert len(text.splitlines()) < 60

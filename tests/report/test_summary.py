"""What a summary says of trials, and of a run in the middle of its life."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import from_mapping
from hpsearch.report.advice import advise
from hpsearch.report.summary import region, summarise
from hpsearch.searching.session import begin, read_data
from hpsearch.trial import Piece, Result, Status

CONFIG = from_mapping(
    {
        "data": {"source": "digits"},
        "space": {
            "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
            "hidden_layers": {"type": "int", "min": 1, "max": 3},
            "hidden_units": {"type": "int", "min": 8, "max": 64, "per": "hidden_layers"},
            "optimizer": {"values": ["momentum", "adam"]},
            "momentum": {"min": 0.5, "max": 0.9, "when": {"optimizer": "momentum"}},
            "dropout": {"min": 0, "max": 0.5},
        },
    }
)


def result(number, status=Status.COMPLETED, **params):
    params = {"learning_rate": 0.01, "hidden_layers": 2, "hidden_units": [8 + number, 20],
              "optimizer": "adam", "dropout": 0.2} | params  # fmt: skip
    return Result(number, 0, status, params, 1, {}, 0.5, None, "", 1.0)


def test_a_region_spans_values_lists_and_choices_in_the_order_of_the_space():
    found = region([result(0), result(9, learning_rate=0.5)], CONFIG.space)
    assert found["learning_rate"] == [0.01, 0.5]
    assert found["hidden_units"] == [8, 20]
    assert found["hidden_layers"] == [2, 2]
    assert found["optimizer"] == ["adam"]
    both = [result(0), result(1, optimizer="momentum", momentum=0.6)]
    assert region(both, CONFIG.space)["optimizer"] == ["momentum", "adam"]


def test_a_parameter_that_was_never_active_has_no_region():
    assert "momentum" not in region([result(0)], CONFIG.space)
    assert region([], CONFIG.space) == {}


def test_a_region_leaves_out_a_tenth_of_the_values_at_either_end():
    rates = [1e-4, *(0.01 + i / 1000 for i in range(8)), 1.0]
    found = region([result(i, learning_rate=rate) for i, rate in enumerate(rates)], CONFIG.space)
    assert found["learning_rate"] == [0.01, 0.017]


def test_a_region_leaves_out_the_choices_drawn_least():
    optimizers = ["momentum"] + ["adam"] * 9
    found = region([result(i, optimizer=o) for i, o in enumerate(optimizers)], CONFIG.space)
    assert found["optimizer"] == ["adam"]
    optimizers = ["momentum"] * 3 + ["adam"] * 7
    found = region([result(i, optimizer=o) for i, o in enumerate(optimizers)], CONFIG.space)
    assert found["optimizer"] == ["momentum", "adam"]


@given(st.lists(st.floats(1e-4, 1), min_size=1, max_size=60))
def test_four_fifths_of_what_was_drawn_lies_in_the_region(rates):
    drawn = [result(i, learning_rate=rate) for i, rate in enumerate(rates)]
    low, high = region(drawn, CONFIG.space)["learning_rate"]
    assert min(rates) <= low <= high <= max(rates)
    assert sum(low <= rate <= high for rate in rates) >= 0.8 * len(rates) - 1


@pytest.fixture(scope="module")
def dataset():
    return read_data(CONFIG)


@pytest.fixture
def run(dataset, tmp_path):
    """A run of five trials of two rounds; there is no winner yet."""
    run = begin(CONFIG, dataset, tmp_path, "run")
    fates = [
        (0, Status.COMPLETED, 0.90),
        (0, Status.STOPPED, 0.99),
        (0, Status.DIVERGED, None),
        (1, Status.COMPLETED, 0.95),
        (1, Status.COMPLETED, 0.94),
    ]
    with run.writing() as writer:
        for number, (round, status, value) in enumerate(fates):
            curve = {"epoch": [1], "val_accuracy": [value]}
            writer.piece(Piece(number, 0, 0, 0, 1, value, curve))
            writer.result(replace(result(number, status), round=round, value=value))
    return run


def test_the_best_of_a_run_without_a_winner_is_the_best_completed_trial_so_far(run):
    summary = summarise(run)
    assert summary.best.number == 3
    assert summary.outcome is summary.confirmed is summary.test is None
    assert summary.counts == {"completed": 3, "stopped": 1, "diverged": 1, "failed": 0}
    assert [each.number for each in summary.top] == [3, 4, 0]
    assert [(each.round, each.trials, each.best) for each in summary.rounds] == [
        (0, 3, 0.90),
        (1, 2, 0.95),
    ]


def test_the_best_of_a_run_is_its_winner_whatever_the_search_saw(run):
    confirmed = {"number": 4, "search": 0.94, "values": [0.93, 0.95], "mean": 0.94,
                 "deviation": 0.014, "seeds": 2, "standard_error": 0.01, "optimism": 0.0,
                 "interval": None}  # fmt: skip
    test = {"test_loss": 0.3, "test_accuracy": 0.9, "test_auc": None, "interval": [0.8, 0.95],
            "intervals": {}, "baseline": {}, "rows": 9, "confused": [],
            "confusion": None}  # fmt: skip
    outcome = {"number": 4, "params": {}, "epochs": 1, "metrics": {}, "confirmed": confirmed,
               "search": {"metric": "val_accuracy", "value": 0.94, "optimistic": True},
               "contenders": [], "indistinguishable": [3], "test": test}  # fmt: skip
    run.best.mkdir()
    (run.best / "result.json").write_text(json.dumps(outcome))
    summary = summarise(run)
    assert summary.best.number == 4
    told = json.loads(json.dumps(summary.as_json(), allow_nan=False))
    assert (told["best"]["number"], told["best"]["value"]) == (4, 0.94)
    assert (told["confirmed"], told["indistinguishable"]) == (confirmed, [3])
    assert told["test"] == test


def test_the_pieces_that_confirm_a_trial_are_no_part_of_its_curve(run):
    with run.writing() as writer:
        writer.piece(Piece(3, 1, 0, 0, 1, 0.5, {"epoch": [1], "val_accuracy": [0.5]}))
    summary = summarise(run)
    assert summary.past_trials[3].curve == {"epoch": [1], "val_accuracy": [0.95]}


def test_a_run_that_has_only_begun_has_nothing_to_tell(dataset, tmp_path):
    summary = summarise(begin(CONFIG, dataset, tmp_path, "run"))
    assert summary.best is None
    told = summary.as_json()
    assert (told["best"], told["test"], told["rounds"]) == (None, None, [])
    assert told["indistinguishable"] == []


def cautions(results, best=4):
    return {(caution.code, caution.parameter): caution.message
            for caution in advise(Path("runs/r"), CONFIG, results, results[:best])}  # fmt: skip


def test_the_best_trials_at_a_bound_are_a_warning_that_names_the_remedy():
    found = cautions([result(n, learning_rate=0.99 - n / 100) for n in range(8)])
    assert "learning_rate's max of 1" in found["pressure", "learning_rate"]
    assert "hpsearch refine runs/r --widen" in found["pressure", "learning_rate"]
    assert "larger values" in found["pressure", "learning_rate"]


def test_a_handful_of_trials_is_too_few_for_a_warning():
    assert cautions([result(n, learning_rate=0.99) for n in range(7)]) == {}


def test_a_natural_limit_is_no_warning():
    assert ("pressure", "dropout") not in cautions([result(n, dropout=0.0) for n in range(8)])


@pytest.mark.parametrize(
    ("status", "word"), [(Status.DIVERGED, "learning_rate"), (Status.FAILED, "log.txt")]
)
def test_many_lost_trials_are_a_warning_and_few_are_not(status, word):
    kept = [result(n) for n in range(9)]
    assert (str(status), None) not in cautions([*kept, result(9, status)])
    found = cautions([*kept[:3], result(9, status)])
    assert word in found[str(status), None]

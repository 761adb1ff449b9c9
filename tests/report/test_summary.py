"""What a summary says of trials, without a run on disk."""

import pytest

from hpsearch.config import from_mapping
from hpsearch.report.advice import warnings
from hpsearch.report.summary import region
from hpsearch.trial import Result, Status

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


def cautions(results, best=4):
    return {(caution.code, caution.parameter): caution.message
            for caution in warnings(CONFIG, results, results[:best])}  # fmt: skip


def test_the_best_trials_at_a_bound_are_a_warning_that_names_the_remedy():
    found = cautions([result(n, learning_rate=0.99 - n / 100) for n in range(8)])
    assert "learning_rate's max of 1" in found["pressure", "learning_rate"]
    assert "hpsearch refine --widen" in found["pressure", "learning_rate"]
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

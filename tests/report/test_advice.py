"""What to be wary of: values that lose every trial, and why there is no winner."""

from pathlib import Path

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.report.advice import advise
from hpsearch.trial import Result, Status

CONFIG = {
    "name": "own",
    "trainer": {"kind": "function", "function": "f.py:train"},
    "metric": {"name": "loss", "goal": "minimize"},
    "space": {
        "optimizer": {"values": ["sgd", "adam"]},
        "rate": {"scale": "log", "min": 1e-3, "max": 1},
        "beta": {"min": 0, "max": 1, "when": {"optimizer": "adam"}},
    },
}


def result(number, status=Status.COMPLETED, **params):
    value = 0.5 if status is Status.COMPLETED else None
    own = {"optimizer": "sgd", "rate": 10 ** -(1 + number % 3), **params}
    return Result(number, 0, status, own, 1, {"loss": value}, value, None, "", 0.1)


def told(results):
    found = advise(Path("runs/r"), from_mapping(CONFIG), results, [])
    return {c.parameter: c.message for c in found if c.code == "losing"}


def test_a_choice_that_loses_every_trial_is_pointed_out_with_counts():
    adam = [result(n, Status.FAILED, optimizer="adam", beta=n / 24) for n in range(6)]
    sgd = [result(n) for n in range(6, 24)]
    sgd[0] = result(6, Status.DIVERGED)
    assert told([*adam, *sgd]) == {
        "optimizer": "all 6 trials with optimizer adam failed, of the 18 others 1; "
        "leave it out of the space, or see why"
    }


def test_an_end_of_a_range_that_loses_every_trial_is_pointed_out():
    fast = [result(n, Status.DIVERGED, rate=0.5 + n / 100) for n in range(5)]
    slow = [result(n, rate=0.001 * (n - 4)) for n in range(5, 25)]
    assert told([*fast, *slow]) == {
        "rate": "all 5 trials with rate of at least 0.5 diverged, of the 20 others none; "
        "leave it out of the space, or see why"
    }


def test_two_trials_that_lost_are_called_both():
    fast = [result(n, Status.DIVERGED, rate=0.5 + n / 100) for n in range(2)]
    slow = [result(n, rate=0.001 * (n - 1)) for n in range(2, 62)]
    assert told([*fast, *slow]) == {
        "rate": "both trials with rate of at least 0.5 diverged, of the 60 others none; "
        "leave it out of the space, or see why"
    }


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_what_may_be_chance_is_not_pointed_out(lost):
    adam = [result(n, Status.FAILED, optimizer="adam", beta=0.5) for n in range(lost)]
    assert told([*adam, *(result(n) for n in range(lost, 9))]) == {}


def test_where_everything_is_lost_no_value_is_to_blame():
    assert told([result(n, Status.FAILED) for n in range(20)]) == {}


SEARCH = {**CONFIG, "space": {"x": {"min": 0, "max": 1}}, "search": {"trials": 4}}


@pytest.mark.parametrize(
    ("train", "words", "silent"),
    [
        (
            lambda params, epochs: {"loss": params["x"], "auc": float("nan")},
            "(4 trials: 4 diverged; auc became NaN or infinite; ",
            "log.txt",
        ),
        (
            lambda params, epochs: {"loss": float("inf")},
            "(4 trials: 4 diverged; loss became NaN or infinite; ",
            "log.txt",
        ),
    ],
)
def test_a_search_without_a_winner_says_why_and_points_to_what_is_there(
    tmp_path, monkeypatch, train, words, silent
):
    import hpsearch

    monkeypatch.chdir(tmp_path)
    config = {**SEARCH, "parallel": {"backend": "serial"}}
    with pytest.raises(RunError) as raised:
        hpsearch.search(config, objective=train, name="r", progress=False)
    message = str(raised.value)
    assert f"r: no trial was completed with a finite loss {words}" in message
    assert silent not in message
    assert "learning_rate" not in message
    lines = {trial.error for trial in hpsearch.load("r").trials}
    named = "Undefined: auc was NaN or infinite in epoch 1"
    assert lines == ({named} if "auc" in words else {None})

"""What mattered, for trials of functions whose variances are known."""

import io
import json
import re
import sys
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.importance import (
    MOST,
    Importance,
    Share,
    importance,
    importance_text,
    rank_correlation,
    rank_scores,
    trials_to_fit,
)
from hpsearch.report.text import display
from hpsearch.sampling.ranking import UNKNOWN, Observation, rank
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.history import PastTrial
from hpsearch.searching.refine import ranking
from hpsearch.searching.spec import Spec
from hpsearch.space import Choice, Continuous, Parameter, Space
from hpsearch.trial import Result, Round, Rung, Status

LOSS = Criterion("loss", "minimize")
SPACE = Space(tuple(Parameter(name, Continuous(0, 1)) for name in "abcd"))


def spec(space=SPACE):
    rounds = (Round(0, 0, 8, 0.0, (Rung(8, 5),)),)
    return Spec(space, {"epochs": 5}, rounds, seed=0)


def known(number, params, value, status=Status.COMPLETED):
    result = Result(number, 0, status, params, 5, {}, value, None, "", 0.0)
    return PastTrial(result, {"epoch": [1], "loss": [value]}, (0, number))


def drawn(of, space=SPACE, trials=64, seed=0):
    """Trials of a function of settings, drawn uniformly."""
    points = np.random.default_rng(seed).random((trials, space.dimensions))
    settings = [space.params(point) for point in points]
    return [known(number, params, of(params)) for number, params in enumerate(settings)]


def zoomed(of, trials=64, seed=0):
    """A third of the trials drawn uniformly, the others closer and closer to the best."""
    rng = np.random.default_rng(seed)
    found = drawn(of, trials=trials // 3, seed=seed)
    for number in range(len(found), trials):
        best = sorted(found, key=lambda trial: trial.result.value)[:5]
        around = SPACE.point(best[rng.integers(5)].result.params)
        point = np.clip(around + 0.1 * rng.standard_normal(4), 0, 1)
        params = SPACE.params(point)
        found.append(known(number, params, of(params)))
    return found


def additive(params):
    """Variances in the ratio 9 : 4 : 1 : 0."""
    return 3 * params["a"] + 2 * params["b"] + params["c"]


def asked(trials, space=SPACE):
    return importance(spec(space), trials, ranking(trials, [5], LOSS))


@pytest.mark.parametrize("trials", [drawn(additive), zoomed(additive)], ids=["drawn", "zoomed"])
def test_shares_of_a_sum_are_those_of_its_variances_wherever_the_trials_lie(trials):
    found = asked(trials)
    assert found.reason is None
    assert found.correlation > 0.9
    for name, weight in zip("abcd", (9, 4, 1, 0), strict=True):
        assert found.whole[name].share == pytest.approx(weight / 14, abs=0.08), name
    assert sum(share.share for share in found.whole.values()) == pytest.approx(1)


def test_errors_shrink_as_trials_are_added():
    def noisy(params):
        return additive(params) + 0.8 * np.sin(1e6 * params["d"])

    few, many = (asked(drawn(noisy, trials=trials)) for trials in (30, 240))
    assert sum(share.error for share in many.whole.values()) < sum(
        share.error for share in few.whole.values()
    )


def test_a_choice_matters_in_the_whole_space_and_what_is_active_under_it_near_the_winner():
    space = Space(
        (
            Parameter("kind", Choice(("good", "bad"))),
            Parameter("y", Continuous(0, 1), when={"kind": ("good",)}),
            Parameter("z", Continuous(0, 1)),
        )
    )
    found = asked(drawn(lambda p: 1 - 0.5 * p["y"] if "y" in p else 2.0, space), space)
    assert found.whole["kind"].share > found.whole["y"].share > found.whole["z"].share
    assert found.whole["kind"].share > 0.7
    assert found.near["kind"] is None
    assert found.near["y"].share > 0.8


@pytest.mark.parametrize(
    "change", [np.exp, lambda value: 1e-9 * value - 5, lambda value: value**3]
)
def test_the_unit_of_the_metric_changes_nothing(change):
    plain = asked(drawn(additive))
    assert asked(drawn(lambda params: float(change(additive(params))))) == plain


def test_the_goal_may_be_a_maximum():
    trials = drawn(lambda params: -additive(params))
    found = importance(spec(), trials, ranking(trials, [5], Criterion("loss", "maximize")))
    assert found == asked(drawn(additive))


def test_the_order_of_trials_changes_nothing_and_neither_does_asking_again():
    trials = drawn(additive)
    assert asked(trials[::-1]) == asked(trials)


def test_diverged_trials_count_as_bad_ones_and_failed_ones_not_at_all():
    def lost(trial, status):
        return known(trial.result.number, trial.result.params, None, status)

    trials = drawn(lambda params: params["b"])
    diverged = [lost(t, Status.DIVERGED) if t.result.params["a"] > 0.7 else t for t in trials]
    assert asked(diverged).whole["a"].share > 0.5
    failed = [lost(t, Status.FAILED) if t.result.params["a"] > 0.7 else t for t in trials]
    assert asked(failed).whole["a"].share < 0.05
    assert asked(failed).trials < len(trials)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_explained(seed):
    noise = np.random.default_rng(seed)
    found = asked(drawn(lambda params: noise.random(), seed=seed))
    assert found.whole == found.near == {}
    assert re.fullmatch(
        r"settings hardly predict how a trial ranks \(rank correlation -?0\.\d\d on trials "
        r"left out of the fit, 0\.30 needed\); more trials may help: hpsearch resume --trials N",
        found.reason,
    )


def test_of_few_trials_more_is_asked_as_chance_may_order_them_well():
    noise = np.random.default_rng(0)
    found = [asked(drawn(lambda p: noise.random(), trials=12, seed=s)) for s in range(20)]
    assert sum(each.reason is not None for each in found) >= 18
    assert all("0.60 needed" in each.reason for each in found if each.reason)


def test_a_flat_objective_is_not_explained():
    found = asked(zoomed(lambda params: 0.5))
    assert found.correlation == 0
    assert "rank correlation 0.00" in found.reason


def test_a_handful_of_trials_is_too_little():
    trials = [*drawn(additive, trials=11), known(11, SPACE.params(np.full(4, 0.5)), None)]
    assert asked(trials).reason == "too few trials: 11 with a value, 12 needed"
    assert asked([]).reason == "too few trials: 0 with a value, 12 needed"
    assert asked(drawn(additive, trials=12)).reason is None


def test_one_parameter_has_nothing_to_share_with():
    space = Space((Parameter("a", Continuous(0, 1)),))
    assert "only one parameter" in asked(drawn(lambda p: p["a"], space), space).reason


def test_best_trials_that_agree_in_everything_leave_nothing_near_them():
    space = Space(tuple(Parameter(name, Choice((0, 1))) for name in "ab"))
    found = asked(drawn(lambda p: p["a"] + 0.5 * p["b"], space), space)
    assert found.near == {}
    assert found.whole["a"].share == pytest.approx(4 / 5, abs=0.1)


def test_of_thousands_of_trials_the_first_the_best_and_some_others_are_trials_to_fit():
    costs = np.random.default_rng(0).permutation(3000).astype(float)
    history = [Observation(i, {}, ((cost, 0.0),)) for i, cost in enumerate(costs.tolist())]
    ranked = rank(history)
    few = trials_to_fit(ranked, np.random.default_rng(1))
    assert len({trial.number for trial in few}) == len(few) == MOST
    assert few[:64] == ranked[:64]
    assert {trial.number for trial in few} >= set(range(64))
    assert rank(few) == few
    assert trials_to_fit(ranked[:MOST], np.random.default_rng(1)) == ranked[:MOST]


def observed(*costs):
    """Ranked trials, each with its losses at the rungs it reached."""
    return [
        Observation(n, {}, tuple((cost, 0.0) if cost is not None else UNKNOWN for cost in each))
        for n, each in enumerate(costs)
    ]


def test_equal_trials_share_their_score():
    found = rank_scores(observed((1.0,), (2.0, 1.0), (2.0,), (3.0,), (None,), (4.0, None)))
    assert found[1] == found[2]
    assert found[4] == found[5]
    assert list(np.diff(found) > 0) == [True, False, True, True, False]
    assert found.sum() == pytest.approx(0)


def test_the_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    one, other = rng.random(20), rng.random(20)
    by_rank = [values.argsort().argsort() for values in (one, other)]
    assert rank_correlation(one, other) == pytest.approx(np.corrcoef(*by_rank)[0, 1])
    tied = rank_correlation(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert tied == pytest.approx(3**0.5 / 2)  # of (1.5, 1.5, 3) and (1, 2, 3)
    assert rank_correlation(one, np.zeros(20)) == 0


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=20))
def test_a_rank_correlation_with_itself_is_one_and_with_its_mirror_minus_one(values):
    values = np.array(values, float)
    expected = 1 if len(set(values)) > 1 else 0
    assert rank_correlation(values, values) == pytest.approx(expected)
    assert rank_correlation(values, -values) == pytest.approx(-expected)


TOLD = Importance(
    64,
    0.86,
    whole={"beta1": Share(0.004, 0.001), "learning_rate": Share(0.62, 0.043), "kind": None},
    near={"beta1": Share(1.0, 0.2), "learning_rate": None, "kind": None},
)


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", "█"), ("ascii", "#")])
def test_the_bars_fit_eighty_columns_in_what_the_stream_can_show(monkeypatch, encoding, bar):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    display(*importance_text(TOLD, "val_accuracy"))
    told = stream.buffer.getvalue().decode(encoding)
    assert max(map(len, told.splitlines())) <= 80
    first, second = told.splitlines()[2:4]
    assert first.startswith("learning_rate  " + 7 * bar + " ")
    assert "62 %" in first
    assert "(does not vary)" in first
    assert second.split()[:3] == ["beta1", "<1", "%"]
    assert "correlation of 0.86" in told


def test_a_reason_stands_instead_of_the_bars(capsys):
    display(*importance_text(Importance(3, reason="too few trials"), "loss"))
    assert capsys.readouterr().out == "What mattered cannot be said: too few trials\n"


def test_importance_is_plain_json():
    said = json.loads(json.dumps(asdict(TOLD), allow_nan=False))
    assert list(said) == ["trials", "correlation", "whole", "near", "reason"]
    assert said["whole"]["learning_rate"] == {"share": 0.62, "error": 0.043}
    assert said["near"]["kind"] is None

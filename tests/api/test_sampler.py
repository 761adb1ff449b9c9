"""Ask and tell: the real sampler, without files or processes."""

import math
import random

import numpy as np
import pytest

import hpsearch

SPACE = {
    "rate": {"scale": "log", "min": 1e-4, "max": 1},
    "layers": {"type": "int", "min": 0, "max": 2},
    "units": {"type": "int", "min": 8, "max": 64, "per": "layers"},
    "kind": {"values": ["a", "b"]},
    "beta": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"kind": "b"}},
}


def loss(params):
    return (math.log10(params["rate"]) + 2) ** 2 + params["layers"] + (params["kind"] == "a")


def search(sampler, times, count, value=lambda params: loss(params)):
    for _ in range(times):
        trials = sampler.ask(count)
        sampler.tell(trials, [value(trial.params) for trial in trials])
    return [trial.params for trial, _ in sampler.trials]


@pytest.mark.parametrize("count", [1, 4, 9])
def test_the_same_seed_asks_the_same_and_another_seed_does_not(count):
    once = search(hpsearch.Sampler(SPACE, seed=3), 6, count)
    assert once == search(hpsearch.Sampler(SPACE, seed=3), 6, count)
    assert once != search(hpsearch.Sampler(SPACE, seed=4), 6, count)


def test_every_setting_lies_in_the_space():
    sampler = hpsearch.Sampler(SPACE)
    assert all(sampler.space.contains(params) for params in search(sampler, 8, 9))


def test_what_is_asked_and_told_has_values_of_the_alternative_that_counts():
    hop = [
        {"type": "int", "min": 96, "max": 320, "when": {"n_fft": 512}},
        {"type": "int", "min": 128, "max": 512, "when": {"n_fft": 1024}},
    ]
    sampler = hpsearch.Sampler({"n_fft": {"values": [512, 1024], "ordered": False}, "hop": hop})
    tried = search(sampler, 5, 9, lambda params: abs(params["hop"] - params["n_fft"] / 4))
    assert all(map(sampler.space.contains, tried))
    assert sampler.best[1] < 8
    sampler.add([{"n_fft": 1024, "hop": 256}], [-1.0])
    assert sampler.best[0].params == {"n_fft": 1024, "hop": 256}
    with pytest.raises(hpsearch.ConfigError, match=r"hop\[1\].when: holds at once with \[0\]"):
        hpsearch.Sampler({"n_fft": {"values": [512, 1024]}, "hop": [hop[0], hop[0]]})


def told(count, order):
    """A sampler that was told of so many trials, in this order."""
    sampler = hpsearch.Sampler(SPACE)
    for trial in order(sampler.ask(count)):
        sampler.tell(trial, loss(trial.params))
    return sampler


def shuffled(trials):
    return random.Random(0).sample(trials, len(trials))


def test_the_order_of_telling_changes_nothing():
    assert told(20, list).ask(9) == told(20, shuffled).ask(9)


def test_zoom_comes_closer_than_random():
    best = {}
    for kind in ("zoom", "random"):
        found = []
        for seed in range(3):
            sampler = hpsearch.Sampler(SPACE, seed=seed, trials=45, sampler=kind)
            search(sampler, 5, 9)
            found.append(sampler.best[1])
        best[kind] = sum(found)
    assert best["zoom"] < best["random"]


def test_the_goal_decides_what_is_best():
    sampler = hpsearch.Sampler({"x": {"min": 0, "max": 1}}, goal="maximize")
    trials = sampler.ask(3)
    sampler.tell(trials, [1.0, 5.0, 2.0])
    assert sampler.best == (trials[1], 5.0)


@pytest.mark.parametrize("lost", [None, math.nan, math.inf, np.float32("nan")])
def test_a_lost_trial_never_wins_and_the_search_goes_on(lost):
    sampler = hpsearch.Sampler({"x": {"min": 0, "max": 1}}, trials=12)
    trials = sampler.ask(6)
    sampler.tell(trials, [lost] * 6)
    assert sampler.best is None
    sampler.tell(more := sampler.ask(6), [np.float64(1.5), *[lost] * 5])
    assert sampler.best == (more[0], 1.5)
    assert len(sampler.ask(4)) == 4


def test_pending_settings_are_kept_away_from():
    def sampler_with(count):
        sampler = hpsearch.Sampler({"x": {"min": 0, "max": 1}}, trials=30)
        search(sampler, 1, 12, lambda params: (params["x"] - 0.3) ** 2)
        return [sampler.ask()[0].params["x"] for _ in range(count)]

    asked = sampler_with(10)
    gaps = np.diff(np.sort(asked))
    assert len(set(asked)) == 10
    assert np.ptp(asked) > 0.05
    assert gaps.min() > 0


def test_choices_of_a_small_space_are_not_asked_for_twice_while_pending():
    sampler = hpsearch.Sampler({"k": {"values": list("abcdefghij")}}, trials=4)
    sampler.tell(sampler.ask(2), [1.0, 2.0])
    asked = [trial.params["k"] for _ in range(8) for trial in sampler.ask()]
    assert len(set(asked)) == 8


def test_settings_from_elsewhere_count_as_history():
    sampler = hpsearch.Sampler({"x": {"min": 0, "max": 1}})
    added = sampler.add([{"x": 0.25}, {"x": 0.75}], [2.0, 1.0])
    assert sampler.best == (added[1], 1.0)
    with pytest.raises(hpsearch.HpsearchError, match=r"settings\[0\]: must lie in the space"):
        sampler.add([{"x": 2.0}], [1.0])


def test_a_grid_asks_for_each_setting_once_in_the_order_of_the_seed():
    space = {"n": {"type": "int", "min": 1, "max": 3}, "kind": {"values": ["a", "b"]}}
    orders = []
    for seed in (0, 0, 1):
        sampler = hpsearch.Sampler(
            space, seed=seed, sampler="grid", where=['n < 3 or kind == "a"']
        )
        sampler.add([{"n": 2, "kind": "b"}], [7.0])
        trials = []
        while more := sampler.ask(3):
            sampler.tell(more, [trial.params["n"] for trial in more])
            trials += more
        orders.append([(trial.params["n"], trial.params["kind"]) for trial in trials])
    assert sorted(orders[0]) == [(1, "a"), (1, "b"), (2, "a"), (3, "a")]
    assert orders[0] == orders[1] != orders[2]
    assert sampler.best[1] == 1


def test_a_grid_is_that_of_a_search_with_the_same_seed(tmp_path):
    space = {"n": {"values": [1, 2, 4]}, "m": {"type": "int", "min": 0, "max": 3}}
    run = hpsearch.search(
        {
            "name": "grid",
            "metric": {"name": "value", "goal": "minimize"},
            "space": space,
            "search": {"sampler": "grid"},
            "parallel": {"backend": "serial"},
        },
        tmp_path,
        objective=lambda params: params["n"] * params["m"],
        seed=5,
        progress=False,
    )
    asked = hpsearch.Sampler(space, seed=5, sampler="grid").ask(12)
    assert [trial.params for trial in asked] == [trial.params for trial in run.trials]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"x": {"min": 0, "max": 1}}, "space.x: a range of real numbers, of which sampler grid"),
        ({"n": {"type": "int", "min": 0, "max": 10**6}}, "space: the grid has more than 100,000"),
    ],
)
def test_a_grid_that_cannot_be_listed_is_refused(space, message):
    with pytest.raises(hpsearch.HpsearchError, match=message):
        hpsearch.Sampler(space, sampler="grid")
    with pytest.raises(hpsearch.HpsearchError, match="must be 'zoom', 'random' or 'grid', found"):
        hpsearch.Sampler(space, sampler="gird")


def test_what_cannot_be_meant_is_refused_in_one_line_each():
    sampler = hpsearch.Sampler(SPACE)
    trials = sampler.ask(2)
    with pytest.raises(hpsearch.HpsearchError, match="one a trial, found 1 for 2"):
        sampler.tell(trials, [1.0])
    with pytest.raises(hpsearch.HpsearchError, match="must be a number"):
        sampler.tell(trials, [1.0, "2"])
    sampler.tell(trials[0], 1.0)
    with pytest.raises(hpsearch.HpsearchError, match="trial 0: was told before"):
        sampler.tell(trials, [1.0, 2.0])
    assert len(sampler.trials) == 1
    other = hpsearch.Sampler(SPACE, seed=1).ask(1)
    with pytest.raises(hpsearch.HpsearchError, match="was not asked for"):
        sampler.tell(other, [1.0])
    with pytest.raises(hpsearch.HpsearchError, match="goal: must be"):
        hpsearch.Sampler(SPACE, goal="min")
    with pytest.raises(hpsearch.HpsearchError, match="count: must be at least 1"):
        sampler.ask(0)


def test_every_problem_of_a_space_is_told_at_once():
    with pytest.raises(hpsearch.ConfigError) as error:
        hpsearch.Sampler(
            {"x": {"min": 2, "max": 1}, "y": {"mni": 0}, "z": {"value": 1, "per": "q"}}
        )
    assert {problem.split(":")[0] for problem in error.value.problems} >= {
        "space.x.min", "space.y.mni", "space.z.per",
    }  # fmt: skip


def test_settings_from_elsewhere_may_hold_numpys_numbers_and_steps_made_by_arithmetic():
    space = {
        "n": {"type": "int", "min": 1, "max": 9},
        "x": {"min": 0, "max": 1},
        "s": {"min": 0, "max": 1, "step": 0.1},
        "flag": {"values": [True, False]},
        "units": {"type": "int", "min": 1, "max": 8, "per": "n"},
    }
    sampler = hpsearch.Sampler(space, trials=np.int64(20), seed=np.int32(3))
    same = hpsearch.Sampler(space, trials=20, seed=3)
    assert sampler.ask(np.int64(2)) == same.ask(2)
    given = {"n": np.int64(2), "x": np.float32(0.5), "s": np.float64(0.1) * 3,
             "flag": np.bool_(True), "units": np.array([3, 4])}  # fmt: skip
    (trial,) = sampler.add([given], [np.float64(1.0)])
    assert trial.params == {"n": 2, "x": 0.5, "s": 0.3, "flag": True, "units": [3, 4]}
    kinds = {name: type(value) for name, value in trial.params.items()}
    assert kinds == {"n": int, "x": float, "s": float, "flag": bool, "units": list}
    assert sampler.best == (trial, 1.0)


def test_a_small_space_is_asked_for_whole_before_a_setting_comes_again():
    sampler = hpsearch.Sampler(
        {"c": {"values": ["a", "b", "c"]}, "n": {"type": "int", "min": 1, "max": 2}}
    )
    asked = [trial.params for trial in sampler.ask(4) + sampler.ask(2)]
    assert len({(params["c"], params["n"]) for params in asked}) == 6
    assert len(sampler.ask(3)) == 3


def test_it_asks_for_nothing_that_violates_a_constraint_and_gives_derived_values():
    space = {**SPACE, "total": {"derive": "sum(units)"}}
    sampler = hpsearch.Sampler(space, trials=30, where=["total < 90", "rate < 0.1", "beta < 0.99"])
    for params in search(sampler, 10, 3):
        assert params["rate"] < 0.1
        assert params["total"] == sum(params["units"]) < 90
        assert params.get("beta", 0) < 0.99
    elsewhere = {"rate": 0.01, "layers": 1, "units": [10], "kind": "a"}
    (trial,) = sampler.add([elsewhere], [1.0])
    assert trial.params == {**elsewhere, "total": 10}
    with pytest.raises(hpsearch.HpsearchError, match="keep its constraints"):
        sampler.add([{**elsewhere, "rate": 0.5}], [1.0])


def test_a_constraint_that_cannot_be_meant_is_refused():
    with pytest.raises(hpsearch.HpsearchError, match=r"where\[0\]: 'rat' is .*mean 'rate'"):
        hpsearch.Sampler(SPACE, where=["rat < 0.1"])
    with pytest.raises(hpsearch.HpsearchError, match="where: must be left out"):
        hpsearch.Sampler(hpsearch.Sampler(SPACE).space, where=["rate < 0.1"])


def test_of_hundreds_of_trials_the_best_are_remembered_whenever_they_were_told(monkeypatch):
    monkeypatch.setattr("hpsearch.api.sampler.REMEMBERED", 16)
    sampler = told(60, list)
    new = sampler.ask(9)
    assert new == told(60, shuffled).ask(9)
    assert not {str(t.params) for t in new} & {str(t.params) for t, _ in sampler.trials}

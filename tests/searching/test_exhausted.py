"""A space with fewer settings than trials: each is tried once, and then the search says so."""

from collections import Counter

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.searching.planning import rounds_of, shortage, trials_of
from hpsearch.searching.refine import refine
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct
from hpsearch.space.settings import key, settings

SPACE = {
    "n": {"type": "int", "min": 1, "max": 4},
    "c": {"values": ["a", "b"]},
    "u": {"min": 0.1, "max": 0.3, "step": 0.1, "when": {"c": "a"}},
}  # 4 * (3 + 1) = 16 settings


def train(params, epochs):
    for epoch in range(epochs):
        yield params["n"] + params.get("u", 0.5) + 1 / (1 + epoch)


def configured(*overrides, space=SPACE, **search):
    tree = {
        "trainer": {"kind": "function", "function": "m:train", "epochs": 9},
        "metric": {"goal": "minimize"},
        "space": space,
        "search": {"trials": 40, **search},
        "parallel": {"backend": "serial"},
    }
    return from_mapping(tree, overrides=overrides)


def search(config, folder, refinement=None, name="run"):
    run = begin(config, None, folder, name, refinement)
    conduct(run, lambda event: None, config, function=train)
    return run


def tried(run):
    return Counter(key(result.params) for result in run.results)


@pytest.mark.parametrize("sampler", ["zoom", "random"])
@pytest.mark.parametrize("rounds", ["auto", 5])
def test_every_setting_is_tried_exactly_once(tmp_path, sampler, rounds):
    config = configured(sampler=sampler, rounds=rounds)
    run = search(config, tmp_path)
    every = Counter(key(params) for params in settings(config.space))
    assert tried(run) == every
    assert len(every) == 16


def test_settings_by_hand_are_not_drawn_again(tmp_path):
    start = [{"n": 2, "c": "b"}, {"n": 3, "c": "a", "u": 0.1 * 3}]
    run = search(configured(start=start), tmp_path)
    assert run.results[1].params == {"n": 3, "c": "a", "u": 0.3}
    assert set(tried(run).values()) == {1}
    assert len(run.results) == 16


def test_fewer_trials_than_settings_are_all_different_too(tmp_path):
    for seed in range(5):
        run = search(configured(f"seed={seed}", trials=12), tmp_path, name=f"run{seed}")
        assert len(tried(run)) == len(run.results) == 12


def test_a_crossed_draw_has_every_value_and_none_comes_again(tmp_path):
    space = {"n": {"type": "int", "min": 1, "max": 3}, "c": {"values": ["a", "b"], "cross": True}}
    config = configured(space=space)
    run = search(config, tmp_path)
    assert tried(run) == Counter(key(params) for params in settings(config.space))
    assert [r.params["n"] for r in run.results[::2]] == [r.params["n"] for r in run.results[1::2]]


def test_repeats_still_repeat_and_confirmation_has_no_rival_of_the_same_setting(tmp_path):
    config = configured(
        repeats=2, trials=40, halving=False, confirm={"top": 3, "seeds": 2, "share": 1}
    )
    run = search(config, tmp_path)
    confirmed = {piece.number for piece in run.pieces if piece.repeat >= 2}
    settings_of = {result.number: key(result.params) for result in run.results}
    assert len(confirmed) == len({settings_of[number] for number in confirmed}) == 3
    assert {piece.repeat for piece in run.pieces} == {0, 1, 2, 3}


def test_a_longer_search_goes_on_to_the_last_setting_and_no_further(tmp_path):
    run = search(configured(trials=10), tmp_path)
    conduct(run, lambda event: None, reopen(run, trials=30), function=train)
    assert len(tried(run)) == len(run.results) == 16
    with pytest.raises(RunError, match=r"--trials 50 adds none: every setting of the space has"):
        reopen(run, trials=50)


def test_a_refined_search_tries_what_its_parent_has_not(tmp_path):
    config = configured(trials=10)
    parent = search(config, tmp_path, name="parent")
    narrowed = refine(parent, config, config, None, top=10)
    child = search(narrowed.config, tmp_path, narrowed, "child")
    assert not tried(child).keys() & tried(parent).keys()
    inside = [r.params for r in parent.results if narrowed.config.space.contains(r.params)]
    held = len(list(settings(narrowed.config.space)))
    assert len(child.results) == min(10, held - len(inside))


def test_where_the_region_has_been_tried_whole_there_is_nothing_to_refine(tmp_path):
    config = configured()
    parent = search(config, tmp_path)
    with pytest.raises(RunError, match=r"run: refine finds nothing new: every setting around"):
        refine(parent, config, config, None)


@pytest.mark.parametrize(
    ("space", "trials", "planned"),
    [
        ({"x": {"value": 1}}, 5, 1),
        ({"x": {"values": [1, 2, 3]}}, 3, 3),
        ({"x": {"min": 0, "max": 1}}, 5, 5),
        ({"x": {"type": "int", "min": 0, "max": 2**53}}, 1000, 1000),
        (SPACE, 17, 16),
    ],
)
def test_the_plan_has_as_many_trials_as_there_are_settings_at_most(space, trials, planned):
    config = configured(space=space, trials=trials)
    assert trials_of(config) == planned
    assert sum(round.trials for round in rounds_of(config)) == planned
    assert (shortage(config) is None) == (planned == trials)


def test_a_budget_of_epochs_is_no_want_of_settings():
    line = {"n": {"type": "int", "min": 1, "max": 40}}
    assert shortage(configured(space=line, max_epochs=60)) is None
    said = shortage(configured(space=line, trials=100, max_epochs=60))
    assert said.startswith("space: holds 40 settings, so at most 40 of the 100 trials train;")

"""Constraints and derived values through whole searches, their refinements and babysat models."""

from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.config.yaml_text import read as read_yaml
from hpsearch.errors import ConfigError, RunError
from hpsearch.searching.babysit.nudge import changes, middle, problems_of, settings_with
from hpsearch.searching.history import check_params
from hpsearch.searching.refine import _narrowed, refine, start_from
from hpsearch.space import Continuous, Derived, Expression, Parameter, Space
from hpsearch.space.feasible import feasibility
from hpsearch.store import RunDirectory
from hpsearch.store.files import as_yaml

WHERE = (
    "where=['learning_rate * hidden_layers < 0.2', 'momentum < 0.95', 'hidden_units[0] >= 12']",
    "space.batch_size={derive: '32 + 32 * hidden_layers'}",
    "search.trials=10",
)


def sound(params):
    return (
        params["learning_rate"] * params["hidden_layers"] < 0.2
        and params.get("momentum", 0) < 0.95
        and (not params["hidden_units"] or params["hidden_units"][0] >= 12)
        and params["batch_size"] == 32 + 32 * params["hidden_layers"]
    )


@pytest.fixture(scope="module")
def serial(digits, searched):
    return searched(digits(*WHERE), "constrained")


def test_every_trial_keeps_the_constraints_and_has_its_derived_values(serial):
    assert len(serial.results) == 10
    assert all(sound(result.params) for result in serial.results)
    best = (serial.best / "params.yaml").read_text()
    assert "batch_size:" in best


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_trials_are_the_same_with_any_number_of_jobs(serial, digits, searched, fates, jobs):
    run = searched(digits(*WHERE, "parallel.backend=local", jobs=jobs))
    assert fates(run) == fates(serial)


def test_a_constraint_that_always_holds_changes_no_trial(parent, digits, searched, fates):
    run = searched(digits("where=['learning_rate < 2', 'hidden_units[0] > 0']"))
    assert fates(run) == fates(parent)


@pytest.mark.slow
def test_after_an_interrupt_at_any_answer_the_trials_are_the_same(
    spec, new_run, go, fates, anyhow
):
    space = replace(
        spec().space,
        where=(Expression("x < 0.85"), Expression("y > x")),
        derived=(Derived("z", Expression("x * y")),),
    )
    plan, whole = spec(space=space), new_run()
    go(whole, plan)
    for answers in (2, 7):
        run = new_run()
        for attempt in range(40):
            try:
                go(run, plan, anyhow(seed=attempt, answers=answers))
                break
            except KeyboardInterrupt:
                continue
        assert fates(run) == fates(whole)
    for line in fates(whole):
        params = line["params"]
        assert params["x"] < 0.85
        assert ("z" in params) == ("y" in params)
        assert params.get("z", 0) == params.get("x") * params.get("y", 0)


@pytest.mark.slow
def test_a_refined_search_and_its_yaml_keep_the_constraints(serial, digits, dataset, searched):
    before = digits(*WHERE)
    found = refine(serial, before, before, dataset.fingerprint)
    assert WHERE[0].count(found.config.where[0]) == 1
    assert set(found.config.where) <= set(before.where)  # without those of what is gone
    assert found.config.space.derived == before.space.derived
    assert feasibility(found.config.space).enough
    written = read_yaml(as_yaml(found.config.as_dict()).encode(), "x")[0]
    assert from_mapping(written).space == found.config.space
    run = searched(found.config, refinement=found)
    assert run.results
    assert all(sound(result.params) for result in run.results)
    assert {line.number for line in run.history} == {past.result.number for past in found.history}


def test_a_constraint_that_comes_with_the_refinement_leaves_out_the_best_that_violate_it(
    parent, digits, dataset
):
    best = parent.winner(parent.info).number
    params = next(result.params for result in parent.results if result.number == best)
    text = f"where=['learning_rate != {params['learning_rate']!r}']"
    found = refine(parent, digits(), digits(text), dataset.fingerprint)
    assert best not in {past.result.number for past in found.history}
    assert feasibility(found.config.space).enough


@pytest.mark.slow
def test_a_region_with_hardly_a_draw_that_keeps_the_constraints_is_set_by_fewer_of_the_best(
    monkeypatch,
):
    monkeypatch.setattr("hpsearch.space.feasible.MANY", 1_500)
    names = ("x", "y", "z")
    space = Space(
        tuple(Parameter(name, Continuous(0, 1)) for name in names),
        where=(Expression("z < 0.5 or abs(x - y) < 0.001"),),
    )
    best = [{"x": at, "y": at, "z": 0.6 + at / 4} for at in (0.1, 0.9, 0.4, 0.6)]
    region = _narrowed(space, best)
    assert feasibility(region).enough
    assert region.contains(best[0])
    assert not region.contains(best[1])
    apart = replace(space, where=(Expression("z < 0.5 or x == y"),))
    assert _narrowed(apart, best) is apart  # even alone the best would leave no draw


@pytest.mark.slow
def test_a_start_from_a_run_takes_the_settings_that_keep_the_constraints(serial, digits):
    again = start_from(digits(*WHERE, "search.start=constrained"), serial)
    assert all(sound(params) for params in again.search.start)
    with pytest.raises(RunError, match="none of its best settings lies in the space"):
        start_from(digits("where=['learning_rate > 0.9']", "search.start=constrained"), serial)


def test_a_stranger_cannot_say_what_a_derived_value_is(serial, digits, tmp_path):
    results = [replace(serial.results[0], params={**serial.results[0].params, "batch_size": 1})]
    with pytest.raises(RunError, match="trial 0: holds other derived values than its parameters"):
        check_params(results, digits(*WHERE).space, RunDirectory(tmp_path).inside / "x")


BABYSAT = (
    "space={batch_size: {values: [32, 64, 256]}, dropout: {min: 0, max: 0.6},"
    " learning_rate: {derive: batch_size / 1000}}",
    "where=['batch_size * dropout < 100']",
)


def test_what_is_derived_follows_each_change_of_a_babysat_model(digits):
    config = digits(*BABYSAT)
    params = middle(config, {"batch_size": 32})
    assert settings_with(config, params)["learning_rate"] == 0.032
    changed = changes(config, params, {"batch_size": 256}, epoch=1)
    assert changed == {"batch_size": 256}
    assert settings_with(config, {**params, **changed})["learning_rate"] == 0.256
    with pytest.raises(ConfigError, match="learning_rate: is derived; change what it is comp"):
        changes(config, params, {"learning_rate": 0.1}, epoch=1)


def test_a_babysat_model_keeps_the_constraints(digits):
    config = digits(*BABYSAT)
    params = middle(config, {"batch_size": 256})
    assert problems_of(config, {"batch_size": 256}, params) == []
    with pytest.raises(ConfigError, match=r"where: the setting does not keep 'batch_size \* drop"):
        changes(config, params, {"dropout": 0.5}, epoch=1)
    given = {"batch_size": 256, "dropout": 0.5}
    assert problems_of(config, given, middle(config, given))[0].startswith("where: the setting")


def test_what_is_derived_and_cannot_change_while_a_model_trains_is_refused(digits):
    config = digits(
        "space={dropout: {min: 0, max: 0.6}, hidden_layers: {derive: round(1 + dropout)}}"
    )
    with pytest.raises(ConfigError, match="hidden_layers: is derived and would change to 2"):
        changes(config, middle(config), {"dropout": 0.55}, epoch=1)

"""Steps on every scale and normal laws, through whole searches, refinements and pages."""

import json

import numpy as np
import pytest

from hpsearch.config import from_mapping, from_run
from hpsearch.report.html.page import page
from hpsearch.report.summary import summarise
from hpsearch.searching.refine import refine
from hpsearch.space import Continuous, Discrete, Normal
from hpsearch.space.bounds import narrow, widen

SPACE = (
    "space.learning_rate={normal: {mean: 0.02, deviation: 0.5}, scale: log, max: 0.5}",
    "space.optimizer={value: momentum}",
    "space.momentum={scale: 1-10^r, min: 0.5, max: 0.995, step: 0.005}",
    "space.batch_size={scale: log, min: 16, max: 128, step: 8}",
    "space.hidden_units={normal: {mean: 16, deviation: 0.2}, scale: log, per: hidden_layers}",
    "space.dropout={normal: {mean: 0.2, deviation: 0.1}, min: 0, max: 0.5, step: 0.05}",
    "space.l2={scale: log, min: 0.001, max: 0.1, step: 0.0005}",
    "search.trials=10",
)


@pytest.fixture(scope="module")
def run(digits, searched):
    return searched(digits(*SPACE), "laws")


def inside(config, params):
    return config.space.contains(params) and all(
        round(params[name] / step, 9).is_integer()
        for name, step in (("momentum", 0.005), ("dropout", 0.05), ("l2", 0.0005))
    )


def test_every_trial_is_on_its_grid_and_within_its_bounds(run, digits):
    assert len(run.results) == 10
    assert all(inside(digits(*SPACE), result.params) for result in run.results)


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_trials_are_the_same_with_any_number_of_jobs(run, digits, searched, fates, jobs):
    again = searched(digits(*SPACE, "parallel.backend=local", jobs=jobs))
    assert fates(again) == fates(run)


def test_the_page_shows_each_parameter_on_its_scale(run):
    shown = page(summarise(run))
    for name in ("learning_rate", "momentum", "batch_size", "dropout", "l2", "hidden_units"):
        assert f"<figcaption>{name}" in shown


def test_a_refined_space_has_the_same_laws_and_grids_in_closer_bounds(
    run, digits, dataset, tmp_path
):
    config = digits(*SPACE)
    refined = refine(run, config, config, dataset.fingerprint).config
    for parameter in refined.space:
        old, new = config.space[parameter.name].domain, parameter.domain
        if isinstance(new, Continuous | Discrete):
            assert (new.normal, new.scale) == (old.normal, old.scale)
            assert old.low <= new.low < new.high <= old.high
            assert isinstance(new, Continuous) or new.step == old.step
    stored = json.loads(json.dumps(refined.as_dict()))
    assert from_mapping(stored).space == refined.space
    assert from_run(stored, tmp_path).space == refined.space


SCALED = [
    {"min": 1, "max": 7, "step": 0.5},
    {"min": 1, "max": 70, "step": 3, "type": "int"},
    {"scale": "log", "min": 0.001, "max": 1, "step": 0.001},
    {"scale": "log", "min": 8, "max": 4096, "step": 8},
    {"scale": "10^r", "type": "int", "min": 1, "max": 100},
    {"scale": "1-10^r", "min": 0.9, "max": 0.999, "step": 0.001},
    {"scale": "1-10^r", "min": 0, "max": 0.99999, "step": 0.00001},
    {"scale": "1-10^r", "min": -5, "max": 0.5, "step": 0.5},
]


def laws(keys):
    """The keys, and the same under a normal law around a value of theirs."""
    yield keys
    middle = keys["min"] + round((keys["max"] - keys["min"]) / keys.get("step", 1) / 3) * keys.get(
        "step", 1
    )
    yield {**keys, "normal": {"mean": middle, "deviation": 1}}


@pytest.mark.parametrize("keys", [law for keys in SCALED for law in laws(keys)])
def test_a_step_on_any_scale_is_drawn_narrowed_and_widened_on_its_grid(keys):
    space = from_mapping(
        {
            "trainer": {"kind": "command", "command": "echo {x}"},
            "metric": {"name": "loss"},
            "space": {"x": keys},
        }
    ).space
    domain = space["x"].domain
    draws = domain.each(np.random.default_rng(0).random(500))
    assert len(set(draws)) > 2
    assert all(domain.contains(value) and domain.standard(value) == value for value in draws)
    assert [domain.at(domain.fraction(value)) for value in draws] == draws
    assert (domain.at(0.0), domain.at(1.0)) == (domain.value(0), domain.value(domain.count - 1))
    closer = narrow(space, [{"x": value} for value in draws[:3]])["x"].domain
    assert all(closer.contains(value) for value in draws[:3])
    assert all(domain.contains(value) for value in closer.each(np.linspace(0, 1, 50)))
    for side in ("min", "max"):
        wider = widen(domain, side)
        assert all(wider.contains(value) for value in draws)


def test_without_bounds_a_law_ends_four_deviations_from_its_mean():
    space = from_mapping(
        {
            "trainer": {"kind": "command", "command": "echo {a} {b} {c} {d} {e}"},
            "metric": {"name": "loss"},
            "space": {
                "a": {"normal": {"mean": 0, "deviation": 1}},
                "b": {"normal": {"mean": 0.01, "deviation": 0.5}, "scale": "log"},
                "c": {"normal": {"mean": 0.5, "deviation": 0.1}, "step": 0.15},
                "d": {"normal": {"mean": 64, "deviation": 0.3}, "scale": "log", "type": "int"},
                "e": {"normal": {"mean": 0.99, "deviation": 0.5}, "scale": "1-10^r", "min": 0},
            },
        }
    ).space
    domains = {parameter.name: parameter.domain for parameter in space}
    assert domains["a"].as_config() == {
        "normal": {"mean": 0, "deviation": 1}, "scale": "linear", "min": -4, "max": 4,
    }  # fmt: skip
    assert (domains["b"].low, domains["b"].high) == (1e-4, 1)
    assert [domains["c"].value(i) for i in range(domains["c"].count)] == [
        0.2, 0.35, 0.5, 0.65, 0.8,
    ]  # fmt: skip
    assert (domains["d"].low, domains["d"].high) == (5, 1014)
    assert (domains["e"].low, domains["e"].high) == (0, 0.9999)
    assert domains["e"].normal == Normal(0.99, 0.5)

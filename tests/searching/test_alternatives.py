"""One parameter with other ranges under other conditions, through whole searches and after."""

from dataclasses import replace

import numpy as np
import pytest

from hpsearch.config import from_mapping
from hpsearch.config.yaml_text import read as read_yaml
from hpsearch.errors import ConfigError
from hpsearch.report.advice import _pressing
from hpsearch.sampling.pressure import pressures
from hpsearch.sampling.propose import propose
from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.sensitivity import places
from hpsearch.sampling.surrogate import features
from hpsearch.sampling.zoom import Elites, draw
from hpsearch.searching.babysit.nudge import middle
from hpsearch.searching.refine import _widened, refine
from hpsearch.space import LOG, Choice, Continuous, Discrete, Parameter, Space, one_of
from hpsearch.space.alternatives import narrower
from hpsearch.space.bounds import narrow
from hpsearch.store.files import as_yaml

RATES = (
    "space.learning_rate=[{scale: log, min: 0.01, max: 1, when: {optimizer: momentum}},"
    " {scale: log, min: 0.0001, max: 0.01, guess: 0.001, when: {optimizer: adam}}]",
    "space.hidden_units=[{type: int, min: 8, max: 12, per: hidden_layers, when: {optimizer:"
    " momentum}}, {type: int, min: 16, max: 24, per: hidden_layers, when: {optimizer: adam}}]",
    "search.trials=12",
)


def sound(params):
    momentum = params["optimizer"] == "momentum"
    low, high = (0.01, 1) if momentum else (0.0001, 0.01)
    least, most = (8, 12) if momentum else (16, 24)
    units = params["hidden_units"]
    return (
        low <= params["learning_rate"] <= high
        and len(units) == params["hidden_layers"]
        and all(least <= each <= most for each in units)
    )


@pytest.fixture(scope="module")
def serial(digits, searched):
    return searched(digits(*RATES), "alternatives")


def test_every_trial_has_values_of_the_alternative_that_counts(serial):
    assert len(serial.results) == 12
    assert all(sound(result.params) for result in serial.results)
    assert {result.params["optimizer"] for result in serial.results} == {"momentum", "adam"}


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_trials_are_the_same_with_any_number_of_jobs(serial, digits, searched, fates, jobs):
    run = searched(digits(*RATES, "parallel.backend=local", jobs=jobs))
    assert fates(run) == fates(serial)


X = one_of(
    [
        Parameter("x", Continuous(0.2, 0.5), when={"kind": ("good",)}),
        Parameter("x", Continuous(0.4, 0.8), when={"kind": ("fine",)}),
    ]
)
SPACE = Space((X, Parameter("kind", Choice(("good", "fine")))))


def test_after_an_interrupt_at_any_answer_the_trials_are_the_same(
    spec, new_run, go, fates, anyhow
):
    plan, whole = spec(space=SPACE), new_run()
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
    assert all(SPACE.contains(line["params"]) for line in fates(whole))


def test_a_refined_search_narrows_each_alternative_and_is_written_as_a_list(
    serial, digits, dataset, searched
):
    before = digits(*RATES)
    found = refine(serial, before, before, dataset.fingerprint, top=12)
    narrowed = found.config.space
    for parameter in before.space:
        for branch in parameter.alternatives:
            now = narrower(branch, before.space, narrowed)
            assert now is not None
            assert parameter.per or now.domain != branch.domain
            assert branch.domain.contains(now.domain.at(0.0))
            assert branch.domain.contains(now.domain.at(1.0))
    written = read_yaml(as_yaml(found.config.as_dict()).encode(), "x")[0]
    assert from_mapping(written).space == narrowed
    run = searched(found.config, refinement=found)
    assert all(sound(result.params) and narrowed.contains(result.params) for result in run.results)
    assert {line.number for line in run.history} == {past.result.number for past in found.history}


def test_new_settings_lie_around_the_best_of_each_alternative():
    def value(params):
        return abs(params["x"] - (0.3 if params["kind"] == "good" else 0.7))

    rng = np.random.default_rng(0)
    drawn = SPACE.all_params(rng.random((40, SPACE.dimensions)))
    history = [
        Observation(number, params, ((value(params), 0.0),)) for number, params in enumerate(drawn)
    ]
    for screened in (True, False):  # screening may prefer to explore
        new = [
            params
            for seed in range(4)
            for params in propose(
                SPACE, 10, seed, first=40, progress=0.8, history=history, screened=screened
            )
        ]
        assert all(map(SPACE.contains, new))
    assert np.mean([value(params) for params in new]) < np.mean([value(p) for p in drawn]) / 2


def test_a_new_setting_leaves_the_elites_as_often_however_many_alternatives_there_are():
    names = tuple(f"kind{i}" for i in range(40))
    many = one_of([Parameter("x", Continuous(0, 1), when={"kind": (name,)}) for name in names])
    space = Space((many, Parameter("kind", Choice(names))))
    around = Elites(space.points([{"kind": "kind3", "x": 0.5}]), np.ones(1))
    drawn = draw(space, around, 1000, 1.0, np.random.default_rng(0))
    left = [params["kind"] != "kind3" for params in space.all_params(drawn)]
    assert 0.3 < np.mean(left) < 0.4  # REDRAWS of two coordinates


def test_the_surrogate_sees_nothing_of_the_alternatives_that_do_not_count():
    seen = features(
        SPACE, SPACE.points([{"x": 0.45, "kind": "good"}, {"x": 0.45, "kind": "fine"}])
    )
    assert seen[0, 1] == seen[1, 0] == 0.5
    assert seen[0, 0] > 0.8
    assert seen[1, 1] < 0.2


def test_a_guess_of_one_alternative_is_leaned_to_where_it_counts():
    first, second = X.alternatives
    space = Space((one_of([replace(first, guess=(0.21,)), second]), SPACE["kind"]))
    drawn = propose(space, 40, seed=0, first=0)
    close = [p["x"] < 0.27 for p in drawn if p["kind"] == "good"]
    assert np.mean(close) > 0.4
    assert all(map(space.contains, drawn))


def test_a_grid_has_each_setting_of_each_alternative_once():
    hop = one_of(
        [
            Parameter("hop", Discrete(1, 3), when={"n": (1,)}),
            Parameter("hop", Discrete(2, 6, 2), when={"n": (2,)}),
        ]
    )
    space = Space((hop, Parameter("n", Choice((1, 2, 3)))))
    found = propose(space, 7, seed=0, first=0, sampler="grid")
    assert sorted((p["n"], p.get("hop", 0)) for p in found) == [
        (1, 1), (1, 2), (1, 3), (2, 2), (2, 4), (2, 6), (3, 0),
    ]  # fmt: skip


def test_a_bound_is_pressed_against_by_the_best_in_which_its_alternative_counts(tmp_path):
    best = [{"kind": "fine", "x": x} for x in (0.79, 0.8, 0.795)]
    (found,) = pressures(SPACE, [*best, {"kind": "good", "x": 0.3}], {})
    assert (found.parameter, found.side, found.bound, found.alternative) == ("x", "max", 0.8, 1)
    assert "x's max of 0.8 (where kind=fine); larger" in _pressing(tmp_path, found, SPACE)
    wider = _widened(SPACE, SPACE, found, {})
    assert wider["x"].alternatives[0] == X.alternatives[0]
    assert wider["x"].alternatives[1].domain == Continuous(0.4, 1.0)
    assert wider["x"].domain == Continuous(0.2, 1.0)


def test_draws_of_a_narrower_space_lie_where_their_settings_do():
    space = Space(
        (
            one_of(
                [
                    Parameter("x", Continuous(1e-3, 1, LOG), when={"kind": ("good",)}),
                    Parameter("x", Continuous(1e-5, 1e-1, LOG), when={"kind": ("fine", "bad")}),
                    Parameter("x", Discrete(1, 9, 1, integer=False), when={"kind": ("odd",)}),
                ]
            ),
            Parameter("kind", Choice(("good", "fine", "bad", "odd"))),
        )
    )
    elites = [{"x": 0.1, "kind": "good"}, {"x": 1e-4, "kind": "bad"}, {"x": 2e-3, "kind": "bad"}]
    within = narrow(space, elites)
    draws = np.random.default_rng(0).random((50, space.dimensions))
    for place in places(space, within, draws):
        assert within.contains(within.standard(space.params(place)))


def test_a_babysat_model_begins_in_the_middle_of_the_alternative_that_counts(digits):
    config = digits(*RATES)
    assert middle(config, {"optimizer": "adam"})["learning_rate"] == pytest.approx(0.001)
    assert middle(config, {"optimizer": "momentum"})["learning_rate"] == pytest.approx(0.1)


def test_alternatives_that_hold_at_once_are_refused_before_anything_runs(digits):
    with pytest.raises(ConfigError, match=r"space.learning_rate\[1\].when: holds at once with"):
        digits(RATES[0].replace("adam", "momentum"))

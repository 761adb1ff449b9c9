"""Screening: what is expected of candidates, and which of them are picked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.sampling import screening as module
from hpsearch.sampling.pareto import hypervolume
from hpsearch.sampling.plan import FEWEST
from hpsearch.sampling.ranking import UNKNOWN, Observation, rank
from hpsearch.sampling.screening import (
    MARGIN,
    STOPPED,
    Care,
    cells,
    doubts,
    expected_improvement,
    growth,
    screen,
    screen_front,
)
from hpsearch.sampling.surrogate import (
    NOISE,
    Surrogate,
    features,
    fit,
    matern,
    normal_scores,
)
from hpsearch.space import Choice, Continuous, Discrete, Parameter, Space

seeds = st.integers(0, 2**32 - 1)
gains = st.floats(-4, 4)
deviations = st.floats(0.05, 3)
each_care = pytest.mark.parametrize(
    "care", [Care(), Care(climbs=False), Care(quick=False, climbs=False)]
)
LINE = Space((Parameter("x", Continuous(0, 1)),))
CONDITIONAL = Space(
    (
        Parameter("kind", Choice(("a", "b"))),
        Parameter("y", Continuous(0, 1), when={"kind": ("b",)}),
        Parameter("z", Choice((1, 2)), when={"kind": ("b",)}),
        Parameter("layers", Discrete(1, 3)),
        Parameter("units", Continuous(0, 1), per="layers"),
    )
)


@given(gains, deviations)
@settings(max_examples=30)
def test_the_expected_improvement_is_that_of_the_integral(gain, deviation):
    z = np.linspace(-12, 12, 200_001)
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    integral = (np.maximum(0, gain + deviation * z) * density).sum() * (z[1] - z[0])
    [found] = expected_improvement(np.array([gain]), np.array([deviation**2]))
    assert found == pytest.approx(integral, abs=1e-6)


@given(gains, deviations)
def test_more_gain_or_more_doubt_promises_more(gain, deviation):
    gain, variance = np.array([gain, gain + 0.1, gain]), np.array([1.0, 1.0, 1.21])
    base, better, wilder = expected_improvement(gain, deviation**2 * variance)
    assert base <= better + 1e-12
    assert base <= wilder + 1e-12
    assert base >= max(0, gain[0]) - 1e-12


def test_the_least_hopeless_of_hopeless_candidates_is_told_apart():
    gain = np.linspace(-4, -3, 50)
    found = expected_improvement(gain, np.full(50, 0.48**2))
    assert found[0] > 0
    assert (np.diff(found) > 0).all()


def test_where_there_is_no_doubt_the_improvement_is_the_gain():
    found = expected_improvement(np.array([0.5, -0.5]), np.zeros(2))
    assert found == pytest.approx([0.5, 0])


def valley(xs, start=0):
    """Trials in which x = 0.3 is the best place."""
    return [Observation(start + i, {"x": x}, ((abs(x - 0.3), 0.0),)) for i, x in enumerate(xs)]


def refitted(surrogate, points, scores):
    """The same surrogate with more points, its lengths as they are."""
    inputs = np.vstack([surrogate.inputs, points])
    covariance = matern(inputs, inputs, surrogate.lengths) + NOISE * np.eye(len(inputs))
    scores = np.concatenate([surrogate.scores, scores])
    return Surrogate(
        inputs, scores, surrogate.lengths, np.linalg.inv(np.linalg.cholesky(covariance))
    )


@given(seeds)
@settings(max_examples=15)
def test_a_choice_entered_at_its_mean_is_as_if_refitted_with_it(seed):
    """The believer, done the slow way: a whole new factorisation after every choice."""
    history = rank(valley(np.random.default_rng(seed).random(12).tolist()))
    candidates = np.random.default_rng(seed + 1).random((40, 1))
    scores = normal_scores(np.arange(12), 12)
    surrogate = fit(features(LINE, LINE.points([trial.params for trial in history])), scores)
    goal, expected = surrogate.scores.min() - MARGIN, []
    for _ in range(6):
        mean, V = surrogate.predict(candidates)
        gain = expected_improvement(goal - mean, 1 - (V * V).sum(0))
        gain[expected] = -1
        expected.append(int(gain.argmax()))
        index = expected[-1:]
        surrogate = refitted(surrogate, candidates[index], mean[index])
    found = screen(LINE, history, candidates, 6, np.random.default_rng(seed))
    assert found == expected


@given(seeds)
@settings(max_examples=15)
def test_each_choice_is_another_candidate(space, history, seed):
    rng = np.random.default_rng(seed)
    candidates = rng.random((30, space.dimensions))
    found = screen(space, rank(history), candidates, 30, rng)
    assert sorted(found) == list(range(30))


def test_the_best_and_some_of_the_others_are_all_it_looks_at(monkeypatch):
    fitted = []

    def watched(inputs, scores, noise, doubts):
        fitted.append((inputs[:, 0], scores))
        return fit(inputs, scores, noise, doubts=doubts)

    monkeypatch.setattr(module, "fit", watched)
    history = rank(valley(np.linspace(0, 1, 500).tolist()))
    screen(LINE, history, np.random.default_rng(0).random((9, 1)), 3, np.random.default_rng(0))
    [(inputs, scores)] = fitted
    assert len(inputs) == 64
    assert inputs[:32] == pytest.approx([trial.params["x"] for trial in history[:32]])
    assert len(set(inputs.tolist())) == 64
    assert (np.diff(scores) > 0).all()
    assert scores[0] == pytest.approx(normal_scores(np.arange(1), 500)[0])


def test_screening_is_a_pure_function(space, history):
    candidates = np.random.default_rng(0).random((50, space.dimensions))
    before, ranked = candidates.copy(), rank(history)
    told = repr(ranked)
    found = [screen(space, ranked, candidates, 9, np.random.default_rng(7)) for _ in range(2)]
    assert found[0] == found[1]
    assert (candidates == before).all()
    assert repr(ranked) == told


def test_trials_that_were_lost_are_what_screening_keeps_away_from():
    good = valley(np.linspace(0.05, 0.45, 8).tolist())
    lost = [
        Observation(100 + i, {"x": x}, ((float("inf"), float("inf")),))
        for i, x in enumerate(np.linspace(0.55, 1, 8).tolist())
    ]
    candidates = np.linspace(0, 1, 101)[:, None]
    found = screen(LINE, rank([*good, *lost]), candidates, 5, np.random.default_rng(0))
    assert (candidates[found, 0] < 0.5).all()


def early_and_full(full):
    """Trials in which small x looks bad early and is good in the end; so many trained in full."""
    early = [
        Observation(i, {"x": x}, ((-x, 0.0),))
        for i, x in enumerate(np.linspace(0, 1, 30).tolist())
    ]
    ends = [
        Observation(100 + i, {"x": x}, ((-x, 0.0), (x, 0.0)))
        for i, x in enumerate(np.linspace(0.4, 1, full).tolist())
    ]
    return [*early, *ends]


def test_what_stopped_early_is_doubted_once_enough_is_known_of_what_did_not():
    lost = Observation(200, {"x": 0.5}, ((0.1, 0.0), UNKNOWN))
    few, many = (rank([*early_and_full(full), lost]) for full in (FEWEST - 1, FEWEST))
    assert not doubts(few).any()
    assert [trial.number for trial in many if len(trial.costs) == 1] == [
        trial.number for trial, doubt in zip(many, doubts(many), strict=True) if doubt
    ]
    assert doubts(many)[-1] == 0  # that it was lost is certain
    assert set(doubts(many)) == {0.0, STOPPED}
    assert doubts([]).size == 0


def test_where_the_first_rung_misleads_full_trainings_are_followed(monkeypatch):
    ranked = rank(early_and_full(8))
    candidates = np.linspace(0, 1, 201)[:, None]

    def picked(care):
        found = screen(LINE, ranked, candidates, 5, np.random.default_rng(0), care=care)
        return candidates[found, 0].mean()

    followed, drawn = picked(Care()), picked(Care(climbs=False))
    monkeypatch.setattr(module, "STOPPED", 0.0)
    assert followed < picked(Care()) - 0.3
    assert picked(Care(climbs=False)) == drawn  # runs of rules 4 doubt nothing


def test_a_pending_setting_takes_its_own_place_and_no_other():
    space = Space((Parameter("x", Continuous(0, 1)),))
    ranked = [
        Observation(i, {"x": x}, ((abs(x - 0.3), 0.0),))
        for i, x in enumerate(sorted(np.linspace(0, 1, 11), key=lambda x: abs(x - 0.3)))
    ]
    candidates = np.linspace(0.01, 0.99, 50)[:, None]

    def pick(*pending):
        return screen(space, ranked, candidates, 1, np.random.default_rng(0), pending)[0]

    first = pick()
    assert pick({"x": 1.0}) == first
    assert pick({"x": float(candidates[first, 0])}) != first


@each_care
@pytest.mark.parametrize("seed", range(5))
def test_what_was_picked_and_waits_is_followed_by_what_would_have_been_picked_next(seed, care):
    rng = np.random.default_rng(seed)
    drawn = CONDITIONAL.all_params(rng.random((40, CONDITIONAL.dimensions)))
    ranked = [Observation(i, params, ((float(i), 0.0),)) for i, params in enumerate(drawn)]
    candidates = rng.random((100, CONDITIONAL.dimensions))

    def picked(count, waiting):
        pending = CONDITIONAL.all_params(candidates[waiting])
        left = np.setdiff1d(np.arange(100), waiting)
        rng = np.random.default_rng(1)
        return left[screen(CONDITIONAL, ranked, candidates[left], count, rng, pending, care)]

    eight = picked(8, []).tolist()
    assert len({*eight}) == 8
    assert picked(5, eight[:3]).tolist() == eight[3:]


@given(seeds, st.integers(2, 3))
def test_the_growth_that_is_expected_of_a_sure_candidate_is_that_of_the_hypervolume(seed, size):
    rng = np.random.default_rng(seed)
    front, means = rng.random((6, size)), rng.random((9, size)) * 1.4 - 0.2
    reference = np.full(size, 1.1)
    found = growth(means, np.zeros_like(means), *cells(front, reference))
    end = reference.tolist()
    before = hypervolume(front.tolist(), end)
    expected = [hypervolume([*front.tolist(), m], end) - before for m in means.tolist()]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_growth_that_is_expected_of_a_candidate_is_the_mean_of_what_it_may_bring():
    rng = np.random.default_rng(0)
    front, reference = np.array([[0.1, 0.8], [0.4, 0.5], [0.9, 0.0]]), np.array([1.0, 1.0])
    mean, deviation = np.array([[0.45, 0.4]]), np.array([[0.2, 0.3]])
    [found] = growth(mean, deviation**2, *cells(front, reference))
    end = reference.tolist()
    before = hypervolume(front.tolist(), end)
    draws = mean + deviation * rng.standard_normal((20_000, 2))
    gains = [hypervolume([*front.tolist(), d], end) - before for d in draws.tolist()]
    assert found == pytest.approx(np.mean(gains), abs=5 * np.std(gains) / 20_000**0.5)


def test_many_objectives_are_cut_into_no_more_cells_than_there_may_be():
    front = np.random.default_rng(0).random((100, 5))
    ends, free = cells(front, np.ones(5))
    assert free.size <= module.CELLS
    assert all((np.diff(each) > 0).all() for each in ends)


def two(xs):
    """Trials of which x = 0.2 is the best place by one objective, and x = 0.6 by the other."""
    return [
        Observation(i, {"x": x}, ((0.0, abs(x - 0.2), abs(x - 0.6), 0.0),))
        for i, x in enumerate(xs)
    ]


@each_care
def test_candidates_of_a_front_lie_between_the_best_places_of_its_objectives(care):
    ranked = rank(two(np.linspace(0, 1, 11).tolist()))
    candidates = np.linspace(0, 1, 101)[:, None]

    def picked(pending=()):
        rng = np.random.default_rng(0)
        return screen_front(LINE, ranked, candidates, 6, rng, pending, care)

    found = picked()
    assert len(set(found)) == 6
    assert ((candidates[found, 0] > 0.15) & (candidates[found, 0] < 0.65)).all()
    assert picked() == found
    assert picked([{"x": float(candidates[found[0], 0])}])[0] != found[0]


def test_the_largest_growth_is_found_without_computing_all_anew(monkeypatch):
    ranked = rank(two(np.random.default_rng(1).random(30).tolist()))
    candidates = np.random.default_rng(2).random((200, 1))

    def picked():
        return screen_front(LINE, ranked, candidates, 12, np.random.default_rng(0))

    found = picked()
    monkeypatch.setattr(module, "LIKELY", 1000)
    assert picked() == found

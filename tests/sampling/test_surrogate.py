"""The Gaussian process against what defines one; screening: what it sees, expects and picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.sampling import surrogate as module
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.sampling.surrogate import (
    NOISE,
    Surrogate,
    expected_improvement,
    feature_owners,
    features,
    fit,
    matern,
    normal_scores,
    screen,
)
from hpsearch.space import LOG, Choice, Continuous, Discrete, Parameter, Space

seeds = st.integers(0, 2**32 - 1)


def data(seed, points=12, features=3):
    rng = np.random.default_rng(seed)
    return rng.random((points, features)), rng.standard_normal(points)


def process(inputs, scores, lengths, noise=NOISE):
    """A surrogate with these lengths, and no more noise than this."""
    covariance = matern(inputs, inputs, lengths) + noise * np.eye(len(inputs))
    return Surrogate(inputs, scores, lengths, np.linalg.cholesky(covariance))


@given(seeds)
def test_the_covariance_is_maternses(seed):
    X, _ = data(seed)
    lengths = np.array([0.3, 0.7, 2.0])
    for a, b in ((X[0], X[1]), (X[2], X[5])):
        r = 5**0.5 * np.linalg.norm((a - b) / lengths)
        expected = (1 + r + r**2 / 3) * np.exp(-r)
        assert matern(a[None], b[None], lengths)[0, 0] == pytest.approx(expected, abs=1e-12)


@given(seeds)
def test_the_covariance_is_one_of_a_point_with_itself_and_symmetric(seed):
    X, _ = data(seed)
    covariance = matern(X, X, np.full(3, 0.4))
    assert np.diag(covariance) == pytest.approx(np.ones(12), abs=1e-6)
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_a_long_length_makes_a_feature_not_matter():
    a, b = np.array([[0.0, 0.5]]), np.array([[1.0, 0.5]])
    assert matern(a, b, np.array([1e6, 0.1]))[0, 0] == pytest.approx(1)
    assert matern(a, b, np.array([0.05, 0.1]))[0, 0] < 1e-6


@given(seeds)
def test_without_noise_the_mean_goes_through_the_scores_and_is_sure_of_them(seed):
    X, scores = data(seed)
    mean, V = process(X, scores, np.full(3, 0.4), noise=1e-9).predict(X)
    assert mean == pytest.approx(scores, abs=1e-4)
    assert 1 - (V * V).sum(0) == pytest.approx(np.zeros(12), abs=1e-4)


@given(seeds)
def test_mean_and_covariance_are_those_of_the_conditional_normal(seed):
    X, scores = data(seed)
    lengths = np.array([0.3, 0.7, 2.0])
    at = np.random.default_rng(seed + 1).random((5, 3))
    mean, V = process(X, scores, lengths).predict(at)
    K = matern(X, X, lengths) + NOISE * np.eye(len(X))
    k = matern(X, at, lengths)
    assert mean == pytest.approx(k.T @ np.linalg.inv(K) @ scores)
    posterior = matern(at, at, lengths) - k.T @ np.linalg.inv(K) @ k
    assert matern(at, at, lengths) - V.T @ V == pytest.approx(posterior)


def test_far_from_all_that_is_known_the_prior_is_left():
    X, scores = data(0)
    mean, V = process(X, scores, np.full(3, 0.4)).predict(np.full((1, 3), 50.0))
    assert mean == pytest.approx([0], abs=1e-9)
    assert 1 - (V * V).sum(0) == pytest.approx([1])


@given(seeds)
def test_knowing_more_never_makes_it_less_sure(seed):
    X, scores = data(seed)
    at = np.random.default_rng(seed + 1).random((20, 3))
    lengths = np.full(3, 0.4)
    _, few = process(X[:6], scores[:6], lengths).predict(at)
    _, many = process(X, scores, lengths).predict(at)
    assert ((many * many).sum(0) >= (few * few).sum(0) - 1e-12).all()


def test_fitting_finds_out_which_feature_matters():
    X, _ = data(0, points=60)
    scores = np.sin(6 * X[:, 0])
    lengths = fit(X, scores / scores.std(), np.random.default_rng(0)).lengths
    assert lengths[0] < min(lengths[1:]) / 2


@given(seeds)
@settings(max_examples=10)
def test_fitting_is_a_pure_function(seed):
    X, scores = data(seed)
    before = X.copy(), scores.copy()
    first, again = (fit(X, scores, np.random.default_rng(seed)) for _ in range(2))
    assert (first.lengths == again.lengths).all()
    assert (first.root == again.root).all()
    assert np.array_equal(X, before[0])
    assert np.array_equal(scores, before[1])


@pytest.mark.parametrize("points", [1, 2, 40])
def test_points_that_coincide_can_be_fitted(points):
    X = np.full((points, 2), 0.5)
    scores = np.linspace(-1, 1, points)
    mean, V = fit(X, scores, np.random.default_rng(0)).predict(X[:1])
    assert mean[0] == pytest.approx(scores.sum() / (points + NOISE))  # shrunk towards 0
    assert 1 - (V * V).sum() == pytest.approx(NOISE / (points + NOISE))


LINE = Space((Parameter("x", Continuous(0, 1)),))


def seen(space, *settings):
    return features(space, space.points(settings))


def test_a_number_is_seen_at_its_place_on_its_scale():
    space = Space((Parameter("x", Continuous(1e-4, 1, LOG)), Parameter("n", Discrete(1, 4))))
    assert seen(space, {"x": 0.01, "n": 1}) == pytest.approx(np.array([[0.5, 0.125]]))


def test_a_choice_is_seen_one_hot_so_that_any_two_values_are_equally_far_apart():
    space = Space((Parameter("kind", Choice(("a", "b", "c"))),))
    rows = seen(space, *({"kind": kind} for kind in "abc"))
    assert rows == pytest.approx(np.eye(3) / 2**0.5)
    apart = [np.linalg.norm(rows[i] - rows[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert apart == pytest.approx([1, 1, 1])


CONDITIONAL = Space(
    (
        Parameter("kind", Choice(("a", "b"))),
        Parameter("y", Continuous(0, 1), when={"kind": ("b",)}),
        Parameter("z", Choice((1, 2)), when={"kind": ("b",)}),
        Parameter("layers", Discrete(1, 3)),
        Parameter("units", Continuous(0, 1), per="layers"),
    )
)


def test_an_inactive_coordinate_is_constant():
    row = seen(CONDITIONAL, {"kind": "a", "layers": 1, "units": [0.2]})[0]
    kind, y, z, layers, units = np.split(row, [2, 3, 5, 6])
    assert kind == pytest.approx([0.5**0.5, 0])
    assert y == pytest.approx([0.5])
    assert z == pytest.approx([0, 0])  # like none of the values
    assert layers == pytest.approx([1 / 6])
    assert units == pytest.approx([0.2, 0.5, 0.5])


@given(seeds)
def test_what_is_inactive_does_not_tell_two_settings_apart(space, seed):
    points = np.random.default_rng(seed).random((2, space.dimensions))
    points[1, :1] = points[0, :1]
    first, second = (space.params(point) for point in points)
    rows = seen(space, first, second)
    assert np.isfinite(rows).all()
    assert (rows[0] == rows[1]).all() == (first == second)


def test_scores_are_the_normal_quantiles_of_the_ranks():
    scores = normal_scores(np.arange(9), 9)
    assert scores[4] == pytest.approx(0)
    assert scores == pytest.approx(-scores[::-1])
    assert (np.diff(scores) > 0).all()
    assert scores[0] == pytest.approx(-1.5932, abs=1e-4)  # the quantile at 1/18


gains = st.floats(-4, 4)
deviations = st.floats(0.05, 3)


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
    return Surrogate(inputs, scores, surrogate.lengths, np.linalg.cholesky(covariance))


@given(seeds)
@settings(max_examples=15)
def test_a_choice_entered_at_its_mean_is_as_if_refitted_with_it(seed):
    """The believer, done the slow way: a whole new factorisation after every choice."""
    history = rank(valley(np.random.default_rng(seed).random(12).tolist()))
    candidates = np.random.default_rng(seed + 1).random((40, 1))
    scores = normal_scores(np.arange(12), 12)
    surrogate = fit(
        features(LINE, LINE.points([trial.params for trial in history])),
        scores,
        np.random.default_rng(seed),
    )
    goal, expected = surrogate.scores.min(), []
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

    def watched(inputs, scores, rng, steps):
        fitted.append((inputs[:, 0], scores))
        return fit(inputs, scores, rng, steps)

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


@pytest.mark.parametrize("seed", range(5))
def test_the_quick_way_picks_the_same_but_for_the_steps_of_the_fit(monkeypatch, seed):
    monkeypatch.setattr(module, "QUICK_STEPS", module.STEPS)
    rng = np.random.default_rng(seed)
    drawn = CONDITIONAL.all_params(rng.random((60, CONDITIONAL.dimensions)))
    ranked = [Observation(i, params, ((float(i), 0.0),)) for i, params in enumerate(drawn[:40])]
    candidates = rng.random((100, CONDITIONAL.dimensions))
    exact, quick = (
        module.screen(
            CONDITIONAL, ranked, candidates, 8, np.random.default_rng(1), drawn[40:], quick=quick
        )
        for quick in (False, True)
    )
    assert exact == quick


def test_an_ordered_choice_is_one_feature_and_its_neighbours_are_closest():
    space = Space(
        (
            Parameter("size", Choice((16, 32, 64, 128), ordered=True)),
            Parameter("kind", Choice(("a", "b"))),
        )
    )
    seen = features(space, space.points([{"size": size} for size in (16, 32, 128)]))
    assert seen[:, 0].tolist() == [0.125, 0.375, 0.875]
    assert feature_owners(space).tolist() == [0, 1, 1]

"""The Gaussian process against what defines one: what it sees, and what it expects."""

import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.sampling import surrogate as module
from hpsearch.sampling.surrogate import (
    CLIMBS,
    NOISE,
    Surrogate,
    feature_owners,
    features,
    fit,
    fit_by_draws,
    matern,
    normal_scores,
    value_scores,
)
from hpsearch.space import LOG, Choice, Continuous, Discrete, Parameter, Space

seeds = st.integers(0, 2**32 - 1)


def data(seed, points=12, features=3):
    rng = np.random.default_rng(seed)
    return rng.random((points, features)), rng.standard_normal(points)


def process(inputs, scores, lengths, noise=NOISE):
    """A surrogate with these lengths, and no more noise than this."""
    covariance = matern(inputs, inputs, lengths) + noise * np.eye(len(inputs))
    return Surrogate(inputs, scores, lengths, np.linalg.inv(np.linalg.cholesky(covariance)))


def test_shapes_are_checked_in_the_tests():
    if jaxtyping.config.jaxtyping_disable:
        pytest.skip("as asked for")
    with pytest.raises(jaxtyping.TypeCheckError, match="features"):
        matern(np.zeros((2, 3)), np.zeros((2, 3)), np.ones(2))


@given(seeds)
def test_the_order_of_points_decides_no_length_of_a_feature_that_is_the_same_in_all(seed):
    X, scores = data(seed)
    X[:, 1] = 0.5  # as a parameter is that is inactive in all of them
    again = np.random.default_rng(seed).permutation(len(X))
    lengths = fit(X, scores).lengths
    assert lengths == pytest.approx(fit(X[again], scores[again]).lengths, rel=1e-6)
    assert np.log(lengths[1]) == pytest.approx(np.log(0.4 * 3**0.5))  # as good as any


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


@given(seeds)
def test_what_is_doubted_counts_for_as_much_less(seed):
    X, scores = data(seed)
    doubts = np.random.default_rng(seed + 1).random(len(X))
    found = fit(X, scores, doubts=doubts)
    K = matern(X, X, found.lengths) + np.diag(NOISE + doubts)
    assert found.weights == pytest.approx(np.linalg.solve(K, scores))
    unsure = fit(X, scores, doubts=np.where(np.arange(len(X)) < 6, 1e9, 0.0))
    half = fit(X[6:], scores[6:])  # what is in great doubt might as well be left out
    assert unsure.weights[6:] == pytest.approx(half.weights, abs=1e-4)


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


def by_draws(inputs, scores):
    return fit_by_draws(inputs, scores, np.random.default_rng(0))


both_ways = pytest.mark.parametrize("fitting", [fit, by_draws])


@both_ways
def test_fitting_finds_out_which_feature_matters(fitting):
    X, _ = data(0, points=60)
    scores = np.sin(6 * X[:, 0])
    lengths = fitting(X, scores / scores.std()).lengths
    assert lengths[0] < min(lengths[1:]) / 2


@pytest.mark.parametrize("seed", range(5))
def test_among_many_features_climbing_finds_those_that_matter_where_draws_do_not(seed):
    rng = np.random.default_rng(seed)
    X = rng.random((40, 20))
    scores = np.sin(5 * X[:, 3]) + 2 * X[:, 11] + 0.1 * rng.standard_normal(40)
    scores = (scores - scores.mean()) / scores.std()
    climbed = fit(X, scores)
    assert {*np.argsort(climbed.lengths)[:2].tolist()} == {3, 11}
    drawn = fit_by_draws(X, scores, rng, steps=100)
    assert climbed.posterior > drawn.posterior + 5
    longer = fit(X, scores, steps=40)
    assert climbed.posterior <= longer.posterior < climbed.posterior + 2


@given(seeds)
@settings(max_examples=20)
def test_what_the_fit_climbs_is_the_slope_of_the_posterior(seed):
    X, scores = data(seed)
    rng = np.random.default_rng(seed + 1)
    at, doubts = np.exp(rng.normal(size=3)), rng.random(len(X))

    def posterior(lengths):
        return module._with_slope(X, scores, lengths, NOISE, doubts)[0].posterior

    _, slope = module._with_slope(X, scores, at, NOISE, doubts)
    for feature in range(3):
        step = np.exp(1e-5 * (np.arange(3) == feature))
        by_differences = (posterior(at * step) - posterior(at / step)) / 2e-5
        assert slope[feature] == pytest.approx(by_differences, abs=1e-6)


@given(seeds)
def test_a_fit_is_never_less_likely_than_what_it_began_with(seed):
    X, scores = data(seed)
    steps = [fit(X, scores, steps=steps).posterior for steps in range(CLIMBS + 1)]
    assert steps == sorted(steps)


@both_ways
@given(seeds)
@settings(max_examples=10)
def test_fitting_is_a_pure_function(fitting, seed):
    X, scores = data(seed)
    before = X.copy(), scores.copy()
    first, again = (fitting(X, scores) for _ in range(2))
    assert (first.lengths == again.lengths).all()
    assert (first.white == again.white).all()
    assert np.array_equal(X, before[0])
    assert np.array_equal(scores, before[1])


@both_ways
@pytest.mark.parametrize("points", [1, 2, 40])
def test_points_that_coincide_can_be_fitted(fitting, points):
    X = np.full((points, 2), 0.5)
    scores = np.linspace(-1, 1, points)
    mean, V = fitting(X, scores).predict(X[:1])
    assert mean[0] == pytest.approx(scores.sum() / (points + NOISE))  # shrunk towards 0
    assert 1 - (V * V).sum() == pytest.approx(NOISE / (points + NOISE))


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


def test_scores_of_values_keep_their_proportions_and_cut_what_is_far_worse():
    values = np.array([0.2, 0.1, 0.0, 1e300, 0.3])
    scores = value_scores(np.array([2, 1, 0, 4, 3]), values)
    steps = np.diff(scores[[2, 1, 0, 4]])
    assert steps == pytest.approx(steps[0])
    assert scores[3] == pytest.approx(scores[0] + 2 * steps[0])
    assert (scores.mean(), scores.std()) == pytest.approx((0, 1))


@pytest.mark.parametrize(
    "values", [[1.0, np.inf, np.inf], [1.0, 1.0, 1.0], [-1.7e308, 1.7e308, np.inf]]
)
def test_values_without_proportions_are_scored_by_their_ranks(values):
    ranks = np.array([1, 0, 2])
    assert (value_scores(ranks, np.array(values)) == normal_scores(ranks, 3)).all()

"""The Gaussian process against what defines one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.sampling.surrogate import NOISE, Surrogate, fit, matern

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

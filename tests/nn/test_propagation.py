"""The network, softmax and dropout against formulas and central differences, in float64."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpsearch import rng
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.propagation import (
    Propagation,
    draw_dropout,
    one_hot,
    softmax_backward,
    softmax_loss,
)

TRIALS, ROWS = 2, 8
GENERATOR = np.random.default_rng(1)


def network(architecture, *, dropout=0.0, class_weights=None):
    """A stack at random parameters on a random mini-batch."""
    generator = np.random.default_rng(6)
    params = generator.standard_normal((TRIALS, architecture.parameters))
    found = Propagation(
        architecture,
        params,
        ROWS,
        epsilon=np.full((TRIALS, 1, 1), 1e-3),
        dropout_rates=np.full((TRIALS, 1, 1), dropout) if dropout else None,
        class_weights=class_weights,
    )
    found.X[...] = generator.standard_normal(found.X.shape)
    found.labels[...] = generator.integers(0, architecture.units[-1], found.labels.shape)
    if dropout:
        found.drop([rng.stream(t, "dropout") for t in range(TRIALS)])
    return found, params


def differences(found, params, direction, h=1e-6):
    """dL/dh along the direction, for each trial; the network is left where it was."""
    start = params.copy()
    params[...] = start + h * direction
    up = found.forward()
    params[...] = start - h * direction
    down = found.forward()
    params[...] = start
    return (up - down) / (2 * h)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("units", [(5, 3), (5, 7, 3), (5, 6, 4, 7, 3)])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("class_weights", [None, np.array([0.5, 2.0, 1.3])])
def test_gradients_match_central_differences(
    units, activation, batch_norm, dropout, class_weights
):
    architecture = Architecture(units, activation, batch_norm)
    found, params = network(architecture, dropout=dropout, class_weights=class_weights)
    found.forward()
    found.backward()
    gradients = found.gradients.copy()
    direction = np.random.default_rng(7).standard_normal(params.shape)
    along = (gradients * direction).sum(axis=1)
    assert along == pytest.approx(differences(found, params, direction), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_gradient_of_each_layers_every_parameter_matches(batch_norm):
    # parameter by parameter, so that no error hides in a sum over layers
    architecture = Architecture((3, 4, 2), "tanh", batch_norm)
    found, params = network(architecture)
    found.forward()
    found.backward()
    gradients = found.gradients.copy()
    for p in range(architecture.parameters):
        direction = np.zeros_like(params)
        direction[:, p] = 1
        expected = differences(found, params, direction)
        assert gradients[:, p] == pytest.approx(expected, rel=1e-6, abs=1e-8), p


def test_the_loss_is_averaged_over_the_examples_not_over_their_weights():
    weights = np.array([0.5, 2.0, 1.3])
    architecture = Architecture((5, 3))
    found, params = network(architecture, class_weights=weights)
    loss = found.forward()
    for t in range(TRIALS):
        W, _, b = (None if a is None else a[t] for a in layers(params, architecture)[0])
        Z = found.X[t] @ W + b
        log_y_hat = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
        y = found.labels[t]
        expected = sum(-weights[y[i]] * log_y_hat[i, y[i]] for i in range(ROWS)) / ROWS
        assert loss[t] == pytest.approx(expected, rel=1e-12)


def test_dropped_units_pass_nothing_on():
    architecture = Architecture((5, 7, 3), "sigmoid", batch_norm=False)
    found, params = network(architecture, dropout=0.999)
    found.forward()
    found.backward()
    d_below, _ = layers(found.gradients, architecture)
    assert not d_below.W.any()
    assert params.any()


def softmax(Z, labels):
    """y_hat, one-hot labels and losses of logits (trials, classes, examples)."""
    Y_hat, Y = Z.copy(), np.empty_like(Z)
    losses = np.empty((Z.shape[0], Z.shape[2]))
    one_hot(labels, Y)
    softmax_loss(Y_hat, Y, losses)
    return Y_hat, Y, losses


def test_softmax_and_its_loss_are_the_lectures_formulas():
    Z, labels = GENERATOR.standard_normal((2, 4, 5)), GENERATOR.integers(0, 4, (2, 5))
    Y_hat, _, losses = softmax(Z, labels)
    for t in range(2):
        for i in range(5):
            e = np.exp(Z[t, :, i])
            y = np.eye(4)[labels[t, i]]
            assert_allclose(Y_hat[t, :, i], e / e.sum(), rtol=1e-12)
            assert losses[t, i] == pytest.approx(-(y * np.log(e / e.sum())).sum(), rel=1e-12)


def test_the_lectures_example_costs_minus_log_of_what_the_true_class_got():
    y_hat = np.array([0.3, 0.2, 0.1, 0.4])
    _, _, losses = softmax(np.log(y_hat)[None, :, None], np.array([[1]]))
    assert losses[0, 0] == pytest.approx(-np.log(0.2), rel=1e-12)


def test_the_gradient_is_y_hat_minus_y():
    Z, labels = GENERATOR.standard_normal((1, 4, 5)), GENERATOR.integers(0, 4, (1, 5))
    Y_hat, Y, _ = softmax(Z, labels)
    dZ = Y_hat.copy()
    softmax_backward(dZ, Y, np.full((1, 1, 5), 1 / 5))
    assert_allclose(dZ, (Y_hat - Y) / 5, rtol=1e-12)
    direction, h = GENERATOR.standard_normal(Z.shape), 1e-5
    up, down = (
        softmax(Z + h * direction, labels)[2].mean(),
        softmax(Z - h * direction, labels)[2].mean(),
    )
    assert (dZ * direction).sum() == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_huge_logits_stay_finite():
    Y_hat, _, losses = softmax(np.array([[[1e4], [-1e4]]]), np.array([[1]]))
    assert_allclose(Y_hat[0, :, 0], [1, 0])
    assert losses[0, 0] == 2e4


def test_two_class_softmax_regression_is_logistic_regression():
    # sigma(w x) with w the difference of the two columns: same loss, and the difference moves
    # as logistic regression's weights do at twice the rate
    x, y = GENERATOR.standard_normal((9, 3)), GENERATOR.integers(0, 2, 9)
    W = GENERATOR.standard_normal((3, 2))
    w = W[:, 1] - W[:, 0]
    for _ in range(20):
        Y_hat, Y, losses = softmax((x @ W).T[None], y[None])
        p = 1 / (1 + np.exp(-x @ w))
        logistic = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        assert_allclose(losses[0], logistic, rtol=1e-10)
        softmax_backward(Y_hat, Y, np.full((1, 1, 9), 1 / 9))
        W = W - 0.5 * x.T @ Y_hat[0].T
        w = w - 2 * 0.5 * x.T @ (p - y) / 9
        assert_allclose(W[:, 1] - W[:, 0], w, rtol=1e-10)


def draw(rates, shape=(200, 50), seeds=None):
    factors = np.empty((len(rates), *shape), np.float32)
    streams = [rng.stream(seed, "dropout") for seed in seeds or range(len(rates))]
    rates = np.array(rates, np.float32)[:, None, None]
    draw_dropout(streams, rates, factors, np.empty(factors.shape, bool))
    return factors


def test_a_unit_is_dropped_or_enlarged():
    factors = draw([0.2])
    assert set(np.unique(factors)) == {np.float32(0), np.float32(1) / np.float32(0.8)}
    assert np.mean(factors == 0) == pytest.approx(0.2, abs=0.015)


def test_the_expected_activation_stays():
    assert np.mean(draw([0.5])) == pytest.approx(1, abs=0.03)


def test_each_trial_has_its_own_rate_and_its_own_draws():
    stacked = draw([0.1, 0.6])
    assert np.array_equal(stacked[1], draw([0.6], seeds=[1])[0])

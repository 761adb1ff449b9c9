import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpsearch.nn import softmax

GENERATOR = np.random.default_rng(1)


def run(Z, labels):
    """y_hat, one-hot labels and losses of logits (trials, classes, examples)."""
    Y_hat, Y = Z.copy(), np.empty_like(Z)
    losses = np.empty((Z.shape[0], Z.shape[2]))
    softmax.one_hot(labels, Y)
    softmax.forward(Y_hat, Y, losses)
    return Y_hat, Y, losses


def test_softmax_and_its_loss_are_the_lectures_formulas():
    Z, labels = GENERATOR.standard_normal((2, 4, 5)), GENERATOR.integers(0, 4, (2, 5))
    Y_hat, _, losses = run(Z, labels)
    for t in range(2):
        for i in range(5):
            e = np.exp(Z[t, :, i])
            y = np.eye(4)[labels[t, i]]
            assert_allclose(Y_hat[t, :, i], e / e.sum(), rtol=1e-12)
            assert losses[t, i] == pytest.approx(-(y * np.log(e / e.sum())).sum(), rel=1e-12)


def test_the_lectures_example_costs_minus_log_of_what_the_true_class_got():
    y_hat = np.array([0.3, 0.2, 0.1, 0.4])
    _, _, losses = run(np.log(y_hat)[None, :, None], np.array([[1]]))
    assert losses[0, 0] == pytest.approx(-np.log(0.2), rel=1e-12)


def test_the_gradient_is_y_hat_minus_y():
    Z, labels = GENERATOR.standard_normal((1, 4, 5)), GENERATOR.integers(0, 4, (1, 5))
    Y_hat, Y, _ = run(Z, labels)
    dZ = Y_hat.copy()
    softmax.backward(dZ, Y, np.full((1, 1, 5), 1 / 5))
    assert_allclose(dZ, (Y_hat - Y) / 5, rtol=1e-12)
    direction, h = GENERATOR.standard_normal(Z.shape), 1e-5
    up, down = run(Z + h * direction, labels)[2].mean(), run(Z - h * direction, labels)[2].mean()
    assert (dZ * direction).sum() == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_huge_logits_stay_finite():
    Y_hat, _, losses = run(np.array([[[1e4], [-1e4]]]), np.array([[1]]))
    assert_allclose(Y_hat[0, :, 0], [1, 0])
    assert losses[0, 0] == 2e4


def test_two_class_softmax_regression_is_logistic_regression():
    # sigma(w x) with w the difference of the two columns: same loss, and the difference moves
    # as logistic regression's weights do at twice the rate
    x, y = GENERATOR.standard_normal((9, 3)), GENERATOR.integers(0, 2, 9)
    W = GENERATOR.standard_normal((3, 2))
    w = W[:, 1] - W[:, 0]
    for _ in range(20):
        Y_hat, Y, losses = run((x @ W).T[None], y[None])
        p = 1 / (1 + np.exp(-x @ w))
        logistic = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        assert_allclose(losses[0], logistic, rtol=1e-10)
        softmax.backward(Y_hat, Y, np.full((1, 1, 9), 1 / 9))
        W = W - 0.5 * x.T @ Y_hat[0].T
        w = w - 2 * 0.5 * x.T @ (p - y) / 9
        assert_allclose(W[:, 1] - W[:, 0], w, rtol=1e-10)

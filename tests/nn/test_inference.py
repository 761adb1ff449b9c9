import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpsearch.nn import inference
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, layers, statistics

GENERATOR = np.random.default_rng(9)


def stack(architecture, trials=2):
    params = GENERATOR.standard_normal((trials, architecture.parameters))
    averages = GENERATOR.random((trials, architecture.statistics)) + 0.1
    return params, averages


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_folded_batch_norm_is_the_lectures_formula_at_test_time(activation):
    architecture = Architecture((4, 6, 5, 3), activation)
    params, averages = stack(architecture)
    X, epsilon = GENERATOR.standard_normal((9, 4)), np.full((2, 1, 1), 1e-3)
    found = inference.logits(
        inference.fold(architecture, params, averages, epsilon), activation, X
    )
    for t in range(2):
        A = X
        for (W, gamma, beta), (mu, sigma2) in zip(
            layers(params, architecture), statistics(averages, architecture), strict=False
        ):
            Z_norm = (A @ W[t] - mu[t]) / np.sqrt(sigma2[t] + 1e-3)
            U = gamma[t] * Z_norm + beta[t]
            A = np.empty_like(U)[None]
            ACTIVATIONS[activation].forward(U[None].copy(), A, np.empty_like(A))
            A = A[0]
        W, _, b = layers(params, architecture)[-1]
        assert_allclose(found[t], A @ W[t] + b[t], rtol=1e-10)


def test_evaluation_does_not_depend_on_the_size_of_chunks(monkeypatch):
    architecture = Architecture((4, 6, 3), batch_norm=False)
    params, _ = stack(architecture)
    dense = inference.fold(architecture, params, None, np.full((2, 1, 1), 1e-3))
    X, y = GENERATOR.standard_normal((101, 4)), GENERATOR.integers(0, 3, 101)
    losses, predictions = inference.evaluate(dense, "relu", X, y)
    monkeypatch.setattr(inference, "CHUNK", 60)
    assert len(list(inference.chunks(101, dense))) == 11
    chunked_losses, chunked_predictions = inference.evaluate(dense, "relu", X, y)
    assert_allclose(chunked_losses, losses, rtol=1e-12)
    assert np.array_equal(chunked_predictions, predictions)


def test_evaluation_gives_the_mean_cross_entropy_and_the_most_probable_class():
    architecture = Architecture((4, 3))
    params, _ = stack(architecture, trials=1)
    dense = inference.fold(architecture, params, None, np.full((1, 1, 1), 1e-3))
    X, y = GENERATOR.standard_normal((20, 4)), GENERATOR.integers(0, 3, 20)
    losses, predictions = inference.evaluate(dense, "relu", X, y)
    E = np.exp(X @ dense[0].W[0] + dense[0].b[0])
    Y_hat = E / E.sum(axis=1, keepdims=True)
    assert losses[0] == pytest.approx(-np.log(Y_hat[np.arange(20), y]).mean(), rel=1e-10)
    assert np.array_equal(predictions[0], Y_hat.argmax(axis=1))

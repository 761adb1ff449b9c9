import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hpsearch.nn import batch_norm
from hpsearch.nn.architecture import Statistics

GENERATOR = np.random.default_rng(0)
TRIALS, ROWS, UNITS = 2, 7, 3


def normal(*shape):
    return GENERATOR.standard_normal(shape)


def forward(Z, gamma, beta, epsilon):
    """What batch norm returns: its output and all that backward needs; Z stays as it is."""
    centred, out = Z.copy(), np.empty_like(Z)
    batch = Statistics(np.empty_like(gamma), np.empty_like(gamma))
    deviation = np.empty_like(gamma)
    epsilon = np.full((len(Z), 1, 1), epsilon)
    batch_norm.forward(centred, gamma, beta, epsilon, out, batch, deviation)
    return out, centred, batch, deviation


def test_forward_is_the_lectures_formula():
    Z, gamma, beta = (
        normal(TRIALS, ROWS, UNITS),
        normal(TRIALS, 1, UNITS),
        normal(TRIALS, 1, UNITS),
    )
    out, _, batch, _ = forward(Z, gamma, beta, 1e-3)
    for t in range(TRIALS):
        z = Z[t]
        m = len(z)
        mu = 1 / m * sum(z[i] for i in range(m))
        sigma2 = 1 / m * sum((z[i] - mu) ** 2 for i in range(m))
        z_norm = (z - mu) / np.sqrt(sigma2 + 1e-3)
        assert_allclose(out[t], gamma[t] * z_norm + beta[t], rtol=1e-12)
        assert_allclose(batch.mean[t, 0], mu, rtol=1e-12)
        assert_allclose(batch.variance[t, 0], sigma2, rtol=1e-12)


def test_gradients_of_batch_norm_match_central_differences():
    shapes = {"Z": (TRIALS, ROWS, UNITS), "gamma": (TRIALS, 1, UNITS), "beta": (TRIALS, 1, UNITS)}
    at = {name: normal(*shape) for name, shape in shapes.items()}
    direction = {name: normal(*shape) for name, shape in shapes.items()}
    R = normal(TRIALS, ROWS, UNITS)  # a plain sum would be blind to the variance's share

    def loss(h):
        moved = {name: at[name] + h * direction[name] for name in at}
        return float((R * forward(**moved, epsilon=1e-3)[0]).sum())

    _, centred, _, deviation = forward(**at, epsilon=1e-3)
    D, d_gamma, d_beta = R.copy(), np.empty_like(at["gamma"]), np.empty_like(at["beta"])
    batch_norm.backward(D, centred, at["gamma"], deviation, d_gamma, d_beta)
    along = sum(
        (gradient * direction[name]).sum()
        for name, gradient in {"Z": D, "gamma": d_gamma, "beta": d_beta}.items()
    )
    assert along == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-6)


def test_a_bias_before_batch_norm_changes_nothing():
    Z, gamma, beta = normal(1, ROWS, UNITS), normal(1, 1, UNITS), normal(1, 1, UNITS)
    b = normal(1, 1, UNITS)
    assert_allclose(forward(Z + b, gamma, beta, 1e-5)[0], forward(Z, gamma, beta, 1e-5)[0])


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=20),
    st.floats(0, 0.99),
)
def test_the_average_is_bias_corrected(means, decay):
    total, plain = np.zeros((1, 1)), 0.0
    for mean in means:
        batch_norm.accumulate(total, np.full((1, 1), mean), np.full((1, 1), decay))
        plain = decay * plain + (1 - decay) * mean
    average = total[0, 0] / batch_norm.weight(0.0, decay, len(means))
    assert average == pytest.approx(plain / (1 - decay ** len(means)), rel=1e-9, abs=1e-9)


def test_without_decay_the_average_is_the_plain_mean():
    total = np.zeros((1, 2))
    for mean in ([1.0, 2.0], [3.0, 4.0], [5.0, 9.0]):
        batch_norm.accumulate(total, np.array([mean]), None)
    assert_allclose(total / batch_norm.weight(0.0, 1.0, 3), [[3, 5]])


def test_the_weight_does_not_depend_on_where_training_was_cut():
    whole = batch_norm.weight(0.0, 0.9, 30)
    pieces = batch_norm.weight(batch_norm.weight(0.0, 0.9, 12), 0.9, 18)
    assert whole == pytest.approx(pieces, rel=1e-12)

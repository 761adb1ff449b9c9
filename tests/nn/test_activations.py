import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpsearch.nn.activations import ACTIVATIONS

FORMULAS = {
    "relu": lambda u: max(u, 0.0),
    "leaky_relu": lambda u: u if u > 0 else 0.01 * u,
    "tanh": math.tanh,
    "sigmoid": lambda u: 1 / (1 + math.exp(-u)),
    "gelu": lambda u: 0.5 * u * (1 + math.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3))),
}


def forward(activation, values):
    """g of the values, and U and A as backward gets them."""
    U = values.copy()
    A = np.empty_like(U) if activation.keeps else U
    activation.forward(U, A, np.empty_like(U))
    return U, A


def test_every_activation_has_its_formula_here():
    assert FORMULAS.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_is_its_formula(name):
    values = np.linspace(-5, 5, 42).reshape(2, 7, 3)
    _, A = forward(ACTIVATIONS[name], values)
    assert_allclose(A, np.vectorize(FORMULAS[name])(values), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activations_derivative_matches_central_differences(name):
    values = np.random.default_rng(2).standard_normal((2, 7, 3))
    R = np.random.default_rng(3).standard_normal(values.shape)
    activation, h = ACTIVATIONS[name], 1e-6
    U, A = forward(activation, values)
    D = R.copy()
    activation.backward(D, U, A, np.empty_like(U), np.empty(U.shape, bool))
    up, down = forward(activation, values + h)[1], forward(activation, values - h)[1]
    assert D.sum() == pytest.approx((R * (up - down)).sum() / (2 * h), rel=1e-6)


def test_sigmoid_of_a_large_negative_number_does_not_overflow():
    _, A = forward(ACTIVATIONS["sigmoid"], np.full((1, 1, 1), -1e4))
    assert A[0, 0, 0] == 0

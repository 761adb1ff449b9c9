import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.covariate_shift import Moments, moments, shift

EPSILON = np.full((2, 1, 1), 1e-5)


def standardised(Z):
    return (Z - Z.mean(axis=0)) / np.sqrt(Z.var(axis=0) + 1e-5)


def some_moments(generator):
    return Moments(generator.standard_normal((2, 4)), generator.uniform(0.1, 2, (2, 4)))


def test_moments_are_those_of_every_activation_in_a_training_step():
    generator = np.random.default_rng(0)
    architecture = Architecture((5, 4, 3, 2), "tanh")
    params = generator.standard_normal((2, architecture.parameters))
    X = generator.standard_normal((50, 5))
    found = moments(architecture, params, EPSILON, X)
    for trial in range(2):
        seen, A = [], X
        for W, gamma, beta in layers(params, architecture)[:-1]:
            A = np.tanh(gamma[trial] * standardised(A @ W[trial]) + beta[trial])
            seen.append(A)
        assert found.mean[trial] == pytest.approx(np.hstack(seen).mean(axis=0))
        assert found.variance[trial] == pytest.approx(np.hstack(seen).var(axis=0))


def test_without_batch_norm_the_bias_moves_a_unit_and_with_it_the_weights_length_does_not():
    X = np.random.default_rng(0).standard_normal((50, 1))
    linear = Architecture((1, 1, 2), "leaky_relu", batch_norm=False)
    normal = Architecture((1, 1, 2), "leaky_relu", batch_norm=True)
    # the flat buffer: the two weight matrices, then [gamma,] shift, b
    plain = np.array([[1.0, 0, 0, 9.0, 0, 0], [1.0, 0, 0, 99.0, 0, 0]])
    at = moments(linear, plain, EPSILON, X)
    assert at.mean[1] - at.mean[0] == pytest.approx([90])
    scaled = np.array([[1.0, 0, 0, 1.0, 9.0, 0, 0], [7.0, 0, 0, 1.0, 9.0, 0, 0]])
    at = moments(normal, scaled, EPSILON, X)
    assert at.mean[1] == pytest.approx(at.mean[0], rel=1e-4)
    assert at.variance[1] == pytest.approx(at.variance[0], rel=1e-4)


def test_a_unit_that_moves_by_two_deviations_has_a_mean_shift_of_two():
    before = Moments(np.array([[1.0]]), np.array([[9.0]]))
    after = Moments(np.array([[7.0]]), np.array([[9.0 * np.e]]))
    found = shift(before, after)
    assert found.mean == pytest.approx([2])
    assert found.variance == pytest.approx([1])


def test_doubling_and_halving_a_variance_are_shifts_of_one_size():
    at, doubled = (Moments(np.zeros((1, 1)), np.full((1, 1), v)) for v in (1.0, 2.0))
    assert shift(at, doubled).variance == pytest.approx(shift(doubled, at).variance)


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100), offset=st.floats(-10, 10))
def test_a_shift_does_not_depend_on_the_units_of_what_it_measures(seed, factor, offset):
    generator = np.random.default_rng(seed)
    before, after = some_moments(generator), some_moments(generator)
    scaled = [Moments(m.mean * factor + offset, m.variance * factor**2) for m in (before, after)]
    plain, other = shift(before, after), shift(*scaled)
    assert other.mean == pytest.approx(plain.mean, rel=1e-6)
    assert other.variance == pytest.approx(plain.variance, rel=1e-6)


def test_a_unit_that_is_constant_sits_out():
    before = Moments(np.array([[0.0, 5.0]]), np.array([[1.0, 0.0]]))
    after = Moments(np.array([[3.0, 9.0]]), np.array([[1.0, 2.0]]))
    assert shift(before, after).mean == pytest.approx([3])


def test_where_no_unit_varies_the_shift_is_undefined():
    dead = Moments(np.zeros((1, 2)), np.zeros((1, 2)))
    assert np.isnan(shift(dead, dead)).all()


def test_a_network_without_hidden_layers_has_no_units_to_move():
    architecture = Architecture((5, 2), "relu", batch_norm=False)
    found = moments(architecture, np.ones((2, architecture.parameters)), EPSILON, np.ones((3, 5)))
    assert found.mean.shape == (2, 0)
    assert np.isnan(shift(found, found)).all()

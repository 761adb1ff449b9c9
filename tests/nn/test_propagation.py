"""Gradients of the whole network against central differences, in float64."""

import numpy as np
import pytest

from hpsearch import rng
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.propagation import Propagation

TRIALS, ROWS = 2, 8


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

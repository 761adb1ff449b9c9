"""How each layer trains, against central differences and the step that is then really taken."""

from dataclasses import replace

import numpy as np
import pytest

from hpsearch import rng
from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.health import health
from hpsearch.nn.optimizers import OPTIMIZERS, Scalars
from hpsearch.nn.propagation import Propagation
from hpsearch.nn.training import Constants, Recipe, Stack, start

SEED = (3, "trial", 1)
X = np.random.default_rng(0).standard_normal((24, 5))
Y = np.random.default_rng(1).integers(0, 3, 24)
CONSTANTS = Constants(Scalars(l2=0.1), dropout=0.3)


def recipe(units=(5, 6, 4, 3), **options):
    shape = Architecture(units, options.pop("activation", "relu"), options.pop("batch_norm", True))
    return Recipe(shape, options.pop("optimizer", "adam"), options.pop("batch_size", 8), **options)


def trained(recipe, epochs=2, constants=CONSTANTS):
    """A trial after some epochs, in float64."""
    stack = Stack(recipe, [constants], [start(recipe, "he", SEED, np.float64)])
    for epoch in range(epochs):
        stack.epoch(X, Y, [SEED], epoch, [[0.02] * (len(Y) // recipe.batch_size)])
    return stack.snapshot(0)


def look(recipe, network, constants=CONSTANTS, **options):
    at = {"seed": SEED, "epoch": 2, "rate": 0.02}
    return health(recipe, constants, network, X, Y, **at, **options)


def norms(params, shape):
    return [np.linalg.norm(layer.W) for layer in layers(params[None], shape)]


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 1.3])])
def test_the_norms_of_gradients_match_central_differences(batch_norm, dropout, weights):
    one = recipe(activation="tanh", batch_norm=batch_norm, dropout=dropout, l2=True)
    network = trained(one)
    params = network.params.copy()[None]
    step = Propagation(
        one.architecture,
        params,
        8,
        epsilon=np.full((1, 1, 1), 1e-5),
        dropout_rates=np.full((1, 1, 1), 0.3) if dropout else None,
        class_weights=weights,
    )
    rows = rng.stream(*SEED, "shuffle", 2).permutation(24)[:8]
    step.X[0], step.labels[0] = X[rows], Y[rows]
    if dropout:
        step.drop([rng.stream(*SEED, "dropout", 2)])
    slopes = np.zeros_like(network.params)
    for p in range(one.architecture.weights):
        losses = []
        for sign in (1, -1):
            params[0] = network.params
            params[0, p] += sign * 1e-6
            losses.append(step.forward()[0])
        slopes[p] = (losses[0] - losses[1]) / 2e-6
    found = look(one, network, class_weights=weights)
    np.testing.assert_allclose(found.gradient, norms(slopes, one.architecture), rtol=1e-6)
    np.testing.assert_allclose(found.weight, norms(network.params, one.architecture), rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize("l2", [True, False])
def test_the_update_is_the_step_that_training_takes_next(optimizer, dropout, l2):
    one = recipe(optimizer=optimizer, dropout=dropout, l2=l2)
    constants = replace(CONSTANTS, update=Scalars(l2=0.1 if l2 else 0.0))
    network = trained(one, constants=constants)
    rows = rng.stream(*SEED, "shuffle", 2).permutation(24)[:8]
    seen = look(one, network, constants)
    place = np.empty(8, np.int64)  # an epoch of that one mini-batch, in whatever order
    order = rng.stream(*SEED, "shuffle", 2).permutation(8)
    place[order] = rows
    stack = Stack(one, [constants], [network])
    stack.epoch(X[place], Y[place], [SEED], 2, [[0.02]])
    step = norms(stack.params[0] - network.params, one.architecture)
    np.testing.assert_allclose(seen.update, step, rtol=1e-9)
    assert min(step) > 0


def test_nothing_that_is_looked_at_changes():
    one = recipe(dropout=True, l2=True)
    network = trained(one)
    arrays = (network.params, network.moments, network.moment_weights, network.statistics)
    before = [array.tobytes() for array in arrays]
    look(one, network)
    assert [array.tobytes() for array in arrays] == before


def test_dead_units_are_those_that_are_0_on_every_row():
    one = recipe(batch_norm=False)
    network = trained(one)
    shares = look(one, network).dead
    first, second, _ = layers(network.params[None], one.architecture)
    first.shift[0, 0, :3] = -1e6  # three of six
    second.shift[...] = 1e6
    assert look(one, network).dead[:2].tolist() == [0.5, 0.0]
    assert np.isnan([shares[-1], *look(recipe(activation="tanh"), trained(recipe())).dead]).all()


def test_with_batch_norm_units_are_dead_by_its_averages():
    one = recipe()
    network = trained(one)
    layers(network.params[None], one.architecture)[0].shift[0, 0, 0] = -1e6
    assert look(one, network).dead[0] == pytest.approx(1 / 6)


def test_the_shift_counts_the_deviations_between_a_mini_batch_and_the_averages():
    one = recipe(units=(5, 6, 3), batch_size=24)
    network = trained(one, epochs=1)  # whose one mini-batch was all rows, as the next one is
    params = start(one, "he", SEED, np.float64).params
    same = replace(network, params=params)
    np.testing.assert_allclose(look(one, same).shift[0], 0, atol=1e-9)
    moved = network.statistics.copy()
    moved[:6] -= 2 * network.statistics_weight * np.sqrt(network.averages[6:] + 1e-5)
    np.testing.assert_allclose(look(one, replace(same, statistics=moved)).shift[0], 2)
    assert np.isnan(look(one, network).shift[-1])
    plain = recipe(batch_norm=False)
    assert np.isnan(look(plain, trained(plain)).shift).all()


def test_before_the_first_epoch_there_are_no_averages_to_look_at():
    one = recipe()
    found = look(one, start(one, "he", SEED, np.float64))
    assert np.isfinite([found.weight, found.gradient, found.update]).all()
    assert np.isnan([found.dead, found.shift]).all()

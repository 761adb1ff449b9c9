import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch import rng
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.optimizers import OPTIMIZERS, Scalars
from hpsearch.nn.training import Constants, Recipe, Stack, start

GENERATOR = np.random.default_rng(8)
ROWS = 53
Y = GENERATOR.integers(0, 3, ROWS)


def rows_of(features):
    return np.random.default_rng(features).standard_normal((ROWS, features), dtype=np.float32)


def make(recipe, constants, seeds, **options):
    return Stack(recipe, constants, [start(recipe, "he", seed) for seed in seeds], **options)


def train(stack, seeds, rates, epochs=3):
    X = rows_of(stack.recipe.architecture.units[0])
    steps = ROWS // stack.recipe.batch_size
    return [
        stack.epoch(X, Y, seeds, epoch, [[rate] * steps for rate in rates])
        for epoch in range(epochs)
    ]


def bits(snapshot):
    return [np.asarray(value).tobytes() for value in dataclasses.astuple(snapshot)]


@pytest.mark.slow
@given(
    hidden=st.lists(st.integers(1, 33), max_size=3),
    features=st.integers(1, 40),
    batch_size=st.integers(2, 53),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    average=st.sampled_from(["ewma", "mean"]),
    l2=st.booleans(),
    dropout=st.booleans(),
    weighted=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_stacked_trial_gets_the_bits_it_would_get_alone(
    hidden,
    features,
    batch_size,
    activation,
    batch_norm,
    optimizer,
    average,
    l2,
    dropout,
    weighted,
):
    architecture = Architecture((features, *hidden, 3), activation, batch_norm)
    recipe = Recipe(architecture, optimizer, batch_size, average, l2, dropout)
    seeds, rates = [(4, t) for t in range(3)], [0.1, 0.01, 0.003]
    constants = [
        Constants(
            Scalars(0.5 + t / 10, 0.9 + t / 100, 10.0 ** (-8 + t), 0.01 * (t + 1) * l2),
            dropout=0.1 * (t + 1) * dropout,
            batch_norm_decay=0.5 + t / 10,
            batch_norm_epsilon=10.0 ** (-5 + t),
        )
        for t in range(3)
    ]
    class_weights = np.array([0.5, 2, 1], np.float32) if weighted else None
    stack = make(recipe, constants, seeds, class_weights=class_weights)
    losses = train(stack, seeds, rates)
    for t in range(3):
        alone = make(recipe, [constants[t]], [seeds[t]], class_weights=class_weights)
        alone_losses = train(alone, [seeds[t]], [rates[t]])
        assert [epoch[t] for epoch in losses] == [epoch[0] for epoch in alone_losses]
        assert bits(stack.snapshot(t)) == bits(alone.snapshot(0))


@pytest.mark.parametrize("batch_size", [64, 256])
def test_wide_stacked_trials_get_the_bits_they_would_get_alone(batch_size):
    recipe = Recipe(Architecture((64, 64, 64, 10)), "adam", batch_size)
    X = np.random.default_rng(0).standard_normal((600, 64), dtype=np.float32)
    y = np.random.default_rng(1).integers(0, 10, 600)
    seeds, rates = [(t,) for t in range(5)], [[0.01] * (600 // batch_size)] * 5
    stack = make(recipe, [Constants()] * 5, seeds)
    stack.epoch(X, y, seeds, 0, rates)
    for t, seed in enumerate(seeds):
        alone = make(recipe, [Constants()], [seed])
        alone.epoch(X, y, [seed], 0, rates[:1])
        assert bits(stack.snapshot(t)) == bits(alone.snapshot(0))


def test_a_diverging_trial_warns_nobody_and_disturbs_nobody():
    recipe = Recipe(Architecture((6, 8, 3), batch_norm=False), "sgd", 10)
    seeds = [(0,), (1,), (2,)]
    stack = make(recipe, [Constants()] * 3, seeds)
    losses = train(stack, seeds, [0.1, 1e20, 0.1])
    assert np.isfinite(losses)[:, [0, 2]].all()
    assert not np.isfinite(losses[-1][1])
    for t in (0, 2):
        alone = make(recipe, [Constants()], [seeds[t]])
        train(alone, [seeds[t]], [0.1])
        assert bits(stack.snapshot(t)) == bits(alone.snapshot(0))


def test_an_epoch_is_whole_mini_batches_and_the_rest_sits_it_out():
    # one step on all 10-row mini-batches but the last 3 rows, followed by hand
    recipe = Recipe(Architecture((6, 3)), "sgd", 10)
    stack = make(recipe, [Constants()], [(0,)])
    ((loss,),) = train(stack, [(0,)], [0.5], epochs=1)
    W, _, b = (
        None if a is None else a[0].astype(float)
        for a in layers(_first(recipe), recipe.architecture)[0]
    )
    X, order, losses = rows_of(6).astype(float), rng.stream(0, "shuffle", 0).permutation(ROWS), []
    for k in range(5):
        rows = order[10 * k : 10 * k + 10]
        E = np.exp(X[rows] @ W + b)
        Y_hat = E / E.sum(axis=1, keepdims=True)
        losses.append(-np.log(Y_hat[np.arange(10), Y[rows]]).mean())
        dZ = (Y_hat - np.eye(3)[Y[rows]]) / 10
        W, b = W - 0.5 * X[rows].T @ dZ, b - 0.5 * dZ.sum(axis=0)
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert stack.params[0, :18] == pytest.approx(W.ravel(), rel=1e-4, abs=1e-6)


def _first(recipe):
    return start(recipe, "he", (0,)).params[None]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_l2_shrinks_weights_only(optimizer):
    recipe = Recipe(Architecture((6, 8, 3)), optimizer, 53, l2=True)
    plain = dataclasses.replace(recipe, l2=False)
    constants = Constants(Scalars(l2=0.2))
    regularised, without = (make(r, [constants], [(0,)]) for r in (recipe, plain))
    train(regularised, [(0,)], [0.1], epochs=1)
    train(without, [(0,)], [0.1], epochs=1)
    weights = recipe.architecture.weights
    W = _first(recipe)[0, :weights]
    moved = regularised.params[0] - without.params[0]
    assert moved[:weights] == pytest.approx(-0.1 * 0.2 * W, rel=1e-4, abs=1e-7)
    assert not moved[weights:].any()


def test_mean_statistics_forget_the_epochs_before():
    recipe = Recipe(Architecture((6, 4, 3)), "sgd", 10, average="mean")
    stack = make(recipe, [Constants()], [(0,)])
    train(stack, [(0,)], [1e-12], epochs=3)  # weights stand still
    # over whole mini-batches of the last shuffle, the plain mean of their means
    order = rng.stream(0, "shuffle", 2).permutation(ROWS)[:50]
    W = layers(stack.params, recipe.architecture)[0].W[0]
    batches = (rows_of(6)[order] @ W).reshape(5, 10, 4)
    expected = np.concatenate([batches.mean(1).mean(0), batches.var(1).mean(0)])
    averages = stack.averages()
    assert averages is not None
    assert averages[0] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_random_numbers_come_from_the_seed_alone():
    recipe = Recipe(Architecture((6, 8, 3)), "adam", 10, dropout=True)
    constants = [Constants(dropout=0.2)]
    runs = [make(recipe, constants, [seed]) for seed in [(3, "a"), (3, "a"), (3, "b")]]
    for stack, seed in zip(runs, [(3, "a"), (3, "a"), (3, "b")], strict=True):
        train(stack, [seed], [0.01])
    first, again, other = (bits(stack.snapshot(0)) for stack in runs)
    assert first == again
    assert first != other

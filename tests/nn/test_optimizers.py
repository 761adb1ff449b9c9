import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from hpsearch.nn.optimizers import (
    DECAYING,
    OPTIMIZERS,
    SCHEDULES,
    Buffers,
    Scalars,
    coefficients,
    learning_rates,
)

ALPHA = 0.1
GRADIENTS = np.random.default_rng(4).standard_normal((6, 5))
START = np.random.default_rng(5).standard_normal(5)


def run(name, scalars, gradients=GRADIENTS, cuts=(6,)):
    """Parameters after each step; each cut is an epoch of its own."""
    optimizer = OPTIMIZERS[name]
    W = START[None].copy()
    moments = tuple(np.zeros_like(W) for _ in range(optimizer.moments))
    sums, path, done = np.zeros((1, 2)), [], 0
    for steps in cuts:
        rates = np.full((1, steps), ALPHA)
        for k, c in enumerate(coefficients(optimizer, [scalars], rates, sums, np.float64)):
            buffers = Buffers(W, gradients[done + k][None].copy(), moments, np.empty_like(W))
            optimizer.update(buffers, c)
            path.append(W[0].copy())
        done += steps
    return np.array(path)


def plain(step):
    """The same by a formula: step(W, dW, state, t), t from 1, returns the next W."""
    W, state, path = START.copy(), {"v": 0.0, "s": 0.0}, []
    for t, dW in enumerate(GRADIENTS, start=1):
        W = step(W, dW, state, t)
        path.append(W)
    return np.array(path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_is_too_large_for_the_dtype_is_infinite_without_a_warning(name):
    scalars, rates = [Scalars(l2=1e300)], np.full((1, 2), 1e308)
    for c in coefficients(OPTIMIZERS[name], scalars, rates, np.zeros((1, 2)), np.float32):
        assert np.isposinf(c.alpha)
        assert np.isneginf(c.shrink)


def test_sgd_is_the_lectures_formula_with_its_learning_rate():
    assert_allclose(run("sgd", Scalars()), plain(lambda W, dW, *_: W - ALPHA * dW), rtol=1e-12)


def test_momentum_is_the_lectures_formula():
    def step(W, dW, state, _):
        state["v"] = 0.8 * state["v"] + (1 - 0.8) * dW
        return W - ALPHA * state["v"]

    assert_allclose(run("momentum", Scalars(beta=0.8)), plain(step), rtol=1e-12)


def test_rmsprop_is_the_lectures_formula():
    def step(W, dW, state, _):
        state["s"] = 0.7 * state["s"] + (1 - 0.7) * dW**2
        return W - ALPHA * dW / (np.sqrt(state["s"]) + 1e-3)

    found = run("rmsprop", Scalars(beta2=0.7, epsilon=1e-3))
    assert_allclose(found, plain(step), rtol=1e-12)


def adam(W, dW, state, t):
    state["v"] = 0.8 * state["v"] + (1 - 0.8) * dW
    state["s"] = 0.95 * state["s"] + (1 - 0.95) * dW**2
    v_corrected = state["v"] / (1 - 0.8**t)
    s_corrected = state["s"] / (1 - 0.95**t)
    return W - ALPHA * v_corrected / (np.sqrt(s_corrected) + 1e-3)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_is_the_lectures_formula(name):
    found = run(name, Scalars(beta=0.8, beta2=0.95, epsilon=1e-3))
    assert_allclose(found, plain(adam), rtol=1e-10)


def test_adam_does_not_depend_on_where_its_steps_are_cut_into_epochs():
    scalars = Scalars(beta=0.9, beta2=0.999)
    assert np.array_equal(run("adam", scalars), run("adam", scalars, cuts=(1, 3, 2)))


@given(beta=st.floats(0, 0.99), scale=st.floats(1e-3, 1e3))
def test_adam_takes_the_same_steps_whatever_the_gradients_scale(beta, scale):
    scalars = Scalars(beta=beta, epsilon=1e-12)
    scaled = run("adam", scalars, GRADIENTS * scale)
    assert_allclose(scaled, run("adam", scalars), rtol=1e-6, atol=1e-6)


def test_a_beta_changed_in_training_keeps_adams_average_an_average():
    # equal gradients have themselves as their average, whatever the weights: steps of alpha
    W, optimizer = np.zeros((1, 1)), OPTIMIZERS["adam"]
    moments, sums = (np.zeros((1, 1)), np.zeros((1, 1))), np.zeros((1, 2))
    for beta in (0.9, 0.5, 0.99):
        scalars = [Scalars(beta=beta, beta2=beta, epsilon=1e-12)]
        for c in coefficients(optimizer, scalars, np.full((1, 3), ALPHA), sums, np.float64):
            optimizer.update(Buffers(W, np.full((1, 1), 2.0), moments, np.empty((1, 1))), c)
    assert W[0, 0] == pytest.approx(-9 * ALPHA, rel=1e-9)


FORMULAS = {
    "inverse_time": lambda epoch: 0.2 / (1 + 0.5 * epoch),
    "exponential": lambda epoch: 0.2 * math.exp(-0.5) ** epoch,
    "inverse_sqrt": lambda epoch: 0.2 / math.sqrt(1 + 0.5 * epoch),
    "staircase": lambda epoch: 0.2 * 0.5 ** (epoch // 2),
    "cosine": lambda epoch: 0.2 * (1 + math.cos(math.pi * epoch / 10)) / 2,
    "constant": lambda epoch: 0.2,
}


def rates(schedule, epoch, *, decay=0.5, warmup=0.0, steps=3):
    return learning_rates(
        0.2,
        schedule=schedule,
        decay=decay,
        warmup=warmup,
        epoch=epoch,
        epochs=10,
        steps=steps,
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_its_formula(schedule):
    for epoch in range(10):
        assert rates(schedule, epoch) == pytest.approx([FORMULAS[schedule](epoch)] * 3)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_starts_at_the_initial_rate(schedule):
    assert rates(schedule, 0) == [0.2] * 3


@pytest.mark.parametrize("schedule", sorted(DECAYING))
def test_without_decay_the_rate_stays(schedule):
    assert rates(schedule, 7, decay=0.0) == [0.2] * 3


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@given(decay=st.floats(0, 10), epoch=st.integers(0, 8))
def test_a_rate_never_rises_after_the_warm_up_and_never_turns_negative(schedule, decay, epoch):
    now, later = rates(schedule, epoch, decay=decay)[0], rates(schedule, epoch + 1, decay=decay)[0]
    assert 0 <= later <= now


def test_a_staircase_falls_on_time_though_the_product_is_rounded():
    assert 0.29 * 100 < 29  # what the tolerance is for
    before, after = (SCHEDULES["staircase"](e, 0.29, 200) for e in (99, 100))
    assert (before, after) == (0.5**28, 0.5**29)


def test_warm_up_rises_step_by_step_to_the_scheduled_rate():
    path = [rate for epoch in range(3) for rate in rates("constant", epoch, warmup=2.0, steps=2)]
    assert path == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])


def test_warm_up_may_end_within_an_epoch():
    path = [rate for epoch in range(2) for rate in rates("constant", epoch, warmup=0.5, steps=4)]
    assert path == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2])

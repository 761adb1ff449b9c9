"""The same numbers as PyTorch 2.13 in float64; golden/make_golden.py wrote golden.json."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hpsearch.nn import batch_norm
from hpsearch.nn.architecture import Statistics
from hpsearch.nn.optimizers import OPTIMIZERS, Buffers, Scalars, coefficients
from hpsearch.nn.training import Snapshot, Stack
from hpsearch.trainers.network.plan import plan

GOLDEN = json.loads((Path(__file__).parent / "golden" / "golden.json").read_text())


def test_batch_norm_in_training_mode_matches_pytorch():
    g = {name: np.array(value)[None] for name, value in GOLDEN["batch_norm"].items()}
    gamma, beta = g["gamma"][:, None], g["beta"][:, None]
    Z, out, D = g["Z"], np.empty_like(g["Z"]), g["R"]
    batch, deviation = Statistics(np.empty_like(gamma), np.empty_like(gamma)), np.empty_like(gamma)
    batch_norm.forward(Z, gamma, beta, np.full((1, 1, 1), 1e-3), out, batch, deviation)
    assert_allclose(out, g["out"], rtol=1e-10, atol=1e-13)
    d_gamma, d_beta = np.empty_like(gamma), np.empty_like(gamma)
    batch_norm.backward(D, Z, gamma, deviation, d_gamma, d_beta)
    assert_allclose(D, g["dZ"], rtol=1e-10, atol=1e-13)
    assert_allclose(d_gamma[:, 0], g["d_gamma"], rtol=1e-10)
    assert_allclose(d_beta[:, 0], g["d_beta"], rtol=1e-10)


SCALARS = {
    "sgd": Scalars(),
    "momentum": Scalars(beta=0.8),
    "rmsprop": Scalars(beta2=0.8, epsilon=1e-3),
    "adam": Scalars(beta=0.8, beta2=0.95, epsilon=1e-3),
    "adamw": Scalars(beta=0.8, beta2=0.95, epsilon=1e-3, l2=0.2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_steps_match_pytorch(name):
    golden, optimizer = GOLDEN["updates"], OPTIMIZERS[name]
    W, gradients = np.array([golden["start"]]), np.array(golden["gradients"])
    moments = tuple(np.zeros_like(W) for _ in range(optimizer.moments))
    rates, sums = np.full((1, len(gradients)), 0.1), np.zeros((1, 2))
    plan_ = coefficients(optimizer, [SCALARS[name]], rates, sums, np.float64)
    for gradient, c, expected in zip(gradients, plan_, golden["steps"][name], strict=True):
        if optimizer.decoupled:
            W *= c.shrink
        optimizer.update(Buffers(W, gradient[None].copy(), moments, np.empty_like(W)), c)
        assert_allclose(W[0], expected, rtol=1e-10)


@pytest.mark.parametrize(
    "golden", GOLDEN["trajectories"], ids=lambda g: g["settings"]["optimizer"]
)
def test_a_whole_training_matches_pytorch(golden):
    data = GOLDEN["data"]
    X, y, seed = np.array(data["X"]), np.array(data["y"]), tuple(data["seed"])
    p = plan(golden["settings"], features=X.shape[1], classes=3, rows=len(y))
    start = np.array(golden["start"])
    snapshot = Snapshot(
        start,
        np.zeros((OPTIMIZERS[p.recipe.optimizer].moments, start.size)),
        np.zeros(2),
        np.zeros(p.recipe.architecture.statistics),
        0.0,
    )
    stack = Stack(p.recipe, [p.constants], [snapshot])
    steps = len(y) // p.recipe.batch_size
    for epoch, expected in enumerate(golden["losses"]):
        loss = stack.epoch(X, y, [seed], epoch, [p.rates(epoch, steps)])
        assert loss[0] == pytest.approx(expected, rel=1e-9)
    assert_allclose(stack.params[0], golden["end"], rtol=1e-7, atol=1e-10)

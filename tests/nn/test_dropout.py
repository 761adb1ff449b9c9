import numpy as np
import pytest

from hpsearch import rng
from hpsearch.nn import dropout


def draw(rates, shape=(200, 50), seeds=None):
    factors = np.empty((len(rates), *shape), np.float32)
    streams = [rng.stream(seed, "dropout") for seed in seeds or range(len(rates))]
    rates = np.array(rates, np.float32)[:, None, None]
    dropout.draw(streams, rates, factors, np.empty(factors.shape, bool))
    return factors


def test_a_unit_is_dropped_or_enlarged():
    factors = draw([0.2])
    assert set(np.unique(factors)) == {np.float32(0), np.float32(1) / np.float32(0.8)}
    assert np.mean(factors == 0) == pytest.approx(0.2, abs=0.015)


def test_the_expected_activation_stays():
    assert np.mean(draw([0.5])) == pytest.approx(1, abs=0.03)


def test_each_trial_has_its_own_rate_and_its_own_draws():
    stacked = draw([0.1, 0.6])
    assert np.array_equal(stacked[1], draw([0.6], seeds=[1])[0])

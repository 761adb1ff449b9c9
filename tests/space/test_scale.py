import pickle

import numpy as np
import pytest

from hpsearch.space import ALIASES, LINEAR, LOG, ONE_MINUS_POWER, SCALES, Continuous


def test_one_minus_power_of_0_9_to_0_999_has_median_0_99():
    assert Continuous(0.9, 0.999, ONE_MINUS_POWER).at(0.5) == pytest.approx(0.99, rel=1e-12)


def test_log_of_1e_4_to_1_has_median_0_01():
    assert Continuous(1e-4, 1, LOG).at(0.5) == pytest.approx(0.01, rel=1e-12)


def test_linear_of_2_to_4_has_median_3():
    assert Continuous(2, 4).at(0.5) == 3


def test_one_minus_power_draws_as_the_lecture_does():
    u = np.linspace(0, 1, 11)
    r = -1 + u * (-3 - -1)
    lecture = 1 - 10**r
    ours = [Continuous(0.9, 0.999, ONE_MINUS_POWER).at(float(x)) for x in u]
    assert ours == pytest.approx(list(lecture), rel=1e-12)


@pytest.mark.parametrize(
    ("scale", "low", "high", "admitted"),
    [
        (LINEAR, -1, 0, True),
        (LOG, 0, 1, False),
        (LOG, -1, 1, False),
        (LOG, 1e-300, 1, True),
        (ONE_MINUS_POWER, 0.9, 1, False),
        (ONE_MINUS_POWER, -3, 0.5, True),
    ],
)
def test_a_scale_says_which_bounds_it_admits(scale, low, high, admitted):
    assert scale.admits(low, high) is admitted


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_a_scale_pickles_to_itself(scale):
    assert pickle.loads(pickle.dumps(scale)) is scale


def test_every_alias_stands_for_a_scale():
    assert set(ALIASES.values()) <= set(SCALES)

import numpy as np
import pytest

from hpsearch.nn.architecture import Architecture, layers
from hpsearch.nn.initializers import initialize

WIDE = Architecture((300, 200, 100))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("he", (2 / 300) ** 0.5, (2 / 200) ** 0.5), ("xavier", (2 / 500) ** 0.5, (2 / 300) ** 0.5)],
)
def test_weights_have_the_initializers_deviation(name, first, last):
    below, above = layers(initialize(WIDE, [name], [(0,)]), WIDE)
    assert np.std(below.W) == pytest.approx(first, rel=0.02)
    assert np.std(above.W) == pytest.approx(last, rel=0.02)
    assert abs(np.mean(below.W)) < 0.02 * first


def test_gamma_starts_at_one_and_shifts_at_zero():
    below, above = layers(initialize(WIDE, ["he"], [(0,)]), WIDE)
    assert below.gamma is not None
    assert (below.gamma == 1).all()
    assert above.gamma is None
    assert not below.shift.any()
    assert not above.shift.any()


def test_a_trials_start_does_not_depend_on_its_stack():
    stacked = initialize(WIDE, ["he", "xavier"], [(0,), (1,)])
    assert np.array_equal(stacked[1], initialize(WIDE, ["xavier"], [(1,)])[0])
    assert not np.array_equal(stacked[0], initialize(WIDE, ["he"], [(1,)])[0])

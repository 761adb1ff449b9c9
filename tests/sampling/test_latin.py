import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.latin import latin_hypercube


@given(st.integers(1, 60), st.integers(0, 8), st.integers(0, 99))
def test_every_slice_of_every_axis_holds_exactly_one_point(points, dimensions, seed):
    cube = latin_hypercube(np.random.default_rng(seed), points, dimensions)
    assert cube.shape == (points, dimensions)
    for axis in cube.T:
        assert sorted(np.floor(axis * points).astype(int)) == list(range(points))


def test_axes_are_shuffled_apart():
    cube = latin_hypercube(np.random.default_rng(0), 200, 2)
    assert abs(np.corrcoef(cube.T)[0, 1]) < 0.2

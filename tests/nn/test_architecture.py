import numpy as np
import pytest

from hpsearch.nn.architecture import Architecture, initialize, layers, statistics


@pytest.mark.parametrize(
    ("architecture", "weights", "parameters", "averages"),
    [
        (Architecture((64, 32, 10)), 64 * 32 + 32 * 10, 64 * 32 + 32 * 10 + 2 * 32 + 10, 64),
        (Architecture((4, 5, 6, 3), batch_norm=False), 20 + 30 + 18, 20 + 30 + 18 + 14, 0),
        (Architecture((4, 3)), 12, 15, 0),
    ],
)
def test_the_flat_buffer_holds_every_parameter_once(architecture, weights, parameters, averages):
    assert architecture.weights == weights
    assert architecture.parameters == parameters
    assert architecture.statistics == averages
    flat = np.zeros((2, parameters))
    for number, layer in enumerate(layers(flat, architecture), start=1):
        for view in layer:
            if view is not None:
                assert not view.any(), "views overlap"
                view[...] = number
    assert flat.all(), "some of the buffer belongs to no layer"
    assert sum(layer.W[0].size for layer in layers(flat, architecture)) == weights


def test_a_hidden_layer_has_no_bias_before_batch_norm():
    below, above = layers(np.zeros((1, 20 + 10 + 15 + 3)), Architecture((4, 5, 3)))
    assert below.gamma is not None
    assert below.gamma.shape == below.shift.shape == (1, 1, 5)
    assert above.gamma is None
    assert above.shift.shape == (1, 1, 3)


def test_statistics_are_cut_layer_by_layer():
    flat = np.arange(16.0)[None]
    first, second = statistics(flat, Architecture((4, 5, 3, 2)))
    assert first.mean.ravel().tolist() == [0, 1, 2, 3, 4]
    assert first.variance.ravel().tolist() == [5, 6, 7, 8, 9]
    assert second.mean.ravel().tolist() == [10, 11, 12]
    assert second.variance.ravel().tolist() == [13, 14, 15]


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

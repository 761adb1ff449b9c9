import numpy as np
import pytest

from hpsearch.nn.architecture import Architecture, layers, statistics


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

"""That PyTorch runs these lines to the same numbers is for tests/nn/test_golden.py to say."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import DEVIATIONS
from hpsearch.nn.optimizers import OPTIMIZERS, SCHEDULES, learning_rates
from hpsearch.trainers.network.frameworks import keras, pytorch


def lines(framework, **settings):
    return "\n".join(framework(settings, features=64, classes=10))


@pytest.mark.parametrize("framework", [pytorch, keras])
@given(
    st.fixed_dictionaries(
        {
            "optimizer": st.sampled_from(sorted(OPTIMIZERS)),
            "activation": st.sampled_from(sorted(ACTIVATIONS)),
            "schedule": st.sampled_from(sorted(SCHEDULES)),
            "initializer": st.sampled_from(sorted(DEVIATIONS)),
            "hidden_layers": st.integers(0, 3),
            "batch_norm": st.booleans(),
            "batch_norm_average": st.sampled_from(["ewma", "mean"]),
            "learning_rate_decay": st.sampled_from([0, 0.1]),
            "l2": st.sampled_from([0, 1e-4]),
            "dropout": st.sampled_from([0, 0.2]),
            "class_weight": st.sampled_from(["none", "balanced"]),
            "warmup": st.sampled_from([0, 2]),
        }
    )
)
def test_every_setting_gives_lines_that_are_python(framework, settings):
    ast.parse(lines(framework, **settings))


def test_the_courses_momentum_is_sgd_with_a_smaller_rate():
    settings = {"optimizer": "momentum", "learning_rate": 0.5, "momentum": 0.9}
    assert "SGD(groups, lr=0.05, momentum=0.9)" in lines(pytorch, **settings)
    assert "SGD(learning_rate=0.05, momentum=0.9)" in lines(keras, **settings)


def test_batch_norms_decay_is_one_minus_pytorchs_momentum_and_is_kerass():
    settings = {"batch_norm_decay": 0.9, "batch_norm_epsilon": 0.001}
    assert "BatchNorm1d(64, eps=0.001, momentum=0.1)" in lines(pytorch, **settings)
    assert "BatchNormalization(momentum=0.9, epsilon=0.001)" in lines(keras, **settings)


def test_rmsprops_beta2_is_pytorchs_alpha_and_kerass_rho():
    settings = {"optimizer": "rmsprop", "beta2": 0.99, "epsilon": 1e-4}
    assert "RMSprop(groups, lr=0.01, alpha=0.99, eps=0.0001)" in lines(pytorch, **settings)
    assert "RMSprop(learning_rate=0.01, rho=0.99, epsilon=1e-08)" in lines(keras, **settings)


def test_l2_is_decoupled_for_adamw_and_of_weights_alone():
    settings = {"optimizer": "adamw", "l2": 0.02}
    assert "{'params': weights, 'weight_decay': 0.02}, {'params': others}" in lines(
        pytorch, **settings
    )
    assert "weight_decay=0.02)" in lines(keras, **settings)
    assert "exclude_from_weight_decay" in lines(keras, **settings)
    assert "regularizers.L2(0.01)" in lines(keras, optimizer="adam", l2=0.02)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_schedules_line_is_the_schedule(schedule):
    text = lines(pytorch, schedule=schedule, learning_rate_decay=0.3, epochs=12)
    expression = text.split("lambda epoch: ")[1].split("\n")[0].removesuffix(")")
    rate = eval(f"lambda epoch: {expression}", {"math": __import__("math")})
    for epoch in range(12):
        (expected,) = learning_rates(
            1.0, schedule=schedule, decay=0.3, warmup=0.0, epoch=epoch, epochs=12, steps=1
        )
        assert rate(epoch) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"warmup": 2}, "has no warm-up"),
        ({"class_weight": "balanced"}, "divides by the batch size"),
        ({"batch_norm_average": "mean"}, "over the last epoch alone"),
    ],
)
def test_what_has_no_equivalent_is_said(settings, words):
    assert words in lines(pytorch, **settings)
    assert words in lines(keras, **settings)


def test_softmax_regression_is_one_layer():
    assert lines(pytorch, hidden_layers=0).count("nn.Linear(") == 1
    assert lines(keras, hidden_layers=0).count("layers.Dense(") == 1

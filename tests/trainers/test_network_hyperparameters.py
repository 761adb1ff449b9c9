import pytest

from hpsearch.trainers.network.hyperparameters import (
    HYPERPARAMETERS,
    complete,
    ignored,
    problems,
)
from hpsearch.trainers.network.kind import KIND
from hpsearch.trainers.network.plan import plan


def test_the_table_has_the_documented_names():
    assert set(HYPERPARAMETERS) == {
        *("epochs", "learning_rate", "learning_rate_decay", "schedule", "warmup", "patience"),
        *("optimizer", "momentum", "beta1", "beta2", "epsilon", "batch_size", "class_weight"),
        *("hidden_layers", "hidden_units", "activation", "initializer", "l2", "dropout"),
        *("batch_norm", "batch_norm_average", "batch_norm_decay", "batch_norm_epsilon"),
        "track_shift",
    }


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_a_default_is_allowed(name):
    assert HYPERPARAMETERS[name].check(HYPERPARAMETERS[name].default) is None


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_a_suggested_range_is_allowed(name):
    h = HYPERPARAMETERS[name]
    ends = [h.search[key] for key in ("min", "max") if key in h.search]
    for value in [*ends, *h.search.get("values", [])]:
        assert h.check(value) is None


def test_tiers_follow_the_lectures_order_of_importance():
    tiers = {
        tier: {h.name for h in HYPERPARAMETERS.values() if h.tier == tier} for tier in (1, 2, 3)
    }
    assert tiers == {
        1: {"learning_rate"},
        2: {"momentum", "hidden_units", "batch_size"},
        3: {"hidden_layers", "learning_rate_decay"},
    }
    assert all(h.search for h in HYPERPARAMETERS.values() if h.tier)


def test_beta2_defaults_to_what_its_optimizer_is_used_to():
    assert complete({"optimizer": "rmsprop"})["beta2"] == 0.9
    assert complete({"optimizer": "adam"})["beta2"] == 0.999
    assert complete({"optimizer": "rmsprop", "beta2": 0.99})["beta2"] == 0.99


def test_defaults_ignore_nothing():
    assert ignored({"learning_rate": 0.1, "hidden_units": 8, "batch_norm_decay": 0.9}) == []


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"optimizer": "adam", "momentum": 0.9}, ["momentum"]),
        ({"optimizer": "momentum", "momentum": 0.9, "beta1": 0.9}, ["beta1"]),
        ({"optimizer": "sgd", "beta2": 0.9, "epsilon": 1e-8}, ["beta2", "epsilon"]),
        ({"schedule": "cosine", "learning_rate_decay": 0.1}, ["learning_rate_decay"]),
        ({"schedule": "exponential"}, ["schedule"]),
        ({"schedule": "cosine"}, []),
        ({"batch_norm": False, "batch_norm_epsilon": 1e-5}, ["batch_norm_epsilon"]),
        ({"batch_norm_average": "mean", "batch_norm_decay": 0.9}, ["batch_norm_decay"]),
        (
            {"hidden_layers": 0, "hidden_units": 8, "dropout": 0.1, "batch_norm": True},
            ["hidden_units", "batch_norm", "dropout"],
        ),
        ({"hidden_layers": 0, "track_shift": True}, ["track_shift"]),
    ],
)
def test_idle_hyperparameters_are_named(settings, names):
    assert [name for name, _ in ignored(settings)] == names


def test_problems_names_every_value_out_of_range():
    found = problems({"learning_rate": 0, "batch_size": 2.5, "activation": "Relu"})
    assert {name for name, _ in found} == {"learning_rate", "batch_size", "activation"}


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        ({"hidden_layers": 2, "hidden_units": [8]}, "hidden_units", "2 entries, not 1"),
        ({"batch_size": 1}, "batch_size", "at least 2 with batch norm"),
    ],
)
def test_problems_names_values_that_do_not_fit_together(settings, name, words):
    ((found, problem),) = problems(settings)
    assert found == name
    assert words in problem


def test_single_examples_train_without_batch_norm():
    assert problems({"batch_size": 1, "batch_norm": False}) == []
    assert problems({"batch_size": 1, "hidden_layers": 0}) == []


def test_the_kind_tells_the_learning_rate_that_training_uses():
    settings = {"epochs": 9, "learning_rate": 0.1, "schedule": "cosine", "warmup": 2}
    told = [KIND.rate(settings, epoch) for epoch in range(1, 10)]
    shape = {"features": 3, "classes": 2, "rows": 64}

    assert told == [plan(settings, **shape).rates(epoch, steps=4)[-1] for epoch in range(9)]

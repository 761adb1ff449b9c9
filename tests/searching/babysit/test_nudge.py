"""What may change in a model that trains: checked, completed by what it makes active, told."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import from_mapping
from hpsearch.errors import ConfigError
from hpsearch.searching.babysit.nudge import (
    changes,
    current,
    middle,
    named_values,
    problems_of,
    settings_with,
    sorted_out,
)
from hpsearch.space.domain import same

DIGITS = {"name": "d", "data": {"source": "digits"}, "trainer": {"kind": "network", "epochs": 9}}
AWKWARD = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
    "hidden_layers": {"type": "int", "min": 2, "max": 4},
    "hidden_units": {"type": "int", "scale": "log", "min": 4, "max": 64, "per": "hidden_layers"},
    "activation": {"values": ["relu", "gelu"]},
    "dropout": {"min": 0, "max": 0.5},
    "optimizer": {"values": ["momentum", "adam"]},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"optimizer": "momentum"}},
    "beta1": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"optimizer": "adam"}},
    "batch_size": {"value": 64},
}
OWN = {
    "x": {"min": -1, "max": 1},
    "layers": {"type": "int", "min": 1, "max": 3},
    "units": {"type": "int", "min": 1, "max": 9, "per": "layers"},
    "kind": {"values": ["a", 2, None, True]},
    "share": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"kind": "a"}},
    "rate": {"scale": "log", "min": 0.1, "max": 10},
    "fixed": {"value": 7},
}


@cache
def config():
    return from_mapping({**DIGITS, "space": AWKWARD})


def own(tmp_path):
    (tmp_path / "own.py").write_text("def train(params):\n    yield {'loss': 1}\n")
    return from_mapping(
        {
            "name": "own",
            "trainer": {"kind": "function", "function": f"{tmp_path}/own.py:train", "epochs": 9},
            "metric": {"name": "loss", "goal": "minimize"},
            "space": OWN,
        }
    )


def test_the_middle_of_a_space_is_the_middle_by_each_scale():
    found = middle(config())
    assert found["learning_rate"] == pytest.approx(1e-2)
    assert (found["hidden_layers"], found["hidden_units"]) == (3, [15, 15, 15])
    assert found["dropout"] == 0.25
    assert found["optimizer"] == "adam"
    assert found["beta1"] == pytest.approx(0.99)
    assert "momentum" not in found
    assert found["batch_size"] == 64


def test_the_middle_follows_what_is_given_and_completes_it():
    found = middle(config(), {"optimizer": "momentum", "hidden_layers": 2})
    assert found["momentum"] == pytest.approx(0.99)
    assert "beta1" not in found
    assert found["hidden_units"] == [15, 15]


def test_the_middle_of_a_space_with_nothing_to_search_is_its_values():
    assert middle(from_mapping({**DIGITS, "space": {"learning_rate": {"value": 0.1}}})) == {
        "learning_rate": 0.1
    }


@given(
    st.dictionaries(
        st.sampled_from(["learning_rate", "dropout", "optimizer", "momentum", "beta1", "l2",
                         "batch_size", "patience"]),
        st.sampled_from([0, 0.5, 0.25, 16, 64, "adam", "momentum", "sgd", None]),
        min_size=1,
    )
)  # fmt: skip
def test_a_change_is_refused_or_leads_to_a_setting_that_could_begin(values):
    at = config()
    params = middle(at)
    try:
        changed = changes(at, params, values, 5)
    except ConfigError:
        return
    after = {**params, **changed}
    assert changed
    assert all(same(current(at, after, name), value) for name, value in values.items())
    assert not problems_of(at, values, {**after, **values})
    with pytest.raises(ConfigError, match="nothing would change"):
        changes(at, after, values, 5)


def test_a_change_brings_what_becomes_active_at_its_middle():
    at = config()
    assert changes(at, middle(at), {"optimizer": "momentum"}, 3) == {
        "optimizer": "momentum",
        "momentum": pytest.approx(0.99),
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": -1}, "learning_rate: must be a number > 0, not -1"),
        ({"learning_rate": float("nan")}, "learning_rate: must be a number > 0"),
        ({"learning_rate": "fast"}, "learning_rate: must be a number > 0, not 'fast'"),
        ({"learning_rate": 10**400}, "learning_rate: must be a number > 0"),
        ({"hidden_layers": 4}, "hidden_layers: cannot change while the model trains: the weights"),
        ({"hidden_units": 8}, "hidden_units: cannot change while the model trains"),
        ({"activation": "relu"}, "activation: cannot change while the model trains"),
        ({"leraning_rate": 1}, "leraning_rate: is no parameter of this model.*'learning_rate'"),
        ({"momentum": 0.5}, "momentum: (would change nothing|is not active)"),
        ({"epochs": 5}, "epochs: must be more than the 5 that are trained"),
        ({"epochs": 7.5}, "epochs: must be an integer >= 1, not 7.5"),
        ({"epochs": None}, "epochs: must be an integer >= 1"),
        ({"batch_size": 64}, "nothing would change: batch_size is 64 already"),
        ({"optimizer": "adma"}, "optimizer: must be one of .*adam"),
    ],
)
def test_what_cannot_change_is_refused_with_the_reason(given, said):
    at = config()
    with pytest.raises(ConfigError, match=said):
        changes(at, middle(at), given, 5)


def test_every_problem_of_a_change_is_told_at_once():
    at = config()
    with pytest.raises(ConfigError) as found:
        changes(at, middle(at), {"learning_rate": -1, "dropout": 2, "activation": "relu"}, 5)
    assert str(found.value).count("\n") == 2


def test_a_value_outside_the_searched_range_but_inside_its_domain_may_be_set():
    at = config()
    assert changes(at, middle(at), {"learning_rate": 5}, 1) == {"learning_rate": 5}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": "a"}, "x: must be a number"),
        ({"x": True}, "x: must be a number"),
        ({"x": 2**70}, "x: must be a number"),
        ({"units": 3}, "units: must be a list, as `per: layers` has it, found 3"),
        ({"units": [1]}, "units: must have 2 values, found 1"),
        ({"units": [1.5, 2]}, "units: must be a whole number, found 1.5"),
        ({"kind": "b"}, "kind: must be one of 'a', 2, null, true, found 'b'"),
        ({"share": 1}, "share: must be below 1, as its scale is 1-10.r, found 1"),
        ({"rate": 0}, "rate: must be above 0, as its scale is log, found 0"),
        ({"fixed": 8}, "fixed: must be one of 7, found 8"),
        ({"__class__": 8}, "__class__: is no parameter of this model; there are x, layers"),
    ],
)
def test_a_parameter_of_the_users_own_is_what_its_space_says(tmp_path, given, said):
    at = own(tmp_path)
    with pytest.raises(ConfigError, match=said):
        changes(at, middle(at, {"kind": "a"}), given, 5)


def test_a_parameter_of_the_users_own_may_leave_the_searched_range(tmp_path):
    at = own(tmp_path)
    assert changes(at, middle(at), {"x": 40}, 5) == {"x": 40}


def test_a_list_grows_and_shrinks_with_what_it_is_for(tmp_path):
    at = own(tmp_path)
    params = {**middle(at), "units": [7, 8]}
    assert changes(at, params, {"layers": 3}, 5) == {"layers": 3, "units": [7, 8, 5]}
    assert changes(at, params, {"layers": 1}, 5) == {"layers": 1, "units": [7]}
    assert changes(at, params, {"layers": 1, "units": [2]}, 5) == {"layers": 1, "units": [2]}


def test_what_has_become_inactive_reaches_no_trainer_of_the_users(tmp_path):
    at = own(tmp_path)
    params = middle(at, {"kind": "a"})
    assert "share" in settings_with(at, params)
    after = {**params, **changes(at, params, {"kind": 2}, 5)}
    assert "share" not in settings_with(at, after)
    assert settings_with(at, {**after, "checkpoint_dir": "/etc", "epochs": 4})["epochs"] == 4
    assert "checkpoint_dir" not in settings_with(at, {**after, "checkpoint_dir": "/etc"})


def test_what_a_user_writes_is_a_value_or_belongs_to_the_configuration():
    values, others = sorted_out(
        ["learning_rate=0.1", "trainer.l2=1e-3", "trainer.kind=network", "search.trials=3",
         "epochs=4", "seed=2"],
        ("trainer", "search", "seed"),
    )  # fmt: skip
    assert values == {"learning_rate": 0.1, "l2": 1e-3}
    assert others == ("trainer.kind=network", "search.trials=3", "trainer.epochs=4", "seed=2")


def test_what_steer_is_given_is_a_value_by_name():
    assert named_values(["trainer.learning_rate=0.1", "a.b=c"]) == {
        "learning_rate": 0.1,
        "a.b": "c",
    }
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        named_values(["learning_rate"])

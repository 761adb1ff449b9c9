"""Settings by hand are settings that the space could draw."""

import json

import pytest

from hpsearch.config import from_mapping, load
from hpsearch.errors import ConfigError

TREE = {
    "data": {"source": "digits"},
    "trainer": {"epochs": 3},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
        "hidden_layers": {"min": 0, "max": 3},
        "hidden_units": {"values": [16, 32], "per": "hidden_layers"},
        "optimizer": {"values": ["momentum", "adam"]},
        "momentum": {"min": 0.5, "max": 0.9, "when": {"optimizer": "momentum"}},
        "l2": {"value": 0.1},
    },
}
FULL = {"learning_rate": 0.1, "hidden_layers": 2, "hidden_units": [16, 32], "optimizer": "adam"}


def started(*settings):
    return from_mapping(TREE | {"search": {"start": list(settings)}})


def test_a_full_setting_is_kept_and_completed_with_what_is_fixed():
    config = started(FULL, FULL | {"learning_rate": 1, "hidden_layers": 0, "hidden_units": []})
    assert config.search.start[0] == FULL | {"l2": 0.1}
    assert all(config.space.contains(setting) for setting in config.search.start)


def test_the_name_of_a_run_is_kept_for_the_search_to_resolve():
    assert from_mapping(TREE | {"search": {"start": "digits-1"}}).search.start == "digits-1"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (FULL | {"learning_rate": 5}, r"learning_rate: 5 is outside the space; it lies between"),
        (FULL | {"optimizer": "sgd"}, r"'sgd' is outside .* one of 'momentum', 'adam'"),
        (FULL | {"hidden_units": [16, 24]}, r"hidden_units\[1\]: 24 is outside the space"),
        (FULL | {"hidden_units": [16]}, r"must have 2 values, one per hidden_layers; found 1"),
        (FULL | {"hidden_units": 16}, r"must be a list, one value per hidden_layers; found 16"),
        (FULL | {"hidden_layers": True}, r"hidden_layers: true is outside the space"),
        (FULL | {"momentum": 0.9}, r"momentum: does not count with this optimizer; leave it out"),
        (FULL | {"l2": 0.2}, r"l2: 0.2 is outside the space; it is fixed at 0.1"),
        (FULL | {"epochs": 3}, r"epochs: is fixed in 'trainer' as 3; leave it out"),
        (FULL | {"lr": 3}, r"lr: is not in 'space' \(did you mean 'learning_rate'\?\)"),
        (3, r"search.start: must be a list of settings .*, found a list"),
    ],
)
def test_a_setting_that_the_space_could_not_draw_is_told(setting, message):
    with pytest.raises(ConfigError, match=message):
        started(setting)


def test_what_is_left_out_takes_its_default_or_the_middle_of_its_range():
    space = {
        "learning_rate": {"scale": "log", "min": 1e-3, "max": 1},
        "hidden_layers": {"min": 2, "max": 4},
        "hidden_units": {"min": 16, "max": 128, "per": "hidden_layers"},
    }
    config = from_mapping(TREE | {"space": space, "search": {"start": [{"learning_rate": 0.1}]}})
    # hidden_layers: 1 by default is outside, hidden_units: 64 is not
    assert config.search.start == (
        {"learning_rate": 0.1, "hidden_layers": 3, "hidden_units": [64, 64, 64]},
    )


def test_more_settings_than_trials_are_refused_where_they_stand(tmp_path):
    message = "search.start: holds 2 settings, and search.trials is 1: each is a trial; raise "
    two = [FULL, FULL | {"learning_rate": 0.2}]
    with pytest.raises(ConfigError, match=message):
        from_mapping(TREE | {"search": {"start": two, "trials": 1}})
    with pytest.raises(ConfigError, match=f"^{message}"):
        from_mapping(TREE | {"search": {"start": two}}, trials=1)
    assert len(from_mapping(TREE | {"search": {"start": two, "trials": 2}}).search.by_hand) == 2
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps(TREE | {"search": {"trials": 1, "start": two}}))
    with pytest.raises(ConfigError, match=rf"c\.yaml:1:\d+: {message}"):
        load(file)


def test_a_step_made_by_arithmetic_is_the_grids_own_value():
    space = {"dropout": {"min": 0, "max": 0.5, "step": 0.1}, "l2": {"values": [0.1, 0.3]}}
    tree = TREE | {"space": space, "search": {"start": [{"dropout": 0.1 * 3, "l2": 0.1 * 3}]}}
    assert from_mapping(tree).search.start == ({"dropout": 0.3, "l2": 0.3},)
    with pytest.raises(ConfigError, match=r"0\.3001 is outside the space; .* steps of 0\.1"):
        from_mapping(tree | {"search": {"start": [{"dropout": 0.3001}]}})
    tree["search"]["start"].append({"dropout": 0.3, "l2": 0.3})
    with pytest.raises(ConfigError, match=r"start\[1\]: is the same as start\[0\]"):
        from_mapping(tree)


def test_a_condition_on_a_step_made_by_arithmetic_holds():
    space = {
        "dropout": {"min": 0, "max": 0.5, "step": 0.1},
        "l2": {"min": 0, "max": 1, "when": {"dropout": [0.1 * 3, 0.1 + 0.1]}},
    }
    found = from_mapping(TREE | {"space": space}).space
    assert found["l2"].when == {"dropout": (0.3, 0.2)}
    assert found.contains({"dropout": 0.1 * 3, "l2": 0.5})


def test_the_same_setting_twice_is_told():
    with pytest.raises(ConfigError, match=r"start\[1\]: is the same as start\[0\]"):
        started(FULL, dict(FULL))

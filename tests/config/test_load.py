"""A sound configuration: what it means, and that it survives being stored."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import Confirm, Halving, Search, from_mapping, load, space_from
from hpsearch.errors import ConfigError
from hpsearch.space import LOG, Choice, Continuous, Discrete, Fixed
from hpsearch.space.stored import space_from_config

LEAST = {
    "data": {"source": "digits"},
    "space": {"learning_rate": {"scale": "log", "min": 1e-4, "max": 1}},
}


def with_space(**space):
    return from_mapping(LEAST | {"space": space}).space


def test_the_digits_configuration_means_what_it_says(configs):
    config = load(configs / "digits.yaml")
    assert (config.name, config.seed) == ("digits", 0)
    assert config.data.source == "digits"
    assert config.trainer.epochs == 30
    assert (config.metric.name, config.metric.goal) == ("val_accuracy", "maximize")
    assert config.space["learning_rate"].domain == Continuous(1e-4, 1, LOG)
    assert config.space["hidden_units"].domain.scale is LOG
    assert config.space["hidden_units"].per == "hidden_layers"
    assert config.space["momentum"].when == {"optimizer": ("momentum",)}
    assert (config.search.trials, config.search.rounds) == (64, "auto")
    assert (config.parallel.jobs, config.parallel.backend) == ("auto", "local")


EXAMPLE = """\
name: digits
seed: 0
data:
  source: digits              # built in; or data.csv, data.parquet, data.npz, a folder of IDX files
  target: label               # tables: the column to predict
  validation: 0.2             # fractions of all rows; where the source brings its own parts, those are used
  test: 0.2
  standardize: true           # with the training rows' mean and deviation, never the others'
trainer: {kind: network, epochs: 30}   # a hyperparameter may be fixed here or searched in `space`
metric: {name: val_accuracy, goal: maximize}
space:
  learning_rate:       {scale: log, min: 1e-4, max: 1}
  hidden_layers:       {type: int, min: 1, max: 3}
  hidden_units:        {type: int, scale: log, min: 16, max: 128, per: hidden_layers}
  batch_size:          {values: [32, 64, 128, 256]}
  learning_rate_decay: {min: 0, max: 1}
  optimizer:           {values: [momentum, adam]}
  momentum:            {scale: 1-10^r, min: 0.9, max: 0.999, when: {optimizer: momentum}}
  beta1:               {scale: 1-10^r, min: 0.9, max: 0.999, when: {optimizer: adam}}
search: {trials: 64, rounds: auto, sampler: zoom, halving: true, timeout: null, trial_timeout: null}
parallel: {jobs: auto, backend: local}
"""  # noqa: E501


def test_the_format_as_it_was_designed_means_the_same_with_its_defaults_left_out(digits, tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(EXAMPLE)
    designed, ours = load(path), load(digits)
    assert designed.data.target == "label"
    assert (designed.space, designed.search) == (ours.space, ours.search)
    assert (designed.trainer, designed.metric) == (ours.trainer, ours.metric)


def searched(epochs=30, **search):
    tree = LEAST | {"trainer": {"epochs": epochs}, "search": search}
    config = from_mapping(tree)
    assert from_mapping(json.loads(json.dumps(config.as_dict()))) == config
    return config.search


def test_a_search_halves_screens_and_confirms_unless_told_otherwise():
    assert searched() == Search()
    assert (searched().halving, searched().screen) == (Halving(None, 3), True)
    assert searched().confirm == Confirm(3, 3, 0.1)
    assert searched(halving=True, screen=True, confirm=True) == Search()
    plain = searched(halving=False, screen=False, confirm=False)
    assert (plain.halving, plain.screen, plain.confirm) == (None, False, None)


def test_what_is_given_of_halving_and_confirmation_leaves_the_rest_at_its_default():
    assert searched(halving={"min_epochs": 2}).halving == Halving(2, 3)
    assert searched(halving={"min_epochs": 30, "factor": 4.0}).halving == Halving(30, 4)
    assert searched(halving={}).halving == Halving()
    assert searched(confirm={"top": 1, "share": 1}).confirm == Confirm(1, 3, 1.0)


def test_one_epoch_leaves_nothing_to_halve():
    assert searched(epochs=1).halving is None
    assert searched(epochs=1, halving=True).halving is None
    assert searched(epochs=2).halving == Halving()


def test_random_draws_are_not_screened():
    assert not searched(sampler="random").screen


def test_pairs_are_neither_halved_nor_confirmed_unless_it_is_asked_for():
    tree = LEAST | {"space": {"batch_norm": {"values": [True, False], "cross": True}}}
    search = from_mapping(tree).search
    assert (search.halving, search.confirm) == (None, None)
    asked = from_mapping(tree | {"search": {"halving": False, "confirm": True}}).search
    assert (asked.halving, asked.confirm) == (None, Confirm())


def test_the_crossed_configuration_works_without_new_keys(configs):
    config = load(configs / "batch_norm.yaml")
    assert (config.search.halving, config.search.screen, config.search.confirm) == (
        None,
        False,
        None,
    )
    assert from_mapping(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("memory", "in_bytes"),
    [("2G", 2**31), ("1.5 GiB", 3 * 2**29), ("64m", 2**26), ("1TiB", 2**40), (1e9, 10**9)],
)
def test_memory_is_written_in_bytes_or_with_a_unit(memory, in_bytes):
    config = from_mapping(LEAST | {"parallel": {"memory": memory, "devices": [0, 2.0]}})
    assert (config.parallel.memory, config.parallel.devices) == (in_bytes, (0, 2))
    assert from_mapping(json.loads(json.dumps(config.as_dict()))) == config


def test_the_text_is_kept_byte_for_byte(digits):
    assert load(digits).text == digits.read_bytes()


def test_a_resolved_configuration_survives_json(digits):
    config = load(digits)
    stored = json.loads(json.dumps(config.as_dict(), allow_nan=False))
    assert from_mapping(stored, base="/nowhere") == config


def test_every_form_of_parameter_survives_being_stored():
    tree = LEAST | {
        "metric": {"name": "val_loss", "at": "best"},
        "trainer": {"hidden_layers": 2, "epochs": 1e2},
        "space": {
            "hidden_units": {"value": 16, "per": "hidden_layers"},
            "batch_size": {"min": 16, "max": 100, "step": 16},
            "dropout": {"min": 0, "max": 0.5, "step": 0.1},
            "patience": {"values": [None, 5, 1e1]},
            "beta2": {"value": None},
            "activation": {"values": ["relu"]},
            "batch_norm": {"values": [True, False], "cross": True},
            "optimizer": {"values": ["adam", "momentum"]},
            "l2": {"scale": "10^r", "min": 1e-6, "max": 0.1, "when": {"optimizer": ["adam"]}},
        },
        "search": {
            "timeout": "1h30m",
            "trial_timeout": 90,
            "folds": 5,
            "repeats": 2,
            "start": [
                {"batch_size": 32.0, "dropout": 0.3, "patience": 10, "batch_norm": True,
                 "optimizer": "momentum"}
            ],
        },
    }  # fmt: skip
    config = from_mapping(tree)
    assert from_mapping(json.loads(json.dumps(config.as_dict()))) == config
    assert config.trainer.settings["epochs"] == 100
    assert (config.search.folds, config.search.repeats, config.metric.at) == (5, 2, "best")
    assert (config.search.timeout, config.search.trial_timeout) == (5400, 90)
    assert config.search.start == (
        {"hidden_units": [16, 16], "batch_size": 32, "dropout": 0.3, "patience": 10,
         "beta2": None, "activation": "relu", "batch_norm": True, "optimizer": "momentum"},
    )  # fmt: skip
    assert type(config.search.start[0]["batch_size"]) is int
    assert config.space["activation"].domain == Fixed("relu")
    assert config.space["patience"].domain == Choice((None, 5, 10))
    assert config.space["l2"].domain.scale is LOG


def test_a_whole_number_needs_no_type_where_the_hyperparameter_is_one():
    assert with_space(hidden_layers={"min": 1, "max": 3})["hidden_layers"].domain == Discrete(1, 3)


def test_whole_numbers_may_be_written_with_an_exponent():
    space = with_space(batch_size={"scale": "log", "min": 1e1, "max": 1e2})
    assert space["batch_size"].domain == Discrete(10, 100, scale=LOG)


def test_the_lectures_momentum_has_median_0_99_and_learning_rate_0_01(digits):
    space = load(digits).space
    assert space["momentum"].domain.at(0.5) == pytest.approx(0.99)
    assert space["learning_rate"].domain.at(0.5) == pytest.approx(0.01)


def test_a_file_name_that_is_no_name_for_a_run_is_made_one(tmp_path):
    path = tmp_path / "_my first search.yaml"
    path.write_text(json.dumps(LEAST))
    assert load(path).name == "my-first-search"


@pytest.mark.parametrize(
    ("metric", "goal"), [("val_loss", "minimize"), ("val_macro_f1", "maximize")]
)
def test_the_goal_follows_from_the_metric(metric, goal):
    assert from_mapping(LEAST | {"metric": {"name": metric}}).metric.goal == goal


def test_paths_are_relative_to_the_file_and_in_overrides_to_the_current_folder(
    tmp_path, monkeypatch
):
    (tmp_path / "configs").mkdir()
    (tmp_path / "here").mkdir()
    path = tmp_path / "configs" / "c.yaml"
    path.write_text(json.dumps(LEAST | {"data": {"source": "../data.csv"}}))
    monkeypatch.chdir(tmp_path / "here")
    assert load(path).data.source == str(tmp_path / "data.csv")
    assert load(path, ["data.source=d.csv"]).data.source == str(tmp_path / "here" / "d.csv")
    assert load(path, ["data={source: d.csv}"]).data.source == str(tmp_path / "here" / "d.csv")
    assert load(path, ["data.test=0.1"]).data.source == str(tmp_path / "data.csv")
    assert load(path, ["data.source=digits"]).data.source == "digits"


def test_a_stored_path_does_not_depend_on_where_it_is_loaded():
    config = from_mapping(LEAST | {"data": {"source": "d.csv"}}, base="/data")
    assert from_mapping(config.as_dict(), base="/elsewhere").data.source == str(
        Path("/data/d.csv")
    )


def test_python_values_are_taken_as_yaml_would_have_them():
    tree = LEAST | {
        "seed": np.int64(3),
        "data": {"source": Path("/data/x.csv")},
        "space": {"batch_size": {"values": np.array([16, 32])}, "l2": {"values": (0.0, 0.1)}},
    }
    config = from_mapping(tree)
    assert config.seed == 3
    assert config.space["batch_size"].domain == Choice((16, 32), ordered=True)
    assert config.space["l2"].domain == Choice((0.0, 0.1), ordered=True)


def test_python_values_that_yaml_cannot_have_are_told_by_their_path():
    with pytest.raises(ConfigError) as error:
        from_mapping({**LEAST, 3: 1, "search": {"trials": object()}})
    assert error.value.problems == (
        "a key must be text, found 3",
        "search.trials: must be plain values, found an object of type object",
    )


def test_a_dict_that_holds_itself_is_refused():
    tree = dict(LEAST)
    tree["data"] = tree
    with pytest.raises(ConfigError, match="nested more than 50 deep"):
        from_mapping(tree)


def test_importing_the_package_imports_neither_pydantic_nor_yaml():
    code = "import sys, hpsearch.config; print({'pydantic', 'yaml', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("keys", "ordered"),
    [
        ({"values": [16, 32, 64]}, True),
        ({"values": [0.5, 1, 1e3]}, True),
        ({"values": [64, 32, 16]}, False),
        ({"values": [16, 32, 64], "ordered": False}, False),
        ({"values": [64, 32, 16], "ordered": True}, True),
        ({"values": ["small", "large"]}, False),
        ({"values": ["small", "large"], "ordered": True}, True),
        ({"values": [False, True]}, False),
        ({"values": [1, None, 2]}, False),
        ({"values": [1, 2, "auto"]}, False),
    ],
)
def test_numbers_in_ascending_order_are_an_ordered_choice(keys, ordered):
    space = space_from({"a": keys})
    assert space["a"].domain == Choice(tuple(keys["values"]), ordered)
    assert space_from(space.as_config()) == space
    assert space_from_config(space.as_config(), {}) == space


@pytest.mark.parametrize(
    ("keys", "guess"),
    [
        ({"min": 1e-4, "max": 1, "scale": "log", "guess": 0.01}, 0.01),
        ({"min": 0, "max": 1, "step": 0.1, "guess": 0.30000000000000004}, 0.3),
        ({"values": [1, None], "guess": None}, None),
        ({"values": [[1], [2, 3]], "guess": [2, 3]}, [2, 3]),
    ],
)
def test_a_guess_is_one_of_the_values_and_is_kept(keys, guess):
    space = space_from({"a": keys})
    assert space["a"].guess == (guess,)
    assert space_from(space.as_config()) == space
    assert space_from_config(space.as_config(), {}) == space

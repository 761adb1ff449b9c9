"""The schema that editors use accepts what the tool accepts, and knows every key."""

import pytest
from jsonschema import Draft202012Validator

from hpsearch.config import from_mapping, load, yaml_text
from hpsearch.config.docs import json_schema
from hpsearch.config.template import starter
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS


@pytest.fixture(scope="module")
def schema():
    return Draft202012Validator(json_schema())


def tree(text):
    return yaml_text.read(text, "x.yaml")[0]


def test_it_is_a_valid_schema():
    Draft202012Validator.check_schema(json_schema())


def test_it_accepts_a_configuration_as_written_and_as_resolved(schema, digits, configs):
    for path in (digits, configs / "digits.yaml"):
        assert not list(schema.iter_errors(tree(path.read_bytes())))
        assert not list(schema.iter_errors(load(path).as_dict()))


def test_it_accepts_the_starter(schema):
    assert not list(schema.iter_errors(tree(starter(None, "digits").encode())))


@pytest.mark.parametrize(
    "search",
    [
        "{halving: true, confirm: false, screen: true}",
        "{halving: {min_epochs: 3, factor: 2}, confirm: {top: 1, seeds: 5, share: 1}}",
        "{halving: {}, folds: 5, repeats: 2}",
        "{folds: null}\nparallel: {devices: [0, 1], memory: 2G}",
        "{}\nparallel: {devices: null, memory: 1000000000}\nmetric: {at: best}",
    ],
)
def test_it_accepts_every_form_that_loading_does(schema, search):
    text = f"data: {{source: digits}}\nspace: {{l2: {{min: 0, max: 1}}}}\nsearch: {search}"
    from_mapping(tree(text.encode()))
    assert not list(schema.iter_errors(tree(text.encode())))


@pytest.mark.parametrize(
    "data",
    [
        '{missing_values: ["-", -999], missing: mean, decimal: ","}',
        "{missing_values: [], decimal: null, exclude: [], columns: null}",
        '{exclude: [customer_id, "two\\nlines"]}',
        '{columns: [age, height], decimal: "."}',
    ],
)
def test_it_accepts_every_way_to_read_a_table(schema, data):
    text = f"data: {{source: a.csv, target: y, {data[1:]}\nspace: {{l2: {{min: 0, max: 1}}}}"
    config = from_mapping(tree(text.encode()))
    assert not list(schema.iter_errors(tree(text.encode())))
    assert not list(schema.iter_errors(config.as_dict()))
    assert from_mapping(config.as_dict()) == config


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("source: digits", "source: a.csv\n  exclude: id"),
        ("source: digits", "source: a.csv\n  columns: []"),
        ("source: digits", "source: a.csv\n  exclude: [a, a]"),
        ("source: digits", "source: a.csv\n  missing_values: [true]"),
        ("source: digits", "source: a.csv\n  decimal: ';'"),
        ("seed: 0", "sed: 0"),
        ("trials: 64", "trials: 0"),
        ("min: 1e-4", "mn: 1e-4"),
        ("  momentum:  ", "  momentun:  "),
        ("epochs: 30", "epochs: 0"),
        ("val_accuracy", "val_acc"),
        ("scale: log, min: 1e-4", "scale: lag, min: 1e-4"),
        ("{values: [32, 64, 128, 256]}", "64"),
        ("timeout: null, trial", "timeout: soon, trial"),
        ("source: digits", "sorce: digits"),
        ("{trials: 64,", "{halving: 3,"),
        ("{trials: 64,", "{halving: {factor: 1},"),
        ("{trials: 64,", "{confirm: {share: 0},"),
        ("{trials: 64,", "{confirm: {sedes: 3},"),
        ("{trials: 64,", "{folds: 1,"),
        ("jobs: auto", "devices: [0, 0]"),
        ("jobs: auto", "memory: 2GB"),
    ],
)
def test_it_refuses_mistakes(schema, digits, old, new):
    assert old in digits.read_text()
    mistaken = digits.read_text().replace(old, new).encode()
    assert list(schema.iter_errors(tree(mistaken)))


@pytest.mark.parametrize("law", ["true", "{mean: 0}", "{mean: 0, deviation: 0}", "[0, 1]"])
def test_it_knows_what_a_normal_law_needs(schema, law):
    text = "{{data: {{source: digits}}, space: {{l2: {{normal: {}, min: 0}}}}}}"
    assert list(schema.iter_errors(tree(text.format(law).encode())))
    assert not list(schema.iter_errors(tree(text.format("{mean: 0, deviation: 1}").encode())))


def test_every_key_is_described():
    schema = json_schema()
    sections = [schema, *schema["$defs"].values(), schema["properties"]["trainer"]]
    for section in sections:
        for name, key in section["properties"].items():
            shared = schema["$defs"].get(key.get("$ref", "").split("/")[-1], {})
            assert key.get("description") or shared.get("description"), name
            for form in key.get("anyOf", []):
                assert all(inner["description"] for inner in form.get("properties", {}).values())


def test_every_hyperparameter_is_a_known_key_of_trainer_and_space():
    properties = json_schema()["properties"]
    assert set(HYPERPARAMETERS) <= set(properties["trainer"]["properties"])
    assert set(HYPERPARAMETERS) - {"epochs"} == set(properties["space"]["properties"])

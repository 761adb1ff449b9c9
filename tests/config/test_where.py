"""`where` and `derive` in a configuration: what is refused, and what a sound one becomes."""

import json
import random
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hpsearch.config import from_mapping, from_run, load, remarks_on
from hpsearch.config.docs import json_schema
from hpsearch.config.misfits import draws
from hpsearch.config.yaml_text import read as read_yaml
from hpsearch.errors import ConfigError

SOUND = """\
name: sound
trainer: {kind: command, command: "true {beta1} {beta2} {layers} {units} [{size}] [{epsilon}]"}
metric: {name: loss}
where:
  - beta1 < beta2
  - "units[0] * layers <= 512"
  - 'optimizer == "adam" or size <= 256'
space:
  beta1: {min: 0.5, max: 1}
  beta2: {min: 0.5, max: 1}
  layers: {type: int, min: 0, max: 4}
  units: {type: int, min: 16, max: 256, per: layers}
  batch_size: {values: [16, 32, 64, 128]}
  optimizer: {values: [sgd, adam]}
  epsilon: {min: 0, max: 1, when: {optimizer: adam}}
  size: {derive: batch_size * 4}
  double: {derive: 2 * epsilon, when: {optimizer: adam}}
search:
  trials: 8
"""


@pytest.fixture
def sound():
    return SOUND


def config(*replacements):
    text = SOUND
    for old, new in replacements:
        text = text.replace(old, new)
    return from_mapping(read_yaml(text.encode(), "x")[0])


def test_a_sound_one_is_stored_and_read_back_as_it_was(tmp_path):
    found = config()
    assert found.where == tuple(each.text for each in found.space.where)
    stored = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert from_mapping(stored) == found
    assert from_run(stored, tmp_path) == found
    assert "where" not in config(("where:", "where: null #"), ("  - ", "#")).as_dict()


def test_the_schema_of_editors_knows_the_keys():
    schema = Draft202012Validator(json_schema())
    tree = config().as_dict()
    assert not list(schema.iter_errors(tree))
    assert list(schema.iter_errors(tree | {"where": "beta1 < beta2"}))
    assert list(schema.iter_errors(tree | {"where": [1]}))


def test_the_draws_that_are_looked_at_keep_the_constraints():
    sample = draws(config().space)
    assert len(sample) == 256
    for params in sample:
        assert params["beta1"] < params["beta2"]
        assert not params["units"] or params["units"][0] * params["layers"] <= 512
        assert params["size"] == 4 * params["batch_size"]
        assert ("double" in params) == (params["optimizer"] == "adam")
    assert {params["layers"] for params in sample} == set(range(5))
    assert not any("where" in remark for remark in remarks_on(config()))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("beta1 < beta2", "beta1 < betta2"),
         "c.yaml:5:5: where[0]: 'betta2' is neither in 'space' nor fixed in 'trainer' (did you "
         "mean 'beta2'?)"),
        (("beta1 < beta2", "beta1 <"), "c.yaml:5:5: where[0]: cannot be read; an expression "),
        (("beta1 < beta2", "__import__('os').system('ls')"),
         "c.yaml:5:5: where[0]: __import__('os').system('ls') cannot stand in an expression; an "),
        (("units[0] * layers", "units * layers"),
         "c.yaml:6:5: where[1]: in some trials: units * layers: must be of numbers, found a"),
        (("beta1 < beta2", "beta1"),
         "c.yaml:5:5: where[0]: in some trials: beta1: must be true or false, found 0."),
        (("beta1 < beta2", "beta1 < 1 && beta2 < 1"),
         "c.yaml:5:5: where[0]: cannot be read; && is and; an expression "),
        (("beta1 < beta2", '""'), "c.yaml:5:5: where[0]: is empty; an expression "),
        (("beta1 < beta2", "beta1.low < beta2"),
         "c.yaml:5:5: where[0]: 'beta1.low' is neither in 'space' nor fixed in 'trainer' (did you "
         'mean \'beta1\'?); an entry of beta1 is beta1["low"]'),
        (("beta1 < beta2", "beta1 / 0 < beta2"),
         "c.yaml:5:5: where[0]: no draw keeps all 3 constraints, at least 1% must; "
         "'beta1 / 0 < beta2' costs most, 0.00% keep it; loosen it, or narrow the space to where "
         "it holds; in some trials it has no value: beta1 / 0: "),
        (("beta1 < beta2", "true"), 'found a list; where[0] is true, put it in quotes'),
        (("where:\n", "where: 3\nnever:\n"),
         'c.yaml:4:8: where: must be a list of texts such as ["beta1 < beta2"], found 3'),
        (("where:\n", "constraints:\n"),
         "c.yaml:4:1: constraints: unknown key (did you mean 'where'?)"),
        (("beta1 < beta2", "beta2 - beta1 > 0.499"),
         "c.yaml:5:5: where[0]: no draw keeps all 3 constraints, at least 1% must; "
         "'beta2 - beta1 > 0.499' costs most"),
        (("derive: batch_size * 4", "derive: size * 4"),
         "c.yaml:16:18: space.size.derive: names the parameter itself"),
        (("derive: batch_size * 4", "derive: double * 4"), None),
        (("2 * epsilon", "size * 4"), None),
        (("derive: batch_size * 4", "derive: optimizer * 4"),
         "c.yaml:16:18: space.size.derive: in some trials: optimizer * 4: must be of numbers, "),
        (("derive: batch_size * 4", "derive: batch_size * 4, min: 3"),
         "c.yaml:16:34: space.size.min: says what is searched, but 'derive' computes it; keep "),
        (("derive: batch_size * 4", "formula: batch_size * 4"),
         "c.yaml:16:10: space.size.formula: unknown key (did you mean 'derive'?)"),
        (("per: layers", "per: size"),
         "c.yaml:12:46: space.units.per: space.size is derived; name what it is computed from"),
        (("epsilon: {min: 0, max: 1, when: {optimizer: adam}}",
          "epsilon: {min: 0, max: 1, when: {size: 4}}"),
         "c.yaml:15:36: space.epsilon.when.size: space.size is derived; name what it is"),
        (("derive: batch_size * 4", "derive: batch_size / 0"),
         "c.yaml:9:3: space: no draw has all derived values, at least 1% must; the first has no "
         "value of batch_size / 0: division by zero"),
        (("  trials: 8\n", "  start: [{beta1: 0.9, beta2: 0.8, optimizer: adam}]\n"),
         "c.yaml:19:11: search.start[0]: does not keep 'beta1 < beta2'; found beta1: 0.9, "),
        (("  trials: 8\n", "  start: [{beta1: 0.6, beta2: 0.8, optimizer: adam, size: 3}]\n"),
         "c.yaml:19:59: search.start[0].size: is derived: "),
        (("  trials: 8\n", "  start: [{beta1: 0.6, beta2: 0.8, optimizer: sgd, double: 3}]\n"),
         "c.yaml:19:52: search.start[0].double: is derived, and inactive with this setting; "),
    ],
)  # fmt: skip
def test_each_problem_is_told_at_its_place(problems, change, expected):
    if expected is None:  # derived values may name each other
        assert config(change)
    else:
        found = problems(change)
        assert found[0].startswith(expected) or expected in "\n".join(found), found


def test_a_circle_of_derived_values_is_told_once(problems):
    found = problems(("batch_size * 4", "double * 4"), ("2 * epsilon", "size + 1"))
    assert found == ["c.yaml:16:9: space.size: a circle of 'derive': size -> double -> size"]


def test_a_name_that_is_no_name_of_pythons_is_written_in_brackets(problems):
    beta = (("beta1: {min", "beta-1: {min"), (" {beta1}", " {beta-1}"))
    assert any(line.endswith('write space["beta-1"]') for line in problems(
        *beta, ("beta1 < beta2", "beta-1 < beta2")))  # fmt: skip
    assert config(*beta, ("beta1 < beta2", 'space["beta-1"] < beta2'))


def test_a_start_takes_derived_values_that_are_right_and_adds_those_left_out():
    start = {"beta1": 0.6, "beta2": 0.8, "layers": 1, "units": [64], "batch_size": 32,
             "optimizer": "adam", "epsilon": 0.25}  # fmt: skip
    for more in ({}, {"size": 128}, {"double": 0.5, "size": 128}):
        tree = config().as_dict()
        tree["search"]["start"] = [start | more]
        full = start | {"size": 128, "double": 0.5}
        assert from_mapping(tree).search.start == (full,)


def test_a_derived_value_that_the_trainer_cannot_take_is_a_problem():
    tree = {"data": {"source": "digits"}, "space": {"batch_size": {"values": [32, 64]}}}
    units, rate = {"derive": "2 * batch_size"}, {"derive": "batch_size / 1024"}
    space = {**tree["space"], "hidden_units": units, "learning_rate": rate}
    sound = from_mapping(tree | {"space": space})
    assert draws(sound.space)[0]["hidden_units"] in (64, 128)
    for text, message in (
        ("batch_size / 2", "is no whole number, found 16.0; use // or round"),
        ("batch_size - 64", "must be an integer >= 1, not -32"),
    ):
        space = {**tree["space"], "hidden_units": {"derive": text}}
        with pytest.raises(ConfigError, match=f"hidden_units.derive: in some trials: {message}"):
            from_mapping(tree | {"space": space})


def test_the_example_in_the_guide_is_sound():
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    section = guide.partition("## Constraints and derived values")[2]
    example = section.partition("```yaml\n")[2].partition("```")[0]
    found = from_mapping(read_yaml(f"data: {{source: digits}}\n{example}".encode(), "x")[0])
    assert (len(found.where), len(found.space.derived)) == (3, 1)
    assert {params["learning_rate"] for params in draws(found.space)} == {0.005, 0.01, 0.02}


SCRAPS = [
    "(",
    ")",
    "[",
    "]",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    ">",
    "=",
    ".",
    ",",
    "0",
    "**",
    "==",
    "and",
    "not",
    "in",
    "[0]",
    "log2(",
    "len(",
    "1e300",
    "beta1",
    "units",
    "optimizer",
    "size",
    "'adam'",
    "null",
    "derive",
    "where",
    "{",
    ":",
]


def outcome(path):
    try:
        return load(path)
    except ConfigError as error:
        return error


@pytest.mark.parametrize("seed", range(100))
def test_a_mutated_file_gives_sound_draws_or_readable_problems(seed, tmp_path):
    chance, text, begin = random.Random(seed), SOUND, SOUND.index("where:")
    for _ in range(chance.choice([1, 1, 2, 4])):
        start = chance.randrange(begin, len(text))
        text = text[:start] + chance.choice(SCRAPS) + text[start + chance.choice([0, 1, 5]) :]
    path = tmp_path / "c.yaml"
    path.write_text(text)
    found = outcome(path)
    if isinstance(found, ConfigError):
        assert all(line.startswith(str(path)) and "\n" not in line for line in found.problems)
        return
    assert all(found.space.contains(params) for params in draws(found.space, 16))
    stored = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert from_mapping(stored) == found
    assert from_run(stored, tmp_path) == found

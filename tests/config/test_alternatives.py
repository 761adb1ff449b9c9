"""A list under a parameter's name: what is refused, and what a sound one becomes."""

import json
import random
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hpsearch.config import from_mapping, from_run, load, remarks_on
from hpsearch.config.docs import json_schema
from hpsearch.config.misfits import draws
from hpsearch.config.yaml_text import read as read_yaml
from hpsearch.errors import ConfigError
from hpsearch.space import Discrete

SOUND = """\
name: sound
trainer: {kind: command, command: "true {n_fft} [{hop}] [{rate}] {layers} [{kind}]"}
metric: {name: loss}
space:
  n_fft: {values: [512, 1024, 2048], ordered: false}
  hop:
    - {type: int, min: 96, max: 320, when: {n_fft: 512}}
    - {type: int, min: 128, max: 512, when: {n_fft: 1024}, guess: 200}
    - {value: 700, when: {n_fft: 2048}}
  kind: {values: [a, b]}
  layers: {type: int, min: 0, max: 3}
  rate:
    - {scale: log, min: 0.01, max: 1, per: layers, when: {kind: a}}
    - {scale: log, min: 0.0001, max: 0.01, per: layers, when: {kind: b}}
search: {trials: 8}
"""


def config(*replacements, settings=()):
    text = SOUND
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return from_mapping(read_yaml(text.encode(), "x")[0], overrides=settings)


@pytest.fixture
def sound():
    return SOUND


def test_a_list_becomes_one_parameter_of_alternatives():
    hop = config().space["hop"]
    assert [each.when for each in hop.alternatives] == [
        {"n_fft": (512,)},
        {"n_fft": (1024,)},
        {"n_fft": (2048,)},
    ]
    assert hop.alternatives[1].guess == (200,)
    assert hop.domain == Discrete(96, 700)


def test_it_comes_back_from_its_stored_form(tmp_path):
    stored = json.loads(json.dumps(config().as_dict()))
    assert from_mapping(stored) == config() == from_run(stored, tmp_path)


def test_the_schema_accepts_it_as_written_and_as_resolved():
    schema = Draft202012Validator(json_schema())
    assert schema.is_valid(read_yaml(SOUND.encode(), "x")[0])
    assert schema.is_valid(config().as_dict())
    alone = read_yaml(SOUND.replace("when: {n_fft: 512}}", "step: 1}").encode(), "x")[0]
    assert not schema.is_valid(alone)


@pytest.mark.parametrize("written", ["[{min: 1, max: 2}]", "{min: 1, max: 2}"])
def test_a_list_of_one_is_the_same_as_the_mapping(written):
    tree = {"metric": {"name": "loss"}, "trainer": {"kind": "command", "command": "true {x}"}}
    space = read_yaml(f"x: {written}".encode(), "x")[0]
    plain = {"x": {"min": 1, "max": 2}}
    assert from_mapping({**tree, "space": space}) == from_mapping({**tree, "space": plain})


def test_a_list_of_one_may_be_crossed_as_the_mapping_may():
    tree = {"metric": {"name": "loss"}, "trainer": {"kind": "command", "command": "true {x}"}}
    keys = {"values": [1, 2], "cross": True}
    assert from_mapping({**tree, "space": {"x": [keys]}}) == from_mapping(
        {**tree, "space": {"x": keys}}
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "when: {n_fft: 1024}",
            "when: {n_fft: [1024, 512]}",
            "c.yaml:8:39: space.hop[1].when: holds at once with [0] where n_fft is 512; give each "
            "a 'when' that excludes the others",
        ),
        (
            "when: {n_fft: 1024}",
            "when: {kind: b}",
            "c.yaml:8:39: space.hop[1].when: holds at once with [0] where n_fft is 512, kind is "
            "'b'; give each a 'when' that excludes the others",
        ),
        (
            "{value: 700, when: {n_fft: 2048}}",
            "{value: 700}",
            "c.yaml:9:7: space.hop[2]: needs 'when', as each of several alternatives does: one "
            "that always counts leaves no trial to the others",
        ),
        (
            "{value: 700,",
            "{values: [700, 800],",
            "c.yaml:9:7: space.hop[2]: lists values, and [0] is a range; make both the same",
        ),
        (
            "{type: int, min: 128",
            "{min: 128",
            "c.yaml:8:7: space.hop[1]: is of real numbers, and [0] of whole ones; give both "
            "type: int, or none",
        ),
        (
            "{value: 700,",
            "{value: 700.5,",
            "c.yaml:9:7: space.hop[2]: is of real numbers, and [0] of whole ones; give both "
            "type: int, or none",
        ),
        (
            "{value: 700,",
            "{derive: n_fft // 3,",
            "c.yaml:9:8: space.hop[2].derive: cannot be one of several alternatives; derive all "
            "of the parameter, or none",
        ),
        (
            "min: 0.0001, max: 0.01, per: layers",
            "min: 0.0001, max: 0.01",
            "c.yaml:14:7: space.rate[1]: 'per' must be the same in all alternatives; the first "
            "has 'layers'",
        ),
        (
            "{value: 700, when: {n_fft: 2048}}",
            "700",
            "c.yaml:9:7: space.hop[2]: must be a mapping with keys and 'when', as each "
            "alternative is; found 700",
        ),
        (
            "when: {n_fft: 1024}",
            "when: {nfft: 1024}",
            "c.yaml:8:46: space.hop[1].when.nfft: 'nfft' is neither in 'space' nor fixed in "
            "'trainer' (did you mean 'n_fft'?)",
        ),
        (
            "when: {n_fft: 1024}",
            "wen: {n_fft: 1024}",
            "c.yaml:8:39: space.hop[1].wen: unknown key (did you mean 'when'?)",
        ),
        (
            "when: {n_fft: 1024}",
            "when: {n_fft: 4096}",
            "c.yaml:8:53: space.hop[1].when.n_fft: space.n_fft is never 4096; it is one of 512, "
            "1024, 2048",
        ),
        (
            "guess: 200",
            "guess: 100",
            "c.yaml:8:67: space.hop[1].guess: must be a value from 128 to 512, found 100",
        ),
        (
            "n_fft: {values: [512, 1024, 2048], ordered: false}",
            "n_fft: {values: [512, 1024, 2048], ordered: false, when: {hop: 96}}",
            "c.yaml:5:10: space.n_fft: a circle of 'per' and 'when': n_fft -> hop -> n_fft",
        ),
        ("trials: 8", "trials: 8, sampler: grid", "c.yaml:13:7: space.rate[0]: a range of real"),
        (
            "trials: 8",
            "trials: 8, start: [{n_fft: 1024, hop: 100}]",
            "c.yaml:15:48: search.start[0].hop: 100 is outside the space; it lies between 128 "
            "and 512, with n_fft 1024",
        ),
        (
            "trials: 8",
            "trials: 8, start: [{n_fft: 1024, hop: 900}]",
            "c.yaml:15:48: search.start[0].hop: 900 is outside the space; it lies between 96 "
            "and 700",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(old, new, expected, problems):
    assert problems((old, new))[0].startswith(expected)


def test_a_crossed_alternative_is_refused(problems):
    values = (
        "hop: [{values: [1, 2], cross: true, when: {n_fft: 512}}, {value: 3, when: {n_fft: 8}}]"
    )
    found = problems((SOUND[SOUND.index("hop:") : SOUND.index("  kind:")], values + "\n"))
    assert any("space.hop[0].cross: compares every one of 'values'" in line for line in found)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"n_fft": 1024, "hop": 200}, {"n_fft": 1024, "hop": 200}),
        ({"n_fft": 2048}, {"n_fft": 2048, "hop": 700}),
        ({"kind": "b", "layers": 2}, {"kind": "b", "rate": [0.001, 0.001]}),
        ({"kind": "a", "layers": 1, "rate": [0.5]}, {"rate": [0.5]}),
        ({"hop": 500}, {"n_fft": 1024, "hop": 500}),
    ],
)
def test_a_setting_to_start_with_takes_the_alternative_that_counts(given, expected):
    (full,) = config(("{trials: 8}", json.dumps({"trials": 8, "start": [given]}))).search.start
    found = {name: full[name] for name in expected}
    assert {**found, "rate": pytest.approx(found.get("rate"))} == {"rate": None, **expected}


@pytest.mark.parametrize(
    "setting", ["space.hop[1].max=400", "space.hop.1.max=400", "space.hop[1].max=400.0"]
)
def test_set_reaches_into_a_list(setting):
    assert config(settings=[setting]).space["hop"].alternatives[1].domain == Discrete(128, 400)


@pytest.mark.parametrize("setting", ["space.hop[3].max=400", "space.hop.max=400"])
def test_set_of_what_the_list_lacks_is_refused_and_names_its_entries(setting):
    with pytest.raises(
        ConfigError, match=r"space.hop is a list; of its entries write space.hop.0"
    ):
        config(settings=[setting])


def test_set_takes_an_alternative_away():
    alternatives = config(settings=["space.hop[0]=null"]).space["hop"].alternatives
    assert [each.when for each in alternatives] == [{"n_fft": (1024,)}, {"n_fft": (2048,)}]


def test_alternatives_may_have_laws_of_their_own():
    hop = config(
        ("min: 96, max: 320", "normal: {mean: 200, deviation: 50}"),
        ("min: 128, max: 512", "normal: {mean: 300, deviation: 100}, min: 128, max: 512"),
    ).space["hop"]
    assert hop.domain == Discrete(0, 700)
    assert [each.domain.at(0.5) for each in hop.alternatives[:2]] == [
        200,
        pytest.approx(303, 0.01),
    ]


def test_ignored_guesses_are_told_of_alternatives_too():
    remarks = remarks_on(config(("{trials: 8}", "{trials: 8, sampler: random, screen: false}")))
    assert any(line.startswith("space.hop.guess: only sampler zoom") for line in remarks)


def test_the_example_in_the_guide_is_sound():
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    example = guide.partition("**Alternatives.**")[2].partition("```yaml\n")[2].partition("```")[0]
    space = from_mapping(read_yaml(f"data: {{source: digits}}\n{example}".encode(), "x")[0]).space
    drawn = draws(space)
    assert {params["optimizer"] for params in drawn} == {"momentum", "rmsprop", "adam"}
    for params in drawn:
        low, high = (0.01, 1) if params["optimizer"] == "momentum" else (1e-4, 0.01)
        assert low <= params["learning_rate"] <= high


def test_an_alternative_that_no_trial_has_is_told():
    found = config(
        ("when: {n_fft: 1024}, guess: 200}", "when: {n_fft: 1024, deep: 1}}"),
        ("  kind:", "  deep: {value: 1, when: {n_fft: 2048}}\n  kind:"),
    )
    told = "space.hop[1]: its conditions hold in no trial of 256 drawn; drop it"
    assert told in remarks_on(found)
    assert not any("hop" in line for line in remarks_on(config()))


SCRAPS = re.findall(
    r"\S+",
    """
    null true 0 -1 1e400 [] {} x 512 1024 a n_fft hop kind layers when per cross derive values
    value guess min max [{}] {n_fft:512} [512,1024] {kind:b}
    """,
)


def outcome(path):
    try:
        return load(path)
    except ConfigError as error:
        return error


WORD = re.compile(r"[a-z_0-9.]+")


@pytest.mark.parametrize("seed", range(150))
def test_mutated_alternatives_give_a_configuration_or_readable_problems(seed, tmp_path):
    chance, text = random.Random(seed), SOUND
    for _ in range(chance.choice([1, 1, 2, 4])):
        start, stop = chance.choice([match.span() for match in WORD.finditer(text)])
        text = text[:start] + chance.choice(SCRAPS) + text[stop:]
    path = tmp_path / "c.yaml"
    path.write_text(text)
    found = outcome(path)
    if isinstance(found, ConfigError):
        assert found.problems
        assert all(line.startswith(str(path)) and "\n" not in line for line in found.problems)
        return
    remarks_on(found)
    stored = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert from_mapping(stored) == found == from_run(stored, tmp_path)

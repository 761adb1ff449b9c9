"""Groups of a choice are short for `values` and `when`, and problems name where they stand."""

import pytest
from jsonschema import Draft202012Validator

from hpsearch import Sampler
from hpsearch.config import from_mapping, from_run, load, space_from
from hpsearch.config.docs import json_schema
from hpsearch.errors import ConfigError

BETA1 = {"scale": "1-10^r", "min": 0.8, "max": 0.99}
RATE = {"scale": "log", "min": 1e-4, "max": 1}
WARMUP = {"type": "int", "min": 0, "max": 5}


def choice(**groups):
    return {"choice": groups}


def test_a_group_is_short_for_a_condition():
    short = {"optimizer": choice(adam={"beta1": BETA1}, sgd=None, rmsprop={}), "lr": RATE}
    long = {
        "optimizer": {"values": ["adam", "sgd", "rmsprop"]},
        "beta1": {**BETA1, "when": {"optimizer": "adam"}},
        "lr": RATE,
    }
    assert space_from(short) == space_from(long)
    assert list(space_from(short).names) == ["optimizer", "beta1", "lr"]


def test_groups_in_groups_count_under_all_their_conditions():
    schedule = choice(cosine={"warmup": {**WARMUP, "when": {"lr": [1, 2]}}}, flat={})
    space = space_from({"lr": {"values": [1, 2, 3]}, "opt": choice(adam={"schedule": schedule})})
    assert space["schedule"].when == {"opt": ("adam",)}
    assert space["warmup"].when == {"opt": ("adam",), "schedule": ("cosine",), "lr": (1, 2)}


def test_a_name_in_several_groups_has_alternatives():
    schedules = {"adam": choice(cosine={}, flat={}), "sgd": choice(step={"gamma": RATE}, flat={})}
    groups = {name: {"schedule": each, "lr": RATE} for name, each in schedules.items()}
    groups["sgd"]["lr"] = {**RATE, "max": 10}
    long = {
        "opt": {"values": ["adam", "sgd"]},
        "schedule": [
            {"values": ["cosine", "flat"], "when": {"opt": "adam"}},
            {"values": ["step", "flat"], "when": {"opt": "sgd"}},
        ],
        "lr": [
            {**RATE, "when": {"opt": "adam"}},
            {**RATE, "max": 10, "when": {"opt": "sgd"}},
        ],
        "gamma": {**RATE, "when": {"opt": "sgd", "schedule": "step"}},
    }
    assert space_from({"opt": choice(**groups)}) == space_from(long)


def test_alternatives_may_have_groups():
    wide = {**choice(a={"x": WARMUP}, b={}), "when": {"size": "wide"}}
    thin = {**choice(a={"x": {**WARMUP, "max": 9}}), "when": {"size": "thin"}}
    space = space_from({"size": {"values": ["wide", "thin"]}, "kind": [wide, thin]})
    whens = [each.when for each in space["x"].alternatives]
    assert whens == [{"size": (size,), "kind": ("a",)} for size in ("wide", "thin")]


def test_other_keys_stand_beside_groups_as_beside_values():
    keys = {"guess": "b", "ordered": True, "when": {"on": True}}
    space = space_from(
        {"on": {"values": [True, False]}, "size": {**choice(a={"x": WARMUP}, b=None), **keys}}
    )
    assert space["size"].guess == ("b",)
    assert space["size"].ordered
    assert space["size"].when == {"on": (True,)}
    crossed = space_from({"size": {**choice(a={}, b=None), "cross": True}, "x": WARMUP})
    assert crossed["size"].cross


def test_a_configuration_with_groups_is_stored_without_them(tmp_path):
    config = from_mapping(tree({"opt": choice(adam={"beta1": BETA1}, sgd={}), "lr": RATE}))
    stored = config.as_dict()
    assert "choice" not in stored["space"]["opt"]
    assert from_mapping(stored) == config
    assert from_run(stored, tmp_path) == config


def test_an_override_reaches_into_a_group(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "trainer: {kind: command, command: 'echo {lr}'}\nmetric: {name: loss}\n"
        "space: {lr: {min: 0, max: 1}, opt: {choice: {adam: {beta1: {min: 0, max: 1}}, sgd: }}}\n"
    )
    assert load(path, ["space.opt.choice.adam.beta1.max=0.5"]).space["beta1"].domain.high == 0.5
    assert "beta1" not in load(path, ["space.opt.choice.adam=null"]).space
    with pytest.raises(ConfigError, match=r"--set .*: space\.opt\.choice\.adam\.beta1\.min: must"):
        load(path, ["space.opt.choice.adam.beta1.min=two"])


def test_the_sampler_takes_groups_and_draws_what_counts():
    sampler = Sampler({"opt": choice(adam={"beta1": BETA1}, sgd={})}, trials=8)
    for trial in sampler.ask(8):
        assert ("beta1" in trial.params) == (trial.params["opt"] == "adam")


def tree(space):
    return {
        "trainer": {"kind": "command", "command": "echo {lr}"},
        "metric": {"name": "loss"},
        "space": space,
    }


PROBLEMS = """\
trainer: {kind: command, command: 'echo {lr}'}
metric: {name: loss}
space:
  lr: {scale: log, min: 1e-4, max: 1}
  opt:
    choice:
      adam:
        beta1: {scale: 1-10^r, min: 0.8, max: 1}
        beta2: 0.9
        eps: {min: 0, mx: 1}
      momentum:
        nest: {choice: {a: {q: {min: 0, max: 1, when: {opt: adam}}}, b: {lr: {min: 0, max: 1}}}}
      sgd:
        nesterov: {values: [true, false], when: {nosuch: 1}}
    min: 3
    per: lr
  a: {choice: []}
  b: {choice: {x: {c: {min: 0, max: 1}}}, cross: true}
  d: {choice: {x: {e: {choice: {y: {f: {min: 1, max: 0}}}}, g: {choice: {z: 3}}}}}
  h: {choice: {x: }, values: [1]}
  i: {choice: {x: , y: }, guess: z}
  j: {chioce: {x: , y: }}
"""


def test_every_problem_in_a_group_is_told_with_its_place(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(PROBLEMS)
    with pytest.raises(ConfigError) as error:
        load(path)
    told = [line.removeprefix(f"{path}:") for line in error.value.problems]
    shape = "must be a mapping of values to the parameters of each, such as"
    expected = [
        "8:47: space.opt.choice.adam.beta1.max: must be below 1 on the 1-10^r scale, found 1",
        "9:16: space.opt.choice.adam.beta2: must be a mapping; to fix it write {value: 0.9}",
        "10:23: space.opt.choice.adam.eps.mx: unknown key (did you mean 'max'?)",
        "12:56: space.opt.choice.momentum.nest.choice.a.q.when.opt: stands in a group where opt",
        "14:50: space.opt.choice.sgd.nesterov.when.nosuch: 'nosuch' is neither in 'space' nor",
        "15:5: space.opt.min: says in another way what 'choice' says; keep one of them",
        "16:5: space.opt.per: makes lists, of which group 'adam' could not depend; drop it",
        f"17:15: space.a.choice: {shape}",
        "18:43: space.b.cross: trains each draw with every value, but those of group 'x' would",
        "19:46: space.d.choice.x.e.choice.y.f.min: must be below max, found min 1 and max 0",
        f"19:73: space.d.choice.x.g.choice: {shape}",
        "20:22: space.h.values: says in another way what 'choice' says; keep one of them",
        "21:34: space.i.guess: must be one of 'x', 'y', found 'z'",
        "22:7: space.j.chioce: unknown key (did you mean 'choice'?)",
    ]
    left = [line for line in told if not any(line.startswith(each) for each in expected)]
    assert all(any(line.startswith(each) for line in told) for each in expected), told
    assert [line.split(": ")[1] for line in left] == ["space.lr"]  # always counts, and in a group


def test_a_name_of_a_group_that_the_trainer_does_not_know_is_told_at_its_key(problems):
    told = problems(("{values: [momentum, adam]}", "{choice: {momentum: {}, adm: {l2: {}}}}"))
    assert [line.partition(": ")[2] for line in told if "adm" in line.split(": ")[1]] == [
        "space.optimizer.choice.adm: must be one of sgd, momentum, rmsprop, adam, adamw, not "
        "'adm' (did you mean 'adam'?)",
        "space.optimizer.choice.adm.l2: needs min and max, or values, or value, or derive",
    ]


def test_alternatives_of_several_groups_that_hold_at_once_name_each_other():
    groups = {name: choice(on={"x": WARMUP}, off={}) for name in ("a", "b")}
    with pytest.raises(ConfigError) as error:
        space_from(groups)
    (line,) = error.value.problems
    assert line.startswith(
        "space.b.choice.on.x.when: holds at once with space.a.choice.on.x where"
    )


@pytest.mark.parametrize(
    ("space", "sound"),
    [
        ({"opt": choice(adam={"beta1": BETA1}, sgd=None)}, True),
        ({"opt": {**choice(a={"b": choice(c={"d": RATE})}), "guess": "a"}}, True),
        ({"opt": choice(a={"b": [RATE, {**RATE, "when": {"lr": 1}}]}), "lr": {"value": 1}}, True),
        ({"opt": choice()}, False),
        ({"opt": choice(adam=3)}, False),
        ({"opt": choice(adam={"beta1": 3})}, False),
        ({"opt": choice(adam={"beta1": {"mn": 3}})}, False),
    ],
)
def test_the_schema_knows_groups(space, sound):
    errors = list(Draft202012Validator(json_schema()).iter_errors(tree(space)))
    assert not errors if sound else errors

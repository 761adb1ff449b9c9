"""Trainers of the user's own in a configuration: what they need, refuse and leave open."""

import jsonschema
import pytest

from hpsearch.config import from_mapping, load, remarks_on
from hpsearch.config.docs import json_schema
from hpsearch.errors import ConfigError
from hpsearch.trainers.kinds import kind_of

SPACE = {"rate": {"scale": "log", "min": 1e-4, "max": 1}, "anything": {"values": ["a", "b"]}}
FUNCTION = {"kind": "function", "function": "m.py:train"}
KERAS = {"kind": "keras", "model": "m.py:build"}
COMMAND = {"kind": "command", "command": "sh t.sh {rate} {anything}"}


@pytest.fixture(autouse=True)
def scripts(tmp_path, monkeypatch):
    """A folder with the scripts that commands here name."""
    for name in ("t.sh", "t.py", "train.py"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


def tree(trainer, metric=None, **more):
    return {"trainer": trainer, "metric": metric or {"name": "loss"}, "space": SPACE, **more}


def told(*args, **more):
    with pytest.raises(ConfigError) as caught:
        from_mapping(tree(*args, **more))
    return caught.value.problems


@pytest.mark.parametrize(
    "trainer",
    [
        FUNCTION,
        {**FUNCTION, "epochs": 9},
        COMMAND,
        {**COMMAND, "epochs": 9, "resumes": True, "result": {"pattern": "loss (.*)"}},
        {**COMMAND, "result": {"file": "result.json"}},
    ],
)
def test_a_sound_one_comes_back_equal_and_fits_the_schema(trainer):
    config = from_mapping(tree(trainer))
    assert from_mapping(config.as_dict()) == config
    assert config.data is None
    jsonschema.validate(tree(trainer), json_schema())
    for name in trainer:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tree({**trainer, name: []}), json_schema())


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ({"kind": "function"}, "trainer.function: missing; for example function: mymodel"),
        ({"kind": "function", "function": "m.py"}, "a function, as FILE.py:NAME or MODULE:NAME"),
        ({**FUNCTION, "epohcs": 3}, "trainer.epohcs: unknown key (did you mean 'epochs'?)"),
        ({**FUNCTION, "units": 3}, "goes in 'space', as units: {value: ...}"),
        ({**FUNCTION, "epochs": 0}, "trainer.epochs: must be an integer >= 1"),
        ({**FUNCTION, "command": "x"}, "trainer.command: unknown key"),
        ({"kind": "command"}, "trainer.command: missing"),
        ({"kind": "command", "command": "sh 'x"}, "a command line, found \"sh 'x\" (no closing"),
        ({"kind": "command", "command": ["sh"]}, "a command line, as text, found a list"),
        ({**COMMAND, "command": "sh {rat}"}, "{rat} is neither a parameter nor epochs, full"),
        ({**COMMAND, "command": "sh {rat}"}, "(did you mean 'rate'?)"),
        ({**COMMAND, "command": "sh {zzz}"}, "; write {{zzz}} for the text"),
        ({**COMMAND, "command": "sh ${HOME}"}, "{HOME} is neither a parameter nor epochs"),
        (
            {**COMMAND, "command": "sh ${rate}"},
            "${rate}: no shell or formatter reads it; write {rate} for the value, or ${{rate}}",
        ),
        ({**COMMAND, "command": "sh {{ rate }}"}, "; write {rate} for the value, or {{rate}} for"),
        ({**COMMAND, "command": "sh {rate:.2f}"}, "{rate:.2f}: no shell or formatter reads it"),
        ({**COMMAND, "command": "awk '{print NR}'"}, "; write {{print NR}} for the text"),
        ({**COMMAND, "command": "sh {model.lr}"}, "{model.lr} is neither a parameter nor"),
        ({**COMMAND, "result": {}}, "must be {pattern: REGULAR EXPRESSION}, {file: NAME} or"),
        ({**COMMAND, "result": {"pattern": "("}}, "whose pattern is none: missing )"),
        ({**COMMAND, "resumes": "yes"}, "trainer.resumes: must be true or false"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(trainer, message):
    (problem,) = told(trainer)
    assert message in problem


@pytest.mark.slow
@pytest.mark.parametrize(
    "trainer", [KERAS, {**KERAS, "backend": "jax", "epochs": 9, "batch_size": 32, "folder": "x"}]
)
def test_a_keras_model_has_data_and_any_parameters_and_metrics(trainer):
    whole = tree(trainer, {"name": "val_auc"}, data={"source": "digits"}, search={"folds": 3})
    config = from_mapping(whole)
    assert from_mapping(config.as_dict()) == config
    assert kind_of(config.trainer).any_names
    assert (config.metric.goal, config.search.confirm) == ("maximize", None)
    assert from_mapping({**whole, "metric": {}}).metric.name == "val_accuracy"
    assert remarks_on(config) == []
    jsonschema.validate(whole, json_schema())
    for name in trainer:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**whole, "trainer": {**trainer, name: []}}, json_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({k: v for k, v in whole.items() if k != "data"}, json_schema())


@pytest.mark.parametrize(
    ("trainer", "more", "message"),
    [
        (KERAS, {"data": None}, "data: missing; trainer.kind keras needs rows"),
        ({**KERAS, "model": "m.py"}, {}, "trainer.model: must be a function, as FILE.py:NAME"),
        ({**KERAS, "backend": "pytorch"}, {}, "must be tensorflow, jax or torch, found"),
        ({**KERAS, "batch_size": 0}, {}, "trainer.batch_size: must be an integer >= 1"),
        ({**KERAS, "activation": "relu"}, {}, "goes in 'space', as activation: {value: ...}"),
        ({"kind": "keras"}, {}, "space.anything: the keras has no such hyperparameter"),
        ({"kind": "function", **KERAS, **FUNCTION}, {"data": None}, "trainer.model: unknown key"),
    ],
)
def test_a_mistake_with_keras_is_told(trainer, more, message):
    problems = told(trainer, {"name": "val_loss"}, **{"data": {"source": "digits"}, **more})
    assert any(message in problem for problem in problems)


def test_what_has_no_meaning_is_refused_all_at_once():
    problems = told(FUNCTION, {"name": "score"}, data={"source": "digits"}, search={"folds": 3})
    assert [problem.partition(":")[0] for problem in problems] == [
        "data", "metric.goal", "search.folds",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        (
            COMMAND,
            r"space\.seed: \{seed\} is given to every command; rename the parameter, or leave",
        ),
        (
            COMMAND,
            r"space\.epochs: is the length of a full training, .*; or leave trainer\.epochs",
        ),
        (
            FUNCTION,
            r"space\.epochs: is the length of a full training, .*; or leave trainer\.epochs",
        ),
    ],
)
def test_with_rungs_a_parameter_may_not_take_the_name_of_what_a_trainer_is_told(trainer, message):
    space = {**SPACE, "seed": {"min": 0, "max": 1}, "epochs": {"type": "int", "min": 1, "max": 9}}
    with pytest.raises(ConfigError, match=message):
        from_mapping({**tree({**trainer, "epochs": 9}), "space": space})
    assert "epochs" in from_mapping({**tree(trainer), "space": space}).space


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("val_loss", "minimize"),
        ("rmse", "minimize"),
        ("top accuracy", "maximize"),
        ("f1", "maximize"),
    ],
)
def test_the_goal_follows_from_a_name_that_tells(name, goal):
    assert from_mapping(tree(FUNCTION, {"name": name})).metric.goal == goal


def test_a_bare_number_is_called_value_and_needs_a_goal():
    metric = from_mapping(tree(FUNCTION, {"goal": "maximize"})).metric
    assert (metric.name, metric.goal) == ("value", "maximize")
    (problem,) = told(FUNCTION, {"at": "best"})
    assert problem.startswith("metric.goal: missing; say whether 'value' is better lower")


def test_a_test_metric_is_refused_here_too():
    (problem,) = told(FUNCTION, {"name": "test_accuracy"})
    assert "the test rows judge the winner once" in problem


def test_a_parameter_that_a_command_does_not_name_is_a_warning():
    config = from_mapping(tree({**COMMAND, "command": "sh t.sh {rate}"}))
    (remark,) = remarks_on(config)
    assert remark.startswith("space.anything: the command does not name it; unless it reads")
    assert remarks_on(from_mapping(tree(COMMAND))) == []


def test_all_arguments_or_a_file_of_the_settings_make_use_of_every_parameter():
    for more in (
        {"command": "{python} t.py {args}", "args": {"style": "hydra"}},
        {"command": "sh t.sh {params_file}"},
        {"command": "sh t.sh", "params_file": "params.yaml", "cwd": "trial"},
        {"command": "sh t.sh --rate {rate}", "env": {"ANY": "{anything}", "N": 3, "B": True}},
    ):
        config = from_mapping(tree({**COMMAND, **more}))
        assert remarks_on(config) == []
        assert from_mapping(config.as_dict()) == config
        jsonschema.validate(tree({**COMMAND, **more}), json_schema())
    assert config.trainer.options["env"] == {"ANY": "{anything}", "N": "3", "B": "true"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"args": {"style": "hydra"}}, "trainer.args: nothing is written so; add {args} to the"),
        ({"args": {"stile": "hydra"}}, "with 'stile' (did you mean 'style'?)"),
        ({"command": "sh t.sh '-- {args}'"}, "trainer.command: {args} is several words, and must"),
        ({"command": "sh t.sh [{rate}"}, "trainer.command: must be a command line, found"),
        ({"env": {"A": "{rat}"}}, "trainer.env: A: {rat} is neither a parameter nor"),
        ({"env": {"A": "${rate}"}}, "trainer.env: A: ${rate}: no shell or formatter reads it"),
        ({"env": {"A": "{args}"}}, "trainer.env: A: {args} is several words; write {NAME} for"),
        ({"env": {"A": None}}, "trainer.env: must be a mapping of variables to texts"),
        ({"env": {"A-B": "x"}}, "each name of letters, digits and _, found a mapping with 'A-B'"),
        ({"env": {"HPSEARCH_SEED": "1"}}, "none HPSEARCH_..., which are given, found a mapping"),
        ({"env": {"A": "a\0"}}, "with a null character in A"),
        ({"params_file": 3}, "trainer.params_file: must be text"),
    ],
)
def test_a_mistake_in_the_words_of_a_command_is_told(more, message):
    (problem,) = told({**COMMAND, **more})
    assert message in problem


def test_a_bare_place_that_may_be_empty_is_refused_and_a_group_is_not():
    space = {
        "opt": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.5, "max": 0.9, "when": {"opt": "sgd"}},
        "twice": {"derive": "2 * momentum"},
        "rate": [
            {"min": 0.1, "max": 1, "when": {"opt": "sgd"}},
            {"min": 0.01, "max": 0.1, "when": {"opt": "adam"}},
        ],
        "layers": {"type": "int", "min": 0, "max": 2},
        "units": {"type": "int", "min": 1, "max": 9, "per": "layers"},
        "how": {"values": [{"lr": 1}, {"decay": 2}]},
    }

    def whole(command):
        return {"trainer": {"kind": "command", "command": command}, "space": space,
                "metric": {"name": "loss"}}  # fmt: skip

    fine = "t --opt {opt} --rate {rate} --units {units} {how} {seed} {python} {args} "
    fine += "[--momentum {momentum}] --twice={twice} [{how.lr}]"
    assert remarks_on(from_mapping(whole(fine))) == []
    for place in ("momentum", "twice", "how.lr"):
        with pytest.raises(ConfigError) as caught:
            from_mapping(whole(f"{fine} --it {{{place}}}"))
        (problem,) = caught.value.problems
        assert problem == (
            f"trainer.command: in some trials: {{{place}}} would be an empty word; write "
            f"[--it {{{place}}}], which is then left out"
        )


def test_brackets_around_no_place_are_a_warning():
    command = "sh t.sh {rate} {anything} --units [8,4]"
    (remark,) = remarks_on(from_mapping(tree({**COMMAND, "command": command})))
    assert remark.startswith("trainer.command: [8,4] names no parameter, so it is never left out")
    told_so = command.replace("[8,4]", "[[8,4]]")
    assert remarks_on(from_mapping(tree({**COMMAND, "command": told_so}))) == []


@pytest.mark.parametrize("name", ["layers[0].units", "encoder:lr", "it's", 'a"b', "a b", "a{b"])
def test_any_name_in_the_space_is_a_place_of_the_command(name):
    command = f"sh t.sh --x={{{name}}}"
    whole = {**tree({**COMMAND, "command": command}), "space": {name: {"min": 0, "max": 1}}}
    assert remarks_on(from_mapping(whole)) == []


def test_the_folder_is_that_of_the_configuration_or_relative_to_it(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(
        "trainer: {kind: function, function: 'm.py:train'}\nmetric: {name: loss}\n"
        "space: {rate: {min: 0, max: 1}}\n"
    )
    assert load(path).trainer.options["folder"] == str(tmp_path)
    inside = load(path, ["trainer.folder=inside"]).trainer.options["folder"]
    assert inside.endswith("/inside")

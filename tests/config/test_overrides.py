"""`--set KEY=VALUE` and the command line's options."""

import pytest

from hpsearch.config import Confirm, Halving, from_mapping, load
from hpsearch.config.overrides import lay_over
from hpsearch.config.problems import Positions
from hpsearch.errors import ConfigError


def test_a_value_is_laid_over_the_file(digits):
    config = load(digits, ["search.trials=1e1", "space.batch_size={value: 8}", "trainer.l2=0.1"])
    assert config.search.trials == 10
    assert config.space["batch_size"].domain.value == 8
    assert config.trainer.settings["l2"] == 0.1


def test_the_later_override_wins_and_options_come_last(digits):
    config = load(digits, ["seed=1", "seed=2", "search.trials=9"], trials=5, jobs="auto")
    assert (config.seed, config.search.trials, config.parallel.jobs) == (2, 5, "auto")


def test_an_option_that_was_not_given_changes_nothing(digits):
    assert load(digits, seed=None, jobs=None) == load(digits)


def test_null_takes_a_key_away(digits):
    config = load(digits, ["space.momentum=null", "search.trials=", "data.target=null"])
    assert "momentum" not in config.space
    assert config.search.trials == 64


def test_a_key_below_true_opens_what_it_switches_on(digits):
    override = ["search.halving=true", "search.halving.factor=4", "search.confirm.top=1"]
    search = load(digits, override).search
    assert (search.halving, search.confirm) == (Halving(factor=4), Confirm(top=1))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("search.trials=many", "--set search.trials=many: search.trials: must be a whole number"),
        ("search.trials", "--set search.trials: write KEY=VALUE"),
        ("=3", "--set =3: write KEY=VALUE"),
        ("a..b=3", "--set a..b=3: write KEY=VALUE"),
        ("search.trials.x=3", "search.trials.x: search.trials is 64, which has no keys"),
        ("search.halving.factr=4", "search.halving.factr: unknown key (did you mean 'factor'?)"),
        ("search.halving={min_epochs: 99}", "min_epochs: must be at most trainer.epochs (30)"),
        ("seed=[1", "--set seed=[1:1:3: not valid YAML"),
        ("metric={name: a, name: b}", "name: duplicate key"),
        ("a.b=c", "--set a.b=c: a: unknown key"),
        ("space.momentum.scael=log", "(did you mean 'scale'?)"),
        (
            "space.momentum.max=1",
            "--set space.momentum.max=1: space.momentum.max: must be below 1",
        ),
    ],
)
def test_a_problem_is_told_with_its_override(digits, override, message):
    with pytest.raises(ConfigError) as error:
        load(digits, [override])
    assert message in str(error.value)
    assert str(error.value).startswith("--set ")


def test_a_problem_of_an_option_is_told_with_the_option(digits):
    with pytest.raises(ConfigError) as error:
        load(digits, jobs="x", seed=-1)
    assert [line.split(": must")[0] for line in error.value.problems] == [
        "--jobs: parallel.jobs",
        "--seed: seed",
    ]


NAMED = {
    "trainer": {"kind": "command", "command": "train {model.lr} {opt name} {batch-size}"},
    "metric": {"name": "loss"},
    "space": {
        "model.lr": {"min": 0, "max": 1},
        "model.lr.max": {"min": 0, "max": 1},
        "opt name": {"values": ["a", "b"]},
        "batch-size": {"values": [16, 32]},
    },
}


@pytest.mark.parametrize(
    ("override", "name", "expected"),
    [
        ("space.model.lr.min=0.5", "model.lr", {"min": 0.5, "max": 1}),
        ("space.'model.lr'.max=2", "model.lr", {"min": 0, "max": 2}),
        ('space."model.lr".max=2', "model.lr", {"min": 0, "max": 2}),
        ("space.model.lr.max.max=2", "model.lr.max", {"min": 0, "max": 2}),
        (' space . opt name . values =["c=d"]', "opt name", {"value": "c=d"}),
        ("space.batch-size={value: 8}", "batch-size", {"value": 8}),
        ('space."new.one"={value: 8}', "new.one", {"value": 8}),
    ],
)
def test_a_key_with_dots_is_found_as_it_is_or_in_quotes(override, name, expected):
    found = from_mapping(NAMED, overrides=[override]).space[name].as_config()
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("override", ['space."model.lr=1', "space.'a'b=1", 'space.""=1', '"=1'])
def test_a_quotation_that_does_not_end_is_refused(override):
    with pytest.raises(ConfigError, match=r"write KEY=VALUE"):
        from_mapping(NAMED, overrides=[override])


SEVERAL = {
    "data": {"source": "digits"},
    "space": {
        "o": {"values": ["sgd", "adam"]},
        "lr": [
            {"min": 0.1, "max": 1, "when": {"o": "sgd"}},
            {"min": 0.001, "max": 0.1, "when": {"o": "adam"}},
        ],
    },
    "metric": [{"name": "val_accuracy"}, {"name": "parameters", "at_most": 5000}],
}


def laid(*settings):
    tree, _, problems = lay_over(SEVERAL, Positions(), settings, {})
    assert not problems
    return tree


@pytest.mark.parametrize(
    "key", ["metric.1.at_most", "metric[1].at_most", "metric.parameters.at_most"]
)
def test_an_entry_of_a_list_is_meant_by_its_number_or_its_name(key):
    assert laid(f"{key}=900")["metric"][1] == {"name": "parameters", "at_most": 900}
    assert laid(f"{key}=900")["metric"][0] == SEVERAL["metric"][0]
    assert laid("space.lr.0.max=0.5")["space"]["lr"][0]["max"] == 0.5


def test_of_several_metrics_a_key_without_a_name_is_one_of_the_first():
    assert laid("metric.target=0.9")["metric"][0] == {"name": "val_accuracy", "target": 0.9}
    assert laid("metric.target=null") == SEVERAL
    assert laid("metric.parameters=null")["metric"] == SEVERAL["metric"][:1]


@pytest.mark.parametrize("key", ["space.lr.2.max", "space.lr.max", "space.lr.-1.max"])
def test_an_entry_that_a_list_does_not_have_is_told_with_those_that_it_has(key):
    _, _, [problem] = lay_over(SEVERAL, Positions(), [f"{key}=1"], {})
    assert problem.message == "space.lr is a list; of its entries write space.lr.0 or space.lr.1"


def test_a_problem_in_an_entry_of_a_list_names_what_was_set():
    with pytest.raises(
        ConfigError, match=r"--set metric.1.at_most=x: metric\[1\].at_most: must be"
    ):
        from_mapping(SEVERAL, overrides=["metric.1.at_most=x"])

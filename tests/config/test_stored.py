"""The configuration in a run directory: read as it was written, whatever rules hold today."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.config import changed, from_mapping, from_run, load, loading
from hpsearch.errors import ConfigError, RunError
from hpsearch.searching.launch import launch, prepare
from hpsearch.store import as_yaml

RUN = Path("runs/r")
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
TREE = {
    "data": {"source": "digits"},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
        "l2": {"min": 0, "max": 1, "step": 0.25},
        "hidden_layers": {"type": "int", "min": 0, "max": 3},
        "hidden_units": {"scale": "log", "min": 8, "max": 64, "per": "hidden_layers"},
        "optimizer": {"values": ["momentum", "adam"]},
        "momentum": {
            "scale": "1-10^r",
            "min": 0.9,
            "max": 0.99,
            "when": {"optimizer": "momentum"},
        },
        "dropout": {"value": 0.1},
    },
    "search": {"start": [{"learning_rate": 0.1, "hidden_layers": 0, "optimizer": "adam"}]},
}
OWN = {
    "trainer": {"kind": "command", "command": "sh t.sh {x}", "result": {"file": "r.json"}},
    "space": {"x": {"values": [[1, 2], "a", None, True], "cross": True}},
    "metric": {"goal": "minimize"},
}


def stored(tree=TREE):
    """What run.json has of a configuration."""
    return json.loads(json.dumps(from_mapping(tree).as_dict()))


@pytest.mark.parametrize("tree", [TREE, OWN])
def test_a_configuration_is_read_as_it_was_written(tree):
    assert from_run(stored(tree), RUN) == from_mapping(tree)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_with_the_project_is_read_as_it_was_written(path):
    config = load(path)
    assert from_run(json.loads(json.dumps(config.as_dict())), RUN) == config


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("search", "trials", 2_000_000),
        ("parallel", "threads", 20_000),
        ("parallel", "memory", 1),
        ("space", "dropout", {"value": 1.5}),
        ("space", "no_such", {"scale": "linear", "min": 0.0, "max": 1.0}),
        ("trainer", "no_such", 3),
        ("metric", "name", "no_such"),
    ],
)
def test_what_todays_rules_refuse_can_still_be_read(section, key, value):
    tree = stored()
    tree[section][key] = value
    with pytest.raises(ConfigError):
        from_mapping(tree)
    assert from_run(tree, RUN).as_dict() == tree
    with pytest.raises(ConfigError):
        changed(tree, RUN, ["search.repeats=2"])


def test_what_a_user_changes_is_checked():
    with pytest.raises(ConfigError, match=r"--set search\.trials=0: search\.trials: must be"):
        changed(stored(), RUN, ["search.trials=0"])
    with pytest.raises(ConfigError, match=r"--jobs: parallel\.jobs: must be"):
        changed(stored(), RUN, jobs=0)
    assert changed(stored(), RUN, jobs=None) == from_mapping(TREE)
    assert changed(stored(), RUN, trials=3).search.trials == 3


def test_a_run_of_a_kind_that_is_not_installed_can_be_read():
    tree = stored()
    tree["trainer"] |= {"kind": "not_here", "depth": 3, "extra": {"file": "a"}}
    config = from_run(tree, RUN)
    assert (config.trainer.kind, config.trainer.settings["depth"]) == ("not_here", 3)
    assert config.as_dict() == tree


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("search", "halving", {"factor": "3"}, "search.halving.factor: must be int, found str"),
        (
            "search",
            "halving",
            {"factor": 1},
            "search.halving.factor: must be int >= 2",
        ),
        ("search", "repeats", 10**15, "search.repeats: must be int <= 1000"),
        ("search", "repeats", 0, "search.repeats: must be int >= 1"),
        ("search", "start", 3, "search.start: must be "),
        ("metric", "goal", None, "metric.goal: must be str, found null"),
        ("trainer", "epochs", 0, "trainer: epochs must be a whole number from 1 on, found 0"),
        ("trainer", "kind", ["network"], r"trainer: kind must be text, found .*network"),
        ("parallel", "jobs", 0, "parallel: jobs must be at least 1, auto, or -1, found 0"),
        ("parallel", "jobs", 10_001, "parallel.jobs: must be int <= 10000"),
        ("space", "l2", {"scale": "linear", "min": 1, "max": 0}, "space.l2: no linear range goes"),
        (
            "space",
            "l2",
            {"scale": "log", "min": 0, "max": 1},
            "space.l2: no log range goes from 0",
        ),
        ("space", "l2", {"scale": "cubic", "min": 0, "max": 1}, "space.l2: must have a scale"),
        ("space", "l2", {"scale": [], "min": 0, "max": 1}, "space.l2: must have a scale"),
        ("space", "l2", {"scale": "linear", "min": 0, "max": float("inf")}, "a finite min, max"),
        ("space", "l2", {"scale": "linear", "min": 0, "max": 1, "step": 2}, "no steps of 2 go"),
        (
            "space",
            "l2",
            {"scale": "linear", "min": 0, "max": 1, "step": 1e-12},
            "more than 1,000,0",
        ),
        ("space", "l2", {"scale": "log", "min": 1, "max": 1 + 1e-16}, "no log range"),
        ("space", "l2", {"scale": "1-10^r", "min": 0.0, "max": 1e-17}, "are the same on the 1-10"),
        ("space", "l2", {"values": [1]}, "values must be a list of two at least"),
        ("space", "l2", {"values": [1, {"a": {}}]}, "a value that no hyperparameter can have"),
        ("space", "l2", {"value": 1, "per": ""}, "per must name a parameter"),
        ("space", "l2", {"value": 1, "per": "nobody"}, "names 'nobody', which is not there"),
        ("space", "l2", {"value": 1, "per": "learning_rate"}, "which is no single value of a few"),
        ("space", "l2", {"value": 1, "when": {"hidden_units": 8}}, "no single value of a few"),
        ("space", "l2", {"value": 1, "per": "optimizer"}, "per must name a whole number up to"),
        ("space", "l2", {"value": 1, "cross": True}, "cross must be true of values"),
        ("space", "hidden_layers", {"value": 10**9}, "per must name a whole number up to 1,000"),
        ("space", "hidden_layers", {"value": 998}, "space: has more than 1,000 coordinates"),
        ("space", "optimizer", {"values": ["a", "b"], "when": {"momentum": 1}}, "momentum"),
        ("space", "dropout", 0.1, "space.*: must be .*, found float"),
    ],
)
def test_what_no_configuration_can_be_is_one_message(section, key, value, message):
    tree = stored()
    tree[section][key] = value
    with pytest.raises(RunError, match=message) as error:
        from_run(tree, RUN)
    assert str(error.value).startswith("runs/r/run.json: config: ")
    assert str(error.value).endswith("; the file is damaged; restore it")


@pytest.mark.parametrize("section", ["name", "seed", "trainer", "metric", "space", "search"])
def test_a_section_that_is_missing_or_of_another_type_is_one_message(section):
    for tree in (dict(stored()), {**stored(), section: [1]}):
        if tree[section] != [1]:
            del tree[section]
        with pytest.raises(
            RunError, match=rf"run\.json: config: .*{section}.*the file is damaged"
        ):
            from_run(tree, RUN)


def test_circles_and_depths_of_parameters_are_one_message():
    def chained(links):
        space = {
            f"p{i}": {"values": [0, 1], "when": {f"p{other}": 0 for other in links(i)}}
            for i in range(3000)
        }
        return {**stored(), "space": space}

    with pytest.raises(RunError, match="a circle of per and when: p0 -> p1"):
        from_run({**stored(), "space": {
            "p0": {"values": [0, 1], "when": {"p1": 0}},
            "p1": {"values": [0, 1], "when": {"p0": 0}},
        }}, RUN)  # fmt: skip
    with pytest.raises(RunError, match="space: "):
        from_run(chained(lambda i: [i + 1] if i < 2999 else []), RUN)


def test_parameters_that_name_each_other_in_many_ways_are_put_in_order_at_once():
    space = {
        f"p{i}": {"values": [0, 1], "when": {f"p{other}": 0 for other in range(i)}}
        for i in range(60)
    }
    names = [p.name for p in from_run({**stored(), "space": space}, RUN).space.in_order]
    assert names == [f"p{i}" for i in range(60)]


LOADED = """
import sys
from hpsearch.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
checks = ("checks", "docs", "loading", "overrides", "parts", "problems", "template", "yaml_text")
unwanted = {"pydantic", "jaxtyping", *(f"hpsearch.config.{name}" for name in checks)}
loaded = unwanted & {*sys.modules}
sys.stderr.write(f"loaded: {sorted(loaded)}")
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small finished run, as a folder."""
    folder = tmp_path_factory.mktemp("runs")
    small = {**TREE, "trainer": {"epochs": 1}, "search": {"trials": 2, "confirm": False}}
    (folder / "c.yaml").write_text(as_yaml({**small, "parallel": {"backend": "serial"}}))
    words = ("run", str(folder / "c.yaml"), "--name", "r", "--runs-dir", str(folder), "--quiet")
    done = call(*words)
    assert "hpsearch.config.loading" in done.stderr
    return folder / "r"


def call(*words):
    command = [sys.executable, "-c", LOADED, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--runs-dir", ".."),
        ("list", "--format", "json", "--runs-dir", ".."),
        ("report", ".", "--format", "json"),
    ],
    ids=" ".join,
)
def test_reading_runs_loads_nothing_that_checks_configurations(words, run, monkeypatch):
    monkeypatch.chdir(run)
    assert call(*words).stderr == "loaded: []"


def test_a_search_loads_its_configuration_once(run, monkeypatch):
    calls, whole = [], loading._config
    monkeypatch.setattr(loading, "_config", lambda *args: calls.append(args) or whole(*args))
    config = load(run.parent / "c.yaml")
    launch(prepare(config, run.parent), run.parent, "once", lambda _: None)
    assert len(calls) == 1

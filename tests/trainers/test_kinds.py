"""Kinds of trainer: the built-in ones, and those that other packages add by an entry point."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from hpsearch.config.docs import page
from hpsearch.errors import TrainerError
from hpsearch.store import find
from hpsearch.trainers import kinds
from hpsearch.trainers.kinds import built_in, every_kind, kind_named, names

EXAMPLES = Path(__file__).parents[1] / "third_party"

CENTROIDS = """\
data: {source: digits}
trainer: {kind: centroids, epochs: 3, distance: manhattan}
space:
  shrinkage: {min: 0, max: 0.9}
search: {trials: 6, rounds: 1}
parallel: {backend: serial}
"""

FORMULA = """\
trainer: {kind: formula, formula: 2*x + 3*y}
metric: {goal: minimize}
space:
  x: {min: 0, max: 1}
  y: {values: [1, 2]}
search: {trials: 4, rounds: 1}
parallel: {backend: serial}
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install packages that add kinds of trainer: files on the path, as pip would leave them."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(EXAMPLES))))

    def package(name, **objects):
        about = folder / f"{name}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{kind} = {value}" for kind, value in objects.items()]
        (about / "entry_points.txt").write_text("\n".join(["[hpsearch.trainers]", *lines]))
        kind_named.cache_clear()
        return about / "entry_points.txt"

    kind_named.cache_clear()
    yield package
    kind_named.cache_clear()


@pytest.fixture
def examples(install):
    """The two kinds of tests/third_party."""
    return install("examples", centroids="centroids:KIND", formula="formula:KIND")


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """The command line in a folder of its own: what it prints, where it must end well."""
    monkeypatch.chdir(tmp_path)

    def call(*words, status=0):
        from hpsearch.cli import main

        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        streams = capsys.readouterr()
        assert ended.value.code == status, streams.err
        return streams.err if status else streams.out

    return call


def written(name, text):
    Path(name).write_text(text)
    return name


def test_a_kind_of_another_package_is_checked_searched_reported_trained_again_and_used(
    examples, cli
):
    config = written("c.yaml", CENTROIDS)
    assert "val_accuracy (maximize)" in cli("check", config)
    cli("run", config, "--name=c", "--quiet")
    run = find("c", Path("runs"))
    assert {result.status for result in run.results} <= {"completed", "stopped"}
    assert (run.best / "model.centroids").is_file()
    assert run.winner(run.info).test.test_accuracy > 0.7
    assert "hpsearch predict" in cli("report", "c")
    assert json.loads(cli("report", "c", "--format=json"))["best"]["number"] >= 0
    assert "bit for bit, in every epoch" in cli("retrain", "c")
    rows = np.random.default_rng(0).integers(0, 16, (5, 64))
    np.savez("new.npz", x=rows)
    assert len(cli("predict", "c", "new.npz").splitlines()) == 6
    assert cli("resume", "c", "--trials=8", "--quiet") is not None
    assert len(run.results) == 8
    assert "centroids" in cli("retrain", "c", "-o", "c.npz", status=2)


def test_workers_train_a_kind_of_another_package_to_the_same_trials(examples, cli):
    config = written("c.yaml", CENTROIDS)
    cli("run", config, "--name=here", "--quiet")
    cli("run", config, "--name=there", "--quiet", "--backend=local", "--jobs=2")
    here, there = (find(name, Path("runs")) for name in ("here", "there"))
    assert [result.value for result in there.results] == [r.value for r in here.results]
    assert there.winner(there.info).number == here.winner(here.info).number


def test_a_kind_without_data_leaves_its_settings(examples, cli):
    config = written("f.yaml", FORMULA)
    assert "Trainer: the formula" in cli("check", config)
    cli("run", config, "--name=f", "--quiet")
    run = find("f", Path("runs"))
    winner = run.winner(run.info)
    assert winner.search.metric == "value"
    assert yaml.safe_load((run.best / "params.yaml").read_text()) == winner.params
    assert "the winner's settings" in cli("predict", "f", "x.npz", status=1)
    cli("report", "f")
    assert "bit for bit, in every epoch" in cli("retrain", "f")


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (CENTROIDS, "trainer.distance=far", "must be manhattan or euclidean, found 'far'"),
        (CENTROIDS, "space.shrinkage.max=2", "space.shrinkage.max: must be a number >= 0 and <="),
        (CENTROIDS, "space.shrinkage={values: [0, 1]}", "must be below 1 where there are epochs"),
        (CENTROIDS, "space.shrink={min: 0, max: 1}", "the centroids has no such hyperparameter"),
        (CENTROIDS, "data=null", "trainer.kind centroids needs rows"),
        (CENTROIDS, "metric.name=val_loss", "the centroids reports no metric 'val_loss'"),
        (FORMULA, "trainer.formula=2*z", "trainer.formula: z is no parameter"),
        (FORMULA, "data={source: digits}", "a formula reads its own data"),
    ],
)
def test_its_keys_and_checks_are_those_of_a_built_in_kind(examples, cli, text, change, message):
    config = written("x.yaml", text)
    assert message in cli("check", config, "--set", change, status=1)


def test_the_schema_knows_its_keys(examples, cli):
    schema = json.loads(cli("schema"))
    for text in (CENTROIDS, FORMULA):
        tree = yaml.safe_load(text)
        jsonschema.validate(tree, schema)
        tree["trainer"]["kernel"] = "rbf"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tree, schema)
    tree = yaml.safe_load(CENTROIDS)
    tree["trainer"]["distance"] = "far"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, schema)


def test_a_run_is_read_without_the_package_that_trained_it_and_resumed_only_with_it(examples, cli):
    cli("run", written("c.yaml", CENTROIDS), "--name=c", "--quiet")
    examples.unlink()
    kind_named.cache_clear()
    assert "c" in cli("list")
    assert "val_accuracy" in cli("report", "c")
    message = (
        "'centroids' is no kind of trainer here, there are network, keras, function, command; "
        "install the package that has it"
    )
    for words in (("resume", "c", "--trials=8"), ("predict", "c", "x.npz"), ("retrain", "c")):
        assert message in cli(*words, status=1)
    assert "must be network, keras, function or command" in cli("check", "c.yaml", status=1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:KIND", "cannot be imported, found ModuleNotFoundError"),
        ("centroids:FILE", "must be an hpsearch.trainers.kinds.Kind called 'broken'"),
        ("centroids:KIND", "must be an hpsearch.trainers.kinds.Kind called 'broken'"),
    ],
)
def test_a_package_whose_kind_is_broken_has_one_message(install, cli, value, message):
    install("thirdparty", broken=value)
    config = written("x.yaml", FORMULA.replace("kind: formula", "kind: broken"))
    said = cli("check", config, status=1)
    assert "x.yaml:1:17: trainer.kind: package thirdparty: " in said
    assert message in said
    with pytest.raises(TrainerError, match="package thirdparty"):
        every_kind()


def test_no_package_may_take_a_built_in_name_and_no_two_the_same(install):
    install("one", centroids="centroids:KIND")
    install("two", centroids="centroids:KIND")
    with pytest.raises(
        TrainerError, match="package one and package two: both have a kind of trainer 'centroids'"
    ):
        kind_named("centroids")
    install("three", network="centroids:KIND")
    assert kind_named("network").name == "network"
    with pytest.raises(
        TrainerError, match="package three: adds a kind of trainer 'network', which is built in"
    ):
        every_kind()


def test_one_line_of_the_registry_makes_a_kind_built_in(install, cli, monkeypatch):
    monkeypatch.setitem(kinds.BUILT_IN, "centroids", "centroids:KIND")
    assert "val_accuracy (maximize)" in cli("check", written("c.yaml", CENTROIDS))
    described = page()
    assert "| `distance` | `euclidean` | How far apart rows are." in described
    assert "| `shrinkage` | how far a class's mean moves to the rows' |" in described


def test_each_built_in_kind_is_complete():
    found = built_in()
    assert [kind.name for kind in found] == list(names()) == list(kinds.BUILT_IN)
    for kind in [*found, *(variant for each in found for variant in each.variants)]:
        assert "epochs" in kind.hyperparameters
        assert kind.any_names or kind.default_metric in kind.metrics
        assert all(option.name == key for key, option in kind.options.items())
        assert kind.code is None or kind.code.key in kind.options


def test_asking_for_a_kind_imports_no_trainer():
    code = (
        "import sys; from hpsearch.trainers.kinds import built_in; built_in();"
        "print(*(name for name in sys.modules if name.endswith(('.trainer', '.model', 'keras'))"
        " or name in ('pandas', 'pydantic')))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert loaded == ["hpsearch.trainers.keras"]

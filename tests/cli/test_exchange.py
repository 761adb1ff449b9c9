"""`hpsearch export` and `hpsearch import`: words, messages, and a study refined to the end."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import optuna
import pandas as pd
import pytest

OWN = """
def train(params, epochs):
    for epoch in range(1, epochs + 1):
        yield (params["x"] - 0.3) ** 2 + params.get("y", 0.5) / 10 + 1 / epoch
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A study of what own.py trains, in an SQLite file, made once."""
    path = tmp_path_factory.mktemp("study") / "theirs.db"
    names = {}
    exec(OWN, names)

    def objective(trial):
        params = {"x": trial.suggest_float("x", 0, 1)}
        if trial.suggest_categorical("kind", ["plain", "more"]) == "more":
            params["y"] = trial.suggest_float("y", 0, 1)
        if trial.number == 3:
            raise ValueError("boom")
        for epoch, value in enumerate(names["train"](params, 9)):
            trial.report(value, epoch)
            if epoch == 2 and trial.number % 2:
                raise optuna.TrialPruned
        return value

    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    sampler = optuna.samplers.RandomSampler(0)
    made = optuna.create_study(storage=storage, study_name="theirs", sampler=sampler)
    made.optimize(objective, n_trials=24, catch=ValueError)
    made.ask()
    storage.remove_session()
    storage.engine.dispose()
    return path


@pytest.fixture
def study(hpsearch, theirs):
    """That study in the folder where the command line is, beside own.py; its URL."""
    Path("own.py").write_text(OWN)
    shutil.copy(theirs, "theirs.db")
    return "sqlite:///theirs.db"


def test_a_run_is_exported_as_the_issue_writes_it(hpsearch, searched):
    searched("digits")
    said = hpsearch("export", "digits", "--to", "csv", "digits.csv")
    assert said.status == 0
    assert said.err == (
        "wrote 6 trials of digits to digits.csv; see them with: pandas.read_csv('digits.csv')\n"
    )
    assert len(pd.read_csv("digits.csv")) == 6
    assert hpsearch("export", "--to=parquet", "digits.parquet").status == 0
    assert list(pd.read_parquet("digits.parquet")) == list(pd.read_csv("digits.csv"))


def test_a_missing_target_is_told_where_the_only_word_is_a_run(hpsearch, searched):
    searched("digits")
    said = hpsearch("export", "digits", "--to", "csv")
    assert said.status == 2
    assert "Missing argument 'TARGET'" in said.err
    assert "hpsearch export digits --to csv TARGET" in said.err
    assert not Path("digits").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "digits", "a.csv"], "Missing option '--to'"),
        (["export", "--to=xml", "a.xml"], "'xml' is not one of 'csv'"),
        (["export", "a", "b", "c", "--to=csv"], "one RUN and one TARGET"),
        (["export", "--to=csv"], "Missing argument 'TARGET'"),
        (["import"], "Missing argument 'STORAGE'"),
        (["import", "a.log"], "give one of --config, --function and --command"),
        (["import", "a.log", "--config=c", "--command=d"], "give one of --config"),
    ],
)
def test_wrong_usage_is_told_with_status_2(hpsearch, words, message):
    said = hpsearch(*words)
    assert said.status == 2
    assert message in said.err


def test_a_run_that_does_not_exist_is_told(hpsearch):
    said = hpsearch("export", "nosuch", "--to", "csv", "a.csv")
    assert said.status == 1
    assert "nosuch: must be a run's folder or its name in runs" in said.err


def test_an_imported_study_is_refined_with_its_trials_as_history(hpsearch, study):
    said = hpsearch("import", study, "--function", "own.py:train", "--name", "theirs")
    assert said.status == 0
    assert said.out == (
        "runs/theirs: 24 of 25 trials of study 'theirs': 12 completed, 11 stopped, 1 failed\n"
        "left out: 1 still running\n"
        "look closer:  hpsearch refine runs/theirs\n"
    )
    refined = hpsearch("refine", "theirs", "--name=finer", "--trials=9", "--backend=serial")
    assert refined.status == 0
    history = Path("runs/finer/history.jsonl").read_text().splitlines()
    assert f"{len(history)} earlier trials lie inside and count as history" in refined.out
    assert len(history) >= 4
    best = [
        json.loads(hpsearch("report", name, "--format=json").out)["best"]["value"]
        for name in ("theirs", "finer")
    ]
    assert best[1] <= best[0]
    assert json.loads(Path("runs/finer/run.json").read_text())["parent"] == "theirs"


def test_an_imported_run_is_a_run_like_any_other(hpsearch, study):
    hpsearch("import", study, "--function", "own.py:train", "--name", "theirs")
    assert "theirs  finished  24" in hpsearch("list").out
    assert "24 trials in" in hpsearch("report", "theirs").out
    assert Path("runs/theirs/report.html").is_file()
    again = hpsearch("retrain", "theirs")
    assert "the same as recorded, bit for bit, in every epoch" in again.out
    assert hpsearch("export", "theirs", "--to", "optuna", "back.log").status == 0
    for command in ("resume", "evaluate"):
        said = hpsearch(command, "theirs")
        assert said.status == 1
        assert "Traceback" not in said.err
    assert "was imported" in hpsearch("resume", "theirs").err


def test_a_configuration_says_what_a_study_trained(hpsearch, study):
    Path("own.yaml").write_text(
        "trainer: {kind: function, function: 'own.py:train', epochs: 9}\n"
        "metric: {name: loss, goal: minimize}\n"
        "space:\n"
        "  x: {min: 0, max: 0.5}\n"
        "  kind: {values: [plain, more]}\n"
        "  y: {min: 0, max: 1, when: {kind: more}}\n"
    )
    said = hpsearch("import", study, "--config", "own.yaml", "--name", "half")
    assert said.status == 0
    assert "outside the range of x" in said.out
    assert Path("runs/half/config.yaml").read_text() == Path("own.yaml").read_text()
    taken = [json.loads(line) for line in Path("runs/half/trials.jsonl").read_text().splitlines()]
    assert all(trial["params"]["x"] <= 0.5 for trial in taken)


def test_a_command_can_train_what_a_study_began(hpsearch, study):
    script = "import sys; print({'value': (float(sys.argv[1]) - 0.3) ** 2})"
    Path("own_command.py").write_text(
        script.replace("print(", "import json; print(json.dumps(") + ")"
    )
    command = f"{sys.executable} own_command.py {{x}} {{kind}} [{{y}}]"
    said = hpsearch("import", study, "--command", command, "--name=by_command")
    assert said.status == 0
    config = Path("runs/by_command/config.yaml").read_text()
    assert "kind: command" in config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope.log", "--function=own.py:train"], "must be a storage that exists"),
        (["theirs.db", "--function=own.py:train"], "write sqlite:///theirs.db"),
        (["sqlite:///theirs.db", "--function=own.py:nosuch"], "'nosuch' does not exist"),
        (["sqlite:///theirs.db", "--study=x", "--function=own.py:train"], "no study 'x'"),
        (["sqlite:///theirs.db", "--config=nosuch.yaml"], "nosuch.yaml: no such file"),
        (
            ["sqlite:///theirs.db", "--function=own.py:train", "--set", "metric.goal=maximize"],
            "its direction is minimize",
        ),
        (["sqlite:///theirs.db", "--function=own.py:train", "--name=a/b"], "run name 'a/b'"),
    ],
)
def test_what_cannot_be_imported_is_one_message_and_makes_no_run(hpsearch, study, words, message):
    said = hpsearch("import", *words)
    assert said.status == 1
    assert message in said.err
    assert len(said.err.splitlines()) == 1
    assert not Path("runs").exists() or list(Path("runs").iterdir()) == []


@pytest.mark.parametrize("command", ["export", "import"])
def test_neither_command_loads_another_tools_library_before_it_is_needed(command):
    code = (
        f"import sys; sys.argv = ['hpsearch', '{command}', '--help']\n"
        "from hpsearch.cli import main\n"
        "tools = ('optuna', 'pyarrow', 'mlflow', 'tensorboard', 'sqlalchemy', 'onnx')\n"
        "try: main()\n"
        "except SystemExit: print([name for name in tools if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"

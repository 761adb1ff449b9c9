"""Whole searches with Keras: the packaged example and a model of one's own, and their winners."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import load
from hpsearch.errors import TrainerError, install
from hpsearch.searching.events import TrialEnded
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.searching.trainer import inspected
from hpsearch.trainers.keras import framework as start_up
from hpsearch.trainers.network.model import load_model

CONFIG = Path(__file__).parents[2] / "configs" / "keras.yaml"
SMALL = ("trainer.epochs=3", "search.trials=4", "search.confirm=false")


@pytest.fixture
def search(framework, tmp_path):
    """Conduct a search by a configuration, interrupted after some trials if so asked."""

    def conducted(name, *words, path=CONFIG, backend=framework, interrupted=None):
        config = inspected(load(path, (*SMALL, f"trainer.backend={backend}", *words)))
        dataset = read_data(config)
        run = begin(config, dataset, tmp_path, name)
        if interrupted is not None:
            with pytest.raises(KeyboardInterrupt):
                conduct(run, interrupt(interrupted), config, dataset)
            assert 0 < len(run.results) < 4
        conduct(run, lambda event: None, config, dataset)
        return run, dataset

    return conducted


def interrupt(trials):
    """A listener that presses Ctrl-C after so many trials."""
    ended = []

    def tell(event):
        if isinstance(event, TrialEnded):
            ended.append(event)
            if len(ended) == trials:
                raise KeyboardInterrupt

    return tell


def trials(run):
    lines = map(json.loads, (run.path / "trials.jsonl").read_text().splitlines())
    timed = ("started", "seconds")
    found = [{k: v for k, v in line.items() if k not in timed} for line in lines]
    return sorted(found, key=lambda line: line["number"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the framework's and Keras's own
def test_a_search_is_the_same_with_one_job_and_two_and_when_resumed_and_near_that_of_numpy(
    search, framework, capfd
):
    run, dataset = search("two", "parallel.jobs=2")
    alone, _ = search("one", "parallel.jobs=1", interrupted=2)
    assert trials(run) == trials(alone)
    assert capfd.readouterr().err == ""  # nothing of the framework's over the progress bar
    numpy, _ = search("numpy", "trainer.kind=network", backend="null")
    for ours, theirs in zip(trials(run), trials(numpy), strict=True):
        assert ours["params"] == theirs["params"]
        assert ours["metrics"]["val_loss"] == pytest.approx(
            theirs["metrics"]["val_loss"], rel=1e-4
        )

    start_up.start(framework, 1)
    import keras

    rows = dataset.source.numbers[:50]
    file = keras.saving.load_model(run.keras_model.path, compile=False)
    found = file.predict(np.asarray(rows, np.float32), verbose=0)
    np.testing.assert_allclose(found, load_model(run.model).probabilities(rows), atol=1e-5)


def test_a_missing_framework_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(start_up, "find_spec", lambda name: None if name == "tensorflow" else 1)
    told = re.escape(f"(tensorflow); install them with: {install('keras')}")
    with pytest.raises(TrainerError, match=told):
        inspected(load(CONFIG))


MODEL = """
import keras
from keras import layers

print("the file of the model is run")

def build(params, features, classes):
    model = keras.Sequential([keras.Input((features,))])
    model.add(layers.Dense(params["units"], activation="relu"))
    model.add(layers.Dropout(0.2))
    model.add(layers.Dense(classes, activation="softmax"))
    adam = keras.optimizers.Adam(params["rate"])
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
OWN = """
data: {source: digits}
trainer: {kind: keras, model: "mine.py:build"}
metric: {name: val_accuracy}
space:
  rate:       {scale: log, min: 1e-2, max: 1e-1}
  units:      {values: [8, 16]}
  batch_size: {values: [32, 64]}
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the framework's and Keras's own
def test_a_search_for_a_model_of_the_users_own(search, own, framework, tmp_path, capfd):
    run, _ = search("two", "parallel.jobs=2", path=own)
    alone, _ = search("one", "parallel.jobs=1", path=own, interrupted=2)
    assert trials(run) == trials(alone)
    assert {line["status"] for line in trials(run)} == {"completed", "stopped"}
    assert capfd.readouterr() == ("", "")
    assert "the file of the model is run" in (run.path / "logs" / "trial-0.txt").read_text()

    best = run.winner(run.info)
    assert best.metrics["val_accuracy"] > 0.5
    assert {"train_accuracy", "val_loss", "val_macro_f1"} <= set(best.metrics)
    tested = hpsearch("evaluate", run.path, "--json")
    assert json.loads(tested)["test_accuracy"] == best.test.test_accuracy > 0.5
    again = hpsearch("retrain", run.path)
    assert "the same as recorded, bit for bit, in every epoch" in again
    labels = hpsearch("predict", run.path, "digits").splitlines()[1:]
    truth = read_data(load(own)).y
    names = [int(label.partition(",")[0]) for label in labels]
    assert np.mean(names == truth) > 0.5
    hpsearch("report", run.path)
    page = run.report.read_text()
    assert "hpsearch predict" in page
    assert "In PyTorch" not in (run.best / "params.yaml").read_text()

    child = "--name", "child", "--trials", "2", "--runs-dir", tmp_path
    assert "child: val_accuracy" in hpsearch("refine", run.path, *child, "--quiet")


def hpsearch(*args):
    """What a command prints, as a process of its own."""
    command = [sys.executable, "-m", "hpsearch", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("import nothing_of_the_kind", "mine.py:build: mine.py must be importable, found Mod.*1"),
        ("def built(params): ...", "must name a function of mine.py, 'build' does not exist"),
        ("def build(params, units): ...", r"must be callable as build\(params\)"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_before_anything_runs(own, framework, lines, message):
    own.with_name("mine.py").write_text(lines)
    with pytest.raises(TrainerError, match=message):
        inspected(load(own, (f"trainer.backend={framework}",)))

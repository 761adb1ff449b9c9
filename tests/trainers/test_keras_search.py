"""A whole search with Keras: the packaged example, its winner, its resumption."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import load
from hpsearch.errors import TrainerError
from hpsearch.searching.own import settled
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.trainers.keras import framework
from hpsearch.trainers.network.model import load_model

CONFIG = Path(__file__).parents[2] / "configs" / "keras.yaml"
needs_keras = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs the [keras] extra"
)


def search(folder, name, *words):
    config = settled(load(CONFIG, ("trainer.epochs=3", "search.trials=4", *words)))
    dataset = read_data(config)
    run = begin(config, dataset, folder, name)
    conduct(run, lambda event: None, config, dataset)
    return run, dataset


def trials(run):
    lines = map(json.loads, (run.path / "trials.jsonl").read_text().splitlines())
    timed = ("started", "seconds")
    found = [{k: v for k, v in line.items() if k not in timed} for line in lines]
    return sorted(found, key=lambda line: line["number"])


@needs_keras
@pytest.mark.slow
def test_a_search_is_the_same_with_one_job_and_two_and_near_that_of_numpy(tmp_path, capfd):
    run, dataset = search(tmp_path, "two", "parallel.jobs=2")
    alone, _ = search(tmp_path, "one", "parallel.jobs=1")
    assert trials(run) == trials(alone)
    assert capfd.readouterr().err == ""  # nothing of TensorFlow's over the progress bar
    numpy, _ = search(tmp_path, "numpy", "trainer.kind=network", "trainer.backend=null")
    for ours, theirs in zip(trials(run), trials(numpy), strict=True):
        assert ours["params"] == theirs["params"]
        assert ours["metrics"]["val_loss"] == pytest.approx(
            theirs["metrics"]["val_loss"], rel=2e-2
        )

    import keras

    rows = dataset.source.numbers[:50]
    file = keras.saving.load_model(run.best / "model.keras", compile=False)
    found = file.predict(np.asarray(rows, np.float32), verbose=0)
    np.testing.assert_allclose(found, load_model(run.model).probabilities(rows), atol=1e-4)


def test_a_missing_framework_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(framework, "find_spec", lambda name: None if name == "tensorflow" else 1)
    with pytest.raises(TrainerError, match=r"\(tensorflow\); install .*hpsearch\[keras\]"):
        settled(load(CONFIG))

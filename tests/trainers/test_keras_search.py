"""A whole search with Keras: the packaged example, its winner, its resumption."""

import json
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import load
from hpsearch.errors import TrainerError
from hpsearch.searching.events import TrialEnded
from hpsearch.searching.own import settled
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.trainers.keras import framework as start_up
from hpsearch.trainers.network.model import load_model

CONFIG = Path(__file__).parents[2] / "configs" / "keras.yaml"
SMALL = ("trainer.epochs=3", "search.trials=6", "search.confirm=false")


@pytest.fixture
def search(framework, tmp_path):
    """Conduct a search by the packaged example, interrupted after some trials if so asked."""

    def conducted(name, *words, backend=framework, interrupted=None):
        config = settled(load(CONFIG, (*SMALL, f"trainer.backend={backend}", *words)))
        dataset = read_data(config)
        run = begin(config, dataset, tmp_path, name)
        if interrupted is not None:
            with pytest.raises(KeyboardInterrupt):
                conduct(run, interrupt(interrupted), config, dataset)
            assert 0 < len(run.results) < 6
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
    file = keras.saving.load_model(run.best / "model.keras", compile=False)
    found = file.predict(np.asarray(rows, np.float32), verbose=0)
    np.testing.assert_allclose(found, load_model(run.model).probabilities(rows), atol=1e-5)


def test_a_missing_framework_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(start_up, "find_spec", lambda name: None if name == "tensorflow" else 1)
    with pytest.raises(TrainerError, match=r"\(tensorflow\); install .*hpsearch\[keras\]"):
        settled(load(CONFIG))

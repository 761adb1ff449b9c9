"""A small network that is babysat in this process, an epoch at a time."""

import json
from contextlib import contextmanager
from itertools import count

import pytest

from hpsearch.config import from_mapping
from hpsearch.searching.babysit.start import at_work, begin, go_on, prepare
from hpsearch.searching.babysit.story import read
from hpsearch.searching.events import Remarked
from hpsearch.searching.session import read_data
from hpsearch.store.requests import Request

SMALL = {
    "name": "small",
    "seed": 3,
    "data": {"source": "digits"},
    "trainer": {
        "kind": "network", "epochs": 12, "hidden_units": 8, "batch_size": 256,
    },
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-3, "max": 1},
        "optimizer": {"values": ["momentum", "adam"]},
        "momentum": {
            "scale": "1-10^r", "min": 0.8, "max": 0.99, "when": {"optimizer": "momentum"},
        },
    },
    "parallel": {"backend": "serial"},
}  # fmt: skip
BY_CHANCE = ("started", "seconds")


class Model:
    """A babysat model: its run directory, and what was said of it."""

    def __init__(self, run):
        self.run, self.said = run, []

    @contextmanager
    def session(self, epochs=None):
        """Go on with it, as `resume` does."""

        def heard(event):
            if isinstance(event, Remarked):
                self.said.append(event.message)

        with at_work(self.run, heard, self.said.append) as session:
            go_on(session, epochs)
            yield session

    def train(self, until=None, epochs=None):
        """Train it up to an epoch, or to the end, and leave it."""
        with self.session(epochs) as session:
            left = session.record.epochs if until is None else until - session.record.epoch
            session.train(left)

    def act(self, action, **values):
        """Ask for something of a model that stands still."""
        from hpsearch.searching.babysit.start import act_on_idle

        return act_on_idle(self.run, Request(action, **values))

    @property
    def story(self):
        return read(self.run)

    def lines(self, name):
        path = self.run.path / name  # some are made when they are needed
        return (
            [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        )

    @property
    def bits(self):
        """Every epoch of every branch, as it was recorded."""
        epochs = {}
        for piece in self.lines("curves.jsonl"):
            rows = zip(*piece["curve"].values(), strict=True)
            for row in rows:
                number, epoch = piece["number"], row[0]
                assert (number, epoch) not in epochs, "an epoch stands twice in curves.jsonl"
                epochs[number, epoch] = dict(zip(piece["curve"], row, strict=True))
        return epochs

    @property
    def fates(self):
        """The lines of trials.jsonl by number, without what only the clock decides."""
        lines = [{k: v for k, v in each.items() if k not in BY_CHANCE}
                 for each in self.lines("trials.jsonl")]  # fmt: skip
        assert len({line["number"] for line in lines}) == len(lines)
        return {line["number"]: line for line in lines}


@pytest.fixture(scope="session")
def small():
    """The configuration, with changes; a value of None takes a key away."""

    def make(*overrides, **parts):
        tree = {**SMALL, **parts}
        return from_mapping({k: v for k, v in tree.items() if v is not None}, overrides=overrides)

    return make


@pytest.fixture(scope="session")
def rows(small):
    return read_data(small())


@pytest.fixture
def model(tmp_path, small, rows, monkeypatch):
    """Makes a model that has not trained yet, with other settings than the middle ones."""
    monkeypatch.setattr("hpsearch.searching.session.read_data", lambda config: rows)
    monkeypatch.setattr("hpsearch.searching.babysit.start.read_data", lambda config: rows)
    names = map("model-{}".format, count())

    def make(config=None, function=None, **given):
        prepared = prepare(config or small(), given, function)
        return Model(begin(prepared, tmp_path / "runs", next(names)))

    return make

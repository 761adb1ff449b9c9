"""Runs written by hand, of any kind: what the report reads without a search before it."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from hpsearch.config import from_mapping
from hpsearch.searching.session import begin, read_data
from hpsearch.trial import Piece, Result, Status

SPACE = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
    "hidden_layers": {"type": "int", "min": 1, "max": 3},
    "hidden_units": {"type": "int", "scale": "log", "min": 8, "max": 64, "per": "hidden_layers"},
    "optimizer": {"values": ["momentum", "adam"]},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"optimizer": "momentum"}},
}


def fate_of(number):
    """Mostly stopped, some completed, a few lost."""
    cycle = [Status.COMPLETED, Status.STOPPED, Status.STOPPED, Status.DIVERGED, Status.STOPPED]
    return cycle[number % len(cycle)]


@pytest.fixture
def written(tmp_path, span):
    """Write a run of so many trials with these fates; returns its folder."""

    def write(trials=12, fate=fate_of, space=SPACE, name="run", error="ValueError: bad"):
        config = from_mapping(
            {
                "data": {"source": "digits"},
                "space": space,
                "trainer": {"kind": "network", "epochs": 6},
                "search": {"trials": max(trials, 1)},
            }
        )
        run = begin(config, read_data(config), tmp_path, name)
        rng = np.random.default_rng(0)
        with run.writing() as writer:
            for number in range(trials):
                status = fate(number)
                params = config.space.params(rng.random(config.space.dimensions))
                value = 0.5 + number / (2.5 * trials)
                lost = status in (Status.DIVERGED, Status.FAILED)
                epochs = {Status.COMPLETED: 6, Status.STOPPED: 2}.get(status, 1)
                values = [None if lost else value * (e + 1) / epochs for e in range(epochs)]
                curve = {"epoch": list(range(1, epochs + 1)), "val_accuracy": values}
                if status is not Status.FAILED:
                    writer.piece(Piece(number, 0, 0, 0, epochs, values[-1], curve))
                start = number / 10
                writer.worked(span(number, worker=str(number % 2), start=start, end=start + 0.09))
                writer.result(
                    Result(
                        number,
                        number * 3 // max(1, trials),
                        status,
                        params,
                        epochs,
                        {} if lost else {"val_accuracy": value, "val_loss": 1 - value},
                        None if lost else value,
                        error if status is Status.FAILED else None,
                        "2026-01-01T00:00:00+00:00",
                        0.09,
                    )
                )
        return run

    return write


class Page(HTMLParser):
    """The tags of a page that are open when each text comes; complains of bad nesting."""

    VOID = frozenset({"meta", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.scripts = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.words.append(data)

    @property
    def text(self):
        """What a reader sees, on one line."""
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture
def read():
    """Read a page as a browser does."""
    return Page

"""A babysat model whose curves a test makes up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.searching.babysit.start import begin, prepare
from hpsearch.searching.babysit.story import read


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A small network on digits, before its first epoch."""
    config = from_mapping(
        {
            "name": "digits",
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 1000, "learning_rate_decay": 0.5},
            "space": {"learning_rate": {"scale": "log", "min": 1e-4, "max": 1}},
        }
    )
    return read(begin(prepare(config, {}), tmp_path_factory.mktemp("runs"), "m"))


@pytest.fixture
def story_of(untrained):
    """Makes a story of curves by name: the same model, with these epochs trained."""

    def make(curves, diagnostics=(), **changed):
        epochs = len(next(iter(curves.values())))
        curve = {"epoch": list(range(1, epochs + 1)), **curves}
        status = replace(untrained.info, status="running")
        return replace(
            untrained, info=status, own={0: curve}, diagnostics=list(diagnostics), **changed
        )

    return make

"""A babysat model whose curves a test makes up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.searching.babysit.start import begin, prepare
from hpsearch.searching.babysit.story import read
from hpsearch.trial import Diagnosis, Intervention, Layer


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


HOSTILE = '<script>alert("x")</script> {{ y }} %{x} 🦊 \' " </script> a\nb ' + "long" * 50


@pytest.fixture
def hostile():
    """The note of a branch, and the name of a layer."""
    return HOSTILE


def done(action, trial, epoch, note=None, **changes):
    """An intervention of the diary."""
    return Intervention(
        time="2026-01-02T03:04:05.000+00:00",
        trial=trial,
        epoch=epoch,
        action=action,
        set=changes,
        note=note,
        by="rescue" if action == "rescue" else "steer",
    )


@pytest.fixture
def nudged(untrained):
    """A model with a change, an undo and a branch, and a note that is not to be obeyed.

    Branch 0 has the epochs 1 to 6, the first four with another rate than the last two; branch 1
    undoes that and has the epochs 5 to 8; branch 2 goes on from its epoch 6 to 10.
    """
    diary = [
        done("set", 0, 4, "lower", learning_rate=(0.01, 0.003)),
        done("undo", 0, 4, learning_rate=(0.003, 0.01)),
        done("branch", 1, 6, HOSTILE, dropout=(0.0, 0.2)),
        done("pause", 2, 10),
    ]

    def curve(first, last, start):
        epochs = list(range(first, last + 1))
        losses = [start / epoch for epoch in epochs]
        accuracies = [1 - loss / 3 for loss in losses]
        return {
            "epoch": epochs,
            "train_loss": losses,
            "val_loss": losses,
            "val_accuracy": accuracies,
        }

    looks = [
        Diagnosis(
            number=number,
            epoch=epoch,
            seconds=0.1,
            layers=[Layer(HOSTILE, 2.0, 1.0, update, dead=0.5, shift=0.1)],
        )
        for number, epoch, update in ((0, 2, 2e-3), (0, 6, 9e-3), (2, 9, 4e-3))
    ]
    return replace(
        untrained,
        info=replace(untrained.info, status="running"),
        lines=lines_of(untrained.lines.active.settings, diary),
        own={0: curve(1, 6, 2.0), 1: curve(5, 8, 1.6), 2: curve(7, 10, 1.8)},
        diary=diary,
        diagnostics=looks,
    )

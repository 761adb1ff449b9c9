"""Snapshots: which are kept, and that one which is damaged or untold counts as none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.store import SafePath
from hpsearch.store.snapshots import Snapshots, superfluous

EPOCHS = st.lists(st.integers(1, 200), unique=True)


@given(EPOCHS, st.lists(st.integers(1, 200)), st.integers(1, 30))
def test_of_the_snapshots_only_the_wanted_and_so_many_others_stay(epochs, wanted, most):
    gone = superfluous(epochs, wanted, most)
    left = set(epochs) - set(gone)
    assert set(gone) <= set(epochs) - set(wanted)
    others = left - set(wanted)
    assert len(others) == min(most, len(set(epochs) - set(wanted)))
    assert superfluous(left, wanted, most) == []


@given(st.integers(1, 60), st.integers(2, 20))
def test_what_stays_of_a_long_training_is_evenly_spread(epochs, most):
    left, ever = [], 0
    for epoch in range(1, epochs + 1):
        left = [e for e in [*left, epoch] if e not in superfluous([*left, epoch], [epoch], most)]
        ever = max(ever, len(left))
    assert ever <= most + 1
    gaps = np.diff([0, *left])
    if epochs > most:
        assert gaps.max() <= 4 * np.ceil(epochs / most)


@given(EPOCHS, st.integers(1, 30))
def test_thinning_as_they_come_keeps_the_last_and_so_many_others(epochs, most):
    left = []
    for epoch in sorted(epochs):
        left.append(epoch)
        left = [each for each in left if each not in superfluous(left, [epoch], most)]
        assert left[-1] == epoch
        assert len(left) <= most + 1


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(SafePath(tmp_path))


def test_a_snapshot_is_what_was_saved(snapshots):
    state = {"a": np.arange(3.0), "b": np.array(7)}
    snapshots.save(2, 10, state)
    snapshots.save(2, 9, state)
    found = snapshots.load(2, 10, by=2)
    assert {name: each.tolist() for name, each in found.items()} == {"a": [0, 1, 2], "b": 7}
    assert snapshots.epochs(2) == [9, 10]
    assert snapshots.epochs(0) == []
    assert snapshots.load(2, 8, by=2) is None


def test_one_of_another_epoch_or_a_damaged_one_is_none(snapshots, tmp_path):
    snapshots.save(0, 3, {"a": np.arange(3.0)})
    path = tmp_path / "state" / "0" / "3.npz"
    data = path.read_bytes()
    (tmp_path / "state" / "0" / "4.npz").write_bytes(data)
    assert snapshots.load(0, 4, by=0) is None
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        found = snapshots.load(0, 3, by=0)
        assert found is None or found["a"].tolist() == [0, 1, 2]


def test_a_sweep_removes_what_a_crash_left_and_what_is_ahead_of_the_curves(snapshots, tmp_path):
    for epoch in (1, 5, 6):
        snapshots.save(0, epoch, {"a": np.arange(3.0)})
    (tmp_path / "state" / "0" / ".6.npz.0123.new").write_bytes(b"half")
    (tmp_path / "state" / "0" / "mine.txt").write_bytes(b"whole")
    snapshots.sweep({0: 5, 1: 0})
    assert sorted(p.name for p in (tmp_path / "state" / "0").iterdir()) == [
        "1.npz",
        "5.npz",
        "mine.txt",
    ]


def test_a_link_in_the_place_of_a_state_is_not_followed(snapshots, tmp_path):
    snapshots.save(0, 3, {"a": np.arange(3.0)})
    kept = tmp_path / "kept.npz"
    (tmp_path / "state" / "0" / "3.npz").rename(kept)
    (tmp_path / "state" / "0" / "3.npz").symlink_to(kept)
    assert snapshots.load(0, 3, by=0) is None
    data = kept.read_bytes()
    snapshots.save(0, 3, {"a": np.arange(4.0)})
    assert kept.read_bytes() == data

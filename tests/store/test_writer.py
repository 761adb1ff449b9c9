import math
import shutil

import numpy as np
import pytest

from hpsearch.errors import RunError
from hpsearch.store import RunDirectory, create
from hpsearch.store.files import SYNC_SECONDS

STATE = {"W": np.arange(6.0, dtype=np.float32).reshape(2, 3), "epoch": np.array(3)}


def test_what_is_written_is_read_back(run, piece, result, span):
    with run.writing() as writer:
        writer.piece(piece(1))
        writer.piece(piece(0))
        writer.result(result(1))
        writer.result(result(0))
        writer.worked(span(1, repeat=2, worker="w", start=0.12345, end=1.5))
    assert run.pieces == [piece(1), piece(0)]
    assert run.results == [result(0), result(1)]
    assert run.timeline == [span(1, repeat=2, worker="w", start=0.123, end=1.5)]


def test_a_value_that_is_not_a_number_is_null(run, piece):
    with run.writing() as writer:
        writer.piece(piece(0, value=float("nan"), curve={"epoch": [1], "val_loss": [np.inf]}))
    assert run.pieces == [piece(0, value=None, curve={"epoch": [1], "val_loss": [None]})]


def test_a_state_comes_back_bit_for_bit_until_it_is_forgotten(run, piece, result):
    with run.writing() as writer:
        assert writer.state(piece(0)) is None
        writer.piece(piece(0), STATE)
        state = writer.state(piece(0))
        assert state.keys() == STATE.keys()
        for name, array in STATE.items():
            assert state[name].dtype == array.dtype
            np.testing.assert_array_equal(state[name], array)
        writer.result(result(0))
        assert writer.state(piece(0)) is not None
        writer.forget([piece(0).training])
        assert writer.state(piece(0)) is None
    assert list((run.path / "state").iterdir()) == []


def test_a_state_that_a_power_cut_left_beside_another_piece_counts_as_missing(run, piece):
    with run.writing() as writer:
        writer.piece(piece(0, rung=1, epochs=3), STATE)
        assert writer.state(piece(0, rung=1, epochs=3)) is not None
        assert writer.state(piece(0, rung=0, epochs=1)) is None  # the curve's line was lost
        assert writer.state(piece(0, rung=2, epochs=9)) is None  # the newer state was lost
        assert writer.state(piece(0, rung=2, epochs=3)) is None  # patience ran out at once


def test_a_state_cut_anywhere_counts_as_missing(run, piece):
    with run.writing() as writer:
        writer.piece(piece(0), STATE)
        path = run.path / "state" / "0.npz"
        whole = path.read_bytes()
        for cut in range(0, len(whole), 7):
            path.write_bytes(whole[:cut])
            assert writer.state(piece(0)) is None


def test_a_state_with_a_flipped_bit_is_missing_or_right(run, piece):
    with run.writing() as writer:
        writer.piece(piece(0), {"W": STATE["W"]})
        path = run.path / "state" / "0.npz"
        whole = path.read_bytes()
        for place in range(0, len(whole), 3):
            path.write_bytes(bytes([*whole[:place], whole[place] ^ 8, *whole[place + 1 :]]))
            state = writer.state(piece(0))
            assert not state or np.array_equal(state.get("W", STATE["W"]), STATE["W"])


def test_lines_may_wait_for_the_disk_for_a_second(run, piece):
    with run.writing() as writer:
        assert writer.seconds_to_sync == math.inf
        writer.piece(piece(0))
        assert 0 < writer.seconds_to_sync <= SYNC_SECONDS
        writer.sync()
        assert writer.seconds_to_sync == math.inf


@pytest.mark.parametrize("fate", ["moved", "deleted", "replaced"])
def test_a_run_that_is_no_longer_where_it_was_is_not_written_any_more(run, piece, fate):
    info, elsewhere = run.info, run.path.with_name("elsewhere")
    with run.writing() as writer:
        writer.piece(piece(0))
        run.path.rename(elsewhere)
        if fate == "deleted":
            shutil.rmtree(elsewhere)
        if fate == "replaced":
            with create(run.path.parent, run.name, b"", info).writing():
                pass
        with pytest.raises(RunError, match=r"first: was deleted or moved .* hpsearch resume"):
            writer.sync()
    if fate != "deleted":
        assert RunDirectory(elsewhere).pieces == [piece(0)]


def test_folders_that_were_tidied_away_are_made_again(run, piece):
    shutil.rmtree(run.path / "logs")
    shutil.rmtree(run.path / "state")
    with run.writing() as writer:
        writer.log("trial 0")
        writer.piece(piece(0), STATE)
        assert writer.state(piece(0)) is not None


def test_the_fate_of_all_trials_but_some_can_be_forgotten(run, result):
    with run.writing() as writer:
        for number in range(4):
            writer.result(result(number))
        writer.keep_results([result(1), result(3)])
        writer.result(result(0))
    assert [result.number for result in run.results] == [0, 1, 3]


def test_the_log_grows(run):
    with run.writing() as writer:
        writer.log("trial 1: Traceback\n\n")
        writer.log("trial 2: née")
    text = (run.path / "logs" / "log.txt").read_text(encoding="utf-8")
    assert text == "trial 1: Traceback\ntrial 2: née\n"


def test_checkpoints_of_trainings_are_forgotten_by_name(run):
    kept = ("1-2-0", "11-0-0", "10-0-1")
    for name in ("1-0-0", "1-0-1", *kept):
        (run.path / "state" / name / "epoch-3").mkdir(parents=True)
    with run.writing() as writer:
        writer.forget([(1, 0, 0), (1, 0, 1)])
    assert {path.name for path in (run.path / "state").iterdir()} == set(kept)


def moved_away(folder):
    """Put another folder in the place of one."""
    folder.rename(folder.with_name("moved"))
    folder.mkdir()


@pytest.mark.parametrize("deed", [shutil.rmtree, moved_away])
def test_states_go_where_the_folder_is_now(run, piece, deed):
    with run.writing() as writer:
        writer.piece(piece(0), STATE)
        deed(run.path / "state")
        writer.piece(piece(1), STATE)
        assert [path.name for path in (run.path / "state").iterdir()] == ["1.npz"]
        assert writer.state(piece(0)) is None
        assert writer.state(piece(1)) is not None
        writer.forget([piece(0).training, piece(1).training])
        assert list((run.path / "state").iterdir()) == []


def test_a_folder_that_goes_while_a_state_is_written_is_made_anew(run, piece, monkeypatch):
    savez, told = np.savez, []

    def deleted_meanwhile(file, **arrays):
        savez(file, **arrays)
        if not told:
            shutil.rmtree(run.path / "state")

    monkeypatch.setattr(np, "savez", deleted_meanwhile)
    with run.writing(told.append) as writer:
        writer.piece(piece(0), STATE)
        assert writer.state(piece(0)) is not None
    assert len(told) == 1
    assert "state: was deleted or changed by another program" in told[0]


def test_a_folder_in_the_place_of_a_state_makes_way(run, piece):
    with run.writing() as writer:
        (run.path / "state" / "0.npz" / "inner").mkdir(parents=True)
        writer.piece(piece(0), STATE)
        assert writer.state(piece(0)) is not None

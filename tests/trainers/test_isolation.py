import os

from hpsearch.store import SafePath
from hpsearch.trainers import isolation
from hpsearch.trainers.isolation import Guard, redirected


def test_one_guard_watches_trial_upon_trial_and_goes_away_when_there_are_none(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(isolation, "LOOK", 0.001)
    guard, threads = Guard(), set()
    with (tmp_path / "log").open("wb") as log:
        for _ in range(20):
            with guard.watching(log.fileno(), 100):
                threads.add(guard._thread)
        (thread,) = threads
        thread.join(timeout=60)
        assert not thread.is_alive()
        with guard.watching(log.fileno(), 100):  # and comes back
            assert guard._thread.is_alive()
            assert guard._thread is not thread


def test_what_is_watched_is_cut_while_it_grows(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "LOOK", 0.001)
    monkeypatch.setattr(isolation, "IDLE", 2)
    guard, path = Guard(), tmp_path / "log"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    with guard.watching(descriptor, 200):
        os.write(descriptor, b"x" * 1000)
        thread = guard._thread
        while path.stat().st_size > 200:
            assert thread.is_alive()
    thread.join(timeout=60)
    os.close(descriptor)
    assert "cut by hpsearch" in path.read_text()


def test_the_guard_watches_the_outer_file_again_after_an_inner_one(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation, "_GUARD", guard := Guard())
    with redirected(SafePath(tmp_path) / "outer.txt", 300):
        outer = guard._watched
        with redirected(SafePath(tmp_path) / "inner.txt", 400):
            print("inner")
            assert guard._watched[1] == 400
        assert guard._watched == outer
    assert guard._watched is None
    assert [path.name for path in tmp_path.iterdir()] == ["inner.txt"]

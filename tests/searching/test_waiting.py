"""What a search does while its trials take long."""

import pytest

from hpsearch.store import Writer


@pytest.fixture
def slow(anyhow):
    """Gives a backend whose every answer comes only at the second time of asking."""

    class Slow(anyhow):
        asked = 0

        def next(self, timeout=None):
            self.asked += 1
            if timeout is not None and self.asked % 2:
                raise TimeoutError
            return super().next(timeout)

    return Slow


def test_lines_reach_the_disk_while_a_search_waits_for_an_answer(
    new_run, spec, go, slow, monkeypatch
):
    forced = []

    def sync(self, sync=Writer.sync):
        forced.append(self.seconds_to_sync)
        sync(self)
        assert self.seconds_to_sync == float("inf")

    monkeypatch.setattr(Writer, "sync", sync)
    go(new_run(), spec(), slow(jobs=1))
    assert sum(seconds < float("inf") for seconds in forced) > len(spec().rounds)


def test_waiting_changes_nothing(new_run, spec, go, fates, slow):
    quick, waiting = new_run(), new_run()
    go(quick, spec())
    go(waiting, spec(), slow(seed=3))
    assert fates(quick) == fates(waiting)

"""The page of a search that goes on: new now and then, for hardly any time."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from hpsearch.report.live import BABYSIT_SHARE, EVERY, SHARE, LiveReport
from hpsearch.searching.events import SearchEnded, SearchStarted, TrialEnded, TrialsReported
from hpsearch.store import RunDirectory
from hpsearch.trainers.reporting import Latest

TRIAL = TrialEnded(SimpleNamespace(), None)


class Desk:
    """Pages that take a known time on a clock of their own."""

    def __init__(self, path, cost):
        self.run, self.cost, self.now, self.pages = RunDirectory(path), cost, 100.0, []
        self.live = LiveReport(self.write, lambda: self.now)

    def write(self, run, refresh):
        self.pages.append((self.now, refresh))
        self.now += self.cost

    def search(self, seconds, event_every=0.5):
        self.live(SearchStarted(self.run, 100, 0, 2))
        end = self.now + seconds
        while self.now < end:
            self.now += event_every
            self.live(TRIAL)


@pytest.fixture
def desk(tmp_path):
    return lambda cost: Desk(tmp_path, cost)


@pytest.mark.parametrize("cost", [0.001, 0.05, 0.25, 1.0, 7.0])
def test_pages_take_no_more_than_their_share_of_the_time_once_their_cost_is_known(desk, cost):
    found = desk(cost)
    found.search(2000)
    times = [time for time, _ in found.pages]
    assert len(times) >= 2
    for count, time in enumerate(times[1:], 2):
        assert count * cost <= SHARE * (time - 100.0) + 1e-9
    assert all(b - a >= EVERY for a, b in pairwise(times))


def test_cheap_pages_come_every_few_seconds(desk):
    found = desk(0.001)
    found.search(100)
    assert len(found.pages) >= 100 / EVERY * 0.8 - 2


def test_an_unfinished_page_refreshes_itself_and_the_last_one_does_not(desk):
    found = desk(0.01)
    found.search(60)
    assert found.pages
    assert all(refresh >= EVERY for _, refresh in found.pages)
    found.live(SearchEnded(found.run))
    assert found.live.close() == found.run.report.path
    assert found.pages[-1][1] is None


def test_what_running_trials_report_is_on_a_page_until_it_is_and_no_page_comes_without_news(desk):
    found, pages = desk(0.001), []

    def reported(*epochs):
        trials = (Latest(n, 0, 0, 0, 9, {"epoch": epoch}) for n, epoch in enumerate(epochs))
        found.now += 1.0
        found.live(TrialsReported(tuple(trials), "auc"))
        pages.append(len(found.pages))

    found.live(SearchStarted(found.run, 100, 0, 2))
    found.now += 100.0
    reported(1, 1)
    reported(1, 2)  # too early for another page
    for _ in range(20):
        reported(1, 2)
    reported(2, 2)
    reported()
    assert pages == [1] * 5 + [2] * 17 + [3] * 2
    for _ in range(20):
        reported()
    assert pages[-1] == 4


def test_a_search_that_never_began_leaves_the_page_alone(desk):
    found = desk(0.01)
    assert found.live.close() is None
    assert found.pages == []


def test_a_page_that_cannot_be_written_is_told_and_ends_nothing(desk):
    found = desk(0.01)
    found.live = LiveReport(lambda run, refresh: 1 / 0, lambda: found.now)
    found.search(60)
    assert found.live.close() is None
    assert found.live.problem == "ZeroDivisionError: division by zero"


def test_without_events_a_page_is_kept_likewise_within_a_share_of_its_own(desk):
    found = desk(0.1)
    found.live = LiveReport(found.write, lambda: found.now, share=BABYSIT_SHARE)
    found.live.begin(found.run)
    began, wrote = found.now, 0
    for _ in range(2000):
        found.now += 0.5
        wrote += found.live.look()
    assert wrote == len(found.pages) > 1
    assert wrote * 0.1 <= BABYSIT_SHARE * (found.now - began)
    found.live.close()
    assert found.pages[-1][1] is None

"""Signals in this process; what they do to a whole search is in tests/faults."""

import os
import signal

import pytest

from hpsearch.searching.interrupts import SIGNALS, listening, shielded
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.scheduler import Scheduler


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_keyboard_interrupt_and_handlers_come_back(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(KeyboardInterrupt), listening():
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_what_is_shielded_comes_to_its_end_first():
    done = []

    def work():
        with shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("the whole of it")
        done.append("no more")

    with pytest.raises(KeyboardInterrupt), listening():
        work()
    assert done == ["the whole of it"]


def test_a_signal_that_was_ignored_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening():
            os.kill(os.getpid(), signal.SIGHUP)  # heeded, it would end the block here
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupted_search_takes_in_what_was_answered(
    new_run, spec, anyhow, criterion, valley
):
    """Two answers have come when the user interrupts the wait for another one."""
    run = new_run()
    with run.writing() as writer, anyhow(jobs=2, answers=0) as backend:
        ledger = Ledger(criterion, writer, began=0.0)
        search = Scheduler(spec(), valley(), backend, ledger, lambda event: None)
        with pytest.raises(KeyboardInterrupt):
            search.go()
        backend.answers = float("inf")
        search.take_in()
        assert len(run.pieces) == 4  # two groups of two

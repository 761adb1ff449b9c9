"""Steering a model from another process: an answer, a request taken back, or the change itself."""

import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from hpsearch.errors import RunError
from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.babysit.steering import steer
from hpsearch.store import lock
from hpsearch.store.requests import Reply, Request, Requests

CHANGE = Request("set", {"learning_rate": 0.5})


class Elsewhere:
    """A process that trains the model, as whoever steers it sees it; `nap` is what it does."""

    def __init__(self, run):
        self.run, self.requests, self.held, self.naps = run, Requests(run.inside), ExitStack(), 0
        self.held.enter_context(lock.take(run.inside / lock.NAME))

    def nap(self, seconds):
        self.naps += 1
        assert self.naps < 100, "nobody is waited for any more"


@pytest.fixture
def elsewhere(model, monkeypatch):
    made = model()
    made.train(until=3)
    other = Elsewhere(made.run)
    clock = {
        **vars(time),
        "monotonic": lambda: float(other.naps),  # a nap takes a second
        "sleep": lambda seconds: other.nap(seconds),
    }
    monkeypatch.setattr("hpsearch.store.requests.time", SimpleNamespace(**clock))
    with other.held:
        yield other


def at_first(other, monkeypatch, deed):
    """Have something done while whoever asks waits for the first time."""

    def nap(seconds):
        if not other.naps:
            deed()
        Elsewhere.nap(other, seconds)

    monkeypatch.setattr(other, "nap", nap)


@pytest.mark.parametrize("note", ["", " ", "caf\udce9"])
def test_a_note_that_cannot_be_is_refused_before_it_is_asked(elsewhere, note):
    with pytest.raises(RunError, match="note: must"):
        steer(elsewhere.run, Request("set", note=note))
    assert not elsewhere.requests.waiting


@pytest.mark.parametrize("done", [True, False])
def test_the_answer_of_who_trains_it_is_given(elsewhere, monkeypatch, done):
    def answer():
        (taken,) = elsewhere.requests.taken()
        elsewhere.requests.reply(taken, Reply(done, "so it is"))

    at_first(elsewhere, monkeypatch, answer)
    if done:
        assert steer(elsewhere.run, CHANGE) == "so it is"
    else:
        with pytest.raises(RunError, match="so it is"):
            steer(elsewhere.run, CHANGE)
    assert elsewhere.run.diary == []


def test_in_vain_for_too_long_takes_the_request_back(elsewhere):
    with pytest.raises(RunError, match=r"no epoch ended within 0 s, so nothing was changed"):
        steer(elsewhere.run, CHANGE, timeout=0)
    assert elsewhere.requests.taken() == []


def test_control_c_takes_the_request_back(elsewhere, monkeypatch):
    def tired():
        raise KeyboardInterrupt

    at_first(elsewhere, monkeypatch, tired)
    with pytest.raises(KeyboardInterrupt, match="taken back; nothing was changed"):
        steer(elsewhere.run, CHANGE)
    assert elsewhere.requests.taken() == []


def test_a_request_that_is_being_done_is_waited_for(elsewhere, monkeypatch):
    def take():
        (taken,) = elsewhere.requests.taken()
        monkeypatch.setattr(
            elsewhere, "nap", lambda _: elsewhere.requests.reply(taken, Reply(True, "done"))
        )

    at_first(elsewhere, monkeypatch, take)
    assert steer(elsewhere.run, CHANGE, timeout=0.001) == "done"


def test_where_the_process_ends_before_it_took_the_request_the_change_is_made_here(
    elsewhere, monkeypatch
):
    at_first(elsewhere, monkeypatch, elsewhere.held.close)
    assert "-> 0.5; train on with: hpsearch resume" in steer(elsewhere.run, CHANGE)
    assert [done.set["learning_rate"][1] for done in elsewhere.run.diary] == [0.5]
    assert elsewhere.requests.taken() == []


def test_where_the_process_ends_after_it_took_the_request_nobody_claims_to_know(
    elsewhere, monkeypatch
):
    def die():
        elsewhere.requests.taken()
        elsewhere.held.close()

    at_first(elsewhere, monkeypatch, die)
    with pytest.raises(RunError, match=r"ended before it answered; whether.*interventions\.jsonl"):
        steer(elsewhere.run, CHANGE)
    assert elsewhere.run.diary == []


def test_a_request_that_somebody_removes_is_not_waited_for(elsewhere, monkeypatch):
    at_first(elsewhere, monkeypatch, lambda: (elsewhere.run.inside / "requests").remove())
    with pytest.raises(RunError, match="the request was removed by another program"):
        steer(elsewhere.run, CHANGE)


def test_the_same_change_by_key_steer_and_python_gives_the_same_bits(model):
    models = [model() for _ in range(3)]
    for made, by in zip(models, ("key", "steer", "python"), strict=True):
        with made.session() as session:
            session.train(3)
            session.act(Request("set", {"learning_rate": 0.2}, by=by))
            session.train(100)
        assert [line["by"] for line in made.lines("interventions.jsonl")] == [by]
    asked = model()
    asked.train(until=3)
    steer(asked.run, Request("set", {"learning_rate": 0.2}))
    asked.train()
    assert all(each.bits == asked.bits for each in models)
    assert replay(asked.run).same

"""Settings of one's own, stops and notes: the trials follow from what is recorded of them."""

import json
import random
from types import SimpleNamespace

import pytest

from hpsearch.backends.serial import Serial
from hpsearch.errors import RunError
from hpsearch.sampling.plan import ladder, plan, round_sizes
from hpsearch.searching import desk as desk_module
from hpsearch.searching.by_hand import ByHand, by_hand_in, in_words
from hpsearch.searching.desk import Desk
from hpsearch.searching.events import RoundStarted, TrialEnded
from hpsearch.searching.interrupts import StoppedByHandError
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.scheduler import Scheduler
from hpsearch.store.requests import Request, Requests
from hpsearch.trial import BY_HAND, Act

LAGGED = plan(
    round_sizes(63, ladder(4, 1, 2), factor=2, workers=9), ladder(4, 1, 2), factor=2, workers=9
)
PLANS = ("one rung", "rungs", "repeats", "crossed", "lagged")


class Attentive(Desk):
    """Looks before each answer."""

    due = True
    seconds_left = 1.0


@pytest.fixture(autouse=True)
def _any_trainer(monkeypatch):
    kind = SimpleNamespace(hyperparameters={})
    monkeypatch.setattr(desk_module, "kind_read", lambda trainer: kind)


@pytest.fixture
def planned(spec, rungs):
    """A specification by the name of its plan."""
    return lambda name: {
        "one rung": spec(),
        "rungs": spec(rounds=rungs),
        "repeats": spec(rounds=rungs, repeats=2),
        "crossed": spec(rounds=rungs, start=[{"x": 0.5, "kind": "good"}]),
        "lagged": spec(rounds=LAGGED),
    }[name]


@pytest.fixture
def listening(criterion, valley):
    """Does a search that hears what people ask, and gives what they did."""

    def search(run, spec, backend=None, tell=lambda event, requests: None):
        config = SimpleNamespace(space=spec.space, trainer=None)
        requests = Requests(run.inside)
        with run.writing() as writer, backend or Serial() as at:
            ledger = Ledger(criterion, writer, began=0.0, trainings=spec.trainings)
            ledger.read(run)
            acts = by_hand_in(run, spec)
            desk = Attentive(run, config, spec, acts, writer)
            Scheduler(
                spec, valley(), at, ledger, lambda event: tell(event, requests),
                by_hand=acts, desk=desk,
            ).go()  # fmt: skip
        return by_hand_in(run, spec)

    return search


def somebody(seed):
    """Whoever looks at a search and adds settings or stops trials as it goes on."""
    chance, begun = random.Random(seed), []

    def act(event, requests):
        if isinstance(event, RoundStarted):
            begun.append(event.round)
        if begun and isinstance(event, TrialEnded | RoundStarted) and chance.random() < 0.4:
            if chance.random() < 0.4:
                kind = chance.choice(["good", "fine"])
                requests.ask(Request("add", {"x": round(chance.uniform(0, 1), 3), "kind": kind}))
            else:
                number = begun[-1].first + chance.randrange(begun[-1].trials)
                requests.ask(Request("stop", trial=number))

    return act


def with_facts(run, other):
    """Give a run what was done to another."""
    facts = (other.path / "interventions.jsonl").read_bytes()
    (run.path / "interventions.jsonl").write_bytes(facts)
    return run


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", PLANS)
def test_the_same_facts_give_the_same_trials_with_any_number_of_jobs(
    new_run, planned, listening, anyhow, fates, name, seed
):
    spec, run = planned(name), new_run()
    acts = listening(run, spec, anyhow(seed), somebody(seed))
    found = fates(run)
    assert any(line["error"] == BY_HAND for line in found)
    assert {line["number"] for line in found} >= acts.added.keys()
    for backend in (Serial(), anyhow(seed + 1, jobs=3), anyhow(seed + 2, jobs=9)):
        again = with_facts(new_run(), run)
        listening(again, spec, backend)
        assert fates(again) == found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["rungs", "repeats"])
def test_an_answer_that_comes_all_the_same_of_a_trial_that_was_stopped_is_dropped(
    new_run, planned, listening, anyhow, fates, monkeypatch, name, seed
):
    backend, spec, run, again = anyhow(seed), planned(name), new_run(), new_run()
    monkeypatch.setattr(backend, "withdraw", lambda key: False)
    acts = listening(run, spec, backend, somebody(seed))
    assert acts.acts
    listening(with_facts(again, run), spec)
    assert fates(again) == fates(run)
    assert backend.pending == 0


@pytest.mark.parametrize("name", [*PLANS[:-1], pytest.param("lagged", marks=pytest.mark.slow)])
def test_a_kill_at_any_line_changes_nothing(new_run, planned, listening, anyhow, fates, name):
    spec, run = planned(name), new_run()
    listening(run, spec, anyhow(3), somebody(11))
    found = fates(run)
    lines = {
        file: (run.path / file).read_bytes().splitlines(keepends=True)
        for file in ("curves.jsonl", "trials.jsonl")
    }
    for kept in range(0, len(lines["curves.jsonl"]), 9):
        killed = with_facts(new_run(), run)
        (killed.path / "curves.jsonl").write_bytes(b"".join(lines["curves.jsonl"][:kept]))
        listening(killed, spec, anyhow(kept))
        assert fates(killed) == found
    for kept in range(0, len(lines["trials.jsonl"]), 9):  # states are gone, curves are there
        killed = with_facts(new_run(), run)
        (killed.path / "curves.jsonl").write_bytes(b"".join(lines["curves.jsonl"]))
        (killed.path / "trials.jsonl").write_bytes(b"".join(lines["trials.jsonl"][:kept]))
        listening(killed, spec, anyhow(kept))
        assert fates(killed) == found


@pytest.mark.parametrize("name", ["rungs", "repeats", "lagged"])
@pytest.mark.parametrize("answers", [1, 5, 12, 20])
def test_what_was_done_before_and_after_a_kill_gives_the_same_trials(
    new_run, planned, listening, anyhow, fates, name, answers
):
    spec, run, act = planned(name), new_run(), somebody(answers)
    with pytest.raises(KeyboardInterrupt):
        listening(run, spec, anyhow(answers, answers=answers), act)
    acts = listening(run, spec, anyhow(answers + 1), act)
    again = new_run()
    if acts.acts:
        with_facts(again, run)
    listening(again, spec)
    assert fates(again) == fates(run)


def once(what, request):
    """Ask for something when the first event of a kind comes."""
    asked = []

    def act(event, requests):
        if isinstance(event, what) and not asked:
            asked.append(requests.ask(request))

    return act


def test_an_added_setting_is_trained_in_full_and_joins_a_later_round(
    new_run, planned, listening, fates
):
    spec, run, plain = planned("rungs"), new_run(), new_run()
    ask = once(RoundStarted, Request("add", {"x": 0.31, "kind": "good"}, note="by the book"))
    acts = listening(run, spec, tell=ask)
    listening(plain, spec)
    added = fates(run)[-1]
    assert (added["number"], added["params"]) == (21, {"x": 0.31, "kind": "good"})
    assert (added["status"], added["epochs"]) == ("completed", 4)
    assert acts.joins == {21: 2}
    assert fates(run)[:15] == fates(plain)[:15]
    assert fates(run)[15:21] != fates(plain)[15:]
    assert in_words(acts.acts[0]) == "trial 21 was added: x 0.31, kind good; by the book"


def test_a_stopped_trial_gives_its_place_to_the_next_best(new_run, planned, listening, fates):
    spec, run = planned("rungs"), new_run()
    acts = listening(run, spec, tell=once(RoundStarted, Request("stop", trial=4)))
    line = fates(run)[4]
    assert acts.stops == {4: 0}
    assert (line["status"], line["error"], line["epochs"]) == ("stopped", BY_HAND, 0)
    first = [each for each in fates(run) if each["round"] == 0]
    assert [each["epochs"] for each in first].count(4) >= 1


def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(
    new_run, planned, listening, anyhow, fates
):
    spec, run, plain = planned("rungs"), new_run(), new_run()
    with pytest.raises(StoppedByHandError):
        listening(run, spec, anyhow(1), once(TrialEnded, Request("stop", note="enough")))
    assert 0 < len(fates(run)) < spec.trials
    acts = listening(run, spec)
    listening(plain, spec)
    assert fates(run) == fates(plain)
    assert [act.action for act in acts.acts] == ["stop"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request("add", {"x": 2}), "--set x: 2 is outside the space"),
        (Request("add", {"z": 1}), "--set z: is not in 'space'"),
        (Request("add", {"x": 0.5, "kind": "good", "y": 0.5}), "--set y: does not count"),
        (Request("add"), "say the setting"),
        (Request("add", {"x": 0.5}, trial=99), "--like 99: must be a trial that has ended"),
        (Request("stop", trial=99), "trial 99: must be one that has begun"),
        (Request("note"), "must have a text or a tag"),
        (Request("note", note=" "), "note: must say something"),
        (Request("note", tags=["<b>"]), "--tag '<b>': must be at most 40 letters"),
        (Request("undo"), "action: must be add, stop or note"),
    ],
)
def test_what_cannot_be_done_is_refused_and_leaves_no_line(
    new_run, planned, listening, request_, message
):
    run, replies = new_run(), []

    def ask(event, requests):
        if isinstance(event, RoundStarted) and event.round.number == 1:
            replies.append(requests.ask(request_))

    acts = listening(run, planned("one rung"), tell=ask)
    reply = Requests(run.inside).answer(replies[0])
    assert not reply.done
    assert message in reply.text
    assert acts.acts == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"action": "add", "trial": 3}, "must have trial, params and round"),
        ({"action": "add", "trial": 3, "params": {}, "round": 1}, "a number that no other has"),
        ({"action": "add", "trial": 30, "params": {}, "round": 9}, "round must be one of 1 to 3"),
        ({"action": "add", "trial": 30, "params": {"x": "a"}, "round": 1}, "x cannot be 'a'"),
        ({"action": "stop", "trial": 3}, "must have rungs"),
        ({"action": "stop", "trial": 99, "rungs": 1}, "trial must be one of this search"),
        ({"action": "note", "tags": ["\x1b[31m"]}, "tags: must be"),
        ({"action": "burn"}, "must be one of the words"),
    ],
)
def test_lines_that_nobody_can_have_written_are_refused(new_run, spec, line, message):
    run = new_run()
    text = json.dumps({"time": "2026-01-01", **line})
    (run.path / "interventions.jsonl").write_text(text + "\n")
    with pytest.raises(RunError, match=message):
        by_hand_in(run, spec())


def test_tags_are_told_once_and_notes_in_order():
    acts = ByHand(
        Act(time="", action="note", note=note, tags=tags)
        for note, tags in (("first", ("a",)), (None, ("b", "a")), ("last", ()))
    )
    assert acts.tags == ["a", "b"]
    assert acts.notes == ["first", "last"]

"""A damaged babysat run is repaired: the curves to the same bits, the diary never in silence."""

import json

import pytest

from hpsearch.errors import RunError
from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.babysit.story import read
from hpsearch.searching.repair import repair


@pytest.fixture
def made(model, monkeypatch):
    """A model of three branches, an epoch a piece."""
    monkeypatch.setattr("hpsearch.searching.babysit.session.CHUNK", 0.0)
    made = model()
    made.train(until=5)
    made.act("set", set={"learning_rate": 0.5})
    made.train(until=8)
    made.act("undo")
    made.train(until=7)
    made.act("branch", epoch=6, set={"learning_rate": 0.02})
    made.train()
    return made


def lines_of(run, name):
    return (run.path / name).read_text().splitlines(keepends=True)


def put(run, name, lines):
    (run.path / name).write_text("".join(lines))


def place_of(run, number, epoch):
    """The place of the piece of curves.jsonl that ends so."""
    pieces = map(json.loads, lines_of(run, "curves.jsonl"))
    found = [(piece["number"], piece["epochs"]) for piece in pieces]
    return found.index((number, epoch))


@pytest.mark.parametrize(("number", "epoch"), [(0, 3), (0, 8), (1, 6), (2, 9)])
def test_lost_epochs_of_any_branch_are_trained_again_to_the_same_bits(made, number, epoch):
    whole, fates = made.bits, made.fates
    lines = lines_of(made.run, "curves.jsonl")
    lines[place_of(made.run, number, epoch)] = '{"numb\n'
    put(made.run, "curves.jsonl", lines)
    with pytest.raises(RunError, match="--repair"):
        read(made.run)
    assert "curves.jsonl" in repair(made.run)[0]
    made.train()
    assert made.bits == whole
    assert made.fates == fates
    assert replay(made.run).same
    assert repair(made.run) == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_line_of_the_diary_takes_what_came_after_it_along_and_says_so(made, place):
    run, diary = made.run, lines_of(made.run, "interventions.jsonl")
    before = made.bits
    put(run, "interventions.jsonl", [*diary[:place], "{}\n", *diary[place + 1 :]])
    with pytest.raises(RunError, match=r"interventions\.jsonl: line"):
        read(run)
    number, epoch = [(0, 0), (0, 5), (1, 5)][place]
    said = repair(run)[0]
    assert f"{len(diary) - place} line" in said
    assert f"goes on from branch {number}, epoch {epoch}" in said
    story = read(run)
    assert (story.number, story.epoch) == (number, epoch)
    assert len(lines_of(run, "damaged/interventions.jsonl")) == len(diary) - place
    assert not (run.path / "best").exists()
    made.train()
    assert replay(run).same
    for key, bits in made.bits.items():
        if key[0] < number or (key[0] == number and key[1] <= epoch):
            assert bits == before[key]


def test_an_epoch_that_is_lost_is_refused_unless_the_run_was_repaired(made):
    lines = lines_of(made.run, "curves.jsonl")
    at = place_of(made.run, 0, 5)
    whole = made.bits
    put(made.run, "curves.jsonl", lines[:at] + lines[at + 4 :])
    with pytest.raises(RunError, match="restore the files, or train those again"):
        made.train()
    assert repair(made.run) == [f"{made.run.path}: branch 0 has lost epochs 5 to 8"]
    made.train()
    assert made.bits == whole

"""A run keeps to the rules by which it began: how numbers are drawn and settings proposed."""

import json
from dataclasses import replace
from importlib.metadata import version

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.rng import RULES, library_seed
from hpsearch.searching.refine import refine
from hpsearch.searching.resume import reopen
from hpsearch.searching.retrain import jobs_again, known_trial
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.spec import past_trials, spec_of
from hpsearch.store import RunDirectory
from hpsearch.trainers.user_training import seed_of

CONFIG = {
    "trainer": {"kind": "function", "function": "m:train", "epochs": 1},
    "metric": {"name": "loss", "goal": "minimize"},
    "space": {"x": {"min": 0, "max": 1}},
    "search": {"trials": 5, "halving": False, "confirm": {"top": 1, "seeds": 1, "share": 0.5}},
    "parallel": {"backend": "serial"},
}


def train(params, epochs, seed):
    return {"loss": params["x"], "seed": seed}


def search(tmp_path, config, refinement=None, name="first"):
    run = begin(config, None, tmp_path, name, refinement)
    conduct(run, lambda event: None, config, function=train)
    return run


def as_of(run: RunDirectory, rules):
    """The run as if other rules had made it; None as before rules were recorded."""
    info = json.loads((run.path / "run.json").read_text())
    del info["rules"]
    info |= {} if rules is None else {"rules": rules}
    (run.path / "run.json").write_text(json.dumps(info))
    return run


@pytest.fixture
def config():
    return from_mapping(CONFIG)


def seeds(run):
    return {result.number: result.metrics["seed"] for result in run.results}


def test_a_new_run_records_its_rules_and_every_training_follows_them(tmp_path, config):
    run = search(tmp_path, config)
    assert run.info.rules == RULES == 5
    own = {n: library_seed(0, "trial", n, "user") for n in range(5)}
    assert seeds(run) == own
    confirmed = [piece for piece in run.pieces if piece.repeat]
    assert [piece.curve["seed"] for piece in confirmed] == [
        [library_seed(0, "confirm", 0, "user")]
    ]


def test_a_run_that_recorded_none_goes_on_by_rules_1(tmp_path, config):
    run = as_of(begin(config, None, tmp_path, "first"), None)
    conduct(run, lambda event: None, function=train)
    assert run.info.rules == 1
    assert seeds(run) == {n: library_seed(0, "trial", n, "user", rules=1) for n in range(5)}
    assert {job.rules for job in jobs_again(config, known_trial(run, config, 0))} == {1}


def test_a_refined_run_is_new_and_its_parents_trials_keep_their_seeds(tmp_path, config):
    parent = as_of(begin(config, None, tmp_path, "first"), None)
    conduct(parent, lambda event: None, function=train)
    child = search(tmp_path, config, refine(parent, config, config, None), "second")
    assert child.info.rules == RULES
    spec = spec_of(child, child.info, config)
    known = {each.result.number: each for each in past_trials(child, spec)}
    rules = {number: each.rules for number, each in known.items()}
    assert rules == {n: 1 if n < 5 else RULES for n in known}
    (again,) = jobs_again(config, known[child.info.parent_winner])
    assert seed_of(again) == seeds(parent)[again.number]


def test_numbers_in_ascending_order_are_neighbours_only_in_runs_from_rules_3_on(tmp_path):
    tree = CONFIG | {"space": {"x": {"values": [1, 2, 4, 8]}, "y": {"values": [1, 2, 3, 5, 9]}}}
    config = from_mapping(tree | {"search": {"trials": 20, "rounds": 4, "confirm": False}})
    unordered = replace(config, space=config.space.unordered())
    runs = [
        begin(config, None, tmp_path, "new"),
        as_of(begin(config, None, tmp_path, "old"), 2),
        as_of(begin(unordered, None, tmp_path, "asked"), 2),
    ]
    for run in runs:
        conduct(run, lambda event: None, function=train)
    new, old, asked = ([result.params for result in run.results] for run in runs)
    assert old == asked != new
    assert [run.info.config["space"]["x"].get("ordered") for run in runs] == [None, None, False]


@pytest.mark.parametrize(
    "action",
    [
        lambda run, config: reopen(run),
        lambda run, config: known_trial(run, config, 0),
        lambda run, config: refine(run, config, config, None),
    ],
    ids=["resume", "retrain", "refine"],
)
def test_a_run_of_later_rules_is_read_but_not_trained_by_others(tmp_path, config, action):
    run = as_of(search(tmp_path, config), RULES + 1)
    assert len(past_trials(run, spec_of(run, run.info, config))) == 5
    expected = (
        f"first: was searched by rules 6, this hpsearch {version('hpsearch')} knows rules 1 to 5; "
        rf"go on with the version that began it \({version('hpsearch')}\), or search again with: "
    )
    with pytest.raises(RunError, match=expected):
        action(run, config)


def test_a_round_whose_trials_are_on_disk_is_not_proposed_again(tmp_path, config, monkeypatch):
    run = search(tmp_path, config)
    before = run.results
    monkeypatch.setattr(
        "hpsearch.searching.lookback.proposals", lambda *_: pytest.fail("was proposed again")
    )
    conduct(run, lambda event: None, config, function=train)
    assert run.results == before

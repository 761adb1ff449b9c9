import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from hpsearch.errors import RunError
from hpsearch.sampling.propose import propose
from hpsearch.searching.history import PastTrial
from hpsearch.searching.spec import draw_of, proposals
from hpsearch.space import Choice, Continuous, Parameter, Space
from hpsearch.store import as_line, create
from hpsearch.trial import Trial

CROSSED = Space(
    (
        Parameter("x", Continuous(0, 1)),
        Parameter("a", Choice((1, 2)), cross=True),
        Parameter("b", Choice((1, 2, 3)), cross=True),
    )
)


def test_a_draw_stands_for_every_combination_of_crossed_choices(spec):
    assert CROSSED.crossed == 6
    assert spec().space.crossed == 1


@given(st.integers(0, 500), st.integers(0, 20), st.integers(1, 8))
def test_trials_of_one_draw_are_neighbours(number, first, crossed):
    draw = draw_of(number, first, crossed)
    assert number - crossed < draw <= number
    assert draw_of(draw, first, crossed) == draw
    assert (draw - first) % crossed == 0 or number < first


def test_a_round_numbers_its_trials_from_its_first(spec, rounds):
    planned = rounds(((3, 4),), ((2, 4),), first=10)
    trials = proposals(spec(rounds=planned), planned[1])
    assert [(trial.number, trial.round) for trial in trials] == [(13, 1), (14, 1)]


def test_settings_by_hand_stand_before_the_draws_of_the_first_round_only(spec):
    start = ({"x": 0.5, "kind": "good"},)
    asked = spec(start=start)
    first, second = (proposals(asked, round) for round in asked.rounds[:2])
    assert first[0] == Trial(0, 0, start[0])
    assert len(first) == 6
    assert start[0] not in [trial.params for trial in second]


def test_crossed_draws_fill_a_round_side_by_side(spec, rounds):
    planned = rounds(((12, 4),))
    asked = spec(space=CROSSED, rounds=planned)
    trials = proposals(asked, planned[0])
    assert [len({t.params["x"] for t in trials[i : i + 6]}) for i in (0, 6)] == [1, 1]
    assert len({asked.seed_of(trial.number) for trial in trials}) == 2


def test_every_trial_has_random_numbers_of_its_own(spec):
    seeds = {spec(seed=seed).seed_of(n) for n in range(20) for seed in (0, 1)}
    assert len(seeds) == 40


def test_a_trials_own_settings_go_before_the_fixed_ones(spec):
    asked = spec(settings={"epochs": 4, "x": 0.1})
    assert asked.settings_of({"x": 0.2}) == {"epochs": 4, "x": 0.2}


@pytest.mark.parametrize("damage", [{"status": "gone"}, {"seed": None}, {"curve": None}])
def test_a_history_that_cannot_be_understood_is_refused(tmp_path, run_info, damage):
    line = {
        "number": 0, "round": 0, "status": "completed", "params": {}, "epochs": 1, "metrics": {},
        "value": 0.5, "error": None, "started": "", "seconds": 0.0,
        "curve": {"epoch": [1]}, "seed": [0, "trial", 0], "rules": 2,
    }  # fmt: skip
    run = create(tmp_path, "child", b"", run_info())
    path = run.path / "history.jsonl"
    path.write_text(json.dumps(line) + "\n")
    (known,) = run.history
    assert json.loads(json.dumps(as_line(PastTrial.from_inherited(known).as_inherited()))) == line
    path.write_text(json.dumps(line | damage) + "\n")
    with pytest.raises(RunError, match=r"history\.jsonl: line 1, byte 0: .*refine the parent"):
        _ = run.history


def test_settings_are_proposed_on_one_thread_whatever_the_process_has(spec, monkeypatch):
    """A matrix product has other bits on another number of threads, and so a proposal."""
    seen = []

    def look(*args, **keys):
        pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
        seen.append(set(pools))
        return propose(*args, **keys)

    monkeypatch.setattr("hpsearch.searching.spec.propose", look)
    with threadpool_limits(2):
        asked = spec()
        proposals(asked, asked.rounds[0])
        outside = {p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas"}
    assert seen == [{1}]
    assert outside == {2}

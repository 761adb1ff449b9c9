from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import ConfigError
from hpsearch.sampling.plan import FEWEST
from hpsearch.sampling.propose import propose
from hpsearch.sampling.ranking import Observation
from hpsearch.sampling.screening import Care, screen
from hpsearch.space import (
    LOG,
    Choice,
    Continuous,
    Derived,
    Discrete,
    Expression,
    Fixed,
    Parameter,
    Space,
)
from hpsearch.space.settings import key
from hpsearch.space.settings import settings as listed

screened = pytest.mark.parametrize("screened", [False, True], ids=["plain", "screened"])


@screened
@pytest.mark.parametrize("sampler", ["zoom", "random"])
def test_the_same_arguments_propose_the_same(space, history, sampler, screened):
    first, again = (propose(space, 9, 0, 30, 0.5, history, sampler, screened) for _ in range(2))
    assert first == again


@screened
def test_other_random_numbers_elsewhere_change_nothing(space, history, screened):
    expected = propose(space, 5, 0, 30, 0.5, history, screened=screened)
    np.random.default_rng(0).random(100)
    state = np.random.get_state()
    assert propose(space, 5, 0, 30, 0.5, history, screened=screened) == expected
    assert np.random.get_state()[1].tolist() == state[1].tolist()


def test_another_seed_or_another_round_proposes_others(space, history):
    base = propose(space, 5, 0, 30, 0.5, history)
    assert propose(space, 5, 1, 30, 0.5, history) != base
    assert propose(space, 5, 0, 31, 0.5, history) != base


def test_the_history_is_not_changed(space, history):
    before = repr(history)
    propose(space, 9, 0, 30, 0.5, history)
    assert repr(history) == before


@settings(max_examples=8)
@given(st.integers(1, 20), st.floats(0, 1), st.sampled_from(["zoom", "random"]), st.booleans())
def test_every_proposal_lies_in_the_space(space, history, count, progress, sampler, coarse):
    proposed = propose(space, count, 0, 30, progress, () if coarse else history, sampler)
    assert len(proposed) == count
    assert all(space.contains(params) for params in proposed)


def test_the_coarse_round_covers_every_range_evenly():
    space = Space((Parameter("x", Continuous(0, 1)), Parameter("n", Discrete(1, 4))))
    proposed = propose(space, 8, seed=0, first=0)
    assert sorted(int(8 * params["x"]) for params in proposed) == list(range(8))
    assert sorted(params["n"] for params in proposed) == [1, 1, 2, 2, 3, 3, 4, 4]


@screened
def test_the_fine_rounds_draw_around_the_best(space, history, screened):
    proposed = propose(space, 30, 0, 30, 0.9, history, screened=screened)
    places = [abs(np.log10(params["x"]) + 2) for params in proposed]
    assert np.median(places) < np.median([abs(np.log10(t.params["x"]) + 2) for t in history]) / 2


def test_a_handful_of_values_is_too_few_to_screen_by(space, history):
    few, enough = history[4 : 4 + FEWEST - 1], history[4 : 4 + FEWEST]
    for known, alike in ((few, True), (enough, False)):
        plain, screened = (propose(space, 5, 0, 30, 0.5, known, screened=s) for s in (False, True))
        assert (plain == screened) is alike


def test_what_is_screened_promises_more_than_what_is_drawn(space, history):
    plain, screened = (
        np.median([abs(np.log10(p["x"]) + 2) for p in propose(space, 20, 0, 30, 0.2, history,
                                                                screened=screened)])
        for screened in (False, True)
    )  # fmt: skip
    assert screened < plain


def test_the_random_sampler_looks_at_nothing(space, history):
    assert propose(space, 9, 0, 30, 0.5, history, "random") == propose(
        space, 9, 0, 30, 0.0, (), "random"
    )


@screened
def test_a_small_discrete_space_is_tried_whole_before_anything_twice(screened):
    space = Space((Parameter("a", Discrete(1, 5)), Parameter("b", Choice(("x", "y")))))
    everything = {(a, b) for a in range(1, 6) for b in "xy"}
    tried = [(1, "x"), (1, "y"), (2, "x"), (2, "y"), (3, "x"), (4, "y")]
    history = [
        Observation(i, {"a": a, "b": b}, ((float(a), 0.0),)) for i, (a, b) in enumerate(tried)
    ]
    proposed = propose(space, 4, 0, 6, 0.4, history, screened=screened)
    assert {(p["a"], p["b"]) for p in proposed} == everything - set(tried)


@screened
def test_a_setting_is_tried_once_where_its_continuous_parameters_are_inactive(screened):
    space = Space(
        (
            Parameter("kind", Choice(("plain", "momentum"))),
            Parameter("momentum", Continuous(0, 1), when={"kind": ("momentum",)}),
        )
    )
    settings = [{"kind": "plain"}, *({"kind": "momentum", "momentum": i / 9} for i in range(7))]
    history = [Observation(i, p, ((float(i), 0.0),)) for i, p in enumerate(settings)]
    proposed = propose(space, 9, 0, 8, 0.5, history, screened=screened)
    assert [params["kind"] for params in proposed] == ["momentum"] * 9


@screened
def test_when_everything_was_tried_proposals_go_on(screened):
    space = Space((Parameter("a", Choice((1, 2))),))
    history = [Observation(i, {"a": 1 + i % 2}, ((float(i), 0.0),)) for i in range(8)]
    assert len(propose(space, 4, 0, 8, 0.5, history, screened=screened)) == 4


@screened
def test_a_history_without_a_single_value_still_proposes(space, screened):
    lost = [Observation(0, space.params(np.full(space.dimensions, 0.5)), ())]
    assert len(propose(space, 4, 0, 1, 0.5, lost, screened=screened)) == 4


@screened
def test_a_space_where_everything_is_fixed_proposes_its_one_setting(screened):
    space = Space((Parameter("a", Fixed(1)),))
    history = [Observation(i, {"a": 1}, ((float(i), 0.0),)) for i in range(8)]
    assert propose(space, 2, 0, 0, screened=screened) == [{"a": 1}] * 2
    assert propose(space, 2, 0, 8, 0.5, history, screened=screened) == [{"a": 1}] * 2


DISCRETE = Space(
    (
        Parameter("n", Discrete(1, 4, 1, LOG)),
        Parameter("c", Choice(("a", "b", "c"))),
        Parameter("u", Discrete(0.1, 0.3, 0.1, integer=False), when={"c": ("a",)}),
    )
)  # 4 * (3 + 1 + 1) = 20 settings


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 20), st.integers(1, 20),
    st.sampled_from(["zoom", "random"]), st.booleans(),
)  # fmt: skip
def test_no_setting_comes_again_before_all_have_come(seed, before, count, sampler, pending):
    every = list(listed(DISCRETE))
    tried = [every[i] for i in np.random.default_rng(seed).permutation(20)[:before]]
    known = [Observation(n, params, ((float(n), 0.0),)) for n, params in enumerate(tried)]
    history, waiting = ([], tried) if pending else (known, [])
    new = propose(DISCRETE, count, seed, before, 0.5, history, sampler, pending=waiting)
    distinct = {key(params) for params in (*tried, *new)}
    assert len(new) == count
    assert len(distinct) == min(20, before + count)
    assert distinct <= {key(params) for params in every}


def test_the_last_settings_of_a_space_are_found_however_rarely_they_are_drawn():
    rare = Space((Parameter("n", Discrete(1, 3000, 1, LOG)),))
    tried = [{"n": n} for n in range(1, 3001) if n != 2999]
    assert propose(rare, 1, 0, 2999, pending=tried) == [{"n": 2999}]


def test_crossed_draws_differ_in_more_than_what_is_crossed():
    space = Space((Parameter("n", Discrete(1, 6)), Parameter("c", Choice((1, 2, 3)), cross=True)))
    for sampler in ("zoom", "random"):
        assert {p["n"] for p in propose(space, 6, 0, 0, sampler=sampler)} == set(range(1, 7))


def constrained(space, *where, **derived):
    return replace(
        space,
        where=tuple(map(Expression, where)),
        derived=tuple(Derived(name, Expression(text)) for name, text in derived.items()),
    )


TWO = Space((Parameter("x", Continuous(0, 1)), Parameter("y", Continuous(0, 1))))


@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 20), st.integers(1, 12),
    st.sampled_from(["zoom", "random"]), st.booleans(), st.booleans(),
)  # fmt: skip
def test_every_proposal_keeps_every_constraint(seed, before, count, sampler, screened, quick):
    space = constrained(
        Space((*TWO, *DISCRETE)), "x < y", "n * x <= 2", "u < 0.3 or n == 1", total="n + x"
    )
    trials, proposed = [], []
    for params in propose(space, before, seed, 0, sampler="random") if before else []:
        trials.append(Observation(len(trials), params, ((params["total"], 0.0),)))
    proposed = propose(space, count, seed, before, 0.5, trials, sampler, screened,
                       known=set() if quick else None)  # fmt: skip
    assert len(proposed) == count
    for params in (*proposed, *(trial.params for trial in trials)):
        assert space.contains(params)
        assert params["x"] < params["y"]
        assert params["n"] * params["x"] <= 2
        assert params["total"] == params["n"] + params["x"]
        assert params.get("u", 0) < 0.3 or params["n"] == 1


@screened
@pytest.mark.parametrize("sampler", ["zoom", "random"])
def test_a_constraint_that_always_holds_changes_no_proposal(space, history, sampler, screened):
    name = next(parameter.name for parameter in space)
    always = constrained(space, f"{name} == {name}", twice=f"[{name}, {name}]")
    for known in ((), history):
        plain = propose(space, 9, 0, 30, 0.5, known, sampler, screened)
        found = propose(always, 9, 0, 30, 0.5, known, sampler, screened)
        assert [{k: v for k, v in each.items() if k != "twice"} for each in found] == plain


def test_the_coarse_round_covers_every_range_evenly_where_the_constraints_let_it():
    ring = constrained(TWO, "(x - 0.5) ** 2 + (y - 0.5) ** 2 > 0.02")
    proposed = propose(ring, 20, seed=3, first=0)
    for name in ("x", "y"):
        assert len({int(20 * params[name]) for params in proposed}) >= 18


@screened
def test_a_small_space_is_tried_whole_where_it_keeps_the_constraints(screened):
    space = constrained(DISCRETE, "n > 1", "c != 'b'", both="n * 10")
    every = list(listed(space))
    assert len(every) == 12
    tried = [Observation(i, params, ((float(i), 0.0),)) for i, params in enumerate(every[:7])]
    proposed = propose(space, 5, 0, 7, 0.5, tried, screened=screened)
    assert {key(params) for params in proposed} == {key(params) for params in every[7:]}
    again = propose(space, 5, 0, 7, 0.5, pending=every)
    assert all(key(params) in {key(each) for each in every} for params in again)


def test_a_crossed_draw_keeps_the_constraints_with_each_value():
    space = Space((Parameter("n", Discrete(1, 6)), Parameter("c", Choice((1, 2, 3)), cross=True)))
    of = constrained(space, "n >= c + 1", sum="n + c")
    assert {params["n"] for params in propose(of, 3, 0, 0)} == {4, 5, 6}


def test_where_hardly_anything_keeps_the_constraints_it_says_so():
    with pytest.raises(ConfigError, match="where: must hold in 1% of the draws at least"):
        propose(constrained(TWO, "x > 2"), 2, 0, 0)


def test_a_guess_changes_half_of_the_first_round_and_no_other_parameter():
    x, y = Parameter("x", Continuous(0, 1)), Parameter("y", Continuous(0, 1))
    plain = propose(Space((x, y)), 20, seed=0, first=0)
    guessed = propose(Space((replace(x, guess=(0.2,)), y)), 20, seed=0, first=0)
    assert [params["y"] for params in guessed] == [params["y"] for params in plain]
    same = [a["x"] == b["x"] for a, b in zip(plain, guessed, strict=True)]
    assert sum(same) == 10
    moved = [params["x"] for params, kept in zip(guessed, same, strict=True) if not kept]
    assert abs(np.median(moved) - 0.2) < 0.15


def test_the_random_sampler_heeds_no_guess():
    x = Parameter("x", Continuous(0, 1))
    spaces = Space((x,)), Space((replace(x, guess=(0.2,)),))
    one, two = (propose(space, 9, seed=0, first=0, sampler="random") for space in spaces)
    assert one == two


@pytest.fixture
def screenings(monkeypatch):
    """How `screen` was called: for how many trials, with how many pending, and how."""
    seen = []

    def recorded(space, ranked, candidates, count, generator, pending, care):
        seen.append((count, len(pending), care))
        return screen(space, ranked, candidates, count, generator, pending, care)

    monkeypatch.setattr("hpsearch.sampling.propose.screen", recorded)
    return seen


def test_a_huge_round_is_screened_in_parts_each_of_which_keeps_away_from_the_last(
    space, history, screenings, monkeypatch
):
    care = Care(at_once=8)
    monkeypatch.setattr(Care, "under", lambda *_, **__: care)
    monkeypatch.setattr("hpsearch.sampling.propose.KEPT_AWAY_FROM", 10)
    found = propose(space, 20, 0, 30, 0.5, history)
    assert len({key(params) for params in found}) == 20
    assert screenings == [(8, 0, care), (8, 8, care), (4, 10, care)]


def test_a_round_keeps_away_from_the_last_of_many_that_wait(space, history, screenings):
    waiting = space.all_params(np.random.default_rng(0).random((100, space.dimensions)))
    found = propose(space, 20, 0, 30, 0.5, history, pending=waiting)
    assert screenings == [(20, 64, Care())]
    assert not {key(params) for params in found} & {key(params) for params in waiting}


def test_rounds_of_older_rules_are_screened_as_they_were(space, history, screenings):
    for known in (None, set()):
        propose(space, 20, 0, 30, 0.5, history, rules=3, known=known)
    propose(space, 300, 0, 30, 0.5, history, rules=4)
    old = Care(quick=False, climbs=False, at_once=20, margin=0.0)
    drawn = Care(climbs=False)
    assert screenings == [
        (20, 0, old), (20, 0, replace(old, quick=True)), (256, 0, drawn), (44, 64, drawn),
    ]  # fmt: skip

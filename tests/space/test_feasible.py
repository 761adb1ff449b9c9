"""Draws under constraints, and what is derived."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import ConfigError
from hpsearch.space import Choice, Continuous, Derived, Discrete, Expression, Parameter, Space
from hpsearch.space.bounds import narrow
from hpsearch.space.feasible import exactly, feasibility, in_words, keeps, some
from hpsearch.space.settings import count, untried
from hpsearch.space.settings import settings as listed
from hpsearch.space.stored import space_from_config

X, Y = Parameter("x", Continuous(0, 1)), Parameter("y", Continuous(0, 1))
A, B = Parameter("a", Discrete(1, 5)), Parameter("b", Choice((1, 2, 3)))


def space(parameters, *where, derived=(), **given):
    made = tuple(Derived(name, Expression(text)) for name, text in dict(derived).items())
    return Space(tuple(parameters), given, made, tuple(map(Expression, where)))


def uniform(of, seed=0):
    generator = np.random.default_rng(seed)
    return lambda points: generator.random((points, of.dimensions))


def test_draws_that_keep_the_constraints_stay_and_others_are_drawn_anew():
    plain, ordered = space([X, Y]), space([X, Y], "x < y")
    first, kept = uniform(plain)(20), exactly(ordered, uniform(ordered), 20)
    assert keeps(ordered, kept).all()
    stayed = first[first[:, 0] < first[:, 1]]
    assert kept[: len(stayed)].tolist() == stayed.tolist()


def test_a_constraint_that_always_holds_changes_no_draw():
    plain, always = space([X, Y]), space([X, Y], "x + y < 3", derived={"z": "x + y"})
    expected = uniform(plain)(50).tolist()
    assert exactly(always, uniform(always), 50).tolist() == expected


def test_where_none_is_found_it_says_so_and_few_are_few():
    never = space([X, Y], "x > 2")
    with pytest.raises(ConfigError, match="of 8,000 draws of the space none kept it; loosen"):
        exactly(never, uniform(never), 3)
    assert some(never, uniform(never), 3, most=50).shape == (0, 2)


@pytest.mark.slow
def test_the_share_is_estimated_and_the_costliest_constraint_named():
    half = feasibility(space([X, Y], "x < y"))
    assert half.share == pytest.approx(0.5, abs=0.06)
    assert half.enough
    of = space([X, Y], "y < 0.9", "x < 0.002", "x + y < 1.5")
    few = feasibility(of)
    assert (few.enough, few.costliest) == (False, 1)
    assert "'x < 0.002' costs most" in in_words(of, few)
    impossible = space([X, Y], "x < 0", "y < 0.5")
    assert in_words(impossible, feasibility(impossible)).startswith("no draw keeps all 2 const")


def test_settings_are_counted_and_listed_that_keep_the_constraints():
    of = space([A, B], "a > b", derived={"c": "a * b"})
    every = list(listed(of))
    assert every == [{"a": a, "b": b, "c": a * b} for a in range(1, 6) for b in (1, 2, 3) if a > b]
    assert (count(of, 100), count(of, 4)) == (9, 4)
    assert untried(of, every[:4], most=100) == 5
    assert untried(of, [{"a": 1, "b": 3, "c": 3}], most=100) == 9


def test_a_space_of_more_settings_than_can_be_looked_at_has_as_many_as_are_asked_for(monkeypatch):
    monkeypatch.setattr("hpsearch.space.settings.LISTABLE", 500)
    large = space([Parameter("n", Discrete(1, 10**6)), X], "n == 10 ** 6")
    assert count(large, 50) == 50
    assert list(listed(large)) == []


def test_a_draw_keeps_the_constraints_with_every_crossed_value():
    crossed = Parameter("b", Choice((1, 2, 3)), cross=True)
    of = space([A, crossed], "a >= b", derived={"c": "a + b"})
    assert {params["a"] for params in listed(of)} == {3, 4, 5}
    assert [each["c"] for each in of.crossings({"a": 3, "b": 1, "c": 4})] == [4, 5, 6]
    assert untried(of, [], most=100) == 3


def test_derived_values_follow_from_each_other_in_any_order_and_from_fixed_settings():
    of = space([A, B], derived={"d": "c + epochs", "c": "a * b"}, epochs=10)
    assert of.params(np.array([0.0, 0.99])) == {"a": 1, "b": 3, "d": 13, "c": 3}
    assert of.dimensions == 2


def test_what_is_derived_from_an_inactive_parameter_is_inactive():
    z = Parameter("z", Discrete(1, 3), when={"b": (1,)})
    of = space([B, z], derived={"twice": "2 * z"})
    assert of.params(np.array([0.0, 0.0])) == {"b": 1, "z": 1, "twice": 2}
    assert of.params(np.array([0.9, 0.0])) == {"b": 3}


def test_a_setting_lies_in_the_space_with_its_derived_values_alone():
    of = space([A, B], "a > b", derived={"c": "a / b"})
    assert of.contains({"a": 3, "b": 2, "c": 1.5})
    assert of.contains({"a": 4, "b": 3, "c": 4 / 3 + 1e-16})
    for wrong in ({"a": 3, "b": 2}, {"a": 3, "b": 2, "c": 2}, {"a": 2, "b": 2, "c": 1.0}):
        assert not of.contains(wrong)
    assert of.standard({"a": 3.0, "b": 2, "c": 1.5}) == {"a": 3, "b": 2, "c": 1.5}


def test_a_draw_of_which_a_value_cannot_be_derived_is_drawn_anew():
    n = Parameter("n", Discrete(0, 3))
    of = space([n], derived={"share": "1 / n"})
    assert [params["n"] for params in listed(of)] == [1, 2, 3]
    huge = space([n], derived={"h": "2 ** (n * 40)"})
    assert [params["n"] for params in listed(huge)] == [0, 1]  # no file holds larger ones


def test_narrowing_drops_what_can_no_longer_be_active():
    z = Parameter("z", Continuous(0, 1), when={"b": (1,)})
    of = space([A, B, z], "z < 0.5", "a > b", derived={"twice": "2 * z", "c": "a + 1"})
    region = narrow(of, [{"a": 3, "b": 2, "c": 4}, {"a": 4, "b": 3, "c": 5}])
    assert [each.text for each in region.where] == ["a > b"]
    assert [each.name for each in region.derived] == ["c"]


def test_a_stored_space_with_expressions_that_cannot_be_is_refused():
    tree = space([A, B], derived={"c": "a * b"}).as_config()
    assert space_from_config(tree, {}, ["a > c"]).as_config() == tree
    for where, message in ((["a >"], "cannot be read"), (["a > z"], r"where\[0\]: names 'z'")):
        with pytest.raises(ValueError, match=message):
            space_from_config(tree, {}, where)
    circle = tree | {"c": {"derive": "d"}, "d": {"derive": "c"}}
    with pytest.raises(ValueError, match="a circle of derive"):
        space_from_config(circle, {})


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.5, 2), st.integers(1, 30))
def test_every_draw_keeps_the_constraints_and_lies_in_the_space(seed, most, number):
    z = Parameter("z", Continuous(0, 1), when={"b": (1, 2)})
    of = space([X, Y, A, B, z], "x < y or a > 3", f"x + a / 5 <= {most}", "z < y",
               derived={"c": "a * b", "d": "round(c * x, 3)"})  # fmt: skip
    points = exactly(of, uniform(of, seed), number)
    for params in of.all_params(points):
        assert of.contains(params)
        assert params["x"] < params["y"] or params["a"] > 3
        assert params["x"] + params["a"] / 5 <= most
        assert params.get("z", -1) < params["y"]
        assert params["d"] == round(params["a"] * params["b"] * params["x"], 3)
        there = of.params(np.nan_to_num(of.point(params), nan=0.5))
        assert of.standard(there).keys() == params.keys()

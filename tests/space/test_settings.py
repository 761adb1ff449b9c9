"""A space knows how many settings it holds, and can list them: against brute force."""

from itertools import islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.space import LOG, Choice, Continuous, Discrete, Fixed, Parameter, Space
from hpsearch.space.settings import count, draw_key, drawn, key, untried
from hpsearch.space.settings import settings as listed

ENOUGH = 100_000


@st.composite
def small_spaces(draw):
    """A number, a choice and up to two more, which may depend on the first two."""
    first = draw(st.sampled_from([Discrete(0, 2), Discrete(0, 2, 2), Fixed(2), Choice((1, 2))]))
    second = draw(st.sampled_from([Choice(("a", "b", "c")), Fixed("a"), Choice((True, False))]))
    parameters = [Parameter("n", first), Parameter("kind", second)]
    for name in draw(st.sampled_from([(), ("x",), ("x", "y")])):
        domain = draw(
            st.sampled_from(
                [Discrete(0.1, 0.2, 0.1, integer=False), Choice((1, "one", 2.5)), Fixed(7)]
            )
        )
        per = draw(st.sampled_from([None, "n"]))
        value = draw(st.sampled_from(["a", True, ("b", "c")]))
        values = value if isinstance(value, tuple) else (value,)
        when = draw(st.sampled_from([{}, {"kind": values}, {"kind": values, "n": (1, 2)}]))
        parameters.append(Parameter(name, domain, per=per, when=when))
    if draw(st.booleans()):
        parameters.append(Parameter("crossed", Choice((5, 6)), cross=True))
    return Space(tuple(parameters))


def by_brute_force(space):
    """Every setting that lies in a space, of all combinations of all values and lengths."""
    names, pools = [], []
    for parameter in space:
        values = [parameter.domain.nth(i) for i in range(parameter.domain.count)]
        if parameter.per is not None:
            values = [list(each) for n in range(3) for each in product(values, repeat=n)]
        names.append(parameter.name)
        pools.append([None, *values])
    everything = (
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in product(*pools)
    )
    return [params for params in everything if space.contains(params)]


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(small_spaces())
def test_the_settings_of_a_small_space_are_those_that_lie_in_it(space):
    expected = by_brute_force(space)
    assert count(space, ENOUGH) == len(expected)
    found = list(listed(space))
    assert len(found) == len(expected)
    assert {key(params) for params in found} == {key(params) for params in expected}


@settings(max_examples=20, deadline=None)
@given(small_spaces(), st.integers(1, 60))
def test_counting_ends_where_it_is_told_to(space, most):
    assert count(space, most) == min(most, count(space, ENOUGH))


@given(small_spaces(), st.integers(0, 2**32))
def test_a_setting_that_is_drawn_is_one_of_those_listed(space, seed):
    points = np.random.default_rng(seed).random((8, space.dimensions))
    known = {key(params) for params in listed(space)}
    assert all(key(space.params(point)) in known for point in points)


def test_a_range_of_reals_has_settings_without_end():
    space = Space(
        (Parameter("n", Discrete(0, 2)), Parameter("x", Continuous(0, 1), when={"n": (1,)}))
    )
    assert count(space, 50) == 50
    found = list(islice(listed(space), 6))
    assert found[:4] == [{"n": 0}, {"n": 1, "x": 0.5}, {"n": 1, "x": 0.25}, {"n": 1, "x": 0.75}]


def test_where_no_draw_has_it_a_range_of_reals_does_not_count():
    space = Space(
        (
            Parameter("n", Fixed(0)),
            Parameter("x", Continuous(0, 1), per="n"),
            Parameter("c", Choice((1, 2))),
        )
    )
    assert count(space, 50) == 2
    assert list(listed(space)) == [{"n": 0, "x": [], "c": 1}, {"n": 0, "x": [], "c": 2}]


def test_wide_ranges_and_many_parameters_are_counted_without_going_through_them():
    wide = Parameter("wide", Discrete(0, 2**53))
    assert count(Space((wide,)), 2**60) == 2**53 + 1
    beside = Parameter("beside", Discrete(1, 9, 1, LOG), when={"wide": (7, 8)})
    assert count(Space((wide, beside)), 2**60) == 2**53 - 1 + 2 * 9
    many = tuple(Parameter(f"c{i}", Choice((0, 1))) for i in range(300))
    assert count(Space(many), 10**6) == 10**6
    assert len(list(islice(listed(Space(many)), 100))) == 100


def test_a_draw_is_tried_when_all_its_crossings_are():
    space = Space((Parameter("n", Discrete(1, 3)), Parameter("c", Choice(("a", "b")), cross=True)))
    half, whole = {"n": 1, "c": "a"}, [{"n": 2, "c": "a"}, {"n": 2, "c": "b"}]
    assert draw_key(space, half) == draw_key(space, {"n": 1, "c": "b"})
    assert drawn(space, [half, *whole]) == {draw_key(space, whole[0])}
    assert untried(space, [half, *whole, {"n": 9, "c": "a"}], most=10) == 2
    assert untried(space, [half, *whole], most=1) == 1

"""One parameter with other values under other conditions."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.space import (
    LINEAR,
    LOG,
    Choice,
    Continuous,
    Discrete,
    Fixed,
    Parameter,
    Space,
    one_of,
)
from hpsearch.space.alternatives import hull, mixture, narrower, together
from hpsearch.space.bounds import around, narrow
from hpsearch.space.settings import count, settings
from hpsearch.space.stored import space_from_config


def hop(**others):
    return one_of(
        [
            Parameter("hop", Discrete(96, 320), when={"n_fft": (512,)}),
            Parameter("hop", Discrete(128, 512), when={"n_fft": (1024,)}, **others),
            Parameter("hop", Fixed(700), when={"n_fft": (2048,)}),
        ]
    )


SPACE = Space((Parameter("n_fft", Choice((512, 1024, 2048, 4096))), hop()))


def test_each_alternative_has_coordinates_of_its_own_and_a_fixed_one_none():
    assert [each.parameter.when for each in SPACE.coordinates] == [
        {},
        {"n_fft": (512,)},
        {"n_fft": (1024,)},
    ]
    assert SPACE.columns == {"n_fft": [0], "hop": [1, 2]}


def test_the_alternative_whose_when_holds_gives_the_value():
    places = [np.array([(i + 0.5) / 4, 0.0, 1.0]) for i in range(4)]
    drawn = SPACE.all_params(np.array(places))
    assert drawn == [
        {"n_fft": 512, "hop": 96},
        {"n_fft": 1024, "hop": 512},
        {"n_fft": 2048, "hop": 700},
        {"n_fft": 4096},
    ]


def test_the_other_alternatives_are_nan_in_the_point_of_a_setting():
    point = SPACE.point({"n_fft": 1024, "hop": 512})
    assert np.isnan(point[1])
    assert point[2] > 0.99
    assert np.isnan(SPACE.point({"n_fft": 2048, "hop": 700})[1:]).all()
    assert np.isnan(SPACE.point({"n_fft": 4096, "hop": 700})[1:]).all()


def test_a_setting_is_contained_where_the_alternative_that_counts_has_its_value():
    assert SPACE.contains({"n_fft": 512, "hop": 96})
    assert not SPACE.contains({"n_fft": 1024, "hop": 96})
    assert not SPACE.contains({"n_fft": 4096, "hop": 96})
    assert not SPACE.contains({"n_fft": 512})
    assert SPACE.standard({"n_fft": 512, "hop": 96.0})["hop"] == 96
    assert type(SPACE.standard({"n_fft": 512, "hop": 96.0})["hop"]) is int


def test_every_setting_is_counted_and_listed_once():
    space = Space(
        (
            Parameter("n", Discrete(1, 2)),
            one_of(
                [
                    Parameter("u", Discrete(1, 3), "n", {"k": ("a",)}),
                    Parameter("u", Choice((5, 6)), "n", {"k": ("b",)}),
                ]
            ),
            Parameter("k", Choice(("a", "b", "c"))),
        )
    )
    listed = list(settings(space))
    assert len(listed) == count(space, 1000) == (3 + 9) + (2 + 4) + 2
    assert len({json.dumps(each) for each in listed}) == len(listed)
    assert all(map(space.contains, listed))


def domains(kind):
    if kind == "choice":
        values = st.lists(st.integers(0, 9), min_size=2, max_size=4, unique=True)
        return values.map(lambda given: Choice(tuple(given)))
    if kind == "whole":
        ends = st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(1, 4))
        return ends.map(lambda e: Discrete(e[0], e[0] + e[1] + e[2], e[2]))
    ends = st.tuples(st.floats(0.1, 5), st.floats(0.1, 5), st.sampled_from([LINEAR, LOG]))
    return ends.map(lambda e: Continuous(e[0], e[0] + e[1], e[2]))


@st.composite
def spaces(draw):
    """Parameters with alternatives, each of which may depend on those before it."""
    names = ("a", "b", "c", "d", "e")
    kinds = Choice(tuple(names[: draw(st.integers(2, 5))]))
    parameters = [Parameter("k", kinds), Parameter("n", Discrete(0, 2))]
    for name in names[: draw(st.integers(1, 3))]:
        kind = draw(st.sampled_from(["choice", "whole", "real"]))
        per = draw(st.sampled_from([None, "n"]))
        above = draw(st.sampled_from(parameters))
        if above.per is not None or above.domain.count is None:
            above = parameters[0]
        values = [v for branch in above.branches for v in _some(branch.domain)]
        values = list(dict.fromkeys(values))
        cut = draw(st.integers(1, len(values)))
        parts = [part for part in (values[:cut], values[cut:]) if part]
        branches = [
            Parameter(name, draw(domains(kind)), per, {above.name: tuple(part)}) for part in parts
        ]
        parameters.append(one_of(branches))
    order = draw(st.permutations(parameters))
    return Space(tuple(order))


def _some(domain):
    return [domain.nth(index) for index in range(min(domain.count, 4))]


@given(spaces(), st.data())
def test_a_draw_is_contained_and_comes_back_from_its_point(space, data):
    place = st.floats(0, 1)
    drawn = data.draw(st.lists(place, min_size=space.dimensions, max_size=space.dimensions))
    params = space.params(np.array(drawn))
    assert space.contains(params)
    assert space.standard(params) == params
    again = space.params(np.nan_to_num(space.point(params), nan=0.123))
    assert again.keys() == params.keys()
    for name, value in params.items():
        assert again[name] == pytest.approx(value) or again[name] == value


@given(spaces(), st.data())
def test_what_was_written_is_read_again(space, data):
    written = json.loads(json.dumps(space.as_config()))
    assert space_from_config(written, {}) == space


@pytest.mark.slow
@given(spaces(), st.data())
def test_a_narrowed_space_holds_its_elites_and_nothing_that_the_space_lacks(space, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    elites = space.all_params(rng.random((data.draw(st.integers(1, 4)), space.dimensions)))
    narrowed = narrow(space, elites)
    assert all(map(narrowed.contains, elites))
    assert all(map(space.contains, narrowed.all_params(rng.random((20, narrowed.dimensions)))))
    close = around(space, elites[0])
    assert close.contains(elites[0])
    assert all(map(space.contains, close.all_params(rng.random((20, close.dimensions)))))


@given(spaces())
def test_the_hull_holds_the_values_of_all_alternatives(space):
    for parameter in space:
        for branch in parameter.branches:
            for place in (0.0, 0.3, 1.0):
                assert parameter.domain.contains(branch.domain.at(place))
                assert 0 <= parameter.domain.fraction(branch.domain.at(place)) <= 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([Discrete(2, 8, 2), Discrete(3, 9, 2)], Discrete(2, 9, 1)),
        ([Discrete(2, 8, 2), Discrete(4, 16, 4)], Discrete(2, 16, 2)),
        ([Continuous(1e-4, 1e-2, LOG), Continuous(0, 1)], Continuous(0.0, 1.0)),
        ([Continuous(1e-4, 1e-2, LOG), Continuous(0.1, 1)], Continuous(1e-4, 1.0, LOG)),
        ([Continuous(1.0, 2.0), Fixed(3)], Continuous(1.0, 3.0)),
        (
            [Discrete(0.1, 0.5, 0.1, integer=False), Discrete(0.2, 0.8, 0.2, integer=False)],
            Discrete(0.1, 0.8, 0.1, integer=False),
        ),
        (
            [Discrete(0.1, 0.5, 0.1, integer=False), Discrete(0.15, 0.35, 0.1, integer=False)],
            Continuous(0.1, 0.5),
        ),
        ([Choice((4, 8), True), Choice((1, 4), True)], Choice((1, 4, 8), True)),
        ([Choice(("a", "b"), True), Fixed("c")], Choice(("a", "b", "c"))),
        ([Fixed(1), Fixed(1)], Fixed(1)),
    ],
)
def test_the_hull_is_the_smallest_domain_of_all(given, expected):
    assert hull(given) == expected


def test_ranges_go_with_ranges_of_their_kind_and_single_values_of_it():
    real, whole, choice = Continuous(0.0, 1.0), Discrete(1, 3), Choice(("a", "b"))
    assert mixture([real, whole])[0] == mixture([whole, Fixed(0.5)])[0] == 1
    assert mixture([choice, real])[0] == mixture([real, Fixed("a")])[0] == 1
    assert mixture([Fixed(2), real, Fixed(0.5)]) is None
    assert mixture([choice, Fixed(0.5)]) is mixture([whole, Fixed(2)]) is None


def test_alternatives_that_hold_at_once_are_found_with_a_setting_that_shows_it():
    first, second, _ = SPACE["hop"].alternatives
    assert together(SPACE, first, second) is None
    both = Parameter("hop", Discrete(1, 2), when={"n_fft": (1024, 512)})
    assert together(SPACE, first, both) == {"n_fft": 512}


def test_conditions_that_exclude_each_other_further_up_never_hold_at_once():
    space = Space(
        (
            Parameter("k", Choice(("a", "b"))),
            Parameter("x", Choice((1, 2)), when={"k": ("a",)}),
            Parameter("y", Choice((1, 2)), when={"k": ("b",)}),
        ),
        settings={"s": 1},
    )
    of_x, of_y, of_s, of_other = (
        Parameter("z", Discrete(1, 2), when=when)
        for when in ({"x": (1,)}, {"y": (1,)}, {"s": (1,)}, {"s": (2,)})
    )
    assert together(space, of_x, of_y) is None
    assert together(space, of_x, of_s) == {"x": 1, "s": 1, "k": "a"}
    assert together(space, of_x, of_other) is None


def test_each_alternative_is_narrowed_by_the_elites_in_which_it_counts():
    elites = [{"n_fft": 512, "hop": value} for value in (200, 220)]
    narrowed = narrow(SPACE, [*elites, {"n_fft": 1024, "hop": 300}])
    first, second = narrowed["hop"].alternatives
    assert first.domain.low >= 180
    assert first.domain.high <= 240
    assert (second.domain.low, second.domain.high) == (281, 319)
    alone = narrow(SPACE, elites)
    assert not alone["hop"].alternatives
    assert alone["hop"].when == {"n_fft": (512,)}
    assert narrower(SPACE["hop"].alternatives[0], SPACE, alone) == alone["hop"]
    assert narrower(SPACE["hop"].alternatives[1], SPACE, alone) is None


def test_a_damaged_list_of_alternatives_is_refused():
    written = SPACE.as_config()
    for damaged in (
        [{**written["hop"][0], "per": "n_fft"}, written["hop"][1]],
        [],
        written["hop"][:1],
        [1, 2],
        [written["hop"][0], {"value": 700}],
    ):
        with pytest.raises(ValueError, match=r"space.hop: alternatives must"):
            space_from_config({**written, "hop": damaged}, {})
    mixed = [written["hop"][0], {"values": [1, 2], "when": {"n_fft": 1024}}]
    with pytest.raises(ValueError, match="lists values"):
        space_from_config({**written, "hop": mixed}, {})

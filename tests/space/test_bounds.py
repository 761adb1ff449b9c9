from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hpsearch.space import (
    LINEAR,
    LOG,
    ONE_MINUS_POWER,
    Choice,
    Continuous,
    Discrete,
    Fixed,
    Normal,
    Parameter,
    Space,
)
from hpsearch.space.bounds import around, narrow, widen

RANGES = [
    Continuous(1e-4, 1, LOG),
    Continuous(0.9, 0.999, ONE_MINUS_POWER),
    Continuous(-3, 5, LINEAR),
    Continuous(1000, 1000.1, LINEAR),
    Continuous(1e-300, 1e300, LOG),
    Continuous(-4, 4, LINEAR, Normal(0, 1)),
    Continuous(1e-4, 1, LOG, Normal(0.01, 0.5)),
    Continuous(0.5, 0.999, ONE_MINUS_POWER, Normal(0.9, 0.5)),
    Continuous(-20, 20, LINEAR, Normal(0, 1)),
]

settings_of_the_network = st.lists(
    st.lists(st.floats(0, 1), min_size=11, max_size=11), min_size=1, max_size=5
)


def one(domain, **more):
    return Space((Parameter("x", domain, **more),))


def narrowed(domain, *values, **more):
    return narrow(one(domain, **more), [{"x": value} for value in values])["x"].domain


@given(st.sampled_from(RANGES), st.lists(st.floats(0, 1), min_size=1, max_size=6))
@example(Continuous(-4, 4, LINEAR, Normal(0, 1)), [3.45e-136])
def test_a_narrowed_range_holds_the_elites_and_never_widens(domain, places):
    values = [domain.at(place) for place in places]
    inside = narrowed(domain, *values)
    assert all(inside.contains(value) for value in values)
    assert domain.low <= inside.low < inside.high <= domain.high


@given(st.sampled_from(RANGES), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6))
def test_both_bounds_move_where_no_elite_touches_them(domain, places):
    inside = narrowed(domain, *(domain.at(place) for place in places))
    assert domain.low < inside.low
    assert inside.high < domain.high


@pytest.mark.parametrize("domain", RANGES)
def test_a_range_that_the_elites_span_stays_as_it_is(domain):
    assert narrowed(domain, domain.low, domain.high) == domain


@given(st.sampled_from(RANGES), st.integers(1, 6), st.randoms(use_true_random=False))
def test_narrowing_again_and_again_never_widens(domain, times, random):
    for _ in range(times):
        inside = narrowed(domain, domain.at(random.random()))
        assert domain.low <= inside.low < inside.high <= domain.high
        domain = inside


def test_bounds_are_rounded_outwards_to_three_digits():
    assert narrowed(Continuous(1e-4, 1, LOG), 0.0123456).as_config() == {
        "scale": "log", "min": 0.00778, "max": 0.0196,
    }  # fmt: skip


def test_on_one_minus_power_it_is_the_distance_from_one_that_is_rounded():
    inside = narrowed(Continuous(0.9, 0.99999, ONE_MINUS_POWER), 0.99712, 0.9987)
    assert inside.as_config() == {"scale": "1-10^r", "min": 0.99543, "max": 0.99918}


def test_a_wider_margin_leaves_more_room():
    space, elites = one(Continuous(0, 1)), [{"x": 0.5}]
    assert narrow(space, elites, margin=0.2)["x"].domain == Continuous(0.3, 0.7)


@given(st.integers(2, 60), st.integers(1, 9), st.sampled_from([LINEAR, LOG]), st.data())
def test_steps_stay_on_the_parents_grid(count, step, scale, data):
    domain = Discrete(3, 3 + step * (count - 1), step, scale)
    index = st.integers(0, count - 1)
    values = [domain.value(i) for i in data.draw(st.lists(index, min_size=1, max_size=5))]
    inside = narrowed(domain, *values)
    assert all(inside.contains(value) for value in values)
    if isinstance(inside, Discrete):
        assert all(domain.contains(inside.value(i)) for i in range(inside.count))
        assert (inside.step, inside.scale) == (step, scale)
    else:
        assert domain.contains(inside.value)


def test_steps_of_a_tenth_stay_the_numbers_one_writes():
    inside = narrowed(Discrete(0.1, 0.9, 0.1, integer=False), 0.3, 0.4)
    assert [inside.value(i) for i in range(inside.count)] == [0.3, 0.4]


def test_integers_without_an_elite_beside_them_are_left_out():
    assert narrowed(Discrete(1, 100), 40, 60) == Discrete(35, 65)


def test_one_value_left_becomes_fixed():
    assert narrowed(Discrete(1, 3), 2, 2) == Fixed(2)
    assert narrowed(Choice(("a", "b", "c")), "b") == Fixed("b")


def test_choices_keep_what_the_elites_used_in_their_order():
    assert narrowed(Choice((32, 64, 128)), 128, 32, 128) == Choice((32, 128))
    assert narrowed(Choice((1, True)), True) == Fixed(True)


def test_a_crossed_choice_is_kept_whole():
    assert narrowed(Choice((True, False)), True, cross=True) == Choice((True, False))


def test_elites_outside_the_space_do_not_count():
    assert narrowed(Continuous(0, 1), 0.5, 7.0) == narrowed(Continuous(0, 1), 0.5)
    assert narrowed(Continuous(0, 1), 7.0) == Continuous(0, 1)


def test_entries_of_a_list_share_one_range():
    space = Space(
        (
            Parameter("layers", Discrete(1, 3)),
            Parameter("units", Discrete(1, 100), per="layers"),
        )
    )
    inside = narrow(space, [{"layers": 2, "units": [20, 50]}, {"layers": 1, "units": [30]}])
    assert inside["layers"].domain == Discrete(1, 2)
    assert inside["units"].domain == Discrete(15, 55)
    assert inside.dimensions == 3


def test_a_parameter_that_no_elite_has_active_stays_as_it_is():
    space = Space(
        (
            Parameter("a", Choice((1, 2))),
            Parameter("x", Continuous(0, 1), when={"a": (1,)}),
        )
    )
    assert narrow(space, [])["x"] == space["x"]


def test_what_can_no_longer_be_active_is_dropped_with_all_that_depends_on_it():
    space = Space(
        (
            Parameter("optimizer", Choice(("momentum", "adam"))),
            Parameter("nesterov", Choice((True, False)), when={"optimizer": ("momentum",)}),
            Parameter("layers", Discrete(1, 2), when={"nesterov": (True, False)}),
            Parameter("units", Discrete(1, 9), per="layers"),
            Parameter("beta1", Continuous(0, 1), when={"optimizer": ("adam",)}),
        )
    )
    inside = narrow(space, [{"optimizer": "adam", "beta1": 0.5}])
    assert [parameter.name for parameter in inside] == ["optimizer", "beta1"]
    assert inside.contains({"optimizer": "adam", "beta1": 0.5})


def test_conditions_lose_the_values_that_cannot_happen_any_more():
    space = Space(
        (
            Parameter("layers", Discrete(1, 4)),
            Parameter("x", Continuous(0, 1), when={"layers": (1, 2, 3)}),
        )
    )
    inside = narrow(space, [{"layers": 2, "x": 0.5}, {"layers": 3, "x": 0.5}])
    assert inside["x"].when == {"layers": (2, 3)}


@given(settings_of_the_network)
def test_a_narrowed_space_holds_every_elite(network, points):
    elites = [network.params(np.array(point)) for point in points]
    inside = narrow(network, elites)
    assert all(inside.contains(params) for params in elites)


@given(settings_of_the_network, st.lists(st.floats(0, 1), min_size=11, max_size=11))
def test_what_a_narrowed_space_draws_its_parent_could_have_drawn(network, points, place):
    inside = narrow(network, [network.params(np.array(point)) for point in points])
    params = inside.params(np.array(place[: inside.dimensions]))
    assert network.contains(params)


DOMAINS = [
    Continuous(1e-4, 1, LOG),
    Continuous(0.9, 0.999, ONE_MINUS_POWER),
    Continuous(-3, 5, LINEAR),
    Discrete(16, 128, 1, LOG),
    Discrete(1, 3),
    Discrete(1, 10, 4),
    Discrete(0.1, 0.5, 0.1, integer=False),
]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("side", ["min", "max"])
def test_one_bound_moves_out_and_the_other_stays(domain, side):
    wider = widen(domain, side)
    assert (wider.low < domain.low) == (side == "min")
    assert (wider.high > domain.high) == (side == "max")
    assert wider.contains(domain.at(0.0))
    assert wider.contains(domain.at(1.0))


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("side", ["min", "max"])
def test_the_old_values_are_still_there(domain, side):
    wider = widen(domain, side)
    assert all(wider.contains(domain.at(place / 10)) for place in range(11))


@given(st.sampled_from(DOMAINS), st.sampled_from(["min", "max"]), st.floats(0, 1))
def test_no_limit_is_passed(domain, side, beyond):
    limit = domain.low - beyond if side == "min" else domain.high + beyond
    wider = widen(domain, side, (limit, None) if side == "min" else (None, limit))
    assert limit <= wider.low if side == "min" else wider.high <= limit


def test_a_bound_at_its_limit_stays():
    assert widen(Continuous(0, 0.5), "min", (0, 1)) == Continuous(0, 0.5)


def test_it_goes_half_the_range_further_on_its_own_scale():
    assert widen(Continuous(1e-4, 1, LOG), "max").high == 100
    assert widen(Continuous(0.9, 0.999, ONE_MINUS_POWER), "max").high == 0.9999
    assert widen(Continuous(0, 1), "min").low == -0.5


def test_integers_on_log_never_reach_zero():
    assert widen(Discrete(1, 64, 1, LOG), "min") == Discrete(1, 64, 1, LOG)


def test_one_minus_power_never_reaches_one():
    domain = Continuous(0.9, 1 - 1e-14, ONE_MINUS_POWER)
    assert widen(domain, "max") == domain


def test_a_range_that_fills_the_floats_stays_as_it_is():
    domain = Continuous(1e-300, 1e300, LOG)
    assert widen(domain, "max") == domain
    assert widen(domain, "min") == domain


def test_an_ordered_choice_keeps_what_lies_between_the_values_of_the_elites():
    choice = Choice((16, 32, 64, 128, 256), ordered=True)
    assert narrowed(choice, 128, 32) == Choice((32, 64, 128), ordered=True)
    assert narrowed(choice, 32) == Fixed(32)


def test_narrowing_a_choice_keeps_whether_it_is_ordered():
    assert narrowed(Choice((3, 1, 2)), 1, 2).as_config() == {"values": [1, 2], "ordered": False}
    sizes = Choice(("tiny", "small", "base", "large"), ordered=True)
    kept = narrowed(sizes, "base", "tiny").as_config()
    assert kept == {"values": ["tiny", "small", "base"], "ordered": True}


@pytest.mark.parametrize(
    ("choice", "value", "expected"),
    [
        (Choice((1, 2, 4, 8), ordered=True), 3, Choice((2, 3, 4), ordered=True)),
        (Choice((8, 4, 2, 1), ordered=True), 3, Choice((4, 3, 2), ordered=True)),
        (Choice((1, 2, 4, 8)), 2, Fixed(2)),
        (Choice((1, 2, 4, 8), ordered=True), None, Fixed(None)),
        (Choice(("s", "m", "l"), ordered=True), "s", Choice(("s", "m"), ordered=True)),
    ],
)
def test_around_a_value_an_ordered_choice_keeps_its_neighbours(choice, value, expected):
    space = Space((Parameter("a", choice),))
    assert around(space, {"a": value})["a"].domain == expected


def test_a_guess_stays_where_the_narrowed_range_has_it():
    space = Space((Parameter("x", Continuous(0, 1), guess=(0.5,)),))
    assert narrow(space, [{"x": 0.4}, {"x": 0.6}])["x"].guess == (0.5,)
    assert narrow(space, [{"x": 0.1}, {"x": 0.2}])["x"].guess == ()


@given(st.integers(-15, 15), st.integers(-15, 15))
def test_values_far_in_the_tail_of_a_normal_law_stay_in_the_narrowed_range(one, other):
    inside = narrowed(Discrete(-15, 15, normal=Normal(0, 1)), one, other)
    assert inside.contains(one)
    assert inside.contains(other)


def test_a_range_widens_on_its_scale_and_keeps_its_normal_law():
    domain = Continuous(0.01, 1, LOG, Normal(0.1, 0.5))
    assert widen(domain, "min") == replace(domain, low=0.001)

import pytest

from hpsearch.sampling.pressure import Pressure, pressures
from hpsearch.space import LOG, Choice, Continuous, Discrete, Fixed, Normal, Parameter, Space


def pressed(domain, *values, limits=(None, None)):
    space = Space((Parameter("x", domain),))
    found = pressures(space, [{"x": value} for value in values], {"x": limits})
    return [(pressure.side, pressure.bound, pressure.share) for pressure in found]


def test_half_of_the_elites_in_the_outer_tenth_press_against_the_bound():
    assert pressed(Continuous(0, 1), 0.95, 0.99, 0.5, 0.4) == [("max", 1, 0.5)]
    assert pressed(Continuous(0, 1), 0.95, 0.89, 0.5, 0.4) == []
    assert pressed(Continuous(1e-4, 1, LOG), 1e-4, 2e-4, 0.5) == [
        ("min", 1e-4, pytest.approx(2 / 3))
    ]


def test_both_bounds_can_be_pressed():
    assert [side for side, *_ in pressed(Continuous(0, 1), 0.01, 0.02, 0.98, 0.99)] == [
        "min", "max",
    ]  # fmt: skip


def test_a_natural_limit_presses_against_nothing():
    assert pressed(Continuous(0, 0.5), 0.0, 0.01, 0.02, limits=(0, 1)) == []
    assert pressed(Continuous(0.1, 0.5), 0.1, 0.1, 0.1, limits=(0, 1)) == [("min", 0.1, 1.0)]


@pytest.mark.parametrize("scale", [LOG, Continuous(0, 1).scale], ids=["log", "linear"])
def test_of_few_integers_only_the_one_at_the_bound_counts(scale):
    domain = Discrete(1, 5, 1, scale)
    assert pressed(domain, 5, 5, 5) == [("max", 5, 1.0)]
    assert pressed(domain, 1, 1, 1) == [("min", 1, 1.0)]
    for value in (2, 3, 4):
        assert pressed(domain, value, value, value) == []


def test_of_many_integers_the_outer_tenth_counts():
    assert pressed(Discrete(1, 100), 95, 96, 97) == [("max", 100, 1.0)]


def test_under_a_normal_law_the_outer_tenth_is_of_the_range_not_of_the_draws():
    domain = Continuous(-4, 4, normal=Normal(0, 1))
    assert pressed(domain, -2, -2, -2.1) == []
    assert pressed(domain, -3.5, -3.3, 0.0) == [("min", -4, pytest.approx(2 / 3))]
    assert pressed(Discrete(-20, 20, normal=Normal(0, 5)), 15, 15, 20) == []


def test_fewer_than_three_elites_say_nothing():
    assert pressed(Continuous(0, 1), 0.99, 0.99) == []


def test_choices_and_fixed_values_have_no_bounds():
    assert pressed(Choice((1, 2)), 1, 1, 1) == []
    assert pressed(Fixed(1), 1, 1, 1) == []


def test_elites_without_the_parameter_do_not_count():
    space = Space(
        (
            Parameter("a", Choice(("on", "off"))),
            Parameter("x", Continuous(0, 1), when={"a": ("on",)}),
        )
    )
    elites = [{"a": "on", "x": 0.99}] * 3 + [{"a": "off"}] * 9
    assert pressures(space, elites, {}) == [Pressure("x", "max", 1, 1.0)]


def test_every_entry_of_a_list_counts():
    space = Space((Parameter("x", Discrete(1, 9), per="n"),), settings={"n": 3})
    assert pressures(space, [{"x": [9, 9, 1]}], {})[0].share == pytest.approx(2 / 3)

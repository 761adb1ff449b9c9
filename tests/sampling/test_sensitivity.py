import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.sampling.sensitivity import active, places, searched, total_effects
from hpsearch.space import LOG, Choice, Continuous, Discrete, Parameter, Space
from hpsearch.space.bounds import narrow
from hpsearch.space.domain import Fixed
from hpsearch.space.expression import Expression

seeds = st.integers(0, 2**32 - 1)


def unit(*names):
    return Space(tuple(Parameter(name, Continuous(0, 1)) for name in names))


def effects(function, space, within=None, draws=4096):
    """The effects by parameter of a function of features."""
    rng = np.random.default_rng(1)
    (row,) = total_effects([function], space, within or space, draws, rng)
    return dict(zip(searched(space), row, strict=True))


def settings_places(space, within, draws):
    """Where the settings drawn lie: NaN in coordinates that are inactive in them."""
    at = places(space, within, draws)
    return np.where(active(space, at), at, np.nan)


@given(seeds)
def test_places_are_those_of_the_settings_drawn(space, seed):
    draws = np.random.default_rng(seed).random((20, space.dimensions))
    expected = space.points([space.params(point) for point in draws])
    assert settings_places(space, space, draws) == pytest.approx(expected, nan_ok=True)


@pytest.mark.slow
@given(seeds, st.integers(1, 4))
def test_places_within_a_narrower_space_are_those_of_settings_drawn_from_it(space, seed, elites):
    rng = np.random.default_rng(seed)
    best = [space.params(point) for point in rng.random((elites, space.dimensions))]
    within = narrow(space, best)
    draws = rng.random((20, space.dimensions))
    columns = [space.columns[each.parameter.name][each.index or 0] for each in within.coordinates]
    expected = space.points([within.params(point) for point in draws[:, columns]])
    assert settings_places(space, within, draws) == pytest.approx(expected, nan_ok=True)


def test_a_space_in_which_nothing_is_conditional_is_active_everywhere():
    draws = np.random.default_rng(0).random((5, 2))
    assert settings_places(unit("x", "y"), unit("x", "y"), draws) == pytest.approx(draws)


def test_what_lies_where_constraints_are_violated_has_no_effect():
    space = Space(
        tuple(Parameter(name, Continuous(0, 1)) for name in "xyz"), where=(Expression("x <= y"),)
    )
    found = effects(lambda at: 100 * (at[:, 0] > at[:, 1]) + at[:, 2], space)
    assert (found["x"], found["y"]) == (0, 0)
    assert found["z"] == pytest.approx(1 / 12, rel=0.05)


def test_the_effects_of_a_sum_are_the_variances_of_its_terms():
    found = effects(lambda at: 3 * at[:, 0] + at[:, 1], unit("a", "b", "c"))
    assert found["a"] == pytest.approx(9 / 12, rel=0.03)
    assert found["b"] == pytest.approx(1 / 12, rel=0.03)
    assert found["c"] == 0


def test_what_two_parameters_do_together_counts_for_both():
    found = effects(lambda at: (at[:, 0] - 0.5) * (at[:, 1] - 0.5), unit("a", "b"))
    assert found["a"] == pytest.approx(1 / 144, rel=0.05)
    assert found["b"] == pytest.approx(1 / 144, rel=0.05)


def test_the_effects_of_ishigamis_function_are_the_known_ones():
    """Homma and Saltelli 1996, the usual test of such estimators, with a = 7 and b = 0.1."""

    def ishigami(at):
        x, y, z = (2 * np.pi * (at - 0.5)).T
        return np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x)

    found = effects(ishigami, unit("x", "y", "z"))
    variance = 7**2 / 8 + 0.1 * np.pi**4 / 5 + 0.01 * np.pi**8 / 18 + 1 / 2
    assert [found[name] / variance for name in "xyz"] == pytest.approx(
        [0.5576, 0.4424, 0.2437], abs=0.02
    )


def test_several_functions_are_asked_at_the_same_settings():
    both = total_effects(
        [lambda at: at[:, 0], lambda at: -2 * at[:, 0]],
        unit("a", "b"),
        unit("a", "b"),
        64,
        np.random.default_rng(0),
    )
    assert both[1] == pytest.approx(4 * both[0])


def test_the_entries_of_a_list_count_as_one_parameter():
    space = Space(
        (Parameter("units", Continuous(0, 1), per="layers"), Parameter("x", Continuous(0, 1))),
        {"layers": 2},
    )
    found = effects(lambda at: at.sum(1), space)
    assert list(found) == ["units", "x"]
    assert found["units"] == pytest.approx(2 / 12, rel=0.05)


def test_a_choice_has_the_variance_of_what_its_values_are_worth():
    space = Space((Parameter("x", Continuous(0, 1)), Parameter("kind", Choice(("a", "b", "c")))))
    found = effects(lambda at: np.sqrt(2) * (at[:, 3] - at[:, 1]), space)
    assert found["kind"] == pytest.approx(2 / 3, rel=0.05)
    assert found["x"] == 0


CONDITIONAL = Space(
    (
        Parameter("kind", Choice(("a", "b"))),
        Parameter("y", Continuous(1e-3, 1, LOG), when={"kind": ("b",)}),
        Parameter("n", Discrete(1, 4)),
    )
)


def test_a_parameter_counts_only_where_it_is_active():
    """And the parameter that decides when, for what that changes."""
    found = effects(lambda at: at[:, 2], CONDITIONAL)  # y's place, and 0.5 where it is inactive
    assert found["y"] == pytest.approx(1 / 12 / 2, rel=0.05)
    assert found["kind"] == pytest.approx(1 / 12 / 4, rel=0.05)
    assert found["n"] == 0


def test_what_does_not_vary_in_a_region_has_no_effect_there():
    within = narrow(CONDITIONAL, [{"kind": "a", "n": 2}, {"kind": "a", "n": 3}])
    assert "y" not in within
    found = effects(lambda at: at.sum(1), CONDITIONAL, within)
    assert found["kind"] == found["y"] == 0
    assert found["n"] == pytest.approx(1 / 4 / 16, rel=0.05)  # places a quarter apart


def test_a_fixed_parameter_is_not_searched():
    assert searched(Space((*unit("x"), Parameter("seed", Fixed(3))))) == ["x"]


def test_effects_do_not_depend_on_how_many_settings_are_held_at_once(monkeypatch):
    space = Space(
        (
            Parameter("n", Discrete(0, 2)),
            Parameter("c", Choice(("a", "b", "c"))),
            Parameter("u", Continuous(0, 1), per="n"),
            Parameter("m", Discrete(1, 4), when={"c": ("a", "b")}),
        )
    )
    function = lambda at: (at * np.arange(1, at.shape[1] + 1)).sum(1) + at[:, 0] * at[:, -1]  # noqa: E731
    found = []
    for most in (2**22, 1):
        monkeypatch.setattr("hpsearch.sampling.sensitivity.MOST_NUMBERS", most)
        found.append(total_effects([function], space, space, 64, np.random.default_rng(0)))
    assert found[0].shape == (1, 4)
    assert (found[0] > 0).all()
    assert np.array_equal(*found)

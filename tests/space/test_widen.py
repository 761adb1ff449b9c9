import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.space import LINEAR, LOG, ONE_MINUS_POWER, Continuous, Discrete
from hpsearch.space.widen import widen

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

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.nn.schedules import DECAYING, SCHEDULES, learning_rates

FORMULAS = {
    "inverse_time": lambda epoch: 0.2 / (1 + 0.5 * epoch),
    "exponential": lambda epoch: 0.2 * math.exp(-0.5) ** epoch,
    "inverse_sqrt": lambda epoch: 0.2 / math.sqrt(1 + 0.5 * epoch),
    "staircase": lambda epoch: 0.2 * 0.5 ** (epoch // 2),
    "cosine": lambda epoch: 0.2 * (1 + math.cos(math.pi * epoch / 10)) / 2,
    "constant": lambda epoch: 0.2,
}


def rates(schedule, epoch, *, decay=0.5, warmup=0.0, steps=3):
    return learning_rates(
        0.2,
        schedule=schedule,
        decay=decay,
        warmup=warmup,
        epoch=epoch,
        epochs=10,
        steps=steps,
    )


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_is_its_formula(schedule):
    for epoch in range(10):
        assert rates(schedule, epoch) == pytest.approx([FORMULAS[schedule](epoch)] * 3)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_starts_at_the_initial_rate(schedule):
    assert rates(schedule, 0) == [0.2] * 3


@pytest.mark.parametrize("schedule", sorted(DECAYING))
def test_without_decay_the_rate_stays(schedule):
    assert rates(schedule, 7, decay=0.0) == [0.2] * 3


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@given(decay=st.floats(0, 10), epoch=st.integers(0, 8))
def test_a_rate_never_rises_after_the_warm_up_and_never_turns_negative(schedule, decay, epoch):
    now, later = rates(schedule, epoch, decay=decay)[0], rates(schedule, epoch + 1, decay=decay)[0]
    assert 0 <= later <= now


def test_a_staircase_falls_on_time_though_the_product_is_rounded():
    assert 0.29 * 100 < 29  # what the tolerance is for
    before, after = (SCHEDULES["staircase"](e, 0.29, 200) for e in (99, 100))
    assert (before, after) == (0.5**28, 0.5**29)


def test_warm_up_rises_step_by_step_to_the_scheduled_rate():
    path = [rate for epoch in range(3) for rate in rates("constant", epoch, warmup=2.0, steps=2)]
    assert path == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2, 0.2])


def test_warm_up_may_end_within_an_epoch():
    path = [rate for epoch in range(2) for rate in rates("constant", epoch, warmup=0.5, steps=4)]
    assert path == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2])

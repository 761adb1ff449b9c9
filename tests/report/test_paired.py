import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hpsearch.report.paired import bootstrap_interval, paired_comparisons, paired_text
from hpsearch.report.text import display
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.history import PastTrial
from hpsearch.searching.spec import Spec
from hpsearch.space import LOG, Choice, Continuous, Parameter, Space
from hpsearch.trial import Result, Round, Rung, Status

ACCURACY = Criterion("val_accuracy", "maximize")
BATCH_NORM = Parameter("batch_norm", Choice((True, False)), cross=True)
RATE = Parameter("learning_rate", Continuous(1e-4, 1.0, LOG))
SIZE = Parameter("batch_size", Choice((16, 64)))


def spec(*parameters, start=(), trials=8):
    rounds = (Round(0, 0, trials, 0.0, (Rung(trials, 5),)),)
    return Spec(Space(parameters), {"epochs": 5}, rounds, seed=0, start=start)


def known(number, value, *, train_loss=0.1, val_loss=0.2, curve=None, **params):
    status = Status.DIVERGED if value is None else Status.COMPLETED
    metrics = {"train_loss": train_loss, "val_loss": val_loss}
    result = Result(number, 0, status, params, 5, metrics, value, None, "", 0.0)
    return PastTrial(result, curve or {}, (0, number))


def paired(on, off, **shared):
    """Draws with batch norm on and off, and learning rates 1e-4, 1e-3, ... in turn."""
    return [
        known(2 * draw + k, value, learning_rate=10.0 ** (draw - 4), batch_norm=k == 0, **shared)
        for draw, values in enumerate(zip(on, off, strict=True))
        for k, value in enumerate(values)
    ]


def compared(trials, criterion=ACCURACY):
    (found,) = paired_comparisons(spec(BATCH_NORM, RATE), criterion, trials)
    return found


def test_without_a_crossed_choice_there_is_nothing_to_compare():
    assert paired_comparisons(spec(RATE), ACCURACY, []) == []


def test_a_run_without_results_yet_has_an_empty_study():
    found = compared([])
    assert found.draws == 0
    assert found.threshold is None
    assert found.contrasts[0].difference is None
    display(*paired_text(found, "val_accuracy"))


def test_an_effect_that_every_draw_shares_is_found_exactly_however_much_draws_differ():
    off = np.array([0.1, 0.9, 0.4, 0.6, 0.2, 0.8])
    (contrast,) = compared(paired(off + 0.05, off)).contrasts
    assert contrast.difference == pytest.approx(0.05)
    assert contrast.interval == pytest.approx((0.05, 0.05))
    assert (contrast.draws, contrast.wins, contrast.ties, contrast.losses) == (6, 6, 0, 0)


def test_for_a_loss_the_smaller_value_wins():
    (contrast,) = compared(
        paired([0.1, 0.2], [0.3, 0.1]), Criterion("val_loss", "minimize")
    ).contrasts
    assert contrast.difference == pytest.approx(-0.05)
    assert (contrast.wins, contrast.losses) == (1, 1)


def test_a_diverged_trial_loses_and_two_of_them_tie():
    found = compared(paired([0.9, 0.8, None, 0.7], [None, 0.8, None, 0.9]))
    (contrast,) = found.contrasts
    assert (contrast.draws, contrast.wins, contrast.ties, contrast.losses) == (2, 1, 2, 1)
    assert contrast.difference == pytest.approx(-0.1)
    assert [(arm.completed, arm.diverged) for arm in found.arms] == [(3, 1), (2, 2)]


outcomes = st.lists(
    st.tuples(*2 * [st.none() | st.integers(0, 20).map(lambda n: n / 20)]), min_size=1, max_size=12
)


@settings(max_examples=40)  # each resamples twice
@given(outcomes)
def test_swapping_the_values_turns_the_comparison_round(values):
    on, off = zip(*values, strict=True)
    (one,), (other,) = compared(paired(on, off)).contrasts, compared(paired(off, on)).contrasts
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.wins + one.ties + one.losses == len(values)
    if one.difference is not None:
        assert one.difference == pytest.approx(-other.difference)


@given(outcomes, st.sampled_from([0.25, 2.0, 64.0]), st.integers(-3, 3), st.booleans())
def test_what_is_good_depends_neither_on_the_unit_nor_the_zero_nor_the_goal(
    values, factor, offset, mirrored
):
    on, off = zip(*values, strict=True)
    sign, goal = (-1, "minimize") if mirrored else (1, "maximize")
    moved = [
        [None if value is None else sign * (factor * value + offset) for value in column]
        for column in (on, off)
    ]
    plain, other = compared(paired(on, off)), compared(paired(*moved), Criterion("m", goal))
    # 20ths times powers of two are not exact, so a value at the threshold may fall either way
    plainly = [0.5 * abs(plain.threshold - v) > 1e-9 for v in (*on, *off) if v is not None]
    assume(all(plainly))
    assert [arm.good for arm in other.arms] == [arm.good for arm in plain.arms]


def test_good_settings_reach_from_the_smallest_to_the_largest_rate_in_decades():
    found = compared(paired([0.5, 0.97, 0.98, 0.97], [0.5, 0.5, 0.96, 0.4]))
    assert found.threshold == pytest.approx(0.98 - (0.98 - 0.73) / 2)
    on, off = found.ranges
    assert (on.good, on.low, on.high, on.decades) == (3, 1e-3, 1e-1, pytest.approx(2))
    assert (off.good, off.low, off.high, off.decades) == (1, 1e-2, 1e-2, 0)


def test_settings_by_hand_have_no_partner_and_sit_out():
    by_hand = {"batch_norm": True, "learning_rate": 0.5}
    trials = [known(0, 0.99, **by_hand)]
    for number, value in ((1, 0.9), (2, 0.8)):
        trials.append(known(number, value, batch_norm=number == 1, learning_rate=0.1))
    (found,) = paired_comparisons(spec(BATCH_NORM, RATE, start=(by_hand,)), ACCURACY, trials)
    assert found.draws == 1
    assert found.arms[0].best == 0.9


def test_with_two_crossed_choices_only_trials_that_agree_in_the_other_are_paired():
    optimizer = Parameter("optimizer", Choice(("sgd", "adam")), cross=True)
    values = {(True, "sgd"): 0.9, (True, "adam"): 0.8, (False, "sgd"): 0.5, (False, "adam"): 0.7}
    trials = [
        known(number, value, batch_norm=batch_norm, optimizer=name)
        for number, ((batch_norm, name), value) in enumerate(values.items())
    ]
    first, second = paired_comparisons(spec(BATCH_NORM, optimizer, trials=4), ACCURACY, trials)
    assert first.draws == second.draws == 2
    assert first.contrasts[0].difference == pytest.approx((0.4 + 0.1) / 2)
    assert second.contrasts[0].difference == pytest.approx((0.1 - 0.2) / 2)
    assert (second.contrasts[0].wins, second.contrasts[0].losses) == (1, 1)


def test_three_values_are_compared_two_by_two():
    optimizer = Parameter("optimizer", Choice(("sgd", "momentum", "adam")), cross=True)
    trials = [
        known(n, v, optimizer=name)
        for n, (name, v) in enumerate([("sgd", 0.5), ("momentum", 0.7), ("adam", 0.9)])
    ]
    (found,) = paired_comparisons(spec(optimizer, trials=3), ACCURACY, trials)
    assert [(c.value, c.other, c.wins) for c in found.contrasts] == [
        ("sgd", "momentum", 0),
        ("sgd", "adam", 0),
        ("momentum", "adam", 0),
    ]


def test_the_gap_is_told_for_each_mini_batch_size_over_draws_that_are_good_with_every_value():
    trials = []
    for draw, (size, good) in enumerate([(16, True), (64, True), (64, True), (64, False)]):
        for k in range(2):
            value = 0.95 if good or k == 0 else 0.1  # the last draw is good with batch norm only
            losses = {"train_loss": 0.1, "val_loss": 0.1 + (draw + 1) * (k + 1) / 10}
            params = {"batch_norm": k == 0, "batch_size": size}
            trials.append(known(2 * draw + k, value, **losses, **params))
    trials += [known(8, 0.2, batch_norm=True, batch_size=16)]  # its partner failed
    (found,) = paired_comparisons(spec(BATCH_NORM, SIZE), ACCURACY, trials)
    assert found.common == 3
    gaps = {(gap.value, gap.batch_size): (gap.draws, gap.gap) for gap in found.gaps}
    assert gaps == {
        (True, 16): (1, pytest.approx(0.1)),
        (True, 64): (2, pytest.approx(0.25)),
        (True, None): (3, pytest.approx(0.2)),
        (False, 16): (1, pytest.approx(0.2)),
        (False, 64): (2, pytest.approx(0.5)),
        (False, None): (3, pytest.approx(0.4)),
    }


def test_covariate_shift_is_told_where_it_was_tracked():
    curve = {"mean_shift": [None, 0.5, 0.25], "variance_shift": [None, None, None]}
    found = compared(paired([0.9, 0.9], [0.9, 0.9], curve=curve))
    told = {
        (move.metric, move.value): (move.draws, move.first, move.last) for move in found.movements
    }
    assert told == {
        ("mean_shift", True): (2, 0.5, 0.25),
        ("mean_shift", False): (2, 0.5, 0.25),
        ("variance_shift", True): (0, None, None),
        ("variance_shift", False): (0, None, None),
    }
    assert compared(paired([0.9], [0.9])).movements == ()


def test_the_bootstrap_interval_is_about_that_of_a_normal_mean():
    differences = np.random.default_rng(0).normal(0.3, 1, 400)
    low, high = bootstrap_interval(differences)
    half = 1.96 * differences.std() / 20
    assert low == pytest.approx(differences.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(differences.mean() + half, abs=0.1 * half)
    assert (low, high) == bootstrap_interval(differences)


def test_four_differences_are_too_few_for_an_interval():
    assert bootstrap_interval([0.1, 0.2, 0.3, 0.4]) is None


def test_a_study_is_plain_json():
    found = compared(paired([0.9, None], [0.8, 0.7]))
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["draws"] == 2


def test_the_tables_fit_a_narrow_page_and_say_who_won(capsys):
    curve = {"mean_shift": [None, 0.5], "variance_shift": [None, 0.25]}
    found = compared(paired([0.9] * 6, [0.8, 0.9, 0.9, 0.9, 0.9, None], curve=curve))
    display(*paired_text(found, "val_accuracy"))
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    assert "batch_norm: each of 6 draws trained with every value and one seed" in told
    assert "true less false" in told
    assert "mean_shift" in told

"""The best settings again: who is trained again, what the new values decide, and what not."""

from dataclasses import replace
from math import gamma, pi, sqrt, tan
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.config import Confirm
from hpsearch.searching.confirmation import (
    Confirmed,
    confirmed_values,
    contenders,
    indistinguishable,
    interval,
    student_point,
    trainings_within,
    verdict,
)
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.events import ConfirmationStarted
from hpsearch.space import Continuous, Parameter, Space
from hpsearch.trainers.protocol import Outcome
from hpsearch.trial import Result, Status

ACCURACY = Criterion("val_accuracy", "maximize")
LOSS = Criterion("val_loss", "minimize")
QUIET = Space((Parameter("x", Continuous(0.2, 0.8)),))  # no trial is lost here
ALL = Confirm(top=3, seeds=3, share=1.0)

values = st.floats(-1e6, 1e6, width=32)
several = st.lists(
    st.builds(
        Confirmed,
        number=st.integers(0, 1000),
        search=values,
        values=st.lists(values, min_size=1, max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda each: each.number,
)


def result(number, value, status=Status.COMPLETED, setting=None):
    params = {"x": number if setting is None else setting}
    return Result(number, 0, status, params, 1, {}, value, None, "", 0.0)


def numbers(results):
    return [each.number for each in results]


confirms = st.builds(
    Confirm, top=st.integers(1, 9), seeds=st.integers(1, 9), share=st.floats(0.001, 1)
)


@given(confirms, st.integers(1, 3000))
def test_confirmation_stays_within_its_share_and_what_was_asked(confirm, trials):
    top, seeds = trainings_within(confirm, trials)
    assert top * seeds <= confirm.share * trials + 1e-6
    assert top <= confirm.top
    assert seeds <= confirm.seeds
    assert (top == 0) == (seeds == 0) == (confirm.share * trials < 1 - 1e-9)


@given(confirms, st.integers(1, 3000))
def test_a_larger_search_confirms_no_less(confirm, trials):
    before, after = (trainings_within(confirm, n) for n in (trials, trials + 1))
    assert before[0] * before[1] <= after[0] * after[1]


def test_enough_trials_confirm_all_that_was_asked():
    assert trainings_within(Confirm(top=3, seeds=3, share=0.1), 90) == (3, 3)
    assert trainings_within(Confirm(top=3, seeds=1, share=0.1), 30) == (3, 1)


@given(several, values)
def test_only_the_new_values_decide(confirmed, search):
    winner = verdict(confirmed, LOSS)
    assert winner.mean == min(each.mean for each in confirmed)
    other = verdict([replace(each, search=search) for each in confirmed], LOSS)
    assert other.number == winner.number


def test_the_goal_decides_which_mean_is_the_best():
    confirmed = [Confirmed(0, 0.5, (0.1, 0.3)), Confirmed(1, 0.4, (0.4, 0.5))]
    assert verdict(confirmed, LOSS).number == 0
    assert verdict(confirmed, ACCURACY).number == 1


def test_of_equal_means_the_better_by_the_searchs_order_wins():
    assert verdict([Confirmed(5, 0.9, (0.5,)), Confirmed(2, 0.8, (0.5,))], ACCURACY).number == 5


def test_what_is_told_of_a_confirmed_setting():
    told = Confirmed(3, 0.99, (0.96, 0.97, 0.98)).as_dict()
    assert told["mean"] == pytest.approx(0.97)
    assert told["deviation"] == pytest.approx(0.01)  # divided by n - 1
    assert told["standard_error"] == pytest.approx(0.01 / 3**0.5)
    assert told["optimism"] == pytest.approx(0.02)
    assert (told["number"], told["search"], told["seeds"]) == (3, 0.99, 3)


def test_one_seed_says_nothing_of_the_deviation():
    told = Confirmed(3, 0.99, (0.96,)).as_dict()
    assert (told["deviation"], told["standard_error"]) == (None, None)


def test_settings_within_one_standard_error_of_the_difference_are_indistinguishable():
    winner = Confirmed(0, 1.0, (0.90, 0.92))  # mean 0.91, error 0.01
    near = Confirmed(1, 1.0, (0.897, 0.897))  # no error of its own
    close = Confirmed(2, 1.0, (0.901, 0.901))
    noisy = Confirmed(3, 1.0, (0.80, 0.98))  # mean 0.89, error 0.09
    assert indistinguishable([winner, near, close, noisy], winner) == [2, 3]


@given(several)
def test_the_winner_is_not_told_to_be_like_itself_and_a_single_seed_like_nothing(confirmed):
    winner = verdict(confirmed, LOSS)
    close = indistinguishable(confirmed, winner)
    assert winner.number not in close
    single = {each.number for each in confirmed if len(each.values) == 1}
    assert not single & set(close)
    if winner.number in single:
        assert close == []


@given(st.integers(1, 30), st.floats(0.9, 0.995))
@settings(max_examples=20)
def test_students_points_have_their_share_below_them(freedom, share):
    point = student_point(freedom, share)
    t = np.linspace(0, point, 20_001)
    density = (1 + t * t / freedom) ** (-(freedom + 1) / 2)
    density *= gamma((freedom + 1) / 2) / (sqrt(freedom * pi) * gamma(freedom / 2))
    below = 0.5 + (density[1:] + density[:-1]).sum() / 2 * (t[1] - t[0])
    assert 1 - below == pytest.approx(1 - share, rel=1e-3)


# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, "Critical Values of the Student's t
# Distribution"; 0.9995 from Federighi 1959, "Extended Tables of the Percentage Points of Student's
# t-Distribution", Journal of the American Statistical Association 54(287); 1000 degrees of freedom
# from Moore and McCabe, "Introduction to the Practice of Statistics", table D.
SHARES = (0.9, 0.975, 0.995, 0.999, 0.9995)
PUBLISHED = {
    1: (3.078, 12.706, 63.657, 318.313, 636.619),
    2: (1.886, 4.303, 9.925, 22.327, 31.598),
    3: (1.638, 3.182, 5.841, 10.215, 12.924),
    4: (1.533, 2.776, 4.604, 7.173, 8.610),
    5: (1.476, 2.571, 4.032, 5.893, 6.869),
    6: (1.440, 2.447, 3.707, 5.208, 5.959),
    9: (1.383, 2.262, 3.250, 4.296, 4.781),
    10: (1.372, 2.228, 3.169, 4.143, 4.587),
    30: (1.310, 2.042, 2.750, 3.385, 3.646),
    1000: (1.282, 1.962, 2.581, 3.098, 3.300),
}


@pytest.mark.parametrize("freedom", PUBLISHED)
def test_students_points_are_the_published_ones(freedom):
    found = [student_point(freedom, share) for share in SHARES]
    assert found == pytest.approx(PUBLISHED[freedom], rel=3e-4, abs=6e-4)


def test_students_points_far_out_have_their_share_in_closed_form():
    share = 1 - 0.05 / (2 * 100)  # a hundred contenders
    middle = 2 * share - 1
    assert student_point(1, share) == pytest.approx(tan(pi * middle / 2))
    assert student_point(2, share) == pytest.approx(middle * sqrt(2 / (1 - middle**2)))
    normal = NormalDist().inv_cdf(share)
    assert normal < student_point(5000, share) < 1.002 * normal


def test_the_interval_lies_around_the_mean_and_is_narrower_with_more_seeds():
    two = [Confirmed(n, 1.0, (0.9, 0.92)) for n in range(3)]
    six = [Confirmed(n, 1.0, (0.9, 0.92) * 3) for n in range(3)]
    low, high = interval(two, two[0])
    assert low + high == pytest.approx(2 * 0.91)
    narrow = interval(six, six[0])
    assert low < narrow[0] < narrow[1] < high


def test_a_setting_borrows_its_interval_from_those_confirmed_beside_it():
    steady, noisy = Confirmed(0, 1.0, (0.9, 0.9)), Confirmed(1, 1.0, (0.8, 0.98))
    low, high = interval([steady, noisy], steady)
    assert high - low == pytest.approx(np.subtract(*interval([steady, noisy], noisy)[::-1]))
    assert low < 0.9 < high


def test_where_no_seeds_differ_there_is_no_interval():
    assert interval([Confirmed(0, 1.0, (0.9,))], Confirmed(0, 1.0, (0.9,))) is None
    equal = Confirmed(0, 1.0, (0.9, 0.9))
    assert interval([equal], equal) is None


def test_the_interval_of_the_best_of_several_holds_its_true_mean_as_often_as_it_says():
    rng, truth, held = np.random.default_rng(0), 0.9, 0
    for _ in range(2000):
        drawn = rng.normal(truth, 0.01, (3, 2)).tolist()
        confirmed = [Confirmed(n, 1.0, tuple(each)) for n, each in enumerate(drawn)]
        low, high = interval(confirmed, verdict(confirmed, ACCURACY))
        held += low < truth < high
    assert held / 2000 > 0.94


def test_the_best_completed_settings_are_confirmed_best_first():
    results = [result(0, 0.1), result(1, 0.9, Status.STOPPED), result(2, 0.5), result(3, 0.3)]
    lost = [result(4, None, Status.DIVERGED), result(5, None, Status.FAILED)]
    assert numbers(contenders([*results, *lost], [], ACCURACY, 2)) == [2, 3]
    assert numbers(contenders(results, [], LOSS, 5)) == [0, 3, 2]


def test_a_parents_settings_are_confirmed_where_they_are_among_the_best():
    parents, own = [result(0, 0.9), result(1, 0.2)], [result(2, 0.5), result(3, 0.1)]
    assert numbers(contenders(own, parents, ACCURACY, 2)) == [0, 2]


def test_the_parents_winner_is_confirmed_whatever_its_search_value():
    parents, own = [result(0, 0.9), result(1, 0.2)], [result(2, 0.5), result(3, 0.4)]
    assert numbers(contenders(own, parents, ACCURACY, 2, inherited=1)) == [0, 2, 1]
    assert numbers(contenders(own, parents, ACCURACY, 2, inherited=0)) == [0, 2]
    assert numbers(contenders(own, [], ACCURACY, 2, inherited=1)) == [2, 3]


def test_a_setting_is_no_rival_of_itself():
    own = [result(n, v, setting=s) for n, v, s in [(2, 0.9, 1), (3, 0.8, 1), (4, 0.7, 2)]]
    assert numbers(contenders(own, [], ACCURACY, 2)) == [2, 4]
    parents = [result(0, 0.5, setting=1), result(1, 0.6, setting=2)]
    assert numbers(contenders(own, parents, ACCURACY, 2, inherited=0)) == [4, 0]
    assert numbers(contenders(own, [], ACCURACY, 2, again=True)) == [2, 3]  # rules 1


def test_a_setting_that_was_lost_with_one_of_its_new_seeds_is_not_confirmed():
    results = {number: result(number, 0.5) for number in range(4)}
    new = {0: [0.1, 0.2], 1: [0.1, None], 2: [None], 3: []}
    assert confirmed_values(new, results) == [Confirmed(0, 0.5, (0.1, 0.2))]


def confirming(run, repeats=1):
    """The values of the confirming pieces by training."""
    return {p.training: p.value for p in run.pieces if p.repeat >= repeats}


def test_the_best_few_are_trained_again_in_full(new_run, spec, rungs, go):
    run, told = new_run(), []
    go(run, spec(space=QUIET, rounds=rungs, confirm=ALL), tell=told.append)
    completed = [r for r in run.results if r.status == "completed"]
    best = sorted(completed, key=lambda r: -r.value)[:3]
    assert set(confirming(run)) == {(r.number, 1 + k, 0) for r in best for k in range(3)}
    assert {p.epochs for p in run.pieces if p.repeat} == {4}
    [event] = [event for event in told if isinstance(event, ConfirmationStarted)]
    assert (event.settings, event.trainings) == (3, 9)


def test_every_setting_is_confirmed_with_the_same_new_seeds(new_run, spec, go, valley):
    seeds = {}

    class Watched(valley):
        def train(self, jobs, states, report=None):
            for job in jobs:
                seeds.setdefault((job.number, job.repeat >= 2), []).append(job.seed)
            return super().train(jobs, states, report)

    go(new_run(), spec(space=QUIET, repeats=2, confirm=ALL), trainer=Watched())
    again = [sorted(each) for (_, confirms), each in seeds.items() if confirms]
    assert len(again) == 3
    assert again[0] == again[1] == again[2]
    assert len(set(again[0])) == 3
    before = {seed for (_, confirms), each in seeds.items() if not confirms for seed in each}
    assert not before & set(again[0])


def test_with_folds_each_new_seed_trains_every_fold(new_run, spec, go):
    run = new_run()
    go(run, spec(space=QUIET, repeats=2, folds=2, confirm=replace(ALL, top=1, seeds=2)))
    [number] = {training[0] for training in confirming(run, 2)}
    assert set(confirming(run, 2)) == {(number, r, f) for r in (2, 3) for f in (0, 1)}


def test_confirming_changes_no_trial(new_run, spec, rungs, go, fates):
    plain, confirmed = new_run(), new_run()
    go(plain, spec(rounds=rungs))
    go(confirmed, spec(rounds=rungs, confirm=ALL))
    assert fates(confirmed) == fates(plain)
    assert confirming(plain) == {}
    assert confirming(confirmed) != {}


def test_a_search_too_small_for_its_share_confirms_nothing(new_run, spec, rounds, go):
    run, told = new_run(), []
    asked = spec(rounds=rounds(((9, 4),)), confirm=replace(ALL, share=0.1))
    go(run, asked, tell=told.append)
    assert confirming(run) == {}
    assert not any(isinstance(event, ConfirmationStarted) for event in told)


def test_where_nothing_was_completed_there_is_nothing_to_confirm(new_run, spec, go):
    run = new_run()
    go(run, spec(space=Space((Parameter("x", Continuous(0.91, 1)),)), confirm=ALL))
    assert confirming(run) == {}


@pytest.mark.parametrize("way", ["diverge", "raise"])
def test_a_contender_that_is_lost_takes_nobody_with_it(new_run, spec, go, fates, valley, way):
    class Fragile(valley):
        def _train(self, job, state):
            outcome = super()._train(job, state)
            if (job.number, job.repeat) != (lost, 2):
                return outcome
            if way == "raise":
                raise ValueError("only this once")
            return Outcome({**outcome.curve, "val_accuracy": [None] * 4}, None, diverged=True)

    lost, plain = -1, new_run()
    asked = spec(space=QUIET, confirm=ALL)
    go(plain, asked, trainer=Fragile())
    lost = next(iter(confirming(plain)))[0]
    run = new_run()
    search = go(run, asked, trainer=Fragile())
    assert fates(run) == fates(plain)
    expected = confirming(plain)
    if way == "raise":
        del expected[lost, 2, 0]
        assert "only this once" in (run.path / "logs" / "log.txt").read_text()
    else:
        expected[lost, 2, 0] = None
    assert confirming(run) == expected
    assert len(search.contenders()) == 3


@pytest.mark.parametrize("answers", [1, 2, 3, 5])
def test_after_an_interrupt_at_any_answer_the_new_values_are_the_same(
    new_run, spec, rounds, go, fates, anyhow, answers
):
    asked = spec(rounds=rounds(((5, 1), (2, 4)), ((4, 1), (2, 4))), confirm=ALL)
    whole, run = new_run(), new_run()
    go(whole, asked)
    for attempt in range(100):
        try:
            go(run, asked, anyhow(seed=attempt, answers=answers))
            break
        except KeyboardInterrupt:
            continue
    assert fates(run) == fates(whole)
    assert confirming(run) == confirming(whole)
    assert len([p for p in run.pieces if p.repeat]) == len(confirming(run))

import math

import pytest

from hpsearch.sampling.ranking import UNKNOWN
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import join
from hpsearch.trial import Piece, Result, Status

LOSS = Criterion("val_loss", "minimize")
ACCURACY = Criterion("val_accuracy", "maximize")


def result(number, value, loss=None, status=Status.COMPLETED):
    metrics = {} if loss is None else {"val_loss": loss}
    return Result(number, 0, status, {}, 1, metrics, value, None, "", 0.0)


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_costs_more_than_anything(value):
    assert LOSS.cost(value, 0.1) == UNKNOWN > LOSS.cost(1e300)


def test_the_goal_decides_what_is_better():
    results = [result(0, 0.5), result(1, 0.9), result(2, 0.1)]
    assert ACCURACY.best(results).number == 1
    assert LOSS.best(results).number == 2


def test_equal_values_are_decided_by_validation_loss_then_by_number():
    assert ACCURACY.best([result(0, 0.9, 0.5), result(1, 0.9, 0.4)]).number == 1
    assert ACCURACY.best([result(1, 0.9, 0.5), result(0, 0.9, 0.5)]).number == 0
    assert ACCURACY.best([result(0, 0.9), result(1, 0.9, 7.0)]).number == 1


@pytest.mark.parametrize("status", [Status.STOPPED, Status.DIVERGED, Status.FAILED])
def test_only_completed_trials_can_win(status):
    assert ACCURACY.best([result(0, 0.5), result(1, 0.9, status=status)]).number == 0
    assert ACCURACY.best([result(1, 0.9, status=status)]) is None


def test_nobody_wins_without_a_finite_value():
    assert ACCURACY.best([result(0, None)]) is None
    assert ACCURACY.best([]) is None


CURVE = {"epoch": [1, 2], "val_loss": [0.5, 0.4], "val_accuracy": [0.8, None]}


def test_costs_are_read_off_the_curve_as_far_as_it_goes():
    assert LOSS.costs(CURVE, [1, 2, 4]) == ((0.5, 0.5), (0.4, 0.4))
    assert LOSS.costs({}, [1, 2]) == ()


def test_a_finished_training_keeps_its_last_value():
    assert LOSS.costs(CURVE, [1, 2, 4], finished=True) == ((0.5, 0.5), (0.4, 0.4), (0.4, 0.4))
    assert LOSS.costs({}, [1, 2], finished=True) == ()


def test_an_undefined_number_on_the_curve_is_unknown():
    assert ACCURACY.costs(CURVE, [1, 2]) == ((-0.8, 0.5), UNKNOWN)


def test_pieces_join_by_rung_whatever_their_order():
    pieces = [
        Piece(0, 0, 0, rung, epochs[-1], None, {"epoch": epochs, "val_loss": losses})
        for rung, (epochs, losses) in enumerate([([1], [0.1]), ([2, 3], [0.2, 0.3]), ([4], [0.4])])
    ]
    expected = {"epoch": [1, 2, 3, 4], "val_loss": [0.1, 0.2, 0.3, 0.4]}
    assert join(pieces) == join(reversed(pieces)) == expected

import numpy as np
import pytest

from hpsearch.nn.metrics import accuracy, balanced_accuracy, confusion_matrix, macro_f1

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 2, 2, 2])
CONFUSION = [[3, 1, 0], [0, 1, 1], [0, 0, 2]]


def test_a_confusion_matrix_has_a_row_for_each_true_class():
    assert confusion_matrix(LABELS, PREDICTIONS, 3).tolist() == CONFUSION


def test_metrics_are_their_formulas():
    confusion = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert accuracy(confusion) == 6 / 8
    assert balanced_accuracy(confusion) == pytest.approx((3 / 4 + 1 / 2 + 2 / 2) / 3)
    assert macro_f1(confusion) == pytest.approx((6 / 7 + 2 / 4 + 4 / 5) / 3)


def test_a_class_that_does_not_occur_sits_out():
    with_spare = confusion_matrix(LABELS, PREDICTIONS, 5)
    without = confusion_matrix(LABELS, PREDICTIONS, 3)
    assert balanced_accuracy(with_spare) == balanced_accuracy(without)
    assert macro_f1(with_spare) == macro_f1(without)


def test_a_class_predicted_but_absent_lowers_macro_f1():
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert balanced_accuracy(confusion) == pytest.approx((1 / 2 + 1) / 2)
    assert macro_f1(confusion) == pytest.approx((2 / 3 + 1 + 0) / 3)

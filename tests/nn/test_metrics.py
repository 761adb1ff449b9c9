import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from hpsearch.nn.metrics import (
    accuracy,
    auc,
    balanced_accuracy,
    balanced_accuracy_error,
    confusion_matrix,
    constant_answer,
    count,
    macro_f1,
    macro_f1_error,
    most_confused,
    rates,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 2, 2, 2])
CONFUSION = [[3, 1, 0], [0, 1, 1], [0, 0, 2]]


def test_a_confusion_matrix_has_a_row_for_each_true_class():
    assert confusion_matrix(LABELS, PREDICTIONS, 3).tolist() == CONFUSION


def test_metrics_are_their_formulas():
    counts = count(LABELS, PREDICTIONS, 3)
    assert accuracy(counts) == 6 / 8
    assert balanced_accuracy(counts) == pytest.approx((3 / 4 + 1 / 2 + 2 / 2) / 3)
    assert macro_f1(counts) == pytest.approx((6 / 7 + 2 / 4 + 4 / 5) / 3)


def test_a_class_that_does_not_occur_sits_out():
    with_spare = count(LABELS, PREDICTIONS, 5)
    without = count(LABELS, PREDICTIONS, 3)
    assert balanced_accuracy(with_spare) == balanced_accuracy(without)
    assert macro_f1(with_spare) == macro_f1(without)
    assert macro_f1_error(with_spare, LABELS, PREDICTIONS) == macro_f1_error(
        without, LABELS, PREDICTIONS
    )


def test_a_class_predicted_but_absent_lowers_macro_f1():
    counts = count(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert balanced_accuracy(counts) == pytest.approx((1 / 2 + 1) / 2)
    assert macro_f1(counts) == pytest.approx((2 / 3 + 1 + 0) / 3)


LABELLED = st.integers(2, 6).flatmap(
    lambda classes: st.lists(
        st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1
    ).map(lambda rows: (np.array(rows), classes))
)


@given(LABELLED)
def test_rates_are_those_of_scikit_learn_and_null_where_there_is_nothing_to_divide_by(rows):
    (labels, predictions), classes = rows[0].T, rows[1]
    found = rates(count(labels, predictions, classes))
    expected = sklearn.precision_recall_fscore_support(
        labels, predictions, labels=range(classes), zero_division=np.nan
    )
    for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
        own = [np.nan if value is None else value for value in found[name]]
        np.testing.assert_allclose(own, values, rtol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2))
def test_auc_is_the_share_of_pairs_in_order_and_of_equal_ones_half(rows):
    scores, positive = np.array([s for s, _ in rows]), np.array([p for _, p in rows])
    if positive.all() or not positive.any():
        assert auc(scores, positive) is None
        return
    pairs = scores[positive][:, None] - scores[~positive][None, :]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert auc(scores, positive) == pytest.approx(expected, rel=1e-12)
    assert auc(scores, positive) == pytest.approx(
        sklearn.roc_auc_score(positive, scores), rel=1e-12
    )


@given(LABELLED)
def test_the_most_confused_pairs_are_the_largest_cells_beside_the_diagonal(rows):
    (labels, predictions), classes = rows[0].T, rows[1]
    confusion = confusion_matrix(labels, predictions, classes)
    cells = [(-confusion[i, j], i, j) for i in range(classes) for j in range(classes) if i != j]
    expected = [(i, j, -n) for n, i, j in sorted(cells) if n]
    assert most_confused(labels, predictions, most=classes**2) == expected
    assert most_confused(labels, predictions, most=2) == expected[:2]


@given(LABELLED)
def test_the_constant_answer_has_the_metrics_of_one_who_always_gives_the_largest_class(rows):
    labels, classes = rows[0][:, 0], rows[1]
    examples = np.bincount(labels, minlength=classes)
    largest = np.full(len(labels), examples.argmax())
    counts, found = count(labels, largest, classes), constant_answer(examples)
    assert found["accuracy"] == pytest.approx(accuracy(counts))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy(counts))
    assert found["macro_f1"] == pytest.approx(macro_f1(counts))
    shares = np.tile(examples / len(labels), (len(labels), 1))
    if len(set(labels)) > 1:
        assert found["loss"] == pytest.approx(
            sklearn.log_loss(labels, shares, labels=range(classes))
        )


def test_the_standard_errors_are_those_of_many_samples_of_the_same_size():
    rng = np.random.default_rng(0)
    cells = np.array([0.6, 0.05, 0.02, 0.1, 0.08, 0.02, 0.03, 0.02, 0.08])
    samples = [rng.choice(9, size=400, p=cells) for _ in range(3000)]
    rows = [(sample // 3, sample % 3) for sample in samples]
    counts = [count(labels, predictions, 3) for labels, predictions in rows]
    balanced = [balanced_accuracy_error(each) for each in counts]
    assert np.mean(balanced) == pytest.approx(
        np.std(list(map(balanced_accuracy, counts))), rel=0.05
    )
    f1 = [macro_f1_error(each, *own) for each, own in zip(counts, rows, strict=True)]
    assert np.mean(f1) == pytest.approx(np.std(list(map(macro_f1, counts))), rel=0.05)

"""What is measured of a model on rows that it has not seen."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from hpsearch.searching import evaluation as measuring
from hpsearch.searching.evaluation import MOST_CLASSES, measure, share_interval, wilson


class Given:
    """A model whose rows are its probabilities."""

    def __init__(self, classes):
        self.class_names = np.array([f"c{index}" for index in range(classes)])

    def probabilities(self, rows):
        return rows


def some(classes, rows, seed=0):
    """Probabilities that know something of the labels, in two batches."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=rows)
    scores = rng.normal(size=(rows, classes)) + 2 * np.eye(classes)[y]
    probabilities = np.round(np.exp(scores), 1) + 0.01  # with ties
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    cut = rows // 3
    return [(probabilities[:cut], y[:cut]), (probabilities[cut:], y[cut:])]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_metrics_are_those_of_scikit_learn(classes):
    batches = some(classes, 200)
    X, y = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    found = measure(Given(classes), batches).as_dict("test")
    predicted = X.argmax(axis=1)
    scores = X[:, 1] if classes == 2 else X
    expected = {
        "test_loss": sklearn.log_loss(y, X),
        "test_accuracy": sklearn.accuracy_score(y, predicted),
        "test_balanced_accuracy": sklearn.balanced_accuracy_score(y, predicted),
        "test_macro_f1": sklearn.f1_score(y, predicted, average="macro"),
        "test_auc": sklearn.roc_auc_score(y, scores, multi_class="ovr", average="macro"),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    assert found["confusion"] == sklearn.confusion_matrix(y, predicted).tolist()
    assert found["per_class"]["rows"] == np.bincount(y).tolist()
    assert found["per_class"]["recall"] == pytest.approx(
        sklearn.recall_score(y, predicted, average=None)
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_each_interval_holds_its_value_and_stays_in_range():
    found = measure(Given(3), some(3, 60)).as_dict("test")
    assert found["interval"] == found["intervals"]["test_accuracy"]
    assert set(found["intervals"]) == {
        "test_loss", "test_accuracy", "test_balanced_accuracy", "test_macro_f1",
    }  # fmt: skip
    for name, (low, high) in found["intervals"].items():
        assert 0 <= low < found[name] < high
        assert high <= 1 or name == "test_loss"


def test_balanced_accuracy_that_rests_on_one_row_of_a_class_is_hardly_known():
    y = np.array([0] * 999 + [1])
    found = measure(Given(2), [(np.eye(2)[y], y)])
    assert found.metrics["balanced_accuracy"] == 1
    assert found.intervals["balanced_accuracy"][0] == pytest.approx(wilson(1.0, 4)[0], abs=0.001)
    assert found.intervals["accuracy"][0] > 0.99


def test_the_interval_of_a_plain_share_is_wilsons():
    error = (0.8 * 0.2 / 50) ** 0.5
    assert share_interval(0.8, error, most=1000) == pytest.approx(wilson(0.8, 50))
    assert share_interval(1.0, 0.0, most=50) == wilson(1.0, 50)


@given(st.floats(1, 1e9))
def test_wilsons_interval_of_none_begins_at_0_and_of_all_ends_at_1(rows):
    assert wilson(0.0, rows)[0] == 0
    assert wilson(1.0, rows)[1] == 1
    assert wilson(0.0, rows)[1] > 0
    assert wilson(1.0, rows)[0] < 1


def test_a_class_without_rows_sits_out_and_has_no_recall():
    y = np.array([0, 0, 2, 2])
    X = np.array([[0.8, 0.1, 0.1], [0.5, 0.2, 0.3], [0.1, 0.1, 0.8], [0.6, 0.1, 0.3]])
    found = measure(Given(3), [(X, y)]).as_dict("new")
    assert found["per_class"]["recall"] == [1.0, None, 0.5]
    assert found["per_class"]["precision"] == [2 / 3, None, 1.0]
    assert found["new_auc"] == pytest.approx((0.75 + 0.875) / 2)
    assert found["baseline"]["new_balanced_accuracy"] == 0.5
    assert found["confused"] == [[2, 0, 1]]


def test_rows_of_one_class_have_no_auc():
    y = np.zeros(5, dtype=np.int64)
    assert measure(Given(2), [(np.full((5, 2), 0.5), y)]).metrics["auc"] is None


def test_more_probabilities_than_can_be_kept_are_not_ranked(monkeypatch):
    monkeypatch.setattr(measuring, "MOST_PROBABILITIES", 200)
    assert measure(Given(3), some(3, 66)).metrics["auc"] is not None
    assert measure(Given(3), some(3, 67)).metrics["auc"] is None


def test_many_classes_keep_their_most_confused_pairs_and_no_matrix():
    few = measure(Given(MOST_CLASSES), some(MOST_CLASSES, 300)).as_dict("test")
    assert len(few["confusion"]) == MOST_CLASSES
    rows = [(np.eye(900, 3000), np.arange(900) // 2 * 2)]
    tracemalloc.start()
    many = measure(Given(3000), rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # a matrix of 3,000 classes alone has 72 MB
    found = many.as_dict("test")
    assert found["confusion"] is None
    assert found["confused"][:2] == [[0, 1, 1], [2, 3, 1]]
    assert len(found["confused"]) == 100
    assert len(json.dumps(found)) < 200_000

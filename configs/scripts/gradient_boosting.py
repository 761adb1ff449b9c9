"""Gradient boosting on scikit-learn's breast cancer data, for configs/gradient_boosting.yaml."""

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_validate


def train(params, epochs, seed):  # noqa: ARG001 (it has no epochs)
    """The metrics of one setting: the parameters are those of the classifier, by name."""
    X, y = load_breast_cancer(return_X_y=True)
    model = HistGradientBoostingClassifier(**params, random_state=seed)
    scores = cross_validate(model, X, y, cv=3, scoring=["neg_log_loss", "accuracy"])
    return {
        "log_loss": -scores["test_neg_log_loss"].mean(),
        "accuracy": scores["test_accuracy"].mean(),
    }

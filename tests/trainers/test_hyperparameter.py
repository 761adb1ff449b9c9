import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.hyperparameter import Hyperparameter

RATE = Hyperparameter("dropout", "float", 0.0, "a share", low=0, high=1, high_open=True)
POSITIVE = Hyperparameter("rate", "float", 0.1, "a rate", low=0, low_open=True)
LAYERS = Hyperparameter("units", "int", 8, "units", low=1, listable=True)
CHOICE = Hyperparameter("kind", "choice", "a", "a kind", choices=("a", "b"))
FLAG = Hyperparameter("flag", "bool", True, "a switch")
PATIENCE = Hyperparameter("patience", "int", None, "epochs", low=1, nullable=True)


@pytest.mark.parametrize(
    ("hyperparameter", "value"),
    [
        (RATE, 0),
        (RATE, 0.999),
        (POSITIVE, 1e-300),
        (LAYERS, 1),
        (LAYERS, 4.0),
        (LAYERS, [1, 2]),
        (CHOICE, "b"),
        (FLAG, False),
        (PATIENCE, None),
        (PATIENCE, 3),
    ],
)
def test_a_value_in_range_has_no_problem(hyperparameter, value):
    assert hyperparameter.check(value) is None


@pytest.mark.parametrize(
    ("hyperparameter", "value", "problem"),
    [
        (RATE, 1, "must be a number >= 0 and < 1, not 1"),
        (RATE, -0.1, "must be a number >= 0 and < 1, not -0.1"),
        (RATE, float("nan"), "must be a number >= 0 and < 1, not nan"),
        (RATE, True, "must be a number >= 0 and < 1, not true"),
        (RATE, None, "must be a number >= 0 and < 1, not null"),
        (RATE, [0.1], "must be a number >= 0 and < 1, not a list"),
        (POSITIVE, 0, "must be a number > 0, not 0"),
        (POSITIVE, "1e-3x", "must be a number > 0, not '1e-3x'"),
        (LAYERS, 1.5, "must be an integer >= 1, not 1.5"),
        (LAYERS, [4, 0], "must be an integer >= 1, not 0"),
        (LAYERS, [4, [4]], "must be an integer >= 1, not a list"),
        (CHOICE, "c", "must be one of a, b, not 'c'"),
        (FLAG, 1, "must be true or false, not 1"),
        (LAYERS, 10**400, "must be an integer >= 1, not " + repr(10**400)),
        (PATIENCE, 0, "must be null or an integer >= 1, not 0"),
    ],
)
def test_a_problem_says_what_must_hold_and_what_was_found(hyperparameter, value, problem):
    assert hyperparameter.check(value) == problem


@given(st.floats(0, 1, exclude_max=True))
def test_every_number_within_the_bounds_passes(value):
    assert RATE.check(value) is None


def test_a_hyperparameter_pickles():
    again = pickle.loads(pickle.dumps(LAYERS))
    assert again == LAYERS

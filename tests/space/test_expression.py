"""The language of constraints and derived values: what it computes, and what it refuses."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.space.expression import (
    Expression,
    ExpressionError,
    InactiveError,
    MistypedError,
)

SETTING = {
    "beta1": 0.9,
    "beta2": 0.99,
    "layers": 2,
    "units": [64, 32],
    "optimizer": "adam",
    "nesterov": False,
    "opt.lr": 0.1,
    "learning-rate": 0.01,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("beta1 < beta2", True),
        ("0.5 < beta1 <= 0.9 < beta2", True),
        ("units[0] * layers", 128),
        ("units[-1]", 32),
        ("sum(units) / len(units)", 48.0),
        ("sum([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])", 2.8),
        ("max(units) - min(units[0], units[1], 8)", 56),
        ("7 // 2 + 7 % 2 - -1", 5),
        ("2 ** layers", 4),
        ("2 ** -1", 0.5),
        ("log2(units[0])", 6.0),
        ("round(beta1 * 10) + round(2.567, 2)", 11.57),
        ("abs(beta1 - beta2) < 0.1 and not nesterov", True),
        ("optimizer == 'sgd' or optimizer in ['adam', 'adamw']", True),
        ('optimizer != "adam"', False),
        ("layers not in [1, 3]", True),
        ("nesterov == false", True),
        ("1 == true", False),
        ("null == 0", False),
        ("opt.lr < 1", True),
        ('space["learning-rate"] * 2', 0.02),
        ("[layers, 2 * layers]", [2, 4]),
        (" beta1\n < beta2 ", True),
    ],
)
def test_it_computes_what_it_says(text, value):
    assert Expression(text).value(SETTING) == value


def test_its_names_are_those_of_parameters_alone():
    assert Expression("max(units) < 2 * layers and true").names == ("units", "layers")
    assert Expression('space["learning-rate"] < opt.lr').names == ("learning-rate", "opt.lr")


@pytest.mark.parametrize(
    "text",
    [
        "", "beta1 <", "beta1 < beta2; 1", "import os", "__import__('os')", "beta1 if 1 else 2",
        "lambda: 1", "[x for x in units]", "units[0:1]", "(1).real", "'a'.upper()", "{1: 2}",
        "f'{beta1}'", "b'a'", "1j", "1e999", "x := 1", "beta1 @ beta2", "layers & 1", "beta1 is 1",
        "min(units, key=len)", "min(*units)", "open('x')", "...", "()", "\x00", "((((" * 200,
        "1 + " * 200 + "1", "x" * 1001, "-" * 900 + "1",
    ],
)  # fmt: skip
def test_everything_else_is_refused_before_it_is_computed(text):
    with pytest.raises(ExpressionError):
        Expression(text).names  # noqa: B018 (raises)


def test_what_is_refused_is_named_with_what_may_be_written():
    with pytest.raises(ExpressionError, match=r"'a'.upper.. cannot stand in .* names, numbers"):
        Expression("'a'.upper() == 'A'").names  # noqa: B018 (raises)
    with pytest.raises(ExpressionError, match=r"no function 'log' .did you mean 'log2'"):
        Expression("log(layers) < 3").names  # noqa: B018 (raises)
    with pytest.raises(ExpressionError, match="equality is =="):
        Expression("beta1 = beta2").names  # noqa: B018 (raises)


@pytest.mark.parametrize(
    "text",
    ["1 / 0", "layers % 0", "log2(0)", "(-1) ** 0.5", "9 ** 9 ** 9", "10 ** 400", "1e200 * 1e200"],
)
def test_what_has_no_value_or_is_too_large_is_no_number(text):
    with pytest.raises(ExpressionError):
        Expression(text).value(SETTING)
    with pytest.raises(ExpressionError):
        Expression(f"{text} < 1").holds(SETTING)


@pytest.mark.parametrize(
    "text",
    [
        "optimizer < 1", "optimizer + 'x'", "nesterov * 2", "layers and nesterov", "not layers",
        "len(layers)", "layers[0]", "units['a']", "optimizer in 'adam'", "max()", "abs(1, 2)",
        "round(1, 0.5)", "sum(units, 1)[0]", "'a' * 9", "units * 2",
    ],
)  # fmt: skip
def test_text_is_no_number_and_a_number_is_not_true(text):
    with pytest.raises(MistypedError):
        Expression(text).value(SETTING)


def test_an_entry_that_cannot_be_is_told_with_how_entries_are_named():
    with pytest.raises(MistypedError, match="a list have a whole number each, found 'a'"):
        Expression("units['a']").value(SETTING)
    with pytest.raises(MistypedError, match="a mapping have a name each, found 0"):
        Expression("opt[0]").value({"opt": {"lr": 1}})


def test_a_constraint_is_true_or_false():
    with pytest.raises(MistypedError, match="must be true or false, found 2"):
        Expression("layers").holds(SETTING)


@pytest.mark.parametrize("text", ["momentum > beta1", "units[2] > 99", "max(empty) > 99"])
def test_a_constraint_about_what_is_inactive_does_not_apply(text):
    assert Expression(text).holds({**SETTING, "empty": []})


def test_an_entry_that_a_list_lacks_is_inactive():
    with pytest.raises(InactiveError):
        Expression("units[2] * 2").value(SETTING)
    assert Expression("sum(units) == 0").value({"units": []}) is True


def test_it_travels_to_other_processes():
    there = pickle.loads(pickle.dumps(Expression("beta1 < beta2")))
    assert there == Expression("beta1 < beta2")
    assert there.holds(SETTING)


PIECES = st.sampled_from(
    [*SETTING, *"+-*/%()[],.<>=", "**", "//", "==", "<=", " and ", " or ", " not ", " in ", " if ",
     "log2(", "max(", "len(", "round(", "sum(", "9", "0", "1e300", "'x'", "true", "lambda", ":"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=40))
def test_any_text_is_computed_or_refused_in_one_way(text):
    try:
        Expression(text).value(SETTING)
    except (ExpressionError, InactiveError):
        return
    except KeyError:
        assert not set(Expression(text).names) <= set(SETTING)

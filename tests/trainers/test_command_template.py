"""A value is one word of a command, unchanged, whatever it holds."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.command.template import filled, used, words

HOSTILE = ['"; touch owned #"', "$(touch owned)", "`touch owned`", "'", '"', "a\nb", "-rf", "{b}"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_stays_one_word(value):
    assert filled("run --note {a} --also={a} '{a} b'", {"a": value}) == [
        "run", "--note", value, f"--also={value}", f"{value} b",
    ]  # fmt: skip


@given(st.text())
def test_any_text_stays_one_word(value):
    assert filled("run {a}", {"a": value, "b": "never"}) == ["run", value]


@given(st.lists(st.text(alphabet="abc '\"\\$", min_size=1), min_size=1))
def test_a_command_without_places_is_cut_as_a_shell_would(texts):
    assert filled(shlex.join(texts), {}) == texts


def test_places_are_names_in_single_braces_only():
    command = "awk '{print $1}' {{kept}} {rate} '{\"a\": {size}}'"
    assert used(command) == ["rate", "size"]
    assert filled(command, {"rate": 1e-05, "size": [8, True, None]}) == [
        "awk", "{print $1}", "{kept}", "1e-05", '{"a": [8, true, null]}',
    ]  # fmt: skip


def test_a_parameter_that_does_not_apply_leaves_its_place_empty():
    assert filled("run --momentum={momentum} {other}", {}) == ["run", "--momentum=", ""]


@pytest.mark.parametrize("command", ["", "  ", "run 'x"])
def test_what_is_no_command_is_refused(command):
    with pytest.raises(ValueError, match=r"no word|quotation"):
        words(command)

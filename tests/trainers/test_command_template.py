"""A value is one word of a command, unchanged, whatever it holds."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.command.template import filled, misread, used, words

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


NAMES = ["model.lr", "batch-size", "opt name", "a/b", "x", "größe", "2nd-lr", "two  spaces"]


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.text(min_size=1))
def test_names_with_dots_hyphens_slashes_and_spaces_are_places(names, text):
    command = "run " + " ".join(
        f"--{i}={{{name}}} '{{{name}}} {{{{{name}}}}}'" for i, name in enumerate(names)
    )
    assert used(command) == list(dict.fromkeys(names))
    values = {name: f"{text}{i}" for i, name in enumerate(NAMES)}
    expected = ["run"]
    for i, name in enumerate(names):
        expected += [f"--{i}={values[name]}", f"{values[name]} {{{name}}}"]
    assert filled(command, values) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{1..9}",
        "{0}",
        "{a,b}",
        '{"a": 1}',
        "{'a': 1}",
        "{print $1}",
        "{ print }",
        "{a: 1}",
        "{/}",
    ],
)
def test_other_braces_are_left_as_they_are(text):
    command = shlex.join(["run", text, f"--x={text}"])
    assert used(command) == []
    assert filled(command, {"a": 1, "print": 2}) == ["run", text, f"--x={text}"]
    assert misread(command, ["lr"]) == []


def test_a_long_gap_in_braces_takes_no_longer_than_its_length():
    gap = " " * 300_000  # a look at every pair of its spaces would take an hour
    assert misread(f"train {{{gap}}} {{{gap}rate}}", ["rate"]) == [(f"{{{gap}rate}}", "rate")]

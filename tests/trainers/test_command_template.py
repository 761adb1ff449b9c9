"""A value is one word of a command, unchanged, whatever it holds."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trainers.command.filling import empty, filled
from hpsearch.trainers.command.template import misread, remaining, unplaced, used, words

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


@given(st.text(alphabet="ab [],\n'\"\\"))
def test_brackets_without_places_change_nothing_but_doubled_ones(text):
    try:
        cut = shlex.split(text)
    except ValueError:
        cut = []
    if not cut:
        with pytest.raises(ValueError, match=r"no word|No |quot"):
            words(text)
    elif "[[" in text or "]]" in text:
        assert [word.count("a") for word in words(text)] == [word.count("a") for word in cut]
    else:
        assert filled(text, {}) == words(text) == cut


@given(st.text(alphabet="a [],{}m'=- ", min_size=1))
def test_any_text_is_a_command_or_a_readable_problem(text):
    try:
        whole, without = filled(text, dict.fromkeys(used(text), 1)), filled(text, {})
    except ValueError:
        return
    found = words(text)
    assert len(found) == len(whole) >= len(without)
    assert not any("\0" in word for word in [*found, *whole])


def test_places_are_names_in_single_braces_only():
    command = "awk '{print $1}' {{kept}} {rate} '{\"a\": {size}}'"
    assert used(command) == ["rate", "size"]
    assert filled(command, {"rate": 1e-05, "size": [8, True, None]}) == [
        "awk", "{print $1}", "{kept}", "1e-05", '{"a": [8, true, null]}',
    ]  # fmt: skip


def test_a_parameter_that_does_not_apply_leaves_its_word_out_and_a_bare_place_empty():
    assert filled("run --momentum={momentum} {other} out/{x}/y", {}) == ["run", ""]
    assert filled("run '--note=lr {lr}' --opt={opt.lr}", {"opt": {"decay": 1}}) == ["run"]
    assert filled("sh -c 'train --m {m} '", {}) == ["sh", "-c", "train --m  "]  # a script is whole


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("[--m {m}]", "--m 1"),
        ("[ --m {m} ]", "--m 1"),
        ("[--m={m} --flag]", "--m=1 --flag"),
        ("[--list=[{m},2]]", "--list=[1,2]"),
        ("[--list [[{m},2]]]", "--list [1,2]"),
        ("[--note '[{m}' x]", "--note [1 x"),
        ("[--m {m} {{m}}]", "--m 1 {m}"),
    ],
)
def test_a_group_with_an_inactive_parameter_is_left_out(group, words):
    assert filled(f"run {group} x", {"m": 1}) == ["run", *words.split(), "x"]
    assert filled(f"run {group} x", {}) == ["run", "x"]
    assert empty(f"run {group} x", {}) == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run --u=[[1,2],[3]] a[0] b]", ["--u=[[1,2],[3]]", "a[0]", "b]"]),
        ("run '[--m {m}]' \"[x]\" \\[y]", ["[--m 1]", "[x]", "[y]"]),
        ("sh 'if [ -f {m} ]; then x; fi'", ["if [ -f 1 ]; then x; fi"]),
        ("run [8, 4] [x] [ [] [{{m}}]", ["[8,", "4]", "[x]", "[", "[]", "[{m}]"]),
        ("run [[8,4]] [[ -f {m} ]] [[{m}]]", ["[8,4]", "[", "-f", "1", "]", "[1]"]),
    ],
)
def test_other_brackets_are_text(command, words):
    assert filled(command, {"m": 1})[1:] == words


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run [--m {m}", r"a group \[ that does not end with \]; write \[\["),
        ("run [--a {a} [--m {m}] ]", r"a group \[ within a group; write \[\["),
        ("run '[' 'x", "No closing quotation"),
    ],
)
def test_a_group_ends_and_has_none_inside(command, message):
    with pytest.raises(ValueError, match=message):
        words(command)


def test_what_only_looks_like_a_group_is_told():
    command = "run [8,4] [--lr {lr}] [a b] x[0] [[1]] --y=[2] '[3]' [{{lr}}"
    assert unplaced(command) == ["[8,4]", "[a b]"]
    assert filled(command, {"lr": 1})[1] == "[8,4]"


def test_a_bare_place_that_may_be_empty_is_told_with_the_group_to_write():
    assert empty("run --m {m} {n} --x={m} [{m}] {seed}", {"seed": 1}) == [
        "{m} would be an empty word; write [--m {m}], which is then left out",
        "{n} would be an empty word; write [{n}], which is then left out",
    ]
    program = "{m} has no value, and a program must be the first word"
    for command in ("bin/{m} x", "{m} x", "[nice {m}]", "[nice {n}] bin/{m}"):
        assert empty(command, {}) == [program]
    assert empty("[nice -n {m}] train", {}) == []


def test_the_words_of_all_arguments_stand_in_place_of_one():
    assert filled("run {args} [-- {args}]", {}, ["--a=1", "b c"]) == [
        "run", "--a=1", "b c", "--", "--a=1", "b c",
    ]  # fmt: skip
    assert filled("run {args} [-- {args}]", {}, []) == ["run"]
    assert filled("run --json={args}", {}, ['{"a": 1}']) == ["run", '--json={"a": 1}']
    assert filled("run {args}", {"args": "mine"}, None, ("args",)) == ["run", "mine"]


def test_a_parameter_whose_name_begins_anothers_is_among_all_arguments():
    params = {"model": "small", "model.lr": 0.1, "opt": {"lr": 1}, "x": 2}
    assert remaining("run {model.lr} {opt.lr} {args}", params, list(params)) == {
        "model": "small", "x": 2,
    }  # fmt: skip


ODD = ["layers[0].units", "encoder:lr", "it's", 'a"b', "lr=x", "a,b", "9", "a{b", "opt|x", " y "]


def test_any_name_in_the_space_is_a_place():
    values = {name: i for i, name in enumerate(ODD)}
    command = "run " + " ".join(f"--{i}={{{name}}}" for i, name in enumerate(ODD))
    assert used(command, ODD) == ODD
    assert filled(command, values, None, tuple(ODD))[1:] == [f"--{i}={i}" for i in range(len(ODD))]
    assert filled("run {{encoder:lr}} {encoder:x}", {}, None, tuple(ODD))[1:] == [
        "{encoder:lr}", "{encoder:x}",
    ]  # fmt: skip
    entry = {"encoder:opt": {"lr": 0.1}}
    assert filled("run {encoder:opt.lr}", entry, None, ("encoder:opt",)) == ["run", "0.1"]


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

"""YAML 1.2's core schema, with places, and without anything that could harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import yaml_text
from hpsearch.errors import ConfigError


def value(text: str) -> object:
    tree, _, problems = yaml_text.read(f"a: {text}".encode(), "c.yaml")
    assert not problems
    return tree["a"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-0x10", "-0x10"),
        ("0x10", 16),
        ("0o17", 15),
        ("017", 17),
        ("-.inf", -float("inf")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("!!str 12", "12"),
        ('"true"', "true"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("text", ["yes", "on", "No", "y", "2020-04-02", "1:30", "1_000", "1,000"])
def test_what_yaml_1_1_would_convert_stays_text(text):
    assert value(text) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read_back_exactly(number):
    assert value(repr(number)) == number


def test_every_key_and_value_has_its_line_and_column():
    _, places, _ = yaml_text.read(b"a: 1\nb:\n  c: [x,  y]\n", "c.yaml")
    assert places.keys[("b", "c")] == (3, 3)
    assert places.values[("b", "c", 1)] == (3, 11)


def test_duplicate_keys_are_all_told_at_the_second_one():
    _, places, problems = yaml_text.read(b"a: 1\nb: {c: 1, c: 2}\na: 3\n", "c.yaml")
    assert places.lines(problems) == [
        "c.yaml:2:11: b.c: duplicate key, first at 2:5; keep one of them",
        "c.yaml:3:1: a: duplicate key, first at 1:1; keep one of them",
    ]


def test_an_alias_stands_for_its_value():
    tree, _, _ = yaml_text.read(b"a: &x [1, 2]\nb: *x\n", "c.yaml")
    assert tree == {"a": [1, 2], "b": [1, 2]}


BOMB = (
    "a0: &a0 ["
    + "1," * 10
    + "]\n"
    + "".join(f"a{i}: &a{i} [" + f"*a{i - 1}," * 10 + "]\n" for i in range(1, 9))
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", "1:4: refused: an alias to itself"),
        (BOMB, "aliases expand to more than 10,000 values"),
        ("a: [" + "1," * 10_001 + "]", "more than 10,000 values"),
        ("[" * 5000, "nested more than 50 deep"),
        ("a: *nowhere", "undefined alias 'nowhere'"),
        ("<<: {a: 1}", "1:1: refused: the merge key '<<'"),
        ("a: !!python/object/apply:os.system [x]", "the tag !!python/object/apply:os.system"),
        ("a: !!binary aGk=", "the tag !!binary"),
        ("a: !!int x", "'x' is no int"),
        ("a: " + "9" * 5000, "a number of 5,000 digits"),
        ('a: "\\ud800"', "1:4: refused: half of a surrogate pair"),
        ('"\\udc00": 1', "a key must be text, found \\udc00"),
        ("1: 2", "a key must be text, found 1"),
        ("? [a]\n: b", "a key must be text, found a list or mapping"),
        ("a: 1\n---\nb: 2", "2:1: a configuration is one YAML document"),
        ("a:\n\tb: 1", "indent with spaces, not with tabs"),
        ("a: b: c", "1:5: not valid YAML: mapping values are not allowed here"),
        ("a: [1, 2", "not valid YAML while parsing a flow sequence"),
        ("ok: 1\na: \x07", "2:4: text cannot hold character 0x7"),
    ],
)
def test_dangerous_and_broken_text_is_refused_at_its_place(text, message):
    with pytest.raises(ConfigError) as error:
        yaml_text.read(text.encode(), "c.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith("c.yaml:")
    assert len(error.value.problems) == 1


def test_bytes_that_are_not_utf_8_are_refused_with_their_position():
    with pytest.raises(ConfigError, match=r"byte 3 is 0xff, which UTF-8 cannot have there"):
        yaml_text.read(b"a: \xff", "c.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert yaml_text.read(b"\xef\xbb\xbfa: 1", "c.yaml")[0] == {"a": 1}


def test_a_huge_file_is_refused_before_it_is_parsed():
    with pytest.raises(ConfigError, match="at most 1,000,000 bytes"):
        yaml_text.read(b"#" * 1_000_001, "c.yaml")

"""What reaches stdout."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.text import TextTable, display, heading, json_text

TEXT = st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_json_text_holds_the_same_values(value):
    assert json.loads(json_text(value)) == value


def test_json_text_puts_a_list_of_plain_values_on_one_line():
    text = json_text({"a": [1, 2, 3], "b": ["x [\n", 4], "c": []})
    assert '"a": [1, 2, 3]' in text
    assert '"c": []' in text


def test_no_line_ends_in_blanks(capsys):
    table = TextTable("name", "value")
    table.add_row("a", "1")
    table.add_row("long name", "")
    display(heading("A title"), table)
    assert capsys.readouterr().out == "A title\nname       value\na          1\nlong name\n"


def test_the_first_column_is_never_cut_and_text_is_never_wrapped(capsys):
    table = TextTable("name", "value", longest=None)
    table.add_row("n" * 60, "v" * 60)
    display(table, "w" * 200)
    shown = capsys.readouterr().out
    assert "n" * 60 in shown
    assert shown.count("v") == 60 + len("value") - len("alue")
    assert "w" * 200 in shown
    assert "…" not in shown


def test_numbers_can_be_set_flush_right(capsys):
    table = TextTable("", "a", "b", right=2)
    table.add_row("x", "1", "23")
    display(table)
    assert capsys.readouterr().out.splitlines()[1] == "x  1  23"


def test_markup_and_emoji_codes_are_shown_as_they_are(capsys):
    display("[bold]x[/bold] :smile:")
    assert capsys.readouterr().out == "[bold]x[/bold] :smile:\n"

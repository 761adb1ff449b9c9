"""Users' text on a terminal: shown, never obeyed."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.messages import printable
from hpsearch.report.escape import cut, echo, echo_data, encodable
from hpsearch.report.text import Line, TextTable, display

HOSTILE = "\x1b[2J\x07{{ x }}\r\n<script> [bold]🦊\u202e\ud800" + "long" * 50


@given(st.text())
def test_nothing_printable_moves_the_cursor(text):
    assert printable(text).isprintable()
    assert len(cut(text, 20)) <= 20


def test_a_cut_name_keeps_both_ends():
    assert cut("a" * 50 + "b" * 50, 11) == "aaaa...bbbb"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["ascii", "latin-1"]))
def test_any_text_reaches_any_stream(text, encoding):
    encodable(text, encoding).encode(encoding)


def told(monkeypatch, *parts, encoding="utf-8"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    display(*parts)
    return stream.buffer.getvalue().decode(encoding)


def test_hostile_names_neither_break_a_table_nor_reach_the_terminal_raw(monkeypatch):
    table = TextTable(HOSTILE, HOSTILE)
    table.add_row(HOSTILE, HOSTILE)
    text = told(monkeypatch, table, HOSTILE, Line(((HOSTILE, "bold"),)))
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(text)
    rows = text.partition("long\n")[0].splitlines()
    assert all(len(line) <= 80 for line in rows)
    assert "\\x1b[2J\\x07{{ x }}" in text
    assert "[bold]" in text


def test_a_stream_of_ascii_gets_ascii(monkeypatch):
    assert told(monkeypatch, "± 🦊", encoding="ascii") == "\\xb1 \\U0001f98a\n"


class Terminal(io.TextIOWrapper):
    """A stream that takes itself for a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.TextIOWrapper, Terminal])
def test_messages_are_printable_and_keep_their_lines_and_data_stays_data(monkeypatch, stream):
    for write, expected in (
        (lambda: echo("one\x1b\ntwo\ud800", err=True), b"one\\x1b\ntwo\\ud800\n"),
        (
            lambda: echo_data("a\x1b,\u202e\r\n"),
            b"a\\x1b,\\u202e\\r\n" if stream is Terminal else b"a\x1b,\xe2\x80\xae\r\n",
        ),
    ):
        to = stream(io.BytesIO(), "utf-8", newline="")
        monkeypatch.setattr(sys, "stdout", to)
        monkeypatch.setattr(sys, "stderr", to)
        write()
        assert to.buffer.getvalue() == expected

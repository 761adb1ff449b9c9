"""Text that is safe wherever it goes."""

import json
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.html.markup import code_line, cut, escaped, plot_text, script_json, short

ANY = st.text(max_size=80)


@given(ANY)
def test_no_text_is_taken_for_markup(text):
    for made in (escaped(text), plot_text(text), code_line(text)):
        assert "<" not in made.replace("&lt;", "")
        made.encode("utf-8")
    assert unescape(plot_text(text, 1000)) == unescape(escaped(text))


@given(st.dictionaries(ANY, st.lists(ANY, max_size=3), max_size=4))
def test_json_in_a_script_means_the_same_and_ends_nothing(value):
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == json.loads(json.dumps(value).encode("utf-8", "replace"))


def test_a_number_that_json_does_not_know_is_null():
    assert script_json({"range": [1e308 * 10, 1.5, float("nan")]}) == '{"range":[null,1.5,null]}'


def test_a_long_text_is_cut_in_the_middle_and_whole_in_a_tooltip():
    text = "a" * 100 + "b" * 100
    assert len(cut(text, 21)) == 21
    assert cut(text, 21) == "a" * 10 + "…" + "b" * 10
    assert f'title="{text}"' in short(text)


def test_what_a_page_cannot_show_is_spelled_out():
    assert escaped("a\x1b[31m") == "a\\x1b[31m"

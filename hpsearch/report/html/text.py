"""Text of a user's, made safe for the three places it goes to: HTML, plots and scripts."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from hpsearch.messages import one_line
from hpsearch.store.files import plain

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
LONGEST = 60  # characters of a name or value before it is cut; the whole stands in the tooltip


def escaped(value: object) -> str:
    """Text as HTML shows it, quotes included.

    >>> escaped('<b>"x"</b>')
    '&lt;b&gt;&quot;x&quot;&lt;/b&gt;'
    """
    return html.escape(one_line(value))


def cut(value: object, most: int = LONGEST) -> str:
    """Text on one line, its middle left out where it is long."""
    text = one_line(value)
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def short(value: object, most: int = LONGEST) -> str:
    """A name or value as HTML; what is too long for its place shows whole in a tooltip."""
    text = one_line(value)
    if len(text) <= most:
        return html.escape(text)
    return f'<span title="{html.escape(text)}">{html.escape(cut(text, most))}</span>'


def in_plot(value: object, most: int = 28) -> str:
    """Text for a plot, which would take tags, entities and templates for its own.

    >>> in_plot("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    text = cut(value, most)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def in_script(value: Any) -> str:
    r"""JSON that may stand in a `<script>`: nothing in it can end the element.

    A number that JSON does not know, as where an axis of huge values overflows, becomes null.

    >>> in_script({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        text = _ENCODER.encode(plain(value))
    unsafe = {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
    text = re.sub("[<>&\u2028\u2029]", lambda found: unsafe[found[0]], text)
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text


def indented(line: str) -> str:
    """A line of code as HTML, with its indentation."""
    line = line.replace("\t", "    ")
    blanks = len(line) - len(line.lstrip(" "))
    return " " * blanks + escaped(line[blanks:].rstrip())

"""Text from users, made safe for the three places it goes to: HTML, plots and scripts.

Also the elements that most of a page is made of.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Container, Iterable, Sequence
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
    """A name or value as HTML; one that is too long is cut, and stands whole in a tooltip."""
    text = one_line(value)
    if len(text) <= most:
        return html.escape(text)
    return f'<span title="{html.escape(text)}">{html.escape(cut(text, most))}</span>'


def plot_text(value: object, most: int = 28) -> str:
    """Text for plotly, which would otherwise read tags and entities in it as its own.

    >>> plot_text("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    text = cut(value, most)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def script_json(value: Any) -> str:
    r"""JSON that may stand in a `<script>`: nothing in it can end the element.

    A number that JSON does not know, as where an axis of huge values overflows, becomes null.

    >>> script_json({"a": "</script>"})
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


def code(text: str) -> str:
    """Lines of code as HTML, with their indentation."""
    return "\n".join(map(code_line, text.split("\n")))


def code_line(line: str) -> str:
    """A line of code as HTML, with its indentation."""
    line = line.replace("\t", "    ")
    blanks = len(line) - len(line.lstrip(" "))
    return " " * blanks + escaped(line[blanks:].rstrip())


def card(name: str, title: str, body: str) -> str:
    """A part of the page: its id, its title as HTML, and its body as HTML."""
    return f"<section class=card id={name}><h2>{title}</h2>{body}</section>"


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """The entries of a `<dl>`: names and values, which are HTML already."""
    return "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows)


def header(kicker: str, title: str, facts: Iterable[str]) -> str:
    """The page's first lines, all of them HTML already, and the button for light or dark."""
    return (
        f"<header>{kicker}<h1>{title}</h1><p class=facts>{' · '.join(filter(None, facts))}</p>"
        '<button id=theme type=button aria-label="light or dark">◐</button></header>'
    )


def items(entries: Sequence[str], class_: str = "") -> str:
    """A list of entries, which are HTML already; nothing where there are none."""
    if not entries:
        return ""
    attribute = f" class={class_}" if class_ else ""
    return f"<ul{attribute}>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], texts: Container[str]) -> str:
    """A table whose columns are numbers, set flush right, but those with these heads.

    Args:
        heads: of the columns, as plain text.
        rows: of cells, which are HTML already.
        texts: the heads of the columns that are text.
    """
    marks = ["" if head in texts else " class=number" for head in heads]
    head = "".join(
        f"<th scope=col{m}>{escaped(h)}</th>" for h, m in zip(heads, marks, strict=True)
    )
    lines = "".join(
        "<tr>" + "".join(f"<td{m}>{c}</td>" for c, m in zip(row, marks, strict=True)) + "</tr>"
        for row in rows
    )
    return (
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        "</div>"
    )

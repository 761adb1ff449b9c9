"""The report's pictures as files: what they look like, and what to do where none can be drawn."""

import re
import sys
from copy import deepcopy
from types import SimpleNamespace

import pytest

from hpsearch.errors import HpsearchError, RunError, install
from hpsearch.report import png
from hpsearch.report.html import figures
from hpsearch.report.html.figures.style import figure

FIGURE = figure([{"type": "scatter", "x": [0, 1], "y": [1, 2]}], height=300)
RUN = SimpleNamespace(run=SimpleNamespace(path="runs/one"))


@pytest.fixture
def one_picture(monkeypatch):
    """A run whose only picture is a line."""
    monkeypatch.setattr(png, "_pictures", lambda summary: [("line", png.framed(FIGURE, "Line"))])


def test_a_picture_stands_by_itself_with_a_title_on_paper():
    before = deepcopy(FIGURE)
    layout = png.framed(FIGURE, "What mattered")["layout"]
    assert layout["title"]["text"] == "<b>What mattered</b>"
    assert layout["paper_bgcolor"] == "#ffffff"
    assert layout["font"]["color"] == png.INK
    assert layout["height"] - layout["margin"]["t"] == 300 - before["layout"]["margin"]["t"]
    assert before == FIGURE


def test_the_browser_is_the_one_named_else_one_on_the_path(tmp_path, monkeypatch):
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert png.find_browser() == str(program)
    other = tmp_path / "mine"
    other.touch()
    monkeypatch.setenv("BROWSER_PATH", str(other))
    assert png.find_browser() == str(other)


def test_without_a_browser_the_message_says_what_to_install(tmp_path, monkeypatch, one_picture):
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HpsearchError, match="apt install chromium"):
        png.write_pictures(RUN, tmp_path / "pictures")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    with pytest.raises(HpsearchError, match="BROWSER_PATH: expected a browser's program"):
        png.write_pictures(RUN, tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


def test_without_kaleido_the_message_names_the_extra(tmp_path, monkeypatch, one_picture):
    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(HpsearchError, match=re.escape(f"kaleido; install it: {install('png')}")):
        png.write_pictures(RUN, tmp_path / "pictures")


def test_a_browser_that_fails_is_named_with_what_it_said(tmp_path, monkeypatch, one_picture):
    def fail(*words, **options):
        raise RuntimeError("it closed at once", "and a second line")

    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    monkeypatch.setitem(sys.modules, "kaleido", SimpleNamespace(write_fig_from_object_sync=fail))
    with pytest.raises(HpsearchError, match=r"could not draw the pictures: it closed at once$"):
        png.write_pictures(RUN, tmp_path / "pictures")


def test_a_file_where_the_folder_should_be_is_told(tmp_path, monkeypatch, one_picture):
    monkeypatch.setenv("BROWSER_PATH", sys.executable)
    (tmp_path / "pictures").touch()
    with pytest.raises(HpsearchError, match="pictures: cannot be made: File exists"):
        png.write_pictures(RUN, tmp_path / "pictures")


def test_a_run_without_a_trial_has_no_picture_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(png, "_pictures", lambda summary: [])
    with pytest.raises(RunError, match="runs/one: no picture to write"):
        png.write_pictures(RUN, tmp_path / "pictures")


def test_any_name_of_a_parameter_makes_a_file_of_its_own_inside_the_folder(monkeypatch):
    names = ["../up", "a/b", "a b", "<script>", "\n", "😀" * 300]
    monkeypatch.setattr(figures, "FIGURES", {})
    monkeypatch.setattr(figures, "panels", lambda summary: [(name, FIGURE) for name in names])
    drawn = list(figures.pictures(RUN))
    files = [name for name, _, _ in drawn]
    assert len(set(files)) == len(names)
    assert all(name.startswith("parameter-") and len(name) <= 80 for name in files)
    assert not [name for name in files if set(name) & set("/<>\n .")]
    assert [title for _, title, _ in drawn][3] == "&lt;script&gt;"

"""`hpsearch report --png`: a real run's pictures, drawn by a real browser."""

import os
import struct
from pathlib import Path

import pytest

from hpsearch.errors import HpsearchError
from hpsearch.report import png
from hpsearch.report.html.figures.style import axis, figure


@pytest.fixture
def browser():
    """A browser; where there is none, only the project's own checks insist on it."""
    try:
        return png.find_browser()
    except HpsearchError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))


def width(path):
    """A picture's width in pixels, from its header."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">I", head[16:20])[0]


@pytest.mark.slow
def test_png_draws_every_figure_and_a_panel_for_each_parameter(hpsearch, searched, browser):
    searched("first")
    told = hpsearch("report", "first", "--png", "pictures/deep", "--format=json")
    assert told.status == 0
    files = {path.name: path for path in Path("pictures/deep").iterdir()}
    assert f"wrote {len(files)} pictures to pictures/deep" in told.err
    assert {"best-over-trials.png", "parallel.png", "timeline.png", "curves.png"} <= set(files)
    assert "parameter-00-learning_rate.png" in files
    assert {width(path) for path in files.values()} == {png.WIDTH * png.SHARPNESS}


def test_a_picture_shows_its_marks(tmp_path, browser, monkeypatch):
    ranges = {"xaxis": axis(range=[0, 1]), "yaxis": axis(range=[0, 1])}
    marks = {"type": "scatter", "x": [0, 0.4, 1], "y": [0, 0.9, 1]}
    full, empty = figure([marks], **ranges), figure([{**marks, "x": [], "y": []}], **ranges)
    drawn = {"full": png.framed(full, "t"), "empty": png.framed(empty, "t")}
    monkeypatch.setattr(
        png, "_pictures", lambda summary: [*drawn.items(), ("same", drawn["full"])]
    )
    one, other, same = (path.read_bytes() for path in png.write_pictures(None, tmp_path))
    assert one != other
    assert one == same  # so it is the marks that differ


def test_png_goes_with_one_run_only(hpsearch):
    told = hpsearch("report", "one", "two", "--png", "pictures")
    assert told.status == 2
    assert "--png draws one run" in told.err

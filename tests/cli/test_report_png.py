"""`hpsearch report --png`: a real run's pictures, drawn by a real browser."""

import os
import struct
import zlib
from pathlib import Path

import pytest

from hpsearch.errors import HpsearchError
from hpsearch.report.png import SHARPNESS, WIDTH, find_browser


@pytest.fixture
def browser():
    """A browser; where there is none, only the project's own checks insist on it."""
    try:
        return find_browser()
    except HpsearchError as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(problem))


def pixels(path):
    """Width in pixels, and the picture's bytes before compression."""
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        packed += data[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    return struct.unpack(">I", data[16:20])[0], zlib.decompress(packed)


@pytest.mark.slow
def test_png_draws_every_figure_and_a_panel_for_each_parameter(hpsearch, search, browser):
    search("first")
    told = hpsearch("report", "first", "--png", "pictures/deep", "--format=json")
    assert told.status == 0
    files = {path.name: path for path in Path("pictures/deep").iterdir()}
    assert f"wrote {len(files)} pictures to pictures/deep" in told.err
    assert {"best-over-trials.png", "parallel.png", "timeline.png", "curves.png"} <= set(files)
    assert "parameter-00-learning_rate.png" in files
    for path in files.values():
        width, drawn = pixels(path)
        assert width == WIDTH * SHARPNESS
        assert len(set(drawn)) > 30  # more than a blank page


def test_png_goes_with_one_run_only(hpsearch):
    told = hpsearch("report", "one", "two", "--png", "pictures")
    assert told.status == 2
    assert "--png draws one run" in told.err

"""The report's pictures as PNG files, for a paper or a chat: plotly's kaleido draws them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hpsearch.errors import HpsearchError, RunError, install
from hpsearch.report.findings import Findings
from hpsearch.report.html.figures.style import Figure
from hpsearch.store import SafePath
from hpsearch.store.output import Output

WIDTH = 800  # pixels of layout; a file has SHARPNESS times as many
SHARPNESS = 2
TITLE_ROOM = 34  # pixels above a figure for its title
TIMEOUT = 60.0  # seconds for one picture
INK, PAPER = "#1c2530", "#ffffff"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def write_pictures(found: Findings, folder: Path, *, force: bool = False) -> list[Path]:
    """Draw every figure that the run has.

    Args:
        found: what the run came to.
        folder: where the files go; made if it is missing.
        force: replace pictures that are there.

    Returns:
        The files written.

    Raises:
        RunError: the run has nothing to show yet.
        OutputError: there is a picture already, or it cannot be written.
        HpsearchError: kaleido or a browser is missing, or the folder cannot be made.
    """
    pictures = dict(_pictures(found))
    if not pictures:
        raise RunError(f"{found.run.path}: no picture to write: no trial has ended yet")
    outputs = {name: Output(folder / f"{name}.png", force) for name in pictures}
    if folder.is_dir():
        for output in outputs.values():
            output.check()
    browser = find_browser()
    try:
        import kaleido
    except ImportError:
        raise HpsearchError(
            f"PNG files need the package kaleido; install it: {install('png')}"
        ) from None
    with _made(folder), TemporaryDirectory(prefix="hpsearch-") as drawn:
        files = {name: Path(drawn, f"{name}.png") for name in pictures}
        _draw(kaleido, browser, {path: pictures[name] for name, path in files.items()})
        for name, output in outputs.items():
            with output.binary() as file:
                file.write(files[name].read_bytes())
    return [output.path for output in outputs.values()]


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder for the time of the block, and after it unless it fails and leaves it empty."""
    SafePath.of(folder / "picture.png").status()  # raises behind a link in a run's folder
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HpsearchError(f"{folder}: cannot be made: {error.strerror or error}") from None
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # it holds some of the pictures
                folder.rmdir()
        raise


def _draw(kaleido: Any, browser: str, pictures: Mapping[Path, Figure]) -> None:
    options = {"format": "png", "scale": SHARPNESS}
    specs = [
        {"fig": figure, "path": str(path), "opts": options} for path, figure in pictures.items()
    ]
    try:
        # Without mathjax=False a browser would ask the network for it.
        kaleido.write_fig_from_object_sync(
            specs, kopts={"path": browser, "mathjax": False, "timeout": TIMEOUT}
        )
    except Exception as error:  # browsers fail in many ways
        reason = error.args[0] if error.args else type(error).__name__
        raise HpsearchError(f"{browser}: could not draw the pictures: {reason}") from error


def find_browser() -> str:
    """A Chromium or Chrome: the one that BROWSER_PATH names, else one on PATH.

    Raises:
        HpsearchError: there is none.
    """
    named = os.environ.get("BROWSER_PATH")
    if named:
        if not Path(named).is_file():
            raise HpsearchError(f"BROWSER_PATH: expected a browser's program, found {named!r}")
        return named
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise HpsearchError(
        "PNG files need Chromium or Chrome, and none was found on PATH; install one (Debian: "
        "apt install chromium), or name it in BROWSER_PATH"
    )


def _pictures(found: Findings) -> Iterator[tuple[str, dict[str, Any]]]:
    """The figures by the names of their files, without the ending."""
    for name, title, figure in found.pictures():
        yield name, framed(figure, title)


def framed(figure: Figure, title: str) -> dict[str, Any]:
    """A figure that stands by itself: with a title, a background and a fixed size."""
    layout = figure["layout"]
    margin = layout["margin"]
    above = margin["t"] + TITLE_ROOM
    legend = 24 if layout.get("showlegend") else 0
    return {
        "data": figure["data"],
        "layout": {
            **layout,
            "width": WIDTH,
            "height": layout["height"] + TITLE_ROOM + legend,
            "margin": {**margin, "t": above + legend},
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "font": {**layout["font"], "color": INK},
            "title": {
                "text": f"<b>{title}</b>",
                "font": {"size": 17},
                "x": 0.02, "xanchor": "left", "y": 1, "yanchor": "top",
                "yref": "container", "pad": {"t": 12},
            },
        },
    }  # fmt: skip

"""The page of a babysat model in a real browser: drawn, and with nothing wider than a phone."""

import sys
from pathlib import Path

import pytest

from hpsearch.cli import main

DIGITS = Path(__file__).parents[2] / "configs" / "digits.yaml"


def hpsearch(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 0


@pytest.fixture(scope="module")
def page_of_model(tmp_path_factory):
    """The page of a model with a branch, whose note would be taken for code."""
    runs = ["--runs-dir", tmp_path_factory.mktemp("runs")]
    note = '<img src=x onerror="document.title=1"> %{x} </script>' + "long" * 40
    hpsearch("babysit", DIGITS, "--name", "panda", "--epochs", 4, "-q", *runs)
    hpsearch(
        "steer", "panda", *runs, "--branch", 2, "--set", "learning_rate=0.003", "--note", note
    )
    hpsearch("resume", "panda", "-q", *runs)
    return runs[1] / "panda" / "report.html"


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (380, True)])
def test_the_page_is_drawn_and_fits_its_window(show, page_of_model, width, dark):
    page = show(page_of_model, width=width, dark=dark)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.title() == "panda · hpsearch"
    assert "what was done" in page.inner_text("[data-figure=loss]")
    assert page.locator("#diary tbody tr").count() == 1
    assert page.locator("#branches tbody tr").count() == 2


def test_hovering_over_a_mark_shows_what_was_done_and_why_as_text(show, page_of_model):
    page = show(page_of_model)
    page.evaluate(
        """() => {
          const plot = document.querySelector("[data-figure=metric]");
          const place = plot.data.findIndex(trace => trace.name === "what was done");
          Plotly.Fx.hover(plot, [{curveNumber: place, pointNumber: 0}]);
        }"""
    )

    shown = page.text_content("[data-figure=metric] .hoverlayer")

    assert "learning_rate 0.01 -> 0.003" in shown
    assert "<img src=x" in shown

"""The report of a real run, opened from disk in a real browser that has no network."""

import json
import os
import shutil
from pathlib import Path

import pytest

from hpsearch.config import from_mapping
from hpsearch.report.html.write import write_page
from hpsearch.report.summary import summarise
from hpsearch.searching.session import begin, conduct, read_data

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"), reason="Chromium is not installed"
    ),
]
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A real search of everything: rungs, a condition, a list, all three scales."""
    config = from_mapping(
        {
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 3},
            "space": {
                "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
                "hidden_layers": {"type": "int", "min": 1, "max": 2},
                "hidden_units": {"type": "int", "min": 8, "max": 32, "per": "hidden_layers"},
                "optimizer": {"values": ["momentum", "adam"]},
                "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999,
                             "when": {"optimizer": "momentum"}},
            },
            "search": {"trials": 24},
            "parallel": {"backend": "serial"},
        }
    )  # fmt: skip
    run = begin(config, read_data(config), tmp_path_factory.mktemp("runs"), "real")
    conduct(run, lambda _: None, config)
    return run


@pytest.fixture(scope="module")
def page_file(run):
    return write_page(run)


@pytest.fixture
def open_page(browser, page_file):
    """Open the page as a reader would; whatever it asks for or complains of is kept."""
    contexts = []

    def go(width=1200, path=page_file, **options):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.goto(Path(path).resolve().as_uri())
        page.evaluate("drawAll()")
        page.wait_for_function(
            "[...document.querySelectorAll('.plot')].every(p => p.querySelector('.main-svg'))"
        )
        return page

    yield go
    for context in contexts:
        context.close()


def test_no_request_leaves_the_page_and_no_script_fails(open_page, page_file):
    page = open_page()
    assert page.asked == [page_file.resolve().as_uri()]
    assert page.errors == []


def test_every_panel_has_marks(open_page):
    page = open_page()
    marks = ".point, .points path, .scatterlayer path, .heatmaplayer image, .parcoords"
    empty = page.evaluate(
        """marks => [...document.querySelectorAll('.plot')]
             .filter(plot => !plot.querySelector(marks)).map(plot => plot.dataset.figure)""",
        marks,
    )
    assert empty == []
    assert page.locator(".plot").count() >= 5 + 6


def test_sorting_by_a_column_orders_the_rows(open_page):
    page = open_page()
    column = page.locator("#trials th", has_text="learning_rate")
    cells = "[...document.querySelectorAll('#trials tbody tr')].map(r => +r.cells[6].textContent)"
    column.click()
    rates = page.evaluate(cells)
    assert rates == sorted(rates)
    assert len(rates) == 24
    column.click()
    assert page.evaluate(cells) == rates[::-1]


def test_filtering_keeps_the_rows_with_the_words(open_page):
    page = open_page()
    page.fill("#filter", "momentum")
    rows = page.locator("#trials tbody tr")
    assert 0 < rows.count() < 24
    assert all("momentum" in text for text in rows.all_inner_texts())
    page.fill("#filter", "")
    page.select_option("#status", "stopped")
    assert 0 < rows.count() < 24
    assert all("stopped" in text for text in rows.all_inner_texts())


def test_brushing_an_axis_keeps_the_trials_that_pass_there(open_page):
    page = open_page()
    plot = page.locator("[data-figure=parallel]")
    plot.scroll_into_view_if_needed()
    axis = plot.locator(".axis-brush .background-brush, .axis-brush rect").first
    box = axis.bounding_box()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] * 0.15)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * 0.55, steps=8)
    page.mouse.up()
    page.wait_for_function("document.querySelector('#shown').textContent.includes('brushed')")
    assert 0 < page.locator("#trials tbody tr").count() < 24


def test_dark_is_dark_and_the_button_changes_it(open_page):
    page = open_page(color_scheme="dark")
    back = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(page.evaluate(back)) < 60
    ink = "document.querySelector('.plot .xtick text').style.fill.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(ink) > 180
    page.click("#theme")
    assert min(page.evaluate(back)) > 200
    page.wait_for_function(f"{ink} < 80")


def test_a_phone_has_no_sideways_scrolling(open_page):
    page = open_page(width=380)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    plots = page.evaluate(
        "[...document.querySelectorAll('.plot')].map(p => p.getBoundingClientRect().right)"
    )
    assert max(plots) <= 380


def test_hostile_text_runs_nothing(open_page, run, tmp_path):
    hostile = (
        '<img src=x onerror="alert(1)"><script>alert(2)</script>{{x}}%{y}\u2028🦊' + "x" * 200
    )
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    copied = type(run)(copy)
    data = copied.info["data"]
    copied.update(data={**data, "classes": [hostile, *data["classes"][1:]]}, git=hostile)
    (copy / "config.yaml").write_text(f"# {hostile}\n", encoding="utf-8")
    page = open_page(path=write_page(copied, summarise(copied)))
    assert page.errors == []
    assert len(page.asked) == 1
    assert page.locator("img[src=x]").count() == 0
    assert "<img" in page.locator("[data-figure=confusion] .xaxislayer-above").text_content()


def test_ten_thousand_trials_can_be_paged(open_page, run, tmp_path):
    lines = (run.path / "trials.jsonl").read_text().splitlines()
    assert len(lines) == 24
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    many = (json.dumps({**json.loads(lines[n % 24]), "number": n}) for n in range(10_000))
    (copy / "trials.jsonl").write_text("\n".join(many) + "\n")
    page = open_page(path=write_page(type(run)(copy)))
    assert page.errors == []
    assert page.locator("#trials tbody tr").count() == 50
    page.click("#more")
    assert page.locator("#trials tbody tr").count() == 550

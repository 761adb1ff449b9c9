"""A real run's report in a real browser with the network cut off.

That no request leaves the page and no script fails is asserted by the fixture `show`, each time.
"""

import json

import pytest

from hpsearch.report.html.page import page as html_of
from hpsearch.report.summary import summarise
from hpsearch.searching.running import RunningTraining
from hpsearch.store import RunDirectory

ROWS = "#trials tbody tr"


@pytest.fixture
def page(show, real_run):
    return show(real_run / "report.html")


def column(page, place):
    return page.locator(f"{ROWS} td:nth-child({place})").all_text_contents()


def test_every_figure_has_marks(page):
    bare = page.evaluate(
        """() => [...document.querySelectorAll('.plot')].filter(plot => !plot.querySelector(
             '.points path, .point path, .lines path, .js-line, .bars path, .hm image, canvas'
           )).map(plot => plot.dataset.figure)"""
    )
    assert bare == []
    names = page.evaluate(
        "() => [...document.querySelectorAll('.plot')].map(p => p.dataset.figure)"
    )
    assert {"best-over-trials", "best-over-time", "parallel", "curves", "confusion",
            "timeline"} <= set(names)  # fmt: skip
    assert sum(name.startswith("parameter-") for name in names) == 5


def test_the_winner_is_told(page, real_run):
    best = json.loads((real_run / "best" / "result.json").read_text())
    assert f"trial {best['number']}" in page.locator("#winner").text_content()


def test_brushing_an_axis_keeps_the_trials_that_pass_there(page):
    before = page.locator(ROWS).count()
    assert before == 24
    page.locator("#parallel").scroll_into_view_if_needed()
    axis = page.locator("#parallel .axis-brush .background").first.bounding_box()
    x, y, height = axis["x"] + axis["width"] / 2, axis["y"], axis["height"]
    page.mouse.move(x, y + 0.05 * height)
    page.mouse.down()
    page.mouse.move(x, y + 0.3 * height, steps=5)
    page.mouse.move(x, y + 0.5 * height, steps=5)
    page.mouse.up()
    page.wait_for_function(f"() => document.querySelectorAll('{ROWS}').length < {before}")
    assert "those brushed above" in page.locator("#shown").text_content()


@pytest.mark.slow
def test_a_box_drawn_in_the_front_keeps_its_trials_in_the_table(show, front_run):
    page = show(front_run / "report.html")
    assert page.locator(ROWS).count() == 24
    assert "1 more objective" in page.locator("#front").text_content()
    titles = page.locator("#front .xtitle, #front .ytitle").all_text_contents()
    assert sorted(titles) == ["parameters (minimize)", "val_accuracy (maximize)"]
    page.locator("#front").scroll_into_view_if_needed()
    area = page.locator("#front .nsewdrag").first.bounding_box()

    def drag(x, y, to_x, to_y):
        page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"])
        page.mouse.down()
        page.mouse.move(
            area["x"] + to_x * area["width"], area["y"] + to_y * area["height"], steps=8
        )
        page.mouse.up()

    drag(0.01, 0.01, 0.5, 0.99)
    page.wait_for_function(f"() => document.querySelectorAll('{ROWS}').length < 24")
    assert "those brushed above" in page.locator("#shown").text_content()
    numbers = {int(number) for number in column(page, 1)}
    left, right = page.evaluate(
        "() => (({x0, x1}) => [Math.min(x0, x1), Math.max(x0, x1)])"
        "(document.querySelector('#front .plot').layout.selections[0])"
    )
    lines = [json.loads(line) for line in (front_run / "trials.jsonl").read_text().splitlines()]
    inside = {line["number"] for line in lines if left <= line["metrics"]["parameters"] <= right}
    assert numbers == inside
    page.mouse.dblclick(area["x"] + 0.9 * area["width"], area["y"] + 0.5 * area["height"])
    page.wait_for_function(f"() => document.querySelectorAll('{ROWS}').length === 24")


def test_a_click_on_a_column_sorts_by_it_and_another_turns_it_round(page):
    first = page.locator("#trials th").first
    first.click()
    numbers = [int(text) for text in column(page, 1)]
    assert numbers == list(range(24))
    assert first.get_attribute("aria-sort") == "ascending"
    first.click()
    assert [int(text) for text in column(page, 1)] == sorted(numbers, reverse=True)


def test_a_column_of_numbers_is_sorted_by_value_not_by_text(page):
    names = page.locator("#trials th").all_text_contents()
    place = names.index("learning_rate") + 1
    page.locator("#trials th").nth(place - 1).click()
    rates = [float(text) for text in column(page, place)]
    assert len(rates) == 24
    assert rates == sorted(rates)


def test_filtering_keeps_the_rows_that_hold_every_word(page):
    page.fill("#filter", "adam")
    rows = page.locator(ROWS).all_text_contents()
    assert 0 < len(rows) < 24
    assert all("adam" in row for row in rows)
    page.fill("#filter", "nothing says this")
    assert page.locator(ROWS).count() == 0
    page.fill("#filter", "")
    page.select_option("#status", "stopped")
    assert set(column(page, 3)) == {"stopped"}


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_light_or_dark_follows_the_system_until_the_reader_chooses(show, real_run, dark):
    page = show(real_run / "report.html", dark=dark)

    def brightness():
        colour = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(",")) / 3

    assert (brightness() < 80) == dark
    page.click("#theme")
    assert (brightness() > 180) == dark


@pytest.mark.slow
def test_the_pictures_write_in_light_ink_on_dark_paper(show, real_run):
    page = show(real_run / "report.html", dark=True)
    ink = page.evaluate("() => getComputedStyle(document.querySelector('.plot .xtick text')).fill")
    assert min(int(part) for part in ink[4:-1].split(",")) > 150


@pytest.mark.parametrize(
    "width", [320, *(pytest.param(n, marks=pytest.mark.slow) for n in (380, 768))]
)
def test_a_small_screen_needs_no_sideways_scrolling(show, real_run, width):
    page = show(real_run / "report.html", width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 900, "height": 700})
    page.set_viewport_size({"width": width, "height": 700})  # a phone turned, and back
    page.wait_for_function(f"() => document.documentElement.scrollWidth <= {width}")


@pytest.mark.slow
def test_what_still_runs_is_dotted_and_has_rows_of_its_own(show, real_run, tmp_path):
    summary = summarise(RunDirectory(real_run))
    curve = {"epoch": [1, 2], "val_accuracy": [0.5, 0.75]}
    params = {"learning_rate": 0.01, "optimizer": "adam"}
    running = RunningTraining(90, 0, 0, "trial 90", 4, params, 2, 9, curve, 0.75)
    summary.__dict__["running"] = (running,)  # as of a search at work
    path = tmp_path / "running.html"
    path.write_text(html_of(summary, refresh=None))
    page = show(path)
    (row,) = page.locator("#trials tbody tr.running").all()
    assert row.locator("td").all_text_contents()[:5] == ["90", "5", "running", "0.75", "2 of 9"]
    page.locator("#status").select_option("running")
    assert column(page, 1) == ["90"]
    assert (
        page.locator("#curves .scatterlayer path.js-line[style*='stroke-dasharray: 3px']").count()
        == 1
    )
    assert "Dotted ones are still running" in page.locator("#curves").text_content()

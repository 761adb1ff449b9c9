"""The page of a babysat model: it tells, is well formed, and takes nothing for code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hpsearch.report.babysit.figures import pictures
from hpsearch.report.babysit.page import page
from hpsearch.report.babysit.summary import BabysitSummary
from hpsearch.searching.babysit.lines import lines_of
from hpsearch.trial import Diagnosis, Layer


def figures_of(found):
    return json.loads(found.scripts[0])["figures"]


@pytest.fixture
def found(nudged, read):
    return read(page(BabysitSummary(nudged, None), refresh=5))


def test_the_page_has_curves_layers_branches_and_diary(found):
    figures = figures_of(found)

    assert {"loss", "metric", "rate", "layers-updates", "layers-dead"} <= set(figures)
    places = {attrs.get("data-figure") for tag, attrs in found.tags if tag == "div"}
    assert set(figures) == places - {None}
    assert "3 branches" in found.text
    assert "The diary" in found.text
    assert "val_accuracy after epoch 10 of branch 2 0.94" in found.text
    assert json.loads(found.scripts[0])["refresh"] == 5


def test_notes_and_names_are_shown_and_not_obeyed(found, nudged, hostile):
    text = page(BabysitSummary(nudged, None))

    assert "<script>alert" not in text
    assert " ".join(hostile.split())[:40] in found.text
    for figure in figures_of(found).values():
        for trace in figure["data"]:
            assert "%{x} 🦊" not in trace["hovertemplate"]  # else plotly would fill it in
            assert "<script" not in json.dumps(trace)


def test_the_page_asks_the_network_for_nothing(found):
    for _, attrs in found.tags:
        assert not {"src", "href", "action"} & attrs.keys()


def test_each_branch_has_a_line_from_the_epoch_where_it_began_and_marks_say_why(found):
    lines = {trace["name"]: trace for trace in figures_of(found)["metric"]["data"]}

    assert lines["branch 1"]["x"] == [4, 5, 6, 7, 8]
    assert lines["branch 2"]["x"] == [6, 7, 8, 9, 10]
    marks = lines["what was done"]
    assert marks["x"] == [4, 6, 10]
    assert "lower" in marks["text"][0]
    assert "undo" in marks["text"][0]


def test_a_mark_has_the_colour_and_the_number_of_the_branch_that_goes_on_there(found):
    traces = {trace["name"]: trace for trace in figures_of(found)["metric"]["data"]}

    marks, colours = traces["what was done"], traces["what was done"]["marker"]["color"]
    assert colours == [traces[f"branch {n}"]["line"]["color"] for n in (1, 2, 2)]
    assert marks["customdata"] == ["0, 1", "2", "2"]
    assert traces["branches"]["text"] == ["0, 1<br> ", "2<br> ", "2<br> "]
    assert "Update over weights, branch 2" in found.text


def test_branches_that_begin_where_another_did_share_its_mark(nudged):
    again = replace(nudged.diary[2], trial=1, epoch=4, set={"learning_rate": (0.01, 0.1)})
    diary = [*nudged.diary[:2], again]
    own = {n: nudged.own[n] for n in (0, 1)}
    own[2] = {name: values[:1] for name, values in own[1].items()}
    lines = lines_of(nudged.lines.all[0].settings[:1], diary)
    story = replace(nudged, lines=lines, diary=diary, own=own)
    drawn = {name: figure for name, _, figure in pictures(BabysitSummary(story, None))}

    (marks,) = (t for t in drawn["metric"]["data"] if t["name"] == "what was done")
    assert (marks["x"], marks["customdata"]) == ([4], ["0, 1, 2"])


def test_a_single_branch_has_no_numbers_at_its_marks(story_of, nudged):
    curves = {n: values for n, values in nudged.own[0].items() if n != "epoch"}
    story = story_of(curves, nudged.diagnostics[:2], diary=nudged.diary[:1])
    drawn = {
        name: (title, figure) for name, title, figure in pictures(BabysitSummary(story, None))
    }

    assert "branches" not in [trace["name"] for trace in drawn["metric"][1]["data"]]
    assert drawn["layers-updates"][0] == "Update over weights"


def test_all_settings_of_the_best_epoch_can_be_copied(found):
    assert "learning_rate_decay: 0.5" in found.text  # a fixed one
    assert "dropout: 0.2" in found.text


def test_the_learning_rate_is_the_one_after_decay(found):
    line = figures_of(found)["rate"]["data"][0]

    assert line["y"][:3] == pytest.approx([0.01, 0.01 / 1.5, 0.01 / 2])


def test_the_updates_are_drawn_against_a_thousandth_on_a_log_axis(found):
    figure = figures_of(found)["layers-updates"]

    assert figure["layout"]["yaxis"]["type"] == "log"
    assert figure["layout"]["shapes"][0]["y0"] == 1e-3
    assert figure["data"][0]["x"] == [2, 9]
    assert figure["data"][0]["y"] == pytest.approx([1e-3, 2e-3])


@pytest.mark.parametrize("curve", [{}, {"epoch": [1], "val_accuracy": [None]}])
def test_a_model_of_hardly_any_epoch_has_a_page(untrained, read, curve):
    found = read(page(BabysitSummary(replace(untrained, own={0: curve}), None)))

    assert "No best epoch yet" in found.text
    assert figures_of(found) == {} or set(figures_of(found)) == {"rate"}


def test_undefined_and_huge_values_have_a_page(story_of, read):
    story = story_of({
        "train_loss": [1.0, 1e308, None, 0.0], "val_loss": [-1.0, 1e308, 2.0, 0.5],
        "val_accuracy": [0.1, None, 0.2, 0.3],
    })  # fmt: skip

    assert "after epoch 4" in read(page(BabysitSummary(story, None))).text


def test_the_largest_and_smallest_numbers_have_log_axes(story_of):
    tiny = [Diagnosis(number=0, epoch=epoch, seconds=1.0, layers=[Layer("a", 1.0, 1e308, 5e-324)])
            for epoch in (1, 2)]  # fmt: skip
    huge = [1e308, 1e-300, 1.0]
    story = story_of({"train_loss": huge, "val_loss": huge, "val_accuracy": [0.1] * 3}, tiny)

    drawn = {name: figure for name, _, figure in pictures(BabysitSummary(story, None))}

    for name in ("loss", "layers-updates", "layers-gradients"):
        assert drawn[name]["layout"]["yaxis"]["type"] == "log"


def test_many_epochs_and_branches_are_thinned(story_of):
    epochs = 20_000
    story = story_of({"val_accuracy": [0.5] * epochs})

    drawn = {name: figure for name, _, figure in pictures(BabysitSummary(story, None))}

    assert len(drawn["metric"]["data"][0]["x"]) <= 1500

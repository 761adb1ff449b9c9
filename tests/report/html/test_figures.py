"""What the pictures show: nothing that is on an axis may fall off it."""

import json
import re
from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.report.html.figures import (
    FIGURES,
    confusion,
    panels,
    progress,
    style,
    timeline,
)
from hpsearch.report.html.page import page
from hpsearch.report.numbers import number
from hpsearch.report.summary import summarise
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.store.records import Measured, SearchValue, Winner
from hpsearch.trial import Status


def marks(figure, name):
    return [trace for trace in figure["data"] if trace.get("name") == name]


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.FAILED])
def test_lost_trials_are_crosses_inside_their_axis(written, status):
    fates = [status, Status.COMPLETED, Status.STOPPED]
    summary = summarise(written(12, lambda number: fates[number % 3]))
    drawn = dict(panels(summary))
    assert set(drawn) == {parameter.name for parameter in summary.config.space}
    for name, figure in drawn.items():
        (lost,) = marks(figure, "lost")
        used = [r for r in summary.results if r.status is status and name in r.params]
        assert len(lost["x"]) >= len(used) > 0
        low, high = sorted(figure["layout"]["yaxis2"]["range"])
        assert all(low < y < high for y in lost["y"])


def test_every_trial_with_a_value_stands_inside_the_axis_of_values(written):
    summary = summarise(written(60, lambda _: Status.COMPLETED))
    weak = min(summary.results, key=lambda r: r.value)
    for figure in (progress.over_trials(summary), *(each for _, each in panels(summary))):
        (dots,) = marks(figure, "completed")
        low, high = figure["layout"]["yaxis"]["range"]
        assert low > weak.value
        assert all(low <= y <= high for y in dots["y"])
        drawn = zip(dots["y"], dots["marker"]["symbol"], strict=True)
        assert all((y == low) == (symbol == "triangle-down") for y, symbol in drawn)
    (dots,) = marks(progress.over_trials(summary), "completed")
    assert dots["marker"]["symbol"][weak.number] == "triangle-down"


def test_a_search_without_values_has_no_numbers_on_their_axis(written):
    summary = summarise(written(6, lambda _: Status.FAILED))
    axes = [figure["layout"]["yaxis"] for _, figure in panels(summary)]
    assert axes
    assert [axis["showticklabels"] for axis in axes] == [False] * len(axes)


def test_trainings_with_new_seeds_are_told_from_the_search(written, span):
    run = written(4, lambda _: Status.COMPLETED)
    with run.writing() as writer:
        writer.worked(span(2, worker="1", start=3.0, end=4.0))  # again, after a crash
        writer.worked(span(2, repeat=1, worker="1", start=5.0, end=9.0))
    summary = summarise(run)
    (new,) = marks(timeline.workers(summary), "new seeds for the best")
    assert new["text"] == ["trial 2, 4.0 s from 5.0 s"]
    assert progress.ends(summary)[2] == 4.0
    several = replace(summary, spec=replace(summary.spec, repeats=2))
    assert marks(timeline.workers(several), "new seeds for the best") == []
    assert progress.ends(several)[2] == 9.0


def test_what_is_trained_again_after_a_power_cut_is_not_drawn_as_new_seeds(tmp_path, monkeypatch):
    config = from_mapping(
        {
            "data": {"source": "digits"},
            "trainer": {"kind": "network", "epochs": 4, "hidden_units": 4},
            "space": {"learning_rate": {"scale": "log", "min": 0.01, "max": 1}},
            "search": {"trials": 9, "halving": {"min_epochs": 1}, "confirm": False},
            "parallel": {"backend": "serial"},
        }
    )
    run = begin(config, read_data(config), tmp_path, "cut")
    receive = Scheduler.receive

    def receive_one(search, answer):
        receive(search, answer)
        raise KeyboardInterrupt

    monkeypatch.setattr(Scheduler, "receive", receive_one)
    with pytest.raises(KeyboardInterrupt):
        conduct(run, lambda event: None)
    monkeypatch.setattr(Scheduler, "receive", receive)
    states = list((run.path / "state").iterdir())
    assert states
    for state in states:
        state.unlink()  # as the power cut may have done
    conduct(run, lambda event: None)
    pieces = [(span.number, span.repeat, span.fold, span.rung) for span in run.timeline]
    assert len(set(pieces)) < len(pieces)
    assert marks(timeline.workers(summarise(run)), "new seeds for the best") == []


def test_a_timeline_of_an_early_version_is_drawn_without_the_distinction(written, span):
    run = written(4, lambda _: Status.COMPLETED)
    with run.writing() as writer:
        writer.worked(span(2, repeat=None, fold=None, worker="1", start=5.0, end=9.0))
    summary = summarise(run)
    (bars,) = timeline.workers(summary)["data"]
    assert len(bars["x"]) == 5
    assert progress.ends(summary)[2] == 9.0


def test_so_many_pieces_that_they_touch_are_drawn_as_one_and_none_is_lost(written, span):
    run = written(1, lambda _: Status.COMPLETED)
    with run.writing() as writer:
        for number in range(1, 2000):
            worker = str(number % 2)
            writer.worked(span(number, worker=worker, start=float(number), end=number + 1.999))
    summary = summarise(run)
    figure = timeline.workers(summary)
    (bars,) = figure["data"]
    assert len(bars["x"]) < 10
    spent = sum(each.end - each.start for each in summary.timeline)
    assert sum(bars["x"]) == pytest.approx(spent, rel=1e-2)
    assert "2,000 pieces" in figure["note"]


def test_a_confusion_matrix_tells_right_from_wrong_by_sign(written):
    run = written(3, lambda _: Status.COMPLETED)
    summary = summarise(run)
    test = Measured(
        test_loss=0.3, test_accuracy=0.9, interval=(0.8, 0.95), rows=8, confusion=[[3, 1], [0, 4]]
    )
    data = replace(summary.info.data, classes=["<b>", "dog"])
    won = Winner(
        number=0,
        params={},
        epochs=6,
        metrics={},
        search=SearchValue("val_accuracy", 0.9, optimistic=True),
        confirmed=None,
        contenders=[],
        indistinguishable=[],
        test=test,
    )
    info = replace(summary.info, data=data)
    figure = confusion.matrix(replace(summary, outcome=won, info=info))
    (trace,) = figure["data"]
    assert trace["z"] == [[0.75, -0.25], [0, 1]]
    assert trace["customdata"][0] == [(3, 0.75), (1, 0.25)]
    assert figure["layout"]["xaxis"]["ticktext"] == ["&lt;b&gt;", "dog"]


def test_without_a_winner_the_page_says_why_and_not_to_refine(written, read):
    run = written(4, lambda _: Status.FAILED, error="ValueError: <i>no luck</i>")
    text = read(page(summarise(run))).text
    assert "trial 0 failed: ValueError: <i>no luck</i>" in text
    assert "hpsearch refine" not in text
    assert "hpsearch predict" not in text


@pytest.mark.parametrize(
    ("values", "written_as"),
    [
        ([16400.0, 15550.0], "none"),
        ([1e14, 1.0], "none"),
        ([1e300, 1.0], "e"),
        ([1e-7, 2e-6], "e"),
    ],
)
def test_ticks_are_written_out_unless_they_are_huge_or_tiny(values, written_as):
    data = [{"type": "scatter", "x": [1, 2], "y": values}]
    made = style.figure(data, xaxis=style.axis("trial"), yaxis=style.axis("loss"))
    assert made["layout"]["yaxis"]["exponentformat"] == written_as
    assert made["layout"]["xaxis"]["exponentformat"] == "none"
    assert not made["layout"]["yaxis"]["separatethousands"]


def test_what_a_pointer_shows_is_written_as_everywhere_else(written):
    run = written(6, lambda _: Status.COMPLETED)
    summary = summarise(run)
    learned = progress.learning_curves(summary)["data"]
    named = [trace for trace in learned if trace["name"] != "other trials"]
    assert named
    for trace in named:
        assert trace["text"] == [number(value) for value in trace["y"]]
        assert "%{text}" in trace["hovertemplate"]
    everything = json.dumps([made(summary) for _, made in FIGURES.values()])
    assert not re.search(r"%\{[^}]*:[^}]*[ge]\}", everything)

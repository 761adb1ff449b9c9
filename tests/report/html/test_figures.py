"""What the pictures show: nothing that is on an axis may fall off it."""

import json
import re
from dataclasses import replace

import pytest
from msgspec import UNSET

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


def bars_of(figure):
    return [trace for trace in figure["data"] if trace.get("orientation") == "h"]


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
    assert new["text"] == ["trial 2, a new seed<br>worker 1<br>4.0 s from 5.0 s"]
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
    (bars,) = bars_of(timeline.workers(summary))
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
    (bars,) = bars_of(figure)
    assert len(bars["x"]) < 10
    spent = sum(each.end - each.start for each in summary.timeline)
    assert sum(bars["x"]) == pytest.approx(spent, rel=1e-2)
    assert "2,000 pieces" in figure["note"]


@pytest.fixture
def timed(written):
    """A summary of a run whose timeline is made of these spans."""

    def make(spans):
        run = written(1, lambda _: Status.COMPLETED)
        (run.path / "timeline.jsonl").unlink()
        with run.writing() as writer:
            for each in spans:
                writer.worked(each)
        return summarise(run)

    return make


def cluster(span, hosts, workers, pieces, seconds=1.0):
    """A worker trains its pieces one after the other, and is lost with the last one of some."""
    for host in range(hosts):
        for worker in range(workers):
            for piece in range(pieces):
                gone = True if piece == 0 and (host + worker) % 4 == 0 else UNSET
                at = piece * seconds
                yield span(
                    piece, worker=f"node-{host}/w{worker}", start=at, end=at + 0.7 * seconds,
                    lost=gone,
                )  # fmt: skip


def test_workers_stand_by_host_and_each_host_is_named_once(timed, span):
    names = ["n10/b", "n2/a", "n10/a", "n2/b/1", "n2/b/0"]
    figure = timeline.workers(timed([span(worker=name) for name in names]))
    assert figure["layout"]["yaxis"]["ticktext"] == [
        "<b>n2</b>  a", "b/0", "b/1", "<b>n10</b>  a", "b",
    ]  # fmt: skip
    assert [line["y0"] for line in figure["layout"]["shapes"]] == [2.5]


def test_a_lost_piece_is_drawn_as_such_and_says_who_lost_it(timed, span):
    gone = span(7, rung=1, worker="n1/a", start=2, end=14, lost=True)
    summary = timed([gone, span(7, rung=1, worker="n2/a", start=14, end=20)])
    figure = timeline.workers(summary)
    kept, lost = bars_of(figure)
    assert lost["name"] == "lost and trained again (1)"
    assert lost["marker"]["pattern"]["shape"]
    assert lost["text"] == [
        "trial 7, rung 2<br>worker a on n1<br>"
        "lost: the worker went away after 12.0 s; trained again"
    ]
    assert kept["text"] == ["trial 7, rung 2<br>worker a on n2<br>6.0 s from 14.0 s"]
    assert progress.ends(summary) == {7: 20}
    there, busy, training, columns = figure["data"][:4]
    assert columns["text"][0] == "0 of 1 worker training: 0 %"
    assert columns["text"][-1] == "1 of 1 worker training: 100 %"
    assert set(there["y"]) == {1}
    assert (busy["y"][0], training["y"][0], training["y"][-1]) == (1, 0, 1)


def test_trials_that_trained_together_are_drawn_one_after_the_other(timed, span):
    summary = timed([span(number, start=3, end=5) for number in range(4)])
    (bars,) = bars_of(timeline.workers(summary))
    assert bars["base"] == [3, 5, 7, 9]
    assert bars["x"] == [2] * 4
    assert summary.workers.utilisation == 1


@pytest.mark.parametrize(("hosts", "workers"), [(125, 8), (1000, 1), (2, 500)])
def test_a_thousand_workers_have_few_rows_and_a_small_figure(timed, span, hosts, workers):
    summary = timed(cluster(span, hosts, workers, 20))
    figure = timeline.workers(summary)
    (shares,) = [trace for trace in figure["data"] if trace["type"] == "heatmap"]
    assert len(shares["y"]) == len(set(shares["y"])) == len(shares["z"]) <= timeline.MOST_ROWS
    assert all(share is None or 0 <= share <= 100 for row in shares["z"] for share in row)
    (lost,) = [each for each in figure["data"] if each["name"].startswith("lost")]
    assert lost["name"] == f"lost and trained again ({summary.workers.lost})"
    assert set(lost["y"]) <= set(shares["y"])
    assert len(json.dumps(figure)) < 500_000


def test_more_bars_than_a_page_can_draw_become_shares(timed, span):
    figure = timeline.workers(timed(cluster(span, 4, 8, 200)))
    assert bars_of(figure) == []
    assert figure["note"].startswith("A row is a worker: ")
    assert len(figure["data"][-2]["z"]) == 32


@pytest.mark.parametrize("times", [(0, 0), (5, 1), (-1e308, 1e308), (0, 5e-324), (1, 2**62)])
def test_times_that_no_clock_tells_break_no_figure(timed, span, times):
    start, end = times
    summary = timed([span(worker="n1/a", start=start, end=end), span(start=start, end=end)])
    timeline.workers(summary)
    assert page(summary)


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

"""What is said of workers: where they were, how busy, and what was lost with them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.report.comparison import compare
from hpsearch.report.findings import findings
from hpsearch.report.html.figures import timeline
from hpsearch.report.html.page import page
from hpsearch.report.summary import summarise
from hpsearch.report.trial import report_trial, show_trial
from hpsearch.report.workers import coverage, in_turn, workers_of
from hpsearch.trial import Span, Status

HOSTILE = '<img src=x onerror="boom()">%{x}\x1b[31m\u202e&amp;'
times = st.integers(0, 1000)
spans = st.builds(
    lambda worker, start, took, number, lost: Span(
        number=number, repeat=0, fold=0, rung=0, worker=worker, start=start, end=start + took,
        **({"lost": True} if lost else {}),
    ),
    st.sampled_from(["0", "1", "n1/a", "n1/b/0", "n2/a", "/odd", "odd/"]),
    times, times, st.integers(0, 9), st.booleans(),
)  # fmt: skip


@pytest.fixture
def on_a_cluster(written, span):
    """A run of four trials on two hosts, one of which lost a worker with trial 1."""

    def make(host="n1"):
        run = written(4, lambda _: Status.COMPLETED)
        (run.path / "timeline.jsonl").unlink()
        with run.writing() as writer:
            writer.worked(span(0, worker=f"{host}/a", start=0.0, end=90.0))
            writer.worked(span(1, worker=f"{host}/b", start=0.0, end=20.0, lost=True))
            writer.worked(span(1, worker="n2/a", start=20.0, end=60.0))
            writer.worked(span(2, worker="n2/a", start=70.0, end=90.0))
        return run

    return make


def test_a_worker_of_a_cluster_is_there_from_its_first_piece_to_its_last(span):
    found = workers_of([
        span(worker="n1/a", start=0, end=10),
        span(worker="n2/a", start=4, end=5),
        span(worker="n2/a", start=7, end=8),
    ])  # fmt: skip
    assert found.there == {"n1/a": (0, 10), "n2/a": (4, 8)}
    assert found.utilisation == pytest.approx(12 / 14)


def test_the_workers_of_one_machine_are_there_from_the_first_piece_to_the_last(span):
    found = workers_of([span(worker="0", start=0, end=10), span(worker="1", start=0, end=4)])
    assert found.there == {"0": (0, 10), "1": (0, 10)}
    assert found.utilisation == pytest.approx(14 / 20)
    assert found.sentence() == "2 workers trained 70 % of the time"
    assert not found.notable


def test_a_run_without_a_piece_has_nothing_to_tell_of_workers():
    found = workers_of([])
    assert (found.count, found.utilisation, found.sentence()) == (0, None, None)
    assert list(found.cells()) == []


@given(st.lists(spans, max_size=30))
def test_what_is_said_of_workers_adds_up(made):
    found = workers_of(made)
    assert found.count == len({each.worker for each in made})
    assert sum(each.pieces + each.lost for each in found.all) == len(made)
    assert sum(each.pieces for each in found.hosts) == sum(each.pieces for each in found.all)
    assert {each.full_name for each in found.all} == {each.worker for each in made}
    kept = [each for each in made if each.lost is not True]
    assert found.trained == pytest.approx(sum(each.end - each.start for each in kept))
    assert found.utilisation is None or 0 <= found.utilisation <= 1
    assert json.dumps(found.as_json(), allow_nan=False)


@given(st.lists(spans, min_size=1, max_size=30), st.integers(1, 40))
def test_each_second_of_a_piece_is_counted_once(made, parts):
    placed = [(each.start, each.end) for each in in_turn(made)]
    start, end = min(low for low, _ in placed), max(high for _, high in placed) + 1
    counts = coverage(placed, start, end, parts)
    seconds = sum(counts) * (end - start) / parts
    assert seconds == pytest.approx(sum(each.end - each.start for each in made), abs=1e-2)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=60, unique=True), st.integers(1, 9))
def test_rows_hold_every_worker_once_and_no_two_have_the_same_name(names, most):
    found = workers_of(Span(number=0, rung=0, worker=name, start=0, end=1) for name in names)
    rows = timeline.rows_of(found, most)
    assert [each for row in rows for each in row] == list(found.all)
    assert all(rows)
    assert len(rows) <= most
    assert len(set(timeline._names(rows))) == len(rows)


def test_the_report_says_how_busy_workers_were_and_what_was_lost(on_a_cluster, read, capsys):
    run = on_a_cluster()
    said = (
        "3 workers on 2 hosts trained 83 % of the time; 1 piece (20.0 s, 12 % of the training) "
        "was lost with a worker that went away, and was trained again"
    )
    findings(run).show()
    assert f"{said}\n" in capsys.readouterr().out
    told = read(page(summarise(run)))
    assert f"{said}." in told.text
    assert "n1 b 0 0.0 s 1 (20.0 s) 0.0 s 20.0 s" in told.text
    assert ("details", {"open": None}) in told.tags
    assert summarise(run).as_json()["workers"] == {
        "count": 3,
        "hosts": 2,
        "utilisation": pytest.approx(150 / 180),
        "lost": {"pieces": 1, "seconds": 20.0},
    }
    rows = dict(compare([findings(run)]).outcomes)
    assert (rows["workers"], rows["busy"]) == (["3 on 2 hosts"], ["83 %, 1 lost"])


def test_the_terminal_does_not_tell_of_workers_on_one_machine(written, capsys):
    findings(written(6)).show()
    assert "of the time" not in capsys.readouterr().out


def test_a_trial_says_who_trained_it_and_how_often_it_was_lost(on_a_cluster, written, capsys):
    summary = summarise(on_a_cluster())
    (piece,) = report_trial(summary, 1).rungs
    assert (piece.worker, piece.lost) == ("n2/a", 1)
    show_trial(report_trial(summary, 1))
    assert "n2/a (1 loss before)" in capsys.readouterr().out
    show_trial(report_trial(summarise(written(2, name="local")), 0))
    assert "worker" not in capsys.readouterr().out


def test_hosts_are_told_where_workers_are_many(written, span, read, monkeypatch):
    monkeypatch.setattr("hpsearch.report.html.page.MOST_WORKERS", 3)
    run = written(1, lambda _: Status.COMPLETED)
    with run.writing() as writer:
        for host, workers in ((1, 3), (2, 1)):
            for worker in range(workers):
                writer.worked(span(worker=f"n{host}/{worker}", start=0.0, end=10.0))
    text = read(page(summarise(run))).text
    assert "3 hosts host workers pieces" in text
    assert "n1 3 3 30.0 s 0.0 s 10.0 s" in text


def test_names_of_workers_are_shown_as_text_and_not_obeyed(on_a_cluster, read, capsys):
    run = on_a_cluster(HOSTILE)
    told = read(page(summarise(run)))
    assert "img" not in [tag for tag, _ in told.tags]
    assert "<img src=x" in told.text
    figure = json.dumps(timeline.workers(summarise(run)))
    assert "<img" not in figure
    assert "&lt;img" in figure
    findings(run).show()
    show_trial(report_trial(summarise(run), 0))
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_the_largest_numbers_add_up_to_a_number(span):
    huge = [span(worker=f"n/{n}", start=-1e308, end=1e308) for n in range(3)]
    found = workers_of(huge)
    assert found.sentence() is not None
    assert json.dumps(found.as_json(), allow_nan=False)

"""How long a search has taken: what was done before a kill counts."""

import json
import time

import pytest

from hpsearch.config import from_mapping
from hpsearch.searching import session
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected


def configured(folder, text, **search):
    (folder / "own_model.py").write_text(text)
    return inspected(
        from_mapping(
            {
                "name": "own",
                "trainer": {
                    "kind": "function",
                    "function": "own_model.py:train",
                    "folder": str(folder),
                },
                "metric": {"name": "loss", "goal": "minimize"},
                "space": {"x": {"min": 0, "max": 1}},
                "search": {"trials": 4, **search},
                "parallel": {"backend": "serial"},
            }
        )
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


PLAIN = "def train(params, epochs):\n    return params['x']\n"

WAITS = """
import json
from pathlib import Path

def train(params, epochs):
    while json.loads(Path({run!r}).read_text())["seconds"] <= {spent}:
        pass  # until the time of this very piece is on disk
    return params["x"]
"""


@pytest.mark.parametrize("spent", [0.0, 1000.0])
def test_the_time_of_a_piece_that_has_not_ended_is_on_disk(tmp_path, monkeypatch, spent):
    monkeypatch.setattr(session, "BEAT", 0.001)
    monkeypatch.setattr(session, "BEAT_SHARE", 0.0)
    text = WAITS.format(run=str(tmp_path / "runs" / "run" / "run.json"), spent=spent)
    config = configured(tmp_path, text, trials=1)
    run = begin(config, None, tmp_path / "runs", "run")
    run.update(seconds=spent)
    conduct(run, lambda event: None, config)
    assert run.info.seconds > spent


def test_time_before_a_kill_counts_against_the_time_limit(tmp_path, span):
    config = configured(tmp_path, PLAIN, timeout=100)
    run = begin(config, None, tmp_path / "runs", "run")
    with run.writing() as writer:  # a kill left no word in run.json
        writer.worked(span(start=0.0, end=90.0))
        writer.worked(span(start=500.0, end=590.0))
    again = reopen(run)
    assert again is not None
    conduct(run, lambda event: None, again)
    assert run.results == []
    assert (run.info.out_of_time, run.info.seconds >= 180) == (True, True)


def test_after_the_clock_was_set_back_the_timeline_goes_on_where_it_ended(tmp_path, span):
    config = configured(tmp_path, PLAIN)
    run = begin(config, None, tmp_path / "runs", "run")
    run.update(began=time.time() + 3600)
    with run.writing() as writer:
        writer.worked(span(start=10.0, end=20.0))
    conduct(run, lambda event: None, config)
    assert all(line["start"] >= 20.0 for line in lines(run.path / "timeline.jsonl")[1:])
    assert len(run.results) == 4

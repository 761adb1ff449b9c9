"""`hpsearch add`, `stop` and `note`: on a search at work, and on one that has ended."""

import json
import re
import subprocess
import sys

import pytest

CONFIG = """\
name: slow
trainer: {kind: function, function: slow.py:train, epochs: 3}
metric: {name: score, goal: maximize}
space: {x: {min: 0, max: 1}, kind: {values: [a, b]}}
search: {trials: 4, rounds: 1, halving: false, screen: false}
parallel: {jobs: 2}
"""
FUNCTION = """\
import time
from pathlib import Path

def train(params, epochs):
    for epoch in range(1, epochs + 1):
        while not Path("go").exists() and params["x"] != 0.5:
            time.sleep(0.01)
        yield {"epoch": epoch, "score": params["x"]}
"""
HOSTILE = "<script>alert(1)</script>\x1b[31m\nred"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow.yaml").write_text(CONFIG)
    (tmp_path / "slow.py").write_text(FUNCTION)
    return tmp_path


@pytest.fixture
def finished(folder, hpsearch):
    (folder / "go").touch()
    assert hpsearch("run", "slow.yaml", "--name", "slow", "--backend", "serial").status == 0
    return folder / "runs" / "slow"


def lines(run, file="trials.jsonl"):
    found = map(json.loads, (run / file).read_text().splitlines())
    return sorted(found, key=lambda line: line.get("number", 0))


def test_a_search_at_work_takes_a_setting_stops_a_trial_and_ends(folder, hpsearch):
    command = [sys.executable, "-m", "hpsearch", "run", "slow.yaml", "--name", "slow"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as search:
        assert "4 trials" in search.stderr.readline()
        added = hpsearch("add", "slow", "--set", "x=0.5", "--note", "half")
        stopped = hpsearch("stop", "slow", "--trial", "0")
        again = hpsearch("stop", "slow", "--trial", "0")
        ended = hpsearch("stop", "slow")
        assert search.wait(60) == 130
        assert "stopped by hand; all that finished is on disk" in search.stderr.read()
    assert added.out == "trial 4 was added: x 0.5, kind b; half; it is trained in full now\n"
    assert stopped.out == "trial 0 was stopped before its first rung ended\n"
    assert "trial 0: has ended already; it is stopped" in again.err
    assert ended.status == 0
    waiting = hpsearch("stop", "slow", "--trial", "3")
    assert waiting.out.startswith("trial 3 was stopped before its first rung ended, when the ")
    (folder / "go").touch()
    assert hpsearch("resume", "slow", "-q").status == 0
    found = lines(folder / "runs" / "slow")
    assert [each["status"] for each in found] == [
        "stopped",
        "completed",
        "completed",
        "stopped",
        "completed",
    ]
    assert found[0]["error"] == "Stopped: by hand"
    one = hpsearch("report", "slow", "--trial", "0").out
    assert "Why it stopped\nStopped: by hand\n\nBy hand\ntrial 0 was stopped before its" in one
    assert found[4]["params"] == {"x": 0.5, "kind": "b"}


def test_a_finished_search_trains_a_setting_when_it_is_resumed_and_can_be_extended(
    finished, hpsearch
):
    said = hpsearch("add", "slow", "--like", "1", "--set", "x=0.999")
    assert said.out.endswith("train it with: hpsearch resume runs/slow\n")
    assert re.search(r"4 was added: .*; not trained yet", hpsearch("report", "slow").out)
    waits = hpsearch("report", "slow", "--trial", "4").err
    assert "trial 4 was added, and is not trained yet; train it with: hpsearch resume" in waits
    assert hpsearch("list").out.splitlines()[1].split()[1] == "interrupted"
    assert hpsearch("resume", "slow", "-q").status == 0
    found = lines(finished)
    assert found[4]["params"] == {"x": 0.999, "kind": found[1]["params"]["kind"]}
    assert "by trial 4" in hpsearch("report", "slow").out
    assert "not trained yet" not in hpsearch("report", "slow").out
    assert hpsearch("resume", "slow", "-q", "--trials", "6").status == 0
    assert [each["number"] for each in lines(finished)] == [0, 1, 2, 3, 4, 5, 6]
    taken = hpsearch("add", "slow", "--set", "x=0.999", "--like", "1")
    assert "this is the setting of trial 4 already; train it again" in taken.err
    assert "hpsearch retrain runs/slow --trial 4 --seeds K" in taken.err
    one = hpsearch("report", "slow", "--trial", "4").out
    assert re.search(r"round +by hand\n", one)
    assert "By hand\ntrial 4 was added: x 0.999, kind" in one
    told = json.loads(hpsearch("report", "slow", "--trial", "4", "--format", "json").out)
    assert told["by_hand"][0].startswith("trial 4 was added")


def test_notes_and_tags_are_shown_and_nothing_in_them_reaches_the_terminal_or_the_page(
    finished, hpsearch
):
    tagged = hpsearch("note", "slow", HOSTILE, "--tag", "v1", "--tag", "v2", "--tag", "v1")
    assert tagged.out.endswith("; tagged v1, v2\n")
    text = "<script>alert(1)</script>\\x1b[31m red"
    assert f"#v1 #v2 {text}" in hpsearch("list").out
    [listed] = json.loads(hpsearch("list", "--format", "json").out)
    assert (listed["tags"], listed["notes"]) == (["v1", "v2"], [HOSTILE])
    assert text in hpsearch("report", "slow").out
    page = (finished / "report.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)" not in page
    assert "\x1b" not in page
    told = json.loads(hpsearch("report", "slow", "--format", "json").out)
    assert told["tags"] == ["v1", "v2"]
    assert [each["action"] for each in told["by_hand"]] == ["note"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["add", "slow"], 2, "say the setting, for example --set learning_rate=0.01"),
        (["add", "slow", "--set", "x"], 1, "--set x: write NAME=VALUE"),
        (["add", "slow", "--set", "x=7"], 1, "it lies between 0.0 and 1.0"),
        (["stop", "slow"], 1, "must be at work to be stopped, but it has finished"),
        (["stop", "slow", "--trial", "1"], 1, "must be at work to be stopped"),
        (["note", "slow"], 2, "say what to note"),
        (["note", "slow", ""], 1, "note: must say something"),
        (["note", "slow", "--tag", "a b"], 1, "--tag 'a b': must be at most 40"),
    ],
)
def test_what_cannot_be_asked_is_one_message(finished, hpsearch, words, status, message):
    said = hpsearch(*words)
    assert (said.status, said.out) == (status, "")
    assert message in said.err
    assert not (finished / "interventions.jsonl").exists()


def test_a_damaged_line_is_named_with_what_to_do(finished, hpsearch):
    (finished / "interventions.jsonl").write_text('{"time": "", "action": "burn"}\n')
    for words in (["report", "slow"], ["add", "slow", "--set", "x=0.5"]):
        said = hpsearch(*words)
        assert said.status == 1
        assert "interventions.jsonl: line 1" in said.err
        assert "restore the file" in said.err


def test_values_that_are_mappings_are_shown_whole(finished, folder, hpsearch):
    config = CONFIG.replace("[a, b]", "[{lr: 0.1, decay: false}, {lr: 1, decay: true}]")
    (folder / "maps.yaml").write_text(config + 'where: ["x < 0.9"]\n')
    assert hpsearch("run", "maps.yaml", "--name", "maps", "--backend", "serial").status == 0
    refused = hpsearch("add", "maps", "--set", "x=0.95", "--set", "kind={lr: 1, decay: true}")
    assert "found x: 0.95, kind: {lr: 1, decay: true}" in refused.err
    added = hpsearch("add", "maps", "--set", "x=0.5", "--set", "kind={lr: 1, decay: true}")
    assert added.out.startswith("trial 4 was added: x 0.5, kind {lr: 1, decay: true}; train it")
    outside = hpsearch("add", "maps", "--set", "kind={lr: 3}").err
    assert "--set kind: {lr: 3} is outside the space; it is one of {lr: 0.1, decay: f" in outside


def test_a_grid_that_is_extended_does_not_try_again_what_was_added(finished, folder, hpsearch):
    config = CONFIG.replace("{min: 0, max: 1}", "{values: [1, 2, 3]}").replace(
        "trials: 4", "sampler: grid, trials: 3"
    )
    (folder / "grid.yaml").write_text(config.replace("rounds: 1, ", ""))
    assert hpsearch("run", "grid.yaml", "--name", "grid", "--backend", "serial").status == 0
    tried = [each["params"] for each in lines(folder / "runs" / "grid")]
    grid = [{"x": x, "kind": kind} for x in (1, 2, 3) for kind in "ab"]
    new = next(params for params in grid if params not in tried)
    sets = [f"--set={name}={value}" for name, value in new.items()]
    assert hpsearch("add", "grid", *sets).status == 0
    assert hpsearch("resume", "grid", "-q", "--trials", "99").status == 0
    tried = [str(each["params"]) for each in lines(folder / "runs" / "grid")]
    assert len(tried) == len(set(tried)) == 6


def test_runs_side_by_side_tell_their_tags_and_what_was_added(finished, folder, hpsearch):
    assert hpsearch("run", "slow.yaml", "--name", "other", "--backend", "serial").status == 0
    assert hpsearch("add", "slow", "--set", "x=0.25").status == 0
    assert hpsearch("note", "slow", "--tag", "v1").status == 0
    said = hpsearch("report", "slow", "other").out
    assert re.search(r"added by hand +4\b", said)
    assert re.search(r"tags +v1\b", said)
    assert "ended by" not in said

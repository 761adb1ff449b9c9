"""`hpsearch refine`: a new search, narrowed around the best trials of another."""

import json
from pathlib import Path

import pytest

from hpsearch.config import from_mapping, load
from hpsearch.report.html.figures.progress import over_trials
from hpsearch.report.summary import summarise
from hpsearch.store import RunDirectory


def space(name):
    """The space of a run."""
    return from_mapping(json.loads(Path("runs", name, "run.json").read_text())["config"]).space


def extents(space):
    """Each numeric parameter's ends, as far as it has any."""
    configs = {parameter.name: parameter.as_config() for parameter in space}
    single = {name: (c["value"], c["value"]) for name, c in configs.items() if "value" in c}
    return single | {name: (c["min"], c["max"]) for name, c in configs.items() if "min" in c}


def test_refining_narrows_each_numeric_parameter_and_most_of_them_strictly(hpsearch, searched):
    searched("parent", "--trials=20")
    assert hpsearch("refine", "parent", "--name=child", "--trials=4").status == 0
    before, after = extents(space("parent")), extents(space("child"))
    kept = [name for name in before if name in after]
    assert kept
    for name in kept:
        assert before[name][0] <= after[name][0] <= after[name][1] <= before[name][1], name
    assert sum(after[name] != before[name] for name in kept) > len(kept) / 2


def test_a_child_names_its_parent_reuses_its_trials_and_is_at_least_as_good(
    hpsearch, searched, trials
):
    searched("parent", "--trials=12")
    said = hpsearch("refine", "--name=child", "--trials=4")
    assert said.status == 0
    info = json.loads(Path("runs/child/run.json").read_text())
    assert info["parent"] == "parent"
    assert [trial["number"] for trial in trials("child")] == [12, 13, 14, 15]
    history = Path("runs/child/history.jsonl").read_text().splitlines()
    assert f"{len(history)} earlier trials lie inside and count as history" in said.out
    assert {json.loads(line)["number"] for line in history} <= set(range(12))
    best = [
        json.loads(hpsearch("report", name, "--format=json").out)["best"]["value"]
        for name in ("parent", "child")
    ]
    assert best[1] >= best[0]
    assert "refined from parent" in said.out


def test_a_changed_training_reuses_no_trials_but_trains_the_best_again_first(
    hpsearch, searched, trials
):
    searched("parent", "--trials=8")
    said = hpsearch("refine", "--name=child", "--trials=4", "--set=trainer.epochs=3")
    assert said.status == 0
    assert "earlier trials only set the region" in said.out
    assert not Path("runs/child/history.jsonl").exists()
    best = max(trials("parent"), key=lambda trial: trial["value"])
    assert trials("child")[0]["params"] == best["params"]


def test_written_the_narrowed_configuration_can_be_run(hpsearch, searched):
    searched("parent", "--trials=8")
    said = hpsearch("refine", "parent", "--write=narrow.yaml")
    assert said.status == 0
    assert "wrote narrow.yaml; search it with: hpsearch run narrow.yaml" in said.err
    assert [path.name for path in Path("runs").iterdir()] == ["parent"]
    assert hpsearch("run", "narrow.yaml", "--name=again", "-q").status == 0
    assert extents(space("again")) == extents(load("narrow.yaml").space)


def test_widen_reaches_past_a_bound_that_the_best_press_against(hpsearch, searched):
    low = "--set=space.learning_rate={scale: log, min: 1e-6, max: 1e-3}"
    searched("low", low, "--trials=24", "--seed=3")
    said = hpsearch("refine", "low", "--widen", "--name=wide", "--trials=2")
    assert said.status == 0
    assert "widened past learning_rate's max" in said.out
    assert extents(space("wide"))["learning_rate"][1] > 1e-3


def test_a_name_that_is_taken_is_refused(hpsearch, searched):
    searched("parent")
    said = hpsearch("refine", "parent", "--name=parent")
    assert said.status == 1
    assert "runs/parent: exists already" in said.err


def test_a_run_without_a_completed_trial_cannot_be_refined(hpsearch, searched):
    searched("boom", "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}")
    said = hpsearch("refine", "boom")
    assert said.status == 1
    assert "refine needs at least one trial with a value, found none" in said.err
    assert "hpsearch report runs/boom" in said.err


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_run_without_a_winner_says_so(hpsearch, searched, flowers, command):
    searched("boom", "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}")
    said = hpsearch(command, "boom", *([flowers] if command == "predict" else []))
    assert said.status == 1
    assert "runs/boom: has no winner, for no trial was completed" in said.err
    assert "resume" not in said.err


@pytest.fixture
def best_of_all(hpsearch):
    """A finished search whose trial 0 cannot be bettered."""
    Path("objective.py").write_text(
        "def train(params, epochs):\n    return (params['x'] - 0.25) ** 2\n"
    )
    Path("own.yaml").write_text(
        "trainer: {kind: function, function: objective.py:train}\n"
        "metric: {name: loss, goal: minimize}\n"
        "space: {x: {min: 0, max: 1}}\n"
        "search: {trials: 8, start: [{x: 0.25}]}\n"
        "parallel: {backend: serial}\n"
    )
    return hpsearch("run", "own.yaml", "--name=parent")


def test_a_refinement_that_finds_nothing_better_says_so_and_succeeds(hpsearch, best_of_all):
    said = hpsearch("refine", "parent", "--name=child", "--trials=4")
    assert said.status == 0
    told = "no better than its parent: trial 0 of parent is still the best"
    assert said.out.splitlines().count(told) == 1
    assert told in Path("runs/child/report.html").read_text(encoding="utf-8")
    found = json.loads(hpsearch("report", "child", "--format=json").out)
    assert (found["improved"], found["parent"]) == (False, "parent")
    parent = json.loads(hpsearch("report", "parent", "--format=json").out)
    assert (parent["improved"], parent["parent"]) == (None, None)
    assert "better than its parent" in hpsearch("report", "parent", "child").out


def test_a_refinement_where_the_parents_best_does_not_lie_is_held_against_it(
    hpsearch, best_of_all
):
    elsewhere = ("--set=space.x={min: 0.9, max: 1}", "--set=search.start=null")
    said = hpsearch("refine", "parent", "--name=child", "-n2", *elsewhere)
    assert said.status == 0
    told = "no better than its parent: parent came to loss 0 with trial 0"
    assert told in said.out.splitlines()
    assert json.loads(hpsearch("report", "child", "--format=json").out)["improved"] is False
    Path("runs/parent").rename("runs/away")  # then nothing is known of it
    assert json.loads(hpsearch("report", "child", "--format=json").out)["improved"] is True


def test_settings_of_the_parent_that_are_trained_again_are_no_improvement(hpsearch, best_of_all):
    said = hpsearch("refine", "parent", "--name=child", "-n4", "--set=trainer.epochs=2")
    assert said.status == 0
    told = "no better than its parent: the best is one of parent's settings, trained again"
    assert told in said.out.splitlines()


def test_a_refinement_that_is_better_does_not_say_otherwise(hpsearch, best_of_all):
    Path("own.yaml").write_text(Path("own.yaml").read_text().replace(", start: [{x: 0.25}]", ""))
    hpsearch("run", "own.yaml", "--name=plain", "-n4")
    said = hpsearch("refine", "plain", "--name=child", "-n12")
    found = json.loads(hpsearch("report", "child", "--format=json").out)
    assert found["best"]["number"] >= 4
    assert found["improved"] is True
    assert "no better" not in said.out


def test_the_progress_of_a_refinement_starts_from_its_parents_best(hpsearch, best_of_all):
    said = hpsearch("refine", "parent", "--name=child", "--trials=4")
    lines = [line for line in said.err.splitlines() if "/4 trials" in line]
    assert len(lines) == 4
    assert all("best 0 (trial 0 of parent)" in line for line in lines)
    figure = over_trials(summarise(RunDirectory(Path("runs/child"))))
    [line] = [trace for trace in figure["data"] if trace["name"] == "best so far"]
    assert line["y"] == [0.0, 0.0]
    assert line["text"][0] == "best from trial 0 of parent: 0"

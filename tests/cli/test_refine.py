"""`hpsearch refine`: a new search, narrowed around the best trials of another."""

import json
from pathlib import Path

import pytest

from hpsearch.config import from_mapping, load
from hpsearch.report.html.figures.progress import over_trials
from hpsearch.report.numbers import number
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


def test_refining_narrows_each_numeric_parameter_and_most_of_them_strictly(hpsearch, search):
    search("parent", "--trials=20")
    assert hpsearch("refine", "parent", "--name=child", "--trials=4").status == 0
    before, after = extents(space("parent")), extents(space("child"))
    kept = [name for name in before if name in after]
    assert kept
    for name in kept:
        assert before[name][0] <= after[name][0] <= after[name][1] <= before[name][1], name
    assert sum(after[name] != before[name] for name in kept) > len(kept) / 2


def test_a_child_names_its_parent_reuses_its_trials_and_is_at_least_as_good(
    hpsearch, search, trials
):
    search("parent", "--trials=12")
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
    hpsearch, search, trials
):
    search("parent", "--trials=8")
    said = hpsearch("refine", "--name=child", "--trials=4", "--set=trainer.epochs=3")
    assert said.status == 0
    assert "earlier trials only set the region" in said.out
    assert not Path("runs/child/history.jsonl").exists()
    best = max(trials("parent"), key=lambda trial: trial["value"])
    assert trials("child")[0]["params"] == best["params"]


def test_written_the_narrowed_configuration_can_be_run(hpsearch, search):
    search("parent", "--trials=8")
    said = hpsearch("refine", "parent", "--write=narrow.yaml")
    assert said.status == 0
    assert "wrote narrow.yaml; search it with: hpsearch run narrow.yaml" in said.err
    assert [path.name for path in Path("runs").iterdir()] == ["parent"]
    assert hpsearch("run", "narrow.yaml", "--name=again", "-q").status == 0
    assert extents(space("again")) == extents(load("narrow.yaml").space)


def test_widen_reaches_past_a_bound_that_the_best_press_against(hpsearch, search):
    search("low", "--set=space.learning_rate={scale: log, min: 1e-6, max: 1e-3}", "--trials=24")
    said = hpsearch("refine", "low", "--widen", "--name=wide", "--trials=2")
    assert said.status == 0
    assert "widened past learning_rate's max" in said.out
    assert extents(space("wide"))["learning_rate"][1] > 1e-3


def test_a_name_that_is_taken_is_refused(hpsearch, search):
    search("parent")
    said = hpsearch("refine", "parent", "--name=parent")
    assert said.status == 1
    assert "runs/parent: exists already" in said.err


def test_a_run_without_a_completed_trial_cannot_be_refined(hpsearch, search):
    search("boom", "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}")
    said = hpsearch("refine", "boom")
    assert said.status == 1
    assert "refine needs at least one trial with a value, found none" in said.err
    assert "hpsearch report runs/boom" in said.err


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_run_without_a_winner_says_so(hpsearch, search, flowers, command):
    search("boom", "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}")
    said = hpsearch(command, "boom", *([flowers] if command == "predict" else []))
    assert said.status == 1
    assert "runs/boom: has no winner, for no trial was completed" in said.err
    assert "resume" not in said.err


HOPELESS = "--set=space={learning_rate: {value: 1e-9}, batch_size: {value: 64}}"


def test_a_refinement_that_finds_nothing_better_says_so_and_succeeds(hpsearch, search):
    search("parent", "--trials=12")
    winner = json.loads(Path("runs/parent/best/result.json").read_text())["number"]
    said = hpsearch("refine", "parent", "--name=child", "--trials=2", HOPELESS)
    assert said.status == 0
    told = f"no better than its parent: trial {winner} of parent is still the best"
    assert told in said.out.splitlines()
    assert told in Path("runs/child/report.html").read_text(encoding="utf-8")
    found = json.loads(hpsearch("report", "child", "--format=json").out)
    assert (found["improved"], found["parent"]) == (False, "parent")
    parent = json.loads(hpsearch("report", "parent", "--format=json").out)
    assert (parent["improved"], parent["parent"]) == (None, None)
    assert "than its parent" in hpsearch("report", "parent", "child").out


def test_the_progress_of_a_refinement_starts_from_its_parents_best(hpsearch, search, trials):
    search("parent", "--trials=12")
    best = max(
        (trial for trial in trials("parent") if trial["status"] == "completed"),
        key=lambda trial: (trial["value"], -trial["metrics"]["val_loss"]),
    )
    said = hpsearch("refine", "parent", "--name=child", "--trials=2", HOPELESS)
    lines = [line for line in said.err.splitlines() if "/2 trials" in line]
    assert len(lines) == 2
    for line in lines:
        assert f"best {number(best['value'])} (trial {best['number']} of parent)" in line
    run = RunDirectory(Path("runs/child"))
    [line] = [
        trace for trace in over_trials(summarise(run))["data"] if trace["name"] == "best so far"
    ]
    assert line["y"] == [best["value"]] * 2
    expected = f"best from trial {best['number']} of parent: {number(best['value'])}"
    assert line["text"][0] == expected

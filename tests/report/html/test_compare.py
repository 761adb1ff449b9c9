"""Several runs held against each other, as plain values and as a page."""

import io
import json
from dataclasses import replace

import pandas as pd

from hpsearch.report.comparison import compare, name_of
from hpsearch.report.findings import findings
from hpsearch.report.html.compare import compare_page, write_comparison
from hpsearch.report.table import write_runs_csv
from hpsearch.store.output import Output
from hpsearch.trial import Status

OTHER = {"learning_rate": {"scale": "log", "min": 1e-3, "max": 0.1}, "dropout": {"max": 0.5}}
OTHER["dropout"]["min"] = 0


def completed(number):
    return Status.COMPLETED


def child_of(written, parent, trials=8):
    """A run that says it was refined from another and numbers its trials after it."""
    run = written(trials, completed, name="child")
    for file in ("trials.jsonl", "timeline.jsonl"):
        lines = [json.loads(line) for line in (run.path / file).read_text().splitlines()]
        told = (json.dumps({**line, "number": line["number"] + 12}) + "\n" for line in lines)
        (run.path / file).write_text("".join(told))
    run.update(parent=parent.name)
    return run


def test_a_best_so_far_never_gets_worse_and_reaches_the_last_trial(written):
    (member,) = compare([findings(written(30))]).members
    points = member.over_trials()
    values = [y for _, y in points]
    assert values == sorted(values)
    assert points[-1][0] == 30
    done = [r.value for r in member.summary.results if r.status is Status.COMPLETED]
    assert values[-1] == max(done)


def test_a_child_goes_on_where_its_parent_ended(written):
    parent = written(12, completed, name="parent")
    child = child_of(written, parent)
    alone = compare([findings(child)]).members[0]
    assert alone.parent is None
    both = compare([findings(child), findings(parent)]).members
    assert [name_of(member) for member in both] == ["child", "parent"]
    assert both[0].parent is both[1]
    best = both[1].summary.best.value
    assert alone.over_trials()[0] == (13, 0.5)
    assert both[0].over_trials()[0] == (13, best)
    assert min(y for _, y in both[0].over_trials()) >= best
    epochs = sum(result.epochs for result in both[1].summary.results)
    assert both[1].over_epochs()[-1] == (epochs, best)
    assert both[0].over_epochs()[0][0] > epochs


def test_what_was_set_otherwise_is_told_and_what_was_not_is_left_out(written):
    runs = [written(4, completed, name="a"), written(5, completed, space=OTHER, name="b")]
    found = dict(compare([findings(run) for run in runs]).differences)
    assert found["space.dropout"][0] is None
    assert found["space.dropout"][1]["max"] == 0.5
    assert found["search.trials"] == [4, 5]
    assert "trainer.epochs" not in found
    assert "name" not in found


def test_other_data_and_other_metrics_are_cautioned_against(written):
    runs = [written(4, completed, name="a"), written(4, completed, name="b")]
    assert compare([findings(run) for run in runs]).warnings == []
    config = runs[1].info.config
    metric = {**config["metric"], "name": "val_loss", "goal": "minimize"}
    runs[1].update(
        config={**config, "metric": metric},
        data=replace(runs[1].info.data, fingerprint="x"),
    )
    comparison = compare([findings(run) for run in runs])
    assert len(comparison.metrics) == 2
    assert ["metrics" in comparison.warnings[0], "data" in comparison.warnings[1]] == [True] * 2


def test_a_run_given_twice_is_one(written):
    found = findings(written(4))
    assert len(compare([found, found]).members) == 1


def test_the_page_draws_a_line_for_each_run_and_loads_nothing(written, read, tmp_path):
    parent = written(12, completed, name="parent")
    runs = [findings(run) for run in (parent, child_of(written, parent), written(0, name="none"))]
    comparison = compare(runs)
    found = read(compare_page(comparison))
    figures = json.loads(found.scripts[0])["figures"]
    lines = [[trace["name"] for trace in figure["data"]] for figure in figures.values()]
    assert lines == [["parent", "child"]] * 2
    assert "child goes on from parent" in found.text
    for _, attrs in found.tags:
        assert not {"src", "href", "action"} & attrs.keys()
    path = tmp_path / "both.html"
    write_comparison(comparison, Output(path))
    assert "3 runs compared" in path.read_text(encoding="utf-8")


def test_runs_of_nothing_have_a_page(written, read):
    runs = [findings(written(0, name=name)) for name in "ab"]
    assert json.loads(read(compare_page(compare(runs))).scripts[0])["figures"] == {}


def test_the_csv_of_several_runs_names_the_run_of_each_trial(written):
    runs = [written(3, name="a"), written(2, name="b")]
    text = io.StringIO()
    write_runs_csv([(run.name, run.results) for run in runs], text)
    table = pd.read_csv(io.StringIO(text.getvalue()))
    assert list(table["run"]) == list("aaabb")
    assert list(table["number"]) == [0, 1, 2, 0, 1]

"""Metrics that come and go, and text that no file can hold: nothing of it ends a search."""

import json

import pytest

from hpsearch.api.run import load
from hpsearch.config import from_mapping
from hpsearch.exchange.formats import export_run
from hpsearch.report.findings import write_report
from hpsearch.report.summary import summarise
from hpsearch.searching.repair import repair
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected

GENERATOR = """
from pathlib import Path

def train(params, epochs, checkpoint_dir, seed):
    file = Path(checkpoint_dir, "epoch")
    done = int(file.read_text()) if file.exists() else 0
    for epoch in range(done + 1, epochs + 1):
        file.write_text(str(epoch))
        yield told(params, epoch, seed)
"""

SHAPES = {
    "appears after a rung": "{'loss': x / e, **({'extra': 1.0 * e} if e > 1 else {})}",
    "vanishes after a rung": "{'loss': x / e, **({'extra': 1.0 * e} if e < 2 else {})}",
    "comes and goes": "{'loss': x / e, **({'extra': 1.0 * e} if e % 2 else {'other': e})}",
    "is null now and then": "{'loss': x / e, 'extra': None if e == 3 else 0.5}",
    "breaks ties late": "{'loss': 1.0, **({'val_loss': x} if e > 2 else {})}",
    "differs with the seed": "{'loss': x / e, **({'extra': 1.0} if seed % 2 else {'other': 1})}",
    "cannot be encoded": "{'loss': x / e, 'caf\\udce9\\0': 1.0}",
}


def configured(folder, told, *, epochs=9, **search):
    (folder / "own_model.py").write_text(
        GENERATOR + f"\ndef told(params, e, seed):\n    x = params['x']\n    return {told}\n"
    )
    return from_mapping(
        {
            "name": "own",
            "trainer": {
                "kind": "function",
                "function": "own_model.py:train",
                "folder": str(folder),
                "epochs": epochs,
            },
            "metric": {"name": "loss", "goal": "minimize"},
            "space": {"x": {"min": 0, "max": 1}},
            "search": {"trials": 9, **search},
            "parallel": {"backend": "serial"},
        }
    )


def done(config, folder, name="run"):
    config = inspected(config)
    run = begin(config, None, folder / "runs", name)
    conduct(run, lambda event: None, config)
    return run


def fates(run):
    return [(r.number, r.status, r.params, r.metrics, r.value) for r in run.results]


def shown(run, folder):
    """Everything that reads curves."""
    write_report(run)
    export_run(run, "csv", str(folder / f"{run.name}.csv"))
    for curve in load(run.path).curves.values():
        assert len(set(map(len, curve.values()))) <= 1
    return summarise(run)


@pytest.mark.parametrize("search", [{}, {"repeats": 3}], ids=["once", "three repeats"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_metric_that(tmp_path, shape, search):
    config = configured(tmp_path, SHAPES[shape], **search)
    run = done(config, tmp_path)
    assert run.info.status == "finished"
    assert {result.status for result in run.results} == {"completed", "stopped"}
    assert shown(run, tmp_path).best is not None
    for line in (run.path / "curves.jsonl").read_bytes().split(b"\n")[:-1]:
        assert len(set(map(len, json.loads(line)["curve"].values()))) <= 1
    assert repair(run) == []
    expected = fates(run)
    for file in ("trials.jsonl", "curves.jsonl"):  # the last lines, as if they were never written
        lines = (run.path / file).read_bytes().splitlines(keepends=True)
        (run.path / file).write_bytes(b"".join(lines[:-2]))
    run.update(status="interrupted")
    again = reopen(run)
    assert again is not None
    conduct(run, lambda event: None, inspected(again))
    assert fates(run) == expected


def test_the_mean_of_a_metric_is_over_the_repeats_that_have_it(tmp_path):
    told = "{'loss': x, **({'extra': seed} if seed % 2 else {})}"
    run = done(configured(tmp_path, told, epochs=1, repeats=5, trials=3), tmp_path)
    for result in run.results:
        own = [piece.curve for piece in run.pieces if piece.number == result.number]
        having = [curve["extra"][0] for curve in own if "extra" in curve]
        assert len(own) == 5
        expected = sum(having) / len(having) if having else None
        assert result.metrics.get("extra") == expected


def test_without_the_metric_that_counts_a_trial_fails_with_the_epoch(tmp_path):
    told = "{'loss': x} if e != 2 or x < 0.5 else {'extra': x}"
    run = done(configured(tmp_path, told), tmp_path)
    failed = [result for result in run.results if result.status == "failed"]
    assert all(result.params["x"] >= 0.5 for result in failed)
    line = "TrainerError: epoch 2: the result must have the metric 'loss', found 'extra'"
    assert {result.error for result in failed} <= {line}
    assert shown(run, tmp_path).best.params["x"] < 0.5


def test_an_error_that_cannot_be_encoded_costs_its_trial_alone(tmp_path):
    told = "open('caf\\udce9\\0') if x > 0.5 else {'loss': x}"
    run = done(configured(tmp_path, told), tmp_path)
    assert run.info.status == "finished"
    errors = {result.error for result in run.results if result.status == "failed"}
    assert errors == {"ValueError: embedded null byte"}
    told = told.replace("\\0", "")
    (tmp_path / "other").mkdir()  # a module is loaded once
    again = done(configured(tmp_path / "other", told), tmp_path, "again")
    errors = {result.error for result in again.results if result.status == "failed"}
    assert len(errors) == 1
    assert r"caf\udce9" in errors.pop()

"""Limits and grids where trials are trained in processes: the same end with one job and three."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

from hpsearch.config import from_mapping
from hpsearch.config.yaml_text import read as read_yaml
from hpsearch.searching.planning import epochs_needed
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected
from hpsearch.trial import Ending

MODEL = """
import json, zlib
from pathlib import Path

def luck_of(*what):
    return zlib.crc32(json.dumps(what, sort_keys=True).encode()) / 2**32

def train(params, epochs, checkpoint_dir):
    luck, fails = luck_of(params), luck_of("fails", params)
    kept = Path(checkpoint_dir, "epoch")
    first = int(kept.read_text()) if kept.exists() else 0
    training, run = Path(checkpoint_dir).parent, Path(checkpoint_dir).parents[2]
    for epoch in range(first + 1, epochs + 1):
        tried = run.parents[1] / f"{run.name}-{training.name}"
        if fails > 0.85 or (fails > 0.6 and not tried.exists()):
            tried.touch()
            raise ValueError("no more" if fails > 0.85 else "not at first")
        kept.write_text(str(epoch))
        yield {"epoch": epoch, "loss": luck + 1 / epoch}
"""
SEARCH = {
    "name": "own",
    "trainer": {"kind": "function", "function": "own.py:train", "epochs": 4},
    "metric": {"name": "loss", "goal": "minimize"},
    "space": {"x": {"min": 0, "max": 1}, "size": {"values": [16, 32, 64]}},
    "search": {"trials": 18, "halving": {"min_epochs": 1}},
}
GRID = {
    **SEARCH,
    "space": {
        "a": {"type": "int", "min": 1, "max": 5},
        "b": {"values": [1, 2, 4, 8]},
        "c": {"derive": "a * b"},
    },
    "where": ["a < b"],
    "search": {"sampler": "grid", "halving": {"min_epochs": 1}},
}
ADDED = (
    '{"time": "2026-01-01T00:00:00+00:00", "action": "add", "trial": 18, "round": 1,'
    ' "params": {"x": 0.125, "size": 32}}\n'
)
ALONE_AND_NOT = pytest.mark.parametrize(
    "facts",
    [
        pytest.param("", id="alone"),
        pytest.param(ADDED, id="with a setting of one's own", marks=pytest.mark.slow),
    ],
)


@pytest.fixture
def search(tmp_path):
    """Does a search of a function in this folder, in processes or in this one; its run."""
    (tmp_path / "own.py").write_text(MODEL)

    def done(tree, name, jobs, *overrides, facts="", stop_after=None):
        backend = "serial" if jobs == 0 else "local"
        more = [*overrides, f"parallel={{backend: {backend}, jobs: {max(jobs, 1)}}}"]
        config = inspected(from_mapping(tree, tmp_path, more))
        run = begin(config, None, tmp_path / "runs", name)
        if facts:
            (run.path / "interventions.jsonl").write_text(facts)
        events = []

        def tell(event):
            events.append(event)
            if len(events) == stop_after:
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            conduct(run, tell, config)
        return run

    return done


def same_end(search, fates, tree, *overrides, facts=""):
    """The run of a search with one job, which another with three repeats."""
    one, three = (search(tree, f"jobs-{jobs}", jobs, *overrides, facts=facts) for jobs in (1, 3))
    assert fates(three) == fates(one)
    assert three.info.ending == one.info.ending
    assert three.winner(three.info) == one.winner(one.info)
    return one


@ALONE_AND_NOT
def test_the_first_that_reaches_a_target_ends_the_search(search, fates, facts):
    whole = fates(search(SEARCH, "whole", 0))
    values = [line["value"] for line in whole if line["status"] == "completed"]
    run = same_end(search, fates, SEARCH, f"metric.target={values[1]}", facts=facts)
    last = next(
        line["number"]
        for line in whole
        if line["status"] == "completed" and line["value"] <= values[1]
    )
    assert run.info.ending == Ending("target", last)
    assert fates(run)[: last + 1] == whole[: last + 1]
    beyond = [(line["number"], line["status"]) for line in fates(run)[last + 1 :]]
    assert beyond == ([(18, "completed")] if facts else [])  # it trains on, whatever ends the plan


@ALONE_AND_NOT
def test_one_failure_too_many_ends_the_search(search, fates, facts):
    run = same_end(search, fates, SEARCH, "search.max_failures=1", facts=facts)
    failed = [line["number"] for line in fates(run) if line["status"] == "failed"]
    assert len(failed) == 2
    assert run.info.ending == Ending("max_failures", failed[1])


@pytest.mark.slow
def test_what_fails_is_trained_again_and_ends_nothing(search, fates):
    whole = fates(search(SEARCH, "whole", 0))
    run = same_end(search, fates, SEARCH, "search.retries=1")
    errors = {line["error"] for line in whole if line["status"] == "failed"}
    assert errors == {"ValueError: no more", "ValueError: not at first"}
    assert {line["error"] for line in fates(run)} - {None} == {"ValueError: no more"}
    assert run.info.ending is None


@pytest.mark.slow
def test_a_budget_of_epochs_is_kept_to(search, fates):
    tree = {**SEARCH, "search": {"max_epochs": 30, "halving": {"min_epochs": 1}}}
    run = same_end(search, fates, tree)
    config = from_mapping(run.info.config)
    assert epochs_needed(config, run.info.plan) <= 30
    assert sum(len(piece.curve["epoch"]) for piece in run.pieces) <= 30
    assert run.info.ending is None


@pytest.mark.slow
def test_rounds_without_a_better_best_end_the_search(search, fates):
    run = same_end(search, fates, SEARCH, "search={trials: 40, rounds: 8, patience: 1}")
    assert run.info.ending is not None
    assert run.info.ending.by == "patience"
    assert len(fates(run)) == run.info.ending.last + 1 < 40


@pytest.mark.parametrize(
    "halving", ["{min_epochs: 1}", pytest.param("false", marks=pytest.mark.slow)]
)
def test_a_grid_is_tried_whole_where_it_keeps_the_constraints(search, fates, halving):
    run = same_end(search, fates, GRID, f"search.halving={halving}")
    tried = sorted((line["params"]["a"], line["params"]["b"]) for line in fates(run))
    assert tried == [(a, b) for a in range(1, 6) for b in (1, 2, 4, 8) if a < b]
    assert all(line["params"]["c"] == line["params"]["a"] * line["params"]["b"]
               for line in fates(run))  # fmt: skip
    stopped = any(line["status"] == "stopped" for line in fates(run))
    assert stopped == (halving != "false")


@pytest.mark.slow
def test_a_grid_that_was_interrupted_goes_on_in_its_order(search, fates):
    whole = fates(search(GRID, "whole", 0, "search.retries=1"))
    for after in (3, 11):
        run = search(GRID, f"cut-{after}", 3, "search.retries=1", stop_after=after)
        assert run.info.status == "interrupted"
        conduct(run, lambda event: None, inspected(reopen(run)))
        assert fates(run) == whole


def examples(heading):
    """The YAML below a heading of the guide."""
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    section = re.split(r"\n##", guide.partition(f"\n### {heading}\n")[2])[0]
    texts = re.findall(r"(?<=```yaml\n).*?(?=^```$)", section, re.MULTILINE | re.DOTALL)
    return [read_yaml(text.encode(), "guide.md")[0] for text in texts]


def test_the_limits_of_the_guide_end_a_search(digits, searched):
    (example,) = examples("Limits")
    limits = digits(f"metric={example['metric']}", f"search={example['search']}")
    assert limits.metric.target == 0.97
    assert (limits.search.patience, limits.search.max_failures, limits.search.retries) == (3, 5, 1)
    run = searched(
        digits(
            f"metric={example['metric'] | {'target': 0.5}}",
            f"search={example['search'] | {'trials': 12}}",
        )
    )
    assert run.info.ending is not None
    assert run.info.ending.by == "target"


def test_the_grid_of_the_guide_is_tried_whole(digits, searched, fates):
    (example,) = examples("A grid")
    run = searched(digits(f"space={example['space']}", f"search={example['search']}"))
    tried = [
        (line["params"]["batch_size"], line["params"]["hidden_layers"]) for line in fates(run)
    ]
    assert sorted(tried) == [(size, layers) for size in (32, 64, 128) for layers in (0, 1, 2)]

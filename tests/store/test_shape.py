"""Damage in a JSON file is named where it is read."""

import json

import pytest

from hpsearch.errors import RunError

ROUND = {"number": 0, "first": 0, "trials": 3, "progress": 0.0}


def plan(*rungs, **changes):
    return [{**ROUND, "rungs": [{"trials": t, "epochs": e} for t, e in rungs], **changes}]


@pytest.mark.parametrize(
    "changes",
    [
        {"test_looks": "one"},
        {"seed": True},
        {"seed": 10**400},
        {"plan": {}},
        {"plan": plan()},
        {"plan": plan((3, 1), (5, 2))},
        {"plan": plan((2, 1))},
        {"plan": plan((3, 1), first=-1)},
        {"plan": plan((3, 1), progress=7.0)},
        {"plan": plan((3, 1)) + plan((3, 1))},
        {"plan": plan(("3", 1))},
    ],
)
def test_an_entry_of_run_json_that_cannot_be_is_named_with_its_file(run, changes):
    path = run.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(RunError, match=rf"run\.json: {next(iter(changes))}.*damaged"):
        run.info  # noqa: B018


def test_a_sound_plan_is_taken(run):
    run.update(plan=plan((3, 1), (1, 2)))
    assert run.info["plan"] == plan((3, 1), (1, 2))


def test_a_key_that_a_file_lacks_is_named(run):
    with pytest.raises(RunError, match=r"run\.json: must hold 'plan', found none"):
        run.info["plan"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": NaN}', "\xff", "{", "3"])
def test_json_that_cannot_be_read_is_one_message(run, text):
    (run.path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"run\.json"):
        run.info  # noqa: B018


def test_a_file_that_is_too_large_to_be_ours_is_refused_unread(run):
    with (run.path / "run.json").open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(RunError, match=r"run\.json: must be at most 134,217,728 bytes long"):
        run.info  # noqa: B018

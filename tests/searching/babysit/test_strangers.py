"""A babysat run of a stranger's: one clear message each, and nothing of it runs or is written."""

import json
import shutil

import pytest

from hpsearch.errors import HpsearchError, RunError
from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.babysit.start import act_on_idle
from hpsearch.searching.babysit.story import read
from hpsearch.searching.repair import repair
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request

LINE = {
    "time": "2020-04-02T13:33:34.000+00:00", "trial": 0, "epoch": 4, "action": "set",
    "set": {"learning_rate": [0.1, 0.2]}, "note": None, "by": "steer",
}  # fmt: skip
FORGED = {
    "another action": ({"action": "rm"}, r"action: .*'rm'"),
    "a trial that is none": ({"trial": 7}, r"line 1: trial: must be one of 0 to 0, found 7"),
    "a huge trial": ({"trial": 2**63 - 1}, r"line 1: trial: must be one of 0 to 0"),
    "a trial beyond all numbers": ({"trial": 10**400}, r"line 1"),
    "a negative trial": ({"trial": -1}, r"line 1.*trial"),
    "an epoch that is none": ({"epoch": "4"}, r"line 1.*epoch: must be int, found str"),
    "a branch from the future": (
        {"action": "branch", "epoch": 2**62},
        r"branch 1 begins after epoch 4611686018427387904 of branch 0, of which curves.jsonl has",
    ),
    "a rescue from the future": (
        {"action": "rescue", "epoch": 99},
        r"branch 1 begins after epoch",
    ),
    "an undo of nothing": ({"action": "undo"}, r"there is no change to undo"),
    "text for a number": ({"set": {"learning_rate": [0.1, "; rm -rf ~"]}}, r"learning_rate: must"),
    "a list for a number": ({"set": {"learning_rate": [0.1, [1, 2]]}}, r"learning_rate: must"),
    "a null for a number": ({"set": {"learning_rate": [0.1, None]}}, r"learning_rate: must"),
    "no parameter": ({"set": {"folder": [None, "/etc"]}}, r"folder: is no parameter"),
    "a terminal's words": ({"set": {"\x1b[2J": [None, 1]}}, r"is no parameter"),
    "no epochs": ({"set": {"epochs": [12, None]}}, r"epochs: must be an integer"),
    "half an epoch": ({"set": {"epochs": [12, 1.5]}}, r"epochs: must be an integer"),
    "negative epochs": ({"set": {"epochs": [12, -4]}}, r"epochs: must be an integer"),
    "another shape": ({"set": {"hidden_units": [8, 9]}}, r"hidden_units: cannot change while"),
    "one value": ({"set": {"learning_rate": 0.1}}, r"set\[\.\.\.\]|learning_rate|set"),
    "deep nesting": ({"set": {"learning_rate": [0.1, [[[[1]]]]]}}, r"line 1"),
    "somebody else": ({"by": "root"}, r"by: .*'root'"),
    "no note": ({"note": 5}, r"note"),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def run(model, trained, tmp_path):
    """A run of six epochs, which a test may spoil."""
    kept = trained / "kept"
    if not kept.exists():
        made = model()
        made.train(until=6)
        shutil.copytree(made.run.path, kept)
    shutil.copytree(kept, tmp_path / "strange")
    return RunDirectory(tmp_path / "strange")


def refused(run, said):
    """Whoever reads the run says so, in one message, and leaves it as it is."""
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    for ask in (read, replay, lambda run: act_on_idle(run, Request("set", note="x"))):
        with pytest.raises(RunError, match=said) as found:
            ask(run)
        text = str(found.value)
        assert "\x1b" not in text
        assert "\n" not in text
        assert len(text) < 500 + len(str(run.path))
        assert str(run.path) in text
    after = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file() and p.name != ".lock"}
    assert after == {p: data for p, data in before.items() if p.name != ".lock"}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_diary_is_refused(run, what):
    changes, said = FORGED[what]
    (run.path / "interventions.jsonl").write_text(json.dumps({**LINE, **changes}) + "\n")
    refused(run, said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000 + "\n", r"line 1"),
        ("{}\n", r"must hold the field"),
        ('"x"\n', r"must be a JSON object"),
        (json.dumps({**LINE, "set": {}})[:-1] + ', "set": ' + '{"a":' * 9999 + "\n", r"line 1"),
    ],
)
def test_a_diary_of_no_interventions_is_refused(run, text, said):
    (run.path / "interventions.jsonl").write_text(text)
    refused(run, said)


@pytest.mark.parametrize("name", ["interventions.jsonl", "curves.jsonl", "diagnostics.jsonl"])
def test_a_link_in_the_place_of_a_file_is_not_followed(run, tmp_path, name):
    (tmp_path / "other").write_text(json.dumps(LINE) + "\n")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(tmp_path / "other")
    refused(run, "must be a plain file, found a link")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], r"settings: must each hold from a later epoch on, the first from 0, found \[\]"),
        ([[1, {"learning_rate": 0.1}]], r"the first from 0, found \[1\]"),
        ([[0, {}], [5, {}], [5, {}]], r"found \[0, 5, 5\]"),
        ([[0, {}], [5, {}], [3, {}]], r"found \[0, 5, 3\]"),
        ([[0, {"learning_rate": "x"}]], r"run.json: learning_rate: must be a number"),
        ([[0, {"epochs": None}]], r"run.json: epochs: must be an integer"),
        ([[0, {"nothing": 1}]], r"run.json: nothing: is no parameter"),
        ([[-1, {}]], r"settings"),
        ("x", r"settings"),
    ],
)
def test_a_forged_beginning_is_refused(run, settings, said):
    path = run.path / "run.json"
    info = json.loads(path.read_text())
    info["babysit"]["settings"] = settings
    path.write_text(json.dumps(info))
    refused(run, said)


def pieces(run):
    return [json.loads(line) for line in (run.path / "curves.jsonl").read_text().splitlines()]


def put(run, lines):
    (run.path / "curves.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def twice(lines):
    return [*lines, lines[-1]]


def gap(lines):
    return lines[:1] + lines[2:]


def elsewhere(lines):
    return [*lines[:-1], {**lines[-1], "number": 3}]


def longer(lines):
    return [*lines[:-1], {**lines[-1], "epochs": 2**62}]


def unnumbered(lines):
    last = lines[-1]
    return [*lines[:-1], {**last, "curve": {**last["curve"], "epoch": [None]}}]


def unmeasured(lines):
    curve = {k: v for k, v in lines[-1]["curve"].items() if k != "val_accuracy"}
    return [*lines[:-1], {**lines[-1], "curve": curve}]


SPOILT = {
    "twice": (twice, "branch 0 must have each epoch once, in order"),
    "gap": (gap, "branch 0 must have each epoch once, in order"),
    "elsewhere": (elsewhere, "trial must be a branch of interventions.jsonl.*found 3"),
    "longer": (longer, "branch 0 must have each epoch once, in order"),
    "unnumbered": (unnumbered, "branch 0 must have each epoch once, in order"),
    "unmeasured": (unmeasured, "a curve must hold 'val_accuracy'"),
}


@pytest.fixture
def short_pieces(monkeypatch):
    """An epoch a piece, however fast this machine is."""
    monkeypatch.setattr("hpsearch.searching.babysit.session.CHUNK", 0.0)


@pytest.mark.parametrize("what", SPOILT)
def test_curves_that_do_not_go_on_are_refused_and_repaired(model, short_pieces, what):
    spoil, said = SPOILT[what]
    made = model()
    made.train(until=6)
    whole = made.bits
    put(made.run, spoil(pieces(made.run)))
    refused(made.run, said)
    if what == "elsewhere":
        return  # its diary is what is damaged
    assert any("curves.jsonl: " in line for line in repair(made.run))
    made.train()
    assert {key: made.bits[key] for key in whole} == whole
    assert made.story.epoch == 12
    assert replay(made.run).same


def test_a_damaged_trial_is_set_aside_and_worked_out_again(model):
    made = model()
    made.train(until=6)
    made.act("branch", epoch=2)
    made.train()
    fates = made.fates
    path = made.run.path / "trials.jsonl"
    path.write_text("{}\n" + path.read_text().replace('"stopped"', '"lost"'))
    with pytest.raises(HpsearchError, match="--repair"):
        made.train()
    assert repair(made.run) == [f"{path}: 2 damaged lines set aside"]
    made.train()
    assert made.fates == fates


def test_a_repair_of_a_sound_run_changes_nothing(model):
    made = model()
    made.train(until=4)
    made.act("set", set={"learning_rate": 0.5, "epochs": 20})
    made.train(until=6)
    made.act("undo")
    made.train(until=5)
    before = {p: p.read_bytes() for p in made.run.path.rglob("*.jsonl")}
    assert repair(made.run) == []
    assert {p: p.read_bytes() for p in made.run.path.rglob("*.jsonl")} == before


def test_a_run_that_is_a_search_is_refused(model, small, rows, tmp_path):
    from hpsearch.searching.babysit.steering import steer
    from hpsearch.searching.session import begin

    search = begin(small(), rows, tmp_path / "runs", "search")
    with pytest.raises(RunError, match="must be a babysat model's run, found a search's"):
        read(search)
    with pytest.raises(RunError, match="is a search, which cannot be steered; babysit its winner"):
        steer(search, Request("undo"))


def test_a_function_of_a_strangers_is_not_run_without_trust(model, tmp_path):
    from hpsearch.config import from_mapping
    from hpsearch.searching.babysit.start import reopen_model

    (tmp_path / "own.py").write_text(
        "from pathlib import Path\n"
        "Path(__file__).with_name('ran').touch()\n"
        "def train(params):\n"
        "    for epoch in range(9):\n"
        "        yield {'loss': 1 / (1 + epoch)}\n"
    )
    config = from_mapping(
        {
            "name": "own",
            "trainer": {"kind": "function", "function": f"{tmp_path}/own.py:train", "epochs": 9},
            "metric": {"name": "loss", "goal": "minimize"},
            "space": {"x": {"min": 0, "max": 1}},
            "parallel": {"backend": "serial"},
        }
    )
    made = model(config)
    path = made.run.path / "run.json"
    info = json.loads(path.read_text())
    info["babysit"]["settings"] = [[0, {"x": 0.75}]]
    path.write_text(json.dumps({**info, "seal": None}))
    (tmp_path / "ran").unlink(missing_ok=True)
    for ask in (replay, reopen_model):
        with pytest.raises(RunError, match="--trust"):
            ask(made.run)
    assert not (tmp_path / "ran").exists()

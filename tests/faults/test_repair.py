"""A damaged run is made fit again: `hpsearch resume --repair`, in fact."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

CONFIG = """\
name: tiny
data: {source: digits}
trainer: {kind: network, epochs: 4}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1}
  hidden_units: {type: int, min: 4, max: 12}
search: {trials: 8, halving: {min_epochs: 1}, confirm: {top: 1, seeds: 2}}
parallel: {backend: serial}
"""
LINES = ("curves.jsonl", "trials.jsonl", "timeline.jsonl")


@pytest.fixture(scope="module")
def hpsearch(command):
    return command


@pytest.fixture(scope="module")
def whole(hpsearch, tmp_path_factory):
    """A finished run and one that refines it, which no test changes."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.yaml").write_text(CONFIG)
    assert hpsearch(folder, "run", "tiny.yaml", "--name", "first", "-q").returncode == 0
    refined = hpsearch(folder, "refine", "first", "--name", "second", "--trials", "6", "-q")
    assert refined.returncode == 0
    return folder / "runs"


@pytest.fixture
def runs(whole, tmp_path):
    """A copy to damage."""
    return Path(shutil.copytree(whole, tmp_path / "runs"))


def told(run):
    """What a run found, but for what the clock decides."""
    lines = map(json.loads, (run / "trials.jsonl").read_text().splitlines())
    fates = [{k: v for k, v in e.items() if k not in ("started", "seconds")} for e in lines]
    with np.load(run / "best" / "model.npz") as model:
        arrays = {name: model[name].tobytes() for name in model.files}
    return (
        sorted(fates, key=lambda line: line["number"]),
        sorted((run / "curves.jsonl").read_text().splitlines()),
        (run / "best" / "result.json").read_text(),
        arrays,
    )


def spoil(path, *places, with_=b'{"number": '):
    lines = path.read_bytes().splitlines(keepends=True)
    for place in places:
        lines[place] = with_ + b"\n"
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("name", ["first", "second"])
@pytest.mark.parametrize("file", LINES)
def test_damaged_lines_are_set_aside_and_trained_again(hpsearch, runs, whole, name, file):
    run = runs / name
    spoil(run / file, 0, 3)
    refused = hpsearch(runs.parent, "report", name)
    if file != "timeline.jsonl":
        assert refused.returncode == 1
        assert f"{file}: line 1, byte 0: must be a JSON object" in refused.stderr
        assert f"hpsearch resume runs/{name} --repair" in refused.stderr
    mended = hpsearch(runs.parent, "resume", name, "--repair", "-q")
    assert mended.returncode == 0, mended.stderr
    assert f"runs/{name}/{file}: 2 damaged lines set aside" in mended.stderr
    assert (run / "damaged" / file).read_bytes() == b'{"number": \n' * 2
    assert told(run) == told(whole / name)
    assert hpsearch(runs.parent, "report", name).returncode == 0


@pytest.mark.parametrize("seed", range(4))
def test_whatever_lines_are_damaged_the_end_is_the_same(hpsearch, runs, whole, seed):
    chance, run = random.Random(seed), runs / "first"
    for file in LINES:
        count = len((run / file).read_bytes().splitlines())
        words = (b"\xff\xfe", b"[]", b'{"number": true}', b"", b'{"a": NaN}')
        spoil(
            run / file,
            *chance.sample(range(count), chance.randrange(count)),
            with_=chance.choice(words),
        )
    mended = hpsearch(runs.parent, "resume", "first", "--repair", "-q")
    assert mended.returncode == 0, mended.stderr
    assert told(run) == told(whole / "first")


def test_a_piece_that_is_gone_takes_what_follows_it_along(hpsearch, runs, whole):
    """Taken out by hand: the later piece alone would be a curve without a beginning."""
    run = runs / "first"
    lines = (run / "curves.jsonl").read_text().splitlines(keepends=True)
    later = next(json.loads(line) for line in lines if json.loads(line)["rung"] == 1)
    (run / "curves.jsonl").write_text(
        "".join(
            line
            for line in lines
            if (piece := json.loads(line))["number"] != later["number"] or piece["rung"] > 0
        )
    )
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
    assert hpsearch(runs.parent, "resume", "first", "-q").returncode == 0
    assert told(run) == told(whole / "first")


@pytest.mark.parametrize("file", ["result.json", "model.npz"])
def test_a_damaged_winner_is_worked_out_again(hpsearch, runs, whole, file):
    run = runs / "first"
    (run / "best" / file).write_bytes(b"{")
    mended = hpsearch(runs.parent, "resume", "first", "--repair", "-q")
    assert mended.returncode == 0
    assert f"best/{file}" in mended.stderr
    assert "the winner is worked out again" in mended.stderr
    assert told(run) == told(whole / "first")


def test_a_trial_of_another_space_and_a_line_that_comes_twice_are_damage(hpsearch, runs, whole):
    run = runs / "first"
    path = run / "trials.jsonl"
    first, second, *others = path.read_text().splitlines()
    other = json.loads(first)
    other["params"]["learning_rate"] = "fast"
    path.write_text("\n".join([json.dumps(other), second, second, *others]) + "\n")
    mended = hpsearch(runs.parent, "resume", "first", "--repair", "-q")
    assert mended.returncode == 0, mended.stderr
    assert "trials.jsonl: 2 damaged lines set aside" in mended.stderr
    assert told(run) == told(whole / "first")


def test_of_a_training_with_a_piece_without_the_metric_no_piece_is_believed(hpsearch, runs, whole):
    run = runs / "first"
    path = run / "curves.jsonl"
    pieces = [json.loads(line) for line in path.read_text().splitlines()]
    number = next(piece["number"] for piece in pieces if piece["rung"] == 1)
    own = [p for p in pieces if p["number"] == number and p["repeat"] == 0]
    own[0]["curve"]["val_acc"] = own[0]["curve"].pop("val_accuracy")
    path.write_text("".join(json.dumps(piece) + "\n" for piece in pieces))
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
    refused = hpsearch(runs.parent, "resume", "first", "-q")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert f"trial {number}: a curve must hold 'val_accuracy'" in refused.stderr
    mended = hpsearch(runs.parent, "resume", "first", "--repair", "-q")
    assert f"curves.jsonl: {len(own)} damaged lines set aside" in mended.stderr
    assert told(run) == told(whole / "first")


def test_a_sound_run_is_left_as_it_is(hpsearch, runs):
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    said = hpsearch(runs.parent, "resume", "first", "--repair", "-q")
    assert "runs/first: nothing is damaged" in said.stderr
    assert "is finished" in said.stderr
    after = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    assert {p.name for p in before.keys() ^ after.keys()} <= {".lock"}
    assert all(after[path] == text for path, text in before.items() if path.name != ".lock")


def test_what_cannot_be_made_again_is_refused_as_before(hpsearch, runs):
    spoil(runs / "second" / "history.jsonl", 0)
    said = hpsearch(runs.parent, "resume", "second", "--repair")
    assert said.returncode == 1
    assert "history.jsonl: line 1, byte 0" in said.stderr
    assert "refine the parent again" in said.stderr
    (runs / "first" / "run.json").write_text("{")
    said = hpsearch(runs.parent, "resume", "first", "--repair")
    assert (said.returncode, said.stderr.count("\n")) == (1, 1)
    assert "run.json: must be readable JSON" in said.stderr

"""Every configuration that comes with the project runs, for one tiny round."""

import ast
import importlib.util
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from hpsearch.config import load
from hpsearch.exchange.moving.recognise import configuration
from hpsearch.searching.session import begin, conduct, read_data
from hpsearch.searching.trainer import inspected
from hpsearch.trainers.kinds import kind_of

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
SWEEP = Path(__file__).parents[1] / "configs" / "sweep" / "sweep.yaml"
SCRIPTS = sorted((Path(__file__).parents[1] / "configs" / "scripts").glob("*.py"))


@pytest.fixture
def pictures(tmp_path):
    """A folder of IDX files: forty pictures of 2 x 2 pixels to train on, twenty to test."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, rows in (("train", 40), ("t10k", 20)):
        labels = np.arange(rows, dtype=np.uint8) % 4
        images = rng.integers(0, 256, (rows, 2, 2), dtype=np.uint8)
        head = struct.pack(">4I", 0x803, *images.shape)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">2I", 0x801, rows)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    return folder


def test_there_are_configurations():
    assert {"digits.yaml", "csv.yaml"} <= {path.name for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_runs(path, pictures, tmp_path):
    words = ["trainer.epochs=1", "parallel.backend=serial"]
    if path.stem == "fashion_mnist":
        words.append(f"data.source={pictures}")
    if path.stem == "torch_loop" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch, which is too large for the [test] extra")
    if path.stem.startswith("keras") and importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs the [keras] extra")
    if load(path).trainer.kind != "network":  # two epochs cross a rung, if there is one
        words = ["trainer.epochs=2", "parallel.backend=serial"]
    if path.stem.startswith("keras"):  # in workers, whose warnings are no errors
        words = ["trainer.epochs=2", "parallel.jobs=1"]
    if path.stem == "gradient_boosting":  # threads of OpenMP wait for each other at full speed
        words = ["trainer.epochs=2", "parallel.threads=1"]
    # Two trials, and two for each draw where a choice is crossed.
    config = inspected(load(path, words, trials=4))
    dataset = read_data(config)
    run = begin(config, dataset, tmp_path / "runs", "tiny")
    conduct(run, lambda event: None, config, dataset)
    lines = (run.path / "trials.jsonl").read_text().splitlines()
    statuses = {json.loads(line)["status"] for line in lines}
    assert run.winner(run.info) is not None
    if config.trainer.kind == "network":
        assert statuses == {"completed"}
    else:
        assert "completed" in statuses <= {"completed", "stopped"}
    if kind_of(config.trainer).needs_data:
        assert run.winner(run.info).test.rows > 0


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_says_in_its_first_lines_what_it_is_and_how_to_run_it(path):
    first = path.read_text().split("name:")[0]
    assert first.startswith("# ")
    assert f"hpsearch run configs/{path.name}" in first


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_sound_python_with_a_function_of_the_documented_signature(path):
    functions = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
    (called,) = [function for function in functions if function.name in ("train", "build")]
    arguments = [argument.arg for argument in called.args.args]
    if called.name == "train":
        assert arguments[:2] == ["params", "epochs"]
    else:
        assert arguments == ["params", "features", "classes"]


def test_the_sweep_of_another_tool_is_moved_and_runs(tmp_path):
    moved = tmp_path / "irises.yaml"
    moved.write_text(configuration(SWEEP, tmp_path))
    config = inspected(load(moved, ["trainer.epochs=4", "parallel.backend=serial"], trials=2))
    run = begin(config, None, tmp_path / "runs", "irises")
    conduct(run, lambda event: None, config, None)
    assert run.winner(run.info).metrics["val_loss"] < 2
    assert not (SWEEP.parent / "wandb").exists()

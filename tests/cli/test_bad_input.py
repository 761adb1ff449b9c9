"""Bad input: one clear message with place and remedy, status 1, and no run directory."""

import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

CONFIG = """\
data: {source: digits}
trainer: {epochs: 1}
metric: {name: val_accuracy, goal: maximize}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1e-1}
  hidden_layers: {type: int, min: 1, max: 2}
search: {trials: 2}
parallel: {backend: serial}
"""
RATE = "{scale: log, min: 1e-3, max: 1e-1}"
LAYERS = "{type: int, min: 1, max: 2}"


@pytest.fixture
def refused(hpsearch, tmp_path):
    """The one message by which `run` refuses a configuration; `check` must say the same."""

    def say(config, *words):
        if isinstance(config, str):
            config = config.encode()
        (tmp_path / "c.yaml").write_bytes(config)
        said = hpsearch("run", "c.yaml", *words)
        assert said.status == 1
        assert said.out == ""
        assert said.err.startswith("hpsearch: ")
        assert "Traceback" not in said.err
        assert "bug" not in said.err
        assert not (tmp_path / "runs").exists()
        assert hpsearch("check", "c.yaml", *words).err == said.err
        return said.err.removeprefix("hpsearch: ").rstrip("\n")

    return say


def test_the_configuration_these_start_from_is_sound(hpsearch, tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert hpsearch("check", "c.yaml").status == 0


def test_a_missing_configuration_is_told_and_init_is_named(hpsearch, tmp_path):
    said = hpsearch("run", "c.yaml")
    assert said.status == 1
    assert said.err == (
        "hpsearch: c.yaml: no such file; `hpsearch init -o c.yaml` writes one to start from\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"", "c.yaml: is empty; `hpsearch init` writes a configuration to start from"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "c.yaml: a configuration is YAML text in UTF-8; byte 0"),
        (b"space: [", "c.yaml:1:9: not valid YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_told(refused, config, message):
    assert refused(config).startswith(message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("search:", "serch:", "c.yaml:7:1: serch: unknown key (did you mean 'search'?)"),
        ("search:", "data: {source: digits}\nsearch:", "c.yaml:7:1: data: duplicate key, first "
         "at 1:1; keep one of them"),
        (RATE, "{scale: log, min: 1, max: 1e-3}", "c.yaml:5:36: space.learning_rate.min: must be "
         "below max, found min 1 and max 0.001"),
        (RATE, "{scale: log, min: 0, max: 1}", "min: must be above 0 on the log scale, found 0"),
        (RATE, "{scale: 1-10^r, min: 0.9, max: 1}", "must be below 1 on the 1-10^r scale"),
        (LAYERS, "{type: int, min: 1, max: 2, when: {optimiser: adam}}", "c.yaml:6:53: "),
        (LAYERS, LAYERS + "\n  hidden_units: {min: 4, max: 8, per: layers}", "c.yaml:7:39: "),
        (LAYERS, "{values: [1, 2], when: {batch_size: 8}}\n"
         "  batch_size: {values: [8, 9], when: {hidden_layers: 2}}", "a circle of 'per' and"),
        (LAYERS, LAYERS + "\n  learning_rte: {min: 0, max: 1}", "c.yaml:7:3: space.learning_rte: "
         "the network has no such hyperparameter (did you mean 'learning_rate'?)"),
        ("epochs: 1", "epochs: 1, learning_rate: 0.1", "space.learning_rate: is fixed in 'trainer'"
         " too; keep one of them"),
        ("val_accuracy", "val_acuracy", "(did you mean 'val_accuracy'?)"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_configuration_is_told_with_its_place(refused, old, new, message):
    assert old in CONFIG
    assert message in refused(CONFIG.replace(old, new, 1))


def test_several_mistakes_are_told_at_once(refused):
    text = CONFIG.replace("search:", "serch:").replace("min: 1e-3", "min: 1")
    assert len(refused(text).splitlines()) == 2


TABLE = "size,flower\n" + "".join(f"{n},{'rose' if n % 2 else 'iris'}\n" for n in range(20))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TABLE.replace("flower", "plant"), "there is no column 'flower' (data.target); the "
         "columns are 'size', 'plant'"),
        (TABLE.replace("iris", "rose"), "column 'flower': every label is 'rose'; to learn, there "
         "must be two classes or more"),
        (TABLE.replace("\n7,", "\n,"), "column 'size', row 8: missing value; fill it, or set "
         "data.missing: mean"),
        (TABLE.replace("\n7,", "\nnan,"), "column 'size', row 8: missing value"),
        (TABLE + "5,tulip\n", "class 'tulip' has 1 row, but each part (training, validation, "
         "test) needs one; add rows of it, or remove it, or set data.test: 0"),
        (TABLE + '5,"ros', "cannot be read as a table: EOF inside string starting at row 21"),
        ("size,flower\n", "there are no rows below the first line; add data"),
        ("", "the file is empty; it must hold a table"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_learned_from_is_told(refused, tmp_path, content, message):
    (tmp_path / "data.csv").write_text(content)
    text = CONFIG.replace("{source: digits}", "{source: data.csv, target: flower}")
    told = refused(text)
    assert told.startswith(f"{tmp_path}/data.csv: ")
    assert message in told


def test_a_missing_target_is_told_with_the_columns(refused, tmp_path):
    (tmp_path / "data.csv").write_text(TABLE)
    told = refused(CONFIG.replace("digits", "data.csv"))
    assert "data.target must name the column to predict" in told


def test_a_missing_data_file_is_told_with_the_nearest_one(refused, tmp_path):
    (tmp_path / "flowers.csv").write_text(TABLE)
    told = refused(CONFIG.replace("digits", "flower.csv"))
    assert told == f"{tmp_path}/flower.csv: no such file or folder (did you mean 'flowers.csv'?)"


def test_a_truncated_npz_file_is_told(refused, tmp_path):
    np.savez(tmp_path / "whole.npz", x=np.eye(8), y=np.arange(8) % 2)
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    told = refused(CONFIG.replace("digits", "cut.npz"))
    assert "cut.npz: damaged, or not an NPZ file" in told


def test_a_nan_in_an_npz_file_is_told(refused, tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[17, 1] = np.nan
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(40) % 2)
    told = refused(CONFIG.replace("digits", "data.npz"))
    assert "x[17, 1]: missing value" in told
    assert "data.missing: mean" in told


def idx(magic: int, *shape: int) -> bytes:
    size = int(np.prod(shape))
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + bytes(n % 2 for n in range(size))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (idx(0x00000801, 80), "its magic number must be 00 00 08 03, found 00 00 08 01"),
        (idx(0x00000803, 20, 2, 2)[:-9], "train-images-idx3-ubyte.gz"),
        (b"\x1f\x8b", "train-images-idx3-ubyte.gz"),
    ],
)
def test_a_damaged_idx_file_is_told(refused, tmp_path, images, message):
    folder = tmp_path / "idx"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(0x00000801, 20))
    told = refused(CONFIG.replace("digits", "idx"))
    assert "train-images-idx3-ubyte.gz: " in told
    assert message in told


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--set=search.trials", "--set search.trials: write KEY=VALUE"),
        ("--set=serch.trials=3", "serch: unknown key (did you mean 'search'?)"),
        ("--set=search.trials=many", "search.trials: must be a whole number"),
        ("--set=search.trials=[", "not valid YAML"),
    ],
)
def test_a_mistake_in_set_is_told(refused, word, message):
    assert message in refused(CONFIG, word)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--jobs", "0"], "--jobs: parallel.jobs: must be a whole number from 1 to 10,000"),
        (["--trials", "-3"], "--trials: search.trials: must be a whole number from 1"),
        (["--seed", "-1"], "--seed: seed: must be a whole number from 0"),
        (
            ["--backend", "slurm"],
            "--backend: parallel.backend: must be local, serial, dask or joblib",
        ),
    ],
)
def test_an_impossible_option_is_told(hpsearch, tmp_path, words, message):
    (tmp_path / "c.yaml").write_text(CONFIG)
    said = hpsearch("run", "c.yaml", *words)
    assert said.status == 1
    assert message in said.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("runs_dir", ["taken", "taken/below", "/proc/hpsearch"])
def test_an_unwritable_runs_directory_is_told(hpsearch, tmp_path, runs_dir):
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "taken").write_text("a file")
    said = hpsearch("run", "c.yaml", "--runs-dir", runs_dir)
    assert said.status == 1
    assert said.err.startswith(f"hpsearch: {runs_dir}: runs must be writable there, found: ")
    assert "choose another folder with --runs-dir" in said.err
    assert {path.name for path in tmp_path.iterdir()} == {"c.yaml", "taken"}


@pytest.mark.parametrize("command", ["report", "refine", "resume", "retrain", "evaluate"])
def test_a_run_that_is_not_there_is_told_with_those_that_are(hpsearch, command):
    said = hpsearch(command)
    assert said.status == 1
    assert said.err == ("hpsearch: runs: holds no runs yet; start one with: hpsearch run CONFIG\n")
    said = hpsearch(command, "lost")
    assert said.status == 1
    assert "lost: must be a run's folder or its name in runs" in said.err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("run", "digits"), "configs/digits.yaml"),
        (("run", "digits.yml"), "configs/digits.yaml"),
        (("check", "iris.ymal"), "iris.yml"),
        (("run", "configs/digit.yaml"), "configs/digits.yaml"),
        (("report", "digit"), "digits"),
        (("refine", "runs/digit"), "digits"),
        (("check", "iris.yml", "--set", "epochs=5"), "trainer.epochs"),
        (("check", "iris.yml", "--set", "epoch=5"), "trainer.epochs"),
        (("check", "iris.yml", "--set", "search.learning_rate=1"), "trainer.learning_rate"),
        (("check", "iris.yml", "--set", "jobs=5"), "parallel.jobs"),
        (("check", "iris.yml", "--set", "lr=5"), "trainer.learning_rate"),
    ],
)
def test_the_nearest_file_run_or_key_is_named(hpsearch, digits, words, meant):
    Path("configs").mkdir()
    Path("configs", "digits.yaml").write_text(digits.read_text())
    Path("iris.yml").write_text(digits.read_text())
    Path("runs", "digits").mkdir(parents=True)
    Path("runs", "digits", "run.json").write_text("{}")
    said = hpsearch(*words)
    assert said.status == 1
    assert f"(did you mean '{meant}'?)" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_file_that_is_no_configuration_is_told_with_its_true_size(hpsearch):
    Path("data.csv").write_text("a,b\n" * 300_000)
    said = hpsearch("run", "data.csv")
    assert "at most 1,000,000 bytes, this file has 1,200,000; is it the data?" in said.err


def test_one_is_no_plural(hpsearch, flowers):
    config = {
        "data": {"source": str(flowers), "target": "flower"},
        "trainer": {"epochs": 1},
        "space": {"learning_rate": {"min": 0.1, "max": 1}},
        "search": {"trials": 1},
    }
    Path("one.yaml").write_text(json.dumps(config))
    said = [
        hpsearch("check", "one.yaml"),
        hpsearch("run", "one.yaml", "--name", "one", "--backend", "serial"),
        hpsearch("report", "one"),
        hpsearch("refine", "one", "--dry-run"),
        hpsearch("export", "one", "one.csv", "--to", "csv"),
    ]
    text = "".join(each.out + each.err for each in said)
    page = Path("runs", "one", "report.html").read_text()
    assert [each.status for each in said] == [0] * len(said)
    assert (
        re.findall(r"(?<![\d.,])1 (?:\w+ )?(?:trials|epochs|rounds|rows|settings|seeds)\b", text)
        == []
    )
    assert "All 1 trial<" in page
    assert "after 1 epoch<" in page


def test_a_warning_names_the_run_that_its_command_is_for(hpsearch, digits):
    space = "space={learning_rate: {scale: log, min: 1e-5, max: 1e-3}}"
    small = ("--trials=24", "--set=trainer.epochs=1", "--backend=serial", "-q")
    assert hpsearch("run", digits, "--name=pressed", "--set", space, *small).status == 0
    assert hpsearch("run", digits, "--name=newest", *small).status == 0
    said = hpsearch("report", "pressed")
    assert "press against learning_rate's max" in said.out
    assert "hpsearch refine runs/pressed --widen" in " ".join(said.out.split())

"""Code that a run names runs only with the user's seal or word, wherever the run comes from."""

import json
import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.config import from_mapping, from_run
from hpsearch.errors import RunError
from hpsearch.searching import trust
from hpsearch.searching.launch import prepare_refinement
from hpsearch.searching.models import winning_model
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, read_data
from hpsearch.store import RunDirectory, as_line
from hpsearch.trainers.function.loading import load
from hpsearch.trial import Result, Status

SOURCE = "open('ran.txt', 'a').close()\ndef train(p, epochs): return {'loss': p['x']}\n"
NO_SEAL = r"would run the function 'f.py:train' in .*, and run.json has no seal of yours"
INSIDE = r"would run the function .*, which lies inside a run directory; .* --trust, every time"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a function that leaves ran.txt wherever it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_STATE_DIR", str(tmp_path / "state"))
    Path("f.py").write_text(SOURCE)
    return tmp_path


@pytest.fixture
def run(folder):
    """A finished run of that function, sealed; nothing has run since."""
    tree = {
        "trainer": {"kind": "function", "function": "f.py:train"},
        "metric": {"name": "loss"},
        "space": {"x": {"min": 0, "max": 1}},
        "search": {"trials": 5},
        "parallel": {"backend": "serial"},
    }
    made = hpsearch.search(tree, name="r", progress=False).directory
    Path("ran.txt").unlink()
    load.cache_clear()  # as in another process
    return made


@pytest.fixture
def command(capsys, monkeypatch):
    """Run `hpsearch` here; gives its status and what it said on stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["hpsearch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return call


def change(run, **entries):
    path = run.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def trainer(run, **keys):
    config = run.info.config
    change(run, config={**config, "trainer": {**config["trainer"], **keys}})


def without_key(folder):
    shutil.rmtree(folder / "state")


RUNS_CODE = {
    "resume": ("resume", "r", "--trials", "9", "-q"),
    "retrain": ("retrain", "r"),
    "refine": ("refine", "r", "--name", "child", "-q"),
}


@pytest.mark.parametrize("words", RUNS_CODE.values(), ids=RUNS_CODE)
def test_a_run_without_a_fitting_seal_runs_once_trusted_and_is_sealed_anew(
    run, folder, command, words
):
    without_key(folder)  # as on another machine
    before = (run.path / "run.json").read_text()
    status, said = command(*words)
    assert status == 1
    assert "would run the function 'f.py:train' in " in said
    assert "say --trust, once" in said
    assert len(said.splitlines()) == 1
    assert not Path("ran.txt").exists()
    assert (run.path / "run.json").read_text() == before
    assert command(*words, "--trust")[0] == 0
    assert Path("ran.txt").exists()
    assert trust.is_sealed(run.info)
    shutil.move("runs/r", "runs/moved")
    assert command("retrain", "moved")[0] == 0


@pytest.mark.parametrize("words", RUNS_CODE.values(), ids=RUNS_CODE)
def test_the_environment_trusts_while_it_is_set_and_seals_nothing(
    run, folder, command, monkeypatch, words
):
    change(run, seal=None)
    monkeypatch.setenv("HPSEARCH_TRUST", "1")
    assert command(*words)[0] == 0
    monkeypatch.delenv("HPSEARCH_TRUST")
    assert run.info.seal is None
    assert command("retrain", "r")[0] == 1
    if "child" in words:
        assert command("retrain", "child")[0] == 1


def test_looking_runs_nothing(run, folder, command):
    change(run, seal=None)
    for words in (
        ("refine", "r", "--dry-run"), ("refine", "r", "--write", "finer.yaml"), ("report", "r"),
        ("report", "r", "r"), ("list",), ("resume", "r"), ("evaluate", "r"),
        ("export", "r", "r.csv", "--to", "csv"),
    ):  # fmt: skip
        status, said = command(*words)
        assert status == (1 if words[0] == "evaluate" else 0), said  # a function has no model
    assert not Path("ran.txt").exists()


def test_a_refined_child_of_a_sealed_run_is_sealed(run, command):
    assert command("refine", "r", "--name", "child", "-q")[0] == 0
    assert command("refine", "child", "--name", "grandchild", "-q")[0] == 0
    assert trust.is_sealed(RunDirectory(Path("runs/grandchild")).info)


CHANGES = {
    "function": {"trainer": {"function": "other.py:train"}},
    "folder": {"trainer": {"folder": "/elsewhere"}},
    "settings": {"trainer": {"epochs": 2}},
    "choices": {"space": {"x": {"values": ["a", "b"]}}},
    "start": {"search": {"start": [{"x": 0.5}]}},
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_seal_holds_for_the_code_and_for_what_stands_in_its_places(run, changed):
    assert trust.is_sealed(run.info)
    config = run.info.config
    merged = {name: {**config[name], **keys} for name, keys in changed.items()}
    change(run, config={**config, **merged})
    assert not trust.is_sealed(run.info)


def test_a_seal_of_one_run_is_none_for_another(run, folder):
    config = from_mapping(run.info.config)
    other = begin(config, None, folder / "runs", "other", sealed=False)
    change(other, seal=run.info.seal, created="2026-01-01T00:00:00.000+00:00")
    assert not trust.is_sealed(other.info)
    with pytest.raises(RunError, match=NO_SEAL):
        trust.permit(other, other.info, config)


def test_a_seal_survives_what_may_change_in_a_run(run, command):
    text = run.config.read_text()
    run.config.write_text(text.replace("jobs: auto", "jobs: 2"))
    assert command("resume", "r", "--trials", "7", "-q", "--set=search.timeout=99")[0] == 0
    assert trust.is_sealed(run.info)


@pytest.mark.parametrize(
    ("target", "home"),
    [
        ("payload.py:train", "runs/r"),
        ("payload.py:train", "link"),
        ("runs/r/payload.py:train", "."),
        ("sub/../../r/payload.py:train", "runs/other"),
        ("linked.py:train", "."),
        ("package.payload:train", "."),
        ("payload:train", "runs/r"),
        ("runs/other/payload.py:train", "."),
    ],
)
def test_a_file_inside_a_run_directory_needs_a_word_every_time(run, folder, command, target, home):
    for name in ("r", "other"):
        (folder / "runs" / name).mkdir(exist_ok=True)
        (folder / "runs" / name / "payload.py").write_text(SOURCE)
        (folder / "runs" / name / "sub").mkdir()
    (folder / "runs" / "other" / "run.json").write_text("{}")
    (folder / "link").symlink_to("runs/r")
    (folder / "linked.py").symlink_to("runs/r/payload.py")
    (folder / "package").symlink_to("runs/r")
    trainer(run, function=target, folder=str(folder / home))
    change(run, seal=trust.seal(run.info))
    for _ in range(2):
        with pytest.raises(RunError, match=INSIDE):
            trust.permit(run, run.info, from_mapping(run.info.config))
        assert trust.permit(run, run.info, from_mapping(run.info.config), trust=True) is False
    status, said = command("retrain", "r")
    assert (status, Path("ran.txt").exists()) == (1, False)
    assert "every time" in said


@pytest.mark.parametrize(
    ("text", "home", "inside"),
    [
        ("python payload.py {x}", "runs/r", True),
        ("python runs/r/payload.py", ".", True),
        ("python train.py --script=runs/r/payload.py", ".", True),
        ("python train.py {x}", ".", False),
    ],
)
def test_a_command_is_told_with_its_folder(run, folder, text, home, inside):
    tree = {**run.info.config, "trainer": {"kind": "command", "command": text, "folder": home}}
    config = from_mapping(tree)
    assert trust.lies_in_a_run(run, config) is inside
    change(run, config=config.as_dict())
    with pytest.raises(RunError) as refused:
        trust.permit(run, run.info, config)
    assert f"would run the command {text!r} in {folder / home}, " in str(refused.value)


def test_a_keras_model_of_the_users_is_what_the_sealed_run_names(folder):
    tree = {
        "data": {"source": "digits"},
        "trainer": {"kind": "keras", "model": "m.py:build", "backend": "jax"},
        "space": {"units": {"values": [8, 16]}},
    }
    config = from_mapping(tree)
    run = begin(config, None, folder / "runs", "k", sealed=False)
    best = run.path / "best"
    best.mkdir()
    (best / "model.keras").touch()
    (best / "model.json").write_text("{}")
    with pytest.raises(RunError, match=r"would run the Keras model 'm.py:build' in .* no seal"):
        winning_model(run)
    with pytest.raises(RunError, match=r"model.json: must be what hpsearch wrote"):
        winning_model(run, trust=True)
    assert trust.is_sealed(run.info)


def test_a_network_needs_no_key_and_gets_no_seal(folder):
    tree = {"data": {"source": "digits"}, "space": {"learning_rate": {"min": 0.1, "max": 1}}}
    config = from_mapping(tree)
    run = begin(config, None, folder / "runs", "n")
    assert run.info.seal is None
    assert trust.unsealed(run, run.info) is None
    assert trust.permit(run, run.info, config) is True
    assert not (folder / "state").exists()


def test_an_objective_from_python_is_the_users_word_for_itself_alone(run):
    change(run, seal=None)
    ours = hpsearch.load("r")

    def train(params, epochs):
        return params["x"]

    child = ours.refine(objective=train, name="child", progress=False)
    longer = ours.resume(objective=train, trials=7, progress=False)
    assert not Path("ran.txt").exists()
    for each in (child, longer):
        with pytest.raises(RunError, match=NO_SEAL):
            each.resume(trials=9, progress=False)
    assert len(longer.resume(trials=9, progress=False, trust=True).trials) == 9
    assert Path("ran.txt").exists()


@pytest.mark.parametrize(
    ("file", "params", "words"),
    [
        ("trials.jsonl", {"script": "touch ran.txt"}, ("retrain", "r", "--trial", "0")),
        ("history.jsonl", {"script": "touch ran.txt"}, ("resume", "r")),
        ("history.jsonl", {"script": "touch ran.txt"}, ("retrain", "r", "--trial", "0")),
        ("trials.jsonl", {"epochs": "touch ran.txt"}, ("retrain", "r", "--trial", "0")),
    ],
)
def test_a_value_that_the_space_does_not_offer_reaches_no_command(
    folder, command, file, params, words
):
    tree = {
        "trainer": {"kind": "command", "command": "sh -c {script}"},
        "metric": {"name": "loss"},
        "space": {"script": {"values": ["true", "false"]}},
        "parallel": {"backend": "serial"},
    }
    run = begin(from_mapping(tree), None, folder / "runs", "r")
    result = Result(0, 0, Status.COMPLETED, params, 1, {"loss": 1.0}, 1.0, None, "", 0.1)
    line = {**as_line(result), "curve": {"epoch": [1], "loss": [1.0]}, "seed": [0, "trial", 0]}
    (run.path / file).write_text(json.dumps(line) + "\n")
    status, said = command(*words)
    assert (status, Path("ran.txt").exists()) == (1, False)
    assert "cannot be 'touch ran.txt'" in said


@pytest.mark.parametrize("name", ["checkpoint_dir", "seed", "trial", "full_epochs", "other"])
def test_a_parameter_that_no_search_had_stands_for_nothing_that_a_command_is_told(
    folder, command, name
):
    tree = {
        "trainer": {"kind": "command", "command": f"sh -c 'echo {{{name}}} {{x}} >told.txt'"},
        "metric": {"name": "loss"},
        "space": {"x": {"values": ["true", "false"]}},
        "parallel": {"backend": "serial"},
    }
    if name == "other":
        tree["trainer"]["command"] = "sh -c 'echo $HPSEARCH_PARAMS {x} >told.txt'"
    run = begin(from_mapping(tree), None, folder / "runs", "r")
    params = {"x": "true", name: "forged"}
    result = Result(0, 0, Status.COMPLETED, params, 1, {"loss": 1.0}, 1.0, None, "", 0.1)
    (run.path / "trials.jsonl").write_text(json.dumps(as_line(result)) + "\n")
    command("retrain", "r", "--trial", "0")
    told = Path("told.txt").read_text()
    assert "true" in told
    assert "forged" not in told


KEYS = {
    "readable by others": lambda key: key.chmod(0o640),
    "a link": lambda key: (key.rename(key.with_name("other")), key.symlink_to("other")),
    "short": lambda key: key.write_bytes(b"short"),
    "long": lambda key: key.write_bytes(bytes(99)),
    "a pipe": lambda key: (key.unlink(), os.mkfifo(key, 0o600)),
    "a folder": lambda key: (key.unlink(), key.mkdir(0o700)),
}


@pytest.mark.parametrize("spoil", KEYS.values(), ids=KEYS)
def test_a_key_that_is_no_private_file_is_refused(run, folder, command, spoil):
    key = folder / "state" / "key"
    spoil(key)
    status, said = command("retrain", "r")
    assert status == 1
    assert said.startswith(f"hpsearch: {key}: the key that seals runs must be a file of your own")
    assert "remove it, and say --trust once" in said
    assert not Path("ran.txt").exists()


def test_the_key_is_made_once_and_is_the_users_alone(run, folder):
    key = folder / "state" / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    assert len(before := key.read_bytes()) == 32
    assert trust._new_key() == before  # as if two processes had begun at once
    assert [path.name for path in key.parent.iterdir()] == ["key"]


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [
        ({"HPSEARCH_STATE_DIR": "~/s"}, "linux", "/home/me/s"),
        ({"XDG_STATE_HOME": "/x"}, "linux", "/x/hpsearch"),
        ({"XDG_STATE_HOME": "relative"}, "linux", "/home/me/.local/state/hpsearch"),
        ({}, "linux", "/home/me/.local/state/hpsearch"),
        ({}, "darwin", "/home/me/Library/Application Support/hpsearch"),
    ],
)
def test_the_key_lies_where_the_platform_keeps_state(monkeypatch, variables, platform, expected):
    for name in ("HPSEARCH_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**variables, "HOME": "/home/me"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert str(trust.state_folder()) == expected


def test_where_no_key_can_be_kept_a_run_works_and_says_what_to_do(
    run, folder, command, monkeypatch
):
    (folder / "file").touch()
    monkeypatch.setenv("HPSEARCH_STATE_DIR", str(folder / "file" / "state"))
    assert command("retrain", "r")[0] == 1
    status, said = command("refine", "r", "--trust", "--name", "child", "-q")
    assert status == 0
    assert said == (
        f"runs/child: has no seal, for no key can be kept in {folder}/file/state; to go on with "
        "it say --trust, or let HPSEARCH_STATE_DIR name a folder that can be written\n"
    )
    assert RunDirectory(Path("runs/child")).info.seal is None
    with pytest.warns(UserWarning, match="has no seal"):
        hpsearch.load("child").resume(trials=9, trust=True, progress=False)


@pytest.fixture
def clustered(folder):
    """A run of the network that names a scheduler, sealed; nothing was trained yet."""
    tree = {
        "name": "net",
        "data": {"source": "digits"},
        "trainer": {"epochs": 1},
        "space": {"learning_rate": {"min": 0.1, "max": 1.0}},
        "search": {"trials": 2, "confirm": False},
        "parallel": {"backend": "dask", "scheduler": "tcp://127.0.0.1:9"},
    }
    config = from_mapping(tree)
    return begin(config, read_data(config), folder / "runs", "net")


def from_a_stranger(run):
    run.write_info(replace(run.info, seal=None))


STRANGER = r"would speak to the Dask scheduler tcp://127.0.0.1:9, which could run code here"


def test_a_run_that_names_a_scheduler_is_sealed_as_one_that_names_code(clustered):
    assert trust.is_sealed(clustered.info)
    config = from_run(clustered.info.config, clustered.path)
    trust.check_cluster(clustered, clustered.info, config, config)


def test_nobody_speaks_to_a_strangers_scheduler(clustered):
    from_a_stranger(clustered)
    with pytest.raises(RunError, match=STRANGER):
        reopen(clustered)
    with pytest.raises(RunError, match=STRANGER):
        prepare_refinement(clustered)
    assert json.loads((clustered.inside / "run.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize(
    "words", [{"trust": True}, {"backend": "local"}, {"scheduler": "tcp://127.0.0.1:10"}]
)
def test_the_users_word_for_a_scheduler_is_enough(clustered, words):
    from_a_stranger(clustered)
    assert reopen(clustered, **words) is not None


def test_another_scheduler_in_an_edited_config_carries_no_seal(clustered):
    text = clustered.inside / "config.yaml"
    text.write_text(text.read_text().replace("tcp://127.0.0.1:9", "tcp://127.0.0.1:8"))
    with pytest.raises(RunError, match=r"would speak to the Dask scheduler tcp://127.0.0.1:8"):
        reopen(clustered)


def test_a_scheduler_that_the_user_named_once_carries_their_seal_from_then_on(clustered):
    from_a_stranger(clustered)
    reopen(clustered, backend="local")
    reopen(clustered, scheduler="tcp://127.0.0.1:10")
    assert trust.is_sealed(clustered.info)
    assert reopen(clustered) is not None

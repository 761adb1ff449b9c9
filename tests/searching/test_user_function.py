"""Searches that train a function of the user's: end to end, awkward ones too."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import TrainerError
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.refine import refine
from hpsearch.searching.resume import reopen
from hpsearch.searching.retrain import jobs_again, known_trial, train
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected, jobs_of, threads_of

AWKWARD = """
import os, sys, time
import numpy as np

def train(params, epochs):
    how = params["how"]
    if how == "raises":
        raise ValueError("no such layer")
    if how == "never returns":
        while True:
            time.sleep(1)
    if how == "sys.exit":
        sys.exit(3)
    if how == "is interrupted":
        raise KeyboardInterrupt("a child was stopped")
    if how == "signals itself":
        os.kill(os.getpid(), 2)
    if how == "speaks C":
        os.write(2, b"\\xff from C")
        os.system("echo from a child >&2")
    if how == "os._exit":
        os._exit(3)
    if how == "is killed":
        os.kill(os.getpid(), 9)
    if how == "chdir":
        os.chdir("/")
        sys.path.clear()
    if how == "forks":
        os.fork()
    if how == "prints":
        for _ in range(20):
            os.write(1, b"x" * 2**20)
    if how == "closes":
        os.close(1)
        sys.stdout.close()
    told = {"None": None, "text": "0.5", "NaN": float("nan"), "NumPy": np.float64(0.5),
            "no metric": {"loss": 0.5}}
    return told.get(how, 0.5)
"""

FATES = {
    "fine": ("completed", None),
    "raises": ("failed", "ValueError: no such layer"),
    "None": ("failed", "TrainerError: the result must be a number, or a mapping with 'score'"),
    "text": ("failed", "TrainerError: the result must be a number"),
    "NaN": ("diverged", None),
    "NumPy": ("completed", None),
    "no metric": ("failed", "TrainerError: the result must have the metric 'score', found 'loss'"),
    "never returns": ("failed", "Timeout"),
    "sys.exit": ("failed", "SystemExit: 3"),
    "is interrupted": ("failed", "KeyboardInterrupt: a child was stopped"),
    "signals itself": ("completed", None),
    "speaks C": ("completed", None),
    "os._exit": ("failed", "status 3"),
    "is killed": ("failed", "SIGKILL"),
    "chdir": ("completed", None),
    "forks": ("completed", None),
    "prints": ("completed", None),
    "closes": ("completed", None),
    "fine again": ("completed", None),
}


@pytest.fixture
def model(tmp_path):
    """Write a module, and give a configuration that trains its function."""

    def write(text, *, space=None, epochs=1, metric=None, parallel=None, **search):
        (tmp_path / "own_model.py").write_text(text)
        return from_mapping(
            {
                "name": "own",
                "trainer": {
                    "kind": "function",
                    "function": "own_model.py:train",
                    "folder": str(tmp_path),
                    "epochs": epochs,
                },
                "metric": metric or {"name": "score", "goal": "minimize"},
                "space": space or {"rate": {"scale": "log", "min": 1e-4, "max": 1}},
                "search": search,
                "parallel": parallel or {"backend": "serial"},
            }
        )

    return write


def done(config, folder, name="run", target=None):
    config = inspected(config, target)
    run = begin(config, None, folder / "runs", name)
    conduct(run, lambda event: None, config, function=target)
    return run


def bare(run):
    """Trials without what only the clock decides."""
    return [replace(result, started="", seconds=0) for result in run.results]


def test_awkward_functions_have_one_clear_fate_each_and_the_search_goes_on(
    model, tmp_path, capfd, limit_only
):
    limit_only(lambda job: job.settings["how"] == "never returns")
    hows = list(FATES)
    config = model(
        AWKWARD,
        space={"how": {"values": hows}},
        trials=len(hows),
        start=[{"how": how} for how in hows],
        trial_timeout=2,
        parallel={"backend": "local", "jobs": 2},
    )
    run = done(config, tmp_path)
    assert capfd.readouterr() == ("", "")
    assert run.info.status == "finished"
    fates = {result.params["how"]: result for result in run.results}
    for how, (status, error) in FATES.items():
        assert fates[how].status == status, (how, fates[how].error)
        assert error is None or error.lower() in fates[how].error.lower(), fates[how].error
    assert (run.path / "logs" / "trial-13.txt").stat().st_size < 11 * 2**20


GENERATOR = """
from math import log10

def train(params, epochs):
    print("begins")
    for epoch in range(1, epochs + 1):
        yield {"score": abs(log10(params["rate"]) + 2) + 1 / epoch, "epochs_told": epochs}
"""


def test_a_generator_is_halved_and_has_curves(model, tmp_path):
    config = model(GENERATOR, epochs=9, trials=18)
    run = done(config, tmp_path)
    statuses = [result.status for result in run.results]
    assert statuses.count("stopped") > statuses.count("completed") > 0
    best = run.winner(run.info)
    assert best.epochs == 9
    assert best.metrics["epochs_told"] == 9
    assert best.test is None
    assert best.confirmed is None
    whole = [piece for piece in run.pieces if piece.number == best.number]
    assert [epoch for piece in whole for epoch in piece.curve["epoch"]] == list(range(1, 10))
    assert run.states.names() == []
    assert not run.model.exists()
    assert f"rate: {best.params['rate']}" in (run.best / "params.yaml").read_text()


def test_jobs_change_nothing_in_the_trials_of_a_pure_function(model, tmp_path):
    one = done(model(GENERATOR, epochs=9, trials=12), tmp_path, "one")
    config = model(GENERATOR, epochs=9, trials=12, parallel={"jobs": 3})
    assert bare(done(config, tmp_path, "three")) == bare(one)


WHOLE = "def train(params, epochs):\n    return params['rate']\n"


def test_a_function_that_returns_is_trained_in_full(model, tmp_path):
    config = inspected(model(WHOLE, epochs=9, trials=12))
    assert config.search.halving is None
    assert {len(round.rungs) for round in rounds_of(config)} == {1}
    assert {result.status for result in done(config, tmp_path).results} == {"completed"}


def test_a_user_s_trainer_gets_one_job_all_cores_and_no_confirmation_unless_asked(model):
    config = model(WHOLE, parallel={})
    assert jobs_of(config) == 1
    assert threads_of(config, jobs=1) >= 1
    assert threads_of(model(WHOLE, parallel={"threads": 3}), jobs=1) == 3
    assert config.search.confirm is None
    assert model(WHOLE, confirm=True).search.confirm is not None


SEEDED = """
import random

def train(params, epochs, seed):
    for epoch in range(epochs):
        yield {"score": params["rate"] + random.Random(seed).random()}
"""


def test_confirmation_gives_new_seeds_where_it_is_asked_for(model, tmp_path):
    config = model(SEEDED, epochs=2, trials=6, confirm={"top": 2, "seeds": 3, "share": 1})
    run = done(config, tmp_path)
    winner = run.winner(run.info).confirmed
    assert len(set(winner.values)) == 3


def test_refining_takes_the_parent_s_trials_as_history(model, tmp_path):
    config = inspected(model(GENERATOR, epochs=9, trials=12))
    parent = done(config, tmp_path, "parent")
    refinement = refine(parent, config, config, None)
    assert refinement.history
    child = begin(refinement.config, None, tmp_path / "runs", "child", refinement)
    conduct(child, lambda event: None, refinement.config)
    assert min(result.number for result in child.results) == 12
    assert child.winner(child.info).search.value <= parent.winner(parent.info).search.value


@pytest.mark.parametrize("text", [GENERATOR, SEEDED, WHOLE])
def test_a_trial_can_be_had_again(model, tmp_path, text):
    run = done(model(text, epochs=9, trials=6), tmp_path)
    config = from_mapping(run.info.config)
    known = known_trial(run, config, None)
    (outcome,) = train(jobs_again(config, known), config, None)
    assert outcome.curve == known.curve


def test_a_function_from_python_reaches_workers_by_value(model, tmp_path):
    offset = 3.0
    config = model("", epochs=4, trials=6, parallel={"jobs": 2})
    run = done(config, tmp_path, target=lambda params, epochs: params["rate"] + offset)
    assert run.winner(run.info).search.value > 3
    assert run.info.config["search"]["halving"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "own_model.py:train.*ModuleNotFoundError.*line 1"),
        ("import os; os._exit(5)", "own_model.py:train: .*status 5"),
        ("def fit(params, epochs): ...", "its functions: fit"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_refused_before_anything_runs(
    model, capfd, text, message
):
    with pytest.raises(TrainerError, match=message):
        inspected(model(text))
    assert capfd.readouterr().err == ""


SAVING = """
import os
from pathlib import Path

def train(params, epochs, checkpoint_dir, trial):
    file = Path(checkpoint_dir, "epochs")
    done = int(file.read_text()) if file.exists() else 0
    for epoch in range(done + 1, epochs + 1):
        file.write_text(str(epoch))
        with open("calls.txt", "a") as calls:
            calls.write(f"{trial} {epoch}\\n")
        if epoch == 5 and not os.path.exists("killed"):
            open("killed", "w").close()
            os.kill(int(open("parent").read()), 9)
            while True:
                pass
        yield {"score": abs(params["rate"] - 0.3) + done / 1000 + 1 / epoch}
"""


@pytest.mark.slow
def test_after_kill_9_in_a_later_epoch_resume_gives_what_would_have_been(model, tmp_path):
    (tmp_path / "killed").touch()
    config = model(SAVING, epochs=9, trials=9, parallel={"jobs": 1})
    (tmp_path / "config.json").write_text(json.dumps(config.as_dict()))
    words = [sys.executable, "-m", "hpsearch", "run", "config.json", "-q", "--name"]
    environment = {**os.environ, "HPSEARCH_RUNS_DIR": "runs"}
    begun = {"cwd": tmp_path, "env": environment, "stdout": subprocess.DEVNULL}
    assert subprocess.run([*words, "whole"], **begun, check=False).returncode == 0
    (tmp_path / "killed").unlink()
    process = subprocess.Popen([*words, "cut"], **begun)
    (tmp_path / "parent").write_text(str(process.pid))
    assert process.wait(timeout=60) == -signal.SIGKILL
    from hpsearch.store import RunDirectory

    whole, cut = (RunDirectory(tmp_path / "runs" / name) for name in ("whole", "cut"))
    assert any(cut.states.path.glob("*/work-*/epochs"))  # a checkpoint of epoch 5, half a piece
    resume = [sys.executable, "-m", "hpsearch", "resume", "cut", "-q"]
    assert subprocess.run(resume, **begun, check=False).returncode == 0
    assert bare(cut) == bare(whole)
    assert cut.states.names() == []
    left = [(run.checkpoint / "epochs").read_text() for run in (cut, whole)]
    assert left == ["9", "9"]
    assert cut.info.checkpoint == whole.info.checkpoint


def test_without_rungs_parameters_may_be_called_epochs_and_seed(tmp_path):
    space = {"epochs": {"values": [5, 30]}, "seed": {"type": "int", "min": 1, "max": 2}}
    config = from_mapping(
        {
            "trainer": {"kind": "function", "function": "m:train"},
            "metric": {"goal": "minimize"},
            "space": space,
            "search": {"trials": 4, "confirm": {"top": 1, "seeds": 1, "share": 1}},
            "parallel": {"backend": "serial"},
        }
    )

    def train(params):
        return params["epochs"] + params["seed"]

    config = inspected(config, train)
    run = begin(config, None, tmp_path, "run")
    conduct(run, lambda event: None, config, function=train)
    assert sorted(result.value for result in run.results) == [6, 7, 31, 32]
    assert all(result.params["epochs"] in (5, 30) for result in run.results)
    assert {result.epochs for result in run.results} == {1}
    assert run.winner(run.info).params == {"epochs": 5, "seed": 1}


def test_a_generators_epochs_are_no_parameter(tmp_path):
    tree = {
        "trainer": {"kind": "function", "function": "m:train"},
        "metric": {"goal": "minimize"},
        "space": {"epochs": {"values": [5, 30]}},
    }

    def train(params):
        yield params["epochs"]

    with pytest.raises(TrainerError, match="m:train: yields after each epoch"):
        inspected(from_mapping(tree), train)


KEEPING = """
from pathlib import Path

def train(params, epochs, checkpoint_dir, seed):
    kept = Path(checkpoint_dir, "sub", "kept")
    done = int(kept.read_text().split()[0]) if kept.exists() else 0
    kept.parent.mkdir(exist_ok=True)
    for epoch in range(done + 1, epochs + 1):
        kept.write_text(f"{epoch} {params['rate']} {seed}")
        {leap}
        yield {"score": abs(params["rate"] - 0.3) + 1 / epoch + seed % 97 / 1e4}
"""


def kept_of(run):
    """What best/checkpoint/ says: the epoch, the rate and the seed."""
    epoch, rate, seed = (run.path / "best" / "checkpoint" / "sub" / "kept").read_text().split()
    return int(epoch), float(rate), int(seed)


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize(
    "search",
    [
        {"repeats": 2},
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"confirm": {"top": 2, "seeds": 3}}, marks=pytest.mark.slow),
    ],
)
def test_the_winner_s_checkpoint_is_kept(model, tmp_path, jobs, search):
    text = KEEPING.replace("{leap}", "pass")
    config = model(text, epochs=9, trials=9, parallel={"jobs": jobs}, **search)
    run = done(config, tmp_path)
    winner = run.winner(run.info)
    epoch, rate, seed = kept_of(run)
    assert (epoch, rate) == (9, winner.params["rate"])
    number, repeat, fold = run.info.checkpoint
    assert (number, fold) == (winner.number, 0)
    (piece,) = [p for p in run.pieces if p.training == run.info.checkpoint and p.epochs == 9]
    assert piece.value == abs(rate - 0.3) + 1 / 9 + seed % 97 / 1e4
    if winner.confirmed is not None:
        assert repeat >= 1
        assert piece.value == sorted(winner.confirmed.values)[1]  # the median, not the luckiest
    assert run.states.names() == []


def test_what_a_function_leaves_that_returns_is_kept_as_well(model, tmp_path):
    text = """
from pathlib import Path

def train(params, epochs, checkpoint_dir):
    Path(checkpoint_dir, "model").write_text(str(params["rate"]))
    return abs(params["rate"] - 0.3)
"""
    run = done(model(text, trials=6), tmp_path)
    left = (run.path / "best" / "checkpoint" / "model").read_text()
    assert left == str(run.winner(run.info).params["rate"])


def test_a_search_that_leaves_nothing_has_no_checkpoint(model, tmp_path):
    text = "def train(params, epochs, checkpoint_dir):\n    return params['rate']\n"
    run = done(model(text, trials=3), tmp_path)
    assert (run.checkpoint.exists(), run.info.checkpoint) == (False, None)


def test_no_more_checkpoints_stay_than_the_best_trial_has(model, tmp_path):
    text = KEEPING.replace("{leap}", "pass")
    config = model(text, epochs=3, trials=18, halving=False)
    run, most = begin(config, None, tmp_path / "runs", "run"), []
    conduct(run, lambda event: most.append(len(list(run.path.glob("state/*/final")))), config)
    assert max(most) == 1


def test_more_trials_keep_the_checkpoint_of_a_winner_that_stays(model, tmp_path):
    text = KEEPING.replace("{leap}", "pass")
    config = model(text, epochs=3, trials=6)
    run = done(config, tmp_path)
    before, was = kept_of(run), run.info.checkpoint
    more = reopen(run, trials=8, named=False)
    conduct(run, lambda event: None, more)
    winner = run.winner(run.info)
    assert kept_of(run)[1] == winner.params["rate"]
    assert (kept_of(run) == before) == (run.info.checkpoint == was)


def test_a_parent_s_winner_that_wins_again_has_its_checkpoint_from_the_parent(model, tmp_path):
    text = KEEPING.replace("{leap}", "if Path('worse').exists(): params['rate'] += 9")
    config = model(text, epochs=3, trials=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run = done(config, tmp_path)
        (tmp_path / "worse").touch()
        refinement = refine(run, config, config, None)
        child = begin(refinement.config, None, tmp_path / "runs", "child", refinement)
        conduct(child, lambda event: None, refinement.config)
    assert child.winner(child.info).number == run.winner(run.info).number
    assert kept_of(child) == kept_of(run)


def test_a_trial_that_a_limit_drops_does_not_take_the_winner_s_checkpoint_along(model, tmp_path):
    """Trial 2 is better than the winner, and recorded before trial 0 lets trial 1 end it all."""
    text = """
import time
from pathlib import Path

TRIALS = Path(__file__).parent / "runs" / "run" / "trials.jsonl"

def train(params, epochs, checkpoint_dir, trial):
    Path(checkpoint_dir, "trial").write_text(str(trial))
    while trial == 0 and len(TRIALS.read_text().splitlines()) < 2:
        time.sleep(0.01)
    return {0: 0.6, 1: 0.4, 2: 0.1}.get(trial, 0.5)
"""
    metric = {"name": "score", "goal": "minimize", "target": 0.45}
    run = done(model(text, trials=3, rounds=1, metric=metric, parallel={"jobs": 3}), tmp_path)
    assert run.winner(run.info).number == 1
    assert (run.checkpoint / "trial").read_text() == "1"

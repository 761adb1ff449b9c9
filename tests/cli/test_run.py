"""`hpsearch run`, `check` and `resume`: a search from its configuration to its summary."""

import json
import re
import signal
from pathlib import Path

import pytest

from hpsearch.trainers.network.trainer import NetworkTrainer


def test_a_search_prints_its_summary_to_stdout_and_its_progress_to_stderr(search):
    said = search("first")
    assert said.status == 0
    assert said.out.startswith("first: val_accuracy 0.")
    assert "6 trials in" in said.out
    assert "hpsearch refine runs/first" in said.out
    assert said.err.startswith("runs/first: 6 trials, 1 at a time\n")
    assert "6/6 trials, best 0." in said.err
    assert "\x1b" not in said.out + said.err


def test_a_run_directory_holds_what_the_contract_says(search, digits):
    search("first")
    run = Path("runs/first")
    names = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    assert names - {".lock"} == {
        "config.yaml", "run.json", "curves.jsonl", "trials.jsonl", "timeline.jsonl",
        "best/params.yaml", "best/model.npz", "best/result.json", "report.html",
    }  # fmt: skip
    assert (run / "config.yaml").read_bytes() == digits.read_bytes()
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


def test_quiet_says_nothing_on_stderr(search):
    said = search("first", "--quiet")
    assert (said.status, said.err) == (0, "")
    assert "first: val_accuracy" in said.out


def test_a_name_that_is_taken_is_refused_and_resume_is_named(search, trials):
    search("first")
    before = trials("first")
    said = search("first")
    assert said.status == 1
    assert said.out == ""
    assert "runs/first: exists already" in said.err
    assert "hpsearch resume runs/first" in said.err
    assert trials("first") == before


@pytest.mark.parametrize("name", ["", "../out", ".hidden", "a b", "-"])
def test_a_name_that_is_no_folder_name_is_refused(search, tmp_path, name):
    said = search(f"{name}")
    assert said.status == 1
    assert "must begin with a letter or digit" in said.err
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "out").exists()


def test_without_a_name_two_runs_at_once_get_two_names(hpsearch, digits):
    words = ("run", digits, "--trials=1", "--set=trainer.epochs=1", "--backend=serial", "-q")
    assert hpsearch(*words).status == 0
    assert hpsearch(*words).status == 0
    names = sorted(path.name for path in Path("runs").iterdir())
    assert len(names) == 2
    assert all(name.startswith("digits-2") for name in names)


def test_the_number_of_jobs_changes_nothing_and_the_seed_everything(search, trials):
    search("one", "--jobs=1", "--backend=local")
    search("two", "--jobs=2", "--backend=local")
    search("other", "--seed=1")
    assert trials("one") == trials("two")
    other = {json.dumps(trial["params"]) for trial in trials("other")}
    assert other.isdisjoint(json.dumps(trial["params"]) for trial in trials("one"))


def test_set_changes_a_setting_and_takes_yaml(search, trials):
    said = search("fixed", "--set", "space.batch_size={values: [16, 8]}", "--set=data.test=0")
    assert said.status == 0
    assert {trial["params"]["batch_size"] for trial in trials("fixed")} <= {8, 16}
    assert "test_accuracy" not in said.out


@pytest.mark.parametrize("command", ["run", "check", "refine"])
def test_what_only_shows_a_plan_trains_nothing(hpsearch, search, monkeypatch, command, digits):
    search("first")
    monkeypatch.delattr(NetworkTrainer, "train")
    words = {"run": ["run", digits, "--dry-run"], "check": ["check", digits],
             "refine": ["refine", "first", "--dry-run"]}[command]  # fmt: skip
    said = hpsearch(*words)
    assert said.status == 0
    assert "learning_rate" in said.out
    assert [path.name for path in Path("runs").iterdir()] == ["first"]


def test_check_shows_range_median_scale_and_plan(hpsearch, digits):
    said = hpsearch("check", digits, "--set=parallel.jobs=2")
    shown = {line.split()[0]: line.split() for line in said.out.splitlines() if line}
    assert shown["momentum"][1:6] == ["1-10^r", "0.9", "..", "0.999", "0.99"]
    assert shown["learning_rate"][1:] == ["log", "0.0001", "..", "1", "0.01"]
    assert shown["hidden_layers"][1:] == ["int", "1", "..", "3", "2"]
    assert "1,079 train, 359 val, 359 test rows, 64 features, 10 classes" in said.out
    assert "64 trials in 16 rounds: 12 + 3 x 6 + 11 + 10 x 2 + 3" in said.out
    assert "\nthe last 23 all train to the end\n" in said.out
    assert "2 at a time, jobs about" in said.out


def test_check_says_how_far_a_budget_reaches_and_what_can_never_end_the_search(hpsearch, digits):
    said = hpsearch(
        "check", digits, "--set", "search.max_epochs=200", "--set", "search.patience=9"
    )
    assert re.search(
        r"in all 1\d\d epochs of the 200 allowed, enough for \d+ of 64 trials", said.out
    )
    assert "! search.patience: 9 rounds of a search of " in said.out
    space = "space={batch_size: {values: [8, 16]}, hidden_layers: {type: int, min: 0, max: 2}}"
    sets = [
        f"--set={text}" for text in (space, "where=[hidden_layers < 2]", "search.sampler=grid")
    ]
    assert "draws keep it; others are left out" in hpsearch("check", digits, *sets).out


@pytest.mark.parametrize(
    ("resumes", "epochs"),
    [("false", "81 epochs instead of 243"), ("true", "63 epochs instead of 243")],
)
def test_check_counts_the_epochs_of_a_command_that_begins_anew(hpsearch, resumes, epochs):
    Path("c.yaml").write_text(
        "seed: 0\nmetric: {name: score, goal: maximize}\n"
        "search: {trials: 9, rounds: 1, confirm: false}\n"
        f"trainer: {{kind: command, command: 'echo {{lr}}', epochs: 27, resumes: {resumes}}}\n"
        "space: {lr: {scale: log, min: 0.001, max: 1}}\n"
    )
    said = hpsearch("check", "c.yaml")
    assert epochs in said.out
    anew = "18 of these a second time, since a trial that goes on begins anew; with resumes: true"
    assert (anew in said.out) == (resumes == "false")


def test_check_shows_the_command_of_a_trial_and_what_may_not_be_meant(hpsearch):
    text = (
        "seed: 0\nmetric: {name: val_acc}\nsearch: {trials: 9, confirm: false}\n"
        "trainer: {kind: command, command: 'python nowhere.py {args}', params_file: p.yaml}\n"
        "space: {lr: {values: [0.5]}, note: {values: ['a b']}}\n"
    )
    Path("c.yaml").write_text(text)
    said = hpsearch("check", "c.yaml").out
    assert "metric val_acc (maximize)" in said
    assert "a trial's command, for example: python nowhere.py --lr=0.5 '--note=a b'\n" in said
    assert "! trainer.command: there is no nowhere.py in " in said
    assert "! trainer.params_file: nothing names {params_file}, and " in said
    Path("nowhere.py").touch()
    Path("c.yaml").write_text(text.replace("params_file:", "cwd: trial, params_file:"))
    assert "! trainer" not in hpsearch("check", "c.yaml").out


def test_the_first_trials_of_a_dry_run_are_those_of_the_run(hpsearch, search, trials, digits):
    said = hpsearch("run", digits, "--trials=6", "--dry-run")
    search("first")
    first = trials("first")[0]["params"]
    assert f"trial 0: learning_rate={first['learning_rate']:.3g}" in said.out


BLOWS_UP = (
    "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}",
    "--set=space.optimizer=null",
    "--set=space.momentum=null",
    "--set=space.beta1=null",
    "--set=trainer.optimizer=sgd",
)


def test_a_learning_rate_that_blows_up_gives_diverged_trials_and_no_numpy_warning(search, trials):
    said = search("boom", *BLOWS_UP)  # a warning would be an error here
    assert {trial["status"] for trial in trials("boom")} == {"diverged"}
    assert {trial["value"] for trial in trials("boom")} == {None}
    assert said.status == 1
    assert "no trial was completed with a finite val_accuracy" in said.err
    assert "6 diverged" in said.out
    assert "Traceback" not in said.err


def test_one_setting_that_diverges_does_not_end_the_search(search, trials):
    said = search("mixed", "--set=space.learning_rate={values: [1e-2, 1e12]}", *BLOWS_UP[1:])
    statuses = {trial["status"] for trial in trials("mixed")}
    assert said.status == 0
    assert statuses == {"completed", "diverged"}


@pytest.fixture
def breaks(monkeypatch):
    """Make the training of some trials raise."""
    train = NetworkTrainer.train

    def broken(numbers):
        def instead(self, jobs, states, report=None):
            if any(job.number in numbers for job in jobs):
                raise ZeroDivisionError("no such luck")
            return train(self, jobs, states, report)

        monkeypatch.setattr(NetworkTrainer, "train", instead)

    return broken


def test_an_exception_in_one_trial_fails_that_trial_and_its_traceback_is_in_the_log(
    search, breaks, trials
):
    breaks({1})
    said = search("hurt")
    assert said.status == 0
    failed = [trial for trial in trials("hurt") if trial["status"] == "failed"]
    assert [(trial["number"], trial["error"]) for trial in failed] == [
        (1, "ZeroDivisionError: no such luck")
    ]
    log = Path("runs/hurt/logs/log.txt").read_text()
    assert "trial 1: Traceback (most recent call last)" in log
    assert "ZeroDivisionError: no such luck" in log
    assert "Traceback" not in said.err


def test_a_search_whose_first_trials_all_fail_stops_and_can_be_resumed(
    hpsearch, search, breaks, monkeypatch
):
    with monkeypatch.context():
        breaks(range(100))
        said = search("lost", "--trials=12")
    assert said.status == 1
    assert "each of the first 10 trials failed" in said.err
    assert "ZeroDivisionError: no such luck" in said.err
    assert json.loads(Path("runs/lost/run.json").read_text())["status"] == "failed"
    said = hpsearch("report", "lost")
    assert "most said: 'ZeroDivisionError: no such luck'; logs/log.txt has" in said.out
    assert "hpsearch resume runs/lost, once what is run is mended; " in said.out


def test_one_trial_that_fails_is_spoken_of_as_one(hpsearch, search, breaks, monkeypatch):
    with monkeypatch.context():
        breaks(range(100))
        said = search("lost", "--trials=1")
    assert said.status == 1
    assert "hpsearch: the only trial failed, so the search stops" in said.err


def test_commands_that_are_printed_quote_the_run_where_a_shell_needs_it(hpsearch, search):
    search("first")
    Path("runs").rename("my runs")
    told = hpsearch("report", "my runs/first").out
    assert "hpsearch refine 'my runs/first'" in told
    assert "hpsearch predict 'my runs/first' DATA" in told
    assert "hpsearch report --open 'my runs/first'" in told


def test_resume_of_a_finished_run_says_so(hpsearch, search):
    search("first")
    before = Path("runs/first/run.json").read_bytes()
    said = hpsearch("resume")
    assert said.status == 0
    assert "runs/first is finished; go on to more trials with: hpsearch resume" in said.err
    assert said.out == hpsearch("report", "first").out
    assert Path("runs/first/run.json").read_bytes() == before


def test_an_interrupted_search_says_how_to_go_on_and_ends_as_if_never_interrupted(
    hpsearch, search, monkeypatch, trials
):
    search("whole")
    train, calls = NetworkTrainer.train, []

    def interrupted(self, jobs, states, report=None):
        calls.append(jobs)
        if len(calls) == 8:  # all have come to the first rung
            signal.raise_signal(signal.SIGINT)  # the user presses Ctrl-C
        return train(self, jobs, states, report)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkTrainer, "train", interrupted)
        said = search("cut")
    assert said.status == 130
    assert "hpsearch resume runs/cut" in said.err
    assert json.loads(Path("runs/cut/run.json").read_text())["status"] == "interrupted"
    assert 0 < len(trials("cut")) < 6
    assert hpsearch("resume", "cut").status == 0
    assert trials("cut") == trials("whole")


def test_start_trains_the_settings_by_hand_first_and_the_report_says_the_gain(search, trials):
    said = search("hand", "--set=search.start=[{learning_rate: 1e-4, hidden_layers: 1, "
                  "hidden_units: [16], batch_size: 256, learning_rate_decay: 0, "
                  "optimizer: adam, beta1: 0.9}]")  # fmt: skip
    assert said.status == 0
    assert trials("hand")[0]["params"]["learning_rate"] == 1e-4
    assert "better than trial 0  " in said.out
    assert "set by hand" in said.out


@pytest.mark.parametrize(
    ("space", "remedy"),
    [
        ("x: {min: 0, max: 1}", "narrow the space to where all that is reported stays finite"),
        (
            "learning_rate: {min: 0, max: 1}",
            "a smaller maximum for learning_rate would waste less",
        ),
    ],
)
def test_a_metric_that_made_every_trial_diverge_is_named(hpsearch, space, remedy):
    Path("m.py").write_text(
        'def train(params, epochs):\n    return {"value": 1.0, "auc": float("nan")}\n'
    )
    Path("c.yaml").write_text(
        "trainer: {kind: function, function: m.py:train}\nmetric: {goal: minimize}\n"
        f"space: {{{space}}}\nsearch: {{trials: 4}}\nparallel: {{backend: serial}}\n"
    )
    said = hpsearch("run", "c.yaml", "--name=r", "--quiet")
    assert said.status == 1
    assert f"100% of the trials diverged; auc became NaN or infinite; {remedy}" in said.out
    assert said.err.endswith(
        "hpsearch: runs/r: no trial was completed with a finite value (4 trials: 4 diverged; auc "
        f"became NaN or infinite; {remedy})\n"
    )
    assert "log.txt" not in said.err  # there is none

"""Runs from Python: the same as from the command line, and errors that say what to do."""

import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

import hpsearch
from hpsearch.api.progress import Bar
from hpsearch.searching.events import SearchStarted, TrialsReported
from hpsearch.store import create
from hpsearch.trainers.reporting import Latest

CONFIG = {
    "name": "digits",
    "data": {"source": "digits"},
    "trainer": {"kind": "network", "epochs": 2},
    "metric": {"name": "val_accuracy"},
    "space": {
        "learning_rate": {"scale": "log", "min": 1e-3, "max": 1},
        "optimizer": {"values": ["momentum", "adam"]},
        "momentum": {
            "scale": "1-10^r", "min": 0.8, "max": 0.99, "when": {"optimizer": "momentum"},
        },
    },
    "search": {"trials": 6},
    "parallel": {"backend": "serial"},
}  # fmt: skip


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def run(runs_dir):
    return hpsearch.search(CONFIG, runs_dir=runs_dir, name="parent", progress=False)


def test_a_search_gives_its_winner_and_every_trial(run):
    assert run.status == "finished"
    assert [trial.number for trial in run.trials] == list(range(6))
    assert run.best in run.trials
    assert run.best.value == run.best.metrics["val_accuracy"]


def test_a_loaded_run_is_the_one_that_was_searched(run, runs_dir):
    for loaded in (hpsearch.load("parent", runs_dir), hpsearch.load(run.path)):
        assert loaded.trials == run.trials
        assert loaded.best == run.best


def test_curves_end_at_the_values_that_the_trials_report(run):
    assert len(run.curves) == len(run.trials) > 0
    for trial in run.trials:
        curve = run.curves[trial.number]
        assert len(curve["epoch"]) == trial.epochs
        assert curve["val_accuracy"][-1] == trial.metrics["val_accuracy"]


def test_the_frame_has_a_row_a_trial_and_gaps_where_a_parameter_is_inactive(run):
    frame = run.frame()
    assert list(frame.index) == [trial.number for trial in run.trials]
    assert list(frame["value"]) == [trial.value for trial in run.trials]
    inactive = ["momentum" not in trial.params for trial in run.trials]
    assert list(frame["params.momentum"].isna()) == inactive
    assert any(inactive)


def test_refine_makes_a_narrower_run_beside_its_parent(run, runs_dir):
    child = run.refine(name="child", trials=4, progress=False)
    assert child.path == runs_dir / "child"
    wide, narrow = (each.config.space["learning_rate"].as_config() for each in (run, child))
    assert wide["min"] <= narrow["min"] < narrow["max"] <= wide["max"]
    assert child.config.search.trials == 4


def test_arguments_lie_over_the_configuration(runs_dir):
    run = hpsearch.search(
        CONFIG, runs_dir, "other", seed=5, trials=3, overrides={"trainer.epochs": 1},
        progress=False,
    )  # fmt: skip
    assert (run.config.seed, len(run.trials), run.config.trainer.epochs) == (5, 3, 1)


def test_an_interrupted_search_is_resumed_to_the_same_trials(run, runs_dir, monkeypatch):
    from hpsearch.api import progress

    def interrupt(bar, event):
        if type(event).__name__ == "TrialEnded" and event.result.number == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.Bar, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            hpsearch.search(CONFIG, runs_dir=runs_dir, name="cut")
    cut = hpsearch.load("cut", runs_dir)
    assert cut.status == "interrupted"
    assert len(cut.trials) < 6
    cut.resume(progress=False)
    assert [(t.params, t.metrics) for t in cut.trials] == [
        (t.params, t.metrics) for t in run.trials
    ]


def test_a_finished_run_is_resumed_only_to_more_trials(runs_dir):
    run = hpsearch.search(CONFIG, runs_dir=runs_dir, name="grown", trials=4, progress=False)
    before = run.trials
    assert run.resume(progress=False).trials == before
    grown = run.resume(trials=7, overrides={"parallel.jobs": 1}, progress=False)
    assert [trial.number for trial in grown.trials] == list(range(7))
    assert grown.trials[:4] == before
    with pytest.raises(hpsearch.RunError, match="--trials must be more than the 7"):
        run.resume(trials=7, progress=False)
    with pytest.raises(hpsearch.ConfigError, match=r"trainer\.epochs: was 2, is now 3"):
        run.resume(overrides={"trainer.epochs": 3}, progress=False)


def test_what_is_done_by_hand_is_recorded_and_trained_when_it_is_resumed(runs_dir):
    run = hpsearch.search(CONFIG, runs_dir=runs_dir, name="by-hand", trials=4, progress=False)
    said = run.add({"learning_rate": np.float64(0.25)}, like=np.int64(1), note="bolder")
    assert said.startswith("trial 4 was added: learning_rate 0.25, optimizer ")
    assert said.endswith("; bolder; train it with: resume()")
    assert run.note("the split of May", tags=["baseline"]) == "the split of May; tagged baseline"
    assert (run.status, run.summary.by_hand.tags) == ("interrupted", ["baseline"])
    run.resume(progress=False)
    assert run.trials[4].params["learning_rate"] == 0.25
    assert run.trials[4].params["optimizer"] == run.trials[1].params["optimizer"]
    assert run.trials[4].status == "completed"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda run: run.add({}), "settings: must hold a value such as"),
        (lambda run: run.add([0.1]), "settings: must be a mapping such as .*, found a list"),
        (lambda run: run.add({"learning_rate": 7}), "^learning_rate: 7 is outside the space"),
        (lambda run: run.add({"rate": 0.1}), "^rate: is not in 'space'"),
        (lambda run: run.add({"learning_rate": object()}), "learning_rate: must be a number"),
        (lambda run: run.add({"learning_rate": 0.1}, like="1"), "like: must be a whole number"),
        (lambda run: run.add({"learning_rate": 0.1}, like=99), "like 99: must be a trial that"),
        (lambda run: run.add({"learning_rate": 0.1}, note=5), "note: must be a text, found 5"),
        (lambda run: run.stop(), "must be at work to be stopped, but it has finished"),
        (lambda run: run.stop(trial=1), "must be at work to be stopped"),
        (lambda run: run.stop(trial="1"), "trial: must be a whole number, found '1'"),
        (lambda run: run.note(), "note: must have a text or a tag, found neither"),
        (lambda run: run.note(5), "note: must be a text, found 5"),
        (lambda run: run.note(" "), "note: must say something, found ' '"),
        (lambda run: run.note(tags="baseline"), "tags: must be a list of texts, found 'baseline'"),
        (lambda run: run.note(tags=[5]), "tags: must be texts, found 5"),
        (lambda run: run.note(tags=["a b"]), "tag 'a b': must be at most 40 letters"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_by_hand_is_one_message_and_leaves_no_line(run, ask, message):
    with pytest.raises(hpsearch.HpsearchError, match=message):
        ask(run)
    assert not (run.path / "interventions.jsonl").exists()


def test_errors_are_hpsearch_errors_that_say_what_to_do(run, runs_dir):
    with pytest.raises(hpsearch.RunError, match="exists already"):
        hpsearch.search(CONFIG, runs_dir=runs_dir, name="parent")
    with pytest.raises(hpsearch.RunError, match="must be a run's folder or its name"):
        hpsearch.load("nowhere", runs_dir)
    with pytest.raises(hpsearch.ConfigError, match=r"space\.momentum\.scael: unknown key"):
        hpsearch.search({**CONFIG, "space": {"momentum": {"scael": "log"}}}, runs_dir)
    with pytest.raises(hpsearch.HpsearchError, match="must be a file or a dict, found list"):
        hpsearch.search([], runs_dir)


def test_the_bar_has_the_last_values_of_running_trials(tmp_path, run_info, capsys):
    run = create(tmp_path, "r", b"", run_info())
    last = tuple(Latest(n, 0, 0, 0, 9, {"epoch": 3, "auc": n / 8}) for n in (2, 5))
    with Bar() as bar:
        bar(SearchStarted(run, 9, 0, 2))
        bar(TrialsReported(last, "auc"))
    assert "2: 0.25, 5: 0.625]" in capsys.readouterr().err


def test_the_bar_counts_the_trials(runs_dir, capsys):
    hpsearch.search(CONFIG, runs_dir=runs_dir, name="seen")
    assert "6/6" in capsys.readouterr().err


def test_a_plain_script_needs_no_main_guard(tmp_path):
    script = tmp_path / "tune.py"
    script.write_text(
        "import hpsearch\nprint('begins')\n"
        f"run = hpsearch.search({CONFIG | {'parallel': {'jobs': 2}}!r}, progress=False)\n"
        "print(len(run.trials))\n"
    )
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "begins\n6\n"


def test_importing_hpsearch_loads_nothing_heavy():
    code = (
        "import sys, hpsearch\n"
        "assert not {'numpy', 'pandas', 'pydantic', 'tqdm'} & set(sys.modules)\n"
        "assert set(hpsearch.__all__) <= set(dir(hpsearch))\n"
        "assert '__version__' in dir(hpsearch)\n"
        "for name in hpsearch.__all__: getattr(hpsearch, name)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_version_is_that_which_is_installed():
    assert hpsearch.__version__ == version("hpsearch")


def test_a_run_is_exported_from_python(run, tmp_path):
    run.export("csv", tmp_path / "run.csv")
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 1 + len(run.trials)
    with pytest.raises(hpsearch.HpsearchError, match="exists already"):
        run.export("csv", tmp_path / "run.csv")
    with pytest.raises(hpsearch.ExchangeError, match="xml: must be one of csv, parquet"):
        run.export("xml", tmp_path / "run.xml")


def test_the_summary_gives_the_metrics_on_the_test_rows_by_name(run):
    test = run.summary.test
    assert test["test_accuracy"] == run.summary.measured.test_accuracy
    assert {"test_loss", "test_macro_f1", "interval", "rows"} <= set(test)

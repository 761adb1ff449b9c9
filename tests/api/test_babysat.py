"""A babysat model from Python: what each call does, and what it leaves for others."""

import gc
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

import hpsearch
from hpsearch.searching.babysit import session

CONFIG = {
    "name": "panda",
    "data": {"source": "digits"},
    "trainer": {"kind": "network", "epochs": 12, "hidden_units": 16},
    "metric": {"name": "val_loss"},
    "space": {"learning_rate": {"scale": "log", "min": 1e-4, "max": 1}},
    "search": {"trials": 3, "confirm": False},
    "parallel": {"backend": "serial"},
}


@pytest.fixture
def begin(tmp_path):
    """Begins a model with a name; closes it at the end."""
    begun = []

    def begin(name="panda", config=CONFIG, **more):
        begun.append(hpsearch.babysit(config, tmp_path, name, **more))
        return begun[-1]

    yield begin
    for run in begun:
        run.close()


def steer(run, *words):
    """Steer a run from another process."""
    command = [sys.executable, "-m", "hpsearch", "steer", str(run.path), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_model_is_trained_a_few_epochs_at_a_time_and_its_curve_is_one(begin):
    run, whole = begin(), begin("whole")
    assert list(run.step(5).index) == [1, 2, 3, 4, 5]
    assert list(run.step().index) == [6]
    assert (run.epoch, run.epochs, run.status) == (6, 12, "interrupted")
    assert list(run.step(50).index) == list(range(7, 13))
    assert len(run.step(3)) == 0
    assert run.status == "finished"
    assert run.curves().equals(whole.finish())


def test_the_best_epoch_is_kept_and_predicts(begin):
    run = begin()
    assert run.best is None
    curve = run.finish()
    assert run.best.epochs == curve["val_loss"].idxmin()
    assert run.best.value == curve["val_loss"].min()
    with pytest.raises(hpsearch.DataError):
        run.predict([[0] * 3])
    assert run.predict([[0] * 64]).shape == (1,)


def test_a_nudge_from_python_is_the_nudge_from_another_terminal_bit_for_bit(begin):
    ours, theirs = begin("ours"), begin("theirs")
    for run in (ours, theirs):
        run.step(4)
    assert "learning_rate 0.01 -> 0.1" in ours.set(learning_rate=0.1, note="too slow")
    steer(theirs, "--set", "learning_rate=0.1", "--note", "too slow")
    assert list(theirs.step(3).index) == [5, 6, 7]
    ours.step(3)
    assert ours.curves == theirs.curves
    (mine,), (other,) = ours.diary, theirs.diary
    assert (mine.by, other.by) == ("python", "steer")
    assert (mine.point, mine.set, mine.note) == (other.point, other.set, other.note)
    assert ours.settings == theirs.settings
    assert ours.settings["learning_rate"] == 0.1


def test_undo_and_branch_start_lines_and_the_diary_is_replayed_to_the_same_bits(begin):
    run = begin()
    run.step(4)
    run.set(learning_rate=0.3)
    run.step(2)
    assert run.undo("worse") == "back at epoch 4, as branch 1: learning_rate 0.3 -> 0.01"
    run.step(1)
    assert "branch 2 begins after epoch 2 of branch 0" in run.branch(2, trial=0, l2=0.001)
    run.note("with a little decay of weights")
    run.step(2)
    assert [done.action for done in run.diary] == ["set", "undo", "branch", "set"]
    assert {number: len(curve["epoch"]) for number, curve in run.curves.items()} == {
        0: 6, 1: 5, 2: 4,
    }  # fmt: skip
    assert list(run.curves(1).index) == [1, 2, 3, 4, 5]
    with pytest.raises(hpsearch.RunError, match="has no branch 7; there are 0 to 2"):
        run.curves(7)
    assert run.replay().same


def test_stop_keeps_the_best_epoch_and_step_goes_on(begin):
    run = begin()
    run.step(3)
    assert run.stop() == "stopped after epoch 3"
    assert run.summary.outcome.epochs == run.best.epochs
    assert run.stop() == "stopped after epoch 3"
    assert list(run.step(2).index) == [4, 5]


def test_what_is_refused_changes_nothing_and_says_why_as_steer_does(begin):
    run = begin()
    for refused, text in [
        (lambda: run.set(learning_rate=-1), "learning_rate: must be a number > 0"),
        (lambda: run.set(hidden_units=9), "cannot change while the model trains"),
        (lambda: run.set(lerning_rate=1), "did you mean 'learning_rate'"),
        (lambda: run.set(), "must name a value to change, or a note"),
        (run.undo, "there is no change to undo"),
        (lambda: run.branch(99), "must begin after an epoch that branch 0 has trained"),
        (lambda: run.step(0), "epochs: must be at least 1, found 0"),
    ]:
        for _ in range(2):  # before anything is trained, and after
            with pytest.raises(hpsearch.HpsearchError, match=text):
                refused()
        if run.epoch == 0:
            run.step(1)
    assert run.diary == []
    assert (run.epoch, run.status) == (1, "interrupted")


def test_a_loaded_run_trains_on_to_the_same_bits(begin, tmp_path):
    run, whole = begin(), begin("whole")
    run.step(5)
    with hpsearch.load("panda", tmp_path) as loaded:
        assert isinstance(loaded, hpsearch.Babysat)
        loaded.step(3)
    run.finish()
    whole.finish()
    assert run.curves == whole.curves
    assert type(hpsearch.load("panda", tmp_path)) is hpsearch.Babysat


def test_prepared_data_that_somebody_tidied_away_are_prepared_again(begin):
    run, whole = begin(), begin("whole")
    run.step(5)
    shutil.rmtree(run._ready.files[0])
    run.finish()
    whole.finish()
    assert run.curves == whole.curves


def test_another_process_may_train_on_between_the_calls(begin):
    run, whole = begin(), begin("whole")
    run.step(3)
    command = [sys.executable, "-m", "hpsearch", "resume", str(run.path), "-q", "--epochs", "14"]
    subprocess.run(command, check=True, capture_output=True)
    assert (run.epoch, run.status) == (14, "finished")
    run.branch(5)
    run.finish()
    whole.finish()
    whole.set(epochs=14)
    whole.finish()
    assert run.curves[1] == whole.curves[0]


def test_an_interrupted_step_has_recorded_what_was_trained(begin, monkeypatch):
    run, whole = begin(), begin("whole")
    run.step(1)
    wait, pieces = session.Bench.wait, []

    def interrupted(self, timeout=None):
        pieces.append(wait(self, timeout))
        if len(pieces) > 2:
            raise KeyboardInterrupt
        return pieces[-1]

    with monkeypatch.context() as patch:
        patch.setattr(session, "CHUNK", 0)
        patch.setattr(session.Bench, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run.step(9)
    assert (run.epoch, run.status) == (3, "interrupted")
    run.finish()
    whole.finish()
    assert run.curves == whole.curves


def test_nothing_is_left_running_when_a_model_is_forgotten_or_its_block_ends(begin, tmp_path):
    local = {**CONFIG, "parallel": {"backend": "local", "jobs": 1}}
    run = hpsearch.babysit(local, tmp_path, "forgotten")
    run.step(1)
    folder = run._ready.files[0]
    release, forgotten = run._release, weakref.ref(run)
    del run
    gc.collect()
    assert forgotten() is None
    assert not release.alive
    assert not folder.exists()
    with begin("block", local) as run:
        run.step(1)
        folder = run._ready.files[0]
        assert folder.exists()
    assert not folder.exists()


def test_a_generator_gets_what_changed(begin, tmp_path):
    def train(params, epochs):
        loss, rate = 1.0, params["rate"]
        for _ in range(epochs):
            loss *= 1 - rate
            change = yield {"loss": loss}
            rate = (change or {}).get("rate", rate)

    config = {
        "trainer": {"epochs": 6},
        "metric": {"name": "loss"},
        "space": {"rate": {"min": 0.0, "max": 1.0}},
        "parallel": {"backend": "serial"},
    }
    run = begin("own", config, objective=train, overrides={"rate": 0.5})
    run.step(2)
    run.set(rate=0.75)
    assert list(run.step(2)["loss"]) == [0.0625, 0.015625]
    loaded = hpsearch.load("own", tmp_path, objective=train)
    assert list(loaded.finish()["loss"])[-1] == 0.25**5
    assert loaded.replay().same
    assert loaded.best.epochs == 6


def test_a_searchs_trial_is_taken_up_and_what_does_not_go_together_is_refused(begin, tmp_path):
    search = hpsearch.search(CONFIG, tmp_path, "caviar", progress=False)
    run = begin("on", search, trial=search.best.number, from_epoch=4, epochs=6,
                overrides={"learning_rate": 0.2})  # fmt: skip
    run.finish()
    for name, values in search.curves[search.best.number].items():
        assert run.curves[0][name][:4] == values[:4]
    with pytest.raises(hpsearch.ConfigError, match="go with a run, found a configuration"):
        begin("no", trial=1)
    with pytest.raises(hpsearch.RunError, match="is a babysat model, and no search"):
        run.resume()
    closer = run.refine("closer", trials=2, progress=False)
    assert closer.trials[0].params["learning_rate"] == run.best.params["learning_rate"]


def test_a_notebook_shows_the_page_and_a_terminal_a_line(begin):
    run = begin()
    assert repr(run) == f"<Babysat {str(run.path)!r}, epoch 0/12>"
    run.step(2)
    assert "epoch 2/12, best val_loss " in repr(run)
    assert run._repr_html_().startswith("<iframe srcdoc=")
    assert Path(run.path, "report.html").exists()


def test_a_rescue_is_told_as_a_warning(begin):
    run = begin(overrides={"learning_rate": 1e30, "trainer.batch_norm": False})
    with pytest.warns(UserWarning, match=r"diverged in epoch 1; back at epoch 0"):
        run.step(2)
    assert run.diary[0].by == "rescue"

"""A babysat model from Python: what each call does, and what it leaves for others."""

import gc
import re
import shutil
import subprocess
import sys
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.errors import TrainerError
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
    with pytest.warns(UserWarning, match="nothing was trained; .*epochs=24"):
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
    assert {done.by for done in run.diary} == {"python"}
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


WRONG = [
    (lambda run: run.branch("1"), "epoch: must be a whole number, found '1'"),
    (lambda run: run.branch(1, trial="0"), "trial: must be a whole number, found '0'"),
    (lambda run: run.branch(True), "epoch: must be a whole number, found true"),
    (lambda run: run.branch(1, l2=object()), "l2: must be a number, a text, .* type object"),
    (lambda run: run.set(note=5), "note: must be a text, found 5"),
    (lambda run: run.note(5), "note: must be a text, found 5"),
    (lambda run: run.note("  "), "note: must say something, found '  '"),
    (lambda run: run.undo(note=5), "note: must be a text, found 5"),
    (lambda run: run.stop(note=5), "note: must be a text, found 5"),
    (lambda run: run.stop(trial=1), "trial: goes with a search"),
    (lambda run: run.note("a", tags=["b"]), "tags: go with a search"),
    (lambda run: run.add({"learning_rate": 0.1}), "is a babysat model, which has no other set"),
    (lambda run: run.set(a=object()), "a: must be a number, a text, .* type object"),
    (lambda run: run.set(learning_rate={1: 2}), "learning_rate: must be a number > 0, not a map"),
    (lambda run: run.set(learning_rate=float("inf")), "learning_rate: must be finite, found inf"),
    (lambda run: run.set(learning_rate=np.float32("nan")), "learning_rate: must be finite"),
    (lambda run: run.step("3"), "epochs: must be a whole number, found '3'"),
    (lambda run: run.step(1.5), "epochs: must be a whole number, found 1.5"),
    (lambda run: run.step(None), "epochs: must be a whole number, found null"),
    (lambda run: run.finish("3"), "epochs: must be a whole number, found '3'"),
    (lambda run: run.finish(1), "epochs: must be more than the 1 that are trained"),
    (lambda run: run.curves("0"), "trial: must be a whole number, found '0'"),
    (lambda run: run.resume(5), "objective: must be a function, found 5"),
]


@pytest.mark.parametrize(("call", "text"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("ready", [True, False])
def test_what_is_of_a_wrong_type_is_refused_in_words_before_anything_is_done(
    begin, call, text, ready
):
    run = begin()
    run.step(1)
    if not ready:
        run.close()
    with pytest.raises(hpsearch.HpsearchError, match=text):
        call(run)
    assert (run.epoch, run.diary, run.status) == (1, [], "interrupted")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"epochs": "20"}, "epochs: must be a whole number, found '20'"),
        ({"epochs": 0}, "epochs: must be at least 1, found 0"),
        ({"seed": "a"}, "seed: must be a whole number, found 'a'"),
        ({"name": 5}, "name: must be a text, found 5"),
        ({"objective": 5}, "objective: must be a function, found 5"),
        ({"overrides": {"l2": object()}}, "overrides: l2: must be a number, .* type object"),
    ],
)
def test_a_model_is_not_begun_with_what_is_of_a_wrong_type(tmp_path, more, text):
    with pytest.raises(hpsearch.HpsearchError, match=text):
        hpsearch.babysit(CONFIG, tmp_path / "runs", **{"name": "panda", **more})
    assert not (tmp_path / "runs").exists()


def test_infinity_is_refused_before_it_is_asked_of_the_process_that_trains(begin):
    run = begin()
    run.step(1)
    with (
        run.directory.writing(),
        pytest.raises(hpsearch.ConfigError, match="learning_rate: must be finite, found inf"),
    ):
        run.set(learning_rate=np.inf)


def test_numpys_numbers_are_the_numbers_that_they_are(begin):
    run, plain = begin(overrides={"l2": np.float64(0.25)}, seed=np.int64(3)), begin(
        "plain", overrides={"l2": 0.25}, seed=3
    )  # fmt: skip
    run.step(np.int64(3))
    plain.step(3)
    run.set(learning_rate=np.float32(0.5), batch_size=np.int64(16))
    plain.set(learning_rate=0.5, batch_size=16)
    run.step(np.array(2))
    plain.step(2)
    run.branch(np.int64(3), trial=np.int8(0), learning_rate=np.array(0.25))
    plain.branch(3, trial=0, learning_rate=0.25)
    run.step(np.int64(2))
    plain.step(2)
    assert run.curves == plain.curves
    assert [done.set for done in run.diary] == [done.set for done in plain.diary]
    assert run.curves(np.int64(1)).equals(plain.curves(1))


def test_a_shorter_plan_ends_there_and_is_told_and_in_the_diary(begin):
    run = begin()
    run.step(2)
    with pytest.warns(UserWarning, match="epochs 12 -> 4"):
        assert len(run.finish(4)) == 4
    assert (run.epochs, run.status, run.diary[-1].set) == (4, "finished", {"epochs": (12, 4)})


def descend(params, epochs):
    """Halves a loss each epoch; a function that can be imported."""
    for epoch in range(epochs):
        yield {"loss": params["rate"] ** (epoch + 1)}


OWN = {
    "trainer": {"epochs": 4},
    "metric": {"name": "loss"},
    "space": {"rate": {"min": 0.0, "max": 1.0}},
    "parallel": {"backend": "serial"},
}


class Descent:
    """The same as an object."""

    def __call__(self, params, epochs):
        yield from descend(params, epochs)


@pytest.mark.parametrize(
    "given", ["a closure", Descent(), partial(descend)], ids=["closure", "object", "partial"]
)
def test_what_was_handed_over_from_python_has_to_be_handed_over_again(
    begin, tmp_path, given, monkeypatch, capsys
):
    def closure(params, epochs):
        yield from descend(params, epochs)

    train = closure if given == "a closure" else given

    begin("own", OWN, objective=train).step(1)
    path = tmp_path / "own"
    said = re.escape(
        f"{path}: was begun with a function handed over from Python; load it with "
        f'hpsearch.load("{path}", objective=...)'
    )
    loaded = hpsearch.load("own", tmp_path)
    for call in (loaded.finish, loaded.step, loaded.resume, loaded.replay):
        with pytest.raises(TrainerError, match=f"^{said}$"):
            call()
    for words in (["resume", str(path)], ["babysit", str(path), "--replay"]):
        monkeypatch.setattr(sys, "argv", ["hpsearch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        assert re.search(f"^hpsearch: {said}$", capsys.readouterr().err.strip())
    assert loaded.status == "interrupted"
    assert loaded.resume(train) is loaded
    assert (loaded.epoch, loaded.status) == (4, "finished")
    assert loaded.replay().same


def test_a_function_that_can_be_imported_goes_on_by_its_name(begin, tmp_path):
    begin("own", OWN, objective=descend).step(1)
    assert len(hpsearch.load("own", tmp_path).finish()) == 4


def test_a_search_with_a_function_says_how_to_hand_it_over_again(tmp_path):
    def train(params, epochs):
        yield from descend(params, epochs)

    config = {**OWN, "search": {"trials": 2}}
    run = hpsearch.search(config, tmp_path, "own", train, progress=False)
    with pytest.raises(TrainerError, match=r"hpsearch\.babysit\(.*, objective=\.\.\.\)"):
        hpsearch.babysit(run, tmp_path)
    with pytest.raises(TrainerError, match=r"hpsearch\.load\(.*\)\.resume\(objective\)"):
        run.resume(trials=3, progress=False)
    assert len(run.resume(train, trials=3, progress=False).trials) == 3


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
    assert f"epoch 0/6, up to epoch 4 as trial {search.best.number} of caviar" in repr(run)
    run.step(4)
    assert "caviar" not in repr(run)
    run.finish()
    for name, values in search.curves[search.best.number].items():
        assert run.curves[0][name][:4] == values[:4]
    with pytest.raises(hpsearch.ConfigError, match="go with a run, found a configuration"):
        begin("no", trial=1)
    with pytest.raises(hpsearch.RunError, match="trials: goes with a search"):
        run.resume(trials=9)
    closer = run.refine("closer", trials=2, progress=False)
    assert closer.trials[0].params["learning_rate"] == run.best.params["learning_rate"]


def test_a_notebook_shows_the_page_and_a_terminal_a_line(begin):
    run = begin()
    assert repr(run) == f"<Babysat {str(run.path)!r}, epoch 0/12>"
    run.step(2)
    assert "epoch 2/12, best val_loss " in repr(run)
    assert run._repr_html_().startswith("<iframe srcdoc=")
    assert Path(run.path, "report.html").exists()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_of_a_rate_beyond_all_use_only_the_rescue_is_told_also_in_a_replay(begin, optimizer):
    run = begin(overrides={"optimizer": optimizer})
    run.step(1)
    run.set(learning_rate=1e308)  # NumPy's warnings are errors here, and would be raised
    with pytest.warns(UserWarning, match=r"diverged in epoch 2; back at epoch 1") as found:
        run.step(1)
    assert {str(each.message)[:8] for each in found} == {"diverged"}
    assert run.replay().same


def test_a_rescue_is_told_as_a_warning(begin):
    run = begin(overrides={"learning_rate": 1e30, "trainer.batch_norm": False})
    with pytest.warns(UserWarning, match=r"diverged in epoch 1; back at epoch 0"):
        run.step(2)
    assert run.diary[0].by == "rescue"

"""A user's function as a trainer: what it may return, and what it cannot spoil."""

import inspect
import os
import shutil
import sys
from decimal import Decimal
from fractions import Fraction
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pytest

from hpsearch.errors import TrainerError
from hpsearch.trainers.function.loading import loaded_call_style
from hpsearch.trainers.function.trainer import FunctionTrainer
from hpsearch.trainers.protocol import EPOCHS_PARAMETER, Job


def job(until=3, epochs=3, number=7, **params):
    settings = {"epochs": epochs, "x": 0.5, **params}
    return Job(number, settings, (0, "trial", number), until_epoch=until)


def train(target, folder, until=3, state=None, metric="score", **keys):
    trainer = FunctionTrainer(target, str(folder), metric)
    return trainer.train([job(until, **keys)], [state])[0]


def counting(params, epochs):
    for epoch in range(epochs):
        yield {"score": params["x"] * (epoch + 1)}


@pytest.mark.parametrize("told", [0.25, np.float32(0.25), np.array([0.25]), {"score": 0.25}])
def test_a_number_in_any_dress_is_the_metric(tmp_path, told):
    outcome = train(lambda params, epochs: told, tmp_path)
    assert outcome.curve == {"epoch": [1], "score": [0.25]}
    assert outcome.finished
    assert not outcome.diverged


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (None, "a number, or a mapping with 'score', found None"),
        ("good", "found 'good'"),
        (True, "found True"),
        ({"loss": 1.0}, "must have the metric 'score', found 'loss'"),
        ({"score": None}, "a number for 'score', found None"),
        (np.zeros(2), "found array"),
    ],
)
def test_what_is_no_metric_is_a_clear_error(tmp_path, told, message):
    with pytest.raises(TrainerError, match=message):
        train(lambda params, epochs: told, tmp_path)


@pytest.mark.parametrize("told", [float("nan"), float("inf"), 10**400])
def test_an_undefined_number_is_divergence(tmp_path, told):
    outcome = train(lambda params, epochs: told, tmp_path)
    assert outcome.diverged
    assert outcome.curve["score"] == [None]


def test_a_generator_is_closed_after_its_rung_and_trained_again_for_the_next(tmp_path):
    closed = []

    def generator(params, epochs):
        try:
            yield from counting(params, epochs)
        finally:
            closed.append(epochs)

    first = train(generator, tmp_path, until=1)
    assert (first.curve, first.finished) == ({"epoch": [1], "score": [0.5]}, False)
    assert closed == [3]  # and it was told of the full training, whatever the rung
    later = train(generator, tmp_path, until=3, state=first.state)
    assert later.curve == {"epoch": [1, 2, 3], "score": [0.5, 1.0, 1.5]}
    assert later.finished


def saving(params, epochs, checkpoint_dir):
    """Counts its epochs in a file, and tells with each how many this call has trained."""
    file = Path(checkpoint_dir, "epoch")
    done = int(file.read_text()) if file.exists() else 0
    for epoch in range(done, epochs):
        file.write_text(str(epoch + 1))
        yield {"score": epoch + 1, "trained": epoch + 1 - done}


def test_a_generator_goes_on_from_its_checkpoint(tmp_path):
    first = train(saving, tmp_path, until=1)
    later = train(saving, tmp_path, until=3, state=first.state)
    assert later.curve == {"epoch": [2, 3], "score": [2, 3], "trained": [1, 2]}
    again = train(saving, tmp_path, until=3, state=first.state)  # a crash lost its line
    assert again.curve == later.curve


def test_a_piece_that_was_killed_or_not_recorded_leaves_no_trace_in_later_ones(tmp_path):
    first = train(saving, tmp_path, until=1, epochs=9)
    expected = train(saving, tmp_path, until=3, state=first.state, epochs=9)
    work = tmp_path / "state" / "7-0-0" / "work-of-before"
    work.mkdir()
    (work / "epoch").write_text("6")  # half a piece, as kill -9 leaves it
    (tmp_path / "state" / "7-0-0" / "epoch-3" / "epoch").write_text("3")
    assert train(saving, tmp_path, until=3, state=first.state, epochs=9).curve == expected.curve
    assert train(saving, tmp_path, until=3, state=None, epochs=9).curve["trained"] == [1, 2, 3]


def test_a_lost_checkpoint_means_training_from_the_start(tmp_path):
    first = train(saving, tmp_path, until=1)
    shutil.rmtree(tmp_path / "state")
    assert train(saving, tmp_path, state=first.state).curve["epoch"] == [1, 2, 3]


def losing(times):
    """`saving`, from under which another trial removes its folder in its second epoch."""
    calls = []

    def function(params, epochs, checkpoint_dir):
        calls.append(Path(checkpoint_dir).name)
        for told in saving(params, epochs, checkpoint_dir):
            yield told
            if len(calls) <= times:
                shutil.rmtree(Path(checkpoint_dir).parent.parent)

    return function, calls


def test_a_trial_whose_folder_another_removed_is_trained_again(tmp_path):
    first = train(saving, tmp_path, until=1)
    function, calls = losing(times=2)
    later = train(function, tmp_path, until=3, state=first.state)
    assert later.curve == {"epoch": [1, 2, 3], "score": [1, 2, 3], "trained": [1, 2, 3]}
    assert len(set(calls)) == 3


def test_a_trial_whose_folder_is_removed_each_time_fails_in_the_end(tmp_path):
    function, calls = losing(times=99)
    with pytest.raises(FileNotFoundError):
        train(function, tmp_path)
    assert len(calls) == 3


def test_a_trial_that_fails_with_its_folder_in_place_is_trained_once(tmp_path):
    calls = []

    def function(params, epochs, checkpoint_dir):
        calls.append(checkpoint_dir)
        raise FileNotFoundError("my data")

    with pytest.raises(FileNotFoundError, match="my data"):
        train(function, tmp_path)
    assert len(calls) == 1


def test_a_generator_that_ends_early_is_finished(tmp_path):
    outcome = train(lambda params, epochs: counting(params, 2), tmp_path, until=3)
    assert outcome.finished
    assert outcome.curve["epoch"] == [1, 2]


def test_a_generator_that_yields_nothing_or_other_metrics_is_an_error(tmp_path):
    with pytest.raises(TrainerError, match="report metrics after each epoch"):
        train(lambda params, epochs: iter_of([]), tmp_path)
    with pytest.raises(TrainerError, match="epoch 2: the result must have the metric 'score'"):
        train(lambda params, epochs: iter_of([1.0, {"loss": 2.0}]), tmp_path)


def test_a_generator_that_names_its_epochs_names_the_first(tmp_path):
    def late(params, epochs):
        for epoch in range(2, epochs + 1):
            yield {"epoch": epoch, "score": 1.0}

    with pytest.raises(TrainerError, match="must report 'score', found none for epoch 1"):
        train(late, tmp_path)


def test_another_metric_than_the_one_that_counts_may_be_missing_in_an_epoch(tmp_path):
    told = [1.0, {"score": 2, "loss": 3}, {"score": 4, "loss": None, "\udce9": 5}]
    outcome = train(lambda params, epochs: iter_of(told), tmp_path)
    assert not outcome.diverged
    assert outcome.curve == {
        "epoch": [1, 2, 3],
        "score": [1, 2, 4],
        "loss": [None, 3, None],
        r"\udce9": [None, None, 5],
    }


@pytest.mark.parametrize(
    ("told", "value"),
    [(2**70, 2.0**70), (Decimal("0.5"), 0.5), (Fraction(1, 4), 0.25), (-1.7e308, -1.7e308)],
)
def test_every_kind_of_number_is_a_float(tmp_path, told, value):
    curve = train(lambda params, epochs: told, tmp_path).curve
    assert (curve["score"], type(curve["score"][0])) == ([value], float)


def iter_of(values):
    yield from values


def test_a_generator_ends_where_it_diverges(tmp_path):
    outcome = train(lambda params, epochs: iter_of([1.0, float("nan"), 1.0]), tmp_path)
    assert outcome.diverged
    assert outcome.curve == {"epoch": [1, 2], "score": [1.0, None]}


def test_a_function_gets_what_it_names(tmp_path):
    told = {}

    def function(params, epochs, *, seed, trial):
        told.update(params=params, epochs=epochs, seed=seed, trial=trial)
        params.clear()
        return 1.0

    train(function, tmp_path)
    assert told["trial"] == 7
    seeds = {told["seed"]}
    train(function, tmp_path)
    train(function, tmp_path, number=8)
    seeds.add(told["seed"])
    assert len(seeds) == 2
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_function_leaves_the_process_as_it_was(tmp_path):
    def function(params, epochs):
        os.chdir(tmp_path)
        os.environ["LEFT_BEHIND"] = "1"
        sys.path.clear()
        return 1.0

    before = Path.cwd(), list(sys.path), dict(os.environ)
    train(function, tmp_path)
    assert (Path.cwd(), sys.path, dict(os.environ)) == before


def test_a_fork_that_comes_back_ends_and_only_the_parent_answers(tmp_path):
    def function(params, epochs):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            print("from the child")
        return 1.0

    process = os.getpid()
    outcome = train(function, tmp_path)
    if os.getpid() != process:
        (tmp_path / "escaped").touch()
        os._exit(0)
    assert outcome.curve["score"] == [1.0]
    assert not (tmp_path / "escaped").exists()
    assert (tmp_path / "logs" / "trial-7.txt").read_text() == "from the child\n"


def test_what_is_printed_goes_to_the_trial_s_log(tmp_path, capfd):
    def function(params, epochs):
        print("hello")
        os.system("echo from a child >&2")
        return 1.0

    train(function, tmp_path)
    assert (tmp_path / "logs" / "trial-7.txt").read_text() == "hello\nfrom a child\n"
    assert capfd.readouterr() == ("", "")


def test_what_is_printed_without_end_is_cut(tmp_path):
    def function(params, epochs):
        for _ in range(12):
            os.write(1, b"x" * 2**20)
        return 1.0

    train(function, tmp_path)
    log = (tmp_path / "logs" / "trial-7.txt").read_bytes()
    assert len(log) <= 10 * 2**20 + 100
    assert log.endswith(b"[cut by hpsearch: a trial keeps 10,485,760 bytes of output]\n")


def test_a_named_function_is_loaded_from_a_file_with_its_neighbours(tmp_path):
    (tmp_path / "neighbour_of_model.py").write_text("BASE = 2\n")
    (tmp_path / "some_model.py").write_text(
        "def train(params, epochs):\n    from neighbour_of_model import BASE\n"
        "    yield BASE * params['x']\n"
    )
    trainer = FunctionTrainer("some_model.py:train", str(tmp_path), "score", str(tmp_path))
    for number in (1, 2):  # the second call finds the module loaded
        assert trainer.train([job(number=number)], [None])[0].curve["score"] == [1.0]
    assert loaded_call_style("some_model.py:train", str(tmp_path)).generator


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("", "nowhere.py:train", "no such file"),
        ("def fit(): ...", "model_a.py:train", "'train' does not exist; its functions: fit"),
        ("\nimport no_such_module", "model_b.py:train", "ModuleNotFoundError.*line 2"),
        ("import sys; sys.exit(3)", "model_c.py:train", "SystemExit: 3"),
        ("def train(): ...", "model_d.py:train", "must be callable as train"),
        ("def train(**params): ...", "model_f.py:train", "must be callable as train"),
        ("def train(lr, *, units): ...", "model_g.py:train", "missing.*'units'"),
        ("def train(params, epochs, data): ...", "model_e.py:train", "missing.*'data'"),
    ],
)
def test_a_function_that_cannot_be_used_has_one_clear_message(tmp_path, text, target, message):
    if text:
        (tmp_path / target.partition(":")[0]).write_text(text + "\n")
    with pytest.raises(TrainerError, match=message):
        loaded_call_style(target, str(tmp_path))


class Callable:
    def __call__(self, params, epochs):
        return params["x"], epochs

    def method(self, params):
        return params["x"]


def alone(params):
    return params["x"]


def with_data(params, data=None):
    return params["x"], data


def with_epochs(params, n_epochs=9):
    return params["x"], n_epochs


def by_name(params, *, epochs=9, seed=None):
    return params["x"], epochs, seed is not None


def all_by_name(*, params, epochs, trial):
    return params["x"], epochs, trial


def seeded(params, seed):
    return params["x"], seed is not None


def anything(params, *args, **keys):
    return params["x"], args, sorted(keys)


def any_name(params, **keys):
    return params["x"], sorted(keys)


def positional(params, epochs, /):
    return params["x"], epochs


def of_data(data, params, epochs):
    return data, params["x"], epochs


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (alone, 0.5),
        (lambda params: params["x"], 0.5),
        (Callable(), (0.5, 3)),
        (Callable().method, 0.5),
        (with_data, (0.5, None)),
        (partial(with_data, data=7), (0.5, 7)),
        (partial(of_data, 7), (7, 0.5, 3)),
        (with_epochs, (0.5, 3)),
        (by_name, (0.5, 3, True)),
        (all_by_name, (0.5, 3, 7)),
        (seeded, (0.5, True)),
        (anything, (0.5, (3,), ["checkpoint_dir", "seed", "trial"])),
        (any_name, (0.5, ["checkpoint_dir", "epochs", "seed", "trial"])),
        (positional, (0.5, 3)),
        (counting, None),
    ],
)
def test_a_function_is_called_as_its_signature_asks(tmp_path, function, expected):
    told = []

    @wraps(function)
    def asked(*args, **keys):
        told.append(function(*args, **keys))
        return 0.25

    asked.__signature__ = inspect.signature(function)
    if expected is None:
        assert train(function, tmp_path).curve["score"] == [0.5, 1.0, 1.5]
    else:
        assert train(asked, tmp_path).curve["score"] == [0.25]
        assert told == [expected]


def test_a_parameter_called_epochs_is_told_as_any_other(tmp_path):
    def asked(params, epochs):
        return {"score": params["epochs"] + epochs + params["seed"]}

    settings = {"epochs": 1, EPOCHS_PARAMETER: 30, "seed": 0.5}
    one = Job(7, settings, (0, "trial", 7), until_epoch=1)
    (outcome,) = FunctionTrainer(asked, str(tmp_path), "score").train([one], [None])
    assert outcome.curve == {"epoch": [1], "score": [60.5]}

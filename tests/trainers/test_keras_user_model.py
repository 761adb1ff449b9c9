"""A Keras model of the user's: trained in pieces, refused with one message, saved and read."""

import pickle
import textwrap
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hpsearch.data.encoding import Encoding
from hpsearch.errors import DataError, RunError, TrainerError
from hpsearch.store import SafePath
from hpsearch.trainers import alive
from hpsearch.trainers.function.loading import load
from hpsearch.trainers.keras.user_saved import (
    ModelSource,
    SavedModel,
    loaded_extras,
    open_saved,
)
from hpsearch.trainers.keras.user_trainer import KerasModelTrainer
from hpsearch.trainers.protocol import Best, Job

pytestmark = pytest.mark.filterwarnings("ignore")  # the framework's and Keras's own

HEAD = """
    import keras
    from keras import layers

    def network(classes, *more, **compiled):
        model = keras.Sequential([layers.Dense(8), layers.BatchNormalization(momentum=0.5), *more,
                                  layers.Dense(classes)])
        sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(**{"optimizer": keras.optimizers.Adam(0.03), "loss": sparse, **compiled})
        return model
"""
PLAIN = """
    def build(params, classes):
        return network(classes, layers.Dropout(params["dropout"]), metrics=["accuracy"])
"""


@pytest.fixture
def trainer(blobs, framework, tmp_path):
    """A trainer of the model that some lines build, in a file of its own."""

    def made(lines, **options):
        file = tmp_path / f"model_{abs(hash(lines))}.py"
        file.write_text(textwrap.dedent(HEAD) + textwrap.dedent(lines))
        origin = ModelSource(f"{file.name}:build", str(tmp_path), framework)
        return KerasModelTrainer(
            blobs, SafePath(tmp_path), 3, options.pop("metric", "val_loss"), origin, **options
        )

    return made


def job(until=4, number=0, **params):
    settings = {"epochs": 4, "dropout": 0.3, "batch_size": 16, **params}
    return Job(number, settings, (0, number), until)


def test_a_training_cut_in_two_gives_the_same_bits(trainer):
    one = trainer(PLAIN)
    (whole,) = one.train([job()], [None])
    (first,) = one.train([job(until=2)], [None])
    one.train([job(number=7)], [None])  # another trial in the same process meanwhile
    (rest,) = one.train([job()], [first.state])
    for name, values in whole.curve.items():
        assert first.curve[name] + rest.curve[name] == values
    assert (first.finished, rest.finished) == (False, True)
    for name, array in whole.state.items():
        assert array.tobytes() == rest.state[name].tobytes(), name
    assert all(array.dtype != object for array in whole.state.values())  # saved without pickle


def test_every_epoch_reports_the_losses_our_metrics_and_what_the_model_is_compiled_with(trainer):
    reports = []
    (outcome,) = trainer(PLAIN).train([job()], [None], reports.append)
    assert outcome.curve["epoch"] == [1, 2, 3, 4]
    assert set(outcome.curve) == {
        "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
        "val_balanced_accuracy", "val_macro_f1",
    }  # fmt: skip
    assert [report["val_loss"] for report in reports] == outcome.curve["val_loss"]
    assert outcome.curve["train_loss"][-1] < outcome.curve["train_loss"][0]
    assert outcome.curve["val_accuracy"][-1] > 0.6


def test_other_seeds_give_other_weights_and_masks(trainer):
    one = trainer(PLAIN)
    (first,), (second,) = (one.train([job(number=number)], [None]) for number in (0, 1))
    assert first.curve["train_loss"] != second.curve["train_loss"]


def test_val_loss_is_that_of_keras_with_regularisation(trainer, blobs):
    one = trainer(
        """
        def build(params, features, classes):
            model = keras.Sequential([keras.Input((features,)),
                                      layers.Dense(classes, kernel_regularizer="l2")])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("sgd", loss)
            build.made = model
            return model
        """
    )
    (outcome,) = one.train([job()], [None])
    model = load(one.source.target, one.source.home).made
    x, y = (np.load(f"{blobs}/0/{axis}_val.npy") for axis in "xy")
    assert outcome.curve["val_loss"][-1] == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-5
    )


def test_a_loss_that_is_no_number_ends_the_training(trainer):
    (outcome,) = trainer(
        """
        def build(params, classes):
            return network(classes, optimizer=keras.optimizers.SGD(1e30))
        """
    ).train([job()], [None])
    assert outcome.diverged
    assert outcome.state is None
    assert outcome.curve["val_loss"][-1] is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("def build(params):\n        return 3", "must return a compiled keras.Model, found int"),
        (
            "def build(params):\n        return keras.Sequential([layers.Dense(3)])",
            r"found one that is not compiled; call model.compile\(optimizer, loss\)",
        ),
        ("def build(params):\n        return network(3, loss=None)", "found one without a loss"),
        (
            "def build(params):\n        return network(4)",
            r"output must be \(rows, 3\), a number for each class, found \(rows, 4\)",
        ),
        (
            "def build(params):\n        return network(3, loss='categorical_crossentropy')",
            "compile with sparse_categorical_crossentropy",
        ),
        (
            "def build(params):\n        return network(3, layers.Lambda(lambda x: x))",
            "must be one that a .keras file can hold .*Lambda",
        ),
        (
            "def build(params):\n        return network(3, layers.Conv2D(2, 3))",
            "must take rows of 6 numbers, found ValueError",
        ),
    ],
    ids=["no model", "not compiled", "no loss", "outputs", "one-hot", "lambda", "inputs"],
)
def test_a_model_that_cannot_be_trained_here_is_one_clear_message(trainer, lines, message):
    with pytest.raises(TrainerError, match=message) as caught:
        trainer("\n    " + lines).train([job()], [None])
    assert "\n" not in str(caught.value)


def test_what_build_raises_comes_as_it_is(trainer):
    one = trainer("\n    def build(params):\n        return params['units']")
    with pytest.raises(KeyError, match="units"):
        one.train([job()], [None])


def test_a_build_that_cannot_be_called_is_told_before_anything_trains(trainer):
    one = trainer("\n    def build():\n        return network(3)")
    with pytest.raises(TrainerError, match=r"callable as build\(params\), and any of features"):
        loaded_extras(one.source)
    assert loaded_extras(trainer(PLAIN).source) == ("classes",)


def test_a_metric_that_the_model_does_not_report_names_those_that_it_does(trainer):
    with pytest.raises(TrainerError, match=r"the metric 'val_auc', found 'train_.*'val_macro_f1'"):
        trainer(PLAIN, metric="val_auc").train([job()], [None])


def test_a_state_of_another_model_is_refused(trainer):
    (before,) = trainer(PLAIN).train([job(until=2)], [None])
    other = trainer("\n    def build(params):\n        return network(3, layers.Dense(5))")
    with pytest.raises(TrainerError, match="must build the model that the trial began with"):
        other.train([job()], [before.state])


def test_the_best_epoch_keeps_its_weights(trainer):
    one = trainer(PLAIN, best=Best("train_loss", "maximize"))  # the first epoch, surely
    (whole,) = one.train([job()], [None])
    (first,) = one.train([job(until=1)], [None])
    for name in (name for name in whole.state if name.startswith("kept")):
        np.testing.assert_array_equal(whole.state[name], first.state[name])
    np.testing.assert_array_equal(first.state["kept_0"], first.state["weights_0"])
    assert (whole.state["kept_0"] != whole.state["weights_0"]).any()


@pytest.mark.parametrize("ending", ["logits", "softmax"])
def test_the_saved_file_takes_raw_rows_and_gives_the_models_probabilities(
    trainer, tmp_path, ending
):
    softmax = "" if ending == "logits" else "layers.Softmax()"
    one = trainer(
        f"""
        @keras.saving.register_keras_serializable()
        class Twice(layers.Layer):
            def call(self, x):
                return 2 * x

        def loss(y, outputs):
            from_logits = {ending == "logits"}
            return keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits)

        def build(params, classes):
            model = network(classes, Twice())
            model = keras.Sequential([model, *[{softmax}]])
            model.compile("adam", loss)
            return model
        """
    )
    (outcome,) = one.train([job()], [None])
    rng = np.random.default_rng(0)
    mean, scale = 1e7 * rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    path = SafePath(tmp_path) / "model.keras"
    one.export(path, job(), outcome.state, mean, scale)
    encoding = Encoding(
        tuple("abcdef"), {}, ("x", "y", "z"), None, None, mean, scale, ("x", "y", "z")
    )
    SavedModel(path, encoding, one.source).save()
    saved = open_saved(path, trusted=True)
    assert pickle.loads(pickle.dumps(saved.source)) == one.source
    assert saved.class_names.tolist() == ["x", "y", "z"]

    x, y = (np.load(f"{one.folder}/0/{axis}_val.npy") for axis in "xy")
    shares = saved.probabilities(x.astype(float) * scale + mean)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert np.mean(shares.argmax(axis=1) == y) == outcome.curve["val_accuracy"][-1]
    assert -np.log(shares[np.arange(len(y)), y]).mean() == pytest.approx(
        outcome.curve["val_loss"][-1], rel=1e-5
    )
    with pytest.raises(DataError, match="must have the 6 features"):
        saved.probabilities(np.zeros((2, 5)))
    with pytest.raises(DataError, match=r"row 0, feature 1 .* must be a finite number"):
        saved.probabilities(np.array([[0, np.nan, 0, 0, 0, 0]]))


def test_the_file_that_a_run_directory_names_is_run_only_if_it_is_trusted(trainer, tmp_path):
    one = trainer(PLAIN)
    (outcome,) = one.train([job()], [None])
    path, marker = SafePath(tmp_path) / "model.keras", tmp_path / "owned"
    one.export(path, job(), outcome.state, np.zeros(6), np.ones(6))
    (tmp_path / "stranger.py").write_text(f"open({str(marker)!r}, 'w')\ndef build(params): pass\n")
    origin = replace(one.source, target="stranger.py:build", home=str(tmp_path))
    encoding = Encoding(
        tuple("abcdef"), {}, ("x", "y", "z"), None, None, np.zeros(6), np.ones(6), ("x", "y", "z")
    )
    SavedModel(path, encoding, origin).save()
    shares = open_saved(path).probabilities(np.zeros((1, 6)))
    assert not marker.exists()
    trusting = open_saved(path, trusted=True).probabilities(np.zeros((1, 6)))
    assert marker.exists()
    np.testing.assert_array_equal(shares, trusting)


def test_damaged_files_of_a_saved_model_are_told(trainer, tmp_path):
    encoding = Encoding(("a",), {}, ("x", "y"), None, None, np.zeros(1), np.ones(1), ("x", "y"))
    origin = trainer(PLAIN).source
    path = SafePath(tmp_path) / "model.keras"
    with pytest.raises(RunError, match=r"model.json: must be what hpsearch wrote .*No such file"):
        open_saved(path)
    SavedModel(path, encoding, origin).save()
    path.write_bytes(b"no archive")
    with pytest.raises(RunError, match=r"model.keras: cannot be read as a Keras model"):
        open_saved(path).probabilities(np.zeros((1, 1)))
    beside = tmp_path / "model.json"
    beside.write_text(beside.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(RunError, match="format 2, but this hpsearch reads 1"):
        open_saved(path)


STEERED = """
    def build(params, features, classes):
        build.calls = getattr(build, "calls", 0) + 1
        more = [layers.Dropout(params["dropout"])]
        if params.get("norm"):
            more.append(layers.BatchNormalization())
        rule = getattr(keras.optimizers, params.get("rule", "Adam"))
        units = params.get("units", 8)
        model = keras.Sequential([keras.Input((features,)), layers.Dense(units), *more,
                                  layers.Dense(classes)])
        model.layers[0].trainable = not params.get("freeze", False)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(rule(params["rate"]), loss)
        return model
"""


@pytest.fixture
def steered(trainer):
    """A trainer, and a way to train a piece after changes: (epoch, {name: value})."""
    yield (one := trainer(STEERED)), partial(piece, one)
    alive.release()


def piece(one, until, *changes, state=None, number=0):
    settings, earlier = {"epochs": 9, "dropout": 0.3, "rate": 0.03, "batch_size": 16}, []
    for epoch, change in changes:
        earlier.append((epoch, settings))
        settings = {**settings, **change}
    begun = Job(number, settings, (0, 0), until, earlier=tuple(earlier), steered=True)
    return one.train([begun], [state])[0]


def calls(one):
    return load(one.source.target, one.source.home).calls


def bits(state):
    return {name: (array.dtype, array.shape, array.tobytes()) for name, array in state.items()}


def test_a_steered_model_stays_alive_between_its_pieces_with_the_bits_of_building_it_anew(steered):
    one, train = steered
    whole = train(4)
    states = [None]
    begun = calls(one)
    for epoch in range(1, 5):
        states.append(train(epoch, state=states[-1]).state)
    assert calls(one) == begun + 1
    assert bits(states[-1]) == bits(whole.state)
    for epoch in range(2, 5):
        alive.release()
        assert bits(train(epoch, state=states[epoch - 1]).state) == bits(states[epoch])
    assert calls(one) == begun + 4
    train(4, state=states[3])  # what is alive is after epoch 4
    assert calls(one) == begun + 5


@pytest.mark.parametrize(
    "change", [{"rate": 0.001}, {"dropout": 0.0}, {"batch_size": 32}], ids=lambda each: min(each)
)
def test_a_change_goes_on_the_same_from_any_saved_state(steered, change):
    _, train = steered
    two = train(2)
    whole = train(5, (2, change), state=two.state)
    assert whole.remarks == ()
    alive.release()
    tried = train(2, (2, change), state=two.state)
    assert (tried.curve, tried.finished) == ({"epoch": []}, False)
    three = train(3, (2, change), state=two.state)
    for forget in (False, True):
        if forget:
            alive.release()
        rest = train(5, (2, change), state=three.state)
        assert three.curve["val_loss"] + rest.curve["val_loss"] == whole.curve["val_loss"]
        assert bits(rest.state) == bits(whole.state)
    same = train(5, state=two.state)
    assert same.curve["train_loss"] != whole.curve["train_loss"]


def test_a_learning_rate_that_the_state_has_becomes_the_new_one_and_the_moments_stay(steered):
    _, train = steered
    two = train(2)
    tried = train(2, (2, {"rate": 0.001}), state=two.state)
    differing = [name for name in two.state if (two.state[name] != tried.state[name]).any()]
    (name,) = differing
    assert name.startswith("optimizer_")
    assert (two.state[name], tried.state[name]) == (pytest.approx(0.03), pytest.approx(0.001))
    back = train(3, (2, {"rate": 0.001}), (2, {"rate": 0.03}), state=two.state)
    assert bits(back.state) == bits(train(3, state=two.state).state)


@pytest.mark.parametrize("rule", ["SGD", "Nadam", "RMSprop"])
def test_another_optimizer_begins_with_variables_of_its_own(steered, rule):
    _, train = steered
    two = train(2)
    three = train(3, (2, {"rule": rule}), state=two.state)
    assert three.remarks == (f"optimizer: the variables of {rule} start anew",)
    assert np.isfinite(three.curve["val_loss"]).all()
    four = train(4, (2, {"rule": rule}), state=three.state)
    assert four.remarks == ()


def test_layers_that_are_no_longer_trained_keep_their_weights(steered):
    _, train = steered
    two = train(2)
    tried = train(2, (2, {"freeze": True}), state=two.state)
    assert tried.remarks == ("optimizer: the variables of Adam start anew",)
    before, after = (
        sorted((array.shape, array.tobytes()) for name, array in each.items() if "weights" in name)
        for each in (two.state, tried.state)
    )
    assert before == after
    three = train(3, (2, {"freeze": True}), state=two.state)
    four = train(4, (2, {"freeze": True}), (3, {"freeze": False}), state=three.state)
    assert four.curve["epoch"] == [4]


@pytest.mark.parametrize("change", [{"units": 9}, {"norm": True}], ids=["units", "norm"])
def test_a_change_of_the_layers_shapes_is_refused_with_what_changed(steered, change):
    _, train = steered
    two = train(2)
    message = rf"a change of {min(change)} must leave the layers their shapes, .* hpsearch babysit"
    with pytest.raises(TrainerError, match=message):
        train(2, (2, change), state=two.state)
    assert train(3, state=two.state).curve["epoch"] == [3]


def test_a_parameter_that_build_does_not_read_is_said(steered):
    one, train = steered
    two = train(2)
    three = train(3, (2, {"moment": 0.5, "rate": 0.01, "batch_size": 32}), state=two.state)
    assert three.remarks == (f"{one.source.target} did not read 'moment'",)


def test_the_best_epochs_weights_are_those_of_before_a_change(trainer):
    one = trainer(STEERED, best=Best("train_loss", "maximize"))  # the first epoch, surely
    two = piece(one, 2)
    three = piece(one, 3, (2, {"freeze": True}), state=two.state)
    alive.release()
    before, after = (
        sorted((array.shape, array.tobytes()) for name, array in each.items() if "kept_" in name)
        for each in (two.state, three.state)
    )
    assert before == after

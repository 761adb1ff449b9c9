"""A Keras model of the user's: trained in pieces, refused with one message, saved and read."""

import pickle
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from hpsearch.data.encoding import Encoding
from hpsearch.errors import DataError, RunError, TrainerError
from hpsearch.store import SafePath
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
    from hpsearch.trainers.function.loading import load

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

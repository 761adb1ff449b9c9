import os
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from hpsearch.errors import TrainerError, install
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.store import SafePath
from hpsearch.trainers.keras import framework as start_up
from hpsearch.trainers.keras.frameworks import FRAMEWORKS
from hpsearch.trainers.keras.kind import KIND
from hpsearch.trainers.keras.trainer import KerasTrainer
from hpsearch.trainers.network.model import model_from_state
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

pytestmark = pytest.mark.filterwarnings("ignore")  # the framework's and Keras's own

SMALL = {"epochs": 4, "hidden_layers": 2, "hidden_units": [8, 6], "batch_size": 16}


def job(number=0, until=4, **options):
    return Job(number, {**SMALL, **options}, (0, number), until)


@pytest.fixture
def trainer(blobs, framework):
    return KerasTrainer(blobs, 3, backend=framework)


@pytest.fixture
def assert_parity(blobs, trainer):
    """Train a job with NumPy and with Keras, and compare the outcomes.

    Float32 has 1.2e-7 between neighbours; found were at most 2e-7 in losses and 1e-5 in params.
    """

    def check(**options):
        numpy, keras = (
            each.train([job(**options)], [None])[0] for each in (NetworkTrainer(blobs, 3), trainer)
        )
        for name in ("train_loss", "val_loss"):
            np.testing.assert_allclose(keras.curve[name], numpy.curve[name], rtol=2e-6)
        for name in ("params", "statistics", "moments"):
            np.testing.assert_allclose(keras.state[name], numpy.state[name], rtol=1e-4, atol=1e-5)

    return check


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("batch_norm", [True, False])
def test_keras_takes_the_steps_of_the_numpy_network(assert_parity, optimizer, batch_norm):
    rate = 0.003 if optimizer in ("adam", "adamw", "rmsprop") else 0.1
    options = {"l2": 0.05, "epsilon": 1e-3, "warmup": 1.5, "schedule": "cosine"}
    assert_parity(optimizer=optimizer, batch_norm=batch_norm, learning_rate=rate, **options)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_agrees(assert_parity, activation):
    average = "mean" if activation == "relu" else "ewma"
    assert_parity(
        activation=activation,
        batch_norm_average=average,
        batch_norm_epsilon=0.01,
        learning_rate=0.05,
        optimizer="momentum",
    )


def test_softmax_regression_agrees(assert_parity):
    assert_parity(hidden_layers=0, hidden_units=[], learning_rate=0.05)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_class_weights_agree(tmp_path, framework, batch_norm):
    rng = np.random.default_rng(0)
    (tmp_path / "0").mkdir()
    for part, counts in (("train", (90, 40, 20)), ("val", (20, 20, 20))):
        y = np.repeat(np.arange(3), counts)
        x = rng.standard_normal((len(y), 6)) + y[:, None]
        np.save(tmp_path / "0" / f"x_{part}.npy", x.astype(np.float32))
        np.save(tmp_path / "0" / f"y_{part}.npy", y)
    losses = {}
    for weight in ("none", "balanced"):
        each = job(class_weight=weight, batch_norm=batch_norm, learning_rate=0.05)
        trainers = (
            NetworkTrainer(str(tmp_path), 3),
            KerasTrainer(str(tmp_path), 3, backend=framework),
        )
        numpy, keras = (trainer.train([each], [None])[0] for trainer in trainers)
        np.testing.assert_allclose(keras.curve["train_loss"], numpy.curve["train_loss"], rtol=2e-6)
        losses[weight] = keras.curve["train_loss"]
    assert losses["none"] != pytest.approx(losses["balanced"], rel=1e-2)


def test_a_training_cut_in_two_gives_the_same_bits(trainer):
    options = {"dropout": 0.3, "batch_norm_average": "mean"}
    (whole,) = trainer.train([job(**options)], [None])
    (first,) = trainer.train([job(until=2, **options)], [None])
    trainer.train([job(7, **options)], [None])  # another trial uses the same program meanwhile
    (rest,) = trainer.train([job(**options)], [first.state])
    for name, values in whole.curve.items():
        assert first.curve[name] + rest.curve[name] == values
    assert whole.state["params"].tobytes() == rest.state["params"].tobytes()


def test_a_trial_does_not_depend_on_its_company(trainer):
    jobs = [job(number, learning_rate=0.1 / (1 + number), dropout=0.2) for number in range(2)]
    together = trainer.train(jobs, [None, None])
    for each, outcome in zip(jobs, together, strict=True):
        (alone,) = trainer.train([each], [None])
        assert alone.curve == outcome.curve
    assert [len(group) for group in trainer.groups(jobs)] == [1, 1]


def test_dropout_changes_the_steps_and_follows_the_seed(trainer):
    losses = [
        trainer.train([job(dropout=rate)], [None])[0].curve["train_loss"] for rate in (0, 0.5, 0.5)
    ]
    assert losses[1] == losses[2]
    assert losses[1] != losses[0]


def test_a_training_that_diverges_ends_and_has_no_state(trainer):
    (outcome,) = trainer.train(
        [job(learning_rate=1e30, optimizer="sgd", batch_norm=False)], [None]
    )
    assert outcome.diverged
    assert outcome.state is None
    assert len(outcome.curve["epoch"]) < 4


def test_the_trainer_pickles_for_workers():
    trainer = KerasTrainer("data", 3, backend="jax", threads=2)
    assert pickle.loads(pickle.dumps(trainer)) == trainer


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_keras_file_predicts_as_the_numpy_model(trainer, tmp_path, activation):
    settings = {**SMALL, "activation": activation, "dropout": 0.1}
    (outcome,) = trainer.train([Job(0, settings, (0, 0), 4)], [None])
    generator = np.random.default_rng(0)
    model = model_from_state(
        settings,
        outcome.state,
        mean=generator.standard_normal(6),
        scale=generator.uniform(0.5, 2, 6),
        class_names=np.array(["a", "b", "c"]),
    )
    path = tmp_path / "model.keras"
    trainer.export(SafePath.of(path), model)
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]
    rows = generator.standard_normal((20, 6))

    import keras

    found = keras.saving.load_model(path, compile=False).predict(rows, verbose=0)
    np.testing.assert_allclose(found, model.probabilities(rows), atol=1e-5)


@pytest.mark.parametrize(("framework", "extra"), [("jax", "keras-jax"), ("torch", "keras-torch")])
def test_a_missing_framework_says_which_extra_has_it(monkeypatch, framework, extra):
    monkeypatch.setattr(start_up, "find_spec", lambda name: None if name == framework else 1)
    told = re.escape(f"({framework}); install them with: {install(extra)}")
    with pytest.raises(TrainerError, match=told):
        start_up.check_installed(framework)


def test_one_process_takes_one_framework(framework):
    start_up.start(framework, 1)
    other = next(name for name in FRAMEWORKS if name != framework)
    with pytest.raises(TrainerError, match=f"must run on {other}, but .* on {framework}; set"):
        start_up.start(other, 1)
    assert os.environ["KERAS_BACKEND"] == framework


def test_a_training_whose_settings_change_is_that_of_the_numpy_network(blobs, trainer):
    begun = job(until=2)
    change = {"optimizer": "momentum", "l2": 0.05, "batch_size": 32, "learning_rate": 0.05}
    after = replace(job(**change), earlier=((2, begun.settings),))
    outcomes = []
    for each in (NetworkTrainer(blobs, 3), trainer):
        (first,) = each.train([begun], [None])
        (tried,) = each.train([replace(after, until_epoch=2)], [first.state])
        (rest,) = each.train([after], [first.state])
        assert (tried.curve["epoch"], rest.curve["epoch"]) == ([], [3, 4])
        assert tried.remarks == rest.remarks == ("optimizer: the moments of momentum start anew",)
        outcomes.append(rest)
    numpy, keras = outcomes
    np.testing.assert_allclose(keras.curve["val_loss"], numpy.curve["val_loss"], rtol=2e-6)
    np.testing.assert_allclose(keras.state["moments"], numpy.state["moments"], atol=1e-5)
    seen, as_seen = (KIND.health(trainer, after, outcome.state) for outcome in outcomes)
    np.testing.assert_allclose(
        [(layer.weight, layer.gradient, layer.update) for layer in seen],
        [(layer.weight, layer.gradient, layer.update) for layer in as_seen],
        rtol=1e-3,
    )

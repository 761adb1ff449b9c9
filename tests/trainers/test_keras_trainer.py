import importlib.util
import pickle

import numpy as np
import pytest

from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.trainers.keras import KerasTrainer, export_model
from hpsearch.trainers.network import NetworkTrainer
from hpsearch.trainers.network.model import model_from_state
from hpsearch.trainers.protocol import Job

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="needs the [keras] extra"
    ),
    pytest.mark.filterwarnings("ignore"),  # TensorFlow's and Keras's own
]

SMALL = {"epochs": 4, "hidden_layers": 2, "hidden_units": [8, 6], "batch_size": 16}


def job(number=0, until=4, **options):
    return Job(number, {**SMALL, **options}, (0, number), until)


def both(blobs, **options):
    """The outcomes of NumPy and of Keras for one job."""
    return [
        kind(blobs, 3).train([job(**options)], [None])[0]
        for kind in (NetworkTrainer, KerasTrainer)
    ]


def assert_parity(numpy, keras):
    for name in ("train_loss", "val_loss"):
        np.testing.assert_allclose(keras.curve[name], numpy.curve[name], rtol=2e-4)
    for name in ("params", "statistics", "moments"):
        np.testing.assert_allclose(keras.state[name], numpy.state[name], rtol=5e-3, atol=5e-4)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("batch_norm", [True, False])
def test_keras_takes_the_steps_of_the_numpy_network(blobs, optimizer, batch_norm):
    rate = 0.003 if optimizer in ("adam", "adamw", "rmsprop") else 0.1
    options = {"l2": 0.05, "epsilon": 1e-3, "warmup": 1.5, "schedule": "cosine"}
    assert_parity(
        *both(blobs, optimizer=optimizer, batch_norm=batch_norm, learning_rate=rate, **options)
    )


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_agrees(blobs, activation):
    average = "mean" if activation == "relu" else "ewma"
    weight = "balanced" if activation == "tanh" else "none"
    assert_parity(
        *both(
            blobs,
            activation=activation,
            batch_norm_average=average,
            class_weight=weight,
            batch_norm_epsilon=0.01,
            learning_rate=0.05,
            optimizer="momentum",
        )
    )


def test_softmax_regression_agrees(blobs):
    assert_parity(*both(blobs, hidden_layers=0, hidden_units=[], learning_rate=0.05))


def test_a_training_cut_in_two_gives_the_same_bits(blobs):
    trainer = KerasTrainer(blobs, 3)
    options = {"dropout": 0.3, "batch_norm_average": "mean"}
    (whole,) = trainer.train([job(**options)], [None])
    (first,) = trainer.train([job(until=2, **options)], [None])
    trainer.train([job(7, **options)], [None])  # another trial uses the same program meanwhile
    (rest,) = trainer.train([job(**options)], [first.state])
    for name, values in whole.curve.items():
        assert first.curve[name] + rest.curve[name] == values
    assert whole.state["params"].tobytes() == rest.state["params"].tobytes()


def test_a_trial_does_not_depend_on_its_company(blobs):
    trainer = KerasTrainer(blobs, 3)
    jobs = [job(number, learning_rate=0.1 / (1 + number), dropout=0.2) for number in range(2)]
    together = trainer.train(jobs, [None, None])
    for each, outcome in zip(jobs, together, strict=True):
        (alone,) = trainer.train([each], [None])
        assert alone.curve == outcome.curve
    assert [len(group) for group in trainer.groups(jobs)] == [1, 1]


def test_dropout_changes_the_steps_and_follows_the_seed(blobs):
    trainer = KerasTrainer(blobs, 3)
    losses = [
        trainer.train([job(dropout=rate)], [None])[0].curve["train_loss"] for rate in (0, 0.5, 0.5)
    ]
    assert losses[1] == losses[2]
    assert losses[1] != losses[0]


def test_a_training_that_diverges_ends_and_has_no_state(blobs):
    (outcome,) = KerasTrainer(blobs, 3).train(
        [job(learning_rate=1e30, optimizer="sgd", batch_norm=False)], [None]
    )
    assert outcome.diverged
    assert outcome.state is None
    assert len(outcome.curve["epoch"]) < 4


def test_the_trainer_pickles_for_workers(blobs):
    trainer = KerasTrainer(blobs, 3, threads=2)
    assert pickle.loads(pickle.dumps(trainer)) == trainer


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_keras_file_predicts_as_the_numpy_model(blobs, tmp_path, activation):
    import keras

    settings = {**SMALL, "activation": activation, "dropout": 0.1}
    (outcome,) = KerasTrainer(blobs, 3).train([Job(0, settings, (0, 0), 4)], [None])
    generator = np.random.default_rng(0)
    model = model_from_state(
        settings,
        outcome.state,
        mean=generator.standard_normal(6),
        scale=generator.uniform(0.5, 2, 6),
        class_names=np.array(["a", "b", "c"]),
    )
    path = tmp_path / "model.keras"
    export_model(path, model)
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]
    rows = generator.standard_normal((20, 6))
    found = keras.saving.load_model(path, compile=False).predict(rows, verbose=0)
    np.testing.assert_allclose(found, model.probabilities(rows), atol=1e-5)

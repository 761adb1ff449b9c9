"""The network in pieces, each under other settings: what a change does to a training."""

import io

import numpy as np
import pytest

from hpsearch.errors import TrainerError
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS
from hpsearch.trainers.network.kind import KIND
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Best, Job

BEGUN = {"epochs": 6, "hidden_units": 8, "batch_size": 16, "learning_rate": 0.02}

CHANGES = {
    "learning_rate": 0.001,
    "learning_rate_decay": 0.5,
    "schedule": "cosine",
    "warmup": 3.5,
    "optimizer": "momentum",
    "momentum": 0.5,
    "beta1": 0.5,
    "beta2": 0.9,
    "epsilon": 0.1,
    "l2": 0.1,
    "dropout": 0.3,
    "batch_size": 32,
    "patience": 1,
    "class_weight": "balanced",
    "batch_norm_decay": 0.5,
    "epochs": 9,
}
SETTLED = {"hidden_layers", "hidden_units", "activation", "batch_norm", "batch_norm_average",
           "batch_norm_epsilon", "initializer", "track_shift"}  # fmt: skip


def job(until, *changes, **begun):
    """A piece of a training whose settings change, each time at an epoch: (epoch, changes)."""
    settings, earlier = {**BEGUN, **begun}, []
    for epoch, change in changes:
        earlier.append((epoch, settings))
        settings = {**settings, **change}
    return Job(0, settings, (0, 0), until, earlier=tuple(earlier), steered=True)


def through_a_file(state):
    """The state as a run directory gives it back."""
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


def bits(state):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in state.items()}


@pytest.fixture
def trainer(blobs):
    return NetworkTrainer(blobs, 3, Best("val_loss", "minimize"))


def test_every_hyperparameter_can_change_or_says_why_it_cannot():
    assert {name for name, h in HYPERPARAMETERS.items() if h.constant} == SETTLED
    assert set(CHANGES) == set(HYPERPARAMETERS) - SETTLED
    assert all(HYPERPARAMETERS[n].constant.endswith("hpsearch babysit") for n in SETTLED)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_goes_on_the_same_from_any_saved_state_and_can_be_taken_back(trainer, name):
    change, back = (2, {name: CHANGES[name]}), (4, {name: HYPERPARAMETERS[name].default})
    if name in BEGUN:
        back = (4, {name: BEGUN[name]})
    options = {"optimizer": "momentum"} if name == "momentum" else {}
    options |= {"learning_rate_decay": 0.1} if name == "schedule" else {}
    (begun,) = trainer.train([job(2, **options)], [None])
    (whole,) = trainer.train([job(4, change, **options)], [begun.state])
    first, second = job(3, change, **options), job(4, change, **options)
    (half,) = trainer.train([first], [through_a_file(begun.state)])
    (rest,) = trainer.train([second], [through_a_file(half.state)])
    for curve in half.curve:
        assert half.curve[curve] + rest.curve[curve] == whole.curve[curve]
    assert bits(rest.state) == bits(whole.state)
    (untouched,) = trainer.train([job(4, **options)], [begun.state])
    if name not in ("patience", "epochs", "class_weight"):  # the classes here weigh the same
        assert whole.curve["val_loss"] != untouched.curve["val_loss"]
    (after,) = trainer.train([job(6, change, back, **options)], [whole.state])
    assert after.curve["epoch"] == [5, 6]
    assert after.finished
    assert after.remarks == (
        ("optimizer: the moments of adam start anew",) if name == "optimizer" else ()
    )


def test_a_change_that_changes_nothing_keeps_the_bits(trainer):
    (whole,) = trainer.train([job(6)], [None])
    (begun,) = trainer.train([job(3)], [None])
    (rest,) = trainer.train([job(6, (3, {"learning_rate": 0.02}))], [begun.state])
    assert bits(rest.state) == bits(whole.state)
    assert rest.remarks == ()


@pytest.mark.parametrize("before", OPTIMIZERS)
@pytest.mark.parametrize("after", OPTIMIZERS)
def test_another_optimizer_begins_with_moments_of_zero(trainer, before, after):
    (begun,) = trainer.train([job(2, optimizer=before)], [None])
    change = (2, {"optimizer": after})
    (tried,) = trainer.train([job(2, change, optimizer=before)], [begun.state])
    assert tried.curve["epoch"] == []
    assert not tried.finished
    (next_one,) = trainer.train([job(3, change, optimizer=before)], [begun.state])
    assert tried.remarks == next_one.remarks
    assert tried.state["moments"].shape[0] == OPTIMIZERS[after].moments
    if before == after:
        assert bits(tried.state) == bits(begun.state)
        assert tried.remarks == ()
        return
    assert not tried.state["moments"].any()
    assert not tried.state["moment_weights"].any()
    assert len(tried.remarks) == 1
    assert tried.remarks[0].startswith("optimizer: ")
    (again,) = trainer.train([job(3, change, optimizer=before)], [tried.state])
    assert bits(again.state) == bits(next_one.state)
    (later,) = trainer.train([job(4, change, optimizer=before)], [next_one.state])
    assert later.remarks == ()  # once


def test_a_piece_of_no_epochs_gives_the_state_back(trainer):
    (begun,) = trainer.train([job(2)], [None])
    (tried,) = trainer.train([job(2, (2, {"l2": 0.1}))], [begun.state])
    assert bits(tried.state) == bits(begun.state)
    (fresh,) = trainer.train([job(0)], [None])
    (whole,), (from_fresh,) = (trainer.train([job(2)], [each]) for each in (None, fresh.state))
    assert bits(whole.state) == bits(from_fresh.state)


def test_a_change_that_no_network_can_have_is_refused_where_it_is_tried(trainer):
    (begun,) = trainer.train([job(2)], [None])
    with pytest.raises(TrainerError, match="batch_size: must be at least 2 with batch norm"):
        trainer.train([job(2, (2, {"batch_size": 1}))], [begun.state])


def test_a_patience_that_is_over_ends_a_training_and_a_longer_one_goes_on(trainer):
    begun = {"learning_rate": 0.05, "epochs": 200, "patience": 3}
    (over,) = trainer.train([job(200, **begun)], [None])
    waited, epoch = int(over.state["waited"]), int(over.state["epoch"])
    assert (over.finished, waited) == (True, 3)
    (more,) = trainer.train([job(200, (epoch, {"patience": 5}), **begun)], [over.state])
    assert more.curve["epoch"][0] == epoch + 1
    (less,) = trainer.train([job(200, (epoch, {"patience": 1}), **begun)], [over.state])
    assert (less.finished, less.curve["epoch"]) == (True, [])


def test_the_health_of_each_layer_is_measured_by_a_state_alone(trainer):
    change = (2, {"optimizer": "momentum", "class_weight": "balanced", "dropout": 0.2})
    options = {"hidden_layers": 2}
    (begun,) = trainer.train([job(2, **options)], [None])
    before = bits(begun.state)
    for one in (job(2, **options), job(2, change, **options)):
        found = KIND.health(trainer, one, begun.state)
        assert [layer.name for layer in found] == ["hidden 1", "hidden 2", "output"]
        assert all(layer.weight > layer.update > 0 < layer.gradient for layer in found)
        assert [layer.dead is None for layer in found] == [False, False, True]
        assert [layer.shift is None for layer in found] == [False, False, True]
    assert bits(begun.state) == before
    last = job(6, schedule="cosine", **options)
    (end,) = trainer.train([last], [None])
    assert all(layer.update > 0 for layer in trainer.health(last, end.state))


def test_a_number_of_a_layer_that_is_undefined_is_none(trainer):
    (begun,) = trainer.train([job(2, batch_norm=False)], [None])
    begun.state["params"] = np.full_like(begun.state["params"], 3e38)
    first, _ = trainer.health(job(2, batch_norm=False), begun.state)
    assert (first.gradient, first.update) == (None, None)
    assert first.weight == pytest.approx(3e38 * 48**0.5)

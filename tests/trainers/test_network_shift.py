import numpy as np
import pytest

from hpsearch.trainers.network.hyperparameters import METRICS, SHIFT_METRICS
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

SMALL = {"epochs": 5, "hidden_units": 8, "hidden_layers": 2, "batch_size": 16}


def job(number=0, until=5, *, rung=0, **options):
    return Job(number, {**SMALL, "track_shift": True, **options}, (0, number), until, rung)


@pytest.fixture
def trainer(blobs):
    return NetworkTrainer(blobs, 3)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_every_epoch_but_the_first_has_a_shift(trainer, batch_norm):
    (outcome,) = trainer.train([job(batch_norm=batch_norm)], [None])
    assert not outcome.diverged
    assert outcome.finished
    for name in SHIFT_METRICS:
        first, *later = outcome.curve[name]
        assert first is None
        assert len(later) == 4
        assert all(value > 0 for value in later)


def test_tracking_changes_nothing_else(trainer):
    (tracked,), (plain,) = (
        trainer.train([job(track_shift=tracking)], [None]) for tracking in (True, False)
    )
    assert plain.curve.keys() == {"epoch", *METRICS}
    assert {name: tracked.curve[name] for name in plain.curve} == plain.curve
    assert tracked.curve.keys() - plain.curve.keys() == set(SHIFT_METRICS)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("cut", [1, 2, 4])
def test_training_in_pieces_gives_the_shifts_of_training_in_one(trainer, batch_norm, cut):
    (whole,) = trainer.train([job(batch_norm=batch_norm)], [None])
    (first,) = trainer.train([job(until=cut, batch_norm=batch_norm)], [None])
    (second,) = trainer.train([job(rung=1, batch_norm=batch_norm)], [first.state])
    for name in SHIFT_METRICS:
        assert first.curve[name] + second.curve[name] == whole.curve[name]


def test_a_stacked_trial_has_the_shifts_it_has_alone(trainer):
    jobs = [job(number, learning_rate=10.0**-number) for number in (1, 2, 3)]
    together = trainer.train(jobs, [None] * 3)
    for one, outcome in zip(jobs, together, strict=True):
        (alone,) = trainer.train([one], [None])
        assert outcome.curve == alone.curve


def test_a_larger_learning_rate_moves_the_units_further(trainer):
    far, near = trainer.train(
        [job(optimizer="sgd", learning_rate=rate) for rate in (0.1, 0.001)], [None] * 2
    )
    for name in SHIFT_METRICS:
        assert np.mean(far.curve[name][1:]) > 5 * np.mean(near.curve[name][1:])


def test_a_diverged_network_has_no_shift_and_says_so_without_a_warning(trainer):
    options = {"batch_norm": False, "optimizer": "sgd", "learning_rate": 1e30}
    (outcome,) = trainer.train([job(**options)], [None])
    assert outcome.diverged
    assert [outcome.curve[name] for name in SHIFT_METRICS] == [[None], [None]]


def test_softmax_regression_has_nothing_to_track_and_does_not_diverge(trainer):
    (outcome,) = trainer.train([job(hidden_layers=0)], [None])
    assert not outcome.diverged
    assert outcome.curve["mean_shift"] == [None] * 5

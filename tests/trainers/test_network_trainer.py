import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.errors import DataError, TrainerError
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.optimizers import OPTIMIZERS
from hpsearch.trainers.network.hyperparameters import METRICS
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

SMALL = {"epochs": 6, "hidden_units": 8, "batch_size": 16}


def job(number=0, until=6, *, rung=0, **options):
    return Job(number, {**SMALL, **options}, (0, number), until, rung)


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
    return NetworkTrainer(blobs, 3)


def test_the_network_learns_and_reports_every_metric(trainer):
    reports = []
    (outcome,) = trainer.train([job()], [None], reports.append)
    assert outcome.curve.keys() == {"epoch", *METRICS}
    assert outcome.curve["epoch"] == [1, 2, 3, 4, 5, 6]
    assert outcome.finished
    assert not outcome.diverged
    assert outcome.curve["val_accuracy"][-1] > 0.9
    assert outcome.curve["train_loss"][-1] < outcome.curve["train_loss"][0]
    assert reports == [
        {name: values[k] for name, values in outcome.curve.items()} for k in range(6)
    ]


@given(
    cuts=st.sets(st.integers(1, 5), max_size=3),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    average=st.sampled_from(["ewma", "mean"]),
    schedule=st.sampled_from(["cosine", "inverse_time"]),
    dropout=st.sampled_from([0.0, 0.2]),
    patience=st.sampled_from([None, 2]),
)
@settings(max_examples=25, deadline=None)
def test_training_in_pieces_gives_the_bits_of_training_in_one(
    blobs, cuts, optimizer, activation, batch_norm, average, schedule, dropout, patience
):
    trainer = NetworkTrainer(blobs, 3)
    options = {
        "optimizer": optimizer,
        "activation": activation,
        "batch_norm": batch_norm,
        "batch_norm_average": average,
        "schedule": schedule,
        "learning_rate_decay": 0.1,
        "dropout": dropout,
        "patience": patience,
        "warmup": 1.5,
    }
    (whole,) = trainer.train([job(**options)], [None])
    state, curve = None, {name: [] for name in whole.curve}
    for rung, until in enumerate([*sorted(cuts), 6]):
        (piece,) = trainer.train([job(until=until, rung=rung, **options)], [state])
        state = through_a_file(piece.state)
        for name, values in piece.curve.items():
            curve[name] += values
    assert curve == whole.curve
    assert bits(state) == bits(whole.state)
    assert piece.finished == whole.finished


def test_a_group_gives_each_job_what_it_gets_alone(trainer):
    jobs = [job(number, learning_rate=rate) for number, rate in enumerate([0.1, 0.01, 0.001])]
    together = trainer.train(jobs, [None] * 3)
    for one, outcome in zip(jobs, together, strict=True):
        (alone,) = trainer.train([one], [None])
        assert outcome.curve == alone.curve
        assert bits(outcome.state) == bits(alone.state)


def test_jobs_of_a_group_may_be_at_different_epochs(trainer):
    jobs = [job(0), job(1)]
    (half,) = trainer.train([job(0, until=3)], [None])
    together = trainer.train(jobs, [half.state, None])
    assert together[0].curve["epoch"] == [4, 5, 6]
    assert together[1].curve["epoch"] == [1, 2, 3, 4, 5, 6]
    (alone,) = trainer.train([job(0)], [None])
    assert bits(together[0].state) == bits(alone.state)


def test_a_diverging_job_ends_and_leaves_its_group_alone(trainer):
    plain = {"batch_norm": False, "optimizer": "sgd"}
    jobs = [job(0, **plain), job(1, **plain, learning_rate=1e30), job(2, **plain)]
    outcomes = trainer.train(jobs, [None] * 3)
    assert [o.diverged for o in outcomes] == [False, True, False]
    assert outcomes[1].state is None
    assert outcomes[1].curve["epoch"] == [1]
    assert outcomes[1].curve["val_loss"] == [None]
    for number in (0, 2):
        (alone,) = trainer.train([jobs[number]], [None])
        assert bits(outcomes[number].state) == bits(alone.state)


def test_patience_ends_training_when_val_loss_has_not_improved_for_so_long(trainer):
    long = {"epochs": 200, "learning_rate": 0.05}
    (outcome,) = trainer.train([job(until=200, patience=3, **long)], [None])
    losses = outcome.curve["val_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 200
    assert outcome.finished
    (more,) = trainer.train([job(until=200, patience=3, **long)], [outcome.state])
    assert more.finished
    assert more.curve["epoch"] == []


def test_an_impatient_job_leaves_its_group_alone(trainer):
    options = {"epochs": 60, "learning_rate": 0.05, "patience": 3}
    jobs = [job(number, until=60, **options) for number in range(3)]
    outcomes = trainer.train(jobs, [None] * 3)
    assert len({len(o.curve["epoch"]) for o in outcomes}) > 1
    for one, outcome in zip(jobs, outcomes, strict=True):
        (alone,) = trainer.train([one], [None])
        assert outcome.curve == alone.curve


def test_training_short_of_its_epochs_is_not_finished(trainer):
    (outcome,) = trainer.train([job(until=3)], [None])
    assert not outcome.finished


def test_cosine_falls_over_all_epochs_whatever_the_rung(trainer):
    (short,) = trainer.train([job(until=3, schedule="cosine")], [None])
    (whole,) = trainer.train([job(until=6, schedule="cosine")], [None])
    assert whole.curve["train_loss"][:3] == short.curve["train_loss"]


def test_balanced_classes_all_weigh_the_same(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "0").mkdir()
    for part in ("train", "val"):
        y = (np.arange(200) < 20).astype(np.int64)
        x = (y[:, None] * 0.7 + generator.standard_normal((200, 2))).astype(np.float32)
        np.save(tmp_path / "0" / f"x_{part}.npy", x)
        np.save(tmp_path / "0" / f"y_{part}.npy", y)
    trainer = NetworkTrainer(str(tmp_path), 2)
    plain, balanced = (
        trainer.train([job(hidden_layers=0, class_weight=weight)], [None])[0].curve
        for weight in ("none", "balanced")
    )
    assert balanced["val_balanced_accuracy"][-1] > plain["val_balanced_accuracy"][-1] + 0.05
    assert balanced["val_accuracy"][-1] < plain["val_accuracy"][-1]


def test_small_networks_alike_but_for_numbers_are_grouped(trainer):
    jobs = [
        job(0, learning_rate=0.1),
        job(1, hidden_units=9),
        job(2, learning_rate=0.2, schedule="cosine"),
        job(3, l2=0.1),
        job(4, dropout=0.1),
        job(5, optimizer="sgd"),
        job(6, until=3),
        job(7, l2=0.2),
        job(8, hidden_units=2000),
        job(9, hidden_units=2000),
    ]
    groups = [[j.number for j in group] for group in trainer.groups(jobs)]
    assert groups == [[0, 2], [1], [3, 7], [4], [5], [6], [8], [9]]


def test_groups_are_bounded_and_hold_every_job_once(trainer):
    groups = trainer.groups([job(number) for number in range(20)])
    assert [j.number for group in groups for j in group] == list(range(20))
    assert max(len(group) for group in groups) == 4


def test_a_batch_larger_than_the_training_rows_is_all_of_them(trainer):
    (clipped,) = trainer.train([job(batch_size=10_000)], [None])
    (all_rows,) = trainer.train([job(batch_size=150)], [None])
    assert clipped.curve == all_rows.curve


def test_the_trainer_pickles(trainer):
    again = pickle.loads(pickle.dumps(trainer))
    assert again == trainer
    assert again.train([job()], [None])[0].curve == trainer.train([job()], [None])[0].curve


def test_impossible_settings_are_one_clear_error(trainer):
    with pytest.raises(TrainerError, match="batch_size: must be at least 2 with batch norm"):
        trainer.train([job(batch_size=1)], [None])


def test_another_networks_state_is_refused(trainer):
    (outcome,) = trainer.train([job(until=3)], [None])
    with pytest.raises(TrainerError, match=r"the settings need .* train the trial again"):
        trainer.train([job(hidden_units=9)], [outcome.state])
    with pytest.raises(TrainerError, match="the saved state lacks 'params'"):
        trainer.train([job()], [{}])


def test_missing_arrays_are_one_clear_error(tmp_path):
    with pytest.raises(DataError, match=r"has no prepared train rows: found no x_train\.npy"):
        NetworkTrainer(str(tmp_path), 3).train([job()], [None])


def test_an_empty_array_file_is_one_clear_error(tmp_path):
    (tmp_path / "0").mkdir()
    for name in ("x_train.npy", "y_train.npy"):
        (tmp_path / "0" / name).touch()
    with pytest.raises(DataError, match=r"x_train\.npy: cannot be read"):
        NetworkTrainer(str(tmp_path), 3).train([job()], [None])


def test_arrays_written_anew_are_read_anew(tmp_path, write_arrays):
    write_arrays(tmp_path / "0", seed=0)
    trainer = NetworkTrainer(str(tmp_path), 3)
    (before,) = trainer.train([job()], [None])
    write_arrays(tmp_path / "0", seed=1, rows=(149, 60))
    (after,) = trainer.train([job()], [None])
    assert before.curve != after.curve


def test_arrays_of_a_wrong_type_are_refused(tmp_path):
    folder = tmp_path / "0"
    folder.mkdir()
    np.save(folder / "x_train.npy", np.zeros((4, 2)))
    np.save(folder / "y_train.npy", np.zeros(4, np.int64))
    with pytest.raises(DataError, match=r"x_train\.npy must be a C-contiguous float32 matrix"):
        NetworkTrainer(str(tmp_path), 3).train([job()], [None])
    np.save(folder / "x_train.npy", np.zeros((5, 2), np.float32))
    with pytest.raises(DataError, match="one entry for each of the 5 rows"):
        NetworkTrainer(str(tmp_path), 3).train([job()], [None])

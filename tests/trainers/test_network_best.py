import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.nn.training import Snapshot
from hpsearch.searching.criterion import Criterion
from hpsearch.trainers.network.model import model_from_state
from hpsearch.trainers.network.state import Progress
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Best, Job

EPOCHS = 12
WILD = {"epochs": EPOCHS, "hidden_units": 8, "batch_size": 16, "learning_rate": 0.5}
ACCURACY, LOSS = Best("val_accuracy", "maximize"), Best("val_loss", "minimize")


@pytest.fixture(scope="module")
def folder(write_arrays, tmp_path_factory):
    """Two folds of different rows."""
    folder = tmp_path_factory.mktemp("folds")
    for fold in range(2):
        (folder / str(fold)).mkdir()
        write_arrays(folder / str(fold), seed=fold)
    return folder


def job(until=EPOCHS, *, seed=0, rung=0, fold=0, **options):
    return Job(0, {**WILD, **options}, (seed,), until, rung=rung, fold=fold)


def train(trainer, *jobs):
    return trainer.train(jobs, [None] * len(jobs))


def through_a_file(state):
    """The state as a run directory gives it back."""
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


def bits(state):
    return {name: (a.dtype, a.shape, a.tobytes()) for name, a in state.items()}


def model(state, **options):
    names = np.array(["ant", "bee", "cat"])
    return model_from_state(
        {**WILD, **options}, state, mean=np.zeros(6), scale=np.ones(6), class_names=names
    )


def measured(folder, fold, made):
    """Accuracy and loss of a model on a fold's validation rows."""
    X, y = (np.load(folder / str(fold) / f"{axis}_val.npy") for axis in "xy")
    found = made.probabilities(X.astype(np.float64))
    accuracy = float(np.mean(found.argmax(axis=1) == y))
    return accuracy, -float(np.log(found[np.arange(len(y)), y]).mean())


@given(
    seed=st.integers(0, 50),
    best=st.sampled_from([ACCURACY, LOSS]),
    batch_norm=st.booleans(),
    average=st.sampled_from(["ewma", "mean"]),
    patience=st.sampled_from([None, 3]),
)
@settings(max_examples=20, deadline=None)
def test_the_model_is_that_of_the_epoch_whose_value_counts(
    folder, seed, best, batch_norm, average, patience
):
    options = {"batch_norm": batch_norm, "batch_norm_average": average, "patience": patience}
    [outcome] = train(NetworkTrainer(str(folder), 3, best), job(seed=seed, **options))
    curve = outcome.curve
    objective = Criterion(best.metric, best.goal, at="best")
    counts = objective.epoch_after(curve, len(curve["epoch"]))
    accuracy, loss = measured(folder, 0, model(outcome.state, **options))
    assert accuracy == curve["val_accuracy"][counts - 1]
    assert loss == pytest.approx(curve["val_loss"][counts - 1], rel=1e-4, abs=1e-6)


def test_of_epochs_equal_in_metric_and_loss_the_first_is_kept():
    row = {"val_accuracy": 0.5, "val_loss": 1.0}
    worse = {"val_accuracy": 0.5, "val_loss": 2.0}
    networks = [
        Snapshot(np.full(1, epoch), np.zeros((0, 1)), np.zeros(2), np.zeros(0), 1.0)
        for epoch in range(4)
    ]
    progress = Progress(networks[0])
    for network, metrics in zip(networks[1:], [row, worse, row], strict=True):
        progress = progress.after(network, metrics, ACCURACY)
    params, _ = progress.counting
    assert params is networks[1].params
    assert progress.network is networks[3]


def test_the_validation_loss_decides_between_epochs_of_equal_accuracy(folder):
    trainer = NetworkTrainer(str(folder), 3, ACCURACY)
    [outcome] = train(trainer, job(learning_rate=0.01))
    accuracies, losses = outcome.curve["val_accuracy"], outcome.curve["val_loss"]
    top = [k for k, value in enumerate(accuracies) if value == max(accuracies)]
    assert len(top) > 1
    assert outcome.state["kept_cost"].tolist() == [-max(accuracies), min(losses[k] for k in top)]


@pytest.mark.slow
@given(cuts=st.sets(st.integers(1, EPOCHS - 1), max_size=3), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_training_in_pieces_keeps_the_bits_of_training_in_one(folder, cuts, seed):
    trainer = NetworkTrainer(str(folder), 3, ACCURACY)
    [whole] = train(trainer, job(seed=seed))
    state = None
    for rung, until in enumerate([*sorted(cuts), EPOCHS]):
        [piece] = trainer.train([job(until, seed=seed, rung=rung)], [state])
        state = through_a_file(piece.state)
    assert bits(state) == bits(whole.state)


def test_a_stack_keeps_for_each_what_it_keeps_alone(folder):
    trainer = NetworkTrainer(str(folder), 3, LOSS)
    jobs = [job(seed=seed, patience=3) for seed in range(3)]
    for one, together in zip(jobs, train(trainer, *jobs), strict=True):
        [alone] = train(trainer, one)
        assert bits(together.state) == bits(alone.state)


def test_keeping_the_best_epoch_changes_nothing_else(folder):
    [plain] = train(NetworkTrainer(str(folder), 3), job())
    [keeping] = train(NetworkTrainer(str(folder), 3, ACCURACY), job())
    assert keeping.curve == plain.curve
    kept = {"kept_params", "kept_averages", "kept_cost"}
    assert keeping.state.keys() - plain.state.keys() == kept
    rest = {name: array for name, array in keeping.state.items() if name not in kept}
    assert bits(rest) == bits(plain.state)


def test_each_job_trains_on_the_rows_of_its_fold(folder):
    trainer = NetworkTrainer(str(folder), 3)
    jobs = [job(fold=fold) for fold in range(2)]
    assert trainer.groups(jobs) == [[jobs[0]], [jobs[1]]]
    together = train(trainer, *jobs)
    assert together[0].curve != together[1].curve
    for fold, outcome in enumerate(together):
        [alone] = train(trainer, jobs[fold])
        assert bits(outcome.state) == bits(alone.state)
        accuracy, _ = measured(folder, fold, model(outcome.state))
        assert accuracy == outcome.curve["val_accuracy"][-1]

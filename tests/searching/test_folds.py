import numpy as np
import pytest

from hpsearch.data.dataset import cross_validation
from hpsearch.errors import DataError, TrainerError
from hpsearch.searching.curves import average, join
from hpsearch.searching.evaluation import labelled, measure
from hpsearch.searching.refine import refine
from hpsearch.searching.retrain import (
    curves_by_seed,
    for_refit,
    jobs_again,
    known_trial,
    model_again,
    train,
    without_validation,
)
from hpsearch.searching.session import begin, conduct, folds_of, read_data
from hpsearch.trainers.network.model import load_model
from hpsearch.trainers.protocol import Outcome

FOLDS = ("search.folds=3", "search.repeats=2", "search.trials=6")
ALONE = ("search.confirm=false", "search.halving=false")
BEST = ("metric.at=best", "trainer.epochs=6", "space.learning_rate.min=0.3")


@pytest.fixture(scope="module")
def config(digits):
    return digits(*FOLDS)


@pytest.fixture(scope="module")
def run(config, searched):
    """Three folds, two repeats, with halving and confirmation."""
    return searched(config, "folds")


@pytest.fixture(scope="module")
def plain(digits):
    return digits(*FOLDS, *ALONE, "search.repeats=1")


@pytest.fixture(scope="module")
def plainly(plain, searched):
    """Three folds, nothing else."""
    return searched(plain, "plainly")


def value_on(model, fold):
    """A model's accuracy on the validation rows of a fold."""
    rows = labelled(fold.source, fold.encoding, fold.y, fold.parts["val"])
    return measure(model, rows).metrics["accuracy"]


def test_a_trial_is_trained_once_for_each_repeat_and_fold_and_its_value_is_the_mean(run):
    assert run.results
    for result in run.results:
        own = {}
        for piece in run.pieces:
            if piece.number == result.number and piece.repeat < 2:
                own.setdefault(piece.training, []).append(piece)
        assert sorted(own) == [(result.number, r, f) for r in range(2) for f in range(3)]
        curve = average([join(own[training]) for training in sorted(own)], "val_accuracy")
        assert result.value == curve["val_accuracy"][-1]
        assert result.metrics["val_loss"] == curve["val_loss"][-1]


def test_a_search_with_folds_gives_the_same_trials_with_1_job_or_2(run, digits, searched, fates):
    for jobs in (1, 2):
        again = searched(digits(*FOLDS, "parallel.backend=local", jobs=jobs))
        assert fates(again) == fates(run)
        assert again.winner(again.info) == run.winner(run.info)
        assert again.model.read_bytes() == run.model.read_bytes()


@pytest.mark.parametrize("events", [3, 7])
def test_an_interrupted_search_with_folds_resumes_to_the_same_trials(
    run, config, dataset, tmp_path, fates, events
):
    again = begin(config, dataset, tmp_path, "interrupted")
    seen = []

    def interrupt(event):
        seen.append(event)
        if len(seen) == events:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conduct(again, interrupt, config, dataset)
    conduct(again, lambda event: None)
    assert fates(again) == fates(run)
    assert again.winner(again.info) == run.winner(run.info)
    assert again.model.read_bytes() == run.model.read_bytes()


def test_the_model_is_the_median_fold_and_encodes_rows_as_that_fold_did(plainly, plain, dataset):
    number = plainly.winner(plainly.info).number
    values = {p.fold: p.value for p in plainly.pieces if p.number == number}
    folds, model = folds_of(plain, dataset), load_model(plainly.model)
    [fold] = [k for k, each in enumerate(folds) if np.array_equal(each.encoding.mean, model.mean)]
    assert values[fold] == sorted(values.values())[1]
    assert value_on(model, folds[fold]) == values[fold]


def test_the_winner_with_folds_is_measured_on_the_test_rows_of_the_whole_data(plainly, dataset):
    test = plainly.winner(plainly.info).test
    assert test.rows == len(dataset.parts["test"])
    assert test.test_accuracy > 0.8


@pytest.mark.parametrize("number", [0, 3, 5])
def test_all_trainings_of_a_trial_again_give_the_averaged_record_bit_for_bit(
    run, config, dataset, number
):
    known = known_trial(run, config, number)
    jobs = jobs_again(config, known)
    assert [(job.repeat, job.fold) for job in jobs] == [(r, f) for r in (0, 1) for f in range(3)]
    curves = [outcome.curve for outcome in train(jobs, config, dataset)]
    assert average(curves, "val_accuracy") == known.curve


@pytest.fixture
def trained_again(tmp_path):
    """What `model_again` gives, read as the file that it is."""

    def read(*args):
        path = tmp_path / "again.npz"
        path.write_bytes(model_again(*args))
        return load_model(path)

    return read


def test_the_winner_trained_again_is_the_winners_model(plainly, plain, dataset, trained_again):
    jobs = jobs_again(plain, known_trial(plainly, plain, None))
    again = trained_again(jobs, train(jobs, plain, dataset), plain, dataset)
    stored = load_model(plainly.model)
    assert again.params.tobytes() == stored.params.tobytes()
    assert again.averages.tobytes() == stored.averages.tobytes()
    assert again.data == stored.data


def test_new_seeds_train_every_fold_and_give_one_curve_a_seed(plainly, plain, dataset):
    known = known_trial(plainly, plain, 0)
    jobs = jobs_again(plain, known, seeds=2)
    assert [(job.repeat, job.fold) for job in jobs] == [(s, f) for s in (0, 1) for f in range(3)]
    outcomes = train(jobs, plain, dataset)
    curves = curves_by_seed(jobs, outcomes, "val_accuracy")
    assert curves[0] == average([outcome.curve for outcome in outcomes[:3]], "val_accuracy")
    assert len(curves) == 2
    assert curves[0] != curves[1]
    assert known.curve not in curves


def test_refitting_trains_once_on_all_rows_but_the_test_rows(run, config, dataset, trained_again):
    known = known_trial(run, config, None)
    alone, known = for_refit(config, known)
    [job] = jobs_again(alone, known)
    assert (job.seed, job.until_epoch) == (known.seed, 3)
    whole = without_validation(dataset, config)
    outcomes = train([job], alone, whole)
    model = trained_again([job], outcomes, alone, whole)
    np.testing.assert_array_equal(model.mean, whole.encoding.mean)
    assert value_on(model, whole) == outcomes[0].curve["val_accuracy"][-1]


def test_a_refined_search_with_folds_builds_on_its_parents_trials(
    plainly, plain, dataset, searched
):
    found = refine(plainly, plain, plain, dataset.fingerprint, top=2)
    assert found.history
    child = searched(found.config, refinement=found)
    assert child.results
    winner = known_trial(child, found.config, None)
    jobs = jobs_again(found.config, winner)
    curves = [outcome.curve for outcome in train(jobs, found.config, dataset)]
    assert average(curves, "val_accuracy") == winner.curve


def test_a_model_of_a_training_that_diverged_is_refused(plainly, plain, dataset):
    jobs = jobs_again(plain, known_trial(plainly, plain, 0))
    curve = {"epoch": [1], "val_loss": [None], "val_accuracy": [None]}
    lost = [Outcome(curve, None, diverged=True)] * 3
    with pytest.raises(TrainerError, match="trial 0: a model needs a training that does not div"):
        model_again(jobs, lost, plain, dataset)


def test_data_that_cannot_be_cut_is_refused_when_it_is_read(digits, tmp_path):
    rows = "".join(f"{i},{'b' if i < 5 else 'a'}\n" for i in range(40))
    (tmp_path / "d.csv").write_text("n,y\n" + rows)
    few = digits(f"data={{source: {tmp_path}/d.csv, target: y}}", "search.folds=6")
    with pytest.raises(DataError, match=r"class 'b' has 4 rows .* or set search\.folds: 4"):
        read_data(few)


def test_folds_depend_on_the_split_seed_and_not_on_the_seed_of_the_search(digits, dataset):
    first, again = (folds_of(digits(*FOLDS, seed=seed), dataset) for seed in (0, 1))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.parts["val"], other.parts["val"])
    other = cross_validation(dataset, 3, digits("data.split_seed=1").data)
    assert not np.array_equal(first[0].parts["val"], other[0].parts["val"])


@pytest.fixture(scope="module")
def best_config(digits):
    return digits(*BEST, *ALONE)


@pytest.fixture(scope="module")
def best_run(best_config, searched):
    """One training a trial; the best epoch counts, and wild steps make it an early one."""
    return searched(best_config, "best")


def test_the_value_is_that_of_the_best_epoch_and_the_models_on_the_validation_rows(
    best_run, dataset
):
    early = 0
    for result in best_run.results:
        curve = join(piece for piece in best_run.pieces if piece.number == result.number)
        if result.value is not None:
            assert result.value == max(curve["val_accuracy"])
            early += result.value != curve["val_accuracy"][-1]
    assert early
    winner = best_run.results[best_run.winner(best_run.info).number]
    assert value_on(load_model(best_run.model), dataset) == winner.value


def test_a_search_for_the_best_epoch_with_halving_resumes_to_the_same_model(
    digits, searched, dataset, tmp_path, fates
):
    config = digits(*BEST)
    whole = searched(config)
    run = begin(config, dataset, tmp_path, "interrupted")
    seen = []

    def interrupt(event):
        seen.append(event)
        if len(seen) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conduct(run, interrupt, config, dataset)
    conduct(run, lambda event: None)
    assert fates(run) == fates(whole)
    assert run.model.read_bytes() == whole.model.read_bytes()


def test_retraining_gives_the_best_epochs_model_and_refitting_stops_there(
    best_run, best_config, dataset, trained_again
):
    known = known_trial(best_run, best_config, None)
    jobs = jobs_again(best_config, known)
    again = trained_again(jobs, train(jobs, best_config, dataset), best_config, dataset)
    assert again.params.tobytes() == load_model(best_run.model).params.tobytes()
    alone, known = for_refit(best_config, known)
    [job] = jobs_again(alone, known)
    accuracies = known.curve["val_accuracy"]
    assert accuracies[job.until_epoch - 1] == max(accuracies)
    assert job.settings["epochs"] == 6

import numpy as np
import pytest

from hpsearch.errors import RunError
from hpsearch.searching.curves import join
from hpsearch.searching.retrain import jobs_again, known_trial, train, without_validation
from hpsearch.trainers.network.model import load_model


def curve_of(run, number):
    return join(piece for piece in run.pieces if piece.number == number)


@pytest.mark.parametrize("number", [0, 5, 7])
def test_a_trial_trains_again_bit_for_bit(parent, digits, dataset, number):
    known = known_trial(parent, digits(), number)
    [outcome] = train(jobs_again(digits(), known), digits(), dataset)
    assert outcome.curve == curve_of(parent, number)


def test_the_winner_trained_again_is_the_winners_model(parent, digits, dataset):
    from hpsearch.trainers.network.model import trained_model

    known = known_trial(parent, digits(), None)
    assert known.result.number == parent.winner(parent.info).number
    [job] = jobs_again(digits(), known)
    [outcome] = train([job], digits(), dataset)
    again = trained_model(job.settings, outcome.state, dataset)
    X = np.random.default_rng(0).random((5, dataset.features)).astype(np.float32)
    np.testing.assert_array_equal(
        again.probabilities(X), load_model(parent.model).probabilities(X)
    )


def test_longer_training_begins_with_the_same_epochs(parent, digits, dataset):
    known = known_trial(parent, digits(), 0)
    [outcome] = train(jobs_again(digits(), known, epochs=5), digits(), dataset)
    assert outcome.curve["epoch"] == [1, 2, 3, 4, 5]
    before = curve_of(parent, 0)["val_loss"]
    assert outcome.curve["val_loss"][: len(before)] == before


def test_new_seeds_give_new_curves_in_the_order_of_the_jobs(parent, digits, dataset):
    known = known_trial(parent, digits(), 0)
    jobs = jobs_again(digits(), known, seeds=3)
    assert [job.repeat for job in jobs] == [0, 1, 2]
    curves = [tuple(o.curve["val_loss"]) for o in train(jobs, digits(), dataset)]
    assert len({*curves, tuple(curve_of(parent, 0)["val_loss"])}) == 4
    [alone] = train(jobs[1:2], digits(), dataset)
    assert tuple(alone.curve["val_loss"]) == curves[1]


def test_without_validation_all_but_the_test_rows_train(digits, dataset):
    whole = without_validation(dataset, digits())
    assert len(whole.parts["train"]) == len(dataset.parts["train"]) + len(dataset.parts["val"])
    assert not set(whole.parts["train"]) & set(whole.parts["test"])


def test_a_trial_that_does_not_exist_is_refused(parent, digits):
    with pytest.raises(RunError, match="has no trial 99; there are 0 to 7"):
        known_trial(parent, digits(), 99)


def test_a_run_without_a_winner_is_told_to_name_a_trial(digits, dataset, tmp_path):
    from hpsearch.searching.session import begin

    run = begin(digits(), dataset, tmp_path, "new")
    with pytest.raises(RunError, match="has no winner yet; name a trial with --trial"):
        known_trial(run, digits(), None)

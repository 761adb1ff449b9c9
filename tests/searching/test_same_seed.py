"""With everything on, halving to confirmation, the same seed gives the same search."""

import pytest

from hpsearch.store import RunDirectory

EVERYTHING = (
    "trainer.epochs=4",
    "metric.at=best",
    "space.hidden_units.max=16",
    "search={trials: 12, halving: {min_epochs: 1, factor: 2}, screen: true, folds: 2, "
    "repeats: 2, confirm: {top: 2, seeds: 2, share: 1}, "
    "start: [{learning_rate: 0.1, hidden_layers: 0, hidden_units: [], optimizer: adam}]}",
)


@pytest.fixture(scope="module")
def serial(digits, searched):
    return searched(digits(*EVERYTHING))


def confirmed(run: RunDirectory):
    return {p.training: p.value for p in run.pieces if p.repeat >= 2}


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_same_seed_gives_the_same_search_with_any_number_of_jobs(
    serial, digits, searched, fates, jobs
):
    run = searched(digits(*EVERYTHING, "parallel.backend=local", jobs=jobs))
    assert fates(run) == fates(serial)
    assert confirmed(run) == confirmed(serial) != {}
    assert run.winner(run.info) == serial.winner(serial.info)
    assert run.model.read_bytes() == serial.model.read_bytes()


def test_the_search_had_all_of_it(serial):
    assert {result.status for result in serial.results} == {"completed", "stopped"}
    assert {(piece.repeat, piece.fold) for piece in serial.pieces} == {
        (repeat, fold) for repeat in range(4) for fold in range(2)
    }
    assert len(serial.winner(serial.info).contenders) == 2


def test_another_seed_gives_another_search(serial, digits, searched, fates):
    run = searched(digits(*EVERYTHING, "search.trials=3", seed=1))
    settings = [[line["params"] for line in fates(each)[1:3]] for each in (serial, run)]
    assert settings[0] != settings[1]

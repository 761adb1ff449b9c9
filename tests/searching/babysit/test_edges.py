"""Configurations at the edge of what can be: each is babysat, or refused in one message."""

import pytest

from hpsearch.errors import HpsearchError
from hpsearch.searching.babysit.replay import replay
from hpsearch.store.requests import Request

NONE = {"l2": {"value": 0}}


@pytest.mark.parametrize(
    "overrides",
    [
        ("search.folds=3",),
        ("search.repeats=2",),
        ("search.folds=2", "search.repeats=2", "metric.at=best"),
        ("trainer.epochs=1",),
        ("trainer.batch_norm=false", "trainer.hidden_layers=0"),
        ("trainer.patience=3", "metric.at=best"),
        ("parallel.jobs=4", "babysit.keep=1"),
        ("metric={name: val_loss, goal: minimize}",),
        ("data.validation=0.5", "data.standardize=false"),
        ("search.trials=1000", "search.halving=false"),
    ],
    ids=" ".join,
)
def test_a_configuration_of_a_search_is_babysat_steered_and_replayed(model, small, overrides):
    made = model(small(*overrides))
    epochs = made.story.epochs
    with made.session() as session:
        session.train(min(3, epochs - 1))
        session.act(Request("set", {"learning_rate": 0.3}))
        session.train(2)
        session.act(Request("branch", epoch=session.record.epoch - 1))
        session.train(100)
    assert made.run.info.status == "finished"
    assert replay(made.run).same
    assert made.run.winner(made.run.info).epochs <= epochs
    assert (made.run.path / "best" / "model.npz").exists()


def test_a_space_with_nothing_to_search_is_babysat(model, small):
    made = model(small(space=NONE))
    made.train(until=2)
    made.act("set", set={"learning_rate": 0.3})
    made.train()
    assert [line["set"] for line in made.lines("interventions.jsonl")] == [
        {"learning_rate": [0.01, 0.3]}
    ]
    assert replay(made.run).same


def test_a_rate_that_the_trainer_chose_is_halved_by_a_rescue(model, small):
    made = model(small(space=NONE))
    with made.session() as session:
        session.train(2)
        session.act(Request("set", {"optimizer": "sgd", "learning_rate": 1e30}))
        while session.record.number == 0:
            session.turn(1)
    assert made.lines("interventions.jsonl")[-1]["action"] == "rescue"
    made.train()
    assert replay(made.run).same


@pytest.mark.parametrize("folds", [(), ("search.folds=3",)])
def test_data_that_have_changed_since_are_refused(model, small, rows, folds, monkeypatch):
    from dataclasses import replace

    made = model(small(*folds))
    made.train(until=3)
    other = replace(rows, fingerprint="0" * 64)
    monkeypatch.setattr("hpsearch.searching.session.read_data", lambda config: other)
    for go in (made.train, lambda: replay(made.run)):
        with pytest.raises(HpsearchError, match=r"the data must be what the run began with"):
            go()
    made.act("set", set={"learning_rate": 0.2})  # needs no data
    assert made.story.epoch == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"learning_rate": -1}, "learning_rate: must be a number > 0, not -1"),
        ({"leraning_rate": 1}, "leraning_rate: is no parameter.*'learning_rate'"),
        ({"momentum": 0.9}, "momentum: is not active with this setting"),
        ({"epochs": 0}, "epochs: must be an integer >= 1, not 0"),
        ({"hidden_units": "many"}, "hidden_units: must be"),
    ],
)
def test_a_model_cannot_begin_with_what_cannot_be(model, given, said):
    with pytest.raises(HpsearchError, match=said):
        model(None, **given)


def test_a_model_may_begin_with_any_shape(model):
    made = model(None, hidden_layers=2, hidden_units=[5, 7], activation="gelu")
    made.train()
    assert made.story.settings(0)["hidden_units"] == [5, 7]
    assert replay(made.run).same


def test_best_is_the_same_epoch_by_the_criterion_whatever_counts(model, small):
    last, best = model(small("metric.at=last")), model(small("metric.at=best"))
    for made in (last, best):
        made.train()
    winners = [made.run.winner(made.run.info) for made in (last, best)]
    assert winners[0].epochs == winners[1].epochs
    assert winners[0].metrics == winners[1].metrics
    assert last.fates[0]["value"] <= best.fates[0]["value"]

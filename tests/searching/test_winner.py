"""What best/ holds of a real search: the confirmed winner and its median model."""

import json
from statistics import mean, median_low

import pytest

from hpsearch.searching import session
from hpsearch.searching.evaluation import labelled, measure
from hpsearch.searching.refine import refine
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.session import begin, conduct
from hpsearch.store import as_line
from hpsearch.store.files import as_json
from hpsearch.store.records import SearchValue
from hpsearch.trainers.network.model import load_model
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Outcome

CONFIRM = "search.confirm={top: 3, seeds: 3, share: 1}"
FULL = ("search.trials=9", "search.halving=false", CONFIRM)


@pytest.fixture(scope="module")
def run(digits, searched):
    """Nine trials, none stopped early, of which three are confirmed with three seeds."""
    return searched(digits(*FULL), "confirmed")


def accuracy(run, dataset):
    """Of a run's model, on the validation rows."""
    rows = labelled(dataset.source, dataset.encoding, dataset.y, dataset.parts["val"])
    return measure(load_model(run.model), rows).metrics["accuracy"]


def new_values(run, number):
    pieces = [p for p in run.pieces if p.number == number and p.repeat]
    return [p.value for p in sorted(pieces, key=lambda p: p.repeat)]


def test_the_winner_is_the_best_mean_of_the_new_values(run):
    outcome = run.winner(run.info)
    assert len(outcome.contenders) == 3
    for contender in outcome.contenders:
        values = new_values(run, contender.number)
        assert contender.values == values
        assert contender.mean == sum(values) / len(values)
        [result] = [r for r in run.results if r.number == contender.number]
        assert contender.search == result.value
    best = max(outcome.contenders, key=lambda contender: contender.mean)
    assert outcome.number == best.number
    assert as_line(outcome.confirmed).items() >= as_line(best).items()
    assert outcome.search == SearchValue("val_accuracy", best.search, optimistic=True)


def test_the_model_is_that_with_the_median_of_the_new_values(run, dataset):
    assert accuracy(run, dataset) == median_low(run.winner(run.info).confirmed.values)


def test_without_confirmation_the_model_is_that_of_the_search(digits, searched, dataset):
    run = searched(digits("search.halving=false", "search.confirm=false"))
    best = max(run.results, key=lambda r: (r.value, -r.metrics["val_loss"]))
    outcome = run.winner(run.info)
    assert (outcome.number, outcome.confirmed) == (best.number, None)
    assert (outcome.contenders, outcome.indistinguishable) == ([], [])
    assert accuracy(run, dataset) == best.value
    assert {piece.repeat for piece in run.pieces} == {0}


@pytest.mark.parametrize("pieces", [0, 4, 9])
def test_a_search_interrupted_while_it_confirms_resumes_to_the_same_winner(
    run, digits, dataset, tmp_path, fates, monkeypatch, pieces
):
    again = begin(digits(*FULL), dataset, tmp_path, "again")
    left = [pieces]
    record = Scheduler.record

    def interrupted(search, job, *rest, **named):
        if job.repeat and not left[0]:
            raise KeyboardInterrupt
        left[0] -= job.repeat > 0
        record(search, job, *rest, **named)

    def interrupted_crown(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Scheduler, "record", interrupted)
        patched.setattr(session, "write_winner", interrupted_crown)
        with pytest.raises(KeyboardInterrupt):
            conduct(again, lambda event: None, digits(*FULL), dataset)
    assert again.winner(again.info) is None
    assert len([p for p in again.pieces if p.repeat]) == pieces
    conduct(again, lambda event: None)
    assert fates(again) == fates(run)
    assert again.winner(again.info) == run.winner(run.info)
    assert again.model.read_bytes() == run.model.read_bytes()


class Fragile(NetworkTrainer):
    """Loses some settings when they are confirmed."""

    lost: tuple[int, ...] = ()
    way = "diverge"

    def train(self, jobs, states, report=None):
        outcomes = super().train(jobs, states, report)
        hit = [job.repeat == 2 and job.number in self.lost for job in jobs]
        if any(hit) and self.way == "raise":
            raise ValueError("lost when it was confirmed")
        nothing = Outcome({"epoch": [1], "val_accuracy": [None]}, None, diverged=True)
        return [nothing if gone else outcome for gone, outcome in zip(hit, outcomes, strict=True)]


@pytest.mark.parametrize("way", ["diverge", "raise"])
def test_a_contender_that_is_lost_with_a_new_seed_does_not_win(
    run, digits, searched, fates, monkeypatch, way
):
    lost = run.winner(run.info).number
    monkeypatch.setattr(Fragile, "lost", (lost,))
    monkeypatch.setattr(Fragile, "way", way)
    monkeypatch.setattr("hpsearch.trainers.network.trainer.NetworkTrainer", Fragile)
    other = searched(digits(*FULL))
    assert fates(other) == fates(run)
    left = [each for each in run.winner(run.info).contenders if each.number != lost]
    assert other.winner(other.info).contenders == left
    assert other.winner(other.info).number == max(left, key=lambda each: each.mean).number


def test_where_every_contender_is_lost_the_best_of_the_search_wins_unconfirmed(
    run, digits, searched, dataset, monkeypatch
):
    monkeypatch.setattr(Fragile, "lost", tuple(range(9)))
    monkeypatch.setattr("hpsearch.trainers.network.trainer.NetworkTrainer", Fragile)
    other = searched(digits(*FULL))
    best = max(run.results, key=lambda r: (r.value, -r.metrics["val_loss"]))
    winner = other.winner(other.info)
    assert (winner.number, winner.confirmed) == (best.number, None)
    assert accuracy(other, dataset) == best.value


def test_with_repeats_the_model_is_the_median_training(digits, searched, dataset):
    run = searched(digits("search.repeats=3", "search.confirm=false", "search.trials=4"))
    number = run.winner(run.info).number
    last = {p.repeat: p.value for p in run.pieces if p.number == number}
    assert accuracy(run, dataset) == sorted(last.values())[1]
    assert run.winner(run.info).search.value == pytest.approx(mean(last.values()))


def test_a_refined_run_confirms_its_parents_winner_with_the_parents_new_values(
    run, digits, searched, dataset
):
    before = digits(*FULL)
    refinement = refine(run, before, digits(*FULL, "search.trials=6"), dataset.fingerprint)
    child = searched(refinement.config, "child", run.path.parent, refinement)
    parents = {each.number: each.values for each in run.winner(run.info).contenders}
    childs = {each.number: each.values for each in child.winner(child.info).contenders}
    winner = run.winner(run.info).number
    for number in parents.keys() & childs.keys():
        seeds = min(len(parents[number]), len(childs[number]))
        assert childs[number][:seeds] == parents[number][:seeds]
    assert winner in childs
    assert child.info.parent_winner == winner
    assert child.winner(child.info).confirmed.mean == max(mean(v) for v in childs.values())
    assert [result.number for result in child.results] == list(range(9, 15))


def test_a_parents_winner_that_wins_again_has_the_same_model(run, digits, searched, dataset):
    hopeless = (
        "space={learning_rate: {min: 1e-9, max: 2e-9}, optimizer: {values: [momentum, adam]}}"
    )
    refinement = refine(run, digits(*FULL), digits(*FULL), dataset.fingerprint)
    child = searched(digits(*FULL, hopeless), "worse", run.path.parent, refinement)
    assert child.winner(child.info).number == run.winner(run.info).number
    assert child.winner(child.info).confirmed.values == run.winner(run.info).confirmed.values
    assert child.model.read_bytes() == run.model.read_bytes()
    assert child.winner(child.info).test == run.winner(run.info).test


def test_the_result_is_read_as_it_was_written(run):
    text = (run.best / "result.json").read_text()
    assert as_json(run.winner(run.info)) == text
    assert list(json.loads(text)) == [
        "number", "params", "epochs", "metrics", "search", "confirmed", "contenders",
        "indistinguishable", "test",
    ]  # fmt: skip

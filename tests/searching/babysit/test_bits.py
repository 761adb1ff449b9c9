"""A babysat model gives the same bits, whatever was done to it and however it was interrupted."""

import shutil
from contextlib import suppress

import pytest

from hpsearch.config import from_run
from hpsearch.errors import HpsearchError
from hpsearch.searching import retrain
from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.session import begin as begin_search
from hpsearch.searching.session import conduct
from hpsearch.store.requests import Request

LIFE = (  # after which epoch, what, and with which values
    (1, "set", {"set": {"learning_rate": 0.3}, "note": "faster"}),
    (2, "set", {"set": {"momentum": 0.8}}),
    (2, "set", {"set": {"l2": 0.01, "dropout": 0.1}}),
    (4, "undo", {}),
    (4, "branch", {"epoch": 1, "set": {"optimizer": "adam"}}),
    (3, "set", {"set": {"batch_size": 128}}),
    (5, "branch", {"epoch": 3, "trial": 1}),
    (6, "set", {"note": "only a thought"}),
    (6, "set", {"set": {"schedule": "cosine"}}),
    (7, "undo", {}),
    (7, "set", {"set": {"learning_rate_decay": 0.5}}),
    (9, "set", {"set": {"epochs": 14, "class_weight": "balanced"}}),
)
"""Twelve interventions, two undos and two branches among them."""


def curve(model, number=0):
    return {epoch: row for (of, epoch), row in model.bits.items() if of == number}


def live(session):
    """Live through all of LIFE and to the end."""
    for epoch, action, values in LIFE:
        session.train(epoch - session.record.epoch)
        session.act(Request(action, **values))
    session.train(session.record.epochs)


@pytest.fixture
def lived(model, small):
    made = model(small("metric.at=best"), optimizer="momentum")
    with made.session() as session:
        live(session)
    return made


def test_without_an_intervention_it_is_the_trial_of_a_search(model, small, rows, tmp_path):
    config = small("search.trials=2", "search.rounds=1", "search.halving=false")
    search = begin_search(config, rows, tmp_path / "runs", "search")
    conduct(search, lambda event: None, config, rows)
    piece, params = search.pieces[0], search.results[0].params
    assert piece.number == 0
    made = model(config, **params)
    made.train()
    names = [name for name in piece.curve if name != "epoch"]
    assert [[row[name] for row in curve(made).values()] for name in names] == [
        piece.curve[name] for name in names
    ]


def test_without_an_intervention_it_is_what_retrain_gives(model, small, rows):
    made = model()
    made.train()
    config = from_run(made.run.info.config, made.run.path)
    start = made.run.info.babysit
    job = retrain.Job(
        0, {**config.trainer.settings, **start.settings[0][1]}, start.seed, until_epoch=12,
        rules=start.rules,
    )  # fmt: skip
    (outcome,) = retrain.train([job], config, rows)
    for place, row in enumerate(curve(made).values()):
        assert row == {name: values[place] for name, values in outcome.curve.items()}


def test_a_long_diary_is_replayed_to_the_same_bits(lived):
    assert len(lived.lines("interventions.jsonl")) == 12
    assert len(lived.story.lines.all) == 5
    before = {p: p.read_bytes() for p in lived.run.path.rglob("*") if p.is_file()}
    found = replay(lived.run)
    assert found.same, found.text
    assert "the same bits again: 5 branches" in found.text
    assert {p: p.read_bytes() for p in lived.run.path.rglob("*") if p.is_file()} == before


def test_a_replay_names_the_first_epoch_that_differs(lived):
    path = lived.run.path / "curves.jsonl"
    value = lived.bits[2, 4]["val_loss"]
    path.write_text(path.read_text().replace(str(value), str(value + 1e-9)))
    found = replay(lived.run)
    assert not found.same
    assert f"differs: epoch 4 of branch 2: val_loss was {value + 1e-9}, is {value}" in found.text


def test_a_life_with_a_stop_after_every_epoch_is_the_same(lived, model, small):
    other = model(small("metric.at=best"), optimizer="momentum")
    for epoch, action, values in LIFE:
        while other.story.epoch < epoch:
            other.train(until=other.story.epoch + 1)
        other.act(action, **values)
    other.train()
    assert other.bits == lived.bits
    assert other.fates == lived.fates
    best, its = (m.run.winner(m.run.info) for m in (other, lived))
    assert best == its


def test_a_life_without_any_snapshot_is_the_same(lived, model, small):
    other = model(small("metric.at=best", "babysit.keep=1"), optimizer="momentum")
    for epoch, action, values in LIFE:
        shutil.rmtree(other.run.path / "state")
        other.train(until=epoch)
        other.act(action, **values)
    shutil.rmtree(other.run.path / "state")
    other.train()
    assert other.bits == lived.bits
    assert other.fates == lived.fates


def test_a_branch_with_no_change_repeats_what_it_left(model):
    made = model(optimizer="momentum")
    made.train()
    made.act("branch", epoch=3)
    made.train()
    again, first = curve(made, 1), curve(made)
    assert again == {epoch: row for epoch, row in first.items() if epoch > 3}
    assert made.fates[1]["from"] == {"trial": 0, "epoch": 3}
    assert made.fates[0]["status"] == made.fates[1]["status"] == "completed"


def test_an_undo_gives_the_bits_of_a_model_that_was_never_changed(model):
    changed, left_alone = model(), model()
    left_alone.train()
    changed.train(until=4)
    changed.act("set", set={"learning_rate": 0.9})
    changed.train(until=8)
    changed.act("undo")
    changed.train()
    assert curve(changed, 1) == {k: v for k, v in curve(left_alone).items() if k > 4}
    assert changed.fates[0]["status"] == "stopped"


def test_a_cosine_schedule_is_stretched_by_an_extension_and_keeps_the_epochs_before(model, small):
    config = small("trainer.schedule=cosine")
    short, long, twice = model(config), model(config), model(config)
    short.train()
    for at in (long, twice):
        at.train(until=7)
    long.train(epochs=20)
    twice.act("set", set={"epochs": 16})
    twice.train(until=9)
    twice.train(epochs=20)
    for at in (long, twice):
        assert at.story.epoch == 20
        assert {k: v for k, v in curve(at).items() if k <= 7} == {
            k: v for k, v in curve(short).items() if k <= 7
        }
        assert curve(at)[8] != curve(short)[8]
        assert replay(at.run).same


def test_a_finished_model_is_extended_to_the_bits_of_a_longer_one(model, small):
    short, long = model(), model(small("trainer.epochs=17"))
    short.train()
    assert short.run.info.status == "finished"
    short.train(epochs=17)
    long.train()
    assert short.bits == long.bits
    assert short.fates[0]["epochs"] == 17
    assert short.run.winner(short.run.info).metrics == long.run.winner(long.run.info).metrics


@pytest.mark.parametrize("lost", ["state", "state/0", "requests", "logs", "diagnostics.jsonl"])
def test_what_training_can_do_without_may_be_deleted_while_it_is_at_it(model, lost):
    whole, robbed = model(), model()
    whole.train()
    with robbed.session() as session:
        session.train(5)
        session.act(Request("set", note="a line in each file"))
        path = robbed.run.path / lost
        if path.is_dir():
            shutil.rmtree(path)
        with suppress(FileNotFoundError):
            path.unlink()
        session.train(2)
        session.act(Request("branch", epoch=5))
        session.train(100)
    assert curve(robbed, 1) == {k: v for k, v in curve(whole).items() if k > 5}
    assert replay(robbed.run).same


@pytest.mark.parametrize("name", ["interventions.jsonl", "curves.jsonl", "trials.jsonl"])
@pytest.mark.parametrize("deed", ["delete", "empty", "edit", "link"])
def test_lines_that_somebody_takes_away_while_it_trains_are_written_anew(model, name, deed):
    made = model()
    with made.session() as session:
        session.train(3)
        session.act(Request("set", {"learning_rate": 0.2}))
        session.train(2)
        session.act(Request("undo"))
        session.train(2)
        path = made.run.path / name
        if deed == "empty":
            path.write_text("")
        elif deed == "edit":
            path.write_text(path.read_text().replace("0", "1") + "{}\n")
        else:
            path.unlink()
            if deed == "link":
                path.symlink_to("/etc/hostname")
        session.act(Request("set", {"learning_rate": 0.4}))
        session.train(100)
    assert len(made.lines("interventions.jsonl")) == 3
    assert {number: line["status"] for number, line in made.fates.items()} == {
        0: "stopped",
        1: "completed",
    }
    assert replay(made.run).same


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", None])
def test_a_damaged_snapshot_counts_as_none(model, damage):
    whole, hurt = model(), model()
    whole.train()
    hurt.train(until=6)
    for path in (hurt.run.path / "state" / "0").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    hurt.train()
    assert hurt.bits == whole.bits


def test_a_snapshot_ahead_of_its_curve_is_not_gone_on_from(model):
    made = model()
    made.train(until=6)
    path = made.run.path / "curves.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    last = made.story.epoch
    path.write_text("".join(lines[:-1]))  # as a power cut leaves it
    assert made.story.epoch < last
    made.act("set", set={"learning_rate": 0.5})
    made.train()
    made.act("branch", epoch=last)
    made.train(until=last + 1)
    assert replay(made.run).same


def test_lost_epochs_from_before_an_extension_are_trained_again_and_those_after_it(model):
    made = model()
    made.train()
    made.train(epochs=17)
    bits, path = made.bits, made.run.path / "curves.jsonl"
    path.write_text(path.read_text().partition("\n")[0] + "\n")
    shutil.rmtree(made.run.path / "state" / "0")
    assert made.story.epoch < 12
    made.train()
    assert made.bits == bits
    assert made.run.info.status == "finished"


def test_a_torn_line_of_the_diary_counts_as_never_written(model):
    made = model()
    made.train(until=4)
    made.act("set", set={"learning_rate": 0.5})
    path = made.run.path / "interventions.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    made.train(until=6)
    made.act("set", set={"learning_rate": 0.25})
    made.train()
    assert [line["epoch"] for line in made.lines("interventions.jsonl")] == [6]
    assert replay(made.run).same


def test_a_changed_past_is_noticed_where_it_is_trained_again(model):
    made = model()
    made.train(until=6)
    path = made.run.path / "curves.jsonl"
    value = made.bits[0, 2]["val_loss"]
    path.write_text(path.read_text().replace(str(value), "0.5"))
    shutil.rmtree(made.run.path / "state")
    with pytest.raises(HpsearchError, match=r"epoch 2 of branch 0: val_loss must come out as bef"):
        made.train()

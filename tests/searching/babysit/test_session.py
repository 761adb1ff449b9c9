"""A babysat model at work: what is asked of it is done between epochs, and answered."""

import errno

import pytest

from hpsearch.errors import HpsearchError, RunError
from hpsearch.searching.babysit.replay import replay
from hpsearch.store import snapshots
from hpsearch.store.requests import Request, Requests

FATAL = {"learning_rate": 1e30, "optimizer": "momentum"}


def actions(model):
    return [line["action"] for line in model.lines("interventions.jsonl")]


@pytest.fixture
def asking():
    """Puts requests before a session, lets it have turns until all are answered; the answers."""

    def ask(session, *requests):
        at = Requests(session.record.run.inside)
        names = [at.ask(request) for request in requests]
        answers = {}
        while len(answers) < len(names) and not session.over:
            session.turn(1)
            for name in names:
                if (found := at.answer(name)) is not None:
                    answers[name] = found
        return [answers.get(name) for name in names]

    return ask


def test_what_a_lost_worker_had_trained_is_no_time_of_the_models(model, span):
    made = model()
    made.train(4)
    with made.run.writing() as writer:
        writer.worked(span(worker="far/a", start=0.0, end=1e6, lost=True))
    made.train()
    (result,) = made.run.results
    kept = [each for each in made.run.timeline if each.lost is not True]
    assert len(kept) == len(made.run.timeline) - 1
    assert result.seconds == pytest.approx(sum(each.end - each.start for each in kept), abs=0.1)


# What is asked


def test_requests_are_done_in_the_order_in_which_they_were_asked(model, asking):
    made = model()
    with made.session() as session:
        session.train(2)
        answers = asking(
            session,
            Request("set", {"learning_rate": 0.2}, note="one"),
            Request("set", {"learning_rate": 0.3}),
            Request("undo"),
            Request("undo"),
            Request("undo"),
            Request("branch", epoch=1, set={"learning_rate": 0.4}),
        )
    assert [each.done for each in answers] == [True, True, True, True, False, True]
    assert "learning_rate 0.2 -> 0.3" in answers[1].text
    assert "learning_rate 0.3 -> 0.2" in answers[2].text
    assert "there is no change to undo" in answers[4].text
    assert [line["by"] for line in made.lines("interventions.jsonl")] == ["steer"] * 5
    assert [line["trial"] for line in made.lines("interventions.jsonl")] == [0, 0, 0, 1, 2]
    made.train()
    assert replay(made.run).same


def test_numbers_are_said_in_six_digits_but_for_what_the_user_gave_and_the_diary_has_all(model):
    made = model()
    computed, given = 0.0031622776601683794, 0.0123456789
    made.act("set", set={"learning_rate": computed})
    said = made.act("set", set={"learning_rate": given})
    assert said.endswith("learning_rate 0.00316228 -> 0.0123456789")
    assert made.act("undo").endswith("learning_rate 0.0123457 -> 0.00316228")
    assert made.lines("interventions.jsonl")[1]["set"] == {"learning_rate": [computed, given]}


def test_what_is_asked_after_a_stop_is_refused_and_nothing_is_changed(model):
    made = model()
    with made.session() as session:
        session.train(2)
        at = Requests(made.run.inside)
        first, second = at.ask(Request("stop")), at.ask(Request("set", {"learning_rate": 0.5}))
        session.turn()
        assert session.over
    assert at.answer(first).done
    refused = at.answer(second)
    assert not refused.done
    assert "is not in training any more; nothing was changed" in refused.text
    assert actions(made) == ["stop"]
    assert made.run.info.status == "interrupted"
    assert made.fates[0]["status"] == "stopped"
    made.train()
    assert made.run.info.status == "finished"
    assert made.fates[0]["status"] == "completed"


def test_a_request_can_be_taken_back_until_the_epoch_has_ended(model):
    made = model()
    with made.session() as session:
        session.turn(1)
        at = Requests(made.run.inside)
        name = at.ask(Request("set", {"learning_rate": 0.5}))
        session._begin(1)
        assert not session.caught_up  # an epoch is in training
        with pytest.raises(TimeoutError):
            session._bench.wait(0)
        session.hear(())
        assert at.withdraw(name)
        session.train(3)
        assert at.answer(name) is None
    assert actions(made) == []


def test_pause_trains_nothing_until_it_goes_on_and_outlasts_a_restart(model, asking):
    made = model()
    with made.session() as session:
        session.train(3)
        assert [each.done for each in asking(session, Request("pause"))] == [True]
        for _ in range(3):
            session.turn(timeout=0.001)
        assert session.record.epoch == 3
        again, changed, undone = asking(
            session, Request("pause"), Request("set", {"learning_rate": 0.4}), Request("undo")
        )
        assert not again.done
        assert changed.done
        assert undone.done
        assert session.record.epoch == 3
    with made.session() as session:  # resume goes on by itself
        assert session.train(2) == 2
    assert actions(made) == ["pause", "set", "undo", "continue"]


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("dance"), r"action: must be one of set, undo, branch.*found 'dance'"),
        (Request("rescue"), r"action: must be one of"),
        (Request("set"), r"set: must name a value to change, or a note, found neither"),
        (Request("set", note=" \t"), r"note: must say something, found ' \\t'"),
        (Request("set", {"l2": 0.1}, note=""), r"note: must say something, found ''"),
        (Request("set", note="n" * 10_001), r"note: must have at most 10,000 characters"),
        (Request("branch"), r"must begin after an epoch that branch 0 has trained, 0 to 3, found"),
        (Request("branch", epoch=4), r"0 to 3, found 4"),
        (Request("branch", epoch=-1), r"0 to 3, found -1"),
        (Request("branch", epoch=2**70), r"0 to 3, found"),
        (Request("branch", epoch=1, trial=1), r"trial: must be a branch from 0 to 0, found 1"),
        (Request("branch", epoch=1, trial=-1), r"trial: must be a branch from 0 to 0, found -1"),
        (Request("branch", epoch=1, set={"hidden_units": 4}), r"hidden_units: cannot change"),
        (Request("continue"), r"is not paused"),
        (Request("undo"), r"there is no change to undo"),
        (Request("set", {"learning_rate": 0}), r"learning_rate: must be a number > 0, not 0"),
        (Request("set", {"": 1}), r"is no parameter"),
        (Request("set", {"x\x1b[2J": 1}), r"is no parameter"),
    ],
)
def test_what_cannot_be_is_refused_in_one_message_and_changes_nothing(
    model, asking, request_, said
):
    made = model()
    with made.session() as session:
        session.train(3)
        with pytest.raises(HpsearchError, match=said):
            session.act(request_)
        (answer,) = asking(session, request_)
        assert not answer.done
    assert actions(made) == []
    assert made.bits.keys() >= {(0, 1), (0, 2), (0, 3)}


def test_the_remarks_of_a_change_are_part_of_the_answer(model, asking):
    made = model()
    with made.session() as session:
        session.train(2)
        (answer,) = asking(session, Request("set", {"optimizer": "momentum"}))
    assert "optimizer adam -> momentum" in answer.text
    assert "anew" in answer.text


# Divergence


def test_a_divergence_goes_back_to_the_last_good_epoch_at_half_the_rate(model):
    made = model(optimizer="momentum", learning_rate=0.1)
    with made.session() as session:
        session.train(3)
        session.act(Request("set", FATAL | {"learning_rate": 1e9, "optimizer": "sgd"}))
        while session.record.number == 0:
            session.turn(1)
        point = session.record.lines.active.origin
        assert session.record.params["learning_rate"] in (5e8, 0.05)
    last = made.lines("interventions.jsonl")[-1]
    assert (last["action"], last["by"], last["trial"]) == ("rescue", "rescue", 0)
    assert last["epoch"] == point.epoch
    assert made.fates[0]["status"] == "diverged"
    assert made.fates[0]["value"] is None
    assert any("diverged in epoch" in text for text in made.said)


def test_a_second_divergence_in_a_row_pauses(model):
    made = model(**FATAL)
    with made.session() as session:
        while not session.record.lines.paused:
            session.turn(1)
        assert session.record.epoch == 0
    assert actions(made) == ["rescue", "rescue", "pause"]
    assert [line["set"].get("learning_rate") for line in made.lines("interventions.jsonl")] == [
        [1e30, 5e29],
        [5e29, 2.5e29],
        None,
    ]
    assert made.said[-1].endswith("paused, as it diverged twice in a row")
    made.act("set", set={"learning_rate": 0.1})
    made.train()
    assert made.story.epoch == 12
    assert replay(made.run).same


def test_a_rescue_can_be_undone_and_diverges_again(model):
    made = model(**FATAL)
    with made.session() as session:
        while session.record.number < 1:
            session.turn(1)
        session.act(Request("undo"))
        assert session.record.params["learning_rate"] == 1e30
        while session.record.number < 3:
            session.turn(1)
    assert actions(made)[:3] == ["rescue", "undo", "rescue"]


def test_a_crash_between_a_divergence_and_its_rescue_is_made_up_for(model, monkeypatch):
    made, whole = model(**FATAL), model(**FATAL)
    with monkeypatch.context() as patch, made.session() as session:
        patch.setattr(session.record, "rescue", lambda: pytest.exit("never"))
        patch.setattr(session, "_take_in", lambda piece, _: crash(session, piece))
        with pytest.raises(ZeroDivisionError):
            session.turn(1)
    for each in (made, whole):
        with each.session() as session:
            while not session.record.lines.paused:
                session.turn(1)
    assert actions(made) == actions(whole) == ["rescue", "rescue", "pause"]
    assert made.bits == whole.bits
    assert made.fates == whole.fates


def crash(session, piece):
    """Record the epoch as `_take_in` does, and die."""
    from hpsearch.trial import Span

    span = Span(number=0, repeat=0, fold=0, rung=0, worker="0", start=0.0, end=1.0)
    session._begun = None
    session.record.trained(piece.outcome.curve, span)
    raise ZeroDivisionError


def test_from_where_it_diverged_no_branch_begins(model):
    made = model()
    with made.session() as session:
        session.train(3)
        session.act(Request("set", FATAL))
        while session.record.number == 0:
            session.turn(1)
        last = made.story.last_epoch(0)
        with pytest.raises(RunError, match=f"0 to {last - 1}, found {last}"):
            session.act(Request("branch", trial=0, epoch=last))
        session.act(Request("branch", trial=0, epoch=last - 1, set={"learning_rate": 0.1}))
        session.train(100)
    assert replay(made.run).same


# The end


def test_patience_ends_it_and_more_of_it_lets_it_go_on(model, small):
    made = model(small("trainer.patience=1", "trainer.epochs=40", "trainer.learning_rate=0.5",
                       space={"l2": {"value": 0}}))  # fmt: skip
    made.train()
    ended = made.story.epoch
    assert ended < 40
    assert made.run.info.status == "finished"
    made.train()  # resume trains nothing
    assert made.story.epoch == ended
    made.act("set", set={"patience": 30})
    assert made.run.info.status == "interrupted"
    made.train(until=ended + 2)
    assert made.story.epoch == ended + 2
    made.train()
    assert replay(made.run).same


def test_an_extension_must_be_longer_than_what_is_trained(model):
    made = model()
    made.train()
    with pytest.raises(HpsearchError, match="epochs: must be more than the 12 that are trained"):
        made.train(epochs=7)
    assert made.run.info.status != "running"
    made.train(epochs=12)
    assert actions(made) == []
    made.train(epochs=13)
    assert made.story.epoch == 13


def test_it_may_end_earlier_than_planned(model):
    made = model()
    made.train(until=4)
    made.train(epochs=6)
    assert (made.story.epoch, made.story.epochs) == (6, 6)
    assert made.run.info.status == "finished"


def test_a_finished_model_is_branched_and_its_best_epoch_is_that_of_all(model):
    made = model()
    made.train()
    first = made.run.winner(made.run.info)
    assert made.act("branch", epoch=2, set={"learning_rate": 1e-6})
    assert made.run.info.status == "interrupted"
    made.train()
    assert made.run.winner(made.run.info) == first
    assert made.fates.keys() == {0, 1}


# What goes wrong


@pytest.mark.parametrize("what", ["snapshot", "diary"])
def test_a_full_disk_ends_it_with_one_answer_and_nothing_lost(model, monkeypatch, what):
    made, whole = model(), model()
    whole.train()
    full = OSError(errno.ENOSPC, "No space left on device")

    def fail(*_, **__):
        raise full

    at, names = Requests(made.run.inside), []

    def work():
        with made.session() as session, monkeypatch.context() as patch:
            session.train(3)
            names.append(at.ask(Request("set", {"learning_rate": 0.5})))
            if what == "snapshot":
                session._saved = False
                patch.setattr(snapshots, "write_state", fail)
            else:
                patch.setattr(session.record.writer, "intervened", fail)
            session.turn()

    with pytest.raises(RunError, match=r"No space left.*hpsearch resume"):
        work()
    answer = at.answer(names[0])
    assert not answer.done
    assert "nothing was changed" in answer.text
    assert "No space left" in answer.text
    assert actions(made) == []
    made.train()
    assert made.bits == whole.bits


def test_a_change_that_is_in_the_diary_is_not_said_to_have_come_to_nothing(model, monkeypatch):
    made = model()

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    at, names = Requests(made.run.inside), []

    def work():
        with made.session() as session:
            session.train(3)
            names.append(at.ask(Request("branch", epoch=1)))
            monkeypatch.setattr(session.record.writer, "babysat", fail)
            session.turn()

    with pytest.raises(RunError, match="No space left"):
        work()
    answer = at.answer(names[0])
    assert answer.done
    assert "is in the diary" in answer.text
    made.train()
    assert made.fates[0]["status"] == "stopped"
    assert made.story.number == 1


@pytest.mark.parametrize("action", ["set", "pause"])
def test_a_folder_that_is_gone_is_said_so(model, tmp_path, action):
    made = model()

    def work():
        with made.session() as session:
            session.train(3)
            if action == "pause":
                session.act(Request("pause"))
            made.run.path.rename(tmp_path / "elsewhere")
            if action == "set":
                session.act(Request("set", {"learning_rate": 0.5}))
            for _ in range(50):
                session.turn(1)

    with pytest.raises(RunError, match="was deleted or moved"):
        work()


def test_a_clock_that_jumps_back_changes_no_bit(model, monkeypatch):
    import time

    made, whole = model(), model()
    whole.train()
    now = time.time()
    with made.session() as session:
        session.train(3)
        monkeypatch.setattr("time.time", lambda: now - 1e6)
        monkeypatch.setattr("time.time_ns", lambda: int((now - 1e6) * 1e9))
        at = Requests(made.run.inside)
        name = at.ask(Request("set", note="in the past"))
        session.turn(1)
        assert at.answer(name).done
        session.train(2)
        monkeypatch.setattr("time.time", lambda: now + 1e9)
        session.train(100)
    assert made.bits == whole.bits
    assert replay(made.run).same


def test_the_next_piece_begins_before_the_last_is_recorded_unless_something_is_asked(
    model, monkeypatch
):
    made, whole = model(), model()
    begun = []
    with made.session() as session:
        trained = session.record.trained

        def record(*args):
            begun.append((session.record.epoch, session._begun is not None))
            trained(*args)

        monkeypatch.setattr(session.record, "trained", record)
        session.turn(2, timeout=None)  # two epochs, however fast: the model is not done by then
        assert begun == [(0, True)]
        name = session.requests.ask(Request("set", note="look"))
        session.turn(2, timeout=None)
        assert begun[-1][1] is False
        session.turn(2, timeout=None)
        assert session.requests.answer(name).done
        while session._begun is not None:
            session.turn(0)
    made.train()
    whole.train()
    assert made.bits == whole.bits


def test_a_training_that_fails_says_where_and_how_it_goes_on(model, tmp_path):
    from hpsearch.config import from_mapping

    (tmp_path / "own.py").write_text(
        "def train(params):\n"
        "    for epoch in range(9):\n"
        "        if epoch == 4 and params['x'] < 1:\n"
        "            raise ValueError('no more')\n"
        "        change = yield {'loss': 1 / (1 + epoch)}\n"
        "        params = {**params, **(change or {})}\n"
    )
    own = {
        "name": "own",
        "trainer": {"kind": "function", "function": f"{tmp_path}/own.py:train", "epochs": 9},
        "metric": {"name": "loss", "goal": "minimize"},
        "space": {"x": {"min": 0, "max": 1}},
        "parallel": {"backend": "serial"},
    }
    made = model(from_mapping(own))
    with pytest.raises(
        HpsearchError,
        match=r"branch 0 could not train on after epoch \d.*no more; once that is mended, go on "
        r"with: hpsearch resume \S+$",
    ):
        made.train()
    made.act("branch", epoch=1, set={"x": 0.25})
    with pytest.raises(HpsearchError, match=r"without the last change: hpsearch steer .* --undo"):
        made.train()
    made.act("undo")
    assert made.run.info.status == "interrupted"
    made.act("set", set={"x": 2})
    made.train()
    assert made.run.info.status == "finished"
    assert replay(made.run).same

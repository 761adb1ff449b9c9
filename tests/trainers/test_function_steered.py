"""A generator whose parameters change while it trains: what it is given, and where it goes on."""

import copy
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch import backends
from hpsearch.errors import TrainerError
from hpsearch.store import SafePath
from hpsearch.store.snapshots import Snapshots
from hpsearch.trainers import alive
from hpsearch.trainers.function.call import Change
from hpsearch.trainers.function.kind import KIND
from hpsearch.trainers.function.trainer import FunctionTrainer
from hpsearch.trainers.kinds import Setup
from hpsearch.trainers.protocol import Job

BEGUN = {"epochs": 9, "x": 1.0, "y": 1.0}


def job(until, *changes, number=0, **begun):
    """A piece of a training whose settings change, each time at an epoch: (epoch, changes)."""
    settings, earlier = {**BEGUN, **begun}, []
    for epoch, change in changes:
        earlier.append((epoch, settings))
        settings = {**settings, **change}
    return Job(number, settings, (0, 0), until, earlier=tuple(earlier), steered=True)


@pytest.fixture(autouse=True)
def nothing_alive():
    yield
    alive.release()


class Summing:
    """A generator that adds x up, and tells how often it was called and of what."""

    def __init__(self):
        self.calls, self.changes, self.closed = [], [], []

    def train(self, params, epochs, trial):
        self.calls.append((dict(params), epochs, trial))
        total = 0.0
        try:
            for _ in range(epochs):
                total = total * params["y"] + params["x"]
                change = yield {"score": total}
                self.changes.append(None if change is None else copy.copy(change))
                params |= change or {}
        finally:
            self.closed.append(total)


def pieces(function, folder, *jobs, forget=False):
    """What jobs give one after another, the curve of new epochs and the last outcome."""
    trainer, state, curve = FunctionTrainer(function, str(folder), "score"), None, []
    for one in jobs:
        if forget:
            alive.release()
        done = 0 if state is None else int(state["epochs"])
        (outcome,) = trainer.train([one], [state])
        rows = zip(outcome.curve["epoch"], outcome.curve.get("score", []), strict=True)
        curve += [value for epoch, value in rows if epoch > done]
        state = outcome.state
    return curve, outcome


FIRST, SECOND = (3, {"x": 5.0}), (5, {"x": 2.0, "y": 0.5})
HISTORY = [
    job(1), job(2), job(3), job(4, FIRST), job(5, FIRST), job(7, FIRST, SECOND),
    job(9, FIRST, SECOND),
]  # fmt: skip
SCORES = [1, 2, 3, 8, 13, 8.5, 6.25, 5.125, 4.5625]


def test_a_yield_gives_none_or_what_changed_and_one_call_trains_all_pieces(tmp_path):
    one = Summing()
    curve, outcome = pieces(one.train, tmp_path, *HISTORY)
    assert curve == SCORES
    assert one.calls == [({"x": 1.0, "y": 1.0}, 9, 0)]
    assert one.changes == [None, None, {"x": 5.0}, None, {"x": 2.0, "y": 0.5}, None, None, None]
    assert outcome.finished
    assert one.closed == [4.5625]


def test_a_training_is_the_same_function_of_its_history_whatever_was_left_alive(tmp_path):
    one = Summing()
    assert pieces(one.train, tmp_path, *HISTORY, forget=True)[0] == SCORES
    assert len(one.calls) == len(HISTORY)
    (whole,) = FunctionTrainer(one.train, str(tmp_path), "score").train([HISTORY[-1]], [None])
    assert whole.curve["score"] == SCORES


def test_only_exactly_the_same_training_goes_on_where_another_was_left(tmp_path):
    one = Summing()
    trainer = FunctionTrainer(one.train, str(tmp_path), "score")
    (three,) = trainer.train([job(3)], [None])

    def calls(*jobs, state=three.state):
        trainer.train([job(3)], [None])
        before = len(one.calls)
        outcomes = trainer.train(jobs, [state] * len(jobs))
        return len(one.calls) - before, outcomes[-1].curve["score"][-1]

    assert calls(job(4)) == (0, 4)
    assert calls(job(4, (2, {"x": 9.0}))) == (1, 20)  # the change came before
    assert calls(job(4, (3, {"x": 9.0}))) == (0, 12)
    assert calls(job(4, (0, {"x": 9.0}))) == (1, 36)
    assert calls(job(4, number=1)) == (1, 4)
    assert calls(job(3), state=None) == (1, 3)
    assert calls(job(4, (3, {"epochs": 12}))) == (1, 4)
    assert calls(job(3, number=2), job(4)) == (0, 4)  # nothing to train: what is alive stays
    assert one.calls[-1][1:] == (9, 0)


def test_two_changes_at_one_epoch_are_the_last_one(tmp_path):
    one = Summing()
    curve, _ = pieces(one.train, tmp_path, job(2), job(3, (2, {"x": 7.0}), (2, {"y": 0.0})))
    assert curve == [1, 2, 7]
    assert one.changes == [None, {"x": 7.0, "y": 0.0}]


def test_a_change_that_is_taken_back_before_an_epoch_gives_none(tmp_path):
    one = Summing()
    pieces(one.train, tmp_path, job(2), job(3, (2, {"x": 7.0}), (2, {"x": 1.0})))
    assert one.changes == [None, None]


def test_a_parameter_that_is_no_longer_set_is_none(tmp_path):
    one = Summing()
    begun = job(2)
    later = Job(
        0, {"epochs": 9, "x": 1.0}, (0, 0), 3, earlier=((2, begun.settings),), steered=True
    )
    trainer = FunctionTrainer(one.train, str(tmp_path), "score")
    (two,) = trainer.train([begun], [None])
    with pytest.raises(TypeError):  # of the function, which multiplies by None
        trainer.train([later], [two.state])
    assert one.changes == [None, {"y": None}]


def test_a_generator_that_failed_is_not_gone_on_with(tmp_path):
    def train(params, epochs):
        for _ in range(epochs):
            change = yield params["x"]
            if change:
                raise ValueError(change["x"])

    trainer = FunctionTrainer(train, str(tmp_path), "score")
    (two,) = trainer.train([job(2)], [None])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"7\.0"):
            trainer.train([job(3, (2, {"x": 7.0}))], [two.state])
    assert trainer.train([job(3)], [two.state])[0].curve["epoch"] == [1, 2, 3]


def ignoring(params, epochs):
    for _ in range(epochs):
        yield params["x"]


def half_reading(params, epochs):
    for _ in range(epochs):
        change = yield params["x"]
        if change and "x" in change:
            params["x"] = change["x"]


def updating(params, epochs):
    for _ in range(epochs):
        params.update((yield params["x"]) or {})


@pytest.mark.parametrize(
    ("function", "unread", "score"),
    [(ignoring, "'x', 'y'", 1), (half_reading, "'y'", 3), (updating, None, 3)],
)
def test_what_a_function_ignores_is_said_once(tmp_path, function, unread, score):
    change = (2, {"x": 3.0, "y": 2.0})
    remark = f"the function did not read {unread} from what yield gave it"
    for forget in (False, True):
        trainer, state, remarks = FunctionTrainer(function, str(tmp_path), "score"), None, []
        for one in (job(2), job(3, change), job(4, change)):
            if forget:
                alive.release()
            (outcome,) = trainer.train([one], [state])
            state = outcome.state
            remarks.append(outcome.remarks)
        assert remarks == [(), (remark,) if unread else (), ()]
        assert outcome.curve["score"][-1] == score


@pytest.mark.parametrize(
    ("read", "left"),
    [
        (lambda c: c["x"], {"y"}),
        (lambda c: c.get("x"), {"y"}),
        (lambda c: c.get("z"), {"x", "y"}),
        (lambda c: "x" in c, {"y"}),
        (lambda c: c.pop("x"), {"y"}),
        (lambda c: "{x}".format_map(c), {"y"}),
        (lambda c: next(iter(c)), set()),
        (bool, {"x", "y"}),
        (repr, {"x", "y"}),
        (len, {"x", "y"}),
        (dict, set()),
        (list, set()),
        (json.dumps, set()),
        (copy.deepcopy, set()),
        (lambda c: c.items(), set()),
        (lambda c: c.keys(), set()),
        (lambda c: c.copy(), set()),
        (lambda c: {}.update(c), set()),
        (lambda c: {"z": 0} | c, set()),
        (lambda c: c | {"z": 0}, set()),
        (lambda c: {**c}, set()),
        (lambda c: (lambda **given: given)(**c), set()),
        (lambda c: c == {}, set()),
    ],
)
def test_every_way_of_reading_a_dict_is_noticed(read, left):
    change = Change({"x": 1, "y": 2})
    read(change)
    assert change.unread == left


def test_a_copy_of_a_change_is_a_plain_dict():
    assert type(copy.deepcopy(Change({"x": [1]}))) is dict
    assert copy.deepcopy(Change({"x": [1]})) == {"x": [1]}


def saving(params, epochs, checkpoint_dir):
    """Adds x up in a file, and tells with each epoch how many this call has trained."""
    file, done = Path(checkpoint_dir, "total.json"), 0
    total = 0.0
    if file.exists():
        done, total = json.loads(file.read_text())
    for epoch in range(done, epochs):
        total = total * params["y"] + params["x"]
        file.write_text(json.dumps([epoch + 1, total]))
        change = yield {"score": total, "trained": epoch + 1 - done}
        params.update(change or {})


def folders(run):
    return sorted(str(path.relative_to(run)) for path in (run / "state").glob("*/*"))


@pytest.mark.parametrize("forget", [False, True])
def test_what_a_generator_saves_is_gone_on_from_where_none_is_alive(tmp_path, forget):
    curve, outcome = pieces(saving, tmp_path, *HISTORY, forget=forget)
    assert curve == SCORES
    assert outcome.curve["trained"][-1] == (2 if forget else 4)  # since the last change
    alive.release()
    assert folders(tmp_path) == ["state/0-0-0/epoch-7", "state/0-0-0/epoch-9"]
    assert set(outcome.state) == {"epochs", "kept"}


def stubborn(params, epochs, checkpoint_dir):
    """Adds up x as it was at the call, and y as a yield gives it; keeps both, and neither."""
    file, begun = Path(checkpoint_dir, "total.json"), params["x"]
    done, total = json.loads(file.read_text()) if file.exists() else (0, 0.0)
    y = 1.0
    for epoch in range(done, epochs):
        total += begun + y
        if epoch != 3:  # after which a checkpoint is that of the epoch before
            file.write_text(json.dumps([epoch + 1, total]))
        change = yield {"epoch": epoch + 1, "score": total}
        y = (change or {}).get("y", y)


def test_whatever_a_function_makes_of_a_change_it_is_the_same_after_a_crash(tmp_path):
    found = []
    for crashes in ({}, {1}, {2, 5}, {3}, {4, 6}, range(9)):
        trainer, state, curve, remarks = (
            FunctionTrainer(stubborn, str(tmp_path), "score"),
            None,
            [],
            [],
        )
        shutil.rmtree(tmp_path / "state", ignore_errors=True)
        for number, one in enumerate(HISTORY):
            if number in crashes:
                alive.release()
            (outcome,) = trainer.train([one], [state])
            rows = zip(outcome.curve["epoch"], outcome.curve["score"], strict=True)
            curve += [value for epoch, value in rows if epoch > len(curve)]
            state = outcome.state
            remarks.append(outcome.remarks)
        found.append((curve, remarks))
    shutil.rmtree(tmp_path / "state")
    (whole,) = trainer.train([replace(HISTORY[-1], number=1)], [None])
    assert all(each == found[0] for each in found)
    assert whole.curve["score"] == found[0][0]
    assert [remark for each in found[0][1] for remark in each] == [
        "the function did not read 'y' from params"
    ]


def test_a_folder_stays_the_generators_own_while_what_it_left_is_a_checkpoint(tmp_path):
    trainer = FunctionTrainer(saving, str(tmp_path), "score")
    (two,) = trainer.train([job(2)], [None])
    kept, work = folders(tmp_path)
    assert (kept, work.startswith("state/0-0-0/work-")) == ("state/0-0-0/epoch-2", True)
    trainer.train([job(4)], [two.state])
    saved = tmp_path / "state/0-0-0/epoch-2/total.json"
    assert json.loads(saved.read_text()) == [2, 2.0]
    alive.release()
    assert folders(tmp_path) == ["state/0-0-0/epoch-2", "state/0-0-0/epoch-4"]


def test_another_line_goes_on_from_a_snapshot_of_the_one_that_it_came_from(tmp_path):
    snapshots = Snapshots(SafePath(tmp_path))
    trainer, state = FunctionTrainer(saving, str(tmp_path), "score"), None
    for epoch in range(1, 6):
        (outcome,) = trainer.train([job(epoch)], [state])
        state = outcome.state
        snapshots.save(0, epoch, state)
    branch = job(3, (2, {"x": 10.0}), number=1)
    (other,) = trainer.train([branch], [snapshots.load(0, 2, by=1)])
    assert other.curve == {"epoch": [3], "score": [12.0], "trained": [1]}
    snapshots.save(1, 3, other.state)
    (back,) = trainer.train([job(5)], [snapshots.load(0, 4, by=0)])
    assert back.curve == {"epoch": [5], "score": [5.0], "trained": [1]}


def test_a_generator_without_its_checkpoint_is_trained_by_its_whole_history(tmp_path):
    curve, outcome = pieces(saving, tmp_path, job(2), job(4, (2, {"x": 10.0})))
    shutil.rmtree(tmp_path / "state")
    later = job(5, (2, {"x": 10.0}), (4, {"x": 0.0}), number=1)
    (anew,) = FunctionTrainer(saving, str(tmp_path), "score").train([later], [outcome.state])
    assert anew.curve["score"] == [*curve, 22.0]


def test_a_generator_finds_the_process_as_it_left_it_and_nobody_else_does(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()

    def train(params, epochs):
        os.chdir(folder)
        os.environ["LEFT_BEHIND"] = "1"
        sys.path.insert(0, "mine")
        for _ in range(epochs):
            print("an epoch")
            same = (Path.cwd(), os.environ.get("LEFT_BEHIND"), sys.path[0])
            yield float(same == (folder, "1", "mine"))

    before = Path.cwd(), list(sys.path), dict(os.environ)
    curve, _ = pieces(train, tmp_path, job(1), job(2), job(4))
    assert (Path.cwd(), sys.path, dict(os.environ)) == before
    assert curve == [1, 1, 1, 1]
    assert (tmp_path / "logs/trial-0.txt").read_text() == "an epoch\n" * 4


def test_a_generator_that_nobody_goes_on_with_is_closed_where_it_was_left(tmp_path):
    def train(params, epochs):
        try:
            for _ in range(epochs):
                yield 1.0
        finally:
            print("closed")
            raise ValueError("whatever")

    trainer = FunctionTrainer(train, str(tmp_path), "score")
    trainer.train([job(2)], [None])
    assert not (tmp_path / "logs/trial-0.txt").exists()
    trainer.train([job(2, number=1)], [None])
    assert (tmp_path / "logs/trial-0.txt").read_text() == "closed\n"


def test_a_search_leaves_no_generator_alive(tmp_path):
    one = Summing()
    plain = Job(0, BEGUN, (0, 0), 2)
    (outcome,) = FunctionTrainer(one.train, str(tmp_path), "score").train([plain], [None])
    assert one.closed == [2.0]
    assert set(outcome.state) == {"epochs", "kept"}


def test_a_piece_of_no_epochs_calls_nothing(tmp_path):
    one = Summing()
    trainer = FunctionTrainer(one.train, str(tmp_path), "score")
    (begun,) = trainer.train([job(0)], [None])
    assert (begun.curve, begun.finished, one.calls) == ({"epoch": []}, False, [])
    (two,) = trainer.train([job(2)], [begun.state])
    (tried,) = trainer.train([job(2, (2, {"x": 3.0}))], [two.state])
    assert (tried.curve, tried.state, len(one.calls)) == ({"epoch": []}, two.state, 1)


@pytest.mark.parametrize("forget", [False, True])
def test_a_function_that_ends_by_itself_is_finished_and_may_be_gone_back_to(tmp_path, forget):
    def train(params, epochs):
        yield from (1.0, 2.0)

    change = (2, {"x": 3.0})
    curve, outcome = pieces(train, tmp_path, job(1), job(2), job(3, change), forget=forget)
    assert curve == [1, 2]
    assert outcome.finished
    assert int(outcome.state["epochs"]) == 2
    assert len(outcome.remarks) == 1


def test_more_epochs_are_a_call_that_is_told_of_them(tmp_path):
    one = Summing()
    more = (3, {"epochs": 5})
    curve, outcome = pieces(one.train, tmp_path, job(3, epochs=3), job(5, more, epochs=3))
    assert curve == [1, 2, 3, 4, 5]
    assert [epochs for _, epochs, _ in one.calls] == [3, 5]
    assert one.changes == [None] * 6  # 2 of the first call, 4 of the second
    assert outcome.finished


def test_a_diverged_epoch_ends_a_generator_and_what_was_before_stays(tmp_path):
    def train(params, epochs, checkpoint_dir):
        for _ in range(epochs):
            Path(checkpoint_dir, "file").touch()
            change = yield params["x"]
            params.update(change or {})

    bad = (2, {"x": float("nan")})
    trainer = FunctionTrainer(train, str(tmp_path), "score")
    (two,) = trainer.train([job(2)], [None])
    (outcome,) = trainer.train([job(5, bad)], [two.state])
    assert (outcome.diverged, outcome.state) == (True, None)
    assert outcome.curve == {"epoch": [3], "score": [None]}
    assert folders(tmp_path) == ["state/0-0-0/epoch-2"]


def test_a_worker_keeps_a_function_that_was_handed_over_as_a_copy(tmp_path):
    def train(params, epochs):
        for epoch in range(epochs):
            change = yield {"score": params["x"], "trained": epoch + 1}
            params.update(change or {})

    trainer, state = FunctionTrainer(train, str(tmp_path), "score"), None
    with backends.create("local", 1) as at:
        for one in (job(2), job(4, (2, {"x": 5.0}))):
            at.submit(backends.Task("train", trainer.train, ([one], [state])))
            (outcome,) = at.next().value
            state = outcome.state
    assert outcome.curve == {"epoch": [3, 4], "score": [5, 5], "trained": [3, 4]}


def test_a_function_that_returns_cannot_be_steered(tmp_path):
    setup = {"options": {"function": "a.py:train", "folder": str(tmp_path)}, "names": ("x",)}
    (tmp_path / "a.py").write_text(
        "def train(params, epochs):\n    return 1\n\n\ndef each(params, epochs):\n    yield 1\n"
    )
    assert KIND.unsteerable(Setup(**setup, metric="loss")) == (
        "a.py:train: must yield after each epoch, as `change = yield {'loss': ...}`, found a "
        "function that returns; what yield gives is None, or a dict of the parameters that changed"
    )
    setup["options"]["function"] = "a.py:each"
    assert KIND.unsteerable(Setup(**setup, metric="loss")) is None
    setup["options"]["function"] = "b.py:each"
    with pytest.raises(TrainerError, match="no such file"):
        KIND.unsteerable(Setup(**setup, metric="loss"))

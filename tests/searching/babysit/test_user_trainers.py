"""A user's generator and command that are babysat: the same bits, whatever was done and left."""

import json
import sys

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import TrainerError
from hpsearch.searching.babysit.replay import replay
from hpsearch.store.requests import Request
from hpsearch.trainers import alive

OWN = """
import json, pathlib

def steps(params, epochs, done=0, total=0.0):
    for epoch in range(done, epochs):
        total = total * 0.9 + params["x"]
        yield epoch + 1, total

def live(params, epochs):
    print("called", flush=True)
    for _, total in steps(params, epochs):
        change = yield {"loss": total}
        params["x"] = (change or {}).get("x", params["x"])

def saving(params, epochs, checkpoint_dir):
    file = pathlib.Path(checkpoint_dir, "saved")
    begun = json.loads(file.read_text()) if file.exists() else (0, 0.0)
    for saved in steps(params, epochs, *begun):
        file.write_text(json.dumps(saved))
        yield {"loss": saved[1]}

def leaving(params, epochs, checkpoint_dir, trial_dir):
    here = pathlib.Path(trial_dir)
    for yielded in saving(params, epochs, checkpoint_dir):
        epoch = json.loads(pathlib.Path(checkpoint_dir, "saved").read_text())[0]
        assert sorted(p.name for p in here.iterdir()) == [str(n) for n in range(1, epoch)]
        (here / str(epoch)).write_text(str(params["x"]))
        yield yielded

def whole(params, epochs):
    return {"loss": 1.0}

if __name__ == "__main__":
    import os, sys
    folder = os.environ["HPSEARCH_CHECKPOINT_DIR"]
    for told in saving({"x": float(sys.argv[1])}, int(os.environ["HPSEARCH_EPOCHS"]), folder):
        print(json.dumps(told), flush=True)
"""


@pytest.fixture(autouse=True)
def nothing_alive():
    yield
    alive.release()


@pytest.fixture
def own(model, tmp_path):
    """Makes a model that a function of OWN trains, or the whole file as a command."""
    (tmp_path / "own.py").write_text(OWN)

    def make(name):
        trainer = {"kind": "function", "function": f"{tmp_path}/own.py:{name}"}
        if name == "command":
            command = f"{sys.executable} {tmp_path}/own.py {{x}}"
            trainer = {"kind": "command", "command": command, "resumes": True}
        return model(
            from_mapping(
                {
                    "name": "own",
                    "trainer": {**trainer, "epochs": 9},
                    "metric": {"name": "loss"},
                    "space": {"x": {"min": 0, "max": 1}, "y": {"min": 0, "max": 1}},
                    "parallel": {"backend": "serial"},
                }
            )
        )

    return make


ALL = ["live", "saving", "command"]


def nudged(made, between=lambda: None):
    """A diary with a change, a branch and an undo; gives the losses of all branches."""
    with made.session() as session:
        session.train(3)
        between()
        session.act(Request("set", {"x": 1.0}))
        session.train(2)
        between()
        session.act(Request("branch", epoch=2, set={"x": 0.25}))
        session.train(3)
    between()
    with made.session() as session:
        session.act(Request("set", {"x": 0.75}))
        session.train(1)
        session.act(Request("undo"))
        between()
    made.train()
    return {at: row["loss"] for at, row in made.bits.items()}


def expected():
    """The losses of `nudged`, worked out here."""
    rates = {
        0: [0.5] * 3 + [1.0] * 2,
        1: [0.5] * 2 + [0.25] * 3 + [0.75],
        2: [0.5] * 2 + [0.25] * 7,
    }
    began, found = {0: 0, 1: 2, 2: 5}, {}
    for number, xs in rates.items():
        total = 0.0
        for epoch, x in enumerate(xs, 1):
            total = total * 0.9 + x
            if epoch > began[number]:
                found[number, epoch] = total
    return found


@pytest.mark.parametrize("name", ALL)
def test_what_a_user_trains_follows_each_change_and_can_be_replayed(own, name):
    made = own(name)
    assert nudged(made) == expected()
    assert replay(made.run).same


@pytest.mark.parametrize("name", ["live", "saving"])
def test_a_crash_between_any_epochs_changes_no_bit(own, name):
    assert nudged(own(name), alive.release) == expected()


def test_a_generator_is_called_once_for_a_branch_and_its_changes(own):
    made = own("live")
    with made.session() as session:
        session.train(3)
        session.act(Request("set", {"x": 1.0}))
        session.train(6)
    assert (made.run.path / "logs/trial-0.txt").read_text() == "called\n"


def test_what_a_function_does_not_read_is_told(own):
    made = own("live")
    with made.session() as session:
        session.train(3)
        session.act(Request("set", {"x": 1.0, "y": 1.0}))
        session.train(2)
    assert made.said.count("the function did not read 'y' from what yield gave it") == 1


@pytest.mark.parametrize("name", ALL)
def test_more_epochs_go_on_from_the_end(own, name):
    made = own(name)
    made.train()
    made.train(epochs=12)
    assert made.story.epochs == 12
    assert len(made.bits) == 12
    assert replay(made.run).same


def test_a_function_that_returns_is_refused_before_a_run_is_made(own, tmp_path):
    with pytest.raises(TrainerError, match=r"babysit: .*whole: must yield after each epoch"):
        own("whole")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("between", [lambda: None, alive.release])
def test_each_line_has_a_folder_of_its_own_with_what_its_epochs_left(own, between):
    made = own("leaving")
    assert nudged(made, between) == expected()
    held = {
        line.name: [(line / name).read_text() for name in sorted(line.names())]
        for line in map(made.run.trials.__truediv__, made.run.trials.names())
    }
    assert held == {
        "0": ["0.5"] * 3 + ["1.0"] * 2,
        "1": ["0.5"] * 2 + ["0.25"] * 3 + ["0.75"],
        "2": ["0.5"] * 2 + ["0.25"] * 7,
    }


@pytest.mark.parametrize("name", ["saving", "leaving"])
def test_the_best_epoch_s_checkpoint_is_kept_where_there_is_a_snapshot_of_it(
    own, name, monkeypatch
):
    monkeypatch.setattr("hpsearch.searching.babysit.session.SAVE_EVERY", 0.0)  # after each epoch
    made = own(name)
    made.train()
    winner = made.run.winner(made.run.info)
    epoch, total = json.loads((made.run.checkpoint / "saved").read_text())
    assert (epoch, total) == (winner.epochs, winner.metrics["loss"])
    assert made.run.checkpoint.names() == ["saved"]

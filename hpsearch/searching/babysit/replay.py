"""Replay: train what a diary tells of again, and compare every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hpsearch.config import from_run
from hpsearch.messages import counted
from hpsearch.searching.babysit.again import bench_aside
from hpsearch.searching.babysit.bench import Bench
from hpsearch.searching.babysit.lines import Line
from hpsearch.searching.babysit.story import Story, read
from hpsearch.searching.session import same_data
from hpsearch.searching.spec import check_rules
from hpsearch.searching.trainer import LOAD, Function, check_at_hand, inspected
from hpsearch.searching.trust import check
from hpsearch.store import RunDirectory, SafePath
from hpsearch.store.snapshots import Snapshots
from hpsearch.trainers.protocol import State


@dataclass(frozen=True)
class Replayed:
    """Whether a replay gave the same bits, and one line that says so."""

    same: bool
    text: str


def replay(
    run: RunDirectory,
    *,
    function: Function | None = None,
    trust: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> Replayed:
    """Train all branches of a babysat model again, by its diary, each from where it began.

    Nothing is written into the run's folder.

    Args:
        run: of the model.
        function: from Python, to train instead of what the run names.
        trust: the user's word that the code which the run names may run.
        say: is called with progress, a branch at a time.

    Raises:
        HpsearchError: the run is no babysat model, its data have changed, training failed.
    """
    story, info = read(run), run.info
    check_rules(run, info)
    config = from_run(info.config, run.path)
    if function is None:
        check_at_hand(run, config, LOAD)
        check(run, info, config, trust)
    config = inspected(config, function)
    dataset = same_data(run, info, config)
    assert info.babysit is not None
    with bench_aside(config, info.babysit, dataset, function) as (ready, place):
        return _compared(story, ready, Snapshots(SafePath(place)), say)


def _compared(
    story: Story, ready: Bench, snapshots: Snapshots, say: Callable[[str], object]
) -> Replayed:
    """Train one branch after another; of each, what later ones begin with is kept."""
    epochs = 0
    for line in story.lines.all:
        last = story.last_epoch(line.number)
        begun = [
            other.began
            for other in story.lines.all
            if other.origin is not None and other.origin.trial == line.number
        ]
        say(f"branch {line.number}: epochs {line.began + 1} to {last}")
        at, state = line.began, _beginning(line, snapshots)
        for stop in sorted({last, *begun} - set(range(line.began + 1))):
            while at < stop:
                end, settings = next(line.pieces(at, stop))
                outcome = ready.train(ready.job(line, settings, end), state).outcome
                if (found := story.unlike(line.number, outcome.curve, at)) is not None:
                    epoch, name, recorded, value = found
                    where = f"epoch {epoch} of branch {line.number}"
                    return _differs(story, f"{where}: {name} was {recorded}, is {value}")
                reached = max([at, *(int(epoch or 0) for epoch in outcome.curve["epoch"])])
                epochs += reached - at
                if reached < end:
                    where = f"branch {line.number} ends after epoch {reached}"
                    return _differs(story, f"{where}, and not after epoch {last}")
                at, state = reached, outcome.state
            if state is not None:
                snapshots.save(line.number, at, state)
    told = ", ".join(
        (
            counted(len(story.lines.all), "branch"),
            counted(epochs, "epoch"),
            counted(len(story.diary), "intervention"),
        )
    )
    return Replayed(True, f"{story.run.path}: the same bits again: {told}")


def _beginning(line: Line, snapshots: Snapshots) -> State | None:
    """What a branch begins with; None at epoch 0, or where its trainer keeps no state."""
    if line.origin is None or line.origin.epoch == 0:
        return None
    return snapshots.load(line.origin.trial, line.origin.epoch, line.number)


def _differs(story: Story, what: str) -> Replayed:
    return Replayed(False, f"{story.run.path}: differs: {what}")

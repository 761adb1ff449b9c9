"""The folders in which a user's trainer keeps what it needs to go on to a later rung.

A piece of training works in a private copy of what the piece before it left, and its folder
gets its final name only when the piece is done. So a piece that was killed half-way leaves
nothing that a later attempt could see, and a resumed search goes on exactly where the recorded
one was, whatever else had been trained since. (What a steered training may go back to is copied
into the run's snapshots, see `store.snapshots`.)

What a training leaves at its end stays while its trial may win: the winner's becomes
`best/checkpoint/`.

A trial may have a folder of its own besides, in which each piece works directly. A piece that
begins anew finds it empty; one that goes on finds what was there when the piece before it ended,
of which the checkpoint has a copy: what a killed attempt did there since is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

import numpy as np

from hpsearch.store import SafePath, trial_folder
from hpsearch.trainers.protocol import Outcome, State
from hpsearch.trial import Training, whole_name

HELD = ".trial_dir"
"""The name of the folder in a checkpoint with what the trial's own folder held."""

FINAL = "final"
"""The name of the folder with what a training left at its end, among its checkpoints."""

TRIES = 3
"""How often a piece is trained whose folder another trial removes each time."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: holds "epoch-N" with what the piece that ended with epoch N left, and
            "work-..." while a piece is being trained, and "final" with what was left at the end.
            Each attempt has a name of its own, so that a command which outlived a killed search
            does not write into a later one's.
        trial: the trial's own folder; None where nothing asks for one.
    """

    folder: SafePath
    trial: SafePath | None = None

    @classmethod
    def of(cls, run: SafePath, training: Training, with_folder: bool = False) -> Checkpoints:
        """Those of a training, where its run keeps what its trials go on from."""
        run = run.resolved()
        folder = run / "state" / whole_name(training)
        return cls(folder, trial_folder(run, training) if with_folder else None)

    def begin(self, epochs: int) -> tuple[SafePath, int]:
        """A folder to train in, with what the piece that ended with epoch `epochs` left there.

        Also gives the epoch to go on from: `epochs`, or 0 where its checkpoint is not there
        and training has to begin anew. Other checkpoints than that one are removed.
        """
        self.thin(epochs)
        for folder in (self.folder.parent, self.folder):  # never a run that was deleted
            folder.mkdir(exist_ok=True)
        work, before = self._work(), self.folder / f"epoch-{epochs}"
        there = self.has(epochs)
        if there:
            before.copy_into(work)
        self.lay_out(work / HELD)
        return work, epochs if there else 0

    def lay_out(self, held: SafePath | None = None) -> None:
        """Make the trial's own folder, if it has one: empty, or with what another folder holds."""
        if self.trial is None:
            return
        self.trial.parent.mkdir(exist_ok=True)  # never in a run that was deleted
        self.trial.remove()
        self.trial.mkdir()
        if held is not None and held.is_folder():
            held.copy_into(self.trial)
            held.remove()

    def has(self, epochs: int) -> bool:
        """Whether there is what the piece that ended with this epoch left."""
        return bool(epochs) and (self.folder / f"epoch-{epochs}").is_folder()

    @property
    def final(self) -> SafePath:
        """What was left at the end, where anything was."""
        return self.folder / FINAL

    def thin(self, epochs: int, *spare: SafePath) -> None:
        """Remove all but the checkpoint of an epoch, and the folders that are to be spared."""
        spared = {f"epoch-{epochs}", *(folder.name for folder in spare)}
        for name in self.folder.names():
            if name not in spared:
                with suppress(OSError):
                    (self.folder / name).remove()

    def _work(self) -> SafePath:
        work = self.folder / f"work-{token_hex(8)}"
        work.mkdir()
        return work

    def within(self, epochs: int, train: Callable[[SafePath, int], Outcome]) -> Outcome:
        """Train a piece in a folder of its own, given that and the epoch to go on from.

        Another trial may remove the folder meanwhile. Where training fails for that, it is not
        at fault and trained again, with the result that it would have had.

        Raises:
            Exception: what `train` raised.
        """
        work = None
        for left in reversed(range(TRIES)):
            try:
                work, done = self.begin(epochs)
                return train(work, done)
            except Exception:
                if not left or (work is not None and work.is_folder()):
                    raise
        raise AssertionError("unreachable")

    def keep(self, work: SafePath, epochs: int, in_use: bool = False) -> bool:
        """End a piece: what it left is the checkpoint of this epoch. False if it left nothing.

        The checkpoint before it stays until the next piece begins, since only then is it sure
        that this piece is recorded.

        Args:
            work: the folder that it was trained in.
            epochs: its last epoch.
            in_use: whether a generator that is still alive works there, and keeps it.
        """
        after = self.folder / f"epoch-{epochs}"
        if not work.is_folder() or not work.names():
            if not in_use:
                work.remove()
            return False
        if in_use:
            work, used = self._work(), work
            used.copy_into(work)
        if self.trial is not None and self.trial.is_folder():
            (work / HELD).mkdir()
            self.trial.copy_into(work / HELD, special=False)
        after.remove()
        work.rename(after.name)
        return True

    def end(self, epochs: int, left: SafePath | None = None) -> None:
        """End a piece that nothing goes on from.

        The checkpoint of epoch `epochs`, that it went on from, stays until its run has recorded
        the piece: after a crash before that it is trained again from there. (The run removes it.)

        Args:
            epochs: the one that the piece went on from.
            left: the folder with what its training leaves at its end, which is kept.
        """
        there = self.folder.names()
        if FINAL in there:  # of an attempt that was not recorded
            self.final.remove()
        if left is not None and left.names():
            left.rename(FINAL)
            self.thin(epochs, self.final)
            return
        if f"epoch-{epochs}" in there:
            self.thin(epochs)
            return
        with suppress(OSError):
            self.folder.remove()


def to_state(epochs: int, kept: bool) -> State:
    """What a training goes on from: its last epoch, and whether a checkpoint holds it."""
    return {"epochs": np.array(epochs), "kept": np.array(kept)}


def epochs_of(state: State | None) -> int:
    """The last epoch of what a training goes on from; 0 before its first."""
    return 0 if state is None else int(state["epochs"])


def kept_epochs(state: State | None) -> int:
    """The epoch whose checkpoint a training goes on from; 0 to begin anew."""
    return epochs_of(state) if state is not None and bool(state["kept"]) else 0

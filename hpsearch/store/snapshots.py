"""Snapshots of a babysat model: what its training goes on from, after some of its epochs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from hpsearch.store.safe_path import NEW, SafePath
from hpsearch.store.writer import State, read_state, write_state

CHECKPOINT = "checkpoint-"  # begins the name of the folder that goes with a state


class Snapshots:
    """The files `state/NUMBER/EPOCH.npz` of a run; whoever writes holds its lock.

    Where a user's trainer keeps a checkpoint folder, a snapshot has a copy of it, and the
    folder's place among the states gets that copy when training goes back.
    """

    def __init__(self, run: SafePath):
        self._states = run / "state"

    def epochs(self, number: int) -> list[int]:
        """The epochs of which there is a snapshot under a number, ascending."""
        names = self._folder(number).names()
        found = (name.removesuffix(".npz") for name in names if name.endswith(".npz"))
        return sorted(int(name) for name in found if name.isdecimal())

    def save(self, number: int, epoch: int, state: State) -> None:
        """Keep a state; a kill leaves it or nothing.

        Raises:
            OSError: the disk is full, say; nothing is left of it then.
        """
        folder = self._folder(number)
        self._states.mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True)
        checkpoint = self._checkpoint(number, epoch)
        kept = folder / f"{CHECKPOINT}{epoch}"
        if checkpoint.is_folder():
            kept.remove()
            kept.mkdir()
            try:
                checkpoint.copy_into(kept)
            except BaseException:
                with suppress(OSError):
                    kept.remove()
                raise
        with folder.folder() as descriptor:
            write_state(descriptor, f"{epoch}.npz", state, [0, epoch])

    def load(self, number: int, epoch: int, by: int) -> dict[str, np.ndarray[Any, Any]] | None:
        """The state after an epoch, ready for line `by` to go on from; None if it is not there."""
        folder = self._folder(number)
        state = read_state(folder / f"{epoch}.npz", [0, epoch])
        kept, checkpoint = folder / f"{CHECKPOINT}{epoch}", self._checkpoint(by, epoch)
        if state is not None and kept.is_folder() and not checkpoint.is_folder():
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.mkdir()
            kept.copy_into(checkpoint)
        return state

    def checkpoint(self, number: int, epoch: int) -> SafePath | None:
        """What a user's trainer had left after an epoch; None where there is nothing of it."""
        kept = (self._folder(number) / f"{CHECKPOINT}{epoch}", self._checkpoint(number, epoch))
        return next((folder for folder in kept if folder.is_folder()), None)

    def thin(self, number: int, wanted: Collection[int], most: int) -> None:
        """Remove all but the wanted ones and `most` of the others, evenly spread."""
        folder = self._folder(number)
        for epoch in superfluous(self.epochs(number), wanted, most):
            (folder / f"{epoch}.npz").remove()
            (folder / f"{CHECKPOINT}{epoch}").remove()

    def sweep(self, last: Mapping[int, int]) -> None:
        """Remove hidden files that a crash has left half written, and what it left untold.

        Args:
            last: the last epoch that is recorded, by number. A power cut may lose the end of the
                curves and leave the snapshot that belongs there; by now it may be another's.
        """
        for number, most in last.items():
            for epoch in self.epochs(number):
                if epoch > most:
                    (self._folder(number) / f"{epoch}.npz").remove()
        for folder in map(self._states.__truediv__, self._states.names()):
            if folder.name.isdecimal() and folder.is_folder():
                for name in folder.names():
                    if name.startswith(".") and name.endswith(NEW):
                        (folder / name).remove()

    def _folder(self, number: int) -> SafePath:
        return self._states / str(number)

    def _checkpoint(self, number: int, epoch: int) -> SafePath:
        """Where a user's trainer keeps its checkpoint, see `trainers.checkpoints`."""
        return self._states / f"{number}-0-0" / f"epoch-{epoch}"


def superfluous(epochs: Iterable[int], wanted: Collection[int], most: int) -> list[int]:
    """The epochs to leave out so that at most `most` remain beside those that are wanted.

    One after another, that goes whose neighbours are closest to each other, of equal ones the
    first; the last epoch of all stays.

    >>> superfluous([1, 2, 3, 4, 5, 9], wanted=[9], most=3)
    [1, 3]
    """
    left = sorted(epochs)
    gone = []
    while len([epoch for epoch in left if epoch not in wanted]) > most:
        gaps = [
            (left[place + 1] - (left[place - 1] if place else 0), left[place])
            for place in range(len(left) - 1)
            if left[place] not in wanted
        ]
        epoch = min(gaps)[1] if gaps else left[0]
        left.remove(epoch)
        gone.append(epoch)
    return sorted(gone)

"""The folders in which a user's trainer keeps what it needs to go on to a later rung.

A piece of training works in a private copy of what the piece before it left, and its folder
gets its final name only when the piece is done. So a piece that was killed half-way leaves
nothing that a later attempt could see, and a resumed search goes on exactly where the recorded
one was, whatever else had been trained since.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpsearch.trainers.protocol import State
from hpsearch.trial import Training


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: holds "epoch-N" with what the piece that ended with epoch N left, and
            "work-..." while a piece is being trained. Each attempt has a name of its own, so
            that a command which outlived a killed search does not write into a later one's.
    """

    folder: Path

    @classmethod
    def of(cls, states: Path, training: Training) -> Checkpoints:
        """Those of a training, in the folder where a run keeps what its trials go on from."""
        return cls(states / "-".join(map(str, training)))

    def begin(self, epochs: int) -> tuple[Path, int]:
        """A folder to train in, with what the piece that ended with epoch `epochs` left there.

        Also gives the epoch to go on from: `epochs`, or 0 where its checkpoint is not there
        and training has to begin anew. Other checkpoints than that one are removed.
        """
        before = self.folder / f"epoch-{epochs}"
        for other in self.folder.glob("*") if self.folder.is_dir() else ():
            if other != before:
                shutil.rmtree(other, ignore_errors=True)
        for folder in (self.folder.parent, self.folder):  # never a run that was deleted
            folder.mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="work-", dir=self.folder))
        if epochs and before.is_dir():
            shutil.copytree(before, work, symlinks=True, dirs_exist_ok=True)
            return work, epochs
        return work, 0

    def keep(self, work: Path, epochs: int) -> bool:
        """End a piece: what it left is the checkpoint of this epoch. False if it left nothing.

        The checkpoint before it stays until the next piece begins, since only then is it sure
        that this piece is recorded.
        """
        after = self.folder / f"epoch-{epochs}"
        if not work.is_dir() or not any(work.iterdir()):
            shutil.rmtree(work, ignore_errors=True)
            return False
        shutil.rmtree(after, ignore_errors=True)
        work.rename(after)
        return True

    def drop(self) -> None:
        """Remove everything: no piece will follow."""
        shutil.rmtree(self.folder, ignore_errors=True)


def to_state(epochs: int, kept: bool) -> State:
    """What a training goes on from: its last epoch, and whether a checkpoint holds it."""
    return {"epochs": np.array(epochs), "kept": np.array(kept)}


def kept_epochs(state: State | None) -> int:
    """The epoch whose checkpoint a training goes on from; 0 to begin anew."""
    if state is None or not bool(state["kept"]):
        return 0
    return int(state["epochs"])

"""What `predict` and `evaluate` have in common: a trained model, and new rows for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import RunError

if TYPE_CHECKING:
    from hpsearch.data.encoding import Encoding
    from hpsearch.store import RunDirectory
    from hpsearch.trainers.network.model import Model


def open_model(run: str | None, runs_dir: Path) -> tuple[Model, Encoding]:
    """A winner's model, or a model file, and how it wants its rows.

    Raises:
        RunError: there is no such run or file, or the run has no winner yet.
    """
    from hpsearch.data.encoding import Encoding
    from hpsearch.store import find
    from hpsearch.trainers.network.model import load_model

    if run is not None and run.endswith(".npz"):
        path = Path(run)
    else:
        found = find(run, runs_dir)
        path = found.model
        if not path.exists():
            raise no_winner(found) if found.outcome is None else no_model(found)
    model = load_model(path)
    return model, Encoding.from_json(model.data)


def no_model(run: RunDirectory) -> RunError:
    """Why a run with a winner has no model, and what to do instead."""
    return RunError(
        f"{run.path}: was trained by a {run.info['config']['trainer']['kind']} of your own, which "
        f"leaves no model here; train it with the winner's settings in {run.best / 'params.yaml'}"
    )


def no_winner(run: RunDirectory) -> RunError:
    """Why a run has no winner, and what to do about it."""
    status = run.info["status"]
    if status == "finished":
        return RunError(
            f"{run.path}: has no winner, for no trial was completed with a finite value; "
            f"see: hpsearch report {run.path}"
        )
    return RunError(
        f"{run.path}: has no winner yet (status {status}); "
        f"finish it with: hpsearch resume {run.path}"
    )

"""What `predict` and `evaluate` have in common: a trained model, and new rows for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.errors import RunError

if TYPE_CHECKING:
    from hpsearch.data.encoding import Encoding
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
            raise RunError(
                f"{found.path}: has no winner yet (status {found.info['status']}); "
                f"finish it with: hpsearch resume {found.name}"
            )
    model = load_model(path)
    return model, Encoding.from_json(model.data)

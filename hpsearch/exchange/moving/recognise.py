"""A file of another tool, recognised by what is in it, as a configuration."""

from __future__ import annotations

import os.path
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpsearch.config.foreign import TOOLS, documents, tool_of
from hpsearch.config.yaml_text import MOST_BYTES
from hpsearch.errors import ExchangeError
from hpsearch.exchange.moving import determined, guild, hydra, katib, nni, orion, wandb
from hpsearch.exchange.moving.draft import Draft
from hpsearch.messages import printable

Beside = Callable[[str], Any]

CONVERTERS: dict[str, Callable[[Any, Beside, str], Draft]] = {
    "wandb": lambda tree, *_: wandb.sweep(tree),
    "nni": lambda tree, beside, _: nni.experiment(tree, beside),
    "katib": lambda tree, *_: katib.experiment(tree),
    "hydra": lambda tree, *_: hydra.sweeper(tree),
    "determined": lambda tree, *_: determined.experiment(tree),
    "orion": orion.hunt,
    "guild": lambda tree, *_: guild.guild_file(tree),
}
"""By tool; each is given what a file holds, what opens another beside it, and the file's name."""


def configuration(path: Path, folder: Path | None = None) -> str:
    """A configuration, as YAML with remarks, of another tool's description of a search.

    Args:
        path: the file of the other tool.
        folder: where the configuration will stand, if not beside it.

    Raises:
        ExchangeError: it cannot be read, is of no tool that is known here, or says something
            that the tool itself would refuse.
    """
    found = next(((tool, tree) for tree in _read(path) if (tool := tool_of(tree))), None)
    if found is None:
        kinds = ", ".join(TOOLS.values())
        raise ExchangeError(f"{path}: must be one of: {kinds}; nothing in it tells which")
    tool, tree = found
    try:
        draft = CONVERTERS[tool](tree, lambda name: _first(path.parent / name), path.name)
        where = os.path.relpath(path.parent, folder) if folder is not None else "."
        kept = draft.parts["trainer"].get("folder")
        if where != "." or kept is not None:
            draft.put("trainer", "folder", str(Path(where) / kept.value) if kept else where)
        return draft.text(printable(path.name), TOOLS[tool])
    except ExchangeError as error:
        raise ExchangeError(f"{path}: as {TOOLS[tool]}: {printable(str(error))}") from None


def _first(path: Path) -> Any:
    return next(iter(_read(path)), None)


def _read(path: Path) -> list[Any]:
    """What a file holds: JSON, the documents of YAML 1.1, or else its text."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ExchangeError(f"{path}: cannot be read: {reason}") from None
    if len(data) > MOST_BYTES:
        raise ExchangeError(f"{path}: such a file has at most {MOST_BYTES:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExchangeError(f"{path}: must be text in UTF-8: {error.reason}") from None
    try:
        return documents(text)
    except ValueError as error:
        raise ExchangeError(
            f"{path}: cannot be read as YAML or JSON: {printable(str(error))}"
        ) from None

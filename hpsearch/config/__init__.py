"""Configuration: YAML or a dict -> a checked, frozen `Config`, or every problem in it.

The way through the modules: `yaml_text` (text to plain values with their places), `overrides`
(`--set`), `groups` (a `choice` as `values` and `when`), `parts` (each section checked by the rules
of `schema`), `domains`, `references`, `checks`, `misfits` and `starting` (what the parts must hold
together), and `loading`, which runs them, fills in what was left out, and makes the `Config`.
`stored` reads a configuration back from a run, without checks.
Importing this package is cheap; what it takes to load a configuration is imported on use.
`remarks` warns, `template` writes a first configuration, `docs` the reference page and the JSON
Schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hpsearch.config.schema import (
    MOST_TRIALS,
    Config,
    Confirm,
    Halving,
    Metric,
    Parallel,
    Search,
    TrainerConfig,
)
from hpsearch.space import Space
from hpsearch.trainers.kinds import Goal

__all__ = [
    "MOST_TRIALS",
    "Config",
    "Confirm",
    "Goal",
    "Halving",
    "Metric",
    "Parallel",
    "Search",
    "TrainerConfig",
    "changed",
    "file_meant",
    "from_mapping",
    "from_run",
    "load",
    "remarks_on",
    "space_from",
]


def file_meant(text: str | Path) -> Path | None:
    """The configuration's file that is meant, be it there or not; None for the name of a run."""
    from hpsearch.messages import expanded

    path = Path(expanded(str(text)))
    return path if path.is_file() or path.suffix in (".yaml", ".yml") else None


def load(
    path: str | Path, overrides: Sequence[str] = (), *, searched: bool = True, **forced: Any
) -> Config:
    """The configuration in a YAML file.

    Args:
        path: the file; paths in it are relative to its folder.
        overrides: `KEY=VALUE` texts as `--set` takes them: a dotted key and a YAML value, null
            to remove the key. Paths in them are relative to the current folder.
        searched: whether there must be anything to search; a model that is babysat needs nothing.
        forced: `seed`, `trials`, `jobs`, `backend` or `scheduler` from options of the command
            line; None for one that was not given.

    Raises:
        ConfigError: every problem, each with its file, line and column.
    """
    from hpsearch.config.loading import from_file
    from hpsearch.messages import expanded

    return from_file(Path(expanded(str(path))), overrides, forced, searched)


def from_mapping(
    tree: Mapping[str, Any],
    base: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    searched: bool = True,
    **forced: Any,
) -> Config:
    """The configuration in a dict, such as `Config.as_dict` gives.

    Args:
        tree: the same keys as in YAML.
        base: the folder that paths are relative to; None for the current one.
        overrides: as for `load`.
        searched: as for `load`.
        forced: as for `load`.

    Raises:
        ConfigError: every problem, each with its dotted key.
    """
    from hpsearch.config.loading import from_tree

    return from_tree(tree, Path.cwd() if base is None else Path(base), overrides, forced, searched)


def from_run(tree: Mapping[str, Any], run: Path) -> Config:
    """The configuration in a run directory, as hpsearch wrote it: decoded, not checked again.

    Args:
        tree: what run.json has under `config`.
        run: the run's folder.

    Raises:
        RunError: the file is damaged.
    """
    from hpsearch.config.stored import read

    return read(tree, run)


def changed(
    tree: Mapping[str, Any], run: Path, overrides: Sequence[str] = (), **forced: Any
) -> Config:
    """The configuration in a run directory with what a user changes; checked if that is anything.

    Args:
        tree: as for `from_run`.
        run: the run's folder.
        overrides: as for `load`.
        forced: as for `load`.

    Raises:
        RunError: the file is damaged.
        ConfigError: every problem of what the changes make of it.
    """
    found = from_run(tree, run)
    if not overrides and all(value is None for value in forced.values()):
        return found
    return from_mapping(tree, None, overrides, **forced)


def space_from(tree: Mapping[str, Any], where: Sequence[str] = ()) -> Space:
    """A space alone: what a configuration has under `space` and `where`, for any names.

    Raises:
        ConfigError: every problem, each with its dotted key.
    """
    from hpsearch.config.loading import space_from_tree

    return space_from_tree(tree, where)


def metrics_from(tree: Any) -> tuple[Metric, ...]:
    """Metrics alone: what a configuration has under `metric`, for any names.

    Raises:
        ConfigError: every problem, each with its dotted key.
    """
    from hpsearch.config.loading import metrics_from_tree

    return metrics_from_tree(tree)


def remarks_on(config: Config) -> list[str]:
    """What a valid configuration does that its author may not have meant, with remedies."""
    from hpsearch.config.remarks import remarks_on

    return remarks_on(config)

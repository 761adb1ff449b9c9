"""Kind `function`: a Python function of the user's."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.errors import TrainerError
from hpsearch.fields import Rule, choice, text
from hpsearch.trainers.hyperparameter import epochs
from hpsearch.trainers.kinds import Kind, Option, Setup, UserCode, Workplace

if TYPE_CHECKING:
    from hpsearch.trainers.protocol import Trainer

FOLDER = Option(
    "folder",
    text(),
    "The folder that files and modules are looked for in, and a command is run in. Relative to "
    "the configuration file, whose folder it is if left out.",
    "models",
    place="folder",
)


KEEP = Option(
    "keep",
    choice("best", "all"),
    "Which trials' own folders stay, `trials/NUMBER/` in the run's: the best trial's and those of "
    "trials that failed (`best`, so also where left out), or `all`. To name either has them made.",
    "all",
)


def function_rule() -> Rule:
    """What names a function."""
    return text(r".+:[^:]+", "a function, as FILE.py:NAME or MODULE:NAME")


def places_of(target: str, home: str) -> Iterator[Path]:
    """Where a function is looked for: its file, or whatever its module's name may lead to."""
    folder = Path(home)
    yield folder
    where = target.rpartition(":")[0]
    if where.endswith(".py"):
        yield folder / where
        return
    for name in where.split("."):
        folder = folder / name
        yield from (folder, Path(f"{folder}.py"), folder / "__init__.py")


def _places(options: Mapping[str, Any]) -> Iterator[Path]:
    return places_of(options["function"], options["folder"])


def _modules(options: Mapping[str, Any]) -> Mapping[str, bytes]:
    from hpsearch.trainers.function.loading import modules_below
    from hpsearch.trainers.isolation import in_fresh_process

    name, home = options["function"], options["folder"]
    found: Mapping[str, bytes] = in_fresh_process(name, modules_below, name, home)
    return found


def _inspect(setup: Setup) -> bool:
    """Whether the function yields after each epoch; one that returns is trained in full."""
    from hpsearch.trainers.function.loading import call_style, loaded_call_style
    from hpsearch.trainers.isolation import in_fresh_process

    name, home = setup.options["function"], setup.options["folder"]
    if setup.function is None:
        style = in_fresh_process(name, loaded_call_style, name, home)
    else:
        if setup.workers:
            _check_copies(setup.function, name)
        style = call_style(setup.function, name)
    if style.generator and "epochs" in setup.names:
        raise TrainerError(
            f"{name}: yields after each epoch, so trainer.epochs says how many there are; rename "
            "the parameter 'epochs', or return the last value"
        )
    return bool(style.generator)


def _check_copies(function: Callable[..., Any], name: str) -> None:
    """Refuse a function that no worker can have a copy of, before any trial fails by it.

    Raises:
        TrainerError: it, or something that it uses, cannot be pickled, or not be read again.
    """
    from hpsearch.backends.attempt import error_line
    from hpsearch.backends.worker import dumps

    try:
        pickle.loads(dumps(function))  # noqa: S301 (what we have just written)
    except Exception as error:  # whatever a user's __reduce__ or __setstate__ raises
        raise TrainerError(
            f"{name}: must be a function that can be copied to worker processes, with all that it "
            f"uses, found {error_line(error)}; make that inside the function, or train in this "
            "process: parallel.backend: serial"
        ) from error


def _unsteerable(setup: Setup) -> str | None:
    if _inspect(setup):
        return None
    return (
        f"{setup.options['function']}: must yield after each epoch, as `change = yield "
        f"{{{setup.metric!r}: ...}}`, found a function that returns; what yield gives is None, or "
        "a dict of the parameters that changed"
    )


def _make(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.trainers.function.trainer import FunctionTrainer

    options = setup.options
    function = setup.function or options["function"]
    where = str(at.run.resolve()), setup.metric, options["folder"]
    return FunctionTrainer(function, *where, keeps=options.get("keep") is not None)


KIND = Kind(
    name="function",
    help="`kind: function`, a function of your own, explained in\n"
    "[your_own_model.md](your_own_model.md). Its parameters are whatever `space` names,\n"
    "its metrics whatever it reports; `data` and `search.folds` are not for it.",
    make=_make,
    hyperparameters=epochs(
        "Epochs of a full training, as a function is told. A generator yields once for each."
    ),
    options={
        "function": Option(
            "function",
            function_rule(),
            "What trains: `FILE.py:NAME` or `package.module:NAME`, called as "
            "`train(params, epochs)`.",
            "mymodel.py:train",
            required=True,
            place="file",
        ),
        "keep": KEEP,
        "folder": FOLDER,
    },
    any_names=True,
    default_metric="value",
    needs_data=False,
    inspect=_inspect,
    unsteerable=_unsteerable,
    threads="all",
    devices=True,
    code=UserCode("function", "function", _places, _modules),
)

"""How much of the front does a search with several objectives find, beside Optuna's samplers?

    python benchmarks/fronts.py --trials 100 --seeds 5

The problems are ZDT1, ZDT2 and ZDT3 (Zitzler, Deb and Thiele 2000), DTLZ2 (Deb et al. 2002) with
two and with three objectives, all with 10 parameters, and the digits: validation accuracy against
parameters of the network. Each sampler gets as many trials; hpsearch is asked for nine at a time,
Optuna for one. Printed is the mean hypervolume after a quarter, half and all of the trials, with
the standard error of the last. Needs Optuna.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, log10, pi, prod, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.api.sampler import Sampler
from hpsearch.config import from_mapping
from hpsearch.data.dataset import write_folds
from hpsearch.sampling.pareto import hypervolume
from hpsearch.searching.session import folds_of, read_data
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

AT_A_TIME = 9
PARAMETERS = 10

Values = tuple[float, ...]
UNIT = {f"x{i}": {"min": 0, "max": 1} for i in range(PARAMETERS)}


@dataclass(frozen=True)
class Problem:
    """Objectives to minimise, and the point up to which the volume is measured."""

    objectives: Callable[[Mapping[str, Any]], Values]
    reference: Values
    space: Mapping[str, Any]


def zdt(shape: Callable[[float, float], float]) -> Callable[[Mapping[str, Any]], Values]:
    """A problem of Zitzler, Deb and Thiele; `shape` gives h of f1 and g."""

    def objectives(params: Mapping[str, Any]) -> Values:
        first, *rest = params.values()
        g = 1 + 9 * sum(rest) / len(rest)
        return first, g * shape(first, g)

    return objectives


def dtlz2(count: int) -> Problem:
    """DTLZ2 with so many objectives: a part of a sphere around the origin."""

    def objectives(params: Mapping[str, Any]) -> Values:
        values = list(params.values())
        angles, rest = [x * pi / 2 for x in values[: count - 1]], values[count - 1 :]
        radius = 1 + sum((x - 0.5) ** 2 for x in rest)
        found = []
        for i in range(count):
            along = prod(map(cos, angles[: count - 1 - i]))
            found.append(radius * along * (sin(angles[count - 1 - i]) if i else 1))
        return tuple(found)

    return Problem(objectives, (2.5,) * count, UNIT)


def digits(folder: str) -> Problem:
    """Validation error against the logarithm of the network's parameters, after eight epochs."""
    space = {
        "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
        "hidden_units": {"type": "int", "scale": "log", "min": 2, "max": 256},
        "batch_size": {"values": [16, 32, 64, 128]},
    }
    trainer = NetworkTrainer(f"{folder}", 10, measured=("parameters",))

    def objectives(params: Mapping[str, Any]) -> Values:
        settings = {**params, "epochs": 8}
        [outcome] = trainer.train([Job(0, settings, (0,), 8)], [None])
        accuracy = outcome.curve["val_accuracy"][-1] or 0.0
        return 1 - accuracy, log10(outcome.curve["parameters"][-1] or 1.0)

    return Problem(objectives, (1.0, 5.0), space)


def problems(folder: str) -> dict[str, Problem]:
    """Every problem by name."""
    high = (1.1, 10.0)
    return {
        "ZDT1": Problem(zdt(lambda f, g: 1 - sqrt(f / g)), high, UNIT),
        "ZDT2": Problem(zdt(lambda f, g: 1 - (f / g) ** 2), high, UNIT),
        "ZDT3": Problem(zdt(lambda f, g: 1 - sqrt(f / g) - f / g * sin(10 * pi * f)), high, UNIT),
        "DTLZ2": dtlz2(2),
        "DTLZ2-3": dtlz2(3),
        "digits": digits(folder),
    }


def ours(problem: Problem, trials: int, seed: int) -> list[Values]:
    """The objectives of each trial that hpsearch asks for."""
    names = [f"f{i}" for i, _ in enumerate(problem.reference, 1)]
    metric = [{"name": name, "goal": "minimize"} for name in names]
    sampler = Sampler(problem.space, seed=seed, trials=trials, metric=metric)
    found: list[Values] = []
    while len(found) < trials:
        asked = sampler.ask(min(AT_A_TIME, trials - len(found)))
        values = [problem.objectives(trial.params) for trial in asked]
        sampler.tell(asked, [dict(zip(names, v, strict=True)) for v in values])
        found += values
    return found


def optunas(problem: Problem, trials: int, seed: int, sampler: str) -> list[Values]:
    """The same of one of Optuna's samplers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = {
        "NSGA-II": lambda: optuna.samplers.NSGAIISampler(seed=seed, population_size=20),
        "TPE": lambda: optuna.samplers.TPESampler(seed=seed),
    }[sampler]()
    found: list[Values] = []

    def objective(trial: Any) -> Values:
        params = {name: suggest(trial, name, keys) for name, keys in problem.space.items()}
        found.append(problem.objectives(params))
        return found[-1]

    study = optuna.create_study(directions=["minimize"] * len(problem.reference), sampler=made)
    study.optimize(objective, n_trials=trials)
    return found


def suggest(trial: Any, name: str, keys: Mapping[str, Any]) -> Any:
    """A value of one parameter."""
    if "values" in keys:
        return trial.suggest_categorical(name, keys["values"])
    whole = keys.get("type") == "int"
    draw = trial.suggest_int if whole else trial.suggest_float
    return draw(name, keys["min"], keys["max"], log=keys.get("scale") == "log")


def main() -> None:
    """Print a line for each problem and sampler."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--problems", nargs="*", help="some of them, by name")
    parser.add_argument("--tiny", action="store_true", help="12 trials of one seed")
    arguments = parser.parse_args()
    trials, seeds = (12, 1) if arguments.tiny else (arguments.trials, arguments.seeds)
    warnings.simplefilter("ignore")  # Optuna's, of what is experimental
    samplers: dict[str, Callable[[Problem, int, int], list[Values]]] = {"hpsearch": ours}
    try:
        import optuna  # noqa: F401 (whether it is there)
    except ImportError:
        print("Optuna is not installed: hpsearch alone")
    else:
        for name in ("NSGA-II", "TPE"):
            samplers[name] = lambda p, n, seed, name=name: optunas(p, n, seed, name)  # type: ignore[misc]
    config = from_mapping({"data": {"source": "digits"}, "space": {"l2": {"min": 0, "max": 1}}})
    places = [max(1, trials // 4), max(1, trials // 2), trials]
    print(f"hypervolume after {', '.join(map(str, places))} trials, mean of {seeds} seeds")
    with tempfile.TemporaryDirectory() as folder:
        write_folds(folds_of(config, read_data(config)), Path(folder))
        for name, problem in problems(folder).items():
            if arguments.problems and name not in arguments.problems:
                continue
            for sampler, search in samplers.items():
                rows = []
                for seed in range(arguments.first, arguments.first + seeds):
                    found = search(problem, trials, seed)
                    rows.append([hypervolume(found[:n], problem.reference) for n in places])
                means = "  ".join(f"{value:7.3f}" for value in np.mean(rows, axis=0))
                error = np.std([row[-1] for row in rows]) / sqrt(max(1, seeds - 1))
                print(f"{name:7} {sampler:9} {means} +- {error:.3f}", flush=True)


if __name__ == "__main__":
    main()

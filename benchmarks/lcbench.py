"""Regret of hpsearch's own search on LCBench, beside Optuna's samplers, in one run.

    python benchmarks/lcbench.py --lcbench ../shared/lcbench --seeds 5 --peers

LCBench is a surrogate of real learning curves: 7 hyperparameters, 52 epochs, 17 tasks to
tune on. Budgets are counted in full trainings of 52 epochs, those of stopped trials too.
Regret 0 is the best of 3,000 random settings, 1 their median. With --noise, one normal number
a trial and one an epoch are added to what a search sees, in points of accuracy, and the score
is the noise-free value of the setting that it would return. With --guesses, each parameter has a
guess: the best of 300 random settings of the task, any of them, or the worst.

Needs LCBench's folder (model.onnx, lcbench.py, regret.py), named by --lcbench or the environment
variable LCBENCH, and onnxruntime; optuna for the peers (GPSampler also torch and scipy). With
--tiny, which only shows that the script works, a formula stands in for what is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from peers import PEERS, Budget
from simulated import search

from hpsearch.config import space_from
from hpsearch.sampling.plan import ladder, plan, round_sizes
from hpsearch.searching.planning import largest
from hpsearch.searching.stages import planned_epochs
from hpsearch.trainers.protocol import Job

BUDGETS = (5, 10, 20, 40)  # full trainings
TINY_BUDGETS = (2, 5)
LCBENCH = os.environ.get("LCBENCH", "../shared/lcbench")
FORMULA = ""  # in place of LCBench's folder
EPOCHS = 52
OPTUNA = ("Optuna TPE", "Optuna TPE + Hyperband", "Optuna GP")
Trace = list[tuple[int, float, float]]
"""Of each full training: epochs spent so far, final accuracy as seen, and without noise."""


class Formula:
    """What LCBench's folder offers, with a formula in place of the surrogate."""

    SPACE = {"learning_rate": (1e-4, 1e-1, "log", False), "units": (16, 512, "log", True)}  # noqa: RUF012
    TUNING_TASKS = ("formula",)

    @staticmethod
    def LCBench(_task: str) -> Formula:  # noqa: N802 (as LCBench has it)
        """The only task."""
        return Formula()

    def curve(self, params: dict[str, Any], epochs: range) -> list[float]:
        """Accuracies that grow to 90 at best, at learning rate 0.01 and 128 units."""
        rate, units = np.log10(params["learning_rate"]) + 2, np.log2(params["units"]) - 7
        top = 90 * np.exp(-0.1 * rate * rate - 0.02 * units * units)
        return [float(top * (1 - 0.9**epoch)) for epoch in epochs]

    @staticmethod
    def independent_seed(_task: str, seed: int) -> int:
        """The seed itself: there is no other task."""
        return seed

    @staticmethod
    def regret(_task: str, accuracy: float) -> float:
        """0 is the best accuracy, 1 is 60."""
        return (90 - accuracy) / 30


@cache
def scoring(folder: str) -> Any:
    """LCBench's own scoring, from its folder; or a formula's."""
    if folder == FORMULA:
        return Formula
    own = sys.modules.pop("lcbench", None)  # this file, where another benchmark shares it
    sys.path.insert(0, folder)
    try:
        import regret
    finally:
        sys.path.remove(folder)
        if own is not None:
            sys.modules["lcbench"] = own
    return regret


class Task:
    """One task with its noise; counts what is spent on it."""

    def __init__(self, folder: str, task: str, seed: int, noise: tuple[float, float], most: int):
        self.most = most  # epochs that may be spent
        self.name = task
        self._bench, self._seed, self._noise = scoring(folder).LCBench(task), seed, noise
        self.spent = 0
        self.trace: Trace = []

    def see(self, number: int, params: Mapping[str, Any], epochs: range) -> list[float]:
        """The accuracies that a search sees of some epochs of a trial."""
        true = self._bench.curve(params, epochs)
        rng = np.random.default_rng([self._seed, number])
        luck = self._noise[0] * rng.standard_normal()
        jitter = self._noise[1] * rng.standard_normal(EPOCHS)
        seen = [float(v + luck + jitter[e - 1]) for v, e in zip(true, epochs, strict=True)]
        self.spent += len(epochs)
        if epochs[-1] == EPOCHS:
            self.trace.append((self.spent, seen[-1], float(true[-1])))
        return seen


def space(folder: str) -> dict[str, Any]:
    """LCBench's space as a configuration has it."""
    return {
        name: {"scale": scale, "min": low, "max": high, **({"type": "int"} if integer else {})}
        for name, (low, high, scale, integer) in scoring(folder).SPACE.items()
    }


@cache
def guesses(folder: str, task: str) -> dict[str, dict[str, Any]]:
    """Settings that an expert could guess: a good one, a useless one and a misleading one."""
    rng = np.random.default_rng([scoring(folder).independent_seed(task, 0), 300])
    made = space_from(space(folder))
    settings = made.all_params(rng.random((300, made.dimensions)))
    bench = scoring(folder).LCBench(task)
    ends = [bench.curve(setting, range(EPOCHS, EPOCHS + 1))[0] for setting in settings]
    order = np.argsort(ends)
    return {
        "good": settings[order[-1]],
        "useless": settings[0],
        "misleading": settings[order[0]],
    }


def by_hpsearch(task: Task, folder: str, seed: int, options: dict[str, Any]) -> None:
    """One search of as many trials as the largest budget pays for."""

    def curve(job: Job, epochs: range) -> list[float]:
        params = {name: job.settings[name] for name in scoring(folder).SPACE}
        return task.see(job.number, params, epochs)

    trials = trials_within(task.most, sampler=options.get("sampler", "zoom"))
    searched = space(folder)
    if "guess" in options:
        guess = guesses(folder, task.name)[options["guess"]]
        searched = {name: {**keys, "guess": guess[name]} for name, keys in searched.items()}
    others = {name: value for name, value in options.items() if name != "guess"}
    search(searched, curve, trials=trials, epochs=EPOCHS, seed=seed, **others)


def cost_of(trials: int, epochs: int = EPOCHS, sampler: str = "zoom") -> int:
    """The epochs that a search of so many trials trains, where a full training has `epochs`."""
    steps = ladder(epochs)
    rounds: Any = 1 if sampler == "random" else "auto"
    return planned_epochs(plan(round_sizes(trials, steps, rounds=rounds), steps))


def trials_within(budget: int, epochs: int = EPOCHS, sampler: str = "zoom") -> int:
    """The largest number of trials whose plan trains at most so many epochs."""
    return largest(partial(cost_of, epochs=epochs, sampler=sampler), budget, budget)


def at_budgets(
    task: Task, budgets: Sequence[float], regret: Callable[[float], float]
) -> list[float]:
    """The regret at each budget of the setting that a search would return there.

    Args:
        task: that was searched.
        budgets: full trainings.
        regret: of an accuracy.
    """
    row = []
    for budget in budgets:
        reached = [(seen, true) for spent, seen, true in task.trace if spent <= budget * EPOCHS]
        # before the first full training it would return any setting: the median, say
        row.append(regret(max(reached)[1]) if reached else 1.0)
    return row


def regrets(
    folder: str,
    noise: tuple[float, float],
    budgets: tuple[int, ...],
    who: Any,
    case: tuple[str, int],
) -> list[float]:
    """Regret at each budget of the setting that a search would return there."""
    name, seed = case
    identity = scoring(folder).independent_seed(name, seed)
    task = Task(folder, name, identity, noise, max(budgets) * EPOCHS)
    if isinstance(who, dict):
        by_hpsearch(task, folder, identity, who)
    else:
        budget = Budget(EPOCHS, max(budgets), lambda: task.spent < task.most)
        PEERS[who].run(space(folder), task.see, budget, identity)
    return at_budgets(task, budgets, partial(scoring(folder).regret, name))


def found(folder: str, tiny: bool) -> str:
    """LCBench's folder; a tiny run without it, or without onnxruntime, has a formula."""
    there = Path(folder, "regret.py").is_file()
    if there and find_spec("onnxruntime"):
        return str(Path(folder).resolve())
    missing = "onnxruntime is not installed" if there else f"{folder}: LCBench is not there"
    if not tiny:
        sys.exit(f"{missing}; name its folder with --lcbench, and install onnxruntime")
    print(f"{missing}; a formula stands in for it")
    return FORMULA


def _tell(label: str, rows: np.ndarray[Any, Any], more: str = "") -> None:
    """Print the mean at each budget, and the largest of their standard errors."""
    error = float((np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))).max())
    means = " ".join(f"{mean:7.3f}" for mean in np.mean(rows, axis=0))
    print(f"{label:42} {means}   se {error:.3f}{more}", flush=True)


def main() -> None:
    """Print a line for each search: mean regret at each budget, and its standard error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lcbench", default=LCBENCH, help="the folder that holds it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="full trainings")
    parser.add_argument("--workers", type=int, nargs="*", default=[], help="plans for so many")
    parser.add_argument("--guesses", action="store_true", help="with guesses, beside none")
    parser.add_argument("--noise", nargs=2, type=float, default=(0.0, 0.0))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peers", action="store_true", help="Optuna's samplers, too")
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    folder = found(args.lcbench, args.tiny)
    budgets = TINY_BUDGETS if args.tiny else tuple(args.budgets)
    tasks = scoring(folder).TUNING_TASKS[: 1 if args.tiny else None]
    cases = list(product(tasks, range(2 if args.tiny else args.seeds)))
    searches: list[Any] = [{}, {"screened": False}, {"sampler": "random"}]
    if args.workers:  # beside the plan for a few, with as many trials
        searches = [{}, *({"workers": workers} for workers in args.workers)]
    if args.guesses:
        searches = [{}, *({"guess": guess} for guess in ("good", "useless", "misleading"))]
    peers = [name for name in OPTUNA if not PEERS[name].missing] if args.peers else []
    if args.tiny and not PEERS[OPTUNA[0]].missing:
        peers = [OPTUNA[0]]
    print(f"{'mean regret at full trainings':42}", *(f"{budget:>7}" for budget in budgets))
    ours: np.ndarray[Any, Any] | None = None
    for who in searches + peers:
        started = time.time()
        with ProcessPoolExecutor(args.jobs) as pool:
            rows = list(pool.map(partial(regrets, folder, tuple(args.noise), budgets, who), cases))
        label = f"hpsearch {who or ''}" if isinstance(who, dict) else who
        _tell(label, np.array(rows), f", {time.time() - started:.0f} s")
        ours = np.array(rows) if ours is None else ours
        if not isinstance(who, dict):  # the same tasks and seeds: their luck cancels
            _tell("  less hpsearch, pairwise", np.array(rows) - ours)


if __name__ == "__main__":
    main()

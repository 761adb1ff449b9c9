"""What other tools find, asked one setting at a time: searches that all have one shape.

Each tool proposes a setting and says how long to train it; `See` gives the values, and counts the
epochs. Where a tool trains a setting on, only the epochs that are new count, as if each had its
checkpoint. Syne Tune knows no conditions: it proposes a value for every parameter, and those that
do not apply change nothing.

    pip install optuna torch scipy                    # Optuna's TPE and Gaussian process
    pip install smac                                  # SMAC3
    pip install --no-deps dehb loguru ConfigSpace     # it asks for an older NumPy, and works
    pip install syne-tune huggingface_hub             # conformal quantile regression
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

Space = Mapping[str, Mapping[str, Any]]
"""As a configuration has it: ranges and choices, without alternatives."""

See = Callable[[int, Mapping[str, Any], range], list[float]]
"""The values, more is better, of a trial, by number and parameters, at the next of its epochs."""

PIECES = 4  # of training in the brackets of Hyperband for each full training, about


@dataclass(frozen=True)
class Budget:
    """What a search may spend.

    Attributes:
        epochs: of a full training.
        trainings: how many full trainings, or as many epochs.
        left: whether there is to be another piece of training.
    """

    epochs: int
    trainings: int
    left: Callable[[], bool]

    @property
    def least(self) -> int:
        """The epochs of the first rung of Hyperband."""
        return max(1, self.epochs // 9)


Searching = Callable[[Space, See, Budget, int], None]


@dataclass(frozen=True)
class Peer:
    """A search by another tool.

    Attributes:
        search: runs it: of a space, what it sees of trials there, its budget and its seed.
        imports: the packages that must be there.
        stops: whether it ends weak trials before their last epoch.
    """

    search: Searching
    imports: tuple[str, ...]
    stops: bool = False

    @property
    def missing(self) -> list[str]:
        """Those packages that are not."""
        return [name for name in self.imports if not find_spec(name)]

    def run(self, space: Space, see: See, budget: Budget, seed: int) -> None:
        """Search, and let the tool say nothing."""
        with quiet():
            self.search(space, see, budget, seed)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what libraries say of trainings that go wrong, and of themselves."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def applies(name: str, space: Space, params: Mapping[str, Any]) -> bool:
    """Whether a parameter's conditions hold beside these values; those it asks of come first."""
    asked = space[name].get("when", {})
    return all(params.get(other) in held for other, held in asked.items())


def applying(space: Space, params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those parameters whose conditions hold."""
    kept: dict[str, Any] = {}
    for name in space:
        if applies(name, space, kept):
            kept[name] = params[name]
    return kept


def kind_of(keys: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether a range holds whole numbers, and whether it is drawn from on a log scale."""
    return keys.get("type") == "int", keys.get("scale") == "log"


# --- Optuna ---


def optuna_search(
    space: Space, see: See, budget: Budget, seed: int, sampler: Any, pruner: Any
) -> None:
    """Optuna's study of a search for the largest value, one trial after another."""
    import optuna

    name = f"seed {seed}"  # decides the brackets of Hyperband; else drawn, whatever the seed
    study = optuna.create_study(
        direction="maximize", sampler=sampler, pruner=pruner, study_name=name
    )
    while budget.left():
        trial = study.ask()
        params = suggested(trial, space)
        value = 0.0
        for epoch in range(1, budget.epochs + 1):
            (value,) = see(trial.number, params, range(epoch, epoch + 1))
            trial.report(value, epoch)
            if epoch < budget.epochs and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)


def suggested(trial: Any, space: Space) -> dict[str, Any]:
    """A setting that Optuna suggests."""
    params: dict[str, Any] = {}
    for name, keys in space.items():
        if not applies(name, space, params):
            continue
        if "values" in keys:
            params[name] = trial.suggest_categorical(name, keys["values"])
            continue
        whole, log = kind_of(keys)
        suggest = trial.suggest_int if whole else trial.suggest_float
        params[name] = suggest(name, keys["min"], keys["max"], log=log)
    return params


def _tpe(space: Space, see: See, budget: Budget, seed: int, hyperband: bool) -> None:
    """Tree-structured Parzen estimators over all parameters at once."""
    import optuna

    pruner: Any = optuna.pruners.NopPruner()
    if hyperband:
        pruner = optuna.pruners.HyperbandPruner(
            min_resource=budget.least, max_resource=budget.epochs
        )
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)
    optuna_search(space, see, budget, seed, sampler, pruner)


def _gp(space: Space, see: See, budget: Budget, seed: int) -> None:
    """Optuna's Gaussian process."""
    import optuna

    sampler, pruner = optuna.samplers.GPSampler(seed=seed), optuna.pruners.NopPruner()
    optuna_search(space, see, budget, seed, sampler, pruner)


# --- SMAC and DEHB ---


def configuration_space(space: Space, seed: int) -> Any:
    """The space as ConfigSpace has it, with its conditions."""
    import ConfigSpace

    made = ConfigSpace.ConfigurationSpace(seed=seed)
    known: dict[str, Any] = {}
    for name, keys in space.items():
        if "values" in keys:
            known[name] = ConfigSpace.CategoricalHyperparameter(name, keys["values"])
        else:
            whole, log = kind_of(keys)
            kind = (
                ConfigSpace.UniformIntegerHyperparameter
                if whole
                else ConfigSpace.UniformFloatHyperparameter
            )
            known[name] = kind(name, keys["min"], keys["max"], log=log)
    made.add(*known.values())
    for name, keys in space.items():
        asked = [
            ConfigSpace.InCondition(known[name], known[other], list(held))
            for other, held in keys.get("when", {}).items()
        ]
        if asked:
            made.add(asked[0] if len(asked) == 1 else ConfigSpace.AndConjunction(*asked))
    return made


def _smac(space: Space, see: See, budget: Budget, seed: int, hyperband: bool) -> None:
    """SMAC3's random forest; with Hyperband where weak trials stop."""
    from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
    from smac.runhistory.dataclasses import TrialValue

    def never(config: Any, seed: int, budget: float = 0.0) -> float:  # it is asked and told
        raise NotImplementedError(f"called with {config}, {seed}, {budget}")

    rungs = {"min_budget": budget.least, "max_budget": budget.epochs} if hyperband else {}
    asked_for = budget.trainings * (PIECES if hyperband else 1)  # decides how many come first
    with tempfile.TemporaryDirectory(prefix="smac-") as folder:
        scenario = Scenario(
            configuration_space(space, seed),
            deterministic=True,
            n_trials=asked_for,
            seed=seed,
            output_directory=folder,
            **rungs,
        )
        kind = MultiFidelityFacade if hyperband else HyperparameterOptimizationFacade
        smac = kind(scenario, never, overwrite=True, logging_level=logging.CRITICAL)
        trained = Trained(see)
        while budget.left():
            asked = smac.ask()
            until = round(asked.budget) if hyperband else budget.epochs
            smac.tell(asked, TrialValue(cost=-trained.value(dict(asked.config), until)))


def _dehb(space: Space, see: See, budget: Budget, seed: int) -> None:
    """Differential evolution in the brackets of Hyperband."""
    from dehb import DEHB

    with tempfile.TemporaryDirectory(prefix="dehb-") as folder:
        made = configuration_space(space, seed)
        dehb = DEHB(
            cs=made,
            dimensions=len(space),
            min_fidelity=budget.least,
            max_fidelity=budget.epochs,
            n_workers=1,
            seed=seed,
            output_path=folder,
            log_level="CRITICAL",
        )
        trained = Trained(see)
        while budget.left():
            asked = dehb.ask()
            until = max(1, round(asked["fidelity"]))
            value = trained.value(dict(asked["config"]), until)
            dehb.tell(asked, {"fitness": -value, "cost": float(until)})


class Trained:
    """Trials by their settings: one that is asked for again is trained on."""

    def __init__(self, see: See):
        self._see = see
        self._numbers: dict[tuple[tuple[str, Any], ...], int] = {}
        self._values: dict[int, list[float]] = {}

    def value(self, params: Mapping[str, Any], until: int) -> float:
        """The value of a setting at an epoch."""
        setting = {name: plain(value) for name, value in params.items()}
        number = self._numbers.setdefault(tuple(sorted(setting.items())), len(self._numbers))
        values = self._values.setdefault(number, [])
        if until > len(values):
            values += self._see(number, setting, range(len(values) + 1, until + 1))
        return values[until - 1]


def plain(value: Any) -> Any:
    """A value of NumPy's as one of Python's."""
    return value.item() if hasattr(value, "item") else value


# --- Syne Tune ---


def _cqr(space: Space, see: See, budget: Budget, seed: int) -> None:
    """Syne Tune's conformal quantile regression."""
    from datetime import datetime

    from syne_tune import config_space as domains
    from syne_tune.backend.trial_status import Trial
    from syne_tune.optimizer.baselines import CQR

    def domain(keys: Mapping[str, Any]) -> Any:
        if "values" in keys:
            return domains.choice(list(keys["values"]))
        whole, log = kind_of(keys)
        kind = ("log" if log else "") + ("randint" if whole else "uniform")
        return getattr(domains, kind)(keys["min"], keys["max"])

    made = {name: domain(keys) for name, keys in space.items()}
    scheduler = CQR(made, metric="value", do_minimize=False, random_seed=seed % 2**31)
    number = 0
    while budget.left():
        config = scheduler.suggest().config
        trial = Trial(number, config, datetime.now())
        scheduler.on_trial_add(trial)
        params = applying(space, {name: plain(value) for name, value in config.items()})
        value = see(number, params, range(1, budget.epochs + 1))[-1]
        scheduler.on_trial_complete(trial, {"value": value})
        number += 1


PEERS: Mapping[str, Peer] = {
    "Optuna TPE": Peer(partial(_tpe, hyperband=False), ("optuna",)),
    "Optuna TPE + Hyperband": Peer(partial(_tpe, hyperband=True), ("optuna",), stops=True),
    "Optuna GP": Peer(_gp, ("optuna", "torch", "scipy")),
    "SMAC": Peer(partial(_smac, hyperband=False), ("smac",)),
    "SMAC + Hyperband": Peer(partial(_smac, hyperband=True), ("smac",), stops=True),
    "DEHB": Peer(_dehb, ("dehb", "ConfigSpace"), stops=True),
    "Syne Tune CQR": Peer(_cqr, ("syne_tune", "sklearn", "xgboost", "huggingface_hub")),
}
"""By the names that tables show."""

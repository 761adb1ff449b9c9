"""What a misspelt name was meant to be: hints for messages about names that do not exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "alpha": "learning_rate",
        "alpha0": "learning_rate",
        "beta": "momentum",
        "beta_1": "beta1",
        "beta_2": "beta2",
        "choices": "values",
        "computed": "derive",
        "constraint": "where",
        "constraints": "where",
        "cv": "folds",
        "decay": "learning_rate_decay",
        "decay_rate": "learning_rate_decay",
        "derived": "derive",
        "direction": "goal",
        "dropout_rate": "dropout",
        "eps": "epsilon",
        "eta": "learning_rate",
        "expression": "derive",
        "formula": "derive",
        "gpus": "devices",
        "high": "max",
        "hyperband": "halving",
        "init": "initializer",
        "keep_prob": "dropout",
        "kfold": "folds",
        "l2_regularization": "l2",
        "lambda": "l2",
        "layers": "hidden_layers",
        "low": "min",
        "lower": "min",
        "lr": "learning_rate",
        "min_resource": "min_epochs",
        "mini_batch_size": "batch_size",
        "minibatch_size": "batch_size",
        "model": "trainer",
        "n_jobs": "jobs",
        "n_trials": "trials",
        "objective": "metric",
        "options": "values",
        "params": "space",
        "parameters": "space",
        "pruner": "halving",
        "pruning": "halving",
        "q": "step",
        "reduction_factor": "factor",
        "units": "hidden_units",
        "upper": "max",
        "weight_decay": "l2",
        "workers": "jobs",
        "10**r": "10^r",
        "exponential": "log",
        "inv_log": "1-10^r",
        "log10": "log",
        "loguniform": "log",
        "log_uniform": "log",
        "uniform": "linear",
    }
)
"""Names that the course or other tools use, and what a configuration of ours calls the same."""

NO_OTHERS: Mapping[str, str] = MappingProxyType({})


def nearest(
    name: str, names: Iterable[str], elsewhere: Mapping[str, str] = NO_OTHERS
) -> str | None:
    """The name that was most likely meant; None if none is near.

    Upper and lower case count as equal, and so do - and _; of names that differ in nothing else
    it is the first.

    Args:
        name: as it was written.
        names: those that exist.
        elsewhere: other words for some of them, such as `ELSEWHERE`.

    >>> nearest("Momentun", ["momentum", "l2"]), nearest("zzz", ["momentum", "l2"])
    ('momentum', None)
    >>> nearest("weight_decay", ["momentum", "l2"], ELSEWHERE)
    'l2'
    """
    import difflib  # slow to import, and seldom needed

    names = list(names)
    meant = elsewhere.get(name.lower())
    if meant in names:
        return meant
    by_plain = {_plain(other): other for other in reversed(names)}
    near = difflib.get_close_matches(_plain(name), by_plain, n=1)
    return by_plain[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str], elsewhere: Mapping[str, str] = NO_OTHERS) -> str:
    """A hint at the nearest name, to end a message with; "" if none is near."""
    near = nearest(name, names, elsewhere)
    return "" if near is None else f" (did you mean {near!r}?)"


def hint(name: str, names: Iterable[str]) -> str:
    """A hint at the name of a configuration that was most likely meant, or else at all of them.

    >>> hint("scael", ["scale", "min"]), hint("zzz", ["scale", "min"])
    (" (did you mean 'scale'?)", ' (known: scale, min)')
    """
    names = list(names)
    everything = f" (known: {', '.join(names)})" if names else ""
    return did_you_mean(name, names, ELSEWHERE) or everything


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")

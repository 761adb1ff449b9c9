"""What a misspelt name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

from hpsearch.data import names

ELSEWHERE = {
    "alpha": "learning_rate",
    "alpha0": "learning_rate",
    "beta": "momentum",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "choices": "values",
    "cv": "folds",
    "decay": "learning_rate_decay",
    "decay_rate": "learning_rate_decay",
    "direction": "goal",
    "dropout_rate": "dropout",
    "eps": "epsilon",
    "eta": "learning_rate",
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
"""Names that the course or other tools use, and ours."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant.

    >>> nearest("momentun", ["momentum", "l2"]), nearest("weight_decay", ["momentum", "l2"])
    ('momentum', 'l2')
    """
    known = list(known)
    meant = ELSEWHERE.get(name.lower())
    if meant in known:
        return meant
    return names.nearest(name.replace("-", "_"), known)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the name that was most likely meant, or nothing if none is near."""
    meant = nearest(name, known)
    return "" if meant is None else f" (did you mean {meant!r}?)"


def hint(name: str, known: Iterable[str]) -> str:
    """What to add to the message about an unknown name: the nearest known one, or all.

    >>> hint("scael", ["scale", "min"]), hint("zzz", ["scale", "min"])
    (" (did you mean 'scale'?)", ' (known: scale, min)')
    """
    known = list(known)
    everything = f" (known: {', '.join(known)})" if known else ""
    return did_you_mean(name, known) or everything

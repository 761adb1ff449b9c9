"""What a valid configuration does that its author may not have meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hpsearch.config.misfits import draws
from hpsearch.config.schema import Config
from hpsearch.space import Choice
from hpsearch.trainers.kinds import kind_of


def remarks_on(config: Config) -> list[str]:
    """What a user may want to know, each with the key that it is about and a remedy."""
    return [
        *_idle(config),
        *_named(config),
        *_unused(config),
        *_search(config),
        *_parallel(config),
    ]


def _idle(config: Config) -> Iterator[str]:
    """Parameters and fixed settings that change nothing in some or all trials."""
    sample, kind = draws(config.space), kind_of(config.trainer)
    active: Counter[str] = Counter()
    ignored: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for params in sample:
        used = {name: value for name, value in params.items() if value != []}  # no layer, no list
        settings: dict[str, Any] = {**config.trainer.settings, **used}
        active.update(list(settings))
        for name, reason in kind.ignored_settings(settings):
            ignored[name] += 1
            reasons.setdefault(name, Counter())[reason] += 1
    for name in config.trainer.settings:
        if ignored[name] == len(sample):
            yield f"trainer.{name}: no trial uses it: {_commonest(reasons[name])}; drop it"
    for name in config.space.names:
        count = active[name]
        if count == 0:
            yield f"space.{name}: its conditions hold in no trial of {len(sample)} drawn; drop it"
        elif ignored[name] == count:
            yield f"space.{name}: no trial uses it: {_commonest(reasons[name])}; drop it"
        elif ignored[name]:
            share = max(1, round(100 * ignored[name] / count))
            yield (
                f"space.{name}: about {share} % of the draws ignore it: "
                f"{_commonest(reasons[name])}; add a 'when'"
            )
    for parameter in config.space:
        held = [id(config.space.branch(parameter, params)) for params in sample]
        for i, branch in enumerate(parameter.alternatives if active[parameter.name] else ()):
            if id(branch) not in held:
                words = f"its conditions hold in no trial of {len(sample)} drawn; drop it"
                yield f"space.{parameter.name}[{i}]: {words}"


def _named(config: Config) -> Iterator[str]:
    """Ordered numbers that by their parameter's name are names, and no amounts."""
    for parameter in config.space:
        domain = parameter.domain
        if isinstance(domain, Choice) and domain.ordered and is_name(parameter.name):
            yield (
                f"space.{parameter.name}: its values count as neighbours, from least to most; if "
                "they are mere names, add ordered: false"
            )


def is_name(parameter: str) -> bool:
    """Whether numbers of a parameter of this name tell things apart, and measure nothing.

    >>> is_name("data_seed"), is_name("fold"), is_name("seed_fraction"), is_name("folder_size")
    (True, True, False, False)
    """
    return re.fullmatch(r"(.*[_.-])?(seed|fold|id|index|version)", parameter.lower()) is not None


def _unused(config: Config) -> Iterator[str]:
    """Parameters that a user's trainer is not seen to use, and what its options may not mean."""
    names, kind = list(config.space.names), kind_of(config.trainer)
    for name, message in kind.unused_parameters(config.trainer.options, names):
        yield f"space.{name}: {message}"
    for key, message in kind.remarks(config.trainer.options, names):
        yield f"trainer.{key}: {message}"


def _commonest(reasons: Counter[str]) -> str:
    return reasons.most_common(1)[0][0]


def _search(config: Config) -> Iterator[str]:
    if config.metric.name == "train_loss":
        yield "metric.name: train_loss rewards overfitting; val_loss is measured on held-out rows"
    timed = kind_of(config.trainer).timed
    for metric in (config.metric, *config.other_metrics):
        if metric.name in timed:
            yield (
                f"metric: {metric.name} is measured time, which differs from run to run: the same "
                "seed need not give the same trials; `parameters` would"
            )
    if config.search.sampler != "zoom":
        coordinates = [each.parameter for each in config.space.coordinates]
        for name in dict.fromkeys(each.name for each in coordinates if each.guess):
            yield f"space.{name}.guess: only sampler zoom heeds it; drop it, or use zoom"
    sampler = config.search.sampler
    if sampler != "zoom" and config.search.rounds != "auto":
        alike = "draws every round alike" if sampler == "random" else "tries all in one round"
        yield f"search.rounds: sampler {sampler} {alike}; drop it, or use zoom"
    if sampler != "zoom" and config.search.screen:
        unscreened = f"sampler {sampler} trains every draw, unscreened"
        yield f"search.screen: {unscreened}; drop it, or use zoom"
    if config.search.timeout is not None:
        yield "search.timeout: results then depend on the machine's speed; trials alone would not"


def _parallel(config: Config) -> Iterator[str]:
    parallel = config.parallel
    if parallel.backend == "serial" and parallel.memory is not None:
        yield "parallel.memory: backend serial has no worker to limit; drop it, or use local"
    kind = kind_of(config.trainer)
    if parallel.devices is not None and not kind.devices:
        yield f"parallel.devices: the {kind.name} trains on the processor alone; drop it"

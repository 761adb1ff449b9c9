"""How many trials a search makes, and in which rounds: from its configuration alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Literal

from hpsearch.config import MOST_TRIALS, Config
from hpsearch.messages import counted
from hpsearch.sampling.plan import Sizes, ladder, plan, round_sizes
from hpsearch.searching.confirmation import trainings_within
from hpsearch.searching.stages import planned_epochs
from hpsearch.space.settings import count, key, untried
from hpsearch.trial import Params, Round

TRIED = (
    "widen the space, or train a setting with new seeds: hpsearch retrain {} --trial N --seeds K"
)
"""What to do where every setting has been tried."""


def rounds_of(config: Config, first: int = 0, history: Sequence[Params] = ()) -> tuple[Round, ...]:
    """The plan of a search; it follows from the configuration alone, never from the machine.

    Starting settings belong to the first round. A refined search, which has a history, has no
    coarse round; a random search and a grid have one round, as they never look back. No more
    trials are planned than there are settings left to try, and `search.max_epochs` allows.

    Args:
        config: of the search.
        first: the number of its first trial.
        history: settings of the parent's trials inside the space.
    """
    return plan_for(config, trials_of(config, history), first, coarse=not history)


def plan_for(config: Config, trials: int, first: int = 0, *, coarse: bool) -> tuple[Round, ...]:
    """The plan of so many trials.

    Args:
        config: of the search.
        trials: how many, starting settings among them.
        first: the number of the first.
        coarse: whether the first round covers the space.
    """
    start = min(len(config.search.by_hand), trials)
    amounts, factor = ladder_of(config)
    workers, drawn = config.parallel.workers, trials - start
    rounds = config.search.rounds
    halved, full = sizes_of(config, drawn, rounds, coarse=coarse) if drawn else Sizes([])
    if start:  # the starting settings belong to the first round
        halved = [start + sum(halved[:1]), *halved[1:]]
    return plan(Sizes(halved, full), amounts, factor, first, workers)


def sizes_of(config: Config, trials: int, rounds: int | Literal["auto"], *, coarse: bool) -> Sizes:
    """In which rounds so many trials of a configuration are drawn.

    Args:
        config: of the search.
        trials: how many.
        rounds: how many rounds; a sampler that never looks back has one.
        coarse: whether the first round covers the space.
    """
    amounts, factor = ladder_of(config)
    if config.search.sampler != "zoom":
        rounds = 1
    draw, workers = config.space.crossed, config.parallel.workers
    return round_sizes(trials, amounts, factor, rounds, coarse, draw, workers)


def ladder_of(config: Config) -> tuple[tuple[int, ...], int]:
    """The epochs after which weak trials of a configuration stop, and one in how many goes on."""
    epochs, halving = config.trainer.epochs, config.search.halving
    if halving is None:
        return (epochs,), 3
    return ladder(epochs, halving.min_epochs, halving.factor), halving.factor


def trials_of(config: Config, history: Sequence[Params] = ()) -> int:
    """How many trials a search makes.

    That is `search.trials`, or fewer if its space has fewer settings or `search.max_epochs`
    does not allow as many.

    Args:
        config: of the search.
        history: settings that need not be tried again; starting settings are tried anyway.
    """
    found = _settings_left(config, history)
    return found if config.search.max_epochs is None else _within_budget(config, found, history)


def _settings_left(config: Config, history: Sequence[Params]) -> int:
    """How many trials `search.trials` and the settings that are left to try make."""
    search, draw = config.search, config.space.crossed
    start = search.by_hand[: search.trials]
    asked = (search.trials or MOST_TRIALS) - len(start)
    draws = untried(config.space, [*start, *history], most=ceil(asked / draw))
    return len(start) + min(asked, draws * draw)


def _within_budget(config: Config, most: int, history: Sequence[Params]) -> int:
    """How many trials `search.max_epochs` allows; `most`, if these are fewer."""
    budget = config.search.max_epochs
    assert budget is not None
    return largest(
        lambda trials: epochs_needed(config, plan_for(config, trials, coarse=not history)),
        min(most, budget),
        budget,
    )


def largest(cost: Callable[[int], int], most: int, budget: int) -> int:
    """The largest number, from 1 to `most`, whose cost is within a budget; 1 if none is.

    >>> largest(lambda trials: 3 * trials, 100, budget=20)
    6
    """
    low, high = min(1, most), most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= budget else (low, middle - 1)
    return low


def epochs_needed(config: Config, rounds: Sequence[Round]) -> int:
    """The epochs that a plan takes: of its trials, their repeats and folds, and confirmation."""
    search, full = config.search, config.trainer.epochs
    start = min(len(search.by_hand), rounds[0].trials)  # trained in full in the first rung
    epochs = planned_epochs(rounds) + start * (full - rounds[0].rungs[0].epochs)
    folds, again = search.folds or 1, 0
    if search.confirm is not None:
        trials = sum(round.trials for round in rounds)
        again = prod(trainings_within(search.confirm, trials * search.repeats))
    return (epochs * search.repeats + again * full) * folds


def shortage(config: Config, history: Sequence[Params] = ()) -> str | None:
    """A remark where the space holds fewer settings than `search.trials`; else None.

    For sampler grid that is only a bound.
    """
    asked = config.search.trials
    if asked is None or config.search.sampler == "grid":
        return None
    trials = _settings_left(config, history)
    if trials == asked:
        return None
    tried = len({key(params) for params in history if config.space.contains(params)})
    held = count(config.space, trials + tried + 1)
    before = f", {tried} of them tried before" if tried else ""
    most = "" if config.search.max_epochs is None else "at most "
    return (
        f"space: holds {counted(held, 'setting')}{before}, so {most}{trials} of the {asked} "
        "trials train; for more trainings of each, with other seeds: search.repeats"
    )


def grid_of(config: Config, trials: int) -> str | None:
    """How many settings sampler grid tries, and of how many; None of another sampler.

    Args:
        config: of the search.
        trials: that it makes.
    """
    if config.search.sampler != "grid":
        return None
    held = count(config.space, MOST_TRIALS + 1)
    if held <= trials:
        return f"the grid has {counted(held, 'setting')}; each is tried once"
    of = f"{held:,}" if held <= MOST_TRIALS else f"more than {MOST_TRIALS:,}"
    return f"the grid has {of} settings; {trials:,} of them are tried, each once"

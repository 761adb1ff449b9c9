"""The plan of a search: its rounds and their rungs, which depend on the configuration alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from hpsearch.trial import Round, Rung

FINE = 6  # trials of a round where weak ones stop, at least; the coarse round has twice as many
FEWEST = 6  # trials that screening learns from; the coarse round has as many where none is stopped
FEW = 4  # workers: for more of them, rounds are planned that keep as many at work
HALVED = 0.3  # of the epochs: after these, trials are trained in full
MOST_ROUNDS = 64  # of one size; then rounds grow, so that thousands of trials have hundreds
LARGEST_ROUND = 32  # of a plan for many workers, whose rounds overlap: they need not be larger
STRAGGLERS = 6  # a rung ends when its slowest trial does, after so many times the average


class Sizes(NamedTuple):
    """How many trials each round proposes: the rounds where weak ones stop, then the others."""

    halved: Sequence[int]
    full: Sequence[int] = ()


def round_sizes(
    trials: int,
    amounts: Sequence[int] = (1,),
    factor: int = 3,
    rounds: int | Literal["auto"] = "auto",
    coarse: bool = True,
    draw: int = 1,
    workers: int | None = None,
) -> Sizes:
    """How many trials each round proposes.

    What looks good after a few epochs need not be good in the end. So weak trials are stopped
    only while the search has spent `HALVED` of its epochs; after that all are trained in full,
    a few at a time, and what is proposed follows what full trainings gave. A short search has
    no such rounds.

    Args:
        trials: how many in all.
        amounts: epochs, from `ladder`; a single one where no trial is stopped.
        factor: as for `ladder`.
        rounds: how many rounds, all of them halved; "auto" makes small ones, which grow after
            hundreds of trials.
        coarse: whether the first round covers the space, and so is twice as large.
        draw: how many trials a draw becomes by its crossed choices. Sizes are multiples of it,
            so their sum may exceed `trials` by less than `draw`.
        workers: for how many the plan is made, see `lag`; None for a few. Where there are more
            than `FEW`, all rounds are halved; they grow with the workers up to `LARGEST_ROUND`,
            and none is twice as large: the first few cover the space.

    >>> round_sizes(64, (3, 10, 30))
    Sizes(halved=[12, 6, 6, 6, 6, 10], full=[2, 2, 2, 2, 2, 2, 2, 2, 2])
    >>> round_sizes(8, (3, 10, 30)), round_sizes(8)
    (Sizes(halved=[8], full=[]), Sizes(halved=[4], full=[2, 2]))
    >>> round_sizes(64, rounds=3).halved, round_sizes(80, workers=16).halved
    ([32, 16, 16], [16, 16, 16, 16, 16])
    """
    draws = math.ceil(trials / draw)
    many = workers is not None and workers > FEW
    full: list[int] = []
    if rounds != "auto":
        halved = _shares(draws, min(rounds, draws), twice=coarse and not many)
    elif workers is not None and many:
        size = max(FINE, min(LARGEST_ROUND, workers // draw))
        halved = _shares(draws, draws // max(1, min(size, draws // 4)))
    else:
        in_full = _in_full(draws, amounts, factor, coarse)
        halved = _small(draws - in_full, FINE, first=2 * FINE if coarse else FINE)
        full = _small(in_full, max(1, (workers or FEW) // 2))
    return Sizes([size * draw for size in halved], [size * draw for size in full])


def _in_full(draws: int, amounts: Sequence[int], factor: int, coarse: bool) -> int:
    """How many of the draws are trained in full after those of which weak trials stop."""
    if len(amounts) == 1:  # all are trained in full; the first ones cover the space together
        return draws - min(FEWEST, draws - draws // 2) if coarse else draws
    beyond = draws - (3 * FINE if coarse else FINE)
    share = average(rungs(FINE, tuple(amounts), factor)) / amounts[-1]
    return int(max(0, beyond) / (1 + HALVED / (1 - HALVED) / share))


def _small(trials: int, least: int, first: int = 0) -> list[int]:
    """Trials in rounds of the least size, which grow where there have been very many trials.

    So a longer search has the rounds of a shorter one, and others after them. What is too little
    for a round of its own belongs to the one before.

    >>> _small(17, 6, first=12), _small(30, 6, first=12), _small(5, 2)
    ([17], [12, 6, 6, 6], [2, 3])
    """
    sizes: list[int] = []
    size, left = first or least, trials
    while left:
        sizes.append(left if left < size + least else size)
        left -= sizes[-1]
        size = max(least, (trials - left) // MOST_ROUNDS)
    return sizes


def _shares(trials: int, count: int, twice: bool = False) -> list[int]:
    """Trials in so many rounds of nearly one size, the first perhaps twice as large."""
    weights = [2 if twice else 1] + [1] * (count - 1)
    ends = [trials * done // sum(weights) for done in accumulate(weights)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [size for size in sizes if size]


def average(steps: Sequence[Rung]) -> float:
    """The epochs that a trial of a round trains on average.

    >>> average((Rung(trials=9, epochs=1), Rung(trials=3, epochs=3), Rung(trials=1, epochs=9)))
    2.3333333333333335
    """
    pairs = zip(steps, [0, *(step.epochs for step in steps)], strict=False)
    return sum(step.trials * (step.epochs - before) for step, before in pairs) / steps[0].trials


def ladder(epochs: int, min_epochs: int | None = None, factor: int = 3) -> tuple[int, ...]:
    """The epochs after which weak trials stop (successive halving); the last is a full training.

    Each amount is 1/factor of the next. This is one bracket of Hyperband, with the best
    1/factor of a round going on to the next rung. A rung ends before the next begins, so results
    do not depend on which trial is faster, as they do in the asynchronous variant.

    Args:
        epochs: of a full training.
        min_epochs: the least amount; None for three rungs, where the epochs allow as many.
        factor: 2 or more.

    References: Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943 (successive
    halving); Li et al. 2018, https://arxiv.org/abs/1603.06560 (Hyperband); Li et al. 2020,
    https://arxiv.org/abs/1810.05934 (asynchronous).

    >>> ladder(30), ladder(52), ladder(5), ladder(1), ladder(27, min_epochs=1)
    ((3, 10, 30), (6, 17, 52), (1, 2, 5), (1,), (1, 3, 9, 27))
    """
    smallest = max(1, round(epochs / factor**2)) if min_epochs is None else min_epochs
    amounts = [epochs]
    while round(epochs / factor ** len(amounts)) >= smallest:
        amounts.append(round(epochs / factor ** len(amounts)))
    return tuple(sorted(set(amounts)))


def rungs(trials: int, amounts: tuple[int, ...], factor: int = 3) -> tuple[Rung, ...]:
    """How many trials of a round reach each amount of training: each time the best 1/factor.

    A round with too few trials for every rung does without those that would stop none.

    Args:
        trials: how many the round has.
        amounts: epochs, from `ladder`.
        factor: as for `ladder`.

    >>> rungs(27, ladder(9, min_epochs=1))
    (Rung(trials=27, epochs=1), Rung(trials=9, epochs=3), Rung(trials=3, epochs=9))
    >>> rungs(2, ladder(9))
    (Rung(trials=2, epochs=1), Rung(trials=1, epochs=9))
    """
    counts = [trials]
    while counts[-1] > 1 and len(counts) < len(amounts):
        counts.append(max(1, counts[-1] // factor))
    return tuple(map(Rung, counts, (*amounts[: len(counts) - 1], amounts[-1])))


def lag(workers: int, size: int, amounts: tuple[int, ...], factor: int = 3) -> tuple[int, ...]:
    """How many rounds earlier a round must be, for each rung, to look at its trials there.

    A trial takes about as many epochs on average as the plan has for each; in the time in which
    the slowest of a round trains to a rung, the workers begin so many other trials:

        workers * STRAGGLERS * epochs of the rung / epochs of a trial on average

    A round that looks only at what is so much older begins before anybody has to wait for it. The
    lag follows from the configuration alone, so what a round looks at does not depend on time.

    Args:
        workers: for how many the plan is made.
        size: trials of a round.
        amounts: epochs, from `ladder`.
        factor: as for `ladder`.

    >>> lag(64, 32, ladder(30)), lag(1, 32, ladder(30)), lag(64, 32, (30,))
    ((6, 17, 51), (1, 1, 2), (12,))
    """
    usual = average(rungs(size, amounts, factor))
    rounds = [math.ceil(workers / size * STRAGGLERS * epochs / usual) for epochs in amounts]
    last = 2 if len(amounts) > 1 else 1
    return (*rounds[:-1], max(last, rounds[-1]))


def plan(
    sizes: Sizes,
    amounts: tuple[int, ...],
    factor: int = 3,
    first: int = 0,
    workers: int | None = None,
) -> tuple[Round, ...]:
    """The rounds of a search.

    Args:
        sizes: how many trials each round has, from `round_sizes`.
        amounts: epochs, from `ladder`.
        factor: as for `ladder`.
        first: the number of the first trial.
        workers: for how many it is made, see `lag`; None for a few.

    >>> [(round.first, round.progress) for round in plan(Sizes([4, 2, 2]), (30,))]
    [(0, 0.0), (4, 0.5), (6, 0.75)]
    >>> plan(Sizes([4, 2, 2]), (30,), workers=8)[1].lag
    (24,)
    >>> [(round.rungs[0].epochs, round.lag) for round in plan(Sizes([9], [2, 2]), (3, 9))]
    [(3, None), (9, (1, 2)), (9, (1, 2))]
    """
    return _more((), first, sizes, amounts, factor, workers)


def extended(
    rounds: Sequence[Round],
    sizes: Sizes,
    amounts: tuple[int, ...],
    factor: int = 3,
    workers: int | None = None,
    first: int | None = None,
) -> tuple[Round, ...]:
    """A plan with more rounds after those that it has, which stay as they are.

    The progress of a new round is its share of the longer search, so the zoom, which had come
    to its end, opens a little and closes again.

    Args:
        rounds: the plan.
        sizes: how many trials each new round has.
        amounts: epochs, from `ladder`.
        factor: as for `ladder`.
        workers: for how many the new rounds are made, see `lag`; None for a few.
        first: the number of their first trial; None for the one after the plan's last.

    >>> longer = extended(plan(Sizes([4, 2, 2]), (30,)), Sizes([4, 4]), (30,))
    >>> [(round.number, round.first, round.progress) for round in longer[2:]]
    [(2, 6, 0.75), (3, 8, 0.5), (4, 12, 0.75)]
    """
    if first is None:
        first = rounds[-1].first + rounds[-1].trials
    before = first - sum(round.trials for round in rounds)
    return (*rounds, *_more(rounds, before, sizes, amounts, factor, workers))


def _more(
    before: Sequence[Round],
    first: int,
    sizes: Sizes,
    amounts: tuple[int, ...],
    factor: int,
    workers: int | None,
) -> tuple[Round, ...]:
    """Rounds of these sizes after others, where the first trial of all has the number `first`."""
    planned = sum(round.trials for round in before)
    total = planned + sum(sizes.halved) + sum(sizes.full)
    behind = None
    if workers is not None and workers > FEW:
        behind = lag(workers, min(sizes.halved), amounts, factor)
    lags = [*(behind for _ in sizes.halved), *_lags(len(sizes.full), len(amounts), workers)]
    if not (before or sizes.halved):
        lags[0] = None  # there is nothing to look at
    steps = [rungs(size, amounts, factor) for size in sizes.halved]
    steps += [(Rung(size, amounts[-1]),) for size in sizes.full]
    rounds: list[Round] = []
    for number, (each, behind) in enumerate(zip(steps, lags, strict=True), len(before)):
        size = each[0].trials
        rounds.append(Round(number, first + planned, size, planned / total, each, behind))
        planned += size
    return tuple(rounds)


def _lags(count: int, rungs: int, workers: int | None) -> list[tuple[int, ...]]:
    """How far rounds that train all trials in full look back: two of them are at work at once.

    The first looks at a coarse round of full trainings, which it waits for; where weak trials
    stop, not at the last rung of the round before it. For one worker each waits for all before.

    >>> _lags(2, 3, None), _lags(2, 1, None), _lags(2, 3, 1)
    ([(1, 1, 2), (1, 1, 2)], [(1,), (2,)], [(1, 1, 1), (1, 1, 1)])
    """
    at_once = (1,) * rungs
    beside = at_once if workers == 1 else (*at_once[1:], 2)
    return [at_once if rungs == 1 and not place else beside for place in range(count)]

"""The plan of a search: its rounds and their rungs, which depend on the configuration alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from hpsearch.trial import Round, Rung

SMALLEST_ROUND = 9  # fewer trials a round say little about where to look next
MOST_ROUNDS = 64  # so that rounds grow where there are thousands of trials
LARGEST_ROUND = 32  # of a plan for many workers, whose rounds overlap: they need not be larger
STRAGGLERS = 6  # a rung ends when its slowest trial does, after so many times the average


def round_sizes(
    trials: int,
    rounds: int | Literal["auto"] = "auto",
    coarse: bool = True,
    draw: int = 1,
    workers: int | None = None,
) -> list[int]:
    """How many trials each round proposes.

    Args:
        trials: how many in all.
        rounds: how many rounds; "auto" makes rounds of about `SMALLEST_ROUND` trials, and larger
            ones where that would give more than `MOST_ROUNDS`.
        coarse: whether the first round covers the space, and so is twice as large.
        draw: how many trials a draw becomes by its crossed choices. Sizes are multiples of it,
            so their sum may exceed `trials` by less than `draw`.
        workers: for how many the plan is made, see `lag`; None for a few. Rounds grow with them
            up to `LARGEST_ROUND`, and none is twice as large: the first few cover the space.

    >>> round_sizes(64), round_sizes(5), round_sizes(64, rounds=3)
    ([18, 9, 9, 9, 9, 10], [2, 1, 1, 1], [32, 16, 16])
    >>> round_sizes(80, workers=16), round_sizes(20_000, workers=1000)[:3]
    ([16, 16, 16, 16, 16], [32, 32, 32])
    """
    draws = math.ceil(trials / draw)
    first = 2 if coarse and workers is None else 1  # weight of the first round
    if rounds == "auto":
        usual = draws // MOST_ROUNDS if workers is None else min(LARGEST_ROUND, workers // draw)
        size = max(1, min(max(SMALLEST_ROUND, usual), draws // 4))
        count = max(1, draws // size - (first - 1))
    else:
        count = min(rounds, draws)
    weights = [first] + [1] * (count - 1)
    ends = [draws * done // sum(weights) for done in accumulate(weights)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [size * draw for size in sizes if size]


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

    A round with too few trials for every rung does without the lowest.

    Args:
        trials: how many the round has.
        amounts: epochs, from `ladder`.
        factor: as for `ladder`.

    >>> rungs(27, ladder(9, min_epochs=1))
    (Rung(trials=27, epochs=1), Rung(trials=9, epochs=3), Rung(trials=3, epochs=9))
    >>> rungs(2, ladder(9))
    (Rung(trials=2, epochs=3), Rung(trials=1, epochs=9))
    """
    counts = [trials]
    while counts[-1] > 1 and len(counts) < len(amounts):
        counts.append(max(1, counts[-1] // factor))
    return tuple(map(Rung, counts, amounts[-len(counts) :]))


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
    steps = rungs(size, amounts, factor)
    pairs = zip(steps, [0, *(step.epochs for step in steps)], strict=False)
    average = sum(step.trials * (step.epochs - before) for step, before in pairs) / size
    rounds = [math.ceil(workers / size * STRAGGLERS * epochs / average) for epochs in amounts]
    last = 2 if len(amounts) > 1 else 1
    return (*rounds[:-1], max(last, rounds[-1]))


def plan(
    sizes: list[int],
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

    >>> [(round.first, round.progress) for round in plan([4, 2, 2], (30,))]
    [(0, 0.0), (4, 0.5), (6, 0.75)]
    >>> plan([4, 2, 2], (30,), workers=4)[1].lag
    (12,)
    """
    return _more((), first, sizes, amounts, factor, workers)


def extended(
    rounds: Sequence[Round],
    sizes: list[int],
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

    >>> longer = extended(plan([4, 2, 2], (30,)), [4, 4], (30,))
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
    sizes: list[int],
    amounts: tuple[int, ...],
    factor: int,
    workers: int | None,
) -> tuple[Round, ...]:
    """Rounds of these sizes after others, where the first trial of all has the number `first`."""
    planned = sum(round.trials for round in before)
    total = planned + sum(sizes)
    starts = accumulate(sizes, initial=planned)
    behind = None if workers is None else lag(workers, min(sizes), amounts, factor)
    return tuple(
        Round(number, first + start, size, start / total, rungs(size, amounts, factor), behind)
        for number, (start, size) in enumerate(zip(starts, sizes, strict=False), len(before))
    )

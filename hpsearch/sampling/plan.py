"""The plan of a search: how many trials each round proposes, decided before anything runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

SMALLEST_ROUND = 9  # fewer trials a round tell little about where to look next
MOST_ROUNDS = 64  # so that rounds grow where there are thousands of trials


@dataclass(frozen=True)
class Rung:
    """An amount of training, and how many trials of a round get it."""

    trials: int
    epochs: int


@dataclass(frozen=True)
class Round:
    """A step from coarse to fine: trials first to first + trials - 1."""

    number: int
    first: int
    trials: int
    progress: float  # share of the planned trials proposed before this round
    rungs: tuple[Rung, ...]


def round_sizes(
    trials: int, rounds: int | Literal["auto"] = "auto", coarse: bool = True, draw: int = 1
) -> list[int]:
    """How many trials each round proposes; the coarse first round is twice as large.

    With "auto", rounds are small, for many steps from coarse to fine, until there would be
    too many of them. Sizes are whole
    multiples of `draw`, the number of trials that a crossed draw stands for, so their sum
    may exceed `trials` by less than `draw`.

    >>> round_sizes(64), round_sizes(5), round_sizes(64, rounds=3)
    ([18, 9, 9, 9, 9, 10], [2, 1, 1, 1], [32, 16, 16])
    """
    draws = math.ceil(trials / draw)
    first = 2 if coarse else 1  # weight of the first round
    if rounds == "auto":
        size = max(1, min(max(SMALLEST_ROUND, draws // MOST_ROUNDS), draws // 4))
        count = max(1, draws // size - (first - 1))
    else:
        count = min(rounds, draws)
    weights = [first] + [1] * (count - 1)
    ends = [draws * done // sum(weights) for done in accumulate(weights)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [size * draw for size in sizes if size]


def ladder(epochs: int, min_epochs: int | None = None, factor: int = 3) -> tuple[int, ...]:
    """The amounts of training at which weak trials stop; the last is a full training.

    Each is a `factor` of the next. Without `min_epochs` there are three, where the epochs
    allow it.

    >>> ladder(30), ladder(52), ladder(5), ladder(1), ladder(27, min_epochs=1)
    ((3, 10, 30), (6, 17, 52), (1, 2, 5), (1,), (1, 3, 9, 27))
    """
    smallest = max(1, round(epochs / factor**2)) if min_epochs is None else min_epochs
    amounts = [epochs]
    while round(epochs / factor ** len(amounts)) >= smallest:
        amounts.append(round(epochs / factor ** len(amounts)))
    return tuple(sorted(set(amounts)))


def rungs(trials: int, amounts: tuple[int, ...], factor: int = 3) -> tuple[Rung, ...]:
    """How many trials of a round reach each amount of training.

    A round with too few trials for every rung does without the lowest.

    >>> rungs(27, ladder(9, min_epochs=1))
    (Rung(trials=27, epochs=1), Rung(trials=9, epochs=3), Rung(trials=3, epochs=9))
    >>> rungs(2, ladder(9))
    (Rung(trials=2, epochs=3), Rung(trials=1, epochs=9))
    """
    counts = [trials]
    while counts[-1] > 1 and len(counts) < len(amounts):
        counts.append(max(1, counts[-1] // factor))
    return tuple(map(Rung, counts, amounts[-len(counts) :]))


def plan(
    sizes: list[int], amounts: tuple[int, ...], factor: int = 3, first: int = 0
) -> tuple[Round, ...]:
    """Rounds of these sizes with rungs at these amounts; trials are numbered from `first`.

    >>> [(round.first, round.progress) for round in plan([4, 2, 2], (30,))]
    [(0, 0.0), (4, 0.5), (6, 0.75)]
    """
    total = sum(sizes)
    starts = [0, *accumulate(sizes)]
    return tuple(
        Round(number, first + start, size, start / total, rungs(size, amounts, factor))
        for number, (start, size) in enumerate(zip(starts, sizes, strict=False))
    )


def extended(
    rounds: Sequence[Round], sizes: list[int], amounts: tuple[int, ...], factor: int = 3
) -> tuple[Round, ...]:
    """A plan that goes on with rounds of these sizes; those that it has stay as they are.

    The progress of a new round is its share of the longer search, so the zoom, which had come
    to its end, opens a little and closes again.

    >>> longer = extended(plan([4, 2, 2], (30,)), [4, 4], (30,))
    >>> [(round.number, round.first, round.progress) for round in longer[2:]]
    [(2, 6, 0.75), (3, 8, 0.5), (4, 12, 0.75)]
    """
    planned = sum(round.trials for round in rounds)
    total = planned + sum(sizes)
    starts = [0, *accumulate(sizes)]
    return (
        *rounds,
        *(
            Round(
                number=len(rounds) + i,
                first=rounds[0].first + planned + start,
                trials=size,
                progress=(planned + start) / total,
                rungs=rungs(size, amounts, factor),
            )
            for i, (start, size) in enumerate(zip(starts, sizes, strict=False))
        ),
    )

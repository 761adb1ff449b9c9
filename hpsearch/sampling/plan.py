"""The plan of a search: how many trials each round proposes, decided before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

SMALLEST_ROUND = 9  # fewer trials a round tell little about where to look next


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

    With "auto", rounds grow with the square root of the budget: many small steps when each
    trial is dear, and no thousand rounds when there are thousands of trials. Sizes are whole
    multiples of `draw`, the number of trials that a crossed draw stands for, so their sum
    may exceed `trials` by less than `draw`.

    >>> round_sizes(64), round_sizes(5), round_sizes(64, rounds=3)
    ([18, 9, 9, 9, 9, 10], [2, 1, 1, 1], [32, 16, 16])
    """
    draws = math.ceil(trials / draw)
    first = 2 if coarse else 1  # weight of the first round
    if rounds == "auto":
        size = max(1, min(max(SMALLEST_ROUND, math.isqrt(draws)), draws // 4))
        count = max(1, draws // size - (first - 1))
    else:
        count = min(rounds, draws)
    weights = [first] + [1] * (count - 1)
    ends = [draws * done // sum(weights) for done in accumulate(weights)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return [size * draw for size in sizes if size]


def plan(sizes: list[int], epochs: int, first: int = 0) -> tuple[Round, ...]:
    """Rounds of these sizes; trials are numbered from `first`.

    >>> [(round.first, round.progress) for round in plan([4, 2, 2], epochs=30)]
    [(0, 0.0), (4, 0.5), (6, 0.75)]
    """
    total = sum(sizes)
    starts = [0, *accumulate(sizes)]
    return tuple(
        Round(number, first + start, size, start / total, (Rung(size, epochs),))
        for number, (start, size) in enumerate(zip(starts, sizes, strict=False))
    )

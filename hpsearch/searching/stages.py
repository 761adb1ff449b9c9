"""When a rung may start: a fixed lag in the plan, never in time.

The last rung of a round trains few trials and would leave workers idle. So the next round
starts beside it, and is drawn without looking at it, however fast it happens to be. That
keeps the trials the same with 1 job or 64. Where all trials are trained in full, and for many
workers, whole rounds overlap, and each has a `lag` that says how old a result must be to be
looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hpsearch.trial import Round

SLOWEST = 2.0  # a stage takes as long as its slowest trial: about so many times the average


@dataclass(frozen=True, order=True)
class Stage:
    """One rung of one round: its trials train side by side."""

    round: int
    rung: int


BESIDE = Stage(-1, 0)
"""The stage of settings that somebody has added, which are trained beside all rounds."""


def needs(stage: Stage, rounds: Sequence[Round]) -> frozenset[Stage]:
    """The stages that must have ended before this one starts.

    A rung needs the rung below it. The first rung of a round needs what the round may look at;
    rounds start in their order, so what the round before it looked at has ended, and is left out.

    >>> from hpsearch.trial import Rung
    >>> rungs = (Rung(9, 1), Rung(3, 3), Rung(1, 9))
    >>> rounds = [Round(i, 9 * i, 9, i / 3, rungs) for i in range(3)]
    >>> sorted(needs(Stage(2, 0), rounds))
    [Stage(round=0, rung=2), Stage(round=1, rung=1)]
    """
    if stage.rung:
        return frozenset({Stage(stage.round, stage.rung - 1)})
    return frozenset(Stage(*each) for each in newly_seen(stage.round, rounds))


def newly_seen(round_number: int, rounds: Sequence[Round]) -> list[tuple[int, int]]:
    """The last rungs that a round may look at and the one before it may not: round and rung."""
    numbers: Sequence[int] = range(round_number)
    lag = rounds[round_number].lag
    if round_number and lag is not None and lag == rounds[round_number - 1].lag:
        numbers = sorted({round_number - least for least in lag if least <= round_number})
    found = []
    for number in numbers:
        rungs = rungs_seen(number, round_number, rounds)
        before = number < round_number - 1 and rungs_seen(number, round_number - 1, rounds)
        if rungs > before:
            found.append((number, rungs - 1))
    return found


def seen(round_number: int, rounds: Sequence[Round]) -> dict[int, int]:
    """How many rungs of each earlier round a new round may look at, by round number.

    >>> from hpsearch.trial import Rung
    >>> rungs = (Rung(9, 1), Rung(3, 3), Rung(1, 9))
    >>> seen(2, [Round(i, 9 * i, 9, i / 3, rungs) for i in range(3)])
    {0: 3, 1: 2}
    >>> seen(4, [Round(i, 9 * i, 9, i / 5, rungs, lag=(1, 2, 4)) for i in range(5)])
    {0: 3, 1: 2, 2: 2, 3: 1}
    """
    counts = {each: rungs_seen(each, round_number, rounds) for each in range(round_number)}
    return {number: rungs for number, rungs in counts.items() if rungs}


def rungs_seen(number: int, by: int, rounds: Sequence[Round]) -> int:
    """How many rungs of one round a later one may look at.

    Its `lag` says it. Without one, it is all of them, but for the last of several rungs of the
    round before it.
    """
    rungs, lag = len(rounds[number].rungs), rounds[by].lag
    if lag is not None:
        return sum(by - number >= least for least in lag[-rungs:])
    return rungs - 1 if number == by - 1 and rungs > 1 else rungs


def joins(begun: int, rounds: Sequence[Round]) -> int:
    """The first round that looks at a setting which somebody has added after so many had begun.

    It is trained in full beside the last round that has begun, and is looked at as that round's
    last rung is, so that no round waits for it longer. The number of rounds where none will be.

    >>> from hpsearch.trial import Rung
    >>> rungs = (Rung(9, 1), Rung(3, 3), Rung(1, 9))
    >>> rounds = [Round(i, 9 * i, 9, i / 3, rungs) for i in range(3)]
    >>> [joins(begun, rounds) for begun in range(4)]
    [2, 2, 3, 3]
    """
    last = max(begun, 1) - 1
    whole = len(rounds[last].rungs)
    later = range(last + 1, len(rounds))
    return next((by for by in later if rungs_seen(last, by, rounds) == whole), len(rounds))


def replacements(
    able: Sequence[Sequence[int]], entered: Sequence[Collection[int]], missing: int
) -> list[tuple[int, int]]:
    """Which trials take the places that came free at a rung, and the rung that each goes on to.

    The next best of those that stopped at the rung below goes on. Where all of them had their
    turn, one that stopped further down comes up, a rung at a time.

    Args:
        able: by rung, from the first to this one: trials that came through it, best first.
        entered: by rung likewise: those that were let in.
        missing: places that came free at the last of these rungs.

    >>> replacements([[5, 3, 1, 4], [5, 3], []], [{1, 2, 3, 4, 5}, {5, 3}, {5}], missing=3)
    [(3, 2), (1, 1), (4, 1)]
    """
    chosen: list[tuple[int, int]] = []
    for rung in range(len(entered) - 1, 0, -1):
        free = [number for number in able[rung - 1] if number not in entered[rung]]
        chosen += [(number, rung) for number in free[: missing - len(chosen)]]
    return chosen


def epochs_of(stage: Stage, rounds: Sequence[Round]) -> int:
    """How many epochs a trial trains in a stage, beyond those that it has."""
    rungs = rounds[stage.round].rungs
    return rungs[stage.rung].epochs - (rungs[stage.rung - 1].epochs if stage.rung else 0)


def planned_epochs(rounds: Sequence[Round]) -> int:
    """The epochs that a search trains, confirmation aside.

    >>> from hpsearch.sampling.plan import Sizes, plan
    >>> planned_epochs(plan(Sizes([9]), (1, 3, 9)))
    21
    """
    return sum(
        rung.trials * epochs_of(Stage(each.number, place), rounds)
        for each in rounds
        for place, rung in enumerate(each.rungs)
    )


def epochs_anew(rounds: Sequence[Round]) -> int:
    """The epochs that a search trains where each rung trains its trials from their first epoch.

    >>> from hpsearch.sampling.plan import Sizes, plan
    >>> epochs_anew(plan(Sizes([9]), (1, 3, 9)))
    27
    """
    return sum(rung.trials * rung.epochs for each in rounds for rung in each.rungs)


def ways_to_the_end(rounds: Sequence[Round]) -> Mapping[Stage, float]:
    """How many epochs are trained one after another from the end of a stage to that of the search.

    This is the longest way through the stages that wait for one another. Where the stage with
    the longest way always goes first, the search ends soonest, or nearly so.

    Reference: T. C. Hu 1961, "Parallel sequencing and assembly line problems", Operations
    Research 9(6).

    >>> from hpsearch.sampling.plan import Sizes, plan
    >>> ways_to_the_end(plan(Sizes([4, 4]), (2, 6)))[Stage(1, 0)]
    8.0
    """
    every = [Stage(each.number, rung) for each in rounds for rung in range(len(each.rungs))]
    waiting: dict[Stage, list[Stage]] = {stage: [] for stage in every}
    for stage in every:
        for before in needs(stage, rounds):
            waiting[before].append(stage)
    ways: dict[Stage, float] = {}
    for stage in reversed(every):  # what waits for a stage comes after it
        lengths = (SLOWEST * epochs_of(after, rounds) + ways[after] for after in waiting[stage])
        ways[stage] = max(lengths, default=0.0)
    return ways


def busy(rounds: Sequence[Round], jobs: int) -> float:
    """The share of the workers' time that they train, from first trial to last.

    A simulation of the stages: pieces start in the order in which they are queued.

    >>> from hpsearch.sampling.plan import Sizes, plan
    >>> busy(plan(Sizes([4, 4]), (1,)), 2), busy(plan(Sizes([3]), (1,)), 2)
    (1.0, 0.75)
    """
    free = [0.0] * jobs  # when each worker is free
    ends: dict[Stage, float] = {}
    begun, begins = 0, 0.0  # the rounds that have, and when the last did
    wanted: frozenset[Stage] = frozenset()  # by the next
    queue: list[tuple[float, Stage]] = []
    trained = 0.0
    while begun < len(rounds) or queue:
        while begun < len(rounds) and wanted <= ends.keys():
            begins = max([begins, *(ends[stage] for stage in wanted)])
            heapq.heappush(queue, (begins, Stage(begun, 0)))
            begun += 1
            wanted = needs(Stage(begun, 0), rounds) if begun < len(rounds) else frozenset()
        ready, stage = heapq.heappop(queue)
        rungs = rounds[stage.round].rungs
        length = float(epochs_of(stage, rounds))
        last = ready
        for _ in range(rungs[stage.rung].trials):
            start = max(ready, heapq.heappop(free))
            heapq.heappush(free, start + length)
            last = max(last, start + length)
            trained += length
        ends[stage] = last
        if stage.rung + 1 < len(rungs):
            heapq.heappush(queue, (last, Stage(stage.round, stage.rung + 1)))
    return trained / (jobs * max(free))

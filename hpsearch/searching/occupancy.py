"""How busy a plan keeps the workers, if every epoch takes equally long."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from hpsearch.sampling.plan import Round
from hpsearch.searching.stages import Stage, needs


def planned_epochs(rounds: Sequence[Round]) -> int:
    """The epochs that a search trains, confirmation aside.

    >>> from hpsearch.sampling.plan import plan
    >>> planned_epochs(plan([9], (1, 3, 9)))
    21
    """
    return sum(
        rung.trials * (rung.epochs - before)
        for each in rounds
        for rung, before in zip(each.rungs, [0, *(r.epochs for r in each.rungs)], strict=False)
    )


def busy(rounds: Sequence[Round], jobs: int) -> float:
    """The share of the workers' time that they train, from first trial to last.

    A simulation of the stages: pieces start in the order in which they are queued.

    >>> from hpsearch.sampling.plan import plan
    >>> busy(plan([4, 4], (1,)), jobs=2), busy(plan([3], (1,)), jobs=2)
    (1.0, 0.75)
    """
    waiting = [Stage(each.number, rung) for each in rounds for rung in range(len(each.rungs))]
    free = [0.0] * jobs  # when each worker is free
    ends: dict[Stage, float] = {}
    queue: list[tuple[float, Stage]] = []
    trained = 0.0
    while waiting or queue:
        for stage in waiting[:]:
            needed = needs(stage, rounds)
            if needed <= ends.keys():
                waiting.remove(stage)
                heapq.heappush(queue, (max((ends[s] for s in needed), default=0.0), stage))
        ready, stage = heapq.heappop(queue)
        rungs = rounds[stage.round].rungs
        before = rungs[stage.rung - 1].epochs if stage.rung else 0
        length = float(rungs[stage.rung].epochs - before)
        last = ready
        for _ in range(rungs[stage.rung].trials):
            start = max(ready, heapq.heappop(free))
            heapq.heappush(free, start + length)
            last = max(last, start + length)
            trained += length
        ends[stage] = last
    return trained / (jobs * max(free))

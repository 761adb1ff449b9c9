"""The best epoch of a babysat model: its settings and its weights, kept in best/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hpsearch.backends.threads import limit_threads
from hpsearch.errors import TrainerError
from hpsearch.searching.babysit.bench import Bench
from hpsearch.searching.babysit.record import Record
from hpsearch.searching.winner import at_worker, params_text
from hpsearch.store import Winner, write_json
from hpsearch.store.records import SearchValue
from hpsearch.trainers.kinds import Trained
from hpsearch.trainers.protocol import State
from hpsearch.trial import Point


def write_winner(
    record: Record, bench: Bench, state_after: Callable[[Point], State | None]
) -> None:
    """Write best/ for the best epoch of all lines; nothing where none has a finite value.

    The test rows are not looked at: `evaluate` does that when it is asked, and counts it.

    Args:
        record: of the run.
        bench: what trains.
        state_after: the state after an epoch.
    """
    story, run = record.story, record.run
    best = story.best
    if best is None:
        return
    line = story.lines.all[best.trial]
    params = line.params_after(best.epoch)
    before = run.winner(record.info)
    if before is not None and (before.number, before.epochs) == (best.trial, best.epoch):
        return
    run.best.mkdir(exist_ok=True)
    dataset = bench.folds[0] if bench.folds else None
    file = bench.kind.model
    if dataset is not None and file is not None:
        state = state_after(best)
        if state is None:
            raise TrainerError(f"{run.path}: there is no state after epoch {best.epoch}")
        _, settings = list(line.pieces(0, best.epoch))[-1]
        job = bench.job(line, settings, best.epoch)

        def call(function: Callable[..., Any], *args: Any) -> Any:
            return at_worker(bench.backend, function, *args)

        with limit_threads(1):  # their number changes bits
            file.write(run.best, Trained(bench.trainer, job, state, dataset, call))
    text = params_text(bench.kind, story.settings(best.trial, best.epoch), params, dataset)
    (run.best / "params.yaml").write_text(text)
    metrics = story.metrics(best)
    winner = Winner(
        number=best.trial,
        params=params,
        epochs=best.epoch,
        metrics=metrics,
        search=SearchValue(
            metric=story.criterion.name,
            value=metrics.get(story.criterion.name),
            optimistic=True,
        ),
        confirmed=None,
        contenders=[],
        indistinguishable=[],
        test=None,
    )
    write_json(run.best / "result.json", winner)

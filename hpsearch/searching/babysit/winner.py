"""The best epoch of a babysat model: its settings and weights in best/, and its test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hpsearch.backends.threads import limit_threads
from hpsearch.config import from_run
from hpsearch.errors import RunError, TrainerError, as_argument
from hpsearch.searching.babysit.bench import Bench
from hpsearch.searching.babysit.record import Record
from hpsearch.searching.evaluation import labelled, measure
from hpsearch.searching.models import winning_model
from hpsearch.searching.session import same_data
from hpsearch.searching.winner import at_worker, measured, params_text, replace_folder
from hpsearch.store import RunDirectory, Winner, write_json
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
    checkpoint = record.snapshots.checkpoint(best.trial, best.epoch)
    (run.best / "result.json").remove()  # of another epoch: no crash leaves it beside this model
    run.checkpoint.remove()
    if checkpoint is not None:
        replace_folder(run.checkpoint, checkpoint)
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


def look_at_test_rows(run: RunDirectory, trust: bool = False) -> Winner:
    """The winner of a babysat model with its metrics on the test rows.

    They are looked at once for each winner, when this is asked for first, and counted.

    Args:
        run: of the model, with a winner that has a model here.
        trust: the user's word that the file of a Keras model may run that the run names.

    Raises:
        RunError: there are no test rows, the data have changed, or the model is in training.
    """
    path, info = as_argument(run.path), run.info
    winner = run.winner(info)
    assert winner is not None
    if winner.test is not None:
        return winner
    if not info.data.rows.get("test"):
        raise RunError(
            f"{run.path}: was trained without test rows (data.test: 0); name a file with "
            f"labelled rows: hpsearch evaluate {path} DATA"
        )
    if run.at_work:
        raise RunError(
            f"{run.path}: is in training, and its best epoch may change; its test rows are looked "
            f"at once it has ended, or is stopped: hpsearch steer {path} --stop"
        )
    model, _ = winning_model(run, trust)
    dataset = same_data(run, info, from_run(info.config, run.path))
    assert dataset is not None
    rows = labelled(dataset.source, dataset.encoding, dataset.y, dataset.parts["test"])
    with run.writing() as writer:
        info = run.info
        if run.winner(info) != winner:
            raise RunError(f"{run.path}: its best epoch has just changed; ask again")
        writer.describe(replace(info, test_looks=info.test_looks + 1))  # a kill costs a look
        winner = replace(winner, test=measured(measure(model, rows)))
        write_json(run.best / "result.json", winner)
    return winner

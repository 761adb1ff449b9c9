"""A paired study as tables: which value won, and in what ways the choice acts."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from hpsearch.report.numbers import number, signed
from hpsearch.report.paired import Study
from hpsearch.report.text import columns, heading
from hpsearch.space import same

UNDEFINED = "-"


def parts(study: Study, metric: str) -> Iterator[Text | Table | str]:
    """What to print of a study, one below the other."""
    yield heading(
        f"{study.parameter}: each of {study.draws} draws trained with every value and one seed"
    )
    yield _arms(study, metric)
    yield ""
    yield _contrasts(study)
    if study.threshold is not None:
        yield ""
        yield (
            f"Good: {metric} at most half as far from the best as the median trial's,"
            f" {number(study.threshold)}"
        )
    if study.ranges:
        yield _ranges(study)
    if not study.common:
        return
    yield ""
    yield f"Medians over the draws that are good with every value ({study.common}):"
    if any(gap.gap is not None for gap in study.gaps):
        yield _gaps(study)
    if study.movements:
        yield ""
        yield _movements(study)


def _arms(study: Study, metric: str) -> Table:
    table = columns("", "completed", "diverged", f"best {metric}", "median", "good", right=5)
    for arm in study.arms:
        counts = (str(arm.completed), str(arm.diverged))
        values = (_of(arm.best), _of(arm.median))
        table.add_row(number(arm.value), *counts, *values, str(arm.good))
    return table


def _contrasts(study: Study) -> Table:
    table = columns(
        "", "mean difference", "95 % bootstrap interval", "wins", "ties", "losses", right=3
    )
    for pair in study.contrasts:
        low, high = pair.interval or (None, None)
        table.add_row(
            f"{number(pair.value)} less {number(pair.other)}",
            _signed(pair.difference),
            UNDEFINED if low is None else f"{_signed(low)} to {_signed(high)}",
            *(str(count) for count in (pair.wins, pair.ties, pair.losses)),
        )
    return table


def _ranges(study: Study) -> Table:
    table = columns("good settings", "", "from", "to", "decades", right=3)
    named = None
    for reach in study.ranges:
        table.add_row(
            "" if reach.parameter == named else reach.parameter,
            number(reach.value),
            _of(reach.low, 2),
            _of(reach.high, 2),
            UNDEFINED if reach.decades is None else f"{reach.decades:.1f}",
        )
        named = reach.parameter
    return table


def _gaps(study: Study) -> Table:
    """One line for each size of mini-batch, one column for each value."""
    values = [number(arm.value) for arm in study.arms]
    table = columns("val_loss less train_loss", "draws", *values, right=len(values) + 1)
    for size in dict.fromkeys(gap.batch_size for gap in study.gaps):
        own = [gap for gap in study.gaps if same(gap.batch_size, size)]
        name = "all" if size is None else f"batch_size {number(size)}"
        table.add_row(name, str(own[0].draws), *(_signed(gap.gap) for gap in own))
    return table


def _movements(study: Study) -> Table:
    table = columns("hidden units move in an epoch", "", "at first", "at last", right=2)
    named = None
    for move in study.movements:
        name = "" if move.metric == named else move.metric
        table.add_row(name, number(move.value), _of(move.first, 2), _of(move.last, 2))
        named = move.metric
    return table


def _of(value: float | None, digits: int = 4) -> str:
    return UNDEFINED if value is None else number(value, digits)


def _signed(value: float | None) -> str:
    return UNDEFINED if value is None else signed(value)

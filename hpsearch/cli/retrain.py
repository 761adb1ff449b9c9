"""`hpsearch retrain`: a trial again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from hpsearch.cli.options import (
    OUTPUT,
    Whole,
    claimed,
    force_option,
    jobs_option,
    run_argument,
    runs_dir_option,
    trust_option,
)
from hpsearch.config import changed
from hpsearch.errors import as_argument
from hpsearch.report.escape import echo
from hpsearch.report.numbers import number, setting
from hpsearch.report.text import TextTable, display
from hpsearch.searching.babysit.again import known_line, lines_again
from hpsearch.searching.babysit.story import read
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.curves import Curve, average, deviation_of, mean_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.retrain import (
    curves_by_seed,
    for_refit,
    jobs_again,
    known_trial,
    model_again,
    train,
    without_validation,
)
from hpsearch.searching.session import same_data
from hpsearch.searching.spec import check_rules
from hpsearch.searching.trust import permit
from hpsearch.store import find
from hpsearch.trainers.kinds import kind_of


@click.command()
@run_argument
@click.option("--trial", type=Whole(), help="The trial's number.  [default: the winner]")
@click.option("--seeds", type=Whole(1), help="Train this often, each with a new seed.")
@click.option("--epochs", type=Whole(1), help="Train this long.  [default: as it was]")
@click.option("--refit", is_flag=True, help="Train on the validation rows, too.")
@click.option("--output", "-o", type=OUTPUT, metavar="FILE",
              help="Write the trained model to this .npz file.")  # fmt: skip
@force_option
@runs_dir_option
@jobs_option
@trust_option
def retrain(
    run: str | None,
    trial: int | None,
    seeds: int | None,
    epochs: int | None,
    refit: bool,
    output: Path | None,
    force: bool,
    runs_dir: Path,
    jobs: int | None,
    trust: bool,
) -> None:
    """Train a trial of RUN again, bit for bit, or longer.

    Or with new seeds, to see how much luck there was, or on the validation rows too. RUN is a
    folder or a name, the newest if left out. A branch of a babysat model is trained with its
    changes at the epochs where they were; the best up to its best epoch.
    """
    to = claimed(output, force)
    if to is not None and to.is_stdout:
        raise click.UsageError("--output must be a file: metrics go to the standard output")
    if to is not None and to.path.suffix != ".npz" and not to.is_stream:
        raise click.UsageError(f"--output must end in .npz, found {output}")
    if output is not None and seeds is not None and seeds > 1:
        raise click.UsageError("--output saves one model; leave out --seeds")
    found = find(run, runs_dir)
    info = found.info
    config = changed(info.config, found.path, jobs=jobs)
    kind = kind_of(config.trainer)
    if not kind.needs_data and (refit or output is not None):
        option = "--refit" if refit else "--output"
        raise click.UsageError(f"{option} needs the network; this run trains your own model")
    if output is not None and (kind.model is None or kind.model.as_bytes is None):
        kept = found.best / ("params.yaml" if kind.model is None else kind.model.name)
        raise click.UsageError(
            f"--output needs the network; the winner of your own model is {kept}"
        )
    story = None if info.babysit is None else read(found)
    if story is not None and epochs is not None:
        path = as_argument(found.path)
        raise click.UsageError(
            "--epochs goes with a search; train a babysat model longer with: "
            f"hpsearch resume {path} --epochs N, from an earlier epoch: "
            f"hpsearch steer {path} --branch EPOCH"
        )
    if story is None:
        known = known_trial(found, config, trial)
    else:
        check_rules(found, info)
        known = known_line(story, trial)
    permit(found, info, config, trust)
    dataset = same_data(found, info, config)
    if refit and dataset is not None:
        dataset = without_validation(dataset, config)
        config, known = for_refit(config, known)
    if story is None:
        again = jobs_again(config, known, epochs, seeds or 0)
        outcomes = train(again, config, dataset)
    else:
        again, outcomes = lines_again(story, config, known, dataset, seeds or 0)
    metric = config.metric.name
    curves = curves_by_seed(again, outcomes, metric)
    if not seeds:  # repeats and folds together are one trial
        curves = [average([outcome.curve for outcome in outcomes], metric)]
    as_it_was = not (refit or seeds or epochs)
    _say(known, curves, criterion_of(config), as_it_was=as_it_was, held_out=not refit)
    if to is not None and dataset is not None:
        model = model_again(again, outcomes, config, dataset)
        with to.binary() as file:
            file.write(model)
        echo(f"wrote {output}; use it with: hpsearch predict {as_argument(output)} DATA", err=True)


def _say(
    known: PastTrial,
    curves: Sequence[Curve],
    criterion: Criterion,
    *,
    as_it_was: bool,
    held_out: bool,
) -> None:
    """Print the metrics at the epoch that counts, of one seed or of several."""
    echo(f"trial {known.result.number}: {setting(known.result.params)}")
    several = len(curves) > 1
    headings = (f"mean of {len(curves)}", "deviation") if several else ("",)
    counting = [criterion.epoch_after(curve, len(curve["epoch"])) for curve in curves]
    same_epoch = len(set(counting)) == 1
    table = TextTable(f"after epoch {counting[0]}" if same_epoch else "at the end", *headings)
    names = dict.fromkeys(name for curve in curves for name in curve if name != "epoch")
    for name in names if held_out else ["train_loss"]:
        pairs = [(curve, n - 1) for curve, n in zip(curves, counting, strict=True)]
        values = [curve[name][last] for curve, last in pairs if name in curve]
        finite = [value for value in values if value is not None]
        sound = any(curve[criterion.name][last] is not None for curve, last in pairs)
        cells = [number(mean_of(finite)) if finite else "none" if sound else "diverged"]
        if several:
            cells.append(number(deviation_of(finite), 2) if len(finite) > 1 else "")
        table.add_row(name, *cells)
    display(table)
    if as_it_was:
        same = curves[0] == known.curve
        echo(
            "the same as recorded, bit for bit, in every epoch"
            if same
            else "not the same as recorded: another processor or NumPy version? run.json has both;"
            " or does a trainer of your own not heed its seed?"
        )

"""What a search will do, shown before it does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from hpsearch.config import Config, remarks_on
from hpsearch.config.misfits import draws
from hpsearch.messages import counted
from hpsearch.report.escape import echo
from hpsearch.report.numbers import condition, extent, number, setting
from hpsearch.report.summary import titled
from hpsearch.report.text import TextTable, display
from hpsearch.sampling.pressure import Pressure
from hpsearch.searching.confirmation import trainings_within
from hpsearch.searching.planning import (
    epochs_needed,
    grid_of,
    rounds_of,
    shortage,
    trials_of,
)
from hpsearch.searching.refine import Refinement
from hpsearch.searching.session import first_trials
from hpsearch.searching.stages import busy, epochs_anew, planned_epochs
from hpsearch.searching.trainer import jobs_of
from hpsearch.space import Parameter, Space
from hpsearch.space.alternatives import narrower
from hpsearch.space.feasible import feasibility
from hpsearch.trainers.kinds import kind_of
from hpsearch.trial import Round

MOST_SHOWN = 16  # rounds whose sizes are written out, several of one size counted as one


def show_space(space: Space, others: str = "drawn anew") -> None:
    """Each parameter's range, its median and its scale.

    Args:
        space: it.
        others: what becomes of draws that violate a constraint.
    """
    shown = TextTable("parameter", "scale", "range", "median", "")
    for parameter in (branch for each in space for branch in each.branches):
        config, domain = parameter.keys(), parameter.domain
        if parameter.fixed:
            cells = ["fixed", number(config["value"]), ""]
        elif parameter.categorical:
            cells = ["choice", ", ".join(number(value) for value in config["values"]), ""]
        else:
            low, median, high = (number(domain.at(share)) for share in (0.0, 0.5, 1.0))
            cells = [_scale(config), f"{low} .. {high}", median]
        shown.add_row(parameter.name, *cells, _conditions(parameter))
    for each in space.derived:
        words = f"if {condition(each.when)}" if each.when else ""
        shown.add_row(each.name, "derived", each.expression.text, "", words)
    display(shown)
    if space.where:
        echo(f"\nwhere {'; '.join(constraint.text for constraint in space.where)}")
        echo(f"about {feasibility(space).share:.0%} of the draws keep it; others are {others}")


def _scale(config: Mapping[str, Any]) -> str:
    """The scale of a range, its law, and whether its values are whole numbers."""
    words = [config["scale"]] + [word for word in ("normal",) if word in config]
    words += ["int"] if config.get("type") == "int" else []
    return ", ".join(words[1:] if words[0] == "linear" and words[1:] else words)


def _conditions(parameter: Parameter) -> str:
    """When and how often a parameter counts, in words."""
    words = []
    config = parameter.keys()
    if "step" in config:
        words.append(f"step {number(config['step'])}")
    if parameter.guess:
        words.append(f"guess {number(parameter.guess[0])}")
    if parameter.per:
        words.append(f"per {parameter.per}")
    if parameter.when:
        words.append(f"if {condition(parameter.when)}")
    return ", ".join([*words, "crossed"] if parameter.cross else words)


def show_plan(config: Config) -> None:
    """The space, the rounds, and how busy they keep the jobs."""
    show_space(config.space, "left out" if config.search.sampler == "grid" else "drawn anew")
    rounds, workers = rounds_of(config), config.parallel.workers
    jobs = jobs_of(config) or workers
    trials = sum(round.trials for round in rounds)
    echo(f"\n{counted(trials, 'trial')} in {counted(len(rounds), 'round')}: {_sizes(rounds)}")
    if len(rounds[0].rungs) > 1:
        steps = ", ".join(f"{r.trials} to epoch {r.epochs}" for r in rounds[0].rungs)
        in_full = sum(round.trials for round in rounds if len(round.rungs) == 1)
        echo(f"weak ones stop early; of the first round, {steps}")
        if in_full > 1:
            echo(f"the last {in_full} all train to the end")
    if grid := grid_of(config, trials):
        echo(grid)
    kind, options = kind_of(config.trainer), config.trainer.options
    remedy = kind.trained_anew(options)
    once, full = planned_epochs(rounds), trials * config.trainer.epochs
    epochs = once if remedy is None else epochs_anew(rounds)
    saved = "" if epochs == full else f" instead of {full:,}"
    share = "as many at a time as the cluster trains (say parallel.workers to plan for many)"
    if jobs is not None:
        share = f"{jobs} at a time, jobs about {busy(rounds, jobs):.0%} busy"
    echo(f"{counted(epochs, 'epoch')}{saved}, {share}")
    if epochs != once:
        echo(
            f"{epochs - once:,} of these a second time, since a trial that goes on begins anew; "
            f"{remedy}"
        )
    if workers is not None:
        echo(f"planned for {counted(workers, 'worker')}, about {busy(rounds, workers):.0%} busy")
        if rounds[0].lag is not None:
            echo(_looking_back(rounds))
    if config.search.confirm is not None:
        top, seeds = trainings_within(config.search.confirm, trials * config.search.repeats)
        if top:
            best = "the best" if top == 1 else f"the best {top}"
            again = "a new seed" if seeds == 1 else f"{seeds} new seeds"
            echo(f"then {best} again, {again}{' each' if top > 1 else ''}")
    if (budget := config.search.max_epochs) is not None:
        needed = counted(epochs_needed(config, rounds), "epoch")
        unbounded = trials_of(replace(config, search=replace(config.search, max_epochs=None)))
        fewer = f", enough for {trials:,} of {counted(unbounded, 'trial')}"
        echo(f"in all {needed} of the {budget:,} allowed{fewer if trials < unbounded else ''}")
    example = kind.example(options, list(config.space.names), draws(config.space, 3)[-1])
    if example is not None:
        echo(f"a trial's command, for example: {example}")
    patience = _patience(config, len(rounds))
    for remark in filter(None, [shortage(config), patience, *remarks_on(config)]):
        echo(f"! {remark}")


def _patience(config: Config, rounds: int) -> str | None:
    """That a search has too few rounds to lose its patience before its end."""
    patience = config.search.patience
    if patience is None or patience < rounds - 1:
        return None
    return (
        f"search.patience: {counted(patience, 'round')} of a search of {counted(rounds, 'round')} "
        "never end it early; lower it, or plan more rounds (search.rounds)"
    )


def _sizes(rounds: Sequence[Round]) -> str:
    """How large rounds are: each by itself, or where they are many and alike, in short."""
    sizes = [round.trials for round in rounds]
    alike = [(size, len(list(same))) for size, same in groupby(sizes)]
    if len(alike) > MOST_SHOWN:
        return f"{min(sizes)} to {max(sizes)} each"
    return " + ".join(f"{count} x {size}" if count > 1 else str(size) for size, count in alike)


def _looking_back(rounds: Sequence[Round]) -> str:
    """How old what a round looks at must be, in a plan for many workers."""
    steps = rounds[0].rungs
    back = zip(steps, (rounds[0].lag or ())[-len(steps) :], strict=False)
    words = [f"at epoch {step.epochs} from {lag} back" for step, lag in back if lag < len(rounds)]
    return (
        f"a round looks at those before it: {', '.join(words)}" if words else "no round looks back"
    )


def show_first_trials(config: Config) -> None:
    """The settings of the first round, as the search will propose them."""
    echo("\nround 1:")
    for trial in first_trials(config):
        echo(f"  trial {trial.number}: {setting(trial.params)}")


def show_refinement(refinement: Refinement) -> None:
    """Each parameter's old and new range, and what becomes of the parent's trials."""
    shown = TextTable("parameter", refinement.parent.name, "refined")
    before, after = refinement.before, refinement.config.space
    for title, branch in titled(before):
        now = narrower(branch, before, after)
        shown.add_row(title, _range(branch), "-" if now is None else _range(now))
    display(shown)
    if refinement.setting_of is not None:
        point, others = refinement.setting_of, refinement.config.trainer.settings
        echo(
            f"\naround the setting of branch {point.trial} at epoch {point.epoch}, its best; it "
            f"is trained first"
        )
        echo(f"the same in every trial: {setting(others)}")
        return
    best = ", ".join(str(elite.number) for elite in refinement.elites)
    echo(f"\naround the best trials: {best}")
    if refinement.history:
        earlier = counted(len(refinement.history), "earlier trial")
        one = len(refinement.history) == 1
        echo(f"{earlier} {'lies' if one else 'lie'} inside and count{'s' * one} as history")
    else:
        echo(
            "the training is not the same as before, so earlier trials only set the region; "
            f"the best {len(refinement.config.search.start)} of them are trained first"
        )
    for pressure in refinement.widened:
        echo(f"widened past {pressure.parameter}'s {pressure.side}{_which(pressure, before)}")


def _which(pressure: Pressure, space: Space) -> str:
    """Which of a parameter's alternatives a bound is of; empty where there is only one."""
    if pressure.alternative is None:
        return ""
    return f" if {condition(space[pressure.parameter].alternatives[pressure.alternative].when)}"


def _range(parameter: Parameter) -> str:
    config = parameter.keys()
    if "value" in config:
        return extent([config["value"]], ranged=False)
    if "values" in config:
        return extent(config["values"], ranged=False)
    return extent([config["min"], config["max"]], ranged=True)

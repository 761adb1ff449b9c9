"""Refine: a new search, narrowed around the best trials of an earlier one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from math import ceil

from hpsearch.config import Config, from_run
from hpsearch.errors import RunError, as_argument
from hpsearch.sampling.pressure import Limits, Pressure, pressures
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.searching.babysit.story import read
from hpsearch.searching.confirmation import means_of
from hpsearch.searching.criterion import Criterion, criterion_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.planning import TRIED, trials_of
from hpsearch.searching.spec import check_rules, past_trials, spec_of
from hpsearch.space import Space, one_of
from hpsearch.space.alternatives import narrower
from hpsearch.space.bounds import around, narrow, widen
from hpsearch.space.feasible import feasibility
from hpsearch.store import RunDirectory, RunInfo
from hpsearch.trainers.kinds import kind_of
from hpsearch.trial import Params, Point, Result, Status

FEWEST = 4  # elites: a region set by fewer would be set by luck
AGAIN = 3  # best settings are trained first where the parent's trials are not comparable


@dataclass(frozen=True)
class Refinement:
    """A narrowed configuration, and the parent's trials that it starts from."""

    parent: RunDirectory
    parent_info: RunInfo
    before: Space  # the parent's
    config: Config  # the parent's, in a narrower space
    winner: int | None  # the parent's, by number; None where it has none yet
    elites: tuple[Result, ...]  # the parent's best trials, the winner first
    history: tuple[PastTrial, ...]  # the parent's trials inside the new space
    first: int  # the number of the first new trial
    widened: tuple[Pressure, ...]
    setting_of: Point | None = None  # the epoch of a babysat model whose setting it is around


def ranking(
    trials: Iterable[PastTrial], amounts: Sequence[int], criterion: Criterion
) -> list[Observation]:
    """A run's trials from best to worst, as the sampler ranks them."""
    return rank(each.observe(amounts, criterion) for each in trials)


def elites_of(ranked: Sequence[Observation], top: int | None = None) -> list[Observation]:
    """The best of ranked trials: `top` of them, or a tenth, four at least.

    Trials that were stopped early count for what they showed; those without a finite value
    do not.
    """
    able = [trial for trial in ranked if trial.finite]
    return able[: max(FEWEST, ceil(len(able) / 10)) if top is None else top]


def best_completed(results: Sequence[Result], criterion: Criterion, top: int) -> list[Result]:
    """The completed trials with the best values."""
    completed = [r for r in results if r.status is Status.COMPLETED and r.value is not None]
    return nsmallest(top, completed, key=criterion.order)


def refine(
    parent: RunDirectory,
    before: Config,
    config: Config,
    fingerprint: str | None,
    top: int | None = None,
    wide: bool = False,
) -> Refinement:
    """Narrow a run's space around its best trials.

    Trials inside the new space are its history where they would train just the same, the
    parent's winner always among them. Where metric, data, trainer or the number of epochs
    changed they only set the region, and the best of them are trained first.

    Args:
        parent: the run to refine.
        before: its configuration.
        config: the same, or with changes that the user asked for.
        fingerprint: of the data to train on now; None where the trainer reads its own.
        top: how many of the best trials set the region; None for a tenth of them.
        wide: enlarge the space past bounds that the best trials press against.

    Raises:
        RunError: no trial has a value, so there is nothing to narrow around; or a later version
            knows how they were trained.
    """
    info = parent.info
    check_rules(parent, info)
    spec = spec_of(parent, info, before)
    known = past_trials(parent, spec)
    criterion = criterion_of(before)
    winner = parent.winner(info)
    number = None if winner is None else winner.number
    best_first = elites_of(ranking(known, spec.amounts, criterion), top)
    numbers = [trial.number for trial in best_first]
    if criterion.several and top is None:  # the region spans the whole front
        results, means = [each.result for each in known], means_of(winner, criterion)
        front = [each.number for each in criterion.front(results, means)]
        numbers = list(dict.fromkeys((*([] if number is None else [number]), *front, *numbers)))
    elites = _led_by(number, numbers, known)
    if not elites:
        raise RunError(
            f"{parent.path}: refine needs at least one trial with a value, found none; "
            f"see why with: hpsearch report {as_argument(parent.path)}"
        )
    best = [elite.params for elite in elites]
    bounds = kind_of(config.trainer).limits()
    space = _narrowed(config.space, best)
    pressed: list[Pressure] = []
    for pressure in pressures(config.space, best, bounds) if wide else []:
        wider = _widened(space, config.space, pressure, bounds)
        if feasibility(wider).enough:
            space, pressed = wider, [*pressed, pressure]
    inside = [each for each in known if space.contains(each.result.params)]
    same = same_training(before, config) and info.data.fingerprint == fingerprint
    most = min(AGAIN, config.search.trials or AGAIN)
    again = () if same else tuple(params for params in best if space.contains(params))[:most]
    search = replace(config.search, start=again)
    where = tuple(constraint.text for constraint in space.where)
    config = replace(config, space=space, where=where, search=search, text=None)
    if not trials_of(config, [each.result.params for each in inside if same]):
        raise RunError(
            f"{parent.path}: refine finds nothing new: every setting around its best trials has "
            f"been tried; take in more trials (--top), {TRIED.format(parent.path)}"
        )
    return Refinement(
        parent=parent,
        parent_info=info,
        before=before.space,
        winner=number,
        config=config,
        elites=tuple(elites),
        history=tuple(inside) if same else (),
        first=max(each.result.number for each in known) + 1,
        widened=tuple(pressed),
    )


def refine_around(
    parent: RunDirectory,
    before: Config,
    config: Config,
    top: int | None = None,
    wide: bool = False,
) -> Refinement:
    """A search around the setting of a babysat model's best epoch, which is trained first.

    What was fixed, or left to its default, and was changed while the model trained keeps its
    value. There is no history: no trial of a search trained as the model did.

    Args:
        parent: the babysat model's run.
        before: its configuration.
        config: the same, or with changes that the user asked for.
        top: must be None.
        wide: must be false.

    Raises:
        RunError: no epoch has a finite value, nothing is left to search, or `top` or `wide` was
            asked for; or a later version knows how it was trained.
    """
    check_rules(parent, parent.info)
    story, path = read(parent), as_argument(parent.path)
    if top is not None or wide:
        raise RunError(
            f"{parent.path}: is a babysat model, whose best setting alone sets the region; leave "
            f"out {'--widen' if top is None else '--top'}"
        )
    if story.best is None:
        raise RunError(
            f"{parent.path}: refine needs an epoch with a finite {story.criterion.name}, found "
            f"none; train on with: hpsearch resume {path}"
        )
    best = story.result(story.best)
    kept, asked = before.trainer.settings, config.trainer.settings
    settings = {**asked} | {
        name: value
        for name, value in best.params.items()
        if name not in config.space.names and asked.get(name) == kept.get(name)
    }
    whole = replace(config.space, settings=settings)
    params = _searched(best.params, whole)
    if (violation := whole.violation(params)) is not None:
        raise RunError(
            f"{parent.path}: refine needs a setting that keeps the constraints, and that of its "
            f"best epoch {violation}; drop it: hpsearch refine {path} --set where=null"
        )
    space = around(whole, params)
    config = replace(
        config,
        space=space,
        where=tuple(constraint.text for constraint in space.where),
        trainer=replace(config.trainer, settings=settings),
        search=replace(config.search, start=(params,)),
        text=None,
    )
    if not space.dimensions:
        raise RunError(
            f"{parent.path}: refine needs a parameter to search, and every one is fixed; name "
            f"some under `space`: hpsearch refine {path} --set space.learning_rate='{{scale: "
            "log, min: 0.001, max: 0.1}'"
        )
    return Refinement(
        parent=parent,
        parent_info=story.info,
        before=before.space,
        config=config,
        winner=None,
        elites=(best,),
        history=(),
        first=len(story.lines.all),
        widened=(),
        setting_of=story.best,
    )


def _narrowed(space: Space, best: Sequence[Params]) -> Space:
    """The space around the best settings, in which enough of the draws keep its constraints.

    Where too few do, fewer of the best set the region; where even the first alone leaves too few,
    the space stays as it is.
    """
    inside = [params for params in best if space.violation(params) is None] or best
    while inside:
        region = narrow(space, inside)
        if feasibility(region).enough:
            return region
        inside = inside[: len(inside) // 2]
    return space


def _led_by(winner: int | None, elites: Sequence[int], known: Sequence[PastTrial]) -> list[Result]:
    """The elites, as many as before, with the winner first: its value was confirmed."""
    results = {each.result.number: each.result for each in known}
    first = [] if winner is None or winner not in results else [winner]
    numbers = [*first, *(number for number in elites if number != winner)][: len(elites)]
    return [results[number] for number in numbers]


def _widened(space: Space, old: Space, pressure: Pressure, limits: Limits) -> Space:
    """The narrowed space with one bound moved past where the old space had it."""
    name, side = pressure.parameter, pressure.side
    before = old[name].branches[pressure.alternative or 0]
    now = narrower(before, old, space)
    if now is None:
        return space
    beyond = widen(before.domain, side, limits.get(name, (None, None))).as_config()
    inside = now.domain.as_config()
    low, high = (inside.get(end, inside.get("value")) for end in ("min", "max"))
    low, high = (beyond["min"], high) if side == "min" else (low, beyond["max"])
    domain = replace(before.domain, low=low, high=high)  # type: ignore[type-var]
    wider = [replace(b, domain=domain) if b is now else b for b in space[name].branches]
    parameters = tuple(one_of(wider) if each.name == name else each for each in space)
    return space.with_parameters(parameters)


def same_training(config: Config, other: Config) -> bool:
    """Whether a setting trains the same under both configurations, so that values compare."""
    return (
        replace(config.metric, target=None) == replace(other.metric, target=None)
        and config.other_metrics == other.other_metrics
        and config.trainer == other.trainer
        and config.search.folds == other.search.folds
        and config.search.repeats == other.search.repeats
    )


def start_from(config: Config, run: RunDirectory) -> Config:
    """Replace the run that `search.start` names by that run's best settings.

    Of a babysat model that is the setting of its best epoch.

    Raises:
        RunError: none of them lies in the space.
    """
    if run.info.babysit is not None:
        best = _babysat_start(config, run)
    else:
        before = from_run(run.info.config, run.path)
        criterion = criterion_of(before)
        best = [result.params for result in best_completed(run.results, criterion, top=10)]
    most = min(AGAIN, config.search.trials or AGAIN)
    inside = tuple(params for params in best if config.space.contains(params))[:most]
    if not inside:
        raise RunError(
            f"{run.path}: search.start names this run, but none of its best settings lies in "
            "the space; widen the space, or write the settings to start with"
        )
    return replace(config, search=replace(config.search, start=inside))


def _babysat_start(config: Config, run: RunDirectory) -> list[Params]:
    """The setting of a babysat model's best epoch: what of it the space searches."""
    story = read(run)
    if story.best is None:
        raise RunError(
            f"{run.path}: search.start names this run, but no epoch of it has a finite "
            f"{story.criterion.name} yet; train on with: hpsearch resume {as_argument(run.path)}"
        )
    params = story.settings(story.best.trial, story.best.epoch)
    return [_searched(params, config.space)]


def _searched(params: Params, space: Space) -> Params:
    """What of a babysat model's setting the space searches, and what is derived of it."""
    return space.with_derived({name: value for name, value in params.items() if name in space})

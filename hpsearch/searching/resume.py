"""Taking up a run that has begun: what may change, and how a finished search grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from hpsearch.config import Config, changed, from_mapping, from_run
from hpsearch.config.yaml_text import read
from hpsearch.errors import ConfigError, RunError, as_argument
from hpsearch.sampling.plan import extended
from hpsearch.searching.limits import KEYS, limit_set, why_ended
from hpsearch.searching.planning import (
    TRIED,
    epochs_needed,
    ladder_of,
    largest,
    sizes_of,
    trials_of,
)
from hpsearch.searching.spec import check_rules
from hpsearch.searching.trainer import AGAIN, LOAD, check_at_hand
from hpsearch.searching.trust import check, check_cluster, is_sealed, needs_seal, seal
from hpsearch.space.settings import draw_key
from hpsearch.store import MOST, RunDirectory, RunInfo
from hpsearch.trial import Ending, Params, Round

FREE = ("parallel", "search.timeout", "search.trial_timeout", *KEYS.values(), "search.max_epochs")
"""The keys that may change in a run that has begun: none of them decides what a trial gives."""


def reopen(
    run: RunDirectory,
    overrides: Sequence[str] = (),
    *,
    trials: int | None = None,
    named: bool = True,
    trust: bool = False,
    babysat: bool = False,
    **forced: Any,
) -> Config | None:
    """The configuration to go on with, which run.json then has, too; None if nothing is left.

    Args:
        run: nobody else may be writing to it.
        overrides: `KEY=VALUE` texts, of the keys in `FREE` alone.
        trials: so many in all, more than are planned; None to keep the plan.
        named: whether the code that the run names is to train, and not a function at hand.
        trust: the user's word that this code may run; the run is sealed anew.
        babysat: the run is a babysat model's, which goes on whatever is left of it.
        forced: `jobs`, `backend` or `scheduler`; None for one that was not given.

    Raises:
        RunError: another process is at it, config.yaml was changed by hand where it may not be,
            there is no time left, `trials` adds none, or the code that it names is not trusted.
        TrainerError: the code that it names was handed over from Python, and is not at hand.
        ConfigError: an override is wrong, or may not change in a run that has begun.
    """
    with run.writing():
        info = run.info
        check_resumable(run, info)
        if info.babysit is not None and not babysat:
            raise RunError(
                f"{run.path}: is a babysat model, and no search; go on with: "
                f"hpsearch resume {as_argument(run.path)}"
            )
        tree, text = _as_edited(run, info)
        before = from_run(tree, run.path)
        config = changed(tree, run.path, overrides, **forced)
        if found := list(_refused(before.as_dict(), config.as_dict())):
            may = f"only {', '.join(FREE[:-1])} and {FREE[-1]} may change in a run"
            hint = "; to extend it: --trials N" if any("search.trials" in f for f in found) else ""
            raise ConfigError([f"{run.path}: {line}; {may}{hint}" for line in found])
        grows = not babysat and _budget_grows(run, before, config)
        if not babysat and not grows and not _is_left(run, info, before, config, trials):
            return None
        if named:
            check_at_hand(run, before, LOAD if babysat else AGAIN)
            check(run, info, before, trust)
        if not babysat:  # one model is trained on this machine
            check_cluster(run, info, before, config, trust)
        ours = (named and trust) or is_sealed(info) or not needs_seal(info)
        plan = info.plan
        if trials is not None or grows:
            config, plan = _longer(run, info, config, trials)
        info = replace(
            info,
            status="interrupted",  # so that a plan which has grown is never taken for done
            config=config.as_dict(),
            config_yaml=text,
            plan=plan,
            ending=None,
        )
        run.write_info(replace(info, seal=seal(info) if ours else None))
    return config


def check_resumable(run: RunDirectory, info: RunInfo) -> None:
    """Refuse a run whose trials nothing here can train: it was imported, or is of later rules.

    Raises:
        RunError: it was, or is.
    """
    check_rules(run, info)
    if info.imported:
        raise RunError(
            f"{run.path}: was imported, so there is nothing to resume; go on from its trials "
            f"with: hpsearch refine {as_argument(run.path)}"
        )


def on_with(run: RunDirectory) -> str:
    """How a finished run stands, and what makes it go on: a sentence."""
    info, path = run.info, as_argument(run.path)
    config = from_run(info.config, run.path)
    if info.ending is not None:
        return f"{run.path} is finished: {_past_it(run, info.ending, config)}"
    budget = config.search.max_epochs
    more = "--trials N" if budget is None else f"--set search.max_epochs={2 * budget}"
    return f"{run.path} is finished; go on to more trials with: hpsearch resume {path} {more}"


def _past_it(run: RunDirectory, ending: Ending, config: Config) -> str:
    """What ended a search, and how it goes on all the same."""
    key, path = KEYS.get(ending.by, "KEY"), as_argument(run.path)
    return (
        f"{why_ended(ending, config)}; change that limit to go on, or drop it: "
        f"hpsearch resume {path} --set {key}=null"
    )


def _budget_grows(run: RunDirectory, before: Config, config: Config) -> bool:
    """Whether a larger `search.max_epochs` makes room for more trials.

    Raises:
        RunError: it was lowered, dropped or set anew.
    """
    old, new = before.search.max_epochs, config.search.max_epochs
    if old != new and (old is None or new is None or new < old):
        raise RunError(
            f"{run.path}: search.max_epochs: was {_shown(old)}, is now {_shown(new)}; the plan is "
            "made for it, and may only grow in a run that has begun"
        )
    return old != new


def _is_left(
    run: RunDirectory, info: RunInfo, before: Config, config: Config, trials: int | None
) -> bool:
    """Whether there is anything to do, and time to do it.

    Raises:
        RunError: there would be, had the search more time, or another limit.
    """
    limit, spent = config.search.timeout, run.seconds(info)
    ending, added = info.ending, _is_added(run)
    same = ending is not None and limit_set(ending.by, before) == limit_set(ending.by, config)
    if ending is not None and same and not (added and trials is None):
        if trials is None:
            return False
        raise RunError(f"{run.path}: --trials adds none: {_past_it(run, ending, config)}")
    done = info.status == "finished" and trials is None and not info.out_of_time
    if done and not added and ending is None:
        return False
    if info.out_of_time and limit is not None and spent >= limit:
        raise RunError(
            f"{run.path}: its time is over: search.timeout is {limit:g} s, {spent:g} s are spent; "
            f"give it more, or none to stop it: hpsearch resume {as_argument(run.path)} "
            f"--set search.timeout={2 * ceil(max(spent, limit))}"
        )
    return True


def _is_added(run: RunDirectory) -> bool:
    """Whether somebody has added a setting that is not trained yet."""
    ended = {result.number for result in run.results}
    return any(act.action == "add" and act.trial not in ended for act in run.acts)


def _longer(
    run: RunDirectory, info: RunInfo, config: Config, trials: int | None
) -> tuple[Config, tuple[Round, ...]]:
    """The configuration and the plan of a search that is to go on to `trials` trials.

    None is for as many as a larger `search.max_epochs` allows.

    Rounds that are planned stay as they are, whether they have been trained or not, so the
    trials of the longer search do not depend on when it was extended. New rounds are as many
    as such a search makes of so many trials, none of them coarse.
    """
    planned, history = sum(round.trials for round in info.plan), [p.params for p in run.history]
    search, asked = config.search, "--trials" if trials is not None else "search.max_epochs"
    if trials is not None:
        if trials <= planned:
            raise RunError(
                f"{run.path}: --trials must be more than the {planned} that are planned already, "
                f"found {trials}; `hpsearch resume {as_argument(run.path)}` finishes those"
            )
        config = replace(config, search=replace(search, trials=trials))
        from_mapping(config.as_dict())  # as if the user had written so many
    free = replace(config, search=replace(config.search, max_epochs=None))
    history += _added_beside(run, config)
    most = trials if trials is not None and info.rules == 1 else trials_of(free, history)
    more, budget = most - planned, config.search.max_epochs
    if more <= 0:
        why, remedy = "every setting of the space has been planned", TRIED.format(run.path)
        if search.trials is not None and search.trials <= planned and trials is None:
            why = f"search.trials ({search.trials:,}) are planned"
            words = f"hpsearch resume {as_argument(run.path)} --trials N"
            remedy = f"say how many: {words} --set search.max_epochs={budget}"
        raise RunError(f"{run.path}: {asked} {trials or budget} adds none: {why}; {remedy}")
    first = _free_number(run, config, info.plan)
    if budget is not None:

        def needed(trials: int) -> int:
            return epochs_needed(config, _extended(info.plan, config, trials, first))

        if trials is not None and (epochs := needed(more)) > budget:
            raise RunError(
                f"{run.path}: --trials {trials} takes {epochs:,} epochs in all, more than "
                f"search.max_epochs ({budget:,}) allows; give it as many: hpsearch resume "
                f"{as_argument(run.path)} --trials {trials} --set search.max_epochs={epochs}"
            )
        if trials is None:
            more = largest(needed, min(more, budget), budget)
        if needed(more) > budget:
            raise RunError(
                f"{run.path}: search.max_epochs {budget:,} adds no trial: with one more the plan "
                f"takes {needed(more):,} epochs; give it as many"
            )
    return config, _extended(info.plan, config, more, first)


def _added_beside(run: RunDirectory, config: Config) -> list[Params]:
    """The settings that people added and no trial of the plan had: they need no other trial."""
    added = {act.trial: act.params for act in run.acts if act.action == "add" and act.params}
    space = config.space
    tried = {draw_key(space, each.params) for each in run.results if each.number not in added}
    return [params for params in added.values() if draw_key(space, params) not in tried]


def _extended(plan: tuple[Round, ...], config: Config, more: int, first: int) -> tuple[Round, ...]:
    """A plan with so many more trials, in rounds as many as such a search makes of them.

    Args:
        plan: so far.
        config: of the search.
        more: how many trials more.
        first: the number of the first of them.
    """
    rounds = config.search.rounds
    if isinstance(rounds, int):
        rounds = ceil(rounds * more / sum(round.trials for round in plan))
    sizes = sizes_of(config, more, rounds, coarse=False)
    return extended(plan, sizes, *ladder_of(config), config.parallel.workers, first)


def _free_number(run: RunDirectory, config: Config, plan: Sequence[Round]) -> int:
    """The first number that neither the plan nor a setting has that somebody added.

    It is as many draws after the plan's last as are whole, where choices are crossed.
    """
    end, draw = plan[-1].first + plan[-1].trials, config.space.crossed
    numbers = [act.trial for act in run.acts if act.action == "add" and act.trial is not None]
    return end + ceil(max(0, max(numbers, default=0) + 1 - end) / draw) * draw


def _as_edited(run: RunDirectory, info: RunInfo) -> tuple[dict[str, Any], str | None]:
    """The run's configuration, with what was changed by hand in config.yaml and may be.

    Raises:
        RunError: something else was changed there.
        ConfigError: config.yaml is no sound configuration any more.
    """
    tree, written = dict(info.config), info.config_yaml
    if written is None:  # such as from a program that could not read it as text
        return tree, None
    try:
        text = run.config.read_text(MOST)
    except FileNotFoundError:
        run.config.write_text(written)
        return tree, written
    except UnicodeDecodeError as error:
        raise RunError(
            f"{run.config}: must be UTF-8, found byte {error.start} that is not"
        ) from None
    if text == written:
        return tree, text
    before, after = _resolved(run, written), _resolved(run, text)
    if found := list(_refused(before, after)):
        changed = "\n".join(f"{run.config}: {line}" for line in found)
        raise RunError(
            f"{changed}\n{run.config}: was changed since the run began; restore it, or search "
            f"again with: hpsearch run {as_argument(run.config)} (more trials: "
            f"hpsearch resume {as_argument(run.path)} --trials N)"
        )
    for key, _, value in _differences(before, after):
        section, name = key
        tree[section] = {**tree[section], name: value}
    return tree, text


def _resolved(run: RunDirectory, text: str) -> dict[str, Any]:
    tree, places, problems = read(text.encode(), str(run.config))
    if problems or not isinstance(tree, dict):
        raise ConfigError(places.lines(problems) or f"{run.config}: must be a configuration")
    return from_mapping(tree, run.path).as_dict()


def _refused(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What differs and may not, one line each."""
    for key, old, new in _differences(before, after):
        name = ".".join(key)
        name = name.replace("metric.0.", "metric.", 1)  # of several metrics the first decides
        if not any(name == free or name.startswith(f"{free}.") for free in FREE):
            yield f"{name}: was {_shown(old)}, is now {_shown(new)}"


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each key at which two trees of plain values differ, with both values; None for none."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if name == "metric" and isinstance(old, list) and isinstance(new, list):
            old, new = ({str(i): each for i, each in enumerate(side)} for side in (old, new))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, (*above, name))
        elif old != new:
            yield (*above, name), old, new


def _shown(value: Any) -> str:
    return "not there" if value is None else repr(value)

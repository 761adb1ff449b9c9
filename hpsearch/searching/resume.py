"""Taking up a run that has begun: what may change, and how a finished search grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from hpsearch.config import Config, changed, from_mapping, from_run
from hpsearch.config.yaml_text import read
from hpsearch.errors import ConfigError, RunError, as_argument
from hpsearch.sampling.plan import extended, ladder, round_sizes
from hpsearch.searching.spec import TRIED, check_rules, trials_of
from hpsearch.searching.trainer import AGAIN, LOAD, check_at_hand
from hpsearch.searching.trust import check, check_cluster, is_sealed, needs_seal, seal
from hpsearch.store import MOST, RunDirectory, RunInfo
from hpsearch.trial import Round

FREE = ("parallel", "search.timeout", "search.trial_timeout")
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
            may = "only parallel, search.timeout and search.trial_timeout may change in a run"
            hint = "; to extend it: --trials N" if any("search.trials" in f for f in found) else ""
            raise ConfigError([f"{run.path}: {line}; {may}{hint}" for line in found])
        if not babysat and not _is_left(run, info, config, trials):
            return None
        if named:
            check_at_hand(run, before, LOAD if babysat else AGAIN)
            check(run, info, before, trust)
        if not babysat:  # one model is trained on this machine
            check_cluster(run, info, before, config, trust)
        ours = (named and trust) or is_sealed(info) or not needs_seal(info)
        plan = info.plan
        if trials is not None:
            config, plan = _longer(run, info, config, trials)
        info = replace(
            info,
            status="interrupted",  # so that a plan which has grown is never taken for done
            config=config.as_dict(),
            config_yaml=text,
            plan=plan,
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


def _is_left(run: RunDirectory, info: RunInfo, config: Config, trials: int | None) -> bool:
    """Whether there is anything to do, and time to do it.

    Raises:
        RunError: there would be, had the search more time.
    """
    limit, spent = config.search.timeout, run.seconds(info)
    done = info.status == "finished" and trials is None and not info.out_of_time
    if done and not _is_added(run):
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
    run: RunDirectory, info: RunInfo, config: Config, trials: int
) -> tuple[Config, tuple[Round, ...]]:
    """The configuration and the plan of a search that is to go on to `trials` trials.

    Rounds that are planned stay as they are, whether they have been trained or not, so the
    trials of the longer search do not depend on when it was extended. New rounds are as many
    as such a search makes of so many trials, none of them coarse.
    """
    plan = info.plan
    planned = sum(round.trials for round in plan)
    if trials <= planned:
        raise RunError(
            f"{run.path}: --trials must be more than the {planned} that are planned already, "
            f"found {trials}; `hpsearch resume {as_argument(run.path)}` finishes those"
        )
    search, history = config.search, [line.params for line in run.history]
    config = replace(config, search=replace(search, trials=trials))
    from_mapping(config.as_dict())  # as if the user had written so many
    more = (trials if info.rules == 1 else trials_of(config, history)) - planned
    if more <= 0:
        raise RunError(
            f"{run.path}: --trials {trials} adds none: every setting of the space has been "
            f"planned; {TRIED.format(run.path)}"
        )
    rounds = 1 if search.sampler == "random" else search.rounds
    if isinstance(rounds, int):
        rounds = ceil(rounds * more / planned)
    workers = config.parallel.workers
    sizes = round_sizes(more, rounds, False, config.space.crossed, workers)
    epochs, halving, first = config.trainer.epochs, search.halving, _free_number(run, config, plan)
    if halving is None:
        return config, extended(plan, sizes, (epochs,), workers=workers, first=first)
    amounts = ladder(epochs, halving.min_epochs, halving.factor)
    return config, extended(plan, sizes, amounts, halving.factor, workers, first)


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
        if not any(name == free or name.startswith(f"{free}.") for free in FREE):
            yield f"{name}: was {_shown(old)}, is now {_shown(new)}"


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Each key at which two trees of plain values differ, with both values; None for none."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, (*above, name))
        elif old != new:
            yield (*above, name), old, new


def _shown(value: Any) -> str:
    return "not there" if value is None else repr(value)

"""What to try with a babysat model, from its curves and layers: offered, and never done.

Advice appears once its rule (`rules`) has held after three epochs in a row, and goes once it has
not for three, so that it does not flicker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, log
from typing import Any

from hpsearch.errors import ConfigError, as_argument
from hpsearch.report.advice import Advice
from hpsearch.report.babysit.rules import RULES, WINDOW, Look, Proposal, Series
from hpsearch.report.numbers import number
from hpsearch.searching.babysit import nudge
from hpsearch.searching.babysit.story import Story
from hpsearch.trainers.kinds import Kind, kind_read
from hpsearch.trial import Status

HOLDS = 3  # epochs in a row after which a rule counts as met, or as no longer met
BACK = 40  # epochs that are looked back at for that
LOOKS = 3  # of the layers, whose median counts
MOST = 3  # pieces of advice


@dataclass(frozen=True)
class Offered(Advice):
    """Advice with the command that would follow it; None where no command can."""

    command: str | None = None


def advise(story: Story) -> list[Offered]:
    """What to try with a model: at most MOST things, the most important first.

    The first epochs of a model, and those after a change, say nothing yet.
    """
    looks = _looks(story)
    met: dict[str, Proposal] = {}
    held: dict[str, int] = {}  # epochs in a row that a rule was met, or below 0 was not
    order: dict[str, int] = {}
    for look in looks:
        found: dict[str, Proposal] = {}
        for place, rule in enumerate(RULES):
            for proposal in rule(look):
                found[proposal.code] = proposal
                order[proposal.code] = place
        for code in order:
            streak = held.get(code, 0)
            held[code] = max(1, streak + 1) if code in found else min(-1, streak - 1)
            if held[code] >= HOLDS or (code in met and code in found):
                met[code] = found[code]
            elif held[code] <= -HOLDS:
                met.pop(code, None)
    chosen: list[Proposal] = []
    for proposal in sorted(met.values(), key=lambda each: order[each.code]):
        begun = not chosen or order[chosen[0].code] > 0  # before it learns, nothing else matters
        if begun and not {*proposal.about} & {name for each in chosen for name in each.about}:
            chosen.append(proposal)
    return [
        Offered(each.code, each.change and each.change[0], each.message, _command(story, each))
        for each in chosen[:MOST]
    ]


def _looks(story: Story) -> Iterator[Look]:
    """The line in training after each of its last epochs."""
    number_, epoch = story.number, story.epoch
    line, curve = story.lines.active, story.curve(story.number)
    since = _last_change(line.settings, line.began)
    if epoch - since < WINDOW:
        return
    sign = -1 if story.criterion.goal == "maximize" else 1
    metric = _series(story.criterion.name, curve, sign)
    if metric is None:
        return
    train = _series("train_loss", curve) or _series("loss", curve)
    val = _series("val_loss", curve) or metric
    kind = kind_read(story.config.trainer)
    classes = len(story.info.data.classes)
    chance = log(classes) if classes > 1 and not kind.any_names else inf
    settings = story.settings(number_)
    name = nudge.rate_name(story.config, line.params)
    value = None if name is None else nudge.current(story.config, line.params, name)
    rate = (name, value) if name is not None and isinstance(value, int | float) else None
    for at in range(max(since + WINDOW, epoch - BACK), epoch + 1):
        seen = [d for d in story.diagnostics if d.number == number_ and since < d.epoch <= at]
        now = rate_in(kind, settings, at)
        yield Look(
            epoch=at,
            since=since,
            train=train,
            val=val,
            metric=metric,
            chance=chance,
            rate=rate,
            left=1.0 if now is None or rate is None or not rate[1] else now / rate[1],
            settings=settings,
            layers=[d for d in seen[-LOOKS:] if d.epoch > at - 2 * WINDOW],
            stop="" if _ended(story) else "stop: ",
        )


def rate_in(kind: Kind, settings: Mapping[str, Any], epoch: int) -> float | None:
    """The learning rate in an epoch under a setting, after any decay; None if it is unknown."""
    try:
        return None if kind.rate is None else kind.rate(settings, epoch)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None  # a run from elsewhere may hold anything


def rate_now(story: Story) -> float | None:
    """The learning rate of the next epoch, of the last one at the end; None if it is unknown."""
    epoch = min(story.epoch + 1, story.epochs)
    return rate_in(kind_read(story.config.trainer), story.settings(story.number), epoch)


def _ended(story: Story) -> bool:
    """Whether the line in training has come to its end."""
    found = story.results.get(story.number)
    completed = found is not None and found.status is Status.COMPLETED
    return completed or story.epoch >= story.epochs


def _last_change(settings: Sequence[tuple[int, Mapping[str, Any]]], began: int) -> int:
    """The epoch after which the last change holds; how many are planned is none."""
    last = began
    for (_, before), (epoch, after) in pairwise(settings):
        if any(before.get(n) != after.get(n) for n in {*before, *after} - {"epochs"}):
            last = max(last, epoch)
    return last


def _series(
    name: str, curve: Mapping[str, Sequence[float | None]], sign: int = 1
) -> Series | None:
    """A curve; an undefined epoch counts as the one before. None where it is not reported."""
    values: list[float] = []
    for value in curve.get(name, ()):
        if value is not None:
            values.append(sign * float(value))
        elif values:
            values.append(values[-1])
        else:
            return None
    return Series(name, values, sign) if values else None


def _command(story: Story, proposal: Proposal) -> str | None:
    """The command that does what is proposed; None where it would be refused."""
    run, line = as_argument(story.run.path), story.lines.active
    ended = _ended(story)
    if proposal.stop:
        running = story.info.status == "running" and not ended
        return f"hpsearch steer {run} --stop" if running else None
    if proposal.change is None:
        return None
    name, value = proposal.change
    back = proposal.back
    if back is None and ended and story.best is not None:
        back = story.best.epoch if story.best.trial == line.number else line.began
    epoch, params = story.epoch, line.params
    if back is not None:
        epoch, params = back, line.until(back).params
    try:
        nudge.changes(story.config, params, {name: value}, epoch)
    except ConfigError:
        return None
    branch = "" if back is None else f" --branch {back}"
    return f"hpsearch steer {run}{branch} --set {name}={number(value)}"

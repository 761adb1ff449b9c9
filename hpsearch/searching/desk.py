"""Where people act on a search, at work or not: what they ask is decided, and recorded.

See `by_hand` for the lines that it becomes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hpsearch.config import Config, from_run
from hpsearch.config.problems import dotted
from hpsearch.errors import ConfigError, HpsearchError, RunError, as_argument
from hpsearch.messages import printable
from hpsearch.searching.babysit.nudge import middle
from hpsearch.searching.by_hand import TAG, TAGS, ByHand, by_hand_in, in_words
from hpsearch.searching.history import by_training, consecutive
from hpsearch.searching.resume import check_resumable
from hpsearch.searching.spec import Spec, spec_of
from hpsearch.searching.stages import joins
from hpsearch.space.settings import key
from hpsearch.store import RunDirectory, Writer
from hpsearch.store.requests import (
    Reply,
    Request,
    Requests,
    ask_writer,
    check_note,
    check_within_reach,
)
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Act, Params, Result, Status, Trial

LOOK = 0.2
"""Seconds between two looks for what people ask of a search at work."""


@dataclass(frozen=True)
class Standing:
    """How a search stands, as far as what may be done to it depends on that.

    Attributes:
        results: the trials whose fate is known, by number.
        begun: how many rounds have begun.
        rungs: how many rungs a trial has come through; None of one that is not proposed yet.
    """

    results: Mapping[int, Result]
    begun: int
    rungs: Callable[[int], int | None]


def decide(
    asked: Request,
    run: RunDirectory,
    config: Config,
    spec: Spec,
    before: ByHand,
    standing: Standing,
) -> Act:
    """The line that what is asked becomes.

    Args:
        asked: what is asked.
        run: of the search.
        config: of the search.
        spec: of the search.
        before: what was done before.
        standing: of the search.

    Raises:
        HpsearchError: it cannot be done.
    """
    check_note(asked.note)
    for tag in asked.tags:
        if not TAG.fullmatch(tag):
            raise RunError(f"{_option(asked, 'tag')} {tag[:60]!r}: {TAGS}")
    if asked.action == "add":
        act = _addition(asked, run, config, spec, before, standing)
    elif asked.action == "stop":
        act = _stop(asked.trial, before, standing)
    elif asked.action == "note":
        if asked.note is None and not asked.tags:
            raise RunError("note: must have a text or a tag, found neither")
        act = Act(time="", action="note")
    else:
        raise RunError(f"action: must be add, stop or note, found {asked.action[:40]!r}")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return replace(act, time=now, note=asked.note, tags=tuple(dict.fromkeys(asked.tags)))


def _addition(
    asked: Request,
    run: RunDirectory,
    config: Config,
    spec: Spec,
    before: ByHand,
    standing: Standing,
) -> Act:
    params = _setting(asked, config, before, standing)
    same = key(params)
    tried: list[Result | Trial] = []
    tried += [each for each in standing.results.values() if each.status is Status.COMPLETED]
    tried += [before.added[number] for number in before.waiting(standing.results)]
    for other in tried:
        if key(other.params) == same:
            raise RunError(
                f"this is the setting of trial {other.number} already; train it again, with other "
                f"seeds, with: hpsearch retrain {as_argument(run.path)} --trial {other.number} "
                "--seeds K"
            )
    last = spec.rounds[-1]
    number = max([last.first + last.trials - 1, *before.added]) + 1
    return Act(
        time="",
        action="add",
        trial=number,
        params=params,
        round=joins(standing.begun, spec.rounds),
    )


def _setting(asked: Request, config: Config, before: ByHand, standing: Standing) -> Params:
    """The whole setting that is asked for.

    Raises:
        ConfigError: every problem of the given values.
        RunError: there is no such trial to take the other values from.
    """
    from hpsearch.config.starting import full

    space, given = config.space, dict(asked.set)
    if asked.trial is not None:
        like: Result | Trial | None = standing.results.get(asked.trial)
        like = like or before.added.get(asked.trial)
        if like is None:
            option = _option(asked, "like")
            raise RunError(f"{option} {asked.trial}: must be a trial that has ended, found none")
        searched = {name: value for name, value in like.params.items() if name in space}
        given = middle(config, {**searched, **asked.set})
    elif not given:
        raise RunError("say the setting, for example: --set learning_rate=0.01")
    defaults = {n: known.default for n, known in kind_read(config.trainer).hyperparameters.items()}
    params, problems = full(given, space, defaults)
    lines = [f"{dotted(each.path)}: {each.message}".removeprefix(": ") for each in problems]
    lines += [
        f"{name}: does not count with this setting; leave it out"
        for name in asked.set
        if not problems and name not in params
    ]
    if lines:
        place = "" if asked.by == "python" else "--set "
        raise ConfigError([printable(f"{place}{line}") for line in lines])
    return params


def _option(asked: Request, name: str) -> str:
    """What the one who asked calls an option: Python has no dashes."""
    return name if asked.by == "python" else f"--{name}"


def _stop(number: int | None, before: ByHand, standing: Standing) -> Act:
    if number is None:
        return Act(time="", action="stop")
    found, rungs = standing.results.get(number), standing.rungs(number)
    if found is not None and not found.cut:
        raise RunError(f"trial {number}: has ended already; it is {found.status}")
    if number in before.stops:
        raise RunError(f"trial {number}: is stopped already, and ends with its rung")
    if rungs is None:
        raise RunError(
            f"trial {number}: must be one that has begun, or waits for it in a round that has "
            "begun; found none of this number"
        )
    return Act(time="", action="stop", trial=number, rungs=rungs)


# A search at work


class Desk:
    """Where a search at work hears what people ask, decides it, and records it."""

    def __init__(
        self, run: RunDirectory, config: Config, spec: Spec, by_hand: ByHand, writer: Writer
    ):
        """Answer what was asked while nobody was there.

        Args:
            run: whose lock this process holds.
            config: of the search.
            spec: of the search.
            by_hand: what people did before; what they do from now on is added.
            writer: of the run.
        """
        self._run, self._config, self._spec = run, config, spec
        self._by_hand, self._writer = by_hand, writer
        self._requests = Requests(run.inside)
        self._requests.sweep()
        self._looked = -LOOK

    @property
    def seconds_left(self) -> float:
        """How long until the next look at what is asked."""
        return max(0.0, self._looked + LOOK - time.monotonic())

    @property
    def due(self) -> bool:
        """Whether it is time for that."""
        return self.seconds_left <= 0

    def hear(self, standing: Standing, effect: Callable[[Act], object]) -> list[Act]:
        """Do what people have asked; what was done.

        Args:
            standing: of the search; what it refers to may change meanwhile.
            effect: does what a line says, once that is on the disk.
        """
        self._looked = time.monotonic()
        done = []
        for asked in self._requests.taken():
            try:
                act = decide(asked, self._run, self._config, self._spec, self._by_hand, standing)
            except HpsearchError as error:
                self._requests.reply(asked, Reply(False, f"{self._run.path}: {error}"))
                continue
            self._writer.acted(act)
            self._by_hand.take(act)
            effect(act)
            done.append(act)
            text = in_words(act)
            self._writer.log(f"by hand: {text}")
            self._requests.reply(asked, Reply(True, f"{text}{self._after(act)}"))
        return done

    def _after(self, act: Act) -> str:
        """What follows from it."""
        if act.action == "add" and act.round is not None:
            begins = act.round < len(self._spec.rounds)
            looked = f"; rounds look at it from round {act.round + 1} on" if begins else ""
            return f"; it is trained in full now{looked}"
        if act.action == "stop" and act.trial is None:
            return f"; go on with: hpsearch resume {as_argument(self._run.path)}"
        return ""


# From elsewhere


def act_on(
    run: RunDirectory, asked: Request, say: Callable[[str], object] = lambda _: None
) -> str:
    """Do something to a search, be it at work or not; what was done, in words.

    Args:
        run: of a search.
        asked: to add a setting, to stop it or a trial, or to note something.
        say: is told, once, what takes long.

    Raises:
        HpsearchError: it cannot be done; nothing has changed then.
        KeyboardInterrupt: the user is tired of waiting; likewise.
    """
    if run.info.babysit is not None:
        raise RunError(
            f"{run.path}: is a babysat model, which has no other settings beside it; change it "
            f"with: hpsearch steer {as_argument(run.path)} --set NAME=VALUE"
        )
    check_within_reach(run, "at work", "ask it")
    waiting = "the search to hear this"
    done = ask_writer(run, asked, lambda: _act_alone(run, asked), waiting, say=say)
    while asked.action == "stop" and asked.trial is None and run.at_work:
        time.sleep(LOOK / 10)  # it ends its workers; what follows may be `resume`
    return done


def _act_alone(run: RunDirectory, asked: Request) -> str:
    """Do something to a search that nobody works at.

    Raises:
        HpsearchError: it cannot be done, or somebody does.
    """
    resume = f"hpsearch resume {as_argument(run.path)}"
    status = run.info.status
    if asked.action == "stop" and (asked.trial is None or status == "finished"):
        found = "it has finished" if status == "finished" else f"it stands; go on with: {resume}"
        raise RunError(f"{run.path}: must be at work to be stopped, but {found}")
    try:
        with run.writing() as writer:
            info = run.info
            if asked.action != "note":
                check_resumable(run, info)
            config = from_run(info.config, run.path)
            spec = spec_of(run, info, config)
            by_hand = by_hand_in(run, spec)
            try:
                standing = standing_of(run, spec, by_hand)
                act = decide(asked, run, config, spec, by_hand, standing)
            except ConfigError:
                raise
            except HpsearchError as error:
                raise RunError(f"{run.path}: {error}") from None
            writer.acted(act)
            if act.action == "add":  # there is something left to do
                left = "failed" if info.status == "failed" else "interrupted"
                writer.describe(replace(info, status=left))
    except OSError as error:
        found = f"must be a folder that can be written, found: {error.strerror or error}"
        raise RunError(f"{run.path}: {found}") from error
    text = in_words(act)
    if asked.by == "python":
        resume = "resume()"
    if act.action == "add":
        return f"{text}; train it with: {resume}"
    return f"{text}, when the search goes on with: {resume}" if act.action == "stop" else text


def standing_of(run: RunDirectory, spec: Spec, by_hand: ByHand) -> Standing:
    """How a search stands by its files: a round has begun of which anything is there."""
    results = {result.number: result for result in run.results}
    rungs: dict[int, int] = {}
    for (number, repeat, _), pieces in by_training(run.pieces).items():
        if repeat < spec.repeats and (found := consecutive(pieces)):
            rungs[number] = max(found[-1].rung + 1, rungs.get(number, 0))
    rungs = {**dict.fromkeys(by_hand.added, 0), **rungs}
    rounds = [spec.round_of(number) for number in {*results, *rungs}]
    begun = max((each + 1 for each in rounds if each is not None), default=0)
    for round in spec.rounds[:begun]:  # some of them may wait
        rungs = {**dict.fromkeys(range(round.first, round.first + round.trials), 0), **rungs}
    return Standing(results, begun, rungs.get)

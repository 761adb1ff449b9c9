"""The specification of a search: everything that decides its trials, as plain values."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from hpsearch.backends.threads import on_one_thread
from hpsearch.config import Config, Confirm
from hpsearch.errors import RunError, as_argument
from hpsearch.rng import RULES
from hpsearch.sampling import SamplerName
from hpsearch.sampling.propose import propose
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.babysit.story import read
from hpsearch.searching.history import PastTrial, check_params, curves
from hpsearch.searching.limits import UNLIMITED, Limits, limits_of
from hpsearch.searching.stages import BESIDE, Stage, planned_epochs, ways_to_the_end
from hpsearch.space import Space
from hpsearch.store import RunDirectory, RunInfo, uncollected
from hpsearch.store.records import BabysitStart
from hpsearch.trainers.kinds import kind_read
from hpsearch.trainers.protocol import EPOCHS_PARAMETER, Job, Settings
from hpsearch.trial import Params, Result, Round, Training, Trial

ORDERS = 3  # the rules from which on a choice can have an order


@dataclass(frozen=True)
class Spec:
    """Everything that decides which trials a search proposes, except their values."""

    space: Space
    settings: Settings  # fixed for every trial; "epochs" among them
    rounds: tuple[Round, ...]
    seed: int
    metric: str = ""  # that trials are compared by
    sampler: SamplerName = "zoom"
    screened: bool = False
    start: Sequence[Params] = ()  # search.start: the first trials
    history: Sequence[PastTrial] = ()  # a parent's trials
    inherited: int | None = None  # the number of the parent's winner
    repeats: int = 1  # trainings of each trial with seeds of their own
    folds: int = 1  # trainings of each repeat, with validation rows of their own
    confirm: Confirm | None = None
    limits: Limits = UNLIMITED  # where it ends before its plan
    retries: int = 0  # of a training that failed
    any_names: bool = False  # the trainer takes whatever parameters the space names
    rules: int = RULES  # how random numbers are drawn and settings proposed
    timeout: float | None = None  # seconds
    trial_timeout: float | None = None  # seconds
    babysat: BabysitStart | None = None  # where a babysat model comes from; None of a search

    @property
    def trainings(self) -> tuple[tuple[int, int], ...]:
        """Repeat and fold of each training that a trial consists of."""
        return tuple(product(range(self.repeats), range(self.folds)))

    @cached_property
    def amounts(self) -> tuple[int, ...]:
        """The amounts of training at which trials are compared, in epochs, ascending."""
        return tuple(sorted({rung.epochs for round in self.rounds for rung in round.rungs}))

    @cached_property
    def ways(self) -> Mapping[Stage, float]:
        """How many epochs follow on each stage until the search ends: `ways_to_the_end`."""
        return ways_to_the_end(self.rounds)

    @cached_property
    def epochs(self) -> int:
        """The epochs that all trials train, confirmation aside."""
        return planned_epochs(self.rounds) * len(self.trainings)

    @property
    def first(self) -> int:
        """The number of the first trial; those below are the parent's."""
        return self.rounds[0].first

    @property
    def trials(self) -> int:
        """How many settings are proposed."""
        return sum(round.trials for round in self.rounds)

    def is_start(self, number: int) -> bool:
        """Whether a trial is a starting setting (`search.start`), which is trained in full."""
        return number < self.first + len(self.start)

    @cached_property
    def _firsts(self) -> tuple[int, ...]:
        """The number of each round's first trial."""
        return tuple(round.first for round in self.rounds)

    def round_of(self, number: int) -> int | None:
        """The round that proposes a trial; None of a setting that somebody has added."""
        place = bisect_right(self._firsts, number) - 1
        round = self.rounds[max(0, place)]
        return place if 0 <= number - round.first < round.trials else None

    def confirms(self, repeat: int | None) -> bool:
        """Whether a training has a new seed, to confirm its trial; not known of None."""
        return repeat is not None and repeat >= self.repeats

    def settings_of(self, params: Params) -> dict[str, Any]:
        """Fixed settings and a trial's parameters; "epochs" is the length of a full training.

        A user's trainer gets only names of the space: a trial's line may come from a stranger,
        and in a command another name could stand for the checkpoint folder, say.
        """
        own = {
            EPOCHS_PARAMETER if name == "epochs" else name: value
            for name, value in params.items()
            if name in self.space.names or not self.any_names
        }
        return {**self.settings, **own}

    def seed_of(self, number: int) -> tuple[int | str, ...]:
        """The identity of a trial's random numbers; crossed trials of one draw share it."""
        first_draw, crossed = self.first + len(self.start), self.space.crossed
        if crossed > 1 and self.round_of(number) is None:
            crossed = 1
        return self.seed, "trial", draw_of(number, first_draw, crossed)

    def seed_of_training(self, seed: tuple[int | str, ...], repeat: int) -> tuple[int | str, ...]:
        """The identity of one training's random numbers, given its trial's.

        Folds share it. Confirming trainings have seeds of their own, the same for every
        setting, so that settings are compared like with like.
        """
        if self.confirms(repeat):
            return self.seed, "confirm", repeat - self.repeats
        return seed if repeat == 0 else (*seed, "repeat", repeat)

    def jobs(self, trial: Trial, stage: Stage) -> list[Job]:
        """The pieces of training that take a trial through a rung."""
        settings = self.settings_of(trial.params)
        until = settings["epochs"]
        if stage != BESIDE and not self.is_start(trial.number):
            until = min(until, self.rounds[stage.round].rungs[stage.rung].epochs)
        identity = self.seed_of(trial.number)
        return [
            Job(
                trial.number,
                settings,
                self.seed_of_training(identity, repeat),
                until_epoch=until,
                rung=stage.rung,
                repeat=repeat,
                fold=fold,
                rules=self.rules,
            )
            for repeat, fold in self.trainings
        ]

    def confirming_jobs(self, result: Result, trainings: Sequence[Training]) -> list[Job]:
        """The trainings of a setting in full with new seeds, the same for every setting."""
        settings = self.settings_of(result.params)
        return [
            Job(
                result.number,
                settings,
                self.seed_of_training((), repeat),
                until_epoch=settings["epochs"],
                repeat=repeat,
                fold=fold,
                rules=self.rules,
            )
            for _, repeat, fold in trainings
        ]


def spec_of(run: RunDirectory, info: RunInfo, config: Config) -> Spec:
    """The specification of a run; its plan is the one that it began with."""
    history = tuple(map(PastTrial.from_inherited, run.history))
    results = (each.result for each in history)
    file = run.inside / "history.jsonl"
    check_params(results, config.space, file, "refine the parent again")
    spec = spec_for(config, info.plan, history)
    if info.rules < ORDERS:
        spec = replace(spec, space=spec.space.unordered())
    return replace(spec, inherited=info.parent_winner, rules=info.rules, babysat=info.babysit)


def check_reported(run: RunDirectory, config: Config) -> None:
    """Refuse to train by a metric that the run's trainer does not report.

    Raises:
        RunError: it does not.
    """
    kind, metric = kind_read(config.trainer), config.metric.name
    if not kind.any_names and metric not in kind.metrics:
        raise RunError(
            f"{run.path / 'run.json'}: config: metric: name must be one of "
            f"{', '.join(kind.metrics)}, found {metric!r}; the file is damaged"
        )


def check_rules(run: RunDirectory, info: RunInfo) -> None:
    """Refuse to train a run that was searched by rules of a later version; reading it is fine.

    Raises:
        RunError: the run has such rules.
    """
    if info.rules > RULES:
        from importlib.metadata import version  # slow to import

        began = info.versions.get("hpsearch", "a later one")
        raise RunError(
            f"{run.path}: was searched by rules {info.rules}, this hpsearch {version('hpsearch')} "
            f"knows rules 1 to {RULES}; go on with the version that began it ({began}), or search "
            f"again with: hpsearch run {as_argument(run.config)}"
        )


def spec_for(
    config: Config, rounds: tuple[Round, ...], history: tuple[PastTrial, ...] = ()
) -> Spec:
    """The specification of a search with this plan."""
    return Spec(
        space=config.space,
        settings=config.trainer.settings,
        any_names=kind_read(config.trainer).any_names,
        rounds=rounds,
        seed=config.seed,
        metric=config.metric.name,
        sampler=config.search.sampler,
        screened=config.search.screen,
        start=config.search.by_hand[: rounds[0].trials],
        history=history,
        repeats=config.search.repeats,
        folds=config.search.folds or 1,
        confirm=config.search.confirm,
        limits=limits_of(config),
        retries=config.search.retries,
        timeout=config.search.timeout,
        trial_timeout=config.search.trial_timeout,
    )


@uncollected()
def past_trials(run: RunDirectory, spec: Spec) -> list[PastTrial]:
    """The trials that a run can build on, by number: its parent's, then its own.

    Those of a babysat model are its branches whose fate is known, each with its whole curve and
    its last setting.
    """
    if spec.babysat is not None:
        story, start = read(run), spec.babysat
        return [
            PastTrial(
                replace(story.results[line.number], params=line.params),
                story.curve(line.number),
                start.seed,
                start.rules,
            )
            for line in story.lines.all
            if line.number in story.results
        ]
    results = run.results
    check_params(results, spec.space, run.inside / "trials.jsonl")
    curve = curves(run.pieces, spec.metric, spec.repeats)
    own = (
        PastTrial(result, curve.get(result.number, {}), spec.seed_of(result.number), spec.rules)
        for result in results
    )
    return [*spec.history, *own]


def proposals(
    spec: Spec,
    round: Round,
    history: Sequence[Observation] = (),
    unseen: Sequence[Params] = (),
    tried: set[str] | None = None,
) -> list[Trial]:
    """The trials of a round: starting settings, then draws; crossed ones stand side by side.

    Args:
        spec: of the search.
        round: of its plan.
        history: the trials that the round may look at.
        unseen: settings of trials that it may not look at yet.
        tried: the draws before it, as `draw_key` names them; None for those of the
            others. The new ones are added.
    """
    start = spec.start if round.number == 0 else ()
    with on_one_thread():  # their number changes bits
        draws = propose(
            spec.space,
            count=(round.trials - len(start)) // spec.space.crossed,
            seed=spec.seed,
            first=round.first,
            progress=round.progress,
            history=history,
            sampler=spec.sampler,
            screened=spec.screened,
            pending=[*(start if spec.rules >= 2 else ()), *unseen],
            known=tried,
            rules=spec.rules,
        )
    settings = [*start, *(each for draw in draws for each in spec.space.crossings(draw))]
    return [Trial(round.first + i, round.number, params) for i, params in enumerate(settings)]


def draw_of(number: int, first: int, crossed: int) -> int:
    """The first trial of the draw that a trial belongs to; draws begin at trial `first`.

    >>> [draw_of(number, first=1, crossed=2) for number in range(5)]
    [0, 1, 1, 3, 3]
    """
    return number if number < first else number - (number - first) % crossed

"""What a run found, as plain values: read from its files, shown as text, page, JSON and PNG."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hpsearch.config import Config, from_run
from hpsearch.errors import HpsearchError, as_argument
from hpsearch.report.advice import Advice, advise
from hpsearch.report.front import (
    Covered,
    FrontPoint,
    bounds_text,
    covered,
    front_of,
)
from hpsearch.report.headline import (
    Headline,
    Tested,
    headline_of,
    no_better_than_parent,
    on_test_rows,
)
from hpsearch.report.importance import Importance, importance
from hpsearch.report.numbers import condition, duration
from hpsearch.report.paired import PairedComparison, paired_comparisons
from hpsearch.report.workers import Workers, workers_of
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.by_hand import ByHand, by_hand_in, in_words
from hpsearch.searching.confirmation import means_of
from hpsearch.searching.criterion import Criterion, Metrics, criterion_of
from hpsearch.searching.history import PastTrial
from hpsearch.searching.limits import why_ended
from hpsearch.searching.planning import shortage
from hpsearch.searching.refine import best_completed, elites_of, ranking, same_training
from hpsearch.searching.running import RunningTraining, running_trainings
from hpsearch.searching.spec import Spec, past_trials, spec_of
from hpsearch.space import Parameter, Space, same
from hpsearch.space.settings import untried
from hpsearch.store import RunDirectory, RunInfo, Winner, as_line, is_run, uncollected
from hpsearch.store.files import plain
from hpsearch.store.records import ConfirmedWinner, Measured
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Result, Span, Status

Region = Mapping[str, list[Any]]
"""[low, high] of a range in true values, or the choices, by parameter."""

OUTER = 0.1  # of a round's values at either end are no part of its region
ENOUGH = 6  # trials that say where a round looked
FEW_ROUNDS = 4  # are shown one by one


@dataclass(frozen=True)
class RoundSummary:
    """One step from coarse to fine: how many trials it had, and where they lay."""

    round: int
    trials: int
    best: float | None
    space: Region


@dataclass(frozen=True)
class Step(RoundSummary):
    """The same of one round, or of a few small ones after one another."""

    last: int  # of these rounds; `round` is the first

    @property
    def name(self) -> str:
        """The rounds, counted from 1."""
        if self.last == self.round:
            return f"round {self.round + 1}"
        return f"rounds {self.round + 1}-{self.last + 1}"


@dataclass(frozen=True)
class Summary:
    """What a run found: the source of the terminal's text, the page, the JSON and the pictures.

    What takes long for many trials is computed when first asked for: `list` and tables of all
    trials need none of it.
    """

    run: RunDirectory
    info: RunInfo
    config: Config
    criterion: Criterion
    spec: Spec
    past_trials: tuple[PastTrial, ...]  # all that the run can build on, a parent's among them
    results: tuple[Result, ...]  # this run's trials, by number
    best: Result | None  # the winner; with a parent, perhaps one of its trials
    outcome: Winner | None
    most: int  # trials in `top`
    by_hand: ByHand  # what people did to it

    @cached_property
    def running(self) -> tuple[RunningTraining, ...]:
        """The trainings at work, as far as they have reported; none where no process is."""
        if self.info.status != "running":
            return ()
        fates = {result.number: result for result in self.results}
        return running_trainings(self.run, self.spec, fates)

    @property
    def baseline(self) -> Result | None:
        """The first trial, where its setting stands in the configuration: `search.start`."""
        return self.results[0] if self.results and self.config.search.start else None

    def of_branch(self, branch: Parameter) -> Summary:
        """The same of the trials alone in which this alternative of a parameter counts."""
        space = self.config.space
        if not space[branch.name].alternatives:
            return self

        def counts(result: Result) -> bool:
            return space.branch(space[branch.name], result.params) is branch

        best = self.best if self.best is not None and counts(self.best) else None
        return replace(self, results=tuple(filter(counts, self.results)), best=best)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many trials have each status."""
        found = Counter(result.status for result in self.results)
        return {status.value: found[status] for status in Status}

    @property
    def counts_text(self) -> str:
        """The same in words: "12 completed, 3 stopped"; empty while no trial has ended."""
        return ", ".join(f"{n:,} {status}" for status, n in self.counts.items() if n)

    @property
    def indistinguishable(self) -> Sequence[int]:
        """The trials whose confirmed mean is within one standard error of the winner's."""
        return [] if self.outcome is None else self.outcome.indistinguishable

    @property
    def acts(self) -> list[tuple[str, str]]:
        """What people did to the search: when, and what, each on one line."""
        over = {result.number for result in self.results}
        return [
            (
                act.time[:16].replace("T", " "),
                in_words(act)
                + ("; not trained yet" * (act.action == "add" and act.trial not in over)),
            )
            for act in self.by_hand.acts
        ]

    def is_added(self, result: Result) -> bool:
        """Whether a trial is a setting that somebody added, so that no round proposed it."""
        return result.number in self.by_hand.added

    @cached_property
    def snippets(self) -> Mapping[str, list[str]]:
        """The settings of the best trial as code, by framework; empty for trainers without one."""
        if self.best is None:
            return {}
        settings, data = {**self.config.trainer.settings, **self.best.params}, self.info.data
        kind = kind_read(self.config.trainer)
        return kind.snippets(settings, data.features, len(data.classes))

    @cached_property
    def ranked(self) -> list[Observation]:
        """All past trials, best first."""
        return ranking(self.past_trials, self.spec.amounts, self.criterion)

    @cached_property
    def rounds(self) -> tuple[RoundSummary, ...]:
        """Each step from coarse to fine."""
        drawn = [result for result in self.results if not self.is_added(result)]
        return tuple(_rounds(drawn, self.config.space, self.criterion, {}))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The rounds, small ones together: where two trials lay says little."""
        groups = together([round.trials for round in self.spec.rounds])
        first = {number: group[0] for group in groups for number in group}
        last = {group[0]: group[-1] for group in groups}
        drawn = [result for result in self.results if not self.is_added(result)]
        rounds = _rounds(drawn, self.config.space, self.criterion, first)
        return tuple(Step(**vars(r), last=last.get(r.round, r.round)) for r in rounds)

    @cached_property
    def top(self) -> tuple[Result, ...]:
        """The best trials, the winner first: confirmation may have passed over better values."""
        others = [r for r in self.best_results(self.most + 1) if r is not self.best]
        return (*(() if self.best is None else (self.best,)), *others)[: self.most]

    @cached_property
    def shortage(self) -> str | None:
        """That the space holds fewer settings than trials were planned; None where it does not."""
        history = [each.result.params for each in self.spec.history]
        return shortage(self.config, history) if self.spec.rules > 1 else None

    @property
    def why_ended(self) -> str | None:
        """What ended the search before its plan did, in words; None where nothing has."""
        if self.info.out_of_time:
            limit = self.config.search.timeout
            return f"its time was over: search.timeout is {duration(limit)}" if limit else None
        ending = self.info.ending
        return None if ending is None else why_ended(ending, self.config)

    @property
    def ended_by(self) -> str | None:
        """The limit that ended the search, as run.json names it, or `timeout`; None for none."""
        if self.why_ended is None:
            return None
        return "timeout" if self.info.ending is None else self.info.ending.by

    @property
    def end(self) -> str | None:
        """The same as a report says it: with its last trial a plan has not ended early."""
        if self.why_ended is None:
            return None
        ending, last = self.info.ending, self.spec.rounds[-1]
        whole = ending is not None and ending.last == last.first + last.trials - 1
        return f"ended{' with its plan' if whole else ' early'}: {self.why_ended}"

    @cached_property
    def retried(self) -> int:
        """How many attempts at a training failed and were followed by another."""
        retries = self.config.search.retries
        if not retries:
            return 0
        failed = Counter(
            (span.number, span.repeat, span.fold)
            for span in self.timeline
            if isinstance(span.error, str)
        )
        return sum(min(attempts, retries) for attempts in failed.values())

    @property
    def refinable(self) -> bool:
        """Whether there is a best trial, and anything around it that was not tried."""
        known = [each.result.params for each in self.past_trials]
        if self.config.search.sampler == "grid":
            tried = not untried(self.config.space, known, most=1)
        else:
            tried = self.shortage is not None and self.info.status == "finished"
        return self.best is not None and not tried

    @cached_property
    def warnings(self) -> tuple[Advice, ...]:
        """What to be wary of, and what to do about it."""
        found = list(advise(self.run.path, self.config, self.results, elites_of(self.ranked)))
        if self.shortage is not None:
            found.insert(0, Advice("exhausted", None, self.shortage))
        if self.best is not None:
            broken = bounds_text(self.criterion, self.best, self.means)
            found += [] if broken is None else [Advice("bounds", None, broken)]
        if self.tested is not None and self.tested.warning is not None:
            found.append(Advice("baseline", None, self.tested.warning))
        return tuple(found)

    @cached_property
    def means(self) -> Mapping[int, Metrics]:
        """What new seeds gave for each confirmed trial, by number."""
        return means_of(self.outcome, self.criterion)

    @cached_property
    def front(self) -> tuple[FrontPoint, ...]:
        """The trials that no other beats in every objective; empty where there is one."""
        return front_of([p.result for p in self.past_trials], self.means, self.criterion)

    @cached_property
    def covered(self) -> Covered | None:
        """How much of the objectives' box the trials dominate, trial by trial."""
        return covered([each.result for each in self.past_trials], self.criterion)

    @cached_property
    def headline(self) -> Headline | None:
        """The winner's value; None while no trial is completed."""
        if self.best is None:
            return None
        return headline_of(self.criterion, self.best, self.confirmed)

    @cached_property
    def tested(self) -> Tested | None:
        """The searched metric on the test rows; None where there are none."""
        return None if self.test is None else on_test_rows(self.criterion, self.test)

    @cached_property
    def no_better_than_parent(self) -> str | None:
        """Why a refined run is no better than its parent; None where it is, or has no parent."""
        inherited = self.spec.inherited
        if inherited is None or any(k.result.number == inherited for k in self.spec.history):
            return no_better_than_parent(self, None)
        return no_better_than_parent(self, self._parents_headline())

    def _parents_headline(self) -> Headline | None:
        """The parent's headline; None where the parent is gone or was trained otherwise."""
        path = self.run.path.parent / Path(str(self.info.parent)).name
        try:
            if not is_run(path):
                return None
            parent = summarise(RunDirectory(path))
        except HpsearchError:
            return None
        alike = self.info.data.fingerprint == parent.info.data.fingerprint
        return parent.headline if alike and same_training(self.config, parent.config) else None

    @cached_property
    def paired(self) -> tuple[PairedComparison, ...]:
        """What each crossed choice changes."""
        own = self.past_trials[len(self.spec.history) :]
        trials = [trial for trial in own if not self.is_added(trial.result)]
        return tuple(paired_comparisons(self.spec, self.criterion, trials))

    @property
    def confirmed(self) -> ConfirmedWinner | None:
        """What new seeds gave for the winner; a share's interval is cut off at 0 and 1."""
        found = None if self.outcome is None else self.outcome.confirmed
        return found and replace(found, interval=self.criterion.within(found.interval))

    @cached_property
    def importance(self) -> Importance:
        """How much each parameter matters for the metric."""
        return importance(self.spec, self.past_trials, self.ranked)

    @cached_property
    def timeline(self) -> list[Span]:
        """The lines of timeline.jsonl: which worker trained or lost which trial, and when."""
        return self.run.timeline

    @cached_property
    def workers(self) -> Workers:
        """Who trained it: workers and their hosts, how busy they were, and what was lost."""
        return workers_of(self.timeline)

    def best_results(self, count: int) -> list[Result]:
        """The best completed trials, a parent's among them, best first."""
        return best_completed([each.result for each in self.past_trials], self.criterion, count)

    @property
    def left_out(self) -> str | None:
        """What `top` leaves out, and how to see it; None where it has every trial."""
        completed = len(self.criterion.able(each.result for each in self.past_trials))
        if completed > len(self.top):
            more = completed - len(self.top)
            return f"{more:,} more completed: --top {completed}"
        found = Counter(each.result.status for each in self.past_trials)
        others = [f"{found[s]:,} {s}" for s in Status if s is not Status.COMPLETED and found[s]]
        if others and self.most > completed:
            every = f"hpsearch report {as_argument(self.run.path)} --format csv"
            return f"no more completed ({', '.join(others)}); all: {every}"
        return None

    @property
    def measured(self) -> Measured | None:
        """The winner's metrics on the test rows, as best/result.json has them."""
        return None if self.outcome is None else self.outcome.test

    @cached_property
    def test(self) -> dict[str, Any] | None:
        """The same by name, such as `run.summary.test["test_accuracy"]`."""
        return None if self.measured is None else cast("dict[str, Any]", plain(self.measured))

    def as_json(self) -> dict[str, Any]:
        """The summary that `report --format json` prints.

        `value` is what the run came to: the mean over new seeds where the winner was confirmed,
        else what the search saw, which is `search_value` and, as in trials.jsonl, `best.value`.
        """
        best, refined = self.best, self.info.parent
        return {
            "run": self.run.name,
            "metric": self.criterion.name,
            "goal": self.criterion.goal,
            "best": best
            and {
                "number": best.number,
                "params": best.params,
                "metrics": best.metrics,
                "value": best.value,
            },
            "test": self.test,
            "counts": self.counts,
            "rounds": [vars(round) for round in self.rounds],
            "warnings": [vars(warning) for warning in self.warnings],
            "confirmed": plain(self.confirmed),
            "indistinguishable": self.indistinguishable,
            "paired": [asdict(paired) for paired in self.paired],
            "importance": asdict(self.importance),
            "value": self.headline and self.headline.value,
            "search_value": self.headline and self.headline.search,
            "tested": self.tested and asdict(self.tested),
            "classes": list(self.info.data.classes),
            "parent": refined,
            "improved": None if refined is None else self.no_better_than_parent is None,
            "workers": self.workers.as_json(),
            "ended": self._ended(),
            "tags": self.by_hand.tags,
            "by_hand": [as_line(act) for act in self.by_hand.acts],
            **self._of_several_metrics(),
            **({"running": [each.as_json() for each in self.running]} if self.running else {}),
        }

    def _ended(self) -> dict[str, Any] | None:
        """What ended the search before its plan did: the limit, the last trial, and a sentence."""
        if self.why_ended is None:
            return None
        ending = self.info.ending
        last = None if ending is None else ending.last
        return {"by": self.ended_by, "last": last, "text": self.why_ended}

    def _of_several_metrics(self) -> dict[str, Any]:
        """What the JSON has besides with bounds, and with several objectives."""
        criterion, found = self.criterion, dict[str, Any]()
        if criterion.bounds:
            metrics: Metrics = {}
            if self.best is not None:
                metrics = {**self.best.metrics, **self.means.get(self.best.number, {})}
            found["bounds"] = [
                {
                    "metric": bound.name,
                    "at_most": bound.most,
                    "at_least": bound.least,
                    "value": metrics.get(bound.name),
                    "kept": None
                    if self.best is None
                    else not bound.broken(metrics.get(bound.name)),
                }
                for bound in criterion.bounds
            ]
        if criterion.several:
            found["objectives"] = [vars(each) for each in criterion.objectives]
            found["front"] = [point.as_json() for point in self.front]
            found["hypervolume"] = self.covered and self.covered.as_json()
        return found


@uncollected()
def summarise(run: RunDirectory, top: int = 5, info: RunInfo | None = None) -> Summary:
    """Read what a run found; works at any moment of a run's life.

    Args:
        run: to read.
        top: how many trials `Summary.top` holds.
        info: what run.json says; None to read it.

    Raises:
        RunError: the run directory is damaged.
    """
    info = run.info if info is None else info
    config = from_run(info.config, run.path)
    criterion = criterion_of(config)
    spec = spec_of(run, info, config)
    trials = past_trials(run, spec)
    outcome = run.winner(info)
    results = [each.result for each in trials]
    return Summary(
        run=run,
        info=info,
        config=config,
        criterion=criterion,
        spec=spec,
        past_trials=tuple(trials),
        results=tuple(results[len(spec.history) :]),
        best=_winner(results, outcome, criterion),
        outcome=outcome,
        most=top,
        by_hand=by_hand_in(run, spec),
    )


def improvements(
    results: Iterable[Result],
    place: Callable[[int], float],
    criterion: Criterion,
    best: Result | None = None,
) -> list[tuple[float, Result]]:
    """The trials that were the best completed one so far, and where they became it.

    Args:
        results: of trials.
        place: where a trial of this number stands, such as when it ended.
        criterion: what is better.
        best: the one to beat from the start; None where there is none.
    """
    found = []
    for result in sorted(results, key=lambda result: (place(result.number), result.number)):
        if criterion.best([result] if best is None else [best, result]) is result:
            best = result
            found.append((place(result.number), result))
    return found


def titled(space: Space) -> list[tuple[str, Parameter]]:
    """The parameters, each alternative for itself, with titles: 'lr', 'hop (n_fft=512)'."""
    return [
        (f"{branch.name} ({condition(branch.when)})" if each.alternatives else each.name, branch)
        for each in space
        for branch in each.branches
    ]


def _winner(
    results: Sequence[Result], outcome: Winner | None, criterion: Criterion
) -> Result | None:
    """The confirmed winner; while there is none, the best so far."""
    number = None if outcome is None else outcome.number
    named = (result for result in results if result.number == number)
    return next(named, None) or criterion.best(results)


def _rounds(
    results: Sequence[Result],
    space: Space,
    criterion: Criterion,
    first: Mapping[int, int],
) -> list[RoundSummary]:
    """What each round had, or the first of its group, where `first` names one."""
    by_round: dict[int, list[Result]] = defaultdict(list)
    for result in results:
        by_round[first.get(result.round, result.round)].append(result)
    summaries = []
    for number, trials in sorted(by_round.items()):
        best = criterion.best(trials)
        value = None if best is None else best.value
        summaries.append(RoundSummary(number, len(trials), value, region(trials, space)))
    return summaries


def together(sizes: Sequence[int]) -> list[range]:
    """Rounds in groups of at least `ENOUGH` trials; each by itself where they are few.

    >>> together([12, 6, 2, 2, 2, 2, 3]), together([2, 1, 1])
    ([range(0, 1), range(1, 2), range(2, 7)], [range(0, 1), range(1, 2), range(2, 3)])
    """
    if len(sizes) <= FEW_ROUNDS:
        return [range(number, number + 1) for number in range(len(sizes))]
    groups: list[range] = []
    start, trials = 0, 0
    for number, size in enumerate(sizes):
        trials += size
        if trials >= ENOUGH and sum(sizes[number + 1 :]) not in range(1, ENOUGH):
            groups.append(range(start, number + 1))
            start, trials = number + 1, 0
    return [*groups, range(start, len(sizes))] if trials else groups


def region(results: Sequence[Result], space: Space) -> Region:
    """Where four fifths of the values drawn lay, by parameter: [low, high], or the choices.

    A few trials of every round are drawn far out on purpose, so the extent of all would say
    little. Of a range the tenth of the values at either end is left out, of choices the rarest
    ones. A parameter that was active in no trial is left out itself.
    """
    regions: dict[str, list[Any]] = {}
    for parameter in space:
        drawn = [
            entry
            for result in results
            if parameter.name in result.params
            for entry in _entries(result.params[parameter.name], parameter.per is not None)
        ]
        if not drawn:
            continue
        if parameter.categorical or parameter.fixed:
            choices = parameter.domain.as_config().get("values", drawn[:1])
            regions[parameter.name] = _common(drawn, choices)
        else:
            outer = round(OUTER * len(drawn))
            inner = sorted(drawn)[outer : len(drawn) - outer]
            regions[parameter.name] = [inner[0], inner[-1]]
    return regions


def _common(drawn: Sequence[Any], choices: Sequence[Any]) -> list[Any]:
    """The fewest choices that make up four fifths of those drawn, in the space's order."""
    counts = [sum(same(value, choice) for value in drawn) for choice in choices]
    kept: list[int] = []
    for index in sorted(range(len(choices)), key=lambda index: -counts[index]):
        if sum(counts[i] for i in kept) < (1 - 2 * OUTER) * len(drawn):
            kept.append(index)
    return [choices[index] for index in sorted(kept)]


def _entries(value: Any, listed: bool) -> list[Any]:
    return value if listed else [value]

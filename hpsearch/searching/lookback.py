"""Which trials enter which rungs, and what each round sees of those before it.

A round sees a trial as it was after the rungs that the plan lets it look at, whatever the trial
has trained since. So what it proposes does not depend on which trial was faster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hpsearch.sampling.propose import KEPT_AWAY_FROM
from hpsearch.sampling.ranking import REMEMBERED, Observation, led, rank
from hpsearch.searching.by_hand import ByHand
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.spec import Spec, proposals
from hpsearch.searching.stages import Stage, newly_seen, replacements, rungs_seen, seen
from hpsearch.space.settings import draw_key, drawn
from hpsearch.trial import Params, Round, Trial

PASSES_ON = 2  # the rules from which on a lost trial's place is given to another


@dataclass
class Lookback:
    """What the rounds of one search see of its trials.

    Attributes:
        spec: of the search.
        ledger: what is known of each trial.
        by_hand: settings that people added.
        entered: the trials of each stage that has started.
        reached: how many rungs each trial has entered.
        late: for each rung that a trial entered in another's place the rung that was short of
            trials, by (number, rung), see `shown`.
        past: the trials that rounds with a `lag` look at, by number.
        tried: the draws that are proposed, in a search whose rounds have a `lag`.
    """

    spec: Spec
    ledger: Ledger
    by_hand: ByHand
    entered: dict[Stage, list[Trial]] = field(default_factory=dict)
    reached: Counter[int] = field(default_factory=Counter)
    late: dict[tuple[int, int], int] = field(default_factory=dict)
    past: dict[int, Observation] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)

    def enter(self, stage: Stage, trials: Sequence[Trial]) -> None:
        """Let trials into a stage that starts."""
        self.entered[stage] = list(trials)
        self.reached.update(trial.number for trial in trials)

    def proposed(self, round: Round) -> list[Trial]:
        """The trials of a round: those that a run before a crash proposed, or new ones."""
        before = self.ledger.proposed(round)
        if round.lag is None:
            return before or proposals(self.spec, round, self.history(round))
        history = self.recent_history(round)
        pending = self.unseen(round) if before is None else ()
        trials = before or proposals(self.spec, round, history, pending, self.tried)
        draws = [trial for trial in trials if not self.spec.is_start(trial.number)]
        draws += self.by_hand.joining(round.number)
        self.tried.update(draw_key(self.spec.space, trial.params) for trial in draws)
        return trials

    def history(self, round: Round) -> list[Observation]:
        """What a round may look at: the parent's trials, then those of earlier rounds."""
        amounts, criterion = self.spec.amounts, self.ledger.criterion
        observed = [known.observe(amounts, criterion) for known in self.spec.history]
        for number, rungs in seen(round.number, self.spec.rounds).items():
            observed += [self.look(trial, rungs) for trial in self.entered[Stage(number, 0)]]
        return observed + self.added(range(round.number + 1))

    def added(self, rounds: Iterable[int]) -> list[Observation]:
        """The settings of people's own that these rounds are the first to look at."""
        trials = [trial for round in rounds for trial in self.by_hand.joining(round)]
        return [self.ledger.observe(trial, self.spec.amounts, 1) for trial in trials]

    def recent_history(self, round: Round) -> list[Observation]:
        """What a round with a lag looks at: the best trials so far, and those that are new to it.

        The others are forgotten, so that a round costs no more after many than after a few.
        """
        rounds = self.spec.rounds
        if round.number == 0 or rounds[round.number - 1].lag is None:
            history = self.history(round)
            tried = [*(each.params for each in history), *self.spec.start]
            self.tried = drawn(self.spec.space, tried)
            self.past = {each.number: each for each in history}
        else:
            for number, rung in newly_seen(round.number, rounds):
                for trial in self.entered[Stage(number, 0)]:
                    self.past[trial.number] = self.look(trial, rung + 1)
            self.past |= {each.number: each for each in self.added([round.number])}
        self.ledger.observed.clear()  # nobody looks at them again
        ranked = rank(self.past.values())
        self.past = {each.number: each for each in ranked[:REMEMBERED]}
        return ranked

    def unseen(self, round: Round) -> list[Params]:
        """The latest settings that a round with a lag knows nothing of, to keep away from them."""
        assert round.lag is not None
        numbers = range(max(0, round.number - round.lag[-1]), round.number)
        rounds = [n for n in numbers if not rungs_seen(n, round.number, self.spec.rounds)]
        trials = [trial for number in rounds for trial in self.entered[Stage(number, 0)]]
        return [trial.params for trial in trials[-KEPT_AWAY_FROM:]]

    def look(self, trial: Trial, rungs: int) -> Observation:
        """A trial as a later round sees it that may look at so many of its rungs."""
        whole = rungs == len(self.spec.rounds[trial.round].rungs)
        return self.observe(trial, rungs if whole else self.shown(trial, rungs))

    def shown(self, trial: Trial, rungs: int) -> int:
        """How many of its first rungs a later round sees: none that may still be added.

        Those are rungs which a trial entered in the place of one that was lost further up.
        """
        number, late = trial.number, self.late
        entered = range(min(rungs, self.reached[number]))
        reached = sum(late.get((number, rung), rung) < rungs for rung in entered)
        over = self.spec.is_start(number) or self.ledger.completed_by(trial, reached)
        return rungs if over or self.spec.rules < PASSES_ON else reached

    def observe(self, trial: Trial, rungs: int) -> Observation:
        """A trial as it was after this many rungs of its round, whatever it has trained since."""
        reached = self.spec.rounds[trial.round].rungs[rungs - 1].epochs
        amounts = [amount for amount in self.spec.amounts if amount <= reached]
        return self.ledger.observe(trial, amounts, rungs)

    def able(self, stage: Stage) -> list[Trial]:
        """The trials that may go on from a rung, best first, without starting settings."""
        rungs = stage.rung + 1
        ranked = led(rank(self.observe(trial, rungs) for trial in self.entered[stage]))
        entered = {trial.number: trial for trial in self.entered[stage]}
        return [
            entered[observed.number]
            for observed in ranked
            if observed.finite and not self.spec.is_start(observed.number)
        ]

    def fill(self, stage: Stage) -> list[tuple[Trial, Stage]]:
        """Let trials into the places that came free at a rung, as others failed or diverged.

        Returns:
            Those trials, each with the stage that it goes on to: this one, or one below it.
        """
        rungs = self.spec.rounds[stage.round].rungs
        missing = rungs[stage.rung].trials - len(self.able(stage)) if stage.rung else 0
        if missing <= 0 or self.spec.rules < PASSES_ON:
            return []
        stages = [Stage(stage.round, rung) for rung in range(stage.rung + 1)]
        able = [[trial.number for trial in self.able(each)] for each in stages]
        entered = [{trial.number for trial in self.entered[each]} for each in stages]
        trials = {trial.number: trial for trial in self.entered[stages[0]]}
        chosen = [
            (trials[number], stages[rung]) for number, rung in replacements(able, entered, missing)
        ]
        for trial, at in chosen:
            self.entered[at].append(trial)
            self.reached[trial.number] += 1
            self.late[trial.number, at.rung] = stage.rung
        return chosen

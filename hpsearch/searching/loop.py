"""The search itself: propose, train side by side, record, narrow; coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from hpsearch.backends import Answer, Backend, Task
from hpsearch.errors import TrainerError
from hpsearch.sampling.plan import Round, Rung
from hpsearch.sampling.ranking import Observation, rank
from hpsearch.searching.brief import Brief, proposals
from hpsearch.searching.events import Event, RoundStarted, TrialEnded
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.stages import Stage, needs, seen
from hpsearch.trainers.protocol import Job, Outcome, State, Trainer
from hpsearch.trial import Result, Status, Trial

FIRST_TRIALS = 10  # where all of these failed, the rest would too


@dataclass
class Search:
    """One search being done.

    What it proposes and keeps depends on the brief and on what the trials gave, never on
    which trial was faster.
    """

    brief: Brief
    trainer: Trainer
    backend: Backend
    ledger: Ledger
    tell: Callable[[Event], None]
    best: Result | None = None
    best_state: State | None = None  # None too where the best trial was trained before a crash
    trials: dict[int, Trial] = field(default_factory=dict)
    entered: dict[Stage, list[Trial]] = field(default_factory=dict)
    training: dict[Stage, set[int]] = field(default_factory=dict)  # trials not yet answered
    groups: dict[Hashable, tuple[Stage, Sequence[Job]]] = field(default_factory=dict)
    ended: set[Stage] = field(default_factory=set)
    states: dict[int, State] = field(default_factory=dict)

    def go(self) -> None:
        """Coarse to fine, until every planned trial has met its fate.

        Raises:
            TrainerError: each of the first trials failed.
        """
        self.best = self.ledger.objective.best(self.ledger.results.values())
        waiting = [
            Stage(round.number, rung)
            for round in self.brief.rounds
            for rung in range(len(round.rungs))
        ]
        while waiting or self.training:
            for stage in waiting[:]:
                if needs(stage, self.brief.rounds) <= self.ended:
                    waiting.remove(stage)
                    self.start(stage)
            if over := [stage for stage, numbers in self.training.items() if not numbers]:
                self.end(min(over))
            else:
                self.receive(self.backend.next())

    def start(self, stage: Stage) -> None:
        """Give the trials of a rung to the backend, those of a first rung freshly proposed."""
        round = self.brief.rounds[stage.round]
        if stage.rung == 0:
            self.entered[stage] = self.propose(round)
            self.trials |= {trial.number: trial for trial in self.entered[stage]}
            self.tell(RoundStarted(round, len(self.brief.rounds)))
        for trial in self.entered[stage]:
            self.conclude(trial)  # a crash may have come between its curve and its fate
        jobs = [self.job(trial, stage) for trial in self.entered[stage]]
        jobs = [job for job in jobs if not self.is_done(job)]
        self.training[stage] = {job.number for job in jobs}
        for group in self.trainer.groups(jobs):
            self.submit(stage, group)

    def propose(self, round: Round) -> list[Trial]:
        """The trials of a round, from what the plan lets it see of the rounds before."""
        return proposals(self.brief, round, self.history(round))

    def history(self, round: Round) -> list[Observation]:
        """What a round may look at, by number: its parent's trials and those of earlier rounds."""
        amounts, objective = self.brief.amounts, self.ledger.objective
        observed = [known.observe(amounts, objective) for known in self.brief.history]
        for number, rungs in seen(round.number, self.brief.rounds).items():
            observed += [self.observe(trial, rungs) for trial in self.entered[Stage(number, 0)]]
        return observed

    def observe(self, trial: Trial, rungs: int) -> Observation:
        """What is known of a trial after so many rungs of its round, whatever came since."""
        reached = self.brief.rounds[trial.round].rungs[rungs - 1].epochs
        amounts = [amount for amount in self.brief.amounts if amount <= reached]
        return self.ledger.observe(trial, amounts, rungs)

    def job(self, trial: Trial, stage: Stage) -> Job:
        """The piece of training that takes a trial through a rung."""
        settings = self.brief.settings_of(trial.params)
        rung = self.brief.rounds[stage.round].rungs[stage.rung]
        until = settings["epochs"]
        if not self.brief.is_start(trial.number):
            until = min(until, rung.epochs)
        seed = self.brief.seed_of(trial)
        return Job(trial.number, settings, seed, until_epoch=until, rung=stage.rung)

    def is_done(self, job: Job) -> bool:
        """Whether a piece need not be trained: it was before a crash, or would change nothing.

        A trial that has gone on has done what came before. Of its last piece, only a state
        says that it was to go on; without one, training it again tells.
        """
        ledger = self.ledger
        if job.number in ledger.results or job.number in ledger.finished:
            return True
        last = max((piece.rung for piece in ledger.pieces[job.number]), default=-1)
        if last != job.rung:
            return last > job.rung
        trained = ledger.epochs(job.number) >= job.until_epoch
        return trained and self.state(job.number) is not None

    def submit(self, stage: Stage, group: Sequence[Job]) -> None:
        """Queue one group of jobs, each with the state to go on from."""
        key = tuple(job.number for job in group)
        self.groups[key] = stage, group
        states = [self.state(job.number) for job in group]
        limit = self.brief.trial_timeout
        timeout = limit * len(group) if limit is not None else None
        self.backend.submit(Task(key, self.trainer.train, (group, states), timeout))

    def state(self, number: int) -> State | None:
        """What a trial goes on from; None before its first piece."""
        if number in self.states or not self.ledger.epochs(number):
            return self.states.get(number)
        return self.ledger.writer.state(number)

    def receive(self, answer: Answer) -> None:
        """Record what a group gave. A stack that died is trained again one by one."""
        stage, group = self.groups.pop(answer.key)
        if answer.kind == "ok":
            for job, outcome in zip(group, answer.value, strict=True):
                self.record(job, outcome, answer, share=len(group))
                self.training[stage].discard(job.number)
        elif len(group) > 1:
            for job in group:
                self.submit(stage, [job])
        else:
            self.fail(group[0], answer)
            self.training[stage].discard(group[0].number)

    def record(self, job: Job, outcome: Outcome, answer: Answer, share: int) -> None:
        """Record one piece of training, and the trial's fate if that is known now."""
        trial, ledger = self.trials[job.number], self.ledger
        piece = ledger.piece(job, outcome)
        full = self.brief.settings_of(trial.params)["epochs"]
        finished = outcome.finished or outcome.diverged or job.until_epoch >= full
        ledger.worked(trial.number, job.rung, answer, share)
        ledger.trained(piece, outcome.state, finished)
        if outcome.state is not None:
            self.states[trial.number] = outcome.state
        self.conclude(trial)

    def conclude(self, trial: Trial) -> None:
        """Record a trial's fate where its last piece of training decides it."""
        number, ledger = trial.number, self.ledger
        if number in ledger.results or not ledger.pieces[number]:
            return
        full = self.brief.settings_of(trial.params)["epochs"]
        if ledger.pieces[number][-1].value is None:
            self.settle(trial, Status.DIVERGED)
        elif number in ledger.finished or ledger.epochs(number) >= full:
            self.settle(trial, Status.COMPLETED)

    def fail(self, job: Job, answer: Answer) -> None:
        """Record a failure, and give up if none of the first trials did better."""
        trial = self.trials[job.number]
        self.ledger.worked(trial.number, job.rung, answer, share=1)
        self.ledger.writer.log(f"trial {trial.number}: {answer.traceback or answer.error}")
        self.settle(trial, Status.FAILED, answer.error)
        first = range(self.brief.first, self.brief.first + min(FIRST_TRIALS, self.brief.trials))
        results = [self.ledger.results.get(number) for number in first]
        if all(result is not None and result.status is Status.FAILED for result in results):
            raise TrainerError(
                f"each of the first {len(first)} trials failed, so the search stops; "
                f"the first said: {results[0].error if results[0] else answer.error}"
            )

    def end(self, stage: Stage) -> None:
        """A barrier: the best of a rung go on to the next, the others stop."""
        del self.training[stage]
        self.ended.add(stage)
        rungs = self.brief.rounds[stage.round].rungs
        going_on: list[Trial] = []
        if stage.rung + 1 < len(rungs):
            going_on = self.survivors(stage, rungs[stage.rung + 1])
            self.entered[Stage(stage.round, stage.rung + 1)] = going_on
        for trial in self.entered[stage]:
            if trial not in going_on and trial.number not in self.ledger.results:
                self.settle(trial, Status.STOPPED)
        self.ledger.writer.sync()

    def survivors(self, stage: Stage, rung: Rung) -> list[Trial]:
        """The best trials of a rung, as many as the next one takes."""
        rungs = stage.rung + 1
        ranked = rank(self.observe(trial, rungs) for trial in self.entered[stage])
        able = [
            self.trials[observed.number]
            for observed in ranked
            if observed.finite and not self.brief.is_start(observed.number)
        ]
        return able[: rung.trials]

    def settle(self, trial: Trial, status: Status, error: str | None = None) -> None:
        """Record a trial's fate; keep the state of the best, drop any other."""
        result = self.ledger.settle(trial, status, error)
        state = self.states.pop(trial.number, None)
        objective = self.ledger.objective
        best = objective.best([result] if self.best is None else [self.best, result])
        if best is result:
            self.best, self.best_state = result, state
        self.tell(TrialEnded(result, self.best))

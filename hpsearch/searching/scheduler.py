"""The search itself: propose, train side by side, record, narrow; coarse to fine.

The scheduler starts each stage (a rung of a round) as soon as the stages that it needs have ended,
gives its jobs to the backend, records every answer in the ledger, and at the end of a stage lets
the best go on. All that it decides follows from the spec and from the values of the trials.
"""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product

from hpsearch.backends import Answer, Backend, Task
from hpsearch.errors import HpsearchError
from hpsearch.searching.by_hand import ByHand, in_words
from hpsearch.searching.confirmation import contenders, trainings_within
from hpsearch.searching.curves import begins_anew, join
from hpsearch.searching.desk import Desk, Standing
from hpsearch.searching.events import (
    ConfirmationStarted,
    Listener,
    Remarked,
    RoundStarted,
    TrialAdded,
    TrialEnded,
    TrialsReported,
    TrialWentOn,
)
from hpsearch.searching.interrupts import StoppedByHandError, shielded
from hpsearch.searching.ledger import Ledger
from hpsearch.searching.limits import UNLIMITED, Watch
from hpsearch.searching.lookback import Lookback
from hpsearch.searching.running import Watched
from hpsearch.searching.spec import Spec
from hpsearch.searching.stages import BESIDE, Stage, needs
from hpsearch.searching.trainer import files_of
from hpsearch.trainers.protocol import Job, Outcome, State, Trainer
from hpsearch.trainers.reporting import ReportingTrainer
from hpsearch.trial import (
    BY_HAND,
    OUT_OF_TIME,
    Act,
    Ending,
    Result,
    Status,
    Training,
    Trial,
)

BEGAN_ANEW = (
    "has the metrics of its first epochs once more, to the last digit, where it should have gone "
    "on from its checkpoint; if it begins anew, drop resumes: true"
)
"""What to say of a training whose later epochs are its first ones."""

LAST = 5  # full trainings a worker: what is left of a search that nears its end


class OutOfTimeError(Exception):
    """The time that the whole search may take is over."""


@dataclass
class Scheduler:
    """One search being done.

    What it proposes and keeps depends on the spec and on the trials' values, never on which
    trial was faster; only a timeout makes speed matter.

    Attributes:
        spec: what to search.
        trainer: trains groups of jobs.
        backend: runs them.
        ledger: what is known of each trial, in memory and on disk.
        notify: is called with every event.
        deadline: on the monotonic clock, in seconds; None for no limit.
        by_hand: what people did to the search.
        desk: where it hears what they ask; None where it hears nobody.
        reports: what the trainings at work report, for who shows it; None where nobody does.
        best: the best completed trial so far.
        leaders: the completed trials that may still win: the best one, and where a limit may drop
            it, those that would be the best then.
        trials: every proposed trial, by number.
        training: the trainings of each stage that have not been answered yet.
        groups: what was given to the backend, by key.
        ended: stages that are over.
        begun: how many rounds have begun.
        wanted: what the next round waits for.
        ready: the rungs above those that have ended, until they start.
        states: what trainings go on from, where it is still in memory.
        failures: the error of each training that failed.
        confirmed: whether the search came to its end before its time was over.
        remarks: what trainings gave occasion to say, each said once.
        at_work: the trainer as workers have it, which shows what it reports.
        lookback: which trials entered which rungs, and what later rounds see of them.
        watch: looks whether a limit ends the search.
        ending: the limit that did; None where the search goes through its plan.
        enough: the least number of a trial that reached the target: no later round is begun.
    """

    spec: Spec
    trainer: Trainer
    backend: Backend
    ledger: Ledger
    notify: Listener
    deadline: float | None = None
    by_hand: ByHand = field(default_factory=ByHand)
    desk: Desk | None = None
    reports: Watched | None = None
    best: Result | None = None
    leaders: set[int] = field(default_factory=set)
    trials: dict[int, Trial] = field(default_factory=dict)
    training: dict[Stage, set[Training]] = field(default_factory=dict)
    groups: dict[Hashable, tuple[Stage, Sequence[Job]]] = field(default_factory=dict)
    ended: set[Stage] = field(default_factory=set)
    begun: int = 0
    wanted: set[Stage] = field(default_factory=set)
    ready: list[Stage] = field(default_factory=list)
    states: dict[Training, State] = field(default_factory=dict)
    failures: dict[Training, str] = field(default_factory=dict)
    confirmed: bool = False
    remarks: set[str] = field(default_factory=set)
    at_work: Trainer = field(init=False)
    lookback: Lookback = field(init=False)
    watch: Watch = field(init=False)
    ending: Ending | None = None
    enough: float = math.inf

    def __post_init__(self) -> None:
        criterion, known = self.ledger.criterion, [each.result for each in self.spec.history]
        best = criterion.best(known)
        reports = self.reports
        self.at_work = self.trainer
        if reports is not None:
            self.at_work = ReportingTrainer(self.trainer, reports.folder)
        self.lookback = Lookback(self.spec, self.ledger, self.by_hand)
        self.watch = Watch(self.spec.limits, criterion, self.spec.rounds, best)

    def go(self) -> None:
        """Coarse to fine, until every planned trial has met its fate, or a limit ends the search.

        Then the best are confirmed.

        Raises:
            TrainerError: each of the first trials failed.
        """
        self.best = self.best_known()
        self.lead(r.number for r in self.ledger.results.values() if r.status is Status.COMPLETED)
        for training, errors in self.ledger.failures.items():  # a crash may have come before
            if len(errors) > self.spec.retries:
                self.failures[training] = errors[-1]
        try:
            self.train_beside(list(self.by_hand.added.values()))
            while not self.confirmed or self.training:  # what is added meanwhile may be the best
                self.confirmed = False
                self.train_all()
                self.confirm()
        except OutOfTimeError:
            self.give_up()
        if self.groups:  # of trials that were stopped by hand
            self.backend.cancel()
            self.groups.clear()

    def best_known(self) -> Result | None:
        """The best completed trial of the search and of its parent; None while there is none."""
        parents = [each.result for each in self.spec.history]
        return self.ledger.criterion.best([*parents, *self.ledger.results.values()])

    def train_all(self) -> None:
        """Train until every proposed trial has met its fate, and nothing is left to propose."""
        while not self.is_over():
            if self.ending is None:
                self.start_all()
            if not self.training:
                break
            over = [stage for stage, missing in self.training.items() if not missing]
            if over and not self.pass_on(min(over)):
                self.end(min(over))
            elif not over:
                self.receive_one()

    def start_all(self) -> None:
        """Start what may start: rungs above those that have ended, then rounds in their order."""
        ready, self.ready = sorted(self.ready), []
        for stage in ready:
            self.start(stage)
        while self.begun < len(self.spec.rounds) and not (self.wanted or self.awaited()):
            if self.spec.rounds[self.begun].first > self.enough:
                break
            first = Stage(self.begun, 0)
            self.begun += 1
            trials = self.lookback.proposed(self.spec.rounds[first.round])
            self.trials |= {trial.number: trial for trial in trials}
            self.lookback.enter(first, trials)
            self.notify(RoundStarted(self.spec.rounds[first.round], len(self.spec.rounds)))
            self.start(first)
            if self.begun < len(self.spec.rounds):
                self.wanted = set(needs(Stage(self.begun, 0), self.spec.rounds) - self.ended)

    def is_over(self) -> bool:
        """Whether nothing is left to do, because a limit has ended the search."""
        if self.ending is None:
            self.ending = self.watch.end(self.ledger.results, self.is_through)
            if self.ending is not None:
                self.drop_beyond()
        return self.ending is not None and not self.training

    def beyond(self) -> set[int]:
        """The planned numbers above that of the search's last trial."""
        if self.ending is None:
            return set()
        last, rounds = self.ending.last, self.spec.rounds
        return {n for r in rounds for n in range(r.first, r.first + r.trials) if n > last}

    def drop_beyond(self) -> None:
        """Drop all trials beyond the last; settings that somebody has added train on.

        The pieces of those trials stay on disk: a search that goes on, as its limit is changed,
        need not train them again.
        """
        beyond = self.beyond()
        if self.backend.pending:
            self.backend.cancel()
        beside = [group for stage, group in self.groups.values() if stage == BESIDE]
        self.training = {s: left for s, left in self.training.items() if s == BESIDE}
        self.groups.clear()
        for group in beside:
            self.submit(BESIDE, group)
        self.trials = {n: trial for n, trial in self.trials.items() if n not in beyond}
        self.states = {each: s for each, s in self.states.items() if each[0] not in beyond}
        self.ledger.drop(beyond)
        self.best = self.best_known()
        self.lead(self.leaders - beyond)
        self.ledger.writer.sync()

    def is_through(self, round: int) -> bool:
        """Whether all rungs of a round have ended."""
        return Stage(round, len(self.spec.rounds[round].rungs) - 1) in self.ended

    def awaited(self) -> list[int]:
        """The settings of people's own that the next round looks at, and that have not ended."""
        waiting = self.by_hand.waiting(self.ledger.results)
        return [number for number in waiting if self.by_hand.joins[number] <= self.begun]

    def start(self, stage: Stage) -> None:
        """Give the trials of a stage to the backend."""
        self.train(stage, [(trial, stage) for trial in self.lookback.entered[stage]])

    def train(self, stage: Stage, trials: Sequence[tuple[Trial, Stage]]) -> None:
        """Train trials through one rung each: the rung of the stage, or one below it."""
        jobs = [job for trial, at in trials for job in self.spec.jobs(trial, at)]
        for job in jobs:
            self.ledger.carry(job)
        self.give(stage, [job for job in jobs if not self.is_done(job)])
        for trial, at in trials:
            self.conclude(trial, stage, at.rung)  # a crash may have come between curve and fate

    def give(self, stage: Stage, jobs: Sequence[Job]) -> None:
        """Queue jobs of a stage, in the groups that the trainer makes of them."""
        self.training.setdefault(stage, set()).update(job.training for job in jobs)
        for group in self.trainer.groups(jobs):
            self.submit(stage, group)

    def is_done(self, job: Job) -> bool:
        """Whether a piece need not be trained: a run before a crash did it, or nothing is left.

        A training that has gone on has done all earlier pieces. Whether its last piece was to go
        on is known only from a state; without one it is trained again.
        """
        ledger = self.ledger
        if job.number in ledger.results or job.training in ledger.finished or self.stopped(job):
            return True
        if job.training in self.failures:
            return True
        last = max((piece.rung for piece in ledger.pieces[job.training]), default=-1)
        if last != job.rung:
            return last > job.rung
        trained = ledger.epochs(job.training) >= job.until_epoch
        return trained and self.state(job.training) is not None

    def submit(self, stage: Stage, group: Sequence[Job]) -> None:
        """Queue one group of jobs, each with the state to go on from."""
        key = tuple(job.training for job in group)
        self.groups[key] = stage, group
        states = [self.state(job.training) for job in group]
        limit = self.spec.trial_timeout
        timeout = limit * len(group) if limit is not None else None
        cost = sum(self.urgency(job, stage) for job in group)
        name = "trial-" + "+".join(str(job.number) for job in group)
        train, args, files = self.at_work.train, (group, states), files_of(group)
        self.backend.submit(Task(key, train, args, timeout, cost=cost, name=name, files=files))

    def urgency(self, job: Job, stage: Stage) -> float:
        """By how much a job should go first, in seconds: about how long the way from it is.

        It is the way to the end of its training, so that good trials show early; and the way to
        the end of the search once that is near, so that workers do not end up waiting for a few
        long trainings that could have begun before. Only the order of training depends on it.
        """
        spec, ledger = self.spec, self.ledger
        done, full = ledger.epochs(job.training), float(job.settings["epochs"])  # type: ignore[arg-type]
        left = spec.epochs - ledger.spent[0]
        if stage not in spec.ways or left > LAST * spec.amounts[-1] * self.backend.jobs:
            return ledger.seconds(job, full - done)
        return ledger.seconds(job, job.until_epoch - done) + spec.ways[stage] * ledger.pace

    def state(self, training: Training) -> State | None:
        """What a training goes on from; None before its first piece."""
        if training in self.states or not self.ledger.epochs(training):
            return self.states.get(training)
        return self.ledger.writer.state(self.ledger.pieces[training][-1])

    def next_answer(self) -> Answer | None:
        """Wait for any answer, but not beyond the deadline; lines reach the disk meanwhile.

        None where people asked for something else, which is done.
        """
        writer = self.ledger.writer
        while True:
            left = math.inf if self.deadline is None else self.deadline - time.monotonic()
            if left <= 0:  # short trials could answer one after another for ever
                raise OutOfTimeError
            look = math.inf if self.desk is None else self.desk.seconds_left
            news = math.inf if self.reports is None else self.reports.seconds_left
            patience = min(left, writer.seconds_to_sync, look, news)
            try:
                return self.backend.next(None if math.isinf(patience) else patience)
            except TimeoutError:
                if patience >= left:
                    raise OutOfTimeError from None
                if patience >= news:
                    self.show_reports()
                elif patience < look:
                    writer.sync()
                elif self.hear():
                    return None

    def receive_one(self) -> None:
        """Wait for an answer and record it whole, or do what people ask meanwhile.

        An interrupt waits until that is done.
        """
        self.show_reports()
        if self.hear():
            return
        answer = self.next_answer()
        if answer is not None:
            with shielded():
                self.receive(answer)

    def hear(self) -> bool:
        """Do what people ask, if it is time to look; whether that was anything.

        Raises:
            StoppedByHandError: they ask the search to end.
        """
        if self.desk is None or not self.desk.due:
            return False
        with shielded():
            done = self.desk.hear(
                Standing(self.ledger.results, self.begun, self.rungs), self.take_effect
            )
        if any(act.action == "stop" and act.trial is None for act in done):
            raise StoppedByHandError
        return bool(done)

    def show_reports(self) -> None:
        """Say what the trainings at work have reported, if it is time to look."""
        if self.reports is None or self.reports.seconds_left > 0:
            return
        with shielded():
            given = {job.training for _, group in self.groups.values() for job in group}
            before, running = self.reports.shown, self.reports.look(given)
            if running or before:
                self.notify(TrialsReported(running, self.ledger.criterion.name))

    def rungs(self, number: int) -> int | None:
        """How many rungs a trial has come through; None before it is proposed."""
        return self.ledger.rung(self.trials[number]) + 1 if number in self.trials else None

    def take_effect(self, act: Act) -> None:
        """Do what somebody has decided."""
        if act.action == "add" and act.trial is not None:
            trial = self.by_hand.added[act.trial]
            self.notify(TrialAdded(trial))
            self.train_beside([trial])
        elif act.action == "stop" and act.trial is not None:
            self.halt(self.trials[act.trial])
        self.notify(Remarked(f"by hand: {in_words(act)}"))

    def train_beside(self, added: Sequence[Trial]) -> None:
        """Train settings that somebody has added, in full and beside all rounds."""
        self.trials |= {trial.number: trial for trial in added}
        if added:
            self.train(BESIDE, [(trial, BESIDE) for trial in added])

    def stopped(self, job: Job) -> bool:
        """Whether a piece is of a trial that was stopped by hand before it."""
        return job.repeat < self.spec.repeats and self.by_hand.stops_after(job.number, job.rung)

    def halt(self, trial: Trial) -> None:
        """Stop a trial: what it trains beyond its last rung is dropped.

        Of several trainings some may be behind: the trial ends when they come to its last rung.
        """
        for key, (stage, group) in list(self.groups.items()):
            dropped = {j.training for j in group if j.number == trial.number and self.stopped(j)}
            if not dropped:
                continue
            self.training[stage] -= dropped
            if self.backend.withdraw(key):
                del self.groups[key]
                if rest := [job for job in group if job.training not in dropped]:
                    self.submit(stage, rest)
        own = self.ledger.of(trial.number)
        if not any(missing.intersection(own) for missing in self.training.values()):
            self.settle(trial, Status.STOPPED, BY_HAND)

    def take_in(self) -> None:
        """Record the answers that have already arrived, when the search is interrupted."""
        with suppress(TimeoutError, LookupError, HpsearchError):
            for _ in range(self.backend.jobs):
                self.receive(self.backend.next(0))

    def receive(self, answer: Answer) -> None:
        """Record a group's outcomes. A group of several that died is trained again one by one."""
        stage, together = self.groups.pop(answer.key)
        group = [job for job in together if not self.stopped(job)]
        if self.reports is not None and answer.kind in ("died", "timeout"):
            self.reports.forget([job.training for job in together])
        if answer.kind != "ok" and len(together) > 1:
            for job in group:
                self.submit(stage, [job])
            return
        again: list[Job] = []
        if answer.kind == "ok":
            for job, outcome in zip(together, answer.value, strict=True):
                if self.stopped(job):
                    continue
                lacking = self.ledger.criterion.lacking(outcome.curve)
                if not lacking:
                    self.record(job, outcome, answer, share=len(together))
                elif self.fails(job, replace(answer, error=f"TrainerError: {lacking}")):
                    again.append(job)
        elif group and self.fails(group[0], answer):
            again.append(group[0])
        for job in again:
            self.submit(stage, [job])
        group = [job for job in group if job not in again]
        if group:  # else nobody waits for it
            self.training[stage] -= {job.training for job in group}
        for number, rung in {(j.number, j.rung) for j in group if j.repeat < self.spec.repeats}:
            self.conclude(self.trials[number], stage, rung)

    def record(self, job: Job, outcome: Outcome, answer: Answer, share: int) -> None:
        """Record one piece of training.

        Args:
            job: that was trained.
            outcome: of the job.
            answer: of the backend, which may be for several jobs.
            share: how many jobs were trained together.
        """
        piece = self.ledger.piece(job, outcome)
        finished = outcome.finished or outcome.diverged
        finished = finished or job.until_epoch >= job.settings["epochs"]  # type: ignore[operator]
        remarks = list(outcome.remarks)
        if begins_anew(join(self.ledger.pieces[job.training]), piece.curve):
            remarks.append(BEGAN_ANEW)
        for remark in [each for each in remarks if each not in self.remarks]:
            self.remarks.add(remark)
            self.ledger.writer.log(f"trial {job.number} {remark}")
            self.notify(Remarked(f"trial {job.number} {remark}"))
        self.ledger.worked(job, answer, share)
        self.ledger.trained(piece, outcome.state, finished)
        if outcome.state is not None:
            self.states[job.training] = outcome.state

    def conclude(self, trial: Trial, stage: Stage, rung: int) -> None:
        """Record a trial's fate once all its trainings up to a rung are in and decide it."""
        ledger, own = self.ledger, self.ledger.of(trial.number)
        if trial.number in ledger.results or self.training[stage].intersection(own):
            return
        full = self.spec.settings_of(trial.params)["epochs"]
        errors = [self.failures[training] for training in own if training in self.failures]
        if errors:
            self.settle(trial, Status.FAILED, errors[0])
            ledger.stop_if_hopeless(self.spec.first, self.spec.trials)
        elif ledger.diverged(trial.number):
            if ledger.rung(trial) <= rung:  # else before a crash, and other parts are to follow
                self.settle(trial, Status.DIVERGED, ledger.undefined(trial.number))
        elif all(t in ledger.finished or ledger.epochs(t) >= full for t in own):
            self.settle(trial, Status.COMPLETED)
        elif self.by_hand.stops_after(trial.number, rung + 1):
            self.settle(trial, Status.STOPPED, BY_HAND)

    def fails(self, job: Job, answer: Answer) -> bool:
        """Record that a piece of training failed; whether it is to be trained again.

        Attempts are counted for each training, and stand on disk, so that neither the order of
        answers nor a crash changes how many there are.
        """
        error, retries = answer.error or answer.kind, self.spec.retries
        self.ledger.worked(job, answer, share=1, error=error if retries else None)
        self.ledger.writer.log(f"trial {job.number}: {answer.traceback or answer.error}")
        if retries and len(self.ledger.failures[job.training]) <= retries:
            return True
        self.failures[job.training] = error
        return False

    def end(self, stage: Stage) -> None:
        """End a stage: its best trials go on to the next rung, the others stop."""
        del self.training[stage]
        if stage == BESIDE:
            return
        self.ended.add(stage)
        self.wanted.discard(stage)
        rungs = self.spec.rounds[stage.round].rungs
        going_on = []
        if stage.rung + 1 < len(rungs):
            going_on = self.lookback.able(stage)[: rungs[stage.rung + 1].trials]
            self.lookback.enter(Stage(stage.round, stage.rung + 1), going_on)
            self.ready.append(Stage(stage.round, stage.rung + 1))
        kept = {trial.number for trial in going_on}
        for trial in self.lookback.entered[stage]:
            known = trial.number in self.ledger.results
            # One that was called back before a crash has its fate later.
            if not known and trial.number not in kept and self.ledger.rung(trial) <= stage.rung:
                self.settle(trial, Status.STOPPED)
        if stage.rung + 1 == len(rungs):  # until now a place might have come free
            numbers = {trial.number for trial in self.lookback.entered[Stage(stage.round, 0)]}
            self.ledger.release(numbers - self.leaders)
        self.ledger.writer.sync()

    def pass_on(self, stage: Stage) -> bool:
        """Give the places of trials that failed or diverged at a rung to the next best.

        Decided only when every trial of the stage has answered, so never by which was faster.

        Returns:
            Whether any trial goes on in such a place, so that the stage is not over yet.
        """
        if stage == BESIDE:
            return False
        going_on = self.lookback.fill(stage)
        self.call_back(going_on)
        if going_on:
            self.train(stage, going_on)
        return bool(going_on)

    def call_back(self, going_on: Sequence[tuple[Trial, Stage]]) -> None:
        """Take back the fate of trials that had stopped and now go on."""
        called = []
        for trial, at in going_on:
            result = self.ledger.results.get(trial.number)
            if result is None or result.status is not Status.STOPPED or result.by_hand:
                continue
            if self.ledger.rung(trial) < at.rung:
                called.append(trial)
        self.ledger.reopen(trial.number for trial in called)
        for trial in called:
            self.notify(TrialWentOn(trial))

    def settle(self, trial: Trial, status: Status, error: str | None = None) -> None:
        """Record a trial's fate; of finished trials keep only the best one's states in memory."""
        result = self.ledger.settle(trial, status, error)
        criterion, before = self.ledger.criterion, self.best
        if criterion.reaches(result):
            self.enough = min(self.enough, result.number)
        self.best = criterion.best([result] if before is None else [before, result])
        for dropped in (result, before):
            if dropped is not None and dropped is not self.best:
                for training in self.ledger.of(dropped.number):
                    self.states.pop(training, None)
        if status is Status.COMPLETED:
            self.lead([*self.leaders, trial.number])
        self.notify(TrialEnded(result, self.best))

    def lead(self, numbers: Iterable[int]) -> None:
        """Note which of some completed trials may win yet, and release the others.

        A limit drops the trials above a number: those that one of them has beaten may win then.
        """
        criterion, added = self.ledger.criterion, self.by_hand.added  # which no limit drops
        completed = [self.ledger.results[number] for number in numbers]
        completed.sort(key=lambda result: (result.number not in added, result.number))
        leading = criterion.best(each.result for each in self.spec.history)
        leaders = []
        for result in completed:
            before, leading = leading, criterion.best(filter(None, (leading, result)))
            if leading is result is not before:
                leaders.append(result.number)
        unlimited = self.spec.limits == UNLIMITED and criterion.target is None
        self.leaders = {*(leaders[-1:] if unlimited else leaders)}
        self.ledger.release(r.number for r in completed if r.number not in self.leaders)

    def confirm(self) -> None:
        """Train the best few again, with new seeds, the same for each of them."""
        spec, stage = self.spec, Stage(len(self.spec.rounds), 0)
        jobs = [
            job
            for result, trainings in self.contenders()
            for job in spec.confirming_jobs(result, trainings)
        ]
        if jobs:
            self.notify(ConfirmationStarted(len({job.number for job in jobs}), len(jobs)))
        pieces, lost = self.ledger.pieces, self.failures
        new = [job for job in jobs if not pieces[job.training] and job.training not in lost]
        self.give(stage, new)
        while self.training[stage]:
            self.receive_one()
        del self.training[stage]
        self.ledger.writer.sync()
        self.confirmed = True

    def contenders(self) -> list[tuple[Result, list[Training]]]:
        """The settings to confirm, and the new trainings of each."""
        spec = self.spec
        if spec.confirm is None:
            return []
        trials = spec.trials - len(self.beyond())
        top, seeds = trainings_within(spec.confirm, trials * spec.repeats)
        own, parents = self.ledger.results.values(), [known.result for known in spec.history]
        criterion, inherited = self.ledger.criterion, spec.inherited
        again = spec.rules == 1
        chosen = contenders(list(own), parents, criterion, top, inherited, again) if top else []
        new = list(product(range(spec.repeats, spec.repeats + seeds), range(spec.folds)))
        return [
            (result, [(result.number, repeat, fold) for repeat, fold in new]) for result in chosen
        ]

    def give_up(self) -> None:
        """Out of time: cancel what is training, and stop each trial that has a value.

        A resumed search with more time goes on with the trials that stopped only for this.
        """
        self.backend.cancel()
        self.training.clear()
        before = {result.number: result.trial for result in self.ledger.cut}
        for trial in (before | self.trials).values():
            known = all(self.ledger.epochs(t) for t in self.ledger.of(trial.number))
            if trial.number not in self.ledger.results and known:
                lost = self.ledger.diverged(trial.number)
                status = Status.DIVERGED if lost else Status.STOPPED
                self.settle(trial, status, OUT_OF_TIME)
        self.ledger.writer.sync()

"""The winner: its model, its settings, and how it does on rows that no trial has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from hpsearch import backends
from hpsearch.backends import Backend, Task
from hpsearch.backends.threads import limit_threads
from hpsearch.data.dataset import Dataset
from hpsearch.errors import RunError, TrainerError
from hpsearch.searching.confirmation import (
    Confirmed,
    broken,
    confirmed_values,
    indistinguishable,
    interval,
    verdict,
)
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.curves import join, mean_of
from hpsearch.searching.evaluation import Measurement, labelled, measure
from hpsearch.searching.history import PastTrial
from hpsearch.searching.scheduler import Scheduler
from hpsearch.searching.trainer import TravellingTrainer
from hpsearch.store import (
    NEW,
    RunDirectory,
    RunInfo,
    SafePath,
    Winner,
    Writer,
    as_yaml,
    trained_in,
    write_json,
)
from hpsearch.store.records import ConfirmedWinner, Contender, Measured, Rates, SearchValue
from hpsearch.trainers.checkpoints import HELD, Checkpoints
from hpsearch.trainers.kinds import Kind, ModelFile, Trained
from hpsearch.trainers.protocol import Job, Settings, State
from hpsearch.trial import Status, Training


@dataclass(frozen=True)
class Selection:
    """Which setting won, which training of it becomes the model, and what new seeds gave."""

    known: PastTrial
    training: Training
    confirmed: Sequence[Confirmed] = ()  # every contender
    winner: Confirmed | None = None


def write_winner(
    run: RunDirectory, search: Scheduler, folds: Sequence[Dataset], kind: Kind
) -> None:
    """Write best/ for the winner of a search, its parent's trials included.

    Without a single finite value there is no winner and nothing is written.

    Args:
        run: the run directory.
        search: that has come to its end.
        folds: the data, once for each fold; empty where the trainer reads its own, which
            leaves its settings and no model.
        kind: of the trainer.
    """
    choice = choose(search)
    clear_folders(run, search, choice)
    if choice is None:
        return
    run.best.mkdir(exist_ok=True)
    keep_checkpoint(run, search.ledger.writer, choice.training)
    dataset = folds[choice.training[2]] if folds else None
    test = None
    if dataset is not None and kind.model is not None:
        with limit_threads(1):  # their number changes bits
            test = write_model(run, search, choice, dataset, kind.model)
    params = choice.known.result.params
    text = params_text(kind, search.spec.settings_of(params), params, dataset)
    (run.best / "params.yaml").write_text(text)
    write_json(run.best / "result.json", outcome(choice, search.ledger.criterion, test))


def clear_folders(run: RunDirectory, search: Scheduler, choice: Selection | None) -> None:
    """Remove the folders of trials' own, but the winner's and those of trainings that failed.

    Most are gone by now. Where time ran out, trials may go on in theirs.
    """
    ledger, winner = search.ledger, None if choice is None else choice.known.result.number
    if ledger.folders_stay or not search.confirmed or not run.trials.is_folder():
        return
    spared = {n for n, result in ledger.results.items() if result.status is Status.FAILED}
    spared |= set() if winner is None else {winner}
    known = {*ledger.results, *(each.result.number for each in search.spec.history)}
    for name in run.trials.names():
        training = trained_in(name)
        if training is None or training[0] in spared:
            continue
        if training in search.failures and training[0] in known:  # one that was to confirm
            continue
        with suppress(OSError):
            (run.trials / name).remove()


def keep_checkpoint(run: RunDirectory, writer: Writer, training: Training) -> None:
    """Make best/checkpoint/ what the winner's training left at its end, where it left anything.

    A crash leaves the whole of it or nothing; run.json says whose it is. What is there of the
    same training stays, as where a finished search goes on; a parent's is copied from its run.
    """
    if writer.info.checkpoint == training and run.checkpoint.is_folder():
        return
    left = Checkpoints.of(run.inside, training).final
    if not left.is_folder():
        left = _parents(run, writer.info, training) or left
    if writer.info.checkpoint is not None:
        writer.update(checkpoint=None)
    if not left.is_folder():
        run.checkpoint.remove()
        return
    replace_folder(run.checkpoint, left)
    writer.update(checkpoint=training)


def replace_folder(place: SafePath, source: SafePath) -> None:
    """Put a copy of a folder in the place of another: a crash leaves it whole, or none there."""
    new = place.parent / f".{place.name}.{token_hex(8)}{NEW}"  # swept where a crash leaves it
    new.mkdir()
    try:
        source.copy_into(new, special=False)
        (new / HELD).remove()
        place.remove()
        new.rename(place.name)
    except BaseException:
        new.remove()
        raise


def _parents(run: RunDirectory, info: RunInfo, training: Training) -> SafePath | None:
    """The checkpoint of a training that a parent of the run keeps as its winner's."""
    seen = set[str]()
    while info.parent is not None and info.parent not in seen:
        seen.add(info.parent)
        run = RunDirectory(run.path.parent / info.parent)  # a path, where it is not beside it
        with suppress(OSError, RunError):  # it may be gone, or damaged
            info = run.info
            if training[0] in {piece.number for piece in run.pieces}:
                return run.checkpoint if info.checkpoint == training else None
    return None


def write_model(
    run: RunDirectory,
    search: Scheduler,
    choice: Selection,
    dataset: Dataset,
    file: ModelFile,
) -> Measured | None:
    """Write the winning model, and give its metrics on the test rows.

    The test rows, the same for every fold, are used here, once a winner; None without any.

    Args:
        run: whose best/ the model is written into.
        search: that has come to its end.
        choice: the winner.
        dataset: the winner's fold; the model encodes rows as it did.
        file: how its kind writes a model.
    """
    state = search.states.get(choice.training)
    job = job_of(search, choice.known, choice.training)
    if state is None:  # trained before a crash, or by the parent: the same bits again
        state = _train_again(search, job)

    trainer, backend = search.trainer, search.backend
    with ExitStack() as stack:
        if isinstance(trainer, TravellingTrainer):  # the run's best/ may be on this machine alone
            trainer = trainer.made_here()
            backend = stack.enter_context(backends.create("local", 1))

        def call(function: Callable[..., Any], *args: Any) -> Any:
            return at_worker(backend, function, *args)

        model = file.write(run.best, Trained(trainer, job, state, dataset, call))
        if "test" not in dataset.parts:
            return None
        rows = labelled(dataset.source, dataset.encoding, dataset.y, dataset.parts["test"])
        found = measured(measure(model, rows))
    writer = search.ledger.writer
    writer.update(test_looks=writer.info.test_looks + 1)
    return found


def measured(found: Measurement) -> Measured:
    """What the test rows gave, as best/result.json has it."""
    fields = found.as_dict("test")
    return Measured(**{**fields, "per_class": Rates(**fields["per_class"])})


def at_worker(backend: Backend, function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives in a worker, while no other task is there.

    Raises:
        TrainerError: it raised something, or the worker died.
    """
    backend.submit(Task("winner", function, args))
    answer = backend.next()
    if answer.kind != "ok":
        raise TrainerError(f"the winner's model: {answer.error or answer.kind}")
    return answer.value


def choose(search: Scheduler) -> Selection | None:
    """The winner: with confirmation the best mean of the new values, else the best value.

    Its model is the training with the median value, never the luckiest. None where no trial
    was completed with a finite value.
    """
    spec, criterion = search.spec, search.ledger.criterion
    known = {each.result.number: each for each in spec.history}
    for number, result in search.ledger.results.items():
        known[number] = PastTrial(result, {}, spec.seed_of(number), spec.rules)
    best = criterion.best(each.result for each in known.values())
    if best is None:
        return None
    trainings = {}
    if search.confirmed:
        trainings = {result.number: own for result, own in search.contenders()}
    confirmed = confirmed_values(
        {number: _values(search, own) for number, own in trainings.items()},
        {number: each.result for number, each in known.items()},
        None if criterion.plain else {n: _means(search, own) for n, own in trainings.items()},
    )
    winner = verdict(confirmed, criterion) if confirmed else None
    number = best.number if winner is None else winner.number
    own = search.ledger.of(number) if winner is None else trainings[number]
    training = median({each: _value(search, each) for each in own}, criterion)
    return Selection(known[number], training, confirmed, winner)


def outcome(choice: Selection, criterion: Criterion, test: Measured | None) -> Winner:
    """What best/result.json says of the winner; the interval of a share ends at 0 and 1."""
    best, winner, confirmed = choice.known.result, choice.winner, choice.confirmed
    within = None if winner is None else criterion.within(interval(confirmed, winner))
    able = [e for e in confirmed if winner and broken(e, criterion) <= broken(winner, criterion)]
    return Winner(
        number=best.number,
        params=best.params,
        epochs=best.epochs,
        metrics=best.metrics,
        search=SearchValue(metric=criterion.name, value=best.value, optimistic=True),
        confirmed=None if winner is None else ConfirmedWinner(**winner.as_dict(), interval=within),
        contenders=[Contender(**each.as_dict()) for each in confirmed],
        indistinguishable=[] if winner is None else indistinguishable(able, winner),
        test=test,
    )


def _values(search: Scheduler, trainings: Sequence[Training]) -> list[float | None]:
    """The new values of a setting, one a seed; folds of one seed are averaged."""
    by_seed: dict[int, list[float | None]] = {}
    for training in trainings:
        by_seed.setdefault(training[1], []).append(_value(search, training))
    return [_mean(values) for values in by_seed.values()]


def _means(search: Scheduler, trainings: Sequence[Training]) -> dict[str, float | None]:
    """The means over new trainings of the other metrics that trials are compared by."""
    criterion, pieces = search.ledger.criterion, search.ledger.pieces
    curves = [join(pieces[training]) for training in trainings]
    found = [criterion.metrics_after(c, len(c.get("epoch", ()))) for c in curves]
    return {name: _mean([each.get(name) for each in found]) for name in criterion.names[1:]}


def _value(search: Scheduler, training: Training) -> float | None:
    """The value at the end of a training; None where it has none, or is not known here."""
    pieces = search.ledger.pieces[training]
    return pieces[-1].value if pieces else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean_of(known) if len(known) == len(values) else None


def median(values: Mapping[Training, float | None], criterion: Criterion) -> Training:
    """Of several trainings that with the median value (of two medians the worse one)."""
    return sorted(values, key=lambda each: (criterion.cost(values[each]), each))[len(values) // 2]


def job_of(search: Scheduler, known: PastTrial, training: Training) -> Job:
    """A whole training of a known trial."""
    number, repeat, fold = training
    settings = search.spec.settings_of(known.result.params)
    seed = search.spec.seed_of_training(known.seed, repeat)
    confirms = search.spec.confirms(repeat)
    epochs = settings["epochs"] if confirms else known.result.epochs
    rules = search.spec.rules if confirms else known.rules
    assert isinstance(epochs, int)
    return Job(number, settings, seed, until_epoch=epochs, repeat=repeat, fold=fold, rules=rules)


def _train_again(search: Scheduler, job: Job) -> State:
    """The state at the end of a training that was done elsewhere."""
    search.backend.submit(Task("winner", search.trainer.train, ([job], [None])))
    answer = search.backend.next()
    if answer.kind != "ok" or answer.value[0].state is None:
        raise TrainerError(
            f"trial {job.number}, the winner, was completed before and now fails: "
            f"{answer.error or 'it diverged'}; are the data, NumPy and the processor the same?"
        )
    state: State = answer.value[0].state
    return state


def params_text(kind: Kind, settings: Settings, params: Settings, dataset: Dataset | None) -> str:
    """The winner's settings as YAML, and where its kind can say so, as code in comments.

    Args:
        kind: of the trainer.
        settings: all hyperparameters of the winner.
        params: those of the space.
        dataset: what it was trained on; None where the trainer reads its own.
    """
    text = as_yaml(params)
    if dataset is None:
        return text
    snippets = kind.snippets(settings, dataset.features, len(dataset.classes))
    blocks = [
        "\n".join(f"# {line}".rstrip() for line in (f"In {framework}:", *(f"  {c}" for c in code)))
        for framework, code in snippets.items()
    ]
    return text + "".join(["\n", "\n#\n".join(blocks), "\n"] if blocks else [])

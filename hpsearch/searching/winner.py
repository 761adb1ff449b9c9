"""The winner: its model, its settings, and how it does on rows that no trial has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.backends import Backend, Task
from hpsearch.backends.threads import limit_threads
from hpsearch.data.dataset import Dataset
from hpsearch.errors import TrainerError
from hpsearch.nn.types import Array
from hpsearch.searching.confirmation import (
    Confirmed,
    confirmed_values,
    indistinguishable,
    interval,
    verdict,
)
from hpsearch.searching.criterion import Criterion, mean_of
from hpsearch.searching.evaluation import Predictor, labelled, measure
from hpsearch.searching.history import PastTrial
from hpsearch.searching.scheduler import Scheduler
from hpsearch.store import RunDirectory, Winner, as_yaml, write_json, write_text
from hpsearch.store.records import ConfirmedWinner, Contender, Measured, Rates, SearchValue
from hpsearch.trainers.keras import KerasTrainer
from hpsearch.trainers.keras.own import OwnKerasTrainer, SavedModel
from hpsearch.trainers.network.frameworks import keras, pytorch
from hpsearch.trainers.network.model import Model, model_from_state, save_model
from hpsearch.trainers.protocol import Job, Settings, State
from hpsearch.trial import Training


@dataclass(frozen=True)
class Selection:
    """Which setting won, which training of it becomes the model, and what new seeds gave."""

    known: PastTrial
    training: Training
    confirmed: Sequence[Confirmed] = ()  # every contender
    winner: Confirmed | None = None


def write_winner(run: RunDirectory, search: Scheduler, folds: Sequence[Dataset]) -> None:
    """Write best/ for the winner of a search, its parent's trials included.

    A trainer of the user's, which has no data here, leaves its settings and no model. Without a
    single finite value there is no winner and nothing is written.
    """
    choice = choose(search)
    if choice is None:
        return
    run.best.mkdir(exist_ok=True)
    if folds:
        with limit_threads(1):  # their number changes bits
            test = leave_model(run, search, choice, folds)
    else:
        test = None
        write_text(run.best / "params.yaml", as_yaml(choice.known.result.params))
    write_json(run.best / "result.json", outcome(choice, search.ledger.criterion, test))


def leave_model(
    run: RunDirectory, search: Scheduler, choice: Selection, folds: Sequence[Dataset]
) -> Measured | None:
    """Write the winning model and its settings, and give its metrics on the test rows.

    The model encodes rows as its training's fold did. The test rows, the same for every fold,
    are used here, once a winner; None without any.
    """
    dataset = folds[choice.training[2]]
    state = search.states.get(choice.training)
    if state is None:  # trained before a crash, or by the parent: the same bits again
        state = _train_again(search, choice.known, choice.training)
    leave = _leave_own_keras if isinstance(search.trainer, OwnKerasTrainer) else _leave_network
    model = leave(run, search, choice, state, dataset)
    test = None
    if "test" in dataset.parts:
        rows = labelled(dataset.source, dataset.encoding, dataset.y, dataset.parts["test"])
        found = measure(model, rows).as_dict("test")
        test = Measured(**{**found, "per_class": Rates(**found["per_class"])})
        writer = search.ledger.writer
        writer.update(test_looks=writer.info.test_looks + 1)
    return test


def _leave_network(
    run: RunDirectory, search: Scheduler, choice: Selection, state: State, dataset: Dataset
) -> Predictor:
    """Write the network and its settings, also in the words of other frameworks."""
    params = choice.known.result.params
    settings = search.spec.settings_of(params)
    model = trained_model(settings, state, dataset)
    save_model(run.model, model)
    if isinstance(search.trainer, KerasTrainer):
        at_worker(search.backend, search.trainer.export, run.keras_model.resolved(), model)
    write_text(run.best / "params.yaml", params_text(settings, params, dataset))
    return model


def _leave_own_keras(
    run: RunDirectory, search: Scheduler, choice: Selection, state: State, dataset: Dataset
) -> Predictor:
    """Write a Keras model of the user's, what it needs to predict, and its settings."""
    trainer, known = search.trainer, choice.known
    assert isinstance(trainer, OwnKerasTrainer)
    job = job_of(search, known, choice.training)
    encoding = dataset.encoding
    args = (run.keras_model.resolved(), job, state, encoding.mean, encoding.scale)
    at_worker(search.backend, trainer.export, *args)
    saved = SavedModel(run.keras_model.resolved(), encoding, trainer.origin, trusted=True)
    saved.save()
    write_text(run.best / "params.yaml", as_yaml(known.result.params))
    return AtWorker(saved, search.backend)


@dataclass(frozen=True)
class AtWorker:
    """A model that predicts in a worker: this process stays without Keras."""

    model: SavedModel
    backend: Backend

    @property
    def class_names(self) -> Array:
        """(classes,), the labels."""
        return self.model.class_names

    def probabilities(self, rows: Array) -> Array:
        """Class probabilities of raw rows."""
        found: Array = at_worker(self.backend, self.model.probabilities, rows)
        return found


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
    return Winner(
        number=best.number,
        params=best.params,
        epochs=best.epochs,
        metrics=best.metrics,
        search=SearchValue(metric=criterion.name, value=best.value, optimistic=True),
        confirmed=None if winner is None else ConfirmedWinner(**winner.as_dict(), interval=within),
        contenders=[Contender(**each.as_dict()) for each in confirmed],
        indistinguishable=[] if winner is None else indistinguishable(confirmed, winner),
        test=test,
    )


def _values(search: Scheduler, trainings: Sequence[Training]) -> list[float | None]:
    """The new values of a setting, one a seed; folds of one seed are averaged."""
    by_seed: dict[int, list[float | None]] = {}
    for training in trainings:
        by_seed.setdefault(training[1], []).append(_value(search, training))
    return [_mean(values) for values in by_seed.values()]


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


def _train_again(search: Scheduler, known: PastTrial, training: Training) -> State:
    """The state at the end of a training that was done elsewhere."""
    job = job_of(search, known, training)
    search.backend.submit(Task("winner", search.trainer.train, ([job], [None])))
    answer = search.backend.next()
    if answer.kind != "ok" or answer.value[0].state is None:
        raise TrainerError(
            f"trial {job.number}, the winner, was completed before and now fails: "
            f"{answer.error or 'it diverged'}; are the data, NumPy and the processor the same?"
        )
    state: State = answer.value[0].state
    return state


def trained_model(settings: Settings, state: State, dataset: Dataset) -> Model:
    """A model that predicts from raw rows: weights, averages, standardisation, class names."""
    encoding = dataset.encoding
    return model_from_state(
        settings,
        state,
        mean=encoding.mean,
        scale=encoding.scale,
        class_names=np.array([str(name) for name in encoding.classes]),
        data=encoding.to_json(),
    )


def params_text(settings: Settings, params: Settings, dataset: Dataset) -> str:
    """The winner's settings as YAML, and as comments in PyTorch's and Keras's terms."""
    shape = {"features": dataset.features, "classes": len(dataset.classes)}
    code = [
        "In PyTorch:",
        *(f"  {line}" for line in pytorch(settings, **shape)),
        "",
        "In Keras:",
        *(f"  {line}" for line in keras(settings, **shape)),
    ]
    comment = "".join(f"# {line}".rstrip() + "\n" for line in code)
    return as_yaml(params) + "\n" + comment

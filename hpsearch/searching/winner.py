"""The winner: its model, its settings, and how it does on rows that no trial has seen."""

from __future__ import annotations

import numpy as np

from hpsearch.backends import Task
from hpsearch.data.dataset import Dataset
from hpsearch.errors import TrainerError
from hpsearch.searching.known import Known
from hpsearch.searching.loop import Search
from hpsearch.searching.measure import labelled, measure
from hpsearch.store import RunDirectory, as_yaml, write_json, write_text
from hpsearch.trainers.network.frameworks import keras, pytorch
from hpsearch.trainers.network.model import Model, model_from_state, save_model
from hpsearch.trainers.protocol import Job, Settings, State


def crown(run: RunDirectory, search: Search, dataset: Dataset) -> None:
    """Write best/ for the best trial of a search, the parent's trials included.

    The test rows are used here, once a winner. Without a single finite value there is no
    winner and nothing is written.
    """
    brief, objective = search.brief, search.ledger.objective
    candidates = {known.result.number: known for known in brief.history}
    for number, result in search.ledger.results.items():
        candidates[number] = Known(result, {}, brief.seed_of(result.trial))
    best = objective.best(known.result for known in candidates.values())
    if best is None:
        return
    settings = brief.settings_of(best.params)
    state = search.best_state if best is search.best else None
    if state is None:  # trained before a crash, or by the parent: the same bits again
        state = _train_again(search, candidates[best.number], settings)
    model = trained_model(settings, state, dataset)
    test = None
    if "test" in dataset.parts:
        rows = dataset.parts["test"]
        batches = labelled(dataset.source, dataset.encoding, dataset.y, rows)
        test = measure(model, batches).as_dict("test")
        run.update(test_looks=run.info["test_looks"] + 1)
    run.best.mkdir(exist_ok=True)
    save_model(run.model, model)
    write_text(run.best / "params.yaml", params_text(settings, best.params, dataset))
    write_json(
        run.best / "result.json",
        {
            "number": best.number,
            "params": best.params,
            "epochs": best.epochs,
            "metrics": best.metrics,
            "search": {"metric": objective.name, "value": best.value, "optimistic": True},
            "confirmed": None,
            "test": test,
        },
    )


def _train_again(search: Search, known: Known, settings: Settings) -> State:
    """The state at the end of a trial that was trained elsewhere."""
    job = Job(known.result.number, settings, known.seed, until_epoch=known.result.epochs)
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

"""Kind `keras`: the network trained in Keras, or with the key `model` the user's own model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.fields import choice
from hpsearch.trainers.function.kind import FOLDER, function_rule, places_of
from hpsearch.trainers.hyperparameter import epochs
from hpsearch.trainers.keras.framework import check_installed
from hpsearch.trainers.kinds import Kind, ModelFile, Option, Setup, Trained, UserCode, Workplace
from hpsearch.trainers.network import kind as network

if TYPE_CHECKING:
    from hpsearch.data.encoding import Encoding
    from hpsearch.store import SafePath
    from hpsearch.trainers.keras.user_saved import AtWorker, ModelSource, SavedModel
    from hpsearch.trainers.network.model import Model
    from hpsearch.trainers.protocol import Trainer

BACKEND = Option(
    "backend",
    choice("tensorflow", "jax", "torch"),
    "The framework below Keras: `tensorflow` (extra `[keras]`), `jax` (`[keras-jax]`) or `torch` "
    "(`[keras-torch]`).",
    "jax",
    default="tensorflow",
)

MODEL = "model.keras"


def _inspect_network(setup: Setup) -> bool:
    check_installed(setup.options["backend"])
    return True


def _make_network(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.trainers.keras.trainer import KerasTrainer

    backend, threads = setup.options["backend"], setup.threads
    measured = network.measured_by(setup)
    folder, best = str(at.data), setup.best
    return KerasTrainer(folder, at.classes, best, measured, backend=backend, threads=threads)


def _write_network(best: SafePath, trained: Trained) -> Model:
    from hpsearch.trainers.keras.trainer import KerasTrainer

    model = network.write_network(best, trained)
    assert isinstance(trained.trainer, KerasTrainer)
    trained.at_worker(trained.trainer.export, (best / MODEL).resolved(), model)
    return model


def _source(setup: Setup) -> ModelSource:
    from hpsearch.trainers.keras.user_saved import ModelSource

    options = setup.options
    return ModelSource(options["model"], options["folder"], options["backend"], setup.threads)


def _places(options: Mapping[str, Any]) -> Iterator[Path]:
    return places_of(options["model"], options["folder"])


def _modules(options: Mapping[str, Any]) -> Mapping[str, bytes]:
    from hpsearch.trainers.isolation import in_fresh_process
    from hpsearch.trainers.keras.user_saved import imported_modules

    source = ModelSource(options["model"], options["folder"], options["backend"])
    found: Mapping[str, bytes] = in_fresh_process(options["model"], imported_modules, source)
    return found


def _inspect_model(setup: Setup) -> bool:
    from hpsearch.trainers.isolation import in_fresh_process
    from hpsearch.trainers.keras.user_saved import loaded_extras

    check_installed(setup.options["backend"])
    in_fresh_process(setup.options["model"], loaded_extras, _source(setup))
    return True


def _make_model(setup: Setup, at: Workplace) -> Trainer:
    from hpsearch.store import SafePath
    from hpsearch.trainers.keras.user_trainer import KerasModelTrainer

    return KerasModelTrainer(
        str(at.data),
        SafePath(at.run.resolve()),
        at.classes,
        setup.metric,
        _source(setup),
        setup.best,
    )


def _write_model(best: SafePath, trained: Trained) -> AtWorker:
    from hpsearch.trainers.keras.user_saved import AtWorker, SavedModel
    from hpsearch.trainers.keras.user_trainer import KerasModelTrainer

    trainer, encoding = trained.trainer, trained.dataset.encoding
    assert isinstance(trainer, KerasModelTrainer)
    path = (best / MODEL).resolved()
    args = (path, trained.job, trained.state, encoding.mean, encoding.scale)
    trained.at_worker(trainer.export, *args)
    saved = SavedModel(path, encoding, trainer.source, trusted=True)
    saved.save()
    return AtWorker(saved, trained.at_worker)


def _open_model(best: SafePath, setup: Setup) -> tuple[SavedModel, Encoding]:
    from hpsearch.trainers.keras.user_saved import open_saved

    saved = open_saved(best / MODEL, trusted=True)
    saved = replace(saved, source=_source(setup))  # what is sealed, not what lies beside it
    return saved, saved.encoding


USER_MODEL = Kind(
    name="keras",
    help="`kind: keras` with a `model` trains a Keras model of your own on `data`, explained\n"
    "in [your_own_model.md](your_own_model.md#your-own-keras-model). Its parameters are\n"
    "whatever `space` names, its metrics `train_` and `val_` before `loss` and whatever the\n"
    "model is compiled with, and `val_accuracy`, `val_balanced_accuracy`, `val_macro_f1`.",
    make=_make_model,
    hyperparameters=epochs("Epochs of a full training.")
    | {"batch_size": network.KIND.hyperparameters["batch_size"]},
    options={
        "model": Option(
            "model",
            function_rule(),
            "What builds your own model: `FILE.py:NAME` or `package.module:NAME`, called as "
            "`build(params)`; it returns a compiled `keras.Model`. Left out, Keras trains the "
            "network.",
            "mymodel.py:build",
            required=True,
            place="file",
        ),
        "backend": BACKEND,
        "folder": FOLDER,
    },
    any_names=True,
    shares=network.KIND.shares,
    inspect=_inspect_model,
    threads="asked",
    devices=True,
    code=UserCode("model", "Keras model", _places, _modules),
    model=ModelFile(MODEL, _write_model, _open_model),
    chosen_by="model",
)

KIND = replace(
    network.KIND,
    name="keras",
    help="`kind: keras` trains the same network in Keras, with the same hyperparameters and\n"
    "metrics. It needs an extra, such as `[keras]`.",
    make=_make_network,
    options={"backend": BACKEND},
    inspect=_inspect_network,
    threads="asked",
    devices=True,
    model=replace(network.NETWORK_FILE, write=_write_network),
    variants=(USER_MODEL,),
)

"""Start Keras in this process: quietly, reproducibly, on the threads that it is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from hpsearch.errors import TrainerError


def check_installed() -> None:
    """Find Keras and TensorFlow without importing them, which takes seconds.

    Raises:
        TrainerError: one of them is missing.
    """
    missing = [name for name in ("keras", "tensorflow") if find_spec(name) is None]
    if missing:
        raise TrainerError(
            f"trainer.kind: keras needs packages that are not here ({', '.join(missing)}); "
            "install the extra with: pip install 'hpsearch[keras]'"
        )


@cache
def start(threads: int) -> None:
    """Import Keras on TensorFlow, once a process; the first call decides the threads.

    Raises:
        TrainerError: it is not installed, or the process already has Keras on something else.
    """
    backend = "tensorflow"
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else it logs over the progress bar
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its kernels differ between processors
    try:
        with _silence():
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise TrainerError(
            f"trainer.kind: keras needs Keras and TensorFlow; importing them failed ({error}); "
            "install them with: pip install 'hpsearch[keras]'"
        ) from error
    if keras.backend.backend() != backend:
        raise TrainerError(
            f"Keras must run on {backend}, but this process has already loaded it on "
            f"{keras.backend.backend()}; set KERAS_BACKEND={backend}, or parallel.backend: local"
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:  # the caller's process has used TensorFlow before
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            raise TrainerError(
                f"TensorFlow already runs in this process and cannot be held to {threads} "
                "thread(s); use parallel.backend: local"
            ) from error
    tf.config.experimental.enable_op_determinism()
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)  # other workers need some, too


@contextmanager
def _silence() -> Iterator[None]:
    """Send what C++ writes to stderr nowhere: before it has read its settings it heeds none."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

"""TensorFlow: mini-batches are a loop inside one traced graph."""

from __future__ import annotations

import os
from typing import Any

from hpsearch.nn.types import Array
from hpsearch.trainers.keras.frameworks.protocol import Loss, Steps

EXTRA = "keras"


def environment(threads: int) -> dict[str, str]:  # noqa: ARG001 (it is told later)
    """It would log over the progress bar, and oneDNN's kernels differ between processors."""
    ours = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    return {name: os.environ.get(name, value) for name, value in ours.items()}


def prepare(threads: int) -> None:
    """Threads, deterministic kernels, and only as much memory of a device as is used."""
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() != threads:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)  # other workers need some, too


def compiled(model: Any, optimizer: Any, loss: Loss) -> Steps:
    """A `tf.function` for any number of steps."""
    import tensorflow as tf

    variables = model.trainable_variables

    def train(X: Any, y: Any, weights: Any, plan: Any) -> Any:
        count = tf.shape(X)[0]
        losses = tf.TensorArray(tf.float32, count)
        for step in tf.range(count):
            optimizer.per_step.assign(plan[step])
            with tf.GradientTape() as tape:
                value = loss(model(X[step], training=True), y[step], weights[step])
            optimizer.apply(tape.gradient(value, [v.value for v in variables]), variables)
            losses = losses.write(step, value)
        return losses.stack()

    size, features = model.input_shape
    traced = tf.function(
        train,
        input_signature=(
            tf.TensorSpec((None, size, features), tf.float32),
            tf.TensorSpec((None, size), tf.int32),
            tf.TensorSpec((None, size), tf.float32),
            tf.TensorSpec((None, *optimizer.per_step.shape), tf.float32),
        ),
    )

    def steps(X: Array, y: Array, weights: Array, plan: Array) -> Array:
        losses: Array = traced(X, y, weights, plan).numpy()
        return losses

    return steps

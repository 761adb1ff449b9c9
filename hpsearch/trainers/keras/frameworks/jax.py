"""JAX: mini-batches are a scan of a pure step, compiled once for each number of them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from hpsearch.nn.types import Array
from hpsearch.trainers.keras.frameworks.protocol import Loss, Steps

EXTRA = "keras-jax"


def environment(threads: int) -> dict[str, str]:
    """Threads, deterministic kernels, and only as much memory of a device as is used.

    NPROC is the size of XLA's pool of threads on the processor, which is as many as there are
    cores without it: https://github.com/openxla/xla/blob/main/xla/pjrt/cpu/cpu_client.cc
    """
    flags = [os.environ.get("XLA_FLAGS", ""), "--xla_gpu_deterministic_ops=true"]
    if threads == 1:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    return {
        "NPROC": str(threads),
        "XLA_FLAGS": " ".join(flags).strip(),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",  # XLA heeds it, too
    }


def prepare(threads: int) -> None:  # noqa: ARG001 (the environment has told it)
    """Products in float32; a setting that only a fresh JAX takes shows that this one is."""
    import jax

    jax.config.update("jax_num_cpu_devices", 1)
    jax.config.update("jax_default_matmul_precision", "float32")


def compiled(model: Any, optimizer: Any, loss: Loss) -> Steps:
    """A jitted `lax.scan` over the steps; what a trial has for itself is an argument of it."""
    import jax

    place = next(i for i, v in enumerate(optimizer.variables) if v is optimizer.per_step)

    def loss_of(trainable: Any, others: Any, X: Any, y: Any, weights: Any) -> Any:
        logits, others = model.stateless_call(trainable, others, X, training=True)
        return loss(logits, y, weights), others

    gradient = jax.value_and_grad(loss_of, has_aux=True)

    def step(state: Any, batch: Any) -> Any:
        (trainable, others, moments), (X, y, weights, scalars) = state, batch
        (value, others), gradients = gradient(trainable, others, X, y, weights)
        moments = [*moments[:place], scalars, *moments[place + 1 :]]
        trainable, moments = optimizer.stateless_apply(moments, gradients, trainable)
        return (trainable, others, moments), value

    scan = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches))

    def steps(X: Array, y: Array, weights: Array, plan: Array) -> Array:
        groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        before = tuple([variable.value for variable in group] for group in groups)
        after, losses = scan(before, (X, y, weights, plan))
        for group, values in zip(groups, after, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return np.asarray(losses)

    return steps

"""PyTorch: a plain loop with its autograd; nothing is compiled."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from hpsearch.nn.types import Array
from hpsearch.trainers.keras.frameworks.protocol import Loss, Steps

EXTRA = "keras-torch"


def environment(threads: int) -> dict[str, str]:  # noqa: ARG001 (it is told later)
    """What cuBLAS needs to be deterministic.

    Reference: https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    return {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def prepare(threads: int) -> None:
    """Threads and deterministic kernels; float32 is exact by default."""
    import torch

    torch.set_num_threads(threads)
    with suppress(RuntimeError):  # this process has used it before; steps run one by one anyway
        torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads such memory


def compiled(model: Any, optimizer: Any, loss: Loss) -> Steps:
    """The loop; arrays move to Keras's device once a call."""
    import torch
    from keras import ops

    variables = model.trainable_variables

    def steps(X: Array, y: Array, weights: Array, plan: Array) -> Array:
        losses = []
        for x, labels, each, scalars in zip(
            *(ops.convert_to_tensor(array) for array in (X, y, weights, plan)), strict=True
        ):
            value = loss(model(x, training=True), labels, each)
            gradients = torch.autograd.grad(value, [v.value for v in variables])
            with torch.no_grad():
                optimizer.per_step.assign(scalars)
                optimizer.apply(gradients, variables)
            losses.append(value.detach())
        return np.asarray(torch.stack(losses).cpu())

    return steps

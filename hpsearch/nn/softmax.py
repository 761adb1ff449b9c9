"""Softmax and its cross-entropy loss. Arrays are (trials, classes, examples)."""

from __future__ import annotations

import numpy as np

from hpsearch.nn.types import Array, Labels, Logits, PerExample


def one_hot(labels: Labels, out: Logits) -> None:
    """Write y: 1 at each example's class, 0 elsewhere."""
    classes = np.arange(out.shape[1])[:, None]
    np.equal(classes, labels[:, None], out=out, casting="unsafe")


def forward(Z: Logits, Y: Logits, losses: Array) -> None:
    """Softmax over the classes, y_hat = e^z / sum e^z, and each example's -sum y log y_hat.

    The largest z of each example is subtracted first, which changes nothing but the range.

    Args:
        Z: logits; on return y_hat.
        Y: one-hot labels.
        losses: (trials, examples), receives the losses.
    """
    Z -= np.maximum.reduce(Z, axis=1, keepdims=True)
    np.einsum("tcm,tcm->tm", Y, Z, out=losses)
    np.exp(Z, out=Z)
    total = np.add.reduce(Z, axis=1, keepdims=True)
    Z /= total
    np.subtract(np.log(total[:, 0]), losses, out=losses)


def backward(Y_hat: Logits, Y: Logits, weights: PerExample) -> None:
    """Turn Y_hat into dZ = weights (Y_hat - Y); a mean over m examples has weights 1/m."""
    Y_hat -= Y
    Y_hat *= weights

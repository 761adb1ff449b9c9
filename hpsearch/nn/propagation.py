"""Forward and backward through the whole network, in buffers made once.

The training step trades layers that return their own backward for fewer passes over memory:
whatever backward needs stays where forward left it, and nothing is allocated on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.nn import batch_norm, dropout, softmax, sums
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, Layer, layers, statistics
from hpsearch.nn.types import Array, Flat, Mask, PerUnit, Units


@dataclass(frozen=True)
class HiddenBuffers:
    """One hidden layer's working arrays. Those that may share memory do."""

    Z: Units  # before batch norm; without batch norm the same array as U
    U: Units  # what the activation is applied to
    A: Units  # the activation; the same array as U unless backward needs both
    H: Units  # after dropout; without dropout the same array as A
    D: Units  # gradients, from dL/dH to dL/dZ
    scratch: Units
    mask: Mask
    factors: Units | None  # what dropout multiplies by
    deviation: PerUnit


class Propagation:
    """A stack of networks on one mini-batch size: fill X and labels, go forward, go backward.

    Attributes:
        X: (trials, examples, features), the mini-batch; the caller fills it.
        labels: (trials, examples), its classes; the caller fills it.
        gradients: (trials, parameters), written by `backward`.
        batch_statistics: (trials, statistics), each hidden unit's mean and variance, written
            by `forward`.
    """

    def __init__(
        self,
        architecture: Architecture,
        params: Flat,
        batch_size: int,
        *,
        epsilon: Array,
        dropout_rates: Array | None = None,
        class_weights: Array | None = None,
    ):
        """Make the buffers.

        Args:
            architecture: the shape all networks of the stack share.
            params: (trials, parameters); used in place, so an optimizer may change them.
            batch_size: examples of a mini-batch.
            epsilon: (trials, 1, 1), batch norm's; unused without it.
            dropout_rates: (trials, 1, 1), or None for no dropout at all.
            class_weights: (classes,), or None where all classes weigh the same.
        """
        trials, dtype = params.shape[0], params.dtype
        self._layers = layers(params, architecture)
        self.gradients = np.zeros_like(params)
        self._d_layers = layers(self.gradients, architecture)
        self.batch_statistics = np.zeros((trials, architecture.statistics), dtype)
        self._statistics = statistics(self.batch_statistics, architecture)
        self._activation = ACTIVATIONS[architecture.activation]
        self._epsilon = epsilon
        self._dropout_rates = dropout_rates
        self._class_weights = class_weights
        self._hidden = [
            _hidden_buffers(
                (trials, batch_size, u),
                dtype,
                batch_norm=architecture.batch_norm,
                keeps=self._activation.keeps,
                drops=dropout_rates is not None,
            )
            for u in architecture.hidden
        ]
        classes = architecture.units[-1]
        self.X = np.zeros((trials, batch_size, architecture.units[0]), dtype)
        self.labels = np.zeros((trials, batch_size), np.int64)
        self._logits = np.zeros((trials, classes, batch_size), dtype)  # after forward: y_hat
        self._one_hot = np.zeros_like(self._logits)
        self._losses = np.zeros((trials, batch_size), dtype)
        self._example_weights = np.full((trials, 1, batch_size), 1 / batch_size, dtype)

    def drop(self, generators: Sequence[np.random.Generator]) -> None:
        """Draw new dropout masks, which hold until the next call."""
        assert self._dropout_rates is not None
        for hidden in self._hidden:
            assert hidden.factors is not None
            dropout.draw(generators, self._dropout_rates, hidden.factors, hidden.mask)

    def forward(self) -> Array:
        """The loss of each trial on the mini-batch, (trials,).

        It is the mean over the m examples of -sum y log y_hat, each example times its class's
        weight; always divided by m, not by the weights that happened to be in the mini-batch,
        so that every example counts the same in an epoch wherever it falls.
        """
        A = self.X
        for index, (layer, hidden) in enumerate(zip(self._layers, self._hidden, strict=False)):
            np.matmul(A, layer.W, out=hidden.Z)
            if layer.gamma is None:
                np.add(hidden.Z, layer.shift, out=hidden.U)
            else:
                batch_norm.forward(
                    hidden.Z,
                    layer.gamma,
                    layer.shift,
                    self._epsilon,
                    hidden.U,
                    self._statistics[index],
                    hidden.deviation,
                )
            self._activation.forward(hidden.U, hidden.A, hidden.scratch)
            if hidden.factors is not None:
                np.multiply(hidden.A, hidden.factors, out=hidden.H)
            A = hidden.H
        W, _, b = self._layers[-1]
        np.matmul(W.transpose(0, 2, 1), A.transpose(0, 2, 1), out=self._logits)
        self._logits += b.transpose(0, 2, 1)
        softmax.one_hot(self.labels, self._one_hot)
        softmax.forward(self._logits, self._one_hot, self._losses)
        if self._class_weights is not None:
            np.take(self._class_weights, self.labels, out=self._example_weights[:, 0], mode="clip")
            self._example_weights /= self.labels.shape[1]
        losses: Array = np.einsum("tm,tm->t", self._losses, self._example_weights[:, 0])
        return losses

    def backward(self) -> None:
        """Write the gradients of the losses that `forward` returned."""
        inputs = [self.X, *(hidden.H for hidden in self._hidden)]
        softmax.backward(self._logits, self._one_hot, self._example_weights)
        D = self._logits.transpose(0, 2, 1)
        np.add.reduce(self._logits, axis=2, out=self._d_layers[-1].shift[:, 0])
        for index in reversed(range(len(self._layers))):
            layer, d_layer, A = self._layers[index], self._d_layers[index], inputs[index]
            np.matmul(A.transpose(0, 2, 1), D, out=d_layer.W)
            if index == 0:
                return
            below = self._hidden[index - 1]
            np.matmul(D, layer.W.transpose(0, 2, 1), out=below.D)
            self._hidden_backward(below, self._layers[index - 1], self._d_layers[index - 1])
            D = below.D

    def _hidden_backward(self, hidden: HiddenBuffers, layer: Layer, d_layer: Layer) -> None:
        """From dL/dH to dL/dZ of one hidden layer, in its D."""
        D = hidden.D
        if hidden.factors is not None:
            D *= hidden.factors
        self._activation.backward(D, hidden.U, hidden.A, hidden.scratch, hidden.mask)
        if layer.gamma is None or d_layer.gamma is None:
            sums.over_examples(D, out=d_layer.shift)
        else:
            batch_norm.backward(
                D, hidden.Z, layer.gamma, hidden.deviation, d_layer.gamma, d_layer.shift
            )


def _hidden_buffers(
    shape: tuple[int, int, int],
    dtype: np.dtype[np.generic],
    *,
    batch_norm: bool,
    keeps: bool,
    drops: bool,
) -> HiddenBuffers:
    trials, _, units = shape
    U = np.zeros(shape, dtype)
    A = np.zeros(shape, dtype) if keeps else U
    return HiddenBuffers(
        Z=np.zeros(shape, dtype) if batch_norm else U,
        U=U,
        A=A,
        H=np.zeros(shape, dtype) if drops else A,
        D=np.zeros(shape, dtype),
        scratch=np.zeros(shape, dtype),
        mask=np.zeros(shape, np.bool_),
        factors=np.zeros(shape, dtype) if drops else None,
        deviation=np.zeros((trials, 1, units), dtype),
    )

"""Forward and backward through the whole network, in buffers that are allocated once.

To pass over memory as seldom as possible, what backward needs stays where forward left it, and a
training step allocates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.nn import batch_norm
from hpsearch.nn.activations import ACTIVATIONS
from hpsearch.nn.architecture import Architecture, Layer, layers, statistics
from hpsearch.nn.types import Array, Flat, Labels, Logits, Mask, PerExample, PerUnit, Units


@dataclass(frozen=True)
class HiddenBuffers:
    """The working arrays of one hidden layer. Those that may share memory do."""

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
    """Losses and gradients of a stack of networks on mini-batches of one size.

    Fill `X` and `labels`, then call `forward`, then `backward`.

    Attributes:
        X: (trials, examples, features), the mini-batch; the caller fills it.
        labels: (trials, examples), its class indices; the caller fills it.
        gradients: (trials, parameters), written by `backward`.
        batch_statistics: (trials, statistics), mean and variance of each hidden unit, written
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
        """Allocate the buffers.

        Args:
            architecture: the shape that all networks of the stack share.
            params: (trials, parameters); read in place, so an optimizer may update them.
            batch_size: examples in a mini-batch.
            epsilon: (trials, 1, 1), of batch norm; not used without it.
            dropout_rates: (trials, 1, 1), the share of units dropped; None for no dropout.
            class_weights: (classes,); None where all classes weigh the same.
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
        """Draw dropout masks, one generator a trial; they hold until the next call."""
        assert self._dropout_rates is not None
        for hidden in self._hidden:
            assert hidden.factors is not None
            draw_dropout(generators, self._dropout_rates, hidden.factors, hidden.mask)

    def forward(self) -> Array:
        """The loss of each trial on the mini-batch, (trials,).

        It is the mean over the m examples of -sum y log y_hat, each times the weight of its
        class. It is divided by m and not by the sum of the weights, so that an example counts
        the same whichever mini-batch it falls into.
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
        one_hot(self.labels, self._one_hot)
        softmax_loss(self._logits, self._one_hot, self._losses)
        if self._class_weights is not None:
            np.take(self._class_weights, self.labels, out=self._example_weights[:, 0], mode="clip")
            self._example_weights /= self.labels.shape[1]
        losses: Array = np.einsum("tm,tm->t", self._losses, self._example_weights[:, 0])
        return losses

    def backward(self) -> None:
        """Write the gradients of the losses that `forward` returned."""
        inputs = [self.X, *(hidden.H for hidden in self._hidden)]
        softmax_backward(self._logits, self._one_hot, self._example_weights)
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
        """Overwrite D of one hidden layer, which holds dL/dH, with dL/dZ."""
        D = hidden.D
        if hidden.factors is not None:
            D *= hidden.factors
        self._activation.backward(D, hidden.U, hidden.A, hidden.scratch, hidden.mask)
        if layer.gamma is None or d_layer.gamma is None:
            batch_norm.sum_over_examples(D, out=d_layer.shift)
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


def draw_dropout(
    generators: Sequence[np.random.Generator], rates: Array, factors: Units, mask: Mask
) -> None:
    """Draw what activations are multiplied by: 0 with probability `rate`, else 1/(1 - rate).

    This is inverted dropout: nothing is rescaled at test time.

    Args:
        generators: one a trial, so that a trial's draws do not depend on its stack.
        rates: (trials, 1, 1), the share of units dropped.
        factors: (trials, examples, units), receives the factors.
        mask: of the same shape, overwritten.

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """
    for generator, trial in zip(generators, factors, strict=True):
        generator.random(out=trial, dtype=factors.dtype.type)
    np.greater_equal(factors, rates, out=mask)
    np.divide(mask, 1 - rates, out=factors)


def one_hot(labels: Labels, out: Logits) -> None:
    """Write y to `out`, (trials, classes, examples): 1 at the class of each example, else 0."""
    classes = np.arange(out.shape[1])[:, None]
    np.equal(classes, labels[:, None], out=out, casting="unsafe")


def softmax_loss(Z: Logits, Y: Logits, losses: Array) -> None:
    """Softmax over the classes, y_hat = e^z / sum e^z, and the loss -sum y log y_hat.

    The largest z of each example is subtracted first, so that nothing overflows; y_hat is the
    same.

    Args:
        Z: (trials, classes, examples), logits; overwritten with y_hat.
        Y: of the same shape, one-hot labels.
        losses: (trials, examples), receives the losses.
    """
    Z -= np.maximum.reduce(Z, axis=1, keepdims=True)
    np.einsum("tcm,tcm->tm", Y, Z, out=losses)
    np.exp(Z, out=Z)
    total = np.add.reduce(Z, axis=1, keepdims=True)
    Z /= total
    np.subtract(np.log(total[:, 0]), losses, out=losses)


def softmax_backward(Y_hat: Logits, Y: Logits, weights: PerExample) -> None:
    """Overwrite Y_hat with dZ = weights (Y_hat - Y); the weights of a mean over m are 1/m."""
    Y_hat -= Y
    Y_hat *= weights

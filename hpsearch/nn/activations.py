"""Activations and their derivatives, written into arrays that the caller has made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi, sqrt
from types import MappingProxyType

import numpy as np

from hpsearch.nn.types import Mask, Units

LEAK = 0.01
"""Slope of leaky_relu below zero."""

CUBIC = 0.044715
ROOT = sqrt(2 / pi)


@dataclass(frozen=True)
class Activation:
    """A function g applied to each unit. All arrays are (trials, examples, units).

    Attributes:
        name: as a configuration writes it.
        forward: `forward(U, A, scratch)` writes g(U) to A.
        backward: `backward(D, U, A, scratch, mask)` overwrites D, which holds dL/dA, with dL/dU.
        keeps: whether backward needs U beside A = g(U). If not, U and A are one array in both
            calls. Both calls may overwrite scratch and mask.
        dies: whether a unit may be 0 on all rows, and then learns nothing.
    """

    name: str
    forward: Callable[[Units, Units, Units], None]
    backward: Callable[[Units, Units, Units, Units, Mask], None]
    keeps: bool = False
    dies: bool = False


def _relu(U: Units, A: Units, _scratch: Units) -> None:
    np.maximum(U, 0, out=A)


def _relu_backward(D: Units, _U: Units, A: Units, _scratch: Units, mask: Mask) -> None:
    np.greater(A, 0, out=mask)
    np.multiply(D, mask, out=D)


def _leaky_relu(U: Units, A: Units, scratch: Units) -> None:
    np.multiply(U, LEAK, out=scratch)
    np.maximum(U, scratch, out=A)


def _leaky_relu_backward(D: Units, _U: Units, A: Units, scratch: Units, mask: Mask) -> None:
    np.greater(A, 0, out=mask)
    np.multiply(mask, 1 - LEAK, out=scratch)
    scratch += LEAK
    D *= scratch


def _tanh(U: Units, A: Units, _scratch: Units) -> None:
    np.tanh(U, out=A)


def _tanh_backward(D: Units, _U: Units, A: Units, scratch: Units, _mask: Mask) -> None:
    np.multiply(A, A, out=scratch)
    np.subtract(1, scratch, out=scratch)
    D *= scratch


def _sigmoid(U: Units, A: Units, _scratch: Units) -> None:
    # (1 + tanh(u/2)) / 2 is the same function and cannot overflow.
    np.multiply(U, 0.5, out=A)
    np.tanh(A, out=A)
    A *= 0.5
    A += 0.5


def _sigmoid_backward(D: Units, _U: Units, A: Units, scratch: Units, _mask: Mask) -> None:
    np.subtract(1, A, out=scratch)
    scratch *= A
    D *= scratch


def _gelu(U: Units, A: Units, scratch: Units) -> None:
    # A = u (1 + t) / 2 with t = tanh(ROOT (u + CUBIC u^3)). U is left holding the derivative,
    # (1 + t) / 2 + A (1 - t) ROOT (1 + 3 CUBIC u^2), while t is at hand.
    np.multiply(U, U, out=scratch)
    scratch *= CUBIC
    scratch += 1
    scratch *= U
    scratch *= ROOT
    np.tanh(scratch, out=scratch)
    np.add(scratch, 1, out=A)
    A *= U
    A *= 0.5
    U *= U
    U *= 3 * CUBIC * ROOT
    U += ROOT
    U *= A
    np.subtract(1, scratch, out=scratch)
    U *= scratch
    scratch *= -0.5
    scratch += 1
    U += scratch


def _gelu_backward(D: Units, U: Units, _A: Units, _scratch: Units, _mask: Mask) -> None:
    D *= U


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        activation.name: activation
        for activation in (
            Activation("relu", _relu, _relu_backward, dies=True),
            Activation("leaky_relu", _leaky_relu, _leaky_relu_backward),
            Activation("tanh", _tanh, _tanh_backward),
            Activation("sigmoid", _sigmoid, _sigmoid_backward),
            # Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415, the tanh form
            Activation("gelu", _gelu, _gelu_backward, keeps=True),
        )
    }
)

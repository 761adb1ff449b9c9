"""The frameworks below Keras, each a module that satisfies `protocol.Framework`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hpsearch.trainers.keras.frameworks import jax, tensorflow, torch
from hpsearch.trainers.keras.frameworks.protocol import Framework

FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {"tensorflow": tensorflow, "jax": jax, "torch": torch}
)

__all__ = ["FRAMEWORKS", "Framework"]

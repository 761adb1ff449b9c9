from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

WriteIdx = Callable[..., Path]


def idx_bytes(array: np.ndarray, magic: bytes | None = None) -> bytes:
    """An array of bytes as an IDX file holds it."""
    head = bytes([0, 0, 8, array.ndim]) if magic is None else magic
    return head + np.array(array.shape, dtype=">u4").tobytes() + array.astype(np.uint8).tobytes()


@pytest.fixture
def idx_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of pairs of images and labels; the prefix of each names its part."""

    def write(parts: dict[str, tuple[np.ndarray, Sequence[int]]], compress: bool = False) -> Path:
        for prefix, (images, labels) in parts.items():
            for kind, array in (("images-idx3", images), ("labels-idx1", np.array(labels))):
                content = idx_bytes(array)
                name = f"{prefix}-{kind}-ubyte"
                if compress:
                    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
                else:
                    (tmp_path / name).write_bytes(content)
        return tmp_path

    return write


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[str], Path]:
    """Write a table as it is given."""

    def write(text: str, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write

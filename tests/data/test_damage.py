"""A file that was damaged on its way loads or is a DataError; nothing else can happen."""

from __future__ import annotations

import contextlib
import gzip
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.data.dataset import load
from hpsearch.data.options import DataOptions
from hpsearch.errors import DataError

TABLE = "a,b,colour,y\n" + "".join(
    f"{i},{i / 4},{'red' if i % 3 else 'blue'},{'uv'[i % 2]}\n" for i in range(20)
)
IDX_LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 20]) + bytes([0, 1] * 10)
IDX_IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(range(80))


def npz_bytes() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=np.arange(40.0).reshape(20, 2), y=np.arange(20) % 2)
    return buffer.getvalue()


def parquet_bytes() -> bytes:
    return pd.read_csv(io.StringIO(TABLE)).to_parquet()


FILES = {
    "data.csv": TABLE.encode(),
    "data.csv.gz": gzip.compress(TABLE.encode(), mtime=0),
    "data.npz": npz_bytes(),
    "data.parquet": parquet_bytes(),
    "idx/train-images-idx3-ubyte": IDX_IMAGES,
    "idx/train-labels-idx1-ubyte": IDX_LABELS,
    "idx/train-images-idx3-ubyte.gz": gzip.compress(IDX_IMAGES, mtime=0),
}
PIECES = [b"", b",", b"\n", b'"', b"\0", b"nan", b"1e999", b"-", b";", b"True", b"\xff", b"\xc3"]


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_file_loads_or_is_a_data_error(tmp_path, name, data):
    content = FILES[name]
    for _ in range(data.draw(st.integers(1, 3), label="how often it is damaged")):
        start = data.draw(st.integers(0, len(content)), label="where")
        length = data.draw(st.sampled_from([0, 1, 4, len(content)]), label="bytes lost")
        piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=4), label="bytes gained")
        content = content[:start] + piece + content[start + length :]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    for kind, other in (("labels-idx1", IDX_LABELS), ("images-idx3", IDX_IMAGES)):
        if name.startswith("idx") and kind not in name:
            (tmp_path / f"idx/train-{kind}-ubyte").write_bytes(other)
    source = path.parent if name.startswith("idx") else path
    with contextlib.suppress(DataError):
        load(DataOptions(source, "y", missing=data.draw(st.sampled_from([None, "mean"]))))

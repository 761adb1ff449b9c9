from __future__ import annotations

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from hpsearch.data.npz import read_npz
from hpsearch.errors import DataError

X = np.arange(12, dtype=np.float32).reshape(4, 3)
Y = np.array(["b", "a", "b", "a"])


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


def test_x_and_y_are_one_undivided_whole(npz):
    source = read_npz(npz(x=X, y=Y))
    assert np.array_equal(source.numbers, X)
    assert source.numbers.dtype == np.float32
    assert [source.labels.values[code] for code in source.labels.codes] == Y.tolist()
    assert source.parts == {}


def test_parts_follow_each_other_in_the_order_train_val_test(npz):
    source = read_npz(
        npz(x_test=X[3:], y_test=Y[3:], x_val=X[2:3], y_val=Y[2:3], x_train=X[:2], y_train=Y[:2])
    )
    assert source.parts == {"train": range(2), "val": range(2, 3), "test": range(3, 4)}
    assert np.array_equal(source.numbers, X)
    assert [source.labels.values[code] for code in source.labels.codes] == Y.tolist()


def test_images_are_laid_out_as_rows_and_other_arrays_left_aside(npz):
    x = np.zeros((4, 5, 5), dtype=np.uint8)
    source = read_npz(npz(x=x, y=Y[:, None], weights=np.ones(3)))
    assert source.numbers.shape == (4, 25)
    assert source.numbers.dtype == np.uint8


def test_rows_to_predict_need_no_labels(npz):
    assert read_npz(npz(x=X)).labels is None


def test_a_place_is_told_by_array_and_index(npz):
    source = read_npz(npz(x_train=X, y_train=Y, x_test=X, y_test=Y))
    assert source.where(5, "x2").endswith("data.npz: x_test[1, 2]")
    assert source.where(5).endswith("data.npz: y_test[1]")
    assert read_npz(npz(x=X, y=Y)).where(2, "x0").endswith("data.npz: x[2, 0]")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": X, "labels": Y}, "must hold x and y, .* found 'features', 'labels'"),
        ({}, "found no arrays"),
        ({"x": X, "y": Y[:3]}, r"y must hold one label for each of the 4 rows .* \(3,\)"),
        ({"x": X, "y": np.eye(4)}, r"one-hot labels: save y.argmax\(axis=1\)"),
        ({"x": X[:, 0], "y": Y}, r"x must be \(rows, features\), .* found \(4,\)"),
        ({"x": X[:0], "y": Y[:0]}, r"x must be \(rows, features\), at least one"),
        ({"x": X.astype(str), "y": Y}, "x is of type <U.*; it must hold real numbers"),
        ({"x": X + 1j, "y": Y}, "x is of type complex64"),
        ({"x": X, "y": Y.astype(object)}, "holds Python objects, which only pickle could read"),
        ({"x": X, "x_train": X, "y": Y}, "holds both x and x_train"),
        (
            {"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y},
            "x_test has 2 features and x_train has 3",
        ),
        ({"x_train": X, "y_train": Y, "x_test": X}, "there is no array 'y_test'"),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": np.arange(4)},
            "some parts have labels of text and others numbers",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_told(npz, arrays, message):
    with pytest.raises(DataError, match=r"data\.npz: .*" + message):
        read_npz(npz(**arrays))


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x05\x06"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged, or not an NPZ file"):
        read_npz(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_archive_is_refused(npz, share):
    path = npz(x=X, y=Y)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match="damaged"):
        read_npz(path)


def test_a_flipped_byte_is_found(npz):
    path = npz(x=X, y=Y)
    content = bytearray(path.read_bytes())
    content[180] ^= 1  # within x
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_npz(path)


def test_long_doubles_are_read_as_doubles(npz):
    x = np.array([["1e4000", "1"], ["2", "3"]]).astype(np.longdouble)
    source = read_npz(npz(x=x, y=np.array([1, 2], dtype=np.longdouble)))
    assert source.numbers.dtype == np.float64
    assert source.numbers.tolist() == [[np.inf, 1], [2, 3]]
    assert source.labels.values == (1.0, 2.0)


def test_labels_of_bytes_are_text_and_those_of_other_types_are_refused(npz):
    assert read_npz(npz(x=X, y=Y.astype("S"))).labels.values == ("a", "b")
    for y in (np.arange(4).astype("M8[D]"), np.zeros(4, [("a", int)]), np.arange(4) + 1j):
        with pytest.raises(DataError, match=r"y is of type .*; a label must be text"):
            read_npz(npz(x=X, y=y))


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array)
    return buffer.getvalue()


def header(shape, descr="'<f8'"):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (b"hello", "x is no array"),
        (b"", "x is no array"),
        (b"\x93NUMPY\x09\x00" + npy(X)[8:], r"x is of the unknown format \(9, 0\)"),
        (header("(1099511627776, 3)"), "x says that it has 26,388,279,066,624 bytes, and has 0"),
        (header("(-5, 3)"), "x says that it has -120 bytes, and has 0"),
        (npy(X)[:-9], "x says that it has 48 bytes, and has 39"),
        (npy(X) + b"junk", "x says that it has 48 bytes, and has 52"),
        (header("(5.5, 3)"), "damaged: "),
        (header("(5, 3)", "'zz'"), "damaged: "),
        (header("open('x')"), "damaged: "),
        (npy(X)[:40], "damaged: "),
        (header("(5, 3)", "()"), "damaged: tuple index out of range"),
        (header(f"({2**70}, 0)"), "damaged: "),
        (header("-" * 9000 + "1"), "damaged: "),
        (npy(np.zeros((4, 2), [("a", "f8")])), r"x is of type \[.*\]; it must hold real numbers"),
    ],
)
def test_a_member_that_is_no_array_is_told(tmp_path, x, message):
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", x)
        archive.writestr("y.npy", npy(Y))
    with pytest.raises(DataError, match=r"data\.npz: " + message):
        read_npz(path)


def test_a_header_is_no_longer_than_numpys_own_and_else_not_read(tmp_path):
    path = tmp_path / "data.npz"
    length = 100_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # 100 kB
        start = b"\x93NUMPY\x02\x00" + length.to_bytes(4, "little")
        archive.writestr("x.npy", start + b" " * length)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="header of at most 10,000 bytes, found one of 100,"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_an_encrypted_archive_is_told(npz):
    path = npz(x=X, y=Y)
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(signature, at + 1)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.npz: is encrypted"):
        read_npz(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_told(tmp_path):
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x.npy", "x.npy", "y.npy"):
            archive.writestr(name, npy(X))
    with pytest.raises(DataError, match="holds two arrays 'x'; keep one of them"):
        read_npz(path)


def test_an_array_larger_than_memory_is_not_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "data.npz"
    np.savez(path, x=X, y=Y)
    monkeypatch.setattr(os, "sysconf", lambda name: 6)  # 36 bytes
    with pytest.raises(DataError, match="x has 48 bytes, more than this machine has memory"):
        read_npz(path)

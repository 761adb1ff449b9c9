from __future__ import annotations

import gzip

import numpy as np
import pytest

from hpsearch.data.idx import read_idx
from hpsearch.errors import DataError

IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
LABELS = [3, 1, 3, 1]


@pytest.mark.parametrize("compress", [False, True])
def test_a_folder_of_pairs_becomes_rows_of_bytes_and_labels(idx_folder, compress):
    source = read_idx(idx_folder({"train": (IMAGES, LABELS)}, compress))
    assert source.numbers.dtype == np.uint8
    assert np.array_equal(source.numbers, IMAGES.reshape(4, 6))
    assert [source.labels.values[code] for code in source.labels.codes] == LABELS


def test_t10k_is_the_test_part_and_train_the_training_part(idx_folder):
    source = read_idx(idx_folder({"t10k": (IMAGES[:1], [9]), "train": (IMAGES, LABELS)}))
    assert source.parts == {"train": range(4), "test": range(4, 5)}
    assert np.array_equal(source.numbers[4], IMAGES[0].ravel())
    assert source.where(4).endswith("y_test[0]")


def test_the_last_word_of_a_longer_prefix_names_the_part(idx_folder):
    parts = {"emnist-letters-train": (IMAGES, LABELS), "emnist-letters-test": (IMAGES, LABELS)}
    assert set(read_idx(idx_folder(parts)).parts) == {"train", "test"}


def test_one_pair_of_any_other_name_is_an_undivided_whole(idx_folder):
    source = read_idx(idx_folder({"digits": (IMAGES, LABELS)}))
    assert (source.rows, source.parts) == (4, {})


def test_names_with_a_dot_before_idx_are_understood(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert read_idx(folder).rows == 4


def test_a_plain_file_is_read_rather_than_its_gzipped_twin(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"broken")
    assert read_idx(folder).rows == 4


def test_big_endian_numbers_become_the_machines_own(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    head = bytes([0, 0, 0x0B, 3]) + np.array(IMAGES.shape, dtype=">u4").tobytes()
    path = folder / "train-images-idx3-ubyte"
    large = IMAGES.astype(np.int16) * 1000
    path.write_bytes(head + large.astype(">i2").tobytes())
    source = read_idx(folder)
    assert source.numbers.dtype == np.int16
    assert source.numbers.dtype.isnative
    assert np.array_equal(source.numbers, large.reshape(4, 6))


@pytest.mark.parametrize(
    ("magic", "found"),
    [(b"\x00\x00\x08\x01", "00 00 08 01"), (b"\x89PNG", "89 50 4e 47"), (b"\0\0\7\3", "00 00 07")],
)
def test_a_wrong_magic_number_is_shown_beside_the_right_one(idx_folder, magic, found):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(magic + path.read_bytes()[4:])
    with pytest.raises(
        DataError, match=rf"images-idx3-ubyte: .*number must be 00 00 08 03, found {found}"
    ):
        read_idx(folder)


def test_images_in_the_place_of_labels_are_refused(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    (folder / "train-labels-idx1-ubyte").write_bytes(
        (folder / "train-images-idx3-ubyte").read_bytes()
    )
    with pytest.raises(DataError, match=r"not an IDX file of labels: .* must be 00 00 08 01"):
        read_idx(folder)


@pytest.mark.parametrize("length", [0, 3, 10, 16, 30])
def test_a_truncated_file_is_an_error_that_names_it(idx_folder, length):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte: .*(truncated|an empty file|00)"
    ):
        read_idx(folder)


def test_the_bytes_that_must_follow_and_those_that_do_are_both_told(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(DataError, match=r"truncated: 24 bytes must follow .* found at most 14"):
        read_idx(folder)


@pytest.mark.parametrize("cut", [1, 8, 12, 40])
def test_a_truncated_gzip_file_is_an_error(idx_folder, cut):
    rng = np.random.default_rng(0)
    folder = idx_folder({"train": (rng.integers(0, 256, (4, 5, 5)), LABELS)}, compress=True)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(DataError, match=r"images-idx3-ubyte.gz: truncated: 100 bytes must"):
        read_idx(folder)


def test_a_flipped_bit_in_a_gzip_file_is_found(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)}, compress=True)
    path = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images-idx3-ubyte.gz: damaged"):
        read_idx(folder)


def test_a_file_that_is_not_gzip_in_spite_of_its_name_is_refused(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)}, compress=True)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"labels")
    with pytest.raises(DataError, match=r"labels-idx1-ubyte.gz: cannot be read, or is not gzip"):
        read_idx(folder)


@pytest.mark.parametrize("compress", [False, True])
def test_a_header_that_promises_the_impossible_takes_no_memory(idx_folder, compress):
    folder = idx_folder({"train": (IMAGES, LABELS)}, compress)
    head = b"\0\0\x08\3" + b"\xff" * 12
    name = "train-images-idx3-ubyte" + (".gz" if compress else "")
    (folder / name).write_bytes(gzip.compress(head) if compress else head)
    with pytest.raises(DataError, match="truncated"):
        read_idx(folder)


def test_bytes_after_the_last_image_are_an_error(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    with (folder / "train-images-idx3-ubyte").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DataError, match="more than the 24 bytes"):
        read_idx(folder)


def test_different_numbers_of_images_and_labels_are_told(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS[:3])})
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte holds 4 images and train-labels-idx1-ubyte 3"
    ):
        read_idx(folder)


def test_images_without_labels_are_an_error_that_names_the_missing_file(idx_folder):
    folder = idx_folder({"train": (IMAGES, LABELS)})
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"the labels .* put train-labels-idx1-ubyte beside it"):
        read_idx(folder)


def test_parts_with_images_of_different_sizes_are_refused(idx_folder):
    parts = {"train": (IMAGES, LABELS), "t10k": (IMAGES[:, :1], LABELS)}
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: each row is \(1, 3\) of uint8"):
        read_idx(idx_folder(parts))


@pytest.mark.parametrize("other", ["letters-train", "letters"])
def test_two_data_sets_in_one_folder_are_refused(idx_folder, other):
    parts = {"train": (IMAGES, LABELS), other: (IMAGES, LABELS)}
    with pytest.raises(DataError, match="keep one data set in a folder"):
        read_idx(idx_folder(parts))


def test_a_folder_of_other_files_says_what_it_should_hold(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"such as train-images-idx3-ubyte.* found 'cat.png'"):
        read_idx(tmp_path)

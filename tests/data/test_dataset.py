from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from hpsearch.data.dataset import load, write_prepared
from hpsearch.data.options import DataOptions
from hpsearch.errors import DataError

DIGITS = DataOptions("digits")


@pytest.fixture(scope="module")
def digits():
    return load(DIGITS)


@pytest.fixture
def npz(tmp_path):
    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


def test_digits_are_split_by_shares_of_all_rows(digits):
    assert digits.counts == {"train": 1079, "val": 359, "test": 359}
    assert digits.classes == tuple(range(10))
    assert digits.features == 64


def test_prepared_arrays_are_what_workers_map(digits, tmp_path):
    folder = tmp_path / "prepared"
    write_prepared(digits, folder)
    assert list(digits.parts) == ["train", "val", "test"]
    for part, rows in digits.parts.items():
        x = np.load(folder / f"x_{part}.npy", mmap_mode="r", allow_pickle=False)
        y = np.load(folder / f"y_{part}.npy", mmap_mode="r", allow_pickle=False)
        assert (x.dtype, y.dtype) == (np.float32, np.int64)
        assert x.flags.c_contiguous
        raw = digits.source.numbers[rows]
        expected = (raw - digits.encoding.mean) / digits.encoding.scale
        assert np.array_equal(x, expected.astype(np.float32))
        assert np.array_equal(y, digits.y[rows])


def test_training_rows_have_mean_0_and_deviation_1_and_constant_pixels_are_0(digits, tmp_path):
    write_prepared(digits, tmp_path / "prepared")
    x = np.load(tmp_path / "prepared" / "x_train.npy").astype(np.float64)
    constant = np.ptp(digits.source.numbers[digits.parts["train"]], axis=0) == 0
    assert constant.any()
    assert (x[:, constant] == 0).all()
    assert np.allclose(x.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(x[:, ~constant].std(axis=0), 1, atol=1e-6)


def test_without_a_test_share_there_is_no_test_part(tmp_path):
    dataset = load(DataOptions("digits", test=0.0))
    assert dataset.counts == {"train": 1438, "val": 359}
    write_prepared(dataset, tmp_path / "prepared")
    assert not (tmp_path / "prepared" / "x_test.npy").exists()


def test_the_split_depends_on_its_own_seed(digits):
    other = load(dataclasses.replace(DIGITS, split_seed=1))
    assert not np.array_equal(other.parts["test"], digits.parts["test"])


def test_a_source_that_brings_a_test_part_has_its_validation_part_drawn_from_the_training_part(
    npz,
):
    x = np.arange(100.0)[:, None]
    y = np.arange(100) % 2
    path = npz(x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    dataset = load(DataOptions(path, validation=0.2, test=0.1))
    assert dataset.counts == {"train": 40, "val": 20, "test": 40}  # 0.2 of all 100 rows
    assert np.array_equal(dataset.parts["test"], np.arange(60, 100))
    assert max(dataset.parts["val"]) < 60


def test_a_source_that_brings_a_validation_part_has_its_test_part_drawn(npz):
    x, y = np.arange(100.0)[:, None], np.arange(100) % 2
    path = npz(x_train=x[:60], y_train=y[:60], x_val=x[60:], y_val=y[60:])
    assert load(DataOptions(path, test=0.1)).counts == {"train": 50, "val": 40, "test": 10}


def test_a_source_that_brings_all_parts_keeps_them(npz):
    x, y = np.arange(9.0)[:, None], np.arange(9) % 2
    path = npz(
        x_train=x[:5], y_train=y[:5], x_val=x[5:7], y_val=y[5:7], x_test=x[7:], y_test=y[7:]
    )
    assert load(DataOptions(path)).counts == {"train": 5, "val": 2, "test": 2}


def test_a_class_that_only_a_test_part_holds_is_an_error(npz):
    x, y = np.arange(20.0)[:, None], np.arange(20) % 2
    path = npz(x_train=x, y_train=y, x_test=x, y_test=y + 1)
    with pytest.raises(DataError, match="in the training part, class 2 has 0 rows"):
        load(DataOptions(path))


def test_parts_without_one_to_train_on_are_an_error(npz):
    path = npz(x_test=np.ones((4, 1)), y_test=np.array([0, 1, 0, 1]))
    with pytest.raises(DataError, match="brings parts, but none to train on"):
        load(DataOptions(path))


def test_data_without_labels_are_an_error(npz):
    with pytest.raises(DataError, match="there are no labels to learn from; add an array y"):
        load(DataOptions(npz(x=np.ones((4, 1)))))


def test_t10k_files_are_the_test_part(idx_folder):
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4))
    labels = (np.arange(50) % 5).tolist()
    folder = idx_folder({"train": (images, labels), "t10k": (images[:10], labels[:10])})
    dataset = load(DataOptions(folder))
    assert dataset.counts == {"train": 38, "val": 12, "test": 10}


def test_a_table_is_loaded_and_written_with_its_text_one_hot(csv_file, tmp_path):
    rows = "".join(f"{i},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(30))
    dataset = load(DataOptions(csv_file("n,colour,y\n" + rows), "y", standardize=False))
    assert dataset.encoding.names == ("n", "colour=blue", "colour=red")
    write_prepared(dataset, tmp_path / "prepared")
    x = np.load(tmp_path / "prepared" / "x_train.npy")
    assert (x[:, 1] == (x[:, 0] % 3 == 0)).all()
    assert (x[:, 1] + x[:, 2] == 1).all()


@pytest.mark.parametrize(
    ("validation", "test"), [(0.0, 0.2), (1.0, 0.0), (0.2, 1.0), (-0.1, 0.2), (float("nan"), 0.2)]
)
def test_shares_that_are_no_shares_are_refused(validation, test):
    with pytest.raises(DataError, match=r"data\.validation must lie between 0 and 1"):
        load(DataOptions("digits", validation=validation, test=test))


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(DataError, match="digits: the validation part would take"):
        load(DataOptions("digits", validation=0.5, test=0.5))


def test_a_part_too_large_for_the_training_part_that_is_brought_is_refused(npz):
    x, y = np.arange(100.0)[:, None], np.arange(100) % 2
    path = npz(x_train=x[:10], y_train=y[:10], x_test=x[10:], y_test=y[10:])
    with pytest.raises(DataError, match="the validation part would take 20 of 10 rows"):
        load(DataOptions(path))


def test_an_unwritable_folder_is_a_clear_error(digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the prepared data, 0 MB: Not a directory"):
        write_prepared(digits, tmp_path / "file" / "folder")


class TestFingerprint:
    def test_the_same_data_and_options_have_one_under_any_name(self, tmp_path):
        prints = set()
        for name in ("a.npz", "b.npz"):
            np.savez(tmp_path / name, x=np.arange(20.0)[:, None], y=np.arange(20) % 2)
            prints.add(load(DataOptions(tmp_path / name)).fingerprint)
        assert len(prints) == 1

    def test_a_share_written_as_a_whole_number_is_the_same_share(self):
        none, zero = (load(DataOptions("digits", test=share)) for share in (0, 0.0))
        assert none.fingerprint == zero.fingerprint

    def test_that_of_digits_is_known(self, digits):
        assert digits.fingerprint == (
            "365307c0d8fed76e2e69b6fbcc1f2a9c9f27b9a4f55a5b848498b1a0d52cd269"
        )

    @pytest.mark.parametrize(
        "change",
        [
            {"validation": 0.25},
            {"test": 0.1},
            {"standardize": False},
            {"missing": "mean"},
            {"split_seed": 1},
        ],
    )
    def test_every_option_that_changes_the_prepared_data_changes_it(self, digits, change):
        assert load(dataclasses.replace(DIGITS, **change)).fingerprint != digits.fingerprint

    def test_one_changed_number_label_or_text_changes_it(self, csv_file):
        rows = [f"{i},{'uv'[i % 2]},{i % 2}" for i in range(20)]
        tables = [rows, ["7,u,0", *rows[1:]], ["0,v,0", *rows[1:]], ["0,u,1", *rows[1:]]]
        prints = {
            load(DataOptions(csv_file("a,b,y\n" + "\n".join(table)), "y")).fingerprint
            for table in tables
        }
        assert len(prints) == 4


def test_floats_are_only_made_a_few_megabytes_at_a_time(npz, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20_000, 784), dtype=np.uint8)
    path = npz(x=x, y=np.arange(20_000) % 10)
    del x
    tracemalloc.start()
    write_prepared(load(DataOptions(path)), tmp_path / "prepared")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # the bytes are 15.7 MB; as float32 they would be 62.7 MB more

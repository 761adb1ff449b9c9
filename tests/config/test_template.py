"""What `init` writes fits the data, and loads without problems or remarks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import from_mapping, load, remarks_on, yaml_text
from hpsearch.config.template import scalar, starter
from hpsearch.data.profile import Profile


def profile(rows=1000, features=20, counts=None, **more):
    known = {"target": None, "texts": {}, "parts": {}, "missing": False} | more
    return Profile(rows, features, class_counts=counts or {0: rows // 2, 1: rows // 2}, **known)


def read(text):
    tree, _, problems = yaml_text.read(text.encode(), "starter.yaml")
    assert not problems
    return from_mapping(tree)


def test_the_starter_for_digits_loads_from_disk_without_remarks(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(starter(None, "digits"))
    config = load(path)
    assert remarks_on(config) == []
    assert config.name == "digits"
    assert (config.trainer.epochs, config.search.trials) == (30, 64)


@pytest.mark.parametrize("rows", [10, 100, 1_000, 10_000, 70_000, 5_000_000])
@pytest.mark.parametrize("features", [1, 64, 784])
def test_every_size_of_data_gets_a_sound_configuration(rows, features):
    config = read(starter(profile(rows, features), "some data/my file.csv"))
    assert remarks_on(config) == []
    assert config.name == "my-file"
    assert max(config.space["batch_size"].domain.values) <= max(32, rows)


def test_more_rows_get_fewer_epochs_and_larger_batches():
    small, large = (read(starter(profile(rows), "a.csv")) for rows in (500, 70_000))
    assert small.trainer.epochs > large.trainer.epochs
    sizes = [config.space["batch_size"].domain.values for config in (small, large)]
    assert max(sizes[0]) < max(sizes[1])


def test_unequal_classes_are_judged_by_balanced_accuracy():
    assert read(starter(profile(counts={"a": 900, "b": 100}), "a.csv")).metric.name == (
        "val_balanced_accuracy"
    )


def test_target_missing_values_and_own_parts_are_written():
    found = profile(target="no: 1", missing=True, parts={"train": 800, "test": 200})
    config = read(starter(found, "a.csv"))
    assert (config.data.target, config.data.missing) == ("no: 1", "mean")


def test_parameters_stand_in_the_lectures_order_of_importance():
    names = [parameter.name for parameter in read(starter(None, "digits")).space]
    order = ["learning_rate", "momentum", "batch_size", "hidden_units", "hidden_layers"]
    assert [name for name in names if name in order] == order
    assert not {"beta1", "beta2", "epsilon"} & set(names)


@given(st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_every_text_is_written_so_that_it_is_read_back(value):
    written = scalar(value)
    tree, _, _ = yaml_text.read(f"a: {written}".encode(), "x.yaml")
    assert tree["a"] == (pytest.approx(value, rel=1e-5) if isinstance(value, float) else value)


def test_the_source_is_said_as_it_was_given():
    assert "source: /data/x.csv" in starter(profile(), str(Path("/data/x.csv")))


def test_what_is_left_out_and_what_is_missing_is_written_and_read_back():
    found = profile(
        missing=True,
        excluded={"a: b": "looks like an identifier", "x\n\u202e": "holds\ndates"},
        missing_values=("-", "?\"'"),
    )
    text = starter(found, "a.csv")
    data = read(text).data
    assert data.exclude == ("a: b", "x\n\u202e")
    assert data.missing_values == ("-", "?\"'")
    assert "#   a: b: looks like an identifier" in text

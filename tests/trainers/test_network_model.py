import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.errors import DataError, RunError
from hpsearch.nn.architecture import Architecture
from hpsearch.store import SafePath
from hpsearch.trainers.network.model import (
    Model,
    load_model,
    model_from_state,
    open_network,
    save_model,
)
from hpsearch.trainers.network.trainer import NetworkTrainer
from hpsearch.trainers.protocol import Job

SETTINGS = {"epochs": 4, "hidden_units": 8, "batch_size": 16}
MEAN, SCALE = np.arange(6.0), np.arange(1.0, 7.0)


@pytest.fixture(scope="module")
def outcome(blobs):
    return NetworkTrainer(blobs, 3).train([Job(0, SETTINGS, (0, 0), 4)], [None])[0]


@pytest.fixture
def model(outcome):
    return model_from_state(
        SETTINGS,
        outcome.state,
        mean=MEAN,
        scale=SCALE,
        class_names=np.array(["ant", "bee", "cat"]),
        data={"features": ["a", "é"], "encoding": {"a": [1, 2.5, None]}},
    )


@pytest.fixture
def raw(blobs):
    return np.load(f"{blobs}/0/x_val.npy").astype(np.float64) * SCALE + MEAN


def test_a_model_gives_the_accuracy_and_loss_that_training_reported(model, outcome, raw, blobs):
    y, found = np.load(f"{blobs}/0/y_val.npy"), model.probabilities(raw)
    assert np.mean(found.argmax(axis=1) == y) == outcome.curve["val_accuracy"][-1]
    loss = -np.log(found[np.arange(len(y)), y]).mean()
    assert loss == pytest.approx(outcome.curve["val_loss"][-1], rel=1e-4)


def test_probabilities_sum_to_one_and_predictions_are_class_names(model, raw):
    found = model.probabilities(raw)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(raw)))
    assert model.predict(raw).tolist() == [["ant", "bee", "cat"][k] for k in found.argmax(axis=1)]
    assert model.predict(raw[:0]).tolist() == []


def test_large_logits_have_the_probabilities_of_exact_sums():
    random = np.random.default_rng(0)
    shape = Architecture((300, 3), "relu", batch_norm=False)
    weights = random.normal(size=shape.parameters).astype(np.float32)
    model = Model(
        shape, weights, np.zeros(0, np.float32), 0.0, np.zeros(300), np.ones(300), np.arange(3)
    )
    rows = random.normal(size=(50, 300)).astype(np.float32)
    W, b = weights[:900].reshape(300, 3).astype(float), weights[900:].astype(float)
    for row, shares in zip(rows.astype(float), model.probabilities(rows), strict=True):
        Z = b + [math.fsum(row * column) for column in W.T]
        powers = np.exp(Z - Z.max())
        assert np.abs(shares - powers / powers.sum()).max() < 1e-13


def test_a_saved_model_predicts_the_same_bits(model, raw, tmp_path):
    save_model(SafePath(tmp_path) / "model.npz", model)
    again = load_model(tmp_path / "model.npz")
    assert again.probabilities(raw).tobytes() == model.probabilities(raw).tobytes()
    assert again.predict(raw).tolist() == model.predict(raw).tolist()
    assert again.data == model.data
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


@pytest.mark.parametrize(
    "names", [np.array([3, 5, 7]), np.array(["a", "b", "c"], object), np.array([1.5, 2, 3])]
)
def test_class_names_keep_their_type_in_the_file(model, tmp_path, names):
    save_model(SafePath(tmp_path) / "model.npz", dataclasses.replace(model, class_names=names))
    again = load_model(tmp_path / "model.npz").class_names
    assert again.tolist() == names.tolist()
    assert not again.dtype.hasobject


def test_saving_replaces_the_old_file_or_leaves_it(model, tmp_path):
    path = tmp_path / "model.npz"
    save_model(SafePath.of(path), model)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(SafePath.of(path), dataclasses.replace(model, data={"bad": object()}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_softmax_regression_makes_a_model_too(blobs, raw, tmp_path):
    settings = {**SETTINGS, "hidden_layers": 0}
    (found,) = NetworkTrainer(blobs, 3).train([Job(0, settings, (0, 0), 4)], [None])
    names = np.arange(3)
    made = model_from_state(settings, found.state, mean=MEAN, scale=SCALE, class_names=names)
    save_model(SafePath(tmp_path) / "model.npz", made)
    assert load_model(tmp_path / "model.npz").predict(raw).dtype == names.dtype


def test_rows_of_another_width_are_refused(model):
    with pytest.raises(DataError, match=r"the 6 features .* found an array of shape \(2, 5\)"):
        model.probabilities(np.zeros((2, 5)))


@given(position=st.integers(0), byte=st.integers(0, 255), cut=st.booleans())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_byte_is_noticed_or_harmless(model, raw, tmp_path_factory, position, byte, cut):
    path = tmp_path_factory.mktemp("damage") / "model.npz"
    save_model(SafePath.of(path), model)
    content = bytearray(path.read_bytes())
    position %= len(content)
    content[position] = byte
    path.write_bytes(content[:position] if cut else content)
    try:
        again = load_model(path)
    except RunError:
        return
    assert again.probabilities(raw).tobytes() == model.probabilities(raw).tobytes()


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e300])
def test_a_number_too_large_or_missing_is_named(model, raw, value):
    raw[7, 2] = value
    with pytest.raises(DataError, match=r"row 7, feature 2 .* must be a finite number .* found"):
        model.predict(raw)


def test_a_file_that_is_no_model_is_one_clear_error(model, tmp_path):
    path = tmp_path / "model.npz"
    with pytest.raises(RunError, match="no such file"):
        load_model(path)
    save_model(SafePath.of(path), model)
    whole = path.read_bytes()
    for damaged in (b"", b"hello", whole[:100], whole[:-30], whole[:400] + b"x" * 9 + whole[409:]):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match=r"model\.npz: damaged, or not a model"):
            load_model(path)


def test_another_tools_npz_is_one_clear_error(tmp_path):
    path = tmp_path / "model.npz"
    for arrays in ({"x": np.zeros(3)}, {"header": np.array("{}")}, {"header": np.array("[1]")}):
        np.savez(path, **arrays)
        with pytest.raises(RunError, match="damaged, or not a model"):
            load_model(path)
    np.savez(path, header=np.array({"a": 1}, object))
    with pytest.raises(RunError, match="damaged, or not a model"):
        load_model(path)


def test_what_a_file_says_of_its_rows_must_fit_the_network(model, tmp_path):
    path = tmp_path / "model.npz"
    encoding = {
        "numbers": [*"abcdef"], "categories": [], "classes": ["ant", "bee", "cat"],
        "target": "y", "fill": None, "mean": MEAN.tolist(), "scale": SCALE.tolist(),
    }  # fmt: skip
    narrow = {"numbers": ["a"], "mean": [0], "scale": [1]}
    for changes, message in [
        ({"classes": ["ant", "bee"]}, "6 features and 2 classes of a network with 6 and 3"),
        (narrow, "1 features and 3 classes of a network with 6 and 3"),
        ({"classes": 3}, r"Expected `array`, got `int` - at `\$.classes`"),
    ]:
        save_model(SafePath.of(path), dataclasses.replace(model, data=encoding | changes))
        with pytest.raises(RunError, match=f"damaged, or not a model .*{message}"):
            open_network(path)
    save_model(SafePath.of(path), dataclasses.replace(model, data=encoding))
    assert open_network(path)[1].classes == ("ant", "bee", "cat")


def test_a_model_whose_arrays_do_not_fit_is_refused(model, tmp_path):
    path = tmp_path / "model.npz"
    save_model(SafePath.of(path), dataclasses.replace(model, mean=MEAN[:3]))
    with pytest.raises(RunError, match=r"mean has shape \(3,\), not \(6,\)"):
        load_model(path)


def test_a_newer_format_is_refused_with_the_remedy(model, tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    monkeypatch.setattr("hpsearch.trainers.network.model.FORMAT", 2)
    save_model(SafePath.of(path), model)
    monkeypatch.undo()
    with pytest.raises(RunError, match="format 2, but this hpsearch reads format 1; use"):
        load_model(path)

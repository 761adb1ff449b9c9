import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import from_mapping
from hpsearch.space import Choice, Continuous, Discrete, Fixed, Parameter, Space, largest_integer

SPACE = {
    "learning_rate": {"scale": "log", "min": 1e-4, "max": 1},
    "hidden_layers": {"type": "int", "min": 0, "max": 3},
    "hidden_units": {"type": "int", "scale": "log", "min": 16, "max": 128, "per": "hidden_layers"},
    "dropout": {"min": 0, "max": 0.5, "step": 0.1},
    "batch_size": {"values": [32, 64], "cross": True},
    "optimizer": {"values": ["sgd", "momentum", "adam"]},
    "momentum": {"scale": "1-10^r", "min": 0.9, "max": 0.999, "when": {"optimizer": "momentum"}},
    "epsilon": {"scale": "log", "min": 1e-9, "max": 1e-3, "when": {"optimizer": ["adam"]}},
    "initializer": {"value": "he"},
}


def cube(space):
    place = st.floats(0, 1)
    return st.lists(place, min_size=space.dimensions, max_size=space.dimensions).map(np.array)


def test_a_coordinate_for_each_entry_of_a_list_and_none_for_what_is_fixed(network):
    names = [coordinate.name for coordinate in network.coordinates]
    assert names[:4] == ["learning_rate", *(f"hidden_units[{i}]" for i in range(3))]
    assert "initializer" not in names
    assert len(names) == network.dimensions == 11


@given(st.data())
def test_whatever_can_be_drawn_is_contained(network, data):
    assert network.contains(network.params(data.draw(cube(network))))


@given(st.data())
def test_a_drawn_setting_comes_back_from_its_point(network, data):
    params = network.params(data.draw(cube(network)))
    point = network.point(params)
    again = network.params(np.nan_to_num(point, nan=0.123))
    assert _close(again, params)


def _close(a, b):
    return a.keys() == b.keys() and all(
        a[name] == (pytest.approx(b[name]) if isinstance(b[name], float) else b[name])
        for name in b
    )


@given(st.data())
def test_a_point_is_nan_exactly_where_the_setting_is_inactive(network, data):
    params = network.params(data.draw(cube(network)))
    known = ~np.isnan(network.point(params))
    assert list(network.columns) == [parameter.name for parameter in network]
    for name, columns in network.columns.items():
        values = params.get(name, [])
        active = len(values) if network[name].per else int(name in params)
        assert known[columns].sum() == min(active, len(columns))


@given(st.data())
def test_snapping_a_point_changes_no_setting(network, data):
    point = data.draw(cube(network))
    snapped = network.snap(point.reshape(1, -1))[0]
    assert _close(network.params(snapped), network.params(point))


@given(st.data())
def test_a_setting_with_one_thing_wrong_is_not_contained(network, data):
    params = network.params(data.draw(cube(network)))
    name = data.draw(st.sampled_from(sorted(params)))
    assert not network.contains({key: value for key, value in params.items() if key != name})
    assert not network.contains({**params, name: "nothing of the kind"})
    assert not network.contains({**params, "no_such_parameter": 1})


def test_a_list_of_the_wrong_length_is_not_contained():
    space = Space(
        (Parameter("layers", Discrete(0, 2)), Parameter("units", Discrete(1, 9), per="layers"))
    )
    assert space.contains({"layers": 2, "units": [3, 4]})
    assert not space.contains({"layers": 2, "units": [3]})
    assert not space.contains({"layers": 2, "units": 3})
    assert space.contains({"layers": 0, "units": []})


def test_a_list_has_the_length_that_per_says(network):
    for layers in range(4):
        point = np.full(network.dimensions, 0.5)
        point[network.columns["hidden_layers"]] = network["hidden_layers"].domain.fraction(layers)
        assert len(network.params(point)["hidden_units"]) == layers


def test_per_may_name_a_fixed_setting_of_the_trainer():
    space = Space((Parameter("units", Discrete(1, 9), per="layers"),), settings={"layers": 2})
    assert space.dimensions == 2
    assert space.params(np.array([0.0, 1.0])) == {"units": [1, 9]}
    assert space.contains({"units": [1, 9]})


def test_a_fixed_parameter_with_per_is_as_long_as_per_says():
    space = Space(
        (Parameter("units", Fixed(64), per="layers"), Parameter("layers", Discrete(1, 3)))
    )
    assert space.dimensions == 1
    assert space.params(np.array([0.9])) == {"units": [64, 64, 64], "layers": 3}


def test_conditions_on_an_inactive_parameter_do_not_hold():
    space = Space(
        (
            Parameter("c", Choice((1, 2)), when={"b": ("x",)}),
            Parameter("b", Choice(("x", "y")), when={"a": (True,)}),
            Parameter("a", Choice((True, False))),
        )
    )
    assert space.params(np.array([0, 0, 0.0])) == {"c": 1, "b": "x", "a": True}
    assert space.params(np.array([0, 1, 0.0])) == {"b": "y", "a": True}
    assert space.params(np.array([0, 0, 1.0])) == {"a": False}


def test_a_parameter_per_an_inactive_one_is_inactive():
    space = Space(
        (
            Parameter("deep", Choice((True, False))),
            Parameter("layers", Discrete(1, 2), when={"deep": (True,)}),
            Parameter("units", Discrete(1, 9), per="layers"),
        )
    )
    assert space.params(np.array([1, 0, 0, 0.0])) == {"deep": False}
    assert space.params(np.array([0, 0, 0, 0.0])) == {"deep": True, "layers": 1, "units": [1]}


def test_several_conditions_must_all_hold_and_may_name_fixed_settings():
    parameter = Parameter("x", Continuous(0, 1), when={"a": (1, 2), "mode": ("fast",)})
    a = Parameter("a", Choice((1, 2, 3)))
    assert "x" in Space((a, parameter), settings={"mode": "fast"}).params(np.array([0.5, 0.5]))
    assert "x" not in Space((a, parameter), settings={"mode": "fast"}).params(np.array([0.9, 0.5]))
    assert "x" not in Space((a, parameter), settings={"mode": "slow"}).params(np.array([0.5, 0.5]))


def test_a_condition_on_true_does_not_take_1():
    space = Space((Parameter("x", Continuous(0, 1), when={"a": (True,)}),), settings={"a": 1})
    assert space.params(np.array([0.5])) == {}


def test_a_circle_is_refused_when_the_space_is_used():
    space = Space(
        (
            Parameter("a", Choice((1, 2)), when={"b": (1,)}),
            Parameter("b", Choice((1, 2)), when={"a": (1,)}),
        )
    )
    with pytest.raises(ValueError, match="circle of per and when: a -> b"):
        space.params(np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("domain", "largest"),
    [
        (Discrete(1, 10, 4), 9),
        (Discrete(-1, 3), None),
        (Discrete(0.0, 1.0, 0.5, integer=False), None),
        (Choice((1, 5, 2)), 5),
        (Choice((1, True)), None),
        (Choice((1, "a")), None),
        (Fixed(4), 4),
        (Fixed(4.0), None),
        (Continuous(0, 9), None),
    ],
)
def test_the_largest_integer_of_a_domain(domain, largest):
    assert largest_integer(domain) == largest


def test_crossings_pair_a_draw_with_every_combination():
    space = Space(
        (
            Parameter("x", Continuous(0, 1)),
            Parameter("a", Choice((1, 2)), cross=True),
            Parameter("b", Choice(("u", "v", "w")), cross=True),
        )
    )
    crossed = space.crossings({"x": 0.5, "a": 2, "b": "v"})
    assert [(each["a"], each["b"]) for each in crossed] == [
        (1, "u"), (1, "v"), (1, "w"), (2, "u"), (2, "v"), (2, "w"),
    ]  # fmt: skip
    assert {each["x"] for each in crossed} == {0.5}


def test_settings_without_crossed_choices_stand_alone(network):
    params = network.params(np.full(network.dimensions, 0.5))
    assert network.crossings(params) == [params]


def test_a_space_where_everything_is_fixed_has_one_setting():
    space = Space((Parameter("a", Fixed(1)), Parameter("b", Fixed("x"))))
    assert space.dimensions == 0
    assert space.params(np.zeros(0)) == {"a": 1, "b": "x"}
    assert space.points([{"a": 1, "b": "x"}] * 3).shape == (3, 0)
    assert space.snap(np.zeros((3, 0))).shape == (3, 0)
    assert space.points([]).shape == (0, 0)


def test_a_space_pickles(network):
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert again.coordinates == network.coordinates


def test_a_space_written_as_configuration_and_read_again_is_equal():
    tree = {
        "name": "t",
        "data": {"source": "digits"},
        "trainer": {"kind": "network"},
        "metric": {"name": "val_accuracy", "goal": "maximize"},
    }
    space = from_mapping({**tree, "space": SPACE}).space
    again = from_mapping({**tree, "space": space.as_config()}).space
    assert again == space
    assert again.as_config() == space.as_config()


def test_many_points_have_the_settings_that_each_has_alone(network):
    points = np.random.default_rng(0).random((64, network.dimensions))
    points[0], points[1] = 0, 1
    several = network.all_params(points)
    assert several == [network.params(point) for point in points]
    for params, point in zip(several, points, strict=True):
        for name, value in params.items():
            columns, entries = network.columns[name], value if isinstance(value, list) else [value]
            for column, entry in zip(columns, entries, strict=False):
                assert entry == network[name].domain.at(float(point[column]))
                assert type(entry) is type(network[name].domain.at(float(point[column])))

"""Lists as single values and back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config import space_from
from hpsearch.exchange.exported_run import entry_name, flatten, gather

MADE = space_from(
    {
        "layers": {"type": "int", "min": 0, "max": 2},
        "units": {"type": "int", "scale": "log", "min": 8, "max": 64, "per": "layers"},
        "optimizer": {"values": ["momentum", "adam"]},
        "decay": {"min": 0, "max": 1, "per": "layers", "when": {"optimizer": "adam"}},
        "shape": {"values": [[8, 4], [16]]},
    }
)


@given(st.lists(st.floats(0, 1), min_size=MADE.dimensions, max_size=MADE.dimensions))
def test_gathering_undoes_flattening_for_every_setting_of_a_space(fractions):
    params = MADE.params(np.array(fractions))
    assert gather(MADE, flatten(MADE, params)) == params


def test_the_name_of_an_entry_is_never_that_of_another_parameter():
    space = space_from(
        {
            "layers": {"type": "int", "min": 1, "max": 2},
            "units": {"type": "int", "min": 1, "max": 9, "per": "layers"},
            "units_0": {"min": 0, "max": 1},
        }
    )
    assert entry_name(space, "units", 0) == "units_0_"
    params = {"layers": 2, "units": [3, 4], "units_0": 0.5}
    assert flatten(space, params) == {"layers": 2, "units_0_": 3, "units_1": 4, "units_0": 0.5}
    assert gather(space, flatten(space, params)) == params


def test_a_choice_is_known_by_its_json_text():
    flat = flatten(MADE, {"shape": "[8, 4]", "optimizer": "adam"})
    assert gather(MADE, flat)["shape"] == [8, 4]


def test_entries_with_a_gap_between_them_are_no_list():
    assert "units" not in gather(MADE, {"layers": 2, "units_1": 8})

"""What a trial's line may hold beside its space."""

from pathlib import Path

import pytest

from hpsearch.config import space_from
from hpsearch.errors import RunError
from hpsearch.searching.history import check_params
from hpsearch.store import SafePath
from hpsearch.trial import Result, Status

FILE = SafePath(Path("runs/own run")) / "trials.jsonl"
SPACE = space_from(
    {
        "shape": {"values": [[8, 4], [16]]},
        "layers": {"type": "int", "min": 1, "max": 2},
        "units": {"type": "int", "min": 1, "max": 9, "per": "layers"},
        "rate": {"min": 0, "max": 1},
    }
)


def trial(**params):
    return Result(0, 0, Status.COMPLETED, params, 1, {}, 0.5, None, "2026-01-02T03:04:05", 1.0)


@pytest.mark.parametrize(
    "params", [{"shape": [8, 4]}, {"units": [1, 2]}, {"rate": 2}, {"unknown": "anything"}]
)
def test_a_choice_may_be_a_list_and_a_number_may_lie_outside(params):
    check_params([trial(**params)], SPACE, FILE)


@pytest.mark.parametrize("params", [{"units": 3}, {"rate": [0.5]}, {"rate": "0.5"}])
def test_a_value_of_another_type_is_refused(params):
    with pytest.raises(
        RunError,
        match=rf"{next(iter(params))} cannot be .*hpsearch resume 'runs/own run' --repair",
    ):
        check_params([trial(**params)], SPACE, FILE)

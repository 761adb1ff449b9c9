"""Values that are nearly the largest there are: every mean, axis and page survives them."""

import json
from math import isfinite

import pytest

from hpsearch.config import from_mapping
from hpsearch.report.chart import chart
from hpsearch.report.comparison import compare
from hpsearch.report.findings import SearchFindings, write_report
from hpsearch.report.html.figures.axes import ticks
from hpsearch.report.paired import bootstrap_interval
from hpsearch.report.summary import summarise
from hpsearch.report.terminal import show
from hpsearch.report.text import json_text
from hpsearch.searching.confirmation import Confirmed, indistinguishable, interval
from hpsearch.searching.curves import average, deviation_of, mean_of, median_of
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected
from hpsearch.space import LINEAR, Continuous

LARGEST = 1.7e308


def train(params, epochs, seed):
    for epoch in range(4):
        loss = LARGEST if (seed + epoch) % 2 else -LARGEST
        yield {"loss": loss, "val_loss": LARGEST * params["x"], "train_loss": -LARGEST}


@pytest.fixture(
    scope="module", params=[{"halving": False, "repeats": 2}, {}], ids=["full", "rungs"]
)
def run(request, tmp_path_factory):
    config = inspected(
        from_mapping(
            {
                "name": "largest",
                "trainer": {"kind": "function", "function": "no.py:train", "epochs": 4},
                "metric": {"name": "loss", "goal": "minimize"},
                "space": {
                    "x": {"min": 0, "max": 1},
                    "kind": {"values": ["a", "b"], "cross": bool(request.param)},
                },
                "search": {
                    "trials": 16,
                    "start": [{"x": 0.5, "kind": "a"}],
                    "confirm": {"top": 2, "seeds": 3, "share": 1.0},
                    **request.param,
                },
                "parallel": {"backend": "serial"},
            }
        ),
        train,
    )
    run = begin(config, None, tmp_path_factory.mktemp("runs"), "largest")
    conduct(run, lambda event: None, config, function=train)
    return run


def test_a_run_of_the_largest_numbers_is_shown_everywhere(run, capsys):
    summary = summarise(run)
    assert len(run.results) >= 16
    assert {result.value for result in run.results} <= {LARGEST, -LARGEST, 0.0}
    show(summary)
    assert "1.7e308" in capsys.readouterr().out
    told = json.loads(json_text(summary.as_json()))
    assert isfinite(told["confirmed"]["mean"])
    json_text(compare([SearchFindings(summary)]).as_json())
    write_report(run)


def test_a_mean_never_overflows_and_a_deviation_that_does_is_none():
    assert mean_of([LARGEST, LARGEST]) == LARGEST
    assert mean_of([0.1, 0.2, 0.4]) == sum([0.1, 0.2, 0.4]) / 3
    assert median_of([LARGEST, LARGEST]) == LARGEST
    assert median_of([3.0, 1.0, 2.0]) == 2.0
    assert deviation_of([LARGEST, LARGEST]) == 0
    assert deviation_of([LARGEST, -LARGEST]) is None
    curves = [{"epoch": [1], "loss": [LARGEST]}, {"epoch": [1], "loss": [LARGEST]}]
    assert average(curves, "loss") == curves[0]


def test_what_confirmation_cannot_say_in_a_float_is_none():
    wild = Confirmed(0, -LARGEST, (LARGEST, -LARGEST, LARGEST))
    calm = Confirmed(1, LARGEST, (LARGEST, LARGEST, LARGEST))
    assert (wild.deviation, wild.error, wild.as_dict()["optimism"]) == (None, None, None)
    assert interval([wild, calm], calm) is None
    assert indistinguishable([wild, calm], calm) == []


def test_pictures_of_the_largest_numbers_have_ends():
    drawn = chart({"*": [(0, -LARGEST), (1, LARGEST)]}, width=3, height=3)
    assert [line.split("|")[0].strip() for line in drawn[:3]] == ["1.7e308", "", "-1.7e308"]
    assert ticks(Continuous(-LARGEST, LARGEST, LINEAR)) == [-1e308, 0.0, 1e308]
    low, high = bootstrap_interval([LARGEST, -LARGEST] * 5)
    assert -LARGEST <= low < 0 < high <= LARGEST

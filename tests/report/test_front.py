import csv
import io
import json

import pytest

from hpsearch.api.sampler import Sampler
from hpsearch.errors import HpsearchError
from hpsearch.report.findings import findings
from hpsearch.report.front import covered
from hpsearch.searching.criterion import Bound, Criterion, Objective
from hpsearch.trial import Result, Status

BOTH = Criterion("accuracy", "maximize", others=(Objective("size", "minimize"),))


def result(number, accuracy, size):
    metrics = {"accuracy": accuracy, "size": size}
    return Result(number, 0, Status.COMPLETED, {}, 1, metrics, accuracy, None, "", 0.0)


def test_the_share_that_is_dominated_grows_trial_by_trial():
    results = [result(2, 1.0, 2.0), result(0, 0.0, 2.0), result(1, 0.5, 1.0), result(3, 0.4, 1.5)]
    found = covered(results, BOTH)
    assert found.steps == [(0, 0.0), (1, 0.5)]
    assert (found.best, found.worst) == (
        {"accuracy": 1.0, "size": 1.0},
        {"accuracy": 0.0, "size": 2.0},
    )
    assert covered(results, Criterion("accuracy", "maximize")) is None


def test_a_sampler_of_several_metrics_finds_the_front_and_keeps_the_bounds():
    def asked(order):
        sampler = Sampler(
            {"x": {"min": 0, "max": 1}, "y": {"min": 0, "max": 1}},
            trials=24,
            metric=[
                {"name": "a", "goal": "minimize"},
                {"name": "b", "goal": "minimize"},
                {"name": "x", "at_most": 0.5},
            ],
        )
        for _ in range(4):
            trials = sampler.ask(6)
            for t in trials[::order]:
                x, y = t.params["x"], t.params["y"]
                sampler.tell(t, {"a": x + y, "b": (1 - x) + y, "x": x})
        return sampler

    sampler = asked(1)
    assert [t.params for t, _ in asked(-1).trials] == [t.params for t, _ in sampler.trials]
    assert all(told["x"] <= 0.5 for _, told in sampler.front)
    assert sampler.best == sampler.front[0]
    assert [told["a"] for _, told in sampler.front] == sorted(
        told["a"] for _, told in sampler.front
    )
    with pytest.raises(HpsearchError, match=r"values\[0\]: must be a mapping with 'a', 'b', 'x'"):
        sampler.tell(sampler.ask(), [0.5])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import hpsearch

    tree = {
        "data": {"source": "digits"},
        "trainer": {"kind": "network", "epochs": 2},
        "metric": [{"name": "val_accuracy"}, {"name": "parameters", "goal": "minimize"},
                   {"name": "val_loss", "at_most": 1e-9}],
        "space": {"hidden_units": {"type": "int", "min": 4, "max": 64}},
        "search": {"trials": 8},
        "parallel": {"backend": "serial"},
    }  # fmt: skip
    return hpsearch.search(tree, runs_dir=tmp_path_factory.mktemp("runs"))


def test_the_json_the_csv_and_the_page_have_the_front(run):
    found = findings(run.summary.run)
    front = found.as_json()["front"]
    assert {"number", "params", "metrics", "confirmed"} == set(front[0])
    assert json.dumps(found.as_json()["hypervolume"])
    text = io.StringIO()
    found.write_csv(text)
    rows = list(csv.DictReader(io.StringIO(text.getvalue())))
    marked = {int(row["number"]) for row in rows if row["front"] == "true"}
    assert marked == {each["number"] for each in front}
    assert all(float(row["broken"]) > 0 for row in rows)
    names = [name for name, _, _ in found.pictures()]
    assert "front" in names
    assert 'data-figure="front"' in found.page(None)


def test_a_bound_that_no_trial_keeps_is_warned_of(run, capsys):
    (bound,) = run.summary.as_json()["bounds"]
    assert (bound["metric"], bound["at_most"], bound["kept"]) == ("val_loss", 1e-9, False)
    findings(run.summary.run).show()
    shown = capsys.readouterr().out
    assert "no trial keeps every bound" in shown
    assert "The front: what no trial beats in every objective" in shown
    assert "val_accuracy (maximize), parameters (minimize)" in shown


def test_bounds_add_up_as_shares_of_themselves():
    bounds = (Bound("ms", most=5.0), Bound("recall", least=0.8))
    found = Criterion("a", "maximize", bounds=bounds).broken({"ms": 10.0, "recall": 0.4})
    assert found == pytest.approx(1.5)

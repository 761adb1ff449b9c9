from pathlib import Path

import pytest

from hpsearch.config import from_mapping, from_run, load, metrics_from, remarks_on
from hpsearch.errors import ConfigError

TREE = {"data": {"source": "digits"}, "space": {"learning_rate": {"min": 0.1, "max": 1}}}


def config(*metrics, **more):
    return from_mapping({**TREE, **more, "metric": list(metrics)})


def test_a_metric_with_a_bound_and_no_goal_is_only_kept_and_one_without_a_bound_has_its_goal():
    found = config({"name": "val_accuracy"}, {"name": "parameters", "at_most": 5000})
    assert (found.metric.name, found.metric.goal) == ("val_accuracy", "maximize")
    (bounded,) = found.other_metrics
    assert (bounded.goal, bounded.at_most, bounded.at_least) == (None, 5000, None)
    (other,) = config({"name": "val_accuracy"}, {"name": "parameters"}).other_metrics
    assert other.goal == "minimize"
    (both,) = config(
        {"name": "val_accuracy"}, {"name": "val_loss", "goal": "minimize", "at_most": 1}
    ).other_metrics
    assert (both.goal, both.at_most) == ("minimize", 1)


def test_a_list_of_one_metric_is_that_metric():
    assert config({"name": "val_loss"}) == from_mapping({**TREE, "metric": {"name": "val_loss"}})


def test_what_a_run_keeps_of_its_metrics_means_the_same(tmp_path):
    found = config({"name": "val_accuracy", "at_least": 0.5}, {"name": "parameters"})
    assert from_run(found.as_dict(), tmp_path) == found
    one = from_mapping(TREE).as_dict()
    assert one["metric"] == {"name": "val_accuracy", "goal": "maximize", "at": "last"}


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([], r"metric: must be a metric such as \{name: val_accuracy\}, or a list of them"),
        (["val_loss"], r"metric\[0\]: must be a mapping"),
        ([{}, {"at_most": 3}], r"metric\[1\].name: missing; say which metric"),
        ([{}, {"name": "parametrs"}], r"metric\[1\].name: .*no metric 'parametrs' .*'parameters'"),
        ([{}, {"name": "test_loss"}], r"metric\[1\].name: the test rows judge the winner once"),
        ([{}, {"name": "val_accuracy"}], r"metric\[1\].name: 'val_accuracy' is listed twice"),
        ([{}, {"name": "val_loss", "at": "best"}], r"metric\[1\].at: the first metric decides"),
        ([{}, {"name": "val_loss", "at_mots": 2}], r"at_mots: unknown key .*'at_most'"),
        ([{}, {"name": "val_loss", "goal": "minimise"}], r"^metric\[1\].goal: must be minimize"),
        ([{"at_least": 0.9, "at_most": 0.5}], r"at_least: must be at most at_most \(0.5\), found"),
        ([{}, {"name": "parameters", "at_most": "few"}], r"metric\[1\].at_most: must be a"),
    ],
)  # fmt: skip
def test_a_list_of_metrics_that_cannot_be_meant_is_a_problem_at_its_place(metrics, message):
    with pytest.raises(ConfigError, match=message):
        config(*metrics)


def test_a_metric_of_ones_own_needs_a_goal_or_a_bound():
    with pytest.raises(ConfigError, match=r"metric\[1\]\.goal: missing; .* at_most or at_least"):
        metrics_from([{"name": "score", "goal": "maximize"}, {"name": "latency"}])
    assert metrics_from([{"name": "loss"}, {"name": "latency", "at_most": 5}])[1].goal is None


@pytest.mark.parametrize("wrong", [{"goal": "minimise"}, {"at_most": "few"}, {"at_mots": 5}])
def test_a_wrong_goal_or_bound_is_one_problem(wrong):
    with pytest.raises(ConfigError) as refused:
        metrics_from([{"name": "score", "goal": "maximize"}, {"name": "latency", **wrong}])
    assert len(refused.value.problems) == 1


def test_the_example_of_the_guide_is_sound(tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "guide.md"
    section = guide.read_text().partition("## Several metrics")[2]
    file = tmp_path / "small.yaml"
    file.write_text(section.partition("```yaml\n")[2].partition("```")[0])
    found = load(file)
    assert [each.name for each in found.other_metrics] == ["parameters", "val_loss"]
    assert found.search.halving is None


def test_measured_time_is_a_remark():
    found = config({"name": "val_accuracy"}, {"name": "predict_us", "at_most": 5})
    assert any("predict_us is measured time" in each for each in remarks_on(found))

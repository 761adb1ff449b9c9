from datetime import datetime

import numpy as np
import pytest

from hpsearch.errors import ConfigError, RunError
from hpsearch.searching.planning import rounds_of
from hpsearch.searching.session import (
    begin,
    conduct,
    first_trials,
    read_data,
    run_name,
    same_data,
)
from hpsearch.searching.trainer import jobs_of


def test_a_search_gives_the_same_trials_with_1_job_or_2_or_in_this_process(
    parent, digits, searched, fates
):
    for jobs in (1, 2):
        run = searched(digits("parallel.backend=local", jobs=jobs))
        assert fates(run) == fates(parent)
        assert run.winner(run.info) == parent.winner(parent.info)
        assert run.model.read_bytes() == parent.model.read_bytes()


def test_another_seed_gives_other_trials(parent, digits, searched, fates):
    other = searched(digits(seed=1, trials=4))
    assert [line["params"] for line in fates(other)] != [
        line["params"] for line in fates(parent)[:4]
    ]


def test_a_finished_run_says_so_and_leaves_no_scaffolding(parent):
    assert parent.info.status == "finished"
    assert parent.info.test_looks == 1
    assert sorted(path.name for path in parent.path.iterdir()) == [
        ".lock", "best", "config.yaml", "curves.jsonl", "logs", "run.json", "state",
        "timeline.jsonl", "trials.jsonl",
    ]  # fmt: skip
    assert list((parent.path / "state").iterdir()) == []


def test_the_configuration_in_run_json_means_the_same(parent, digits):
    from hpsearch.config import from_mapping, load

    assert from_mapping(parent.info.config) == digits()
    assert load(parent.config.path) == digits()


def test_the_first_trials_that_are_shown_are_those_that_are_trained(parent, digits):
    shown = first_trials(digits())
    assert [trial.params for trial in shown] == [
        result.params for result in parent.results[: len(shown)]
    ]


def test_an_interrupted_search_says_so_and_resumes_to_the_same_trials(
    parent, digits, dataset, tmp_path, fates
):
    run = begin(digits(), dataset, tmp_path, "interrupted")
    seen = []

    def interrupt(event):
        seen.append(event)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conduct(run, interrupt, digits(), dataset)
    assert run.info.status == "interrupted"
    assert not run.data.exists()
    assert 0 < len(run.results) < 8
    conduct(run, lambda event: None)
    assert run.info.status == "finished"
    assert fates(run) == fates(parent)
    assert run.winner(run.info) == parent.winner(parent.info)
    assert run.model.read_bytes() == parent.model.read_bytes()


def test_a_run_whose_data_changed_is_refused(parent, digits):
    with pytest.raises(RunError, match=r"must be what the run began with.*restore it"):
        same_data(parent, parent.info, digits("data.validation=0.3"))


def test_a_network_without_data_is_refused(digits):
    with pytest.raises(ConfigError, match="data"):
        read_data(digits("data=null"))


def test_a_run_without_a_name_is_called_after_its_search_and_the_time(digits):
    name = run_name(digits())
    assert name.startswith("digits-")
    datetime.strptime(name.removeprefix("digits-"), "%Y%m%d-%H%M%S")


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 64, 1000])
def test_the_plan_has_as_many_trials_as_asked(digits, trials):
    assert sum(round.trials for round in rounds_of(digits(trials=trials))) == trials


def test_the_plan_does_not_depend_on_the_machine(digits):
    plans = [rounds_of(digits(jobs=jobs)) for jobs in (1, 2, 64)]
    assert plans[0] == plans[1] == plans[2]


def test_a_random_search_has_one_round(digits):
    assert len(rounds_of(digits("search.sampler=random"))) == 1


def test_settings_by_hand_belong_to_the_first_round(digits):
    start = (
        "search.start=[{learning_rate: 0.1, hidden_layers: 0, hidden_units: [], optimizer: adam}]"
    )
    with_start, without = (rounds_of(config) for config in (digits(start), digits(trials=7)))
    assert with_start[0].trials == without[0].trials + 1
    assert sum(round.trials for round in with_start) == 8
    assert first_trials(digits(start))[0].params["learning_rate"] == 0.1


def test_a_space_where_everything_is_fixed_is_one_trial(digits, searched):
    run = searched(digits("space={learning_rate: {value: 0.1}}", "search.repeats=2", trials=5))
    (trial,) = run.results
    assert trial.params == {"learning_rate": 0.1}
    assert len({piece.value for piece in run.pieces}) == 2  # repeats have seeds of their own


def test_jobs_follow_the_configuration(digits):
    assert jobs_of(digits(jobs=7)) == 1
    assert jobs_of(digits("parallel.backend=local", jobs=7)) == 7
    assert jobs_of(digits("parallel.backend=local", jobs=-1)) >= 1


def test_the_winner_is_measured_on_test_rows_that_no_trial_has_seen(parent, dataset):
    outcome = parent.winner(parent.info)
    best = max(parent.results, key=lambda r: (r.value or 0, -r.metrics["val_loss"]))
    assert outcome.number == best.number
    assert outcome.search.value == best.value
    assert outcome.search.optimistic is True
    test = outcome.test
    assert test.rows == len(dataset.parts["test"])
    assert test.test_accuracy > 0.8
    assert test.interval[0] < test.test_accuracy < test.interval[1]
    assert np.sum(test.confusion) == test.rows
    assert not set(dataset.parts["test"]) & set(dataset.parts["train"])
    assert not set(dataset.parts["test"]) & set(dataset.parts["val"])


def test_the_winners_settings_are_yaml_with_other_frameworks_terms(parent):
    from hpsearch.config.yaml_text import read

    text = (parent.best / "params.yaml").read_text()
    assert read(text.encode(), "params.yaml")[0] == parent.winner(parent.info).params
    assert "# In PyTorch:" in text
    assert "# In Keras:" in text


def test_a_search_without_a_single_finite_value_has_no_winner(digits, searched):
    wild = "space={learning_rate: {min: 1e30, max: 1e31}}"
    run = searched(digits(wild, "trainer.optimizer=sgd", trials=3))
    assert {result.status for result in run.results} == {"diverged"}
    assert run.winner(run.info) is None
    assert not run.best.exists()

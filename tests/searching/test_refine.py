import json
import shutil
from dataclasses import replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import RunError
from hpsearch.searching.criterion import Criterion
from hpsearch.searching.history import PastTrial
from hpsearch.searching.refine import elites_of, ranking, refine, same_training, start_from
from hpsearch.searching.session import begin
from hpsearch.searching.spec import spec_of
from hpsearch.store import RunDirectory
from hpsearch.trial import Result, Status

ACCURACY = Criterion("val_accuracy", "maximize")


@pytest.fixture
def refined(parent, digits, dataset):
    """Refines the parent, with overrides."""

    def make(*overrides, **more):
        fingerprint = more.pop("fingerprint", dataset.fingerprint)
        return refine(parent, digits(), digits(*overrides), fingerprint, **more)

    return make


def known(number, *values, status=Status.COMPLETED):
    """A trial with this learning curve."""
    curve = {"epoch": list(range(1, len(values) + 1)), "val_accuracy": list(values)}
    value = values[-1] if values else None
    result = Result(number, 0, status, {}, len(values), {}, value, None, "", 0.0)
    return PastTrial(result, curve, (0, "trial", number))


def elites(trials, amounts=(1,), top=None):
    return [trial.number for trial in elites_of(ranking(trials, amounts, ACCURACY), top)]


def test_elites_are_a_tenth_of_the_trials_with_a_value_and_four_at_least():
    trials = [known(i, i / 100) for i in range(100)]
    assert elites(trials) == list(range(99, 89, -1))
    assert len(elites(trials[:12])) == 4
    assert len(elites(trials[:3])) == 3
    assert elites(trials, top=2) == [99, 98]
    lost = [known(i, 1.0, None, status=Status.DIVERGED) for i in range(100, 200)]
    assert len(elites([*trials, *lost])) == 10


def test_trials_that_were_stopped_early_are_ranked_by_what_they_showed():
    trained = [known(0, 0.5, 0.9), known(1, 0.6, 0.8)]
    stopped = [known(2, 0.55, status=Status.STOPPED), known(3, 0.1, status=Status.STOPPED)]
    assert elites([*stopped, *trained], amounts=(1, 2)) == [0, 2, 1, 3]


def test_trials_without_a_value_are_never_elites():
    lost = [
        known(0, 0.9, None, status=Status.DIVERGED),
        known(1, 0.9, status=Status.FAILED),
        known(2, status=Status.FAILED),
    ]
    assert elites([*lost, known(3, 0.1)]) == [3]
    assert elites(lost) == []


def test_the_refined_space_is_narrower_or_equal_and_holds_the_elites(parent, digits, refined):
    refinement = refined(top=2)
    before, after = digits().space, refinement.config.space
    assert all(after.contains(elite.params) for elite in refinement.elites)
    for parameter in after:
        old, new = before[parameter.name].as_config(), parameter.as_config()
        if "min" in new:
            assert old["min"] <= new["min"] < new["max"] <= old["max"]
        elif "value" not in new:
            assert set(new["values"]) <= set(old["values"])
    old, new = (space["learning_rate"].as_config() for space in (before, after))
    assert old["min"] < new["min"]
    assert new["max"] < old["max"]


def test_the_parents_trials_inside_are_history_and_numbers_go_on(parent, refined):
    refinement = refined()
    space = refinement.config.space
    inside = [r.number for r in parent.results if space.contains(r.params)]
    assert [known.result.number for known in refinement.history] == inside
    assert refinement.first == 8
    assert refinement.config.search.start == ()


@pytest.mark.parametrize(
    "change", ["trainer.epochs=4", "trainer.l2=0.01", "metric.name=val_macro_f1"]
)
def test_where_the_training_changes_the_trials_only_set_the_region(refined, change):
    same, changed = refined(), refined(change)
    assert changed.config.space.as_config() == same.config.space.as_config()
    assert changed.history == ()
    best = [elite.params for elite in changed.elites][:3]
    assert list(changed.config.search.start) == best


def test_where_the_data_changes_the_trials_only_set_the_region(refined):
    changed = refined(fingerprint="another")
    assert changed.history == ()
    assert len(changed.config.search.start) == 3


def test_what_does_not_touch_the_training_keeps_the_history(digits):
    assert same_training(digits(), digits("search.trials=3", "parallel.jobs=2", seed=9))


@pytest.fixture
def crowned(parent, tmp_path):
    """The parent as if new seeds had made another trial its winner."""

    def make(number):
        path = shutil.copytree(parent.path, tmp_path / "crowned")
        outcome = json.loads((path / "best" / "result.json").read_text())
        (path / "best" / "result.json").write_text(json.dumps(outcome | {"number": number}))
        return RunDirectory(path)

    return make


def test_the_winner_sets_the_region_however_the_search_ranked_it(parent, digits, dataset, crowned):
    config, search = digits(), parent.results
    worst = min((r for r in search if r.value is not None), key=lambda r: r.value)
    refinement = refine(crowned(worst.number), config, config, dataset.fingerprint, top=1)
    assert [elite.number for elite in refinement.elites] == [worst.number]
    assert refinement.winner == worst.number
    assert worst.number in [known.result.number for known in refinement.history]


def test_a_refined_run_knows_its_parents_winner(parent, digits, dataset, crowned, tmp_path):
    config = digits()
    second = sorted(parent.results, key=lambda r: -(r.value or 0))[1].number
    refinement = refine(crowned(second), config, config, dataset.fingerprint)
    run = begin(refinement.config, dataset, tmp_path, "child", refinement)
    assert spec_of(run, run.info, refinement.config).inherited == second
    assert spec_of(parent, parent.info, config).inherited is None


def test_a_space_that_is_pressed_is_widened_only_where_asked(parent, digits, dataset, refined):
    pressed = [elite.params["learning_rate"] for elite in refined(top=3).elites]
    high = max(pressed) * 1.01
    config = digits(f"space.learning_rate={{scale: log, min: 1e-30, max: {high}}}")
    narrow = refine(parent, digits(), config, dataset.fingerprint, top=3)
    wide = refine(parent, digits(), config, dataset.fingerprint, top=3, wide=True)
    assert narrow.widened == ()
    assert narrow.config.space["learning_rate"].as_config()["max"] <= high
    assert ("learning_rate", "max") in [(p.parameter, p.side) for p in wide.widened]
    assert wide.config.space["learning_rate"].as_config()["max"] > high


def test_a_refined_search_goes_on_where_its_parent_ended(parent, refined, searched):
    refinement = refined("search.trials=4")
    run = searched(refinement.config, "child", parent.path.parent, refinement)
    assert [r.number for r in run.results] == [8, 9, 10, 11]
    assert all(refinement.config.space.contains(r.params) for r in run.results)
    assert run.info.parent == "parent"
    assert run.info.test_looks == 2
    assert run.winner(run.info).search.value >= parent.winner(parent.info).search.value
    config = from_mapping(run.info.config)
    assert [known.result for known in spec_of(run, run.info, config).history] == [
        known.result for known in refinement.history
    ]
    again = refine(run, config, config, run.info.data.fingerprint)
    assert again.first == 12
    numbers = [known.result.number for known in again.history]
    assert numbers == sorted(set(numbers))


def test_a_parent_that_won_again_is_crowned_with_the_same_model(parent, refined, searched, digits):
    worst = replace(
        refined(),
        config=digits("space={learning_rate: {value: 1e-9}, optimizer: {value: adam}}", trials=1),
    )
    run = searched(worst.config, "worse", parent.path.parent, worst)
    assert run.winner(run.info).number == parent.winner(parent.info).number
    assert run.winner(run.info).test == parent.winner(parent.info).test
    assert run.winner(run.info).metrics == parent.winner(parent.info).metrics


def test_without_a_completed_trial_there_is_nothing_to_refine(digits, searched, dataset):
    config = digits(
        "space={learning_rate: {min: 1e30, max: 1e31}}", "trainer.optimizer=sgd", trials=1
    )
    run = searched(config)
    with pytest.raises(RunError, match="at least one trial with a value, found none"):
        refine(run, config, config, dataset.fingerprint)


def test_a_search_can_start_from_a_runs_best_settings(searched, digits):
    before = searched(digits("search.rounds=4"), "before")  # each completes a trial
    config = start_from(digits("search.start=before"), before)
    assert config.search.start[0] == before.winner(before.info).params
    assert len(config.search.start) == 3


def test_a_start_from_a_run_outside_the_space_is_refused(parent, digits):
    config = digits(
        "search.start=parent", "space.learning_rate={scale: log, min: 1e-9, max: 1e-8}"
    )
    with pytest.raises(RunError, match="none of its best settings lies in the space"):
        start_from(config, parent)

"""Bounds that a winner keeps, and objectives that make a front."""

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from hpsearch.config import from_run
from hpsearch.searching.confirmation import Confirmed, contenders, verdict
from hpsearch.searching.criterion import Bound, Criterion, Objective, criterion_of
from hpsearch.searching.refine import refine
from hpsearch.trial import Result, Status

FAST = Criterion("val_accuracy", "maximize", bounds=(Bound("ms", most=5.0),))
BOTH = Criterion("val_accuracy", "maximize", others=(Objective("ms", "minimize"),))


def result(number, value, ms, params=None):
    metrics = {"val_accuracy": value, "ms": ms}
    params = {"x": number} if params is None else params
    return Result(number, 0, Status.COMPLETED, params, 1, metrics, value, None, "", 0.0)


def test_a_trial_that_breaks_a_bound_ranks_behind_all_that_keep_it_by_how_much_it_breaks():
    results = [result(0, 0.99, 9.0), result(1, 0.98, 6.0), result(2, 0.5, 5.0), result(3, 0.6, 1)]
    assert [each.number for each in sorted(results, key=FAST.order)] == [3, 2, 1, 0]
    assert FAST.best(results).number == 3
    assert FAST.best(results[:2]).number == 1


def test_what_does_not_say_whether_it_keeps_a_bound_cannot_win():
    assert FAST.best([result(0, 0.9, None)]) is None
    assert BOTH.best([result(0, 0.9, None)]) is None


def test_the_front_is_what_no_other_beats_and_best_by_the_first_metric_comes_first():
    results = [result(0, 0.7, 1.0), result(1, 0.9, 3.0), result(2, 0.8, 3.5), result(3, 0.8, 2.0)]
    assert [each.number for each in BOTH.front(results)] == [1, 3, 0]
    means = {3: {"val_accuracy": 0.6, "ms": 2.0}}
    assert [each.number for each in BOTH.front(results, means)] == [1, 0]


def test_the_front_keeps_the_bounds_unless_no_trial_does():
    bounded = replace(BOTH, bounds=(Bound("ms", most=2.0),))
    results = [result(0, 0.7, 1.0), result(1, 0.9, 3.0), result(3, 0.8, 2.0)]
    assert [each.number for each in bounded.front(results)] == [3, 0]
    assert [each.number for each in bounded.front(results[1:2])] == [1]


def test_the_best_by_the_first_metric_is_confirmed_first_then_those_that_dominate_most():
    sizes = (10.0, 9.0, 3.0, 2.5, 2.0)
    results = [result(n, 0.9 - n / 100, size) for n, size in enumerate(sizes)]
    results.append(result(9, 0.1, 20.0))
    chosen = contenders(results, [], BOTH, top=3)
    assert [each.number for each in chosen[:2]] == [0, 2]
    assert 9 not in [each.number for each in chosen]


def test_a_mean_over_new_seeds_that_breaks_a_bound_does_not_win():
    fast, slow = (
        Confirmed(n, 0.9, (value,), {"ms": ms}) for n, value, ms in ((0, 0.8, 4.0), (1, 0.9, 6.0))
    )
    assert verdict([slow, fast], FAST) is fast
    assert verdict([slow, fast], Criterion("val_accuracy", "maximize")) is slow


@dataclass(frozen=True)
class Sized:
    """Trains as another trainer does, and reports a size too."""

    trainer: object

    def groups(self, jobs):
        return self.trainer.groups(jobs)

    def train(self, jobs, states, report=None):
        outcomes = self.trainer.train(jobs, states, report)
        return [
            replace(
                each, curve={**each.curve, "size": [self.size(job)] * len(each.curve["epoch"])}
            )
            for job, each in zip(jobs, outcomes, strict=True)
        ]

    def size(self, job):
        return 100.0 * (1 - job.settings["x"])


SMALL = Criterion("val_accuracy", "maximize", bounds=(Bound("size", most=50.0),))
FRONT = Criterion("val_accuracy", "maximize", others=(Objective("size", "minimize"),))


@pytest.fixture
def sized(valley):
    return Sized(valley())


@pytest.mark.parametrize("judge", [SMALL, FRONT], ids=["bound", "front"])
@pytest.mark.parametrize("jobs", [2, 5, 64])
def test_the_order_of_the_answers_decides_nothing(
    new_run, spec, rungs, go, fates, anyhow, sized, judge, jobs
):
    one_by_one, shuffled = new_run(), new_run()
    plan = spec(rounds=rungs, screened=True)
    go(one_by_one, plan, trainer=sized, criterion=judge)
    go(shuffled, plan, anyhow(jobs, jobs), trainer=sized, criterion=judge)
    assert fates(shuffled) == fates(one_by_one)


@pytest.mark.parametrize("judge", [SMALL, FRONT], ids=["bound", "front"])
@pytest.mark.parametrize("answers", [1, 9, 17, 25])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    new_run, spec, rungs, go, fates, anyhow, sized, judge, answers
):
    whole, stopped = new_run(), new_run()
    plan = spec(rounds=rungs, screened=True)
    go(whole, plan, trainer=sized, criterion=judge)
    with suppress(KeyboardInterrupt):
        go(stopped, plan, anyhow(answers, 3, answers=answers), trainer=sized, criterion=judge)
    go(stopped, plan, trainer=sized, criterion=judge)
    assert fates(stopped) == fates(whole)


def test_a_trial_that_does_not_report_a_metric_fails_with_its_name(new_run, spec, go, valley):
    run = new_run()
    plan = spec()
    sizes = Criterion("val_accuracy", "maximize", bounds=(Bound("size", most=50.0),))
    with pytest.raises(
        Exception, match="the result must have the metric 'size', found 'val_loss'"
    ):
        go(run, plan, trainer=valley(), criterion=sizes)


def test_halving_keeps_a_bound(new_run, spec, rungs, go, sized):
    run = new_run()
    go(run, spec(rounds=rungs), trainer=sized, criterion=SMALL)
    completed = [each for each in run.results if each.status is Status.COMPLETED]
    assert all(each.metrics["size"] <= 50 for each in completed if each.epochs == 4)


SEVERAL = (
    "metric=[{name: val_accuracy}, {name: parameters}]",
    "trainer.epochs=4",
    "search={trials: 14, confirm: {top: 2, seeds: 2, share: 1}}",
)


@pytest.fixture(scope="module")
def front_run(digits, searched):
    return searched(digits(*SEVERAL))


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_front_is_the_same_with_any_number_of_jobs(front_run, digits, searched, fates, jobs):
    run = searched(digits(*SEVERAL, "parallel.backend=local", jobs=jobs))
    assert fates(run) == fates(front_run)
    assert run.winner(run.info) == front_run.winner(front_run.info)


def test_the_network_reports_how_many_parameters_it_has_where_it_is_asked(front_run, parent):
    assert all(each.metrics["parameters"] > 600 for each in front_run.results)
    assert all("parameters" not in each.metrics for each in parent.results)
    assert set(parent.info.config["metric"]) == {"name", "goal", "at"}


def test_refine_spans_the_front(front_run):
    config = from_run(front_run.info.config, front_run.path)
    front = criterion_of(config).front(front_run.results)
    found = refine(front_run, config, config, front_run.info.data.fingerprint)
    assert {each.number for each in front} <= {each.number for each in found.elites}
    assert all(found.config.space.contains(each.params) for each in front)
    assert {each.number for each in front} <= {each.result.number for each in found.history}

"""Target, failures, patience and retries: they decide in the order of numbers, at any speed."""

import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from hpsearch.config import from_mapping
from hpsearch.errors import ConfigError, RunError
from hpsearch.report.findings import listed
from hpsearch.report.html.page import page
from hpsearch.report.summary import summarise
from hpsearch.report.terminal import show
from hpsearch.sampling.plan import Sizes, extended
from hpsearch.sampling.ranking import Observation
from hpsearch.searching.limits import Limits, Watch
from hpsearch.searching.planning import epochs_needed, grid_of, plan_for, rounds_of
from hpsearch.searching.resume import on_with, reopen
from hpsearch.searching.session import conduct
from hpsearch.searching.spec import proposals, spec_for
from hpsearch.space import Choice, Continuous, Parameter, Space
from hpsearch.store import files
from hpsearch.trial import Ending, Result, Status

SOUND = Space((Parameter("x", Continuous(0.05, 0.8)),))
SHAKY = Space((Parameter("x", Continuous(0, 1)), Parameter("kind", Choice(("a", "bad")))))


class Crash(BaseException):
    """The end of the process, as far as the search can tell."""


def with_fuse(monkeypatch, left):
    """Let so many lines be written; the next one ends the process, and so does taking back."""
    append, remove, lines_replace = files.Lines.append, files.Lines.remove, files.Lines.replace
    fuse = [left]

    def burn():
        fuse[0] -= 1
        if fuse[0] < 0:
            raise Crash

    def append_or_crash(lines, line):
        burn()
        append(lines, line)

    def remove_and_crash(lines, beginnings):
        found = remove(lines, beginnings)
        burn()
        return found

    def replace_and_crash(lines, others):
        lines_replace(lines, others)
        burn()

    monkeypatch.setattr(files.Lines, "append", append_or_crash)
    monkeypatch.setattr(files.Lines, "remove", remove_and_crash)
    monkeypatch.setattr(files.Lines, "replace", replace_and_crash)
    return fuse


@pytest.fixture
def plans(spec, rungs, rounds):
    """One rung, three rungs, and rounds that overlap as those for many workers do."""
    three = ((9, 1), (3, 2), (1, 4))
    lagging = tuple(replace(each, lag=(1, 2, 3)) for each in rounds(*[three] * 4))
    return {
        "one rung": spec(space=SOUND),
        "three rungs": spec(space=SOUND, rounds=rungs),
        "overlapping": spec(space=SOUND, rounds=lagging),
    }


PLANS = ("one rung", "three rungs", "overlapping")


def reached_by(lines, value):
    """The number of the first trial, of a whole search, that is completed and as good."""
    return min(
        line["number"]
        for line in lines
        if line["status"] == "completed" and line["value"] >= value
    )


@pytest.fixture
def aimed(plans, new_run, go, fates, criterion):
    """By plan: a target that a trial in the middle reaches first, and the trials up to it."""

    def aim(name):
        run = new_run()
        go(run, plans[name])
        whole = fates(run)
        values = [line["value"] for line in whole if line["status"] == "completed"]
        target = max(values[: 1 + len(values) // 2])
        last = reached_by(whole, target)
        return replace(criterion, target=target), [e for e in whole if e["number"] <= last]

    return aim


@pytest.mark.parametrize("name", PLANS)
def test_the_trials_are_the_first_that_reaches_the_target_and_all_before_it(
    name, plans, aimed, new_run, go, fates
):
    criterion, expected = aimed(name)
    run = new_run()
    search = go(run, plans[name], criterion=criterion)
    assert fates(run) == expected
    assert search.ending == Ending("target", expected[-1]["number"])
    assert search.best.number in {line["number"] for line in expected}
    assert len(expected) < plans[name].trials


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_answers_ends_with_the_same_trials(
    name, seed, plans, aimed, new_run, go, fates, anyhow
):
    criterion, expected = aimed(name)
    for jobs in (3, 64):
        run = new_run()
        go(run, plans[name], anyhow(seed, jobs), criterion=criterion)
        assert fates(run) == expected


@pytest.mark.parametrize("name", PLANS)
def test_after_a_crash_at_any_line_it_ends_with_the_same_trials(
    name, plans, aimed, new_run, go, fates, anyhow, monkeypatch
):
    criterion, expected = aimed(name)
    for left in range(0, 1000, 1 if name == "one rung" else 5):
        run = new_run()
        with monkeypatch.context() as patched, suppress(Crash):
            fuse = with_fuse(patched, left)
            go(run, plans[name], anyhow(left, 5), criterion=criterion)
        search = go(run, plans[name], criterion=criterion)
        assert fates(run) == expected, f"after {left} lines"
        assert search.ending == Ending("target", expected[-1]["number"])
        shutil.rmtree(run.path)
        if fuse[0] >= 0:
            break
    assert left > 2 * len(expected)


def test_with_the_target_dropped_the_search_goes_on_and_trains_nothing_twice(
    plans, aimed, new_run, go, fates, anyhow
):
    criterion, expected = aimed("three rungs")
    whole, run = new_run(), new_run()
    go(run, plans["three rungs"], anyhow(0, 64), criterion=criterion)
    go(run, plans["three rungs"])
    go(whole, plans["three rungs"])
    assert fates(run) == fates(whole) != expected
    trained = [(piece.training, piece.rung) for piece in run.pieces]
    assert len(trained) == len(set(trained))


def test_the_best_of_trials_that_were_dropped_does_not_win(plans, aimed, new_run, go, anyhow):
    criterion, expected = aimed("three rungs")
    for seed in range(6):
        search = go(new_run(), plans["three rungs"], anyhow(seed, 64), criterion=criterion)
        values = [line["value"] for line in expected if line["status"] == "completed"]
        assert search.best.value == max(values)


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_one_failure_too_many_by_number_ends_the_search(allowed, spec, new_run, go, fates, anyhow):
    asked = spec(space=SHAKY)
    whole = new_run()
    go(whole, asked)
    failed = [line["number"] for line in fates(whole) if line["status"] == "failed"]
    last = failed[allowed]
    for seed in range(6):
        run = new_run()
        limited = replace(asked, limits=Limits(max_failures=allowed))
        search = go(run, limited, anyhow(seed, 1 + 9 * seed))
        assert fates(run) == [line for line in fates(whole) if line["number"] <= last]
        assert search.ending == Ending("max_failures", last)


def test_as_many_failures_as_are_allowed_end_nothing(spec, new_run, go, fates):
    whole, run = new_run(), new_run()
    go(whole, spec(space=SHAKY))
    failed = sum(line["status"] == "failed" for line in fates(whole))
    assert go(run, spec(space=SHAKY, limits=Limits(max_failures=failed))).ending is None
    assert fates(run) == fates(whole)


@pytest.mark.parametrize("patience", [1, 2])
def test_rounds_without_a_better_best_end_the_search(
    patience, spec, rounds, new_run, go, fates, anyhow
):
    asked = spec(space=SOUND, rounds=rounds(*[((6, 1), (2, 4))] * 8), sampler="random")
    whole = new_run()
    go(whole, asked)
    best, idle, last = float("-inf"), 0, None
    for round in asked.rounds:
        own = [line for line in fates(whole) if line["round"] == round.number]
        most = max(line["value"] for line in own if line["status"] == "completed")
        best, idle = max(best, most), 0 if most > best else idle + 1
        if idle == patience:
            last = round.first + round.trials - 1
            break
    assert last is not None
    for seed in range(4):
        run = new_run()
        limited = replace(asked, limits=Limits(patience=patience))
        search = go(run, limited, anyhow(seed, 1 + 9 * seed))
        assert fates(run) == [line for line in fates(whole) if line["number"] <= last]
        assert search.ending == Ending("patience", last)


def test_a_stopped_trial_counts_only_once_nothing_can_call_it_back(criterion, rounds):
    watch = Watch(Limits(), replace(criterion, target=0.5), rounds(((2, 1), (1, 2))))

    def result(number, status, value):
        return Result(number, 0, status, {}, 1, {}, value, None, "", 0)

    results = {0: result(0, Status.STOPPED, 0.9), 1: result(1, Status.COMPLETED, 0.6)}
    assert watch.end(results, lambda round: False) is None
    results[0] = result(0, Status.COMPLETED, 0.7)  # it was called back
    assert watch.end(results, lambda round: False) == Ending("target", 0)


@dataclass
class Flaky:
    """Each training fails as often as its number says, modulo four, and then trains."""

    inner: object
    attempts: dict = field(default_factory=dict)

    def groups(self, jobs):
        return [[job] for job in jobs]

    def train(self, jobs, states, report=None):
        (job,) = jobs
        count = self.attempts[job.training] = self.attempts.get(job.training, 0) + 1
        if count <= job.number % 4:
            raise OSError(f"attempt {count}")
        return self.inner.train(jobs, states, report)


@pytest.fixture
def flaky(spec, rungs, new_run, go, fates, valley):
    """A search whose trials fail up to three times, of which two are tried again; its trials."""
    asked = spec(space=SOUND, rounds=rungs, retries=2)
    run = new_run()
    go(run, asked, trainer=Flaky(valley()))
    return asked, fates(run)


def test_a_trial_that_failed_is_trained_again_as_often_as_is_allowed(flaky, new_run, go, valley):
    asked, expected = flaky
    for line in expected:
        assert (line["status"] == "failed") == (line["number"] % 4 == 3)
    assert {line["error"] for line in expected if line["status"] == "failed"} == {
        "OSError: attempt 3"
    }
    run, trainer = new_run(), Flaky(valley())
    go(run, asked, trainer=trainer)
    errors = [span.error for span in run.timeline if isinstance(span.error, str)]
    assert len(errors) == sum(number % 4 for number in range(asked.trials))
    log = (run.path / "logs" / "log.txt").read_text()
    assert "OSError: attempt 1" in log


@pytest.mark.parametrize("seed", range(3))
def test_attempts_are_the_same_in_any_order(flaky, seed, new_run, go, fates, anyhow, valley):
    asked, expected = flaky
    run = new_run()
    go(run, asked, anyhow(seed, 9), trainer=Flaky(valley()))
    assert fates(run) == expected


@pytest.mark.slow
def test_attempts_are_facts_after_a_crash_at_any_line(
    flaky, new_run, go, fates, valley, monkeypatch
):
    asked, expected = flaky
    for left in range(0, 1000, 4):
        run, trainer = new_run(), Flaky(valley())
        with monkeypatch.context() as patched, suppress(Crash):
            fuse = with_fuse(patched, left)
            go(run, asked, trainer=trainer)
        told = sum(isinstance(span.error, str) for span in run.timeline)
        attempts = {
            number: sum(
                span.number == number and isinstance(span.error, str) for span in run.timeline
            )
            for number in range(asked.trials)
        }
        trainer.attempts = {(number, 0, 0): count for number, count in attempts.items() if count}
        done = {piece.training for piece in run.pieces}
        trainer.attempts |= dict.fromkeys(done, 9)
        go(run, asked, trainer=trainer)
        assert fates(run) == expected, f"after {left} lines, {told} attempts"
        errors = sum(isinstance(span.error, str) for span in run.timeline)
        assert errors == sum(number % 4 for number in range(asked.trials)), f"after {left} lines"
        shutil.rmtree(run.path)
        if fuse[0] >= 0:
            break
    assert left > 2 * len(expected)


def test_without_retries_a_timeline_has_no_errors(spec, new_run, go):
    run = new_run()
    go(run, spec(space=SHAKY))
    assert '"error"' not in (run.path / "timeline.jsonl").read_text()


GRID = {
    "name": "grid",
    "trainer": {"kind": "function", "function": "unused:unused"},
    "metric": {"name": "value", "goal": "minimize"},
    "space": {
        "a": {"values": [1, 2, 3, 4]},
        "b": {"type": "int", "min": 1, "max": 6},
        "c": {"values": ["p", "q"], "when": {"a": 2}},
    },
    "search": {"sampler": "grid"},
}


def grid(**search):
    tree = {**GRID, "search": {**GRID["search"], **search}}
    return from_mapping(tree)


def tried(config, plan=None):
    plan = rounds_of(config) if plan is None else plan
    spec, found = spec_for(config, plan), []
    for each in plan:
        history = [Observation(trial.number, trial.params, ((1.0, 1.0),)) for trial in found]
        found += proposals(spec, each, history)
    return [trial.params for trial in found]


def test_a_grid_tries_each_setting_once_in_an_order_that_the_seed_decides():
    settings = tried(grid())
    assert len({str(each) for each in settings}) == len(settings) == 6 * 5
    other = tried(from_mapping({**GRID, "seed": 1}))
    assert other != settings
    assert sorted(map(str, other)) == sorted(map(str, settings))


def test_trials_bound_a_grid_and_more_of_them_go_on_in_its_order():
    settings = tried(grid())
    few = grid(trials=7)
    assert tried(few) == settings[:7]
    longer = extended(rounds_of(few), Sizes([5]), (1,))
    assert tried(few, longer) == settings[:12]
    assert len(tried(grid(trials=100))) == 30


def test_a_grid_too_large_to_be_listed_is_tried_without_repeats():
    tree = {**GRID, "space": {f"p{i}": {"type": "int", "min": 1, "max": 100} for i in range(4)}}
    settings = tried(from_mapping({**tree, "search": {"sampler": "grid", "trials": 50}}))
    assert len({str(each) for each in settings}) == 50
    with pytest.raises(ConfigError, match="grid has more than 1,000,000 settings"):
        from_mapping(tree)


def test_a_grid_says_how_large_it_is():
    assert grid_of(grid(), 30) == "the grid has 30 settings; each is tried once"
    assert grid_of(grid(trials=7), 7) == (
        "the grid has 30 settings; 7 of them are tried, each once"
    )


def test_a_range_of_real_numbers_is_no_part_of_a_grid():
    space = {**GRID["space"], "rate": {"scale": "log", "min": 0.001, "max": 1}}
    with pytest.raises(ConfigError, match=r"space\.rate: .*values: \[\.\.\.\], give it a step"):
        from_mapping({**GRID, "space": space})


def test_a_grid_is_searched_in_the_same_way_with_any_order_of_answers(
    new_run, spec, rounds, go, fates, anyhow
):
    values = tuple(round(0.1 + 0.05 * i, 2) for i in range(12))
    space = Space((Parameter("x", Choice(values)),))
    asked = spec(space=space, sampler="grid", rounds=rounds(((12, 1), (4, 2), (1, 4))))
    whole = new_run()
    go(whole, asked)
    assert sorted(line["params"]["x"] for line in fates(whole)) == list(values)
    for seed in range(3):
        run = new_run()
        with suppress(KeyboardInterrupt):
            go(run, asked, anyhow(seed, 5, answers=4))
        go(run, asked, anyhow(seed, 5))
        assert fates(run) == fates(whole)


@pytest.mark.parametrize("budget", [9, 30, 100, 1000])
@pytest.mark.parametrize("extra", [{}, {"repeats": 2}, {"halving": False}])
def test_a_plan_keeps_to_its_budget_and_uses_it(digits, budget, extra):
    keys = "".join(f", {name}: {str(value).lower()}" for name, value in extra.items())
    config = digits(f"search={{max_epochs: {budget}{keys}}}")
    plan = rounds_of(config)
    assert epochs_needed(config, plan) <= budget
    trials = sum(each.trials for each in plan)
    more = plan_for(config, trials + 2, coarse=True)
    assert epochs_needed(config, more) > budget


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["search.max_epochs=2"], r"search\.max_epochs: must allow 1 trial, 3 epochs"),
        (["metric.target=97"], r"metric\.target: val_accuracy lies between 0 and 1.*0\.99"),
        (["search.rounds=1", "search.patience=2"], r"search\.patience: counts rounds"),
        (["search.sampler=grid"], r"space\.learning_rate: .*cannot try each"),
        (["search.max_failures=-1"], r"search\.max_failures: must be a whole number from 0"),
        (["search.pateince=2"], r"did you mean 'patience'"),
    ],
)
def test_limits_that_cannot_be_meant_are_told(digits, overrides, problem):
    with pytest.raises(ConfigError, match=problem):
        digits(*overrides)


def test_a_target_of_the_first_of_several_metrics_may_change_in_a_run(searched, digits):
    several = "metric=[{name: val_accuracy, target: 0.01}, {name: val_loss, at_most: 1e9}]"
    run = searched(digits("search.trials=12", several))
    assert run.info.ending.by == "target"
    assert "--set metric.target=null" in on_with(run)
    with pytest.raises(ConfigError, match=r"metric.1.at_most: was 1000000000.0, is now 5"):
        reopen(run, ["metric.1.at_most=5"])
    assert reopen(run, ["metric.target=null"]).metric.target is None


def test_what_ended_a_run_is_told_and_resume_goes_on_past_it(searched, digits, dataset, capsys):
    whole = searched(digits("search.trials=12"))
    values = [r.value for r in whole.results if r.status == "completed"]
    run = searched(digits("search.trials=12", f"metric.target={values[0]}"))
    last = run.info.ending.last
    assert run.info.ending.by == "target"
    assert [r.number for r in run.results] == list(range(last + 1))
    summary = summarise(run)
    assert summary.end.startswith("ended early: trial ")
    assert listed(run)["ended_by"] == "target"
    said = f"trial {last} is the first to reach the target"
    assert summary.as_json()["ended"]["by"] == "target"
    show(summary)
    assert said in " ".join(capsys.readouterr().out.split())
    assert said in page(summary)
    assert reopen(run) is None
    assert "--set metric.target=null" in on_with(run)
    with pytest.raises(RunError, match="--trials adds none: trial"):
        reopen(run, trials=40)
    config = reopen(run, ["metric.target=null"])
    conduct(run, lambda event: None, config, dataset)
    assert run.info.ending is None
    assert [(r.number, r.params, r.value) for r in run.results] == [
        (r.number, r.params, r.value) for r in whole.results
    ]


def test_a_limit_that_the_last_trial_of_a_plan_reaches_ends_nothing_early(searched, digits):
    run = searched(digits("search.trials=4", "search.patience=1"))
    with run.writing() as writer:
        writer.describe(replace(run.info, ending=Ending("patience", 3)))
    assert summarise(run).end.startswith("ended with its plan: no better best in 1 round")


def test_a_search_whose_budget_suffices_for_more_trials_is_extended_to_them(
    searched, digits, dataset
):
    run = searched(digits("search={trials: 4, max_epochs: 60}"))
    with pytest.raises(RunError, match=r"search.trials \(4\) are planned; .* --trials N"):
        reopen(run, ["search.max_epochs=90"])
    config = reopen(run, trials=6)
    assert epochs_needed(config, run.info.plan) <= 60
    conduct(run, lambda event: None, config, dataset)
    assert len(run.results) == 6


def test_a_larger_budget_makes_a_longer_plan(searched, digits, dataset):
    run = searched(digits("search={max_epochs: 20}"))
    before = run.info.plan
    with pytest.raises(RunError, match="may only grow"):
        reopen(run, ["search.max_epochs=10"])
    with pytest.raises(RunError, match=r"--trials 50 takes \d+ epochs .* --set search.max_e"):
        reopen(run, trials=50)
    config = reopen(run, ["search.max_epochs=40"])
    assert run.info.plan[: len(before)] == before
    assert 20 < epochs_needed(config, run.info.plan) <= 40
    conduct(run, lambda event: None, config, dataset)
    assert len(run.results) == sum(each.trials for each in run.info.plan)

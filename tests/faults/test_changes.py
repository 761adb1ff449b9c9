"""What may change in a run that has begun: where it runs and how long, and nothing else."""

import pytest

from hpsearch.config import load
from hpsearch.errors import ConfigError, RunError
from hpsearch.searching.resume import reopen
from hpsearch.searching.session import begin, conduct, read_data

TEXT = """\
data: {source: digits}
trainer: {epochs: 2}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1}  # alpha
search: {trials: 4, confirm: false}
parallel: {backend: serial, jobs: 1}
"""


@pytest.fixture(autouse=True)
def _hasty_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def run(tmp_path):
    """A run that has begun and trained nothing; its seed came from the command line."""
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    config = load(path, seed=7)
    return begin(config, read_data(config), tmp_path / "runs", "small")


def go(run, *overrides):
    config = reopen(run, overrides)
    assert config is not None
    conduct(run, lambda event: None, config)
    return run


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("max: 1}", "max: 10}", r"space\.learning_rate\.max: was 1(\.0)?, is now 10"),
        ("epochs: 2", "epochs: 3", r"trainer\.epochs: was 2, is now 3"),
        ("trials: 4", "trials: 8", r"(?s)search\.trials: was 4, is now 8.*--trials N"),
        ("confirm: false", "confirm: {top: 2}", r"search\.confirm: was False, is now \{"),
        ("trainer:", "seed: 1\ntrainer:", r"seed: was 0, is now 1"),
        ("digits}", "digits, test: 0.1}", r"data\.test: was 0\.2, is now 0\.1"),
    ],
)
def test_a_config_yaml_that_means_something_else_is_refused_with_the_difference(
    run, old, new, difference
):
    before = run.info
    run.config.write_text(TEXT.replace(old, new))
    with pytest.raises(RunError, match=difference):
        reopen(run)
    assert run.info == before
    run.config.write_text(TEXT)
    assert go(run).info.seed == 7


@pytest.mark.parametrize(
    "text", [TEXT.replace("# alpha", "# the learning rate"), TEXT.replace("1e-3", "0.001")]
)
def test_a_config_yaml_that_is_only_put_in_other_words_is_no_change(run, text):
    run.config.write_text(text)
    assert len(go(run).results) == 4


def test_parallel_and_time_limits_may_be_changed_in_config_yaml_and_later_by_set(run):
    run.config.write_text(
        TEXT.replace("jobs: 1", "jobs: 2").replace("trials: 4", "trials: 4, timeout: 1h")
    )
    config = reopen(run)
    assert (config.parallel.jobs, config.search.timeout, config.seed) == (2, 3600, 7)
    config = reopen(run, ["search.timeout=2h", "parallel.jobs=3"])
    assert (config.parallel.jobs, config.search.timeout) == (3, 7200)
    assert reopen(run) == config  # the newer word counts, not config.yaml's again


def test_a_config_yaml_that_is_gone_is_put_back(run):
    run.config.remove()
    go(run)
    assert run.config.read_text() == TEXT


@pytest.mark.parametrize("text", ["space: [", "3", "space: {learning_rate: {min: 2, max: 1}}"])
def test_a_config_yaml_that_makes_no_sense_any_more_is_told_as_any_other(run, text):
    run.config.write_text(text)
    with pytest.raises(ConfigError):
        reopen(run)


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("trainer.epochs=9", r"trainer\.epochs: was 2, is now 9; only parallel"),
        ("seed=1", r"seed: was 7, is now 1; only parallel"),
        ("search.trials=9", r"search\.trials: was 4, is now 9; .*--trials N"),
        ("space.momentum={value: 0.9}", r"space\.momentum: was not there"),
    ],
)
def test_set_refuses_what_decides_the_trials(run, override, difference):
    with pytest.raises(ConfigError, match=difference):
        reopen(run, [override])


def test_a_search_whose_time_is_over_goes_on_only_with_more_time(run, tmp_path):
    whole = begin(load(tmp_path / "small.yaml", seed=7), read_data(load(run.config.path)),
                  tmp_path / "runs", "whole")  # fmt: skip
    go(whole)
    go(run, "search.timeout=1e-9")
    assert run.info.status == "finished"
    assert run.results == []
    with pytest.raises(RunError, match=r"its time is over: .*--set search\.timeout="):
        reopen(run)
    with pytest.raises(RunError, match="its time is over"):
        reopen(run, trials=9)
    go(run, "search.timeout=null")
    assert [r.value for r in run.results] == [r.value for r in whole.results]
    assert reopen(run) is None


def test_a_run_that_is_being_written_is_not_touched(run):
    before = (run.path / "run.json").read_bytes()
    with run.writing(), pytest.raises(RunError, match="only one process may write"):
        reopen(run, ["parallel.jobs=2"], trials=9)
    assert (run.path / "run.json").read_bytes() == before

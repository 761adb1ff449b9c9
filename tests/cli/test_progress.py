"""What is said while a search goes on."""

from io import StringIO
from types import SimpleNamespace

import pytest

from hpsearch.cli import progress
from hpsearch.sampling.plan import Sizes, plan
from hpsearch.searching.events import (
    FilesChanged,
    RoundStarted,
    SearchStarted,
    TrialEnded,
    TrialsReported,
)
from hpsearch.store import RunDirectory, create
from hpsearch.trainers.reporting import Latest


@pytest.fixture
def run(tmp_path, run_info) -> RunDirectory:
    return create(tmp_path, "r", b"", run_info(status="running"))


@pytest.mark.parametrize(
    ("done", "seconds", "said"),
    [
        (30, 2.0, ["round 3/5: reading back 30 trials from disk"]),
        (30, 0.5, []),
        (0, 2.0, []),
    ],
)
def test_reading_back_many_trials_is_said_once_after_a_second(
    run, capsys, monkeypatch, done, seconds, said
):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown = progress.Progress()
    rounds = plan(Sizes([10] * 5), (1,))
    shown(SearchStarted(run, 50, done, 1))
    for round in rounds[:2]:
        shown(RoundStarted(round, 5))
    clock[0] = seconds
    for round in rounds[2:]:
        shown(RoundStarted(round, 5))
    assert capsys.readouterr().err.splitlines()[1:] == said


def test_quiet_says_nothing_of_progress_and_all_of_trouble(run, capsys):
    shown = progress.Progress(quiet=True)
    shown(SearchStarted(run, 50, 0, 1))
    shown(RoundStarted(plan(Sizes([10] * 5), (1,))[0], 5))
    shown(FilesChanged("runs/r/run.json: was deleted"))
    assert capsys.readouterr().err == "runs/r/run.json: was deleted\n"


class Terminal(StringIO):
    """A terminal whose width is not known: 80 columns are reckoned with."""

    def isatty(self):
        return True


@pytest.fixture
def bar(run, monkeypatch):
    """A bar that has begun; gives what shows events, and the last line on the terminal."""
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    shown = progress.Progress()
    shown(SearchStarted(run, 9, 0, 2))
    shown(RoundStarted(plan(Sizes([9]), (1,))[0], 1))
    shown._bar.mininterval = 0
    yield shown, lambda: terminal.getvalue().rpartition("\r")[2].strip()
    shown.close()


def reports(**values):
    """What trials at work have reported last."""
    return TrialsReported(
        tuple(
            Latest(int(n[1:]), 0, 0, 0, 9, {} if value is None else {"epoch": 1, "auc": value})
            for n, value in values.items()
        ),
        "auc",
    )


def ended(number, value=0.75):
    result = SimpleNamespace(number=number, value=value)
    return TrialEnded(result, result)


def test_the_bar_has_the_last_values_of_running_trials_in_80_columns(bar):
    shown, line = bar
    shown(reports(t0=0.81234, t1=None))
    assert line().endswith("| 0/9 [00:00<?, 0: 0.812]")
    shown(ended(7))
    shown(reports(t0=0.81234, t1=0.5))
    assert line().endswith("best 0.75 (trial 7), 0: 0.812, 1: 0.5]")
    shown(reports(**{f"t{n}": n / 7 for n in range(20, 40)}))
    assert line().endswith("best 0.75 (trial 7), 20: 2.86, 21: 3, +18]")


def test_the_bar_shows_no_trial_as_running_that_has_ended(bar):
    shown, line = bar
    shown(reports(t0=0.25, t1=0.5))
    shown(ended(1))
    assert "0: 0.25" in line()
    assert "1: 0.5" not in line()
    shown(reports())
    assert line().startswith("round 1/1:  11%|")
    assert line().endswith("trial/s, best 0.75 (trial 1)]")


def test_plain_lines_are_no_more_for_what_running_trials_report(run, capsys):
    shown = progress.Progress()
    shown(SearchStarted(run, 9, 0, 2))
    before = capsys.readouterr().err
    assert before
    shown(reports(t0=0.25))
    assert capsys.readouterr().err == ""

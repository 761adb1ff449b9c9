"""What is said while a search goes on."""

import pytest

from hpsearch.cli import progress
from hpsearch.sampling.plan import plan
from hpsearch.searching.events import FilesChanged, RoundStarted, SearchStarted
from hpsearch.store import RunDirectory, create


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
    rounds = plan([10] * 5, (1,))
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
    shown(RoundStarted(plan([10] * 5, (1,))[0], 5))
    shown(FilesChanged("runs/r/run.json: was deleted"))
    assert capsys.readouterr().err == "runs/r/run.json: was deleted\n"

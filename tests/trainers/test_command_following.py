"""A user's command is read while it trains, and ended once all that counts is reported."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from hpsearch.errors import TrainerError
from hpsearch.trainers.command import following, process
from hpsearch.trainers.command.following import Epochs, Whole
from hpsearch.trainers.command.results import Lines, Matches
from hpsearch.trainers.command.sources import Reported
from hpsearch.trainers.command.trainer import CommandTrainer
from hpsearch.trainers.protocol import Job

SCORES = """
import json, signal, sys
def report(epoch, **more):
    print(json.dumps({"score": epoch, **more}), flush=True)
"""


def endless(text):
    """A script that never ends by itself; a test of it hangs where it is not ended."""
    return f"{SCORES}{text}\nsignal.pause()\n"


def test_a_script_that_trains_on_is_ended_after_the_epoch_of_its_rung(script, train):
    outcome = train(script(endless("for n in range(1, 4): report(n)")), until=3, epochs=9)
    assert outcome.curve == {"epoch": [1, 2, 3], "score": [1.0, 2.0, 3.0]}
    assert not outcome.finished
    assert not outcome.diverged


@pytest.mark.parametrize(
    "after",
    [
        "sys.exit(3)",
        "report(float('nan')); raise RuntimeError",
        'print(\'{"score": "high"}\')',
        "import os; os.kill(os.getpid(), 9)",
        "sys.stdout.write('x' * 10**6); sys.exit(1)",
    ],
)
def test_nothing_that_follows_the_epoch_of_its_rung_counts(script, train, after):
    text = f"{SCORES}for n in (1, 2): report(n)\n{after}"
    assert train(script(text), until=2, epochs=9).curve["score"] == [1.0, 2.0]
    slowly = f"{SCORES}for n in (1, 2): report(n)\nsys.stdin.read()\n{after}"
    assert train(script(slowly), until=2, epochs=9).curve["score"] == [1.0, 2.0]


def test_a_full_training_that_fails_after_its_last_epoch_has_failed(script, train):
    with pytest.raises(TrainerError, match="exit status 3"):
        train(script(f"{SCORES}report(1); report(2); sys.exit(3)"), until=2)


def test_a_full_training_that_goes_on_is_ended(script, train):
    outcome = train(script(endless("for n in range(1, 5): report(n)")), until=2)
    assert outcome.curve["score"] == [1.0, 2.0]
    assert outcome.finished


def test_a_full_training_may_sum_up_and_save(script, train, tmp_path):
    text = f"{SCORES}for n in (1, 2, 2): report(n)\nopen('saved', 'x').close()"
    assert train(script(text), until=2).curve["score"] == [1.0, 2.0]
    assert (tmp_path / "saved").exists()


def test_a_script_that_goes_on_from_checkpoints_saves_at_its_rung(script, train):
    text = (
        f"{SCORES}import os\nfor n in (1, 2): report(n)\n"
        "open(os.environ['HPSEARCH_CHECKPOINT_DIR'] + '/saved', 'x').close()"
    )
    outcome = train(script(text), until=2, epochs=9, options={"resumes": True})
    assert outcome.state["kept"]


def test_the_checkpoint_of_a_script_that_was_ended_is_not_handed_on(script, train):
    text = (
        "import os\nopen(os.environ['HPSEARCH_CHECKPOINT_DIR'] + '/saved', 'x').close()\n"
        "for n in range(1, 5): report(n)"
    )
    outcome = train(script(endless(text)), until=2, epochs=9, options={"resumes": True})
    assert outcome.curve["epoch"] == [1, 2]
    assert not outcome.state["kept"]


@pytest.mark.parametrize("until", [3, 9])
def test_a_number_that_is_none_ends_training_at_once(script, train, until):
    text = "report(1); report(2, loss=float('inf'))"
    outcome = train(script(endless(text)), until=until, epochs=9)
    assert outcome.diverged
    assert outcome.curve == {"epoch": [1, 2], "score": [1.0, 2.0], "loss": [None, None]}


def test_a_report_that_is_no_result_ends_training_at_once(script, train):
    with pytest.raises(TrainerError, match="a number for 'score', found 'high'"):
        train(script(endless("report('high')")), until=9)


def test_a_script_that_is_ended_may_clean_up(script, train, tmp_path):
    text = (
        "def leave(*_):\n    open('left', 'x').close(); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, leave)\nreport(1); report(2)"
    )
    assert train(script(endless(text)), until=2, epochs=9).curve["score"] == [1.0, 2.0]
    assert (tmp_path / "left").exists()


def test_a_script_that_does_not_heed_the_signal_is_killed(script, train, monkeypatch):
    monkeypatch.setattr(process, "GRACE", 0.1)
    text = "signal.signal(signal.SIGTERM, signal.SIG_IGN); report(1); report(2); open('pid', 'x')"
    outcome = train(script(endless(text) * 2), until=2, epochs=9)
    assert outcome.curve["score"] == [1.0, 2.0]


def test_a_full_training_that_sums_up_and_hangs_is_ended(script, train, monkeypatch):
    monkeypatch.setattr(following, "GRACE", 0.1)
    assert train(script(endless("report(1); report(2); report(0)")), until=2).finished


def test_what_is_no_number_is_left_out_of_a_line_and_mappings_are_looked_into(script, train):
    text = f"{SCORES}report(1, phase='val', best=True, at=[1], val={{'f1': 0.5, 'note': 'x'}})"
    assert train(script(text)).curve == {"epoch": [1], "score": [1.0], "val.f1": [0.5]}
    assert train(script(text), metric="val.f1").curve["val.f1"] == [0.5]


def test_what_a_script_in_python_prints_is_seen_at_once(script, train, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    text = "import signal\nfor n in range(9): print('{\"score\": %d}' % n)\nsignal.pause()"
    assert train(script(text), until=3, epochs=9).curve["score"] == [0.0, 1.0, 2.0]


def test_children_are_told_to_end_as_well(script, train, tmp_path, wait_for_end):
    """The script waits for its child, which writes that it was told, before it ends itself."""
    (tmp_path / "child.py").write_text(
        "import signal, sys\n"
        "def leave(*_):\n    open('told', 'x').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); open('ready', 'x').close(); signal.pause()\n"
    )
    text = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen([sys.executable, 'child.py'])\n"
        "signal.signal(signal.SIGTERM, lambda *_: (child.wait(), sys.exit()))\n"
        "while not os.path.exists('ready'): time.sleep(0.01)\n"
        "open('child', 'w').write(str(child.pid)); report(1); report(2)"
    )
    train(script(endless(text)), until=2, epochs=9)
    wait_for_end(int((tmp_path / "child").read_text()))
    assert (tmp_path / "told").exists()


def test_children_left_behind_are_ended_and_hold_nothing_up(script, train, tmp_path, wait_for_end):
    command = script(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "print('{\"score\": 1}')\n"
    )
    assert train(command).curve["score"] == [1.0]
    wait_for_end(int((tmp_path / "child").read_text()))


def test_printing_without_end_is_ended(train, tmp_path, monkeypatch):
    monkeypatch.setattr(process.Tail.__init__, "__defaults__", (100_000,))
    with pytest.raises(TrainerError, match="printed more than 100,000 bytes, and was ended"):
        train("yes")
    assert (tmp_path / "run" / "logs" / "trial-7.stdout.txt").stat().st_size == 100_000


def test_epochs_are_reported_while_the_script_trains(script, train, tmp_path):
    """It goes on only when it sees that its first epoch was taken note of."""
    fifo = tmp_path / "seen"
    os.mkfifo(fifo)
    seen = []

    def report(row):
        seen.append(dict(row))
        if len(seen) == 1:
            fifo.write_text("go on")

    text = f"{SCORES}report(1)\nopen('seen').read()\nreport(2)"
    train(script(text), until=2, report=report)
    assert seen == [{"epoch": 1, "score": 1.0}, {"epoch": 2, "score": 2.0}]


def test_the_progress_of_a_training_of_one_epoch_is_reported(script, train):
    seen = []
    text = f"{SCORES}report('none yet'); report(1); report(2)"
    train(script(text), report=lambda row: seen.append(dict(row)))
    assert seen[-1] == {"epoch": 1, "score": 2.0}


def rows_of(course, *reports):
    course.take(reports)
    return course.rows()


def of_step(step, **values):
    return Reported(values, key=step)


def test_an_epoch_in_parts_is_over_when_another_begins():
    course = Epochs("score", until=2, saves=False)
    first = [of_step(1, score=1.0), of_step(1, score=1.0, loss=3.0), of_step(2, score=2.0)]
    assert rows_of(course, *first) == {1: {"score": 1.0, "loss": 3.0}, 2: {"score": 2.0}}
    assert not course.over
    both = rows_of(course, of_step(2, score=2.0, loss=2.0), of_step(3, score=3.0))
    assert both[2] == {"score": 2.0, "loss": 2.0}
    assert course.over


def test_an_epoch_is_over_at_once_where_those_before_it_were_whole():
    course = Epochs("score", until=2, saves=False)
    course.take([of_step(10, score=1.0), of_step(20, score=2.0)])
    assert course.over
    alone = Epochs("score", until=1, saves=False)
    alone.take([of_step(10, score=1.0)])
    assert not alone.over


def test_a_report_of_an_earlier_step_leaves_the_later_epochs_as_they_are():
    course = Epochs("loss", until=4)
    steps = [(1, {}), (2, {}), (1, {"late": 7.0}), (3, {}), (4, {})]
    course.take(Reported({"loss": 1 / key, **more}, key=key) for key, more in steps)
    assert course.rows() == {
        1: {"loss": 1.0, "late": 7.0}, 2: {"loss": 1 / 2}, 3: {"loss": 1 / 3}, 4: {"loss": 1 / 4}
    }  # fmt: skip


@pytest.mark.parametrize("first", [2, 3, 10])
def test_a_training_whose_first_epochs_are_missing_has_failed(script, train, first):
    text = (
        f"import json\nfor n in range({first}, 20): print(json.dumps({{'epoch': n, 'score': 1}}))"
    )
    with pytest.raises(TrainerError, match="found none for epoch 1; report each, or leave"):
        train(script(text), until=3, epochs=9)


def test_named_epochs_are_where_they_say_they_are():
    course = Epochs("score", until=4, done=2)
    rows = rows_of(course, *(Reported({"score": n}, epoch=n) for n in (3, 4, 3)))
    assert rows == {3: {"score": 3.0}, 4: {"score": 4.0}}
    with pytest.raises(TrainerError, match="'epoch' must be a whole number of 1 or more, found 0"):
        course.take([Reported({"score": 1.0}, epoch=0)])


def test_epochs_may_be_counted_from_0_where_each_piece_begins_there():
    course = Epochs("score", until=2, saves=False)
    rows = rows_of(course, *(Reported({"score": n}, epoch=n) for n in (0, 1, 2)))
    assert (rows, course.over) == ({1: {"score": 0.0}, 2: {"score": 1.0}}, True)
    with pytest.raises(TrainerError, match="'epoch' must be a whole number of 1 or more, found 0"):
        Epochs("score", until=2, anew=False).take([Reported({"score": 1.0}, epoch=0)])


def test_the_last_report_of_a_training_of_one_epoch_counts():
    course = Whole("score")
    assert course.rows() == {}
    rows = rows_of(course, Reported({"score": float("nan")}), Reported({"score": 2}))
    assert (rows, course.over) == ({1: {"score": 2.0}}, False)


TEXT = "a\r\nb\rc\n\nd\u2028e\x85f — ü\x0cg\r"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_however_they_come(size):
    data = TEXT.encode()
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    for universal, lines in ((True, TEXT.splitlines(True)), (False, ["a\r\n", "b\rc\n", "\n"])):
        rest = iter(parts)
        reader = Lines(lambda rest=rest: next(rest, b""), universal)
        found = [line for _ in parts for line in reader.new(ended=False)]
        found += reader.new(ended=True)
        assert found == lines if universal else found[:3] == lines


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("pattern", "scores"),
    [
        (r"score=(\S+)", [1.0, 2.0, 3.0]),
        (r"share (\S+)", [88.5]),
        (r"^score=(\d)", [1.0, 2.0]),
        (r"Epoch \d+\n\s*score=(\d)", [1.0, 2.0]),
        (r"(?s)Epoch.*?score=(\d)", [1.0, 2.0]),
        (r"score=(\S+)$", [1.0, 3.0]),
    ],
)
def test_matches_are_the_same_however_the_text_comes(size, pattern, scores):
    data = b"Epoch 1\nscore=1\nEpoch 2\n\nscore=2 score=3\nEpoch 3\nshare 88.5%\n"
    rest = iter([data[i : i + size] for i in range(0, len(data), size)])
    source = Matches(lambda: next(rest, b""), pattern, "score")
    looks = [source.look(ended=False) for _ in range(0, len(data), size)]
    found = [each for look in [*looks, source.look(ended=True)] for each in look]
    assert [each.values["score"] for each in found] == scores


def test_repeats_that_are_trained_at_once_read_what_each_of_them_printed(script, tmp_path):
    printing = script(
        "import json, os, sys, time\n"
        "for n in (1, 2): print(json.dumps({'score': int(sys.argv[1])}), flush=True)\n"
        "open(sys.argv[2], 'w').close()\n"
        "while not os.path.exists(sys.argv[3]): time.sleep(0.01)\n"
    )
    trainer = CommandTrainer(
        printing + " {x} {mine} {other}",
        str(tmp_path),
        "score",
        str(tmp_path),
        names=("x", "mine", "other"),
    )
    marks = [str(tmp_path / name) for name in ("first", "second")]

    def trained(repeat):
        names = {"mine": marks[repeat], "other": marks[1 - repeat]}
        job = Job(7, {"epochs": 2, "x": repeat, **names}, (0, "trial", 7), 2, repeat=repeat)
        return trainer.train([job], [None], None)[0].curve["score"]

    with ThreadPoolExecutor(2) as pool:
        assert [*pool.map(trained, (0, 1))] == [[0.0, 0.0], [1.0, 1.0]]

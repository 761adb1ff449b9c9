import json

import pytest

from hpsearch.errors import RunError
from hpsearch.store import FORMAT, create, find, runs


def test_a_new_run_has_everything_a_reader_looks_for(run, run_info):
    assert run.name == "first"
    assert run.config.read_bytes() == b"name: t\n"
    assert run.info == run_info()
    assert (run.results, run.pieces, run.timeline, run.history) == ([], [], [], [])
    assert run.winner(run.info) is None


def test_nothing_but_the_run_appears(run):
    assert [path.name for path in run.path.parent.iterdir()] == ["first"]


def test_the_history_is_kept_in_order(tmp_path, run_info, inherited):
    history = [inherited(3), inherited(1)]
    assert create(tmp_path, "child", b"", run_info(), history).history == history


def test_a_name_that_is_taken_is_refused_and_names_resume(run, run_info):
    with pytest.raises(RunError, match=r"first: exists already.*hpsearch resume"):
        create(run.path.parent, "first", b"other", run_info())
    assert run.config.read_bytes() == b"name: t\n"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "-x", "_x", "a/b", "..", "a b", "a\n", "é", "a\0b"]
)
def test_a_name_that_is_no_plain_folder_name_is_refused(tmp_path, name, run_info):
    with pytest.raises(RunError, match="must begin with a letter or digit"):
        create(tmp_path, name, b"", run_info())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "7", "digits-20200402-133334", "A.b_c-1"])
def test_plain_folder_names_are_taken(tmp_path, name, run_info):
    assert create(tmp_path, name, b"", run_info()).name == name


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path, monkeypatch, run_info):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hpsearch.store.run_directory.write_json", full)
    with pytest.raises(RunError, match=r"No space left on device; choose another folder"):
        create(tmp_path, "first", b"", run_info())
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_may_get_a_number(tmp_path, run_info):
    names = [create(tmp_path, "first", b"", run_info(), numbered=True).name for _ in range(3)]
    assert names == ["first", "first-2", "first-3"]


def test_a_runs_folder_that_is_a_file_is_refused(tmp_path, run_info):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"runs must be writable there.*--runs-dir"):
        create(tmp_path / "runs", "first", b"", run_info())


def test_half_a_run_that_a_crash_left_is_never_seen_and_does_not_disturb(tmp_path, run_info):
    half = tmp_path / ".first.new"
    half.mkdir()
    (half / "run.json").write_text("{}")
    (half / "trials.jsonl").write_text("{}\n")
    assert runs(tmp_path) == []
    assert create(tmp_path, "first", b"", run_info()).results == []
    assert not half.exists()


def test_runs_are_listed_oldest_first_with_damaged_ones_before(tmp_path, run_info):
    for name, created in (("b", "2020-01-03"), ("a", "2020-01-02"), ("c", "2020-01-01")):
        create(tmp_path, name, b"", run_info(created=created))
    (tmp_path / "a" / "run.json").write_text("{")
    (tmp_path / "no_run").mkdir()
    assert [run.name for run in runs(tmp_path)] == ["a", "c", "b"]


def test_a_folder_that_does_not_exist_holds_no_runs(tmp_path):
    assert runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_name_by_folder_or_as_the_newest(tmp_path, run_info):
    old = create(tmp_path, "old", b"", run_info(created="2020-01-01"))
    new = create(tmp_path, "new", b"", run_info(created="2020-01-02"))
    assert find("old", tmp_path) == old
    assert find(old.path, tmp_path / "elsewhere") == old
    assert find(None, tmp_path) == new


def test_a_run_that_does_not_exist_is_refused_with_those_that_do(run):
    with pytest.raises(
        RunError, match=r"third: .*found no run\.json there; the newest runs: first"
    ):
        find("third", run.path.parent)
    with pytest.raises(
        RunError, match=r"third: .*found no run\.json there; .*empty holds no runs"
    ):
        find("third", run.path.parent / "empty")


def test_without_any_run_the_newest_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(RunError, match="holds no runs yet; start one with: hpsearch run CONFIG"):
        find(None, tmp_path)


def test_changing_an_entry_keeps_the_others(run, run_info):
    run.update(status="running")
    run.update(status="finished", seconds=1.5)
    assert run.info == run_info(status="finished", seconds=1.5)
    with pytest.raises(TypeError, match="statsu"):
        run.update(statsu="finished")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be readable JSON"),
        ("[]", "must be a JSON object, found array"),
        ('{"format": "x"}', "format: must be int, found str; the file is damaged"),
        ('{"format": 0}', "format: must be at least 1, found 0; the file is damaged"),
        ("{}", "must hold the field format; the file is damaged"),
        (json.dumps({"format": FORMAT + 1}), f"format {FORMAT + 1} is newer than this hpsearch"),
    ],
)
def test_a_run_json_that_cannot_be_understood_is_refused(run, text, message):
    (run.path / "run.json").write_text(text)
    with pytest.raises(RunError, match=message):
        _ = run.info


def test_a_folder_without_a_run_json_is_no_run(run):
    (run.path / "run.json").unlink()
    with pytest.raises(RunError, match="this is no run directory"):
        _ = run.info


def test_a_damaged_result_of_the_winner_is_refused(run):
    run.best.mkdir()
    (run.best / "result.json").write_text('{"number"')
    with pytest.raises(RunError, match=r"result\.json: must be readable JSON"):
        _ = run.winner(run.info)


def test_pieces_of_one_training_may_differ_in_their_metrics(run, piece):
    first = piece(0)
    later = piece(0, rung=1, epochs=3, curve={"epoch": [3], "val_loss": [0.4]})
    with run.writing() as writer:
        writer.piece(first)
        writer.piece(later)
    assert run.pieces == [first, later]


def test_the_seconds_of_a_run_are_at_least_those_in_which_something_was_in_training(run, span):
    assert run.seconds(run.info) == 0
    with run.writing() as writer:
        writer.worked(span(0, worker="0", start=1.0, end=3.0))
        writer.worked(span(1, worker="1", start=2.0, end=4.0))  # side by side
        writer.worked(span(2, worker="0", start=10.0, end=10.5))  # after a pause
    assert run.seconds(run.info) == 3.5
    run.update(seconds=3.25)  # as a kill left it
    assert run.seconds(run.info) == 3.5
    run.update(seconds=7.0)
    assert run.seconds(run.info) == 7.0

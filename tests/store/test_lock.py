import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from hpsearch.errors import RunError
from hpsearch.store import create, lock, runs

WRITER = """
import sys
from pathlib import Path
from hpsearch.store import find
with find(sys.argv[1], Path(".")).writing():
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(run):
    """Another process that writes to the run, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def test_another_process_that_writes_is_named_until_it_ends(run, writer):
    with (
        pytest.raises(RunError, match=f"only one process may write.*process {writer.pid} on"),
        run.writing(),
    ):
        pass
    writer.kill()
    writer.wait()
    with run.writing():
        pass  # a lock dies with its owner, however that dies


def test_a_run_whose_process_is_gone_is_interrupted(run, writer):
    run.update(status="running")
    assert run.info.status == "running"
    writer.kill()
    writer.wait()
    assert run.info.status == "interrupted"


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
def test_what_ended_is_told_as_it_ended(run, status):
    run.update(status=status)
    assert run.info.status == status


def test_a_run_that_ends_between_two_looks_has_ended(run, monkeypatch):
    run.update(status="running")
    path = run.path / "run.json"

    def ends_meanwhile(_):
        path.write_text(path.read_text().replace("running", "finished"))
        return False

    monkeypatch.setattr(lock, "is_held", ends_meanwhile)
    assert run.info.status == "finished"


def test_a_second_writer_in_the_same_process_is_refused_too(run):
    with run.writing(), pytest.raises(RunError, match="only one process may write"), run.writing():
        pass


def test_the_lock_is_given_up_when_the_block_raises(run):
    with pytest.raises(KeyError, match="oops"), run.writing():
        raise KeyError("oops")
    with run.writing():
        pass


def test_readers_that_ask_all_the_time_keep_no_writer_out(run):
    asking = True

    def ask():
        while asking:
            lock.is_held(run.inside / lock.NAME)

    with ThreadPoolExecutor(2) as readers:
        for _ in range(2):
            readers.submit(ask)
        try:
            for _ in range(20):
                with run.writing():
                    pass
        finally:
            asking = False


def test_of_many_that_take_one_name_at_once_one_gets_it(tmp_path, run_info, inherited):
    def begin(number):
        try:
            return create(tmp_path, "same", str(number).encode(), run_info(), [inherited()] * 99)
        except RunError:
            return None

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(begin, range(32)))
    (number,) = [number for number, run in enumerate(made) if run is not None]
    assert [run.name for run in runs(tmp_path)] == ["same"]
    assert (tmp_path / "same" / "config.yaml").read_text() == str(number)
    assert len(made[number].history) == 99
    assert [path.name for path in tmp_path.iterdir()] == ["same"]


def test_of_many_that_take_any_name_at_once_each_gets_one(tmp_path, run_info):
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(lambda _: create(tmp_path, "s", b"", run_info(), numbered=True), range(16))
        )
    assert len({run.name for run in made}) == 16

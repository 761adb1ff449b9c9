"""The backend of a Dask cluster, on one of this process and without a cluster."""

import os
import signal
import time
from pathlib import Path

import pytest

from hpsearch.backends import Cluster, ClusterLostError, Folders, Task, create
from hpsearch.backends.cluster import Conversation, Entry, Node, arrays_in
from hpsearch.backends.dask import Dask, unpack
from hpsearch.backends.node import Luggage, Site, code_here, gathered
from hpsearch.errors import HpsearchError
from hpsearch.store import SafePath

pytest.importorskip("distributed")

# Functions are defined inside others, so that they are pickled by value: a worker cannot import
# this file.


def deeds():
    def fail():
        raise ValueError("as asked")

    def leave():
        os._exit(3)

    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    def hang_in_c():
        import ctypes

        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock

    return {
        "fail": (fail, None, "error", "ValueError: as asked"),
        "leave": (leave, None, "died", "WorkerDied: it cost 2 workers; the last left with exit"),
        "killed": (killed, None, "died", "WorkerDied: it cost 2 workers; the last was ended by"),
        "hang": (hang_in_c, 0.3, "timeout", "Timeout: not finished within 0.3 s"),
    }


def test_each_task_has_one_answer_whatever_it_does():
    with create("dask", jobs=2) as backend:
        for name, (function, timeout, _, _) in deeds().items():
            backend.submit(Task(name, function, timeout=timeout))
            backend.submit(Task(f"{name} beside", abs, (-1,)))
        answers = {answer.key: answer for answer in (backend.next() for _ in range(8))}
    for name, (_, _, kind, error) in deeds().items():
        assert answers[name].kind == kind
        assert answers[name].error.startswith(error)
        assert answers[f"{name} beside"].value == 1
        assert answers[name].losses == ()  # no worker of Dask's went away


def test_an_answer_says_where_and_when():
    before = time.time()
    with create("dask", jobs=2) as backend:
        backend.submit(Task("one", time.sleep, (0.05,)))
        answer = backend.next()
    assert answer.worker.endswith(("/0/0", "/0/1"))
    assert before <= answer.start < answer.end <= time.time()
    assert answer.end - answer.start >= 0.05


def test_a_task_that_cannot_be_sent_is_an_error_of_that_task():
    import threading

    with create("dask", jobs=1) as backend:
        backend.submit(Task("lock", abs, (threading.Lock(),)))
        backend.submit(Task("fine", abs, (-3,)))
        answers = {answer.key: answer for answer in (backend.next(), backend.next())}
    assert "cannot pickle" in answers["lock"].error
    assert answers["fine"].value == 3


def test_cancelling_ends_what_trains(tmp_path):
    def work(path):
        import os
        import time
        from pathlib import Path

        Path(path).write_text(str(os.getpid()))
        time.sleep(600)

    with create("dask", jobs=1) as backend:
        backend.submit(Task("long", work, (str(tmp_path / "pid"),)))
        while not (tmp_path / "pid").exists():
            with pytest.raises(TimeoutError):
                backend.next(0.05)
        backend.cancel()
        backend.submit(Task("next", abs, (-1,)))  # its slot is free when the other has ended
        assert backend.next().key == "next"
        assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_a_task_is_withdrawn_whether_it_waits_or_trains_and_frees_its_worker(tmp_path):
    def work(path):
        import time
        from pathlib import Path

        Path(path).touch()
        time.sleep(600)

    with create("dask", jobs=1) as backend:
        for key in ("trains", "waits"):
            backend.submit(Task(key, work, (str(tmp_path / key),)))
        backend.submit(Task("last", abs, (-1,)))
        while not (tmp_path / "trains").exists():
            with pytest.raises(TimeoutError):
                backend.next(0.05)
        assert backend.withdraw("waits")
        assert backend.withdraw("trains")
        assert not backend.withdraw("trains")
        assert backend.next().key == "last"
        assert backend.pending == 0
        assert not backend.withdraw("last")


def test_nobody_at_an_address_is_one_message(monkeypatch):
    monkeypatch.setattr("hpsearch.backends.cluster.CONNECT", 0.2)
    with (
        pytest.raises(HpsearchError, match=r"tcp://127.0.0.1:9: a Dask scheduler must answer"),
        create("dask", 1, cluster=Cluster("tcp://127.0.0.1:9")),
    ):
        pass


def test_an_address_that_is_none_is_one_message():
    with (
        pytest.raises(HpsearchError, match=r"parallel.scheduler: htp:/x: a Dask scheduler must"),
        create("dask", 1, cluster=Cluster("htp:/x")),
    ):
        pass


def test_without_a_worker_that_fits_there_is_one_message(monkeypatch):
    other = "found = {'time': 0, 'host': 'h', 'hpsearch': '0.0.1', 'code': '', 'python': '3'}"
    ours = {"hpsearch": "9.9", "code": "x", "python": "3.99", "numpy": "9", "machine": "m"}
    monkeypatch.setattr("hpsearch.backends.cluster.own_versions", lambda: ours)
    monkeypatch.setattr("hpsearch.backends.node.VERSIONS", other)
    with create("dask", jobs=1) as backend:
        backend.submit(Task("one", abs, (-1,)))
        with pytest.raises(HpsearchError, match=r"no worker fits: .* needs hpsearch 9.9, found 0"):
            backend.next()


def test_a_scheduler_that_is_gone_is_told_each_time_that_one_asks():
    backend = Dask(Cluster(), 1)
    with backend:
        backend.submit(Task("one", time.sleep, (60,)))
        backend._found.put(ClusterLostError("gone"))
        for _ in range(2):
            with pytest.raises(ClusterLostError, match="gone"):
                backend.next()


# --- who gets what, without a cluster


class Client:
    """A client of Dask's that remembers what it was given."""

    status = "running"


def conversation(slots, most=None):
    """A conversation with workers of so many slots, and what each was handed."""
    folders = Folders(Path("run"), Path("data"))
    talk = Conversation(Cluster(), most, Luggage("s", folders, "token", None, 1, None), [].append)
    talk._client = Client()
    for number, count in enumerate(slots):
        site = Site(str(number), count, False, True, "blas", "/tmp")
        talk.nodes[f"w{number}"] = Node(f"w{number}", "host", site, 0.0)
    talk._start = lambda doing: doing.close()
    return talk


def entry(name, cost=0.0):
    return Entry(Task(name, abs, cost=cost, name=name), b"", b"", "digest")


def names(node):
    return [each.task.name for each in node.holds.values()]


def test_the_longest_tasks_go_first_and_equals_in_their_order():
    talk = conversation([1])
    talk.nodes, nodes = {}, talk.nodes  # nobody is there yet
    for name, cost in (("a", 1), ("b", 3), ("c", 3), ("d", 2)):
        talk.accept(entry(name, cost))
    talk.nodes = nodes
    nodes["w0"].site = Site("0", 4, False, True, "blas", "/tmp")
    talk.fill()
    assert names(nodes["w0"]) == ["b", "c", "d", "a"]


def test_tasks_that_are_not_known_to_be_short_wait_here_and_not_at_a_worker():
    talk = conversation([1, 2])
    for number in range(9):
        talk.accept(entry(str(number)))
    assert sorted(map(len, map(names, talk.nodes.values()))) == [1, 2]
    assert len(talk.queue) == 6


def test_short_tasks_wait_at_a_worker_for_the_one_before_them():
    talk = conversation([1])
    talk.seconds = 0.5
    for number in range(90):
        talk.accept(entry(str(number)))
    assert names(talk.nodes["w0"]) == ["0", "1"]
    talk.seconds = 0.01
    talk.fill()
    assert len(talk.nodes["w0"].holds) == 1 + 20  # 0.2 s of work


def test_of_a_queue_that_comes_to_its_end_each_worker_gets_half_of_its_share():
    talk = conversation([1, 1])
    talk.seconds = 0.01
    talk.nodes, nodes = {}, talk.nodes  # nobody is there yet
    for number in range(12):
        talk.accept(entry(str(number)))
    talk.nodes = nodes
    talk.fill()
    assert [len(node.holds) for node in nodes.values()] == [1 + 3, 1 + 3]
    assert len(talk.queue) == 4


def test_a_number_of_jobs_is_a_bound_over_all_workers():
    talk = conversation([2, 2], most=3)
    talk.seconds = 0.5
    for number in range(9):
        talk.accept(entry(str(number)))
    assert sum(len(names(node)) for node in talk.nodes.values()) == 3
    assert talk.slots == 3


def test_what_waits_behind_something_long_is_taken_back_for_an_idle_worker():
    talk = conversation([1])
    talk.seconds = 0.5
    for name in ("long", "short"):
        talk.accept(entry(name))
    first = next(talk.nodes["w0"].training())
    first.began = time.time() - 5
    talk._take_back()
    assert names(talk.nodes["w0"]) == ["long", "short"]  # nobody else has time for it
    site = Site("1", 1, False, True, "blas", "/tmp")
    talk.nodes["w1"] = Node("w1", "host", site, 0.0)
    talk._take_back()
    talk.fill()
    assert names(talk.nodes["w0"]) == ["long"]
    assert names(talk.nodes["w1"]) == ["short"]


def test_what_a_lost_worker_trained_is_a_loss_and_what_waited_is_none():
    talk = conversation([1])
    talk.seconds = 0.5
    for name in ("training", "waiting"):
        talk.accept(entry(name))
    held = list(talk.nodes["w0"].holds.values())
    held[0].future, held[0].began = object(), 100.0
    talk._gone("w0")
    assert [each[2].task.name for each in sorted(talk.queue)] == ["training", "waiting"]
    (loss,) = held[0].losses
    assert (loss.worker, loss.start) == ("host/0", 100.0)
    assert held[1].losses == []


# --- what travels


def test_what_a_trial_leaves_comes_into_the_runs_folder(tmp_path):
    there, run = tmp_path / "there", tmp_path / "run"
    for folder in (
        there / "state/3-0-0/epoch-2/deep",
        there / "logs",
        run / "state",
        run / "logs",
    ):
        folder.mkdir(parents=True)
    (there / "state/3-0-0/epoch-2/weights").write_bytes(b"w2")
    (there / "state/3-0-0/epoch-2/deep/more").write_bytes(b"m")
    (there / "logs/trial-3.txt").write_text("second\n")
    (there / "logs/trial-4.txt").write_text("another trial's")
    (run / "logs/trial-3.txt").write_text("first\n")
    (run / "state/3-0-0/epoch-1").mkdir(parents=True)
    files = gathered(SafePath(there), ("state/3-0-0", "logs/trial-3.txt", "logs/none.txt"))
    unpack(SafePath(run), files)
    assert (run / "state/3-0-0/epoch-2/weights").read_bytes() == b"w2"
    assert (run / "state/3-0-0/epoch-2/deep/more").read_bytes() == b"m"
    assert (run / "logs/trial-3.txt").read_text() == "first\nsecond\n"
    assert not (run / "logs/trial-4.txt").exists()
    assert sorted(path.name for path in (run / "state/3-0-0").iterdir()) == ["epoch-1", "epoch-2"]


def test_nothing_that_comes_back_leaves_the_runs_folder(tmp_path):
    (tmp_path / "run/state").mkdir(parents=True)
    for name in ("state/../../out/x", "state/3/../../../out"):
        with pytest.raises(HpsearchError, match="everything must be inside it"):
            unpack(SafePath(tmp_path / "run"), {name: b""})
    assert not (tmp_path / "out").exists()


def test_checkpoints_that_are_too_large_to_travel_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("hpsearch.backends.node.MOST_BYTES", 10)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/weights").write_bytes(b"x" * 11)
    with pytest.raises(OSError, match="put the runs into a folder that all machines see"):
        gathered(SafePath(tmp_path), ("state",))


def test_code_is_used_where_it_is_and_copied_where_it_is_not(tmp_path):
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    code = {"train.py": b"import part\n", "deep/part.py": b"x = 1\n"}
    copy = Path(code_here(str(home), code, scratch))
    assert copy.parent == scratch
    assert (copy / "deep/part.py").read_bytes() == b"x = 1\n"
    assert code_here(str(home), code, scratch) == str(copy)  # made once
    for name, content in code.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(content)
    assert code_here(str(home), code, scratch) == str(home)
    (home / "train.py").write_bytes(b"another version\n")
    assert code_here(str(home), code, scratch) == str(copy)


def test_arrays_are_known_by_their_content(tmp_path):
    (tmp_path / "data/0").mkdir(parents=True)
    (tmp_path / "data/0/x.npy").write_bytes(b"1234")
    (tmp_path / "data/here-token").write_text("token")
    found = arrays_in(Folders(tmp_path, tmp_path / "data"))
    assert {name: each.size for name, each in found.items()} == {"0/x.npy": 4}

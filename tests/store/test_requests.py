"""The channel to the process that writes a run: files, each done, refused or taken back, once."""

import json
import os
import stat
import threading
from collections import Counter

import pytest

from hpsearch.errors import RunError
from hpsearch.store import SafePath, lock
from hpsearch.store.requests import FOLDER, MOST, Reply, Request, Requests


@pytest.fixture
def folder(tmp_path):
    return SafePath(tmp_path)


@pytest.fixture
def requests(folder):
    return Requests(folder)


def put(folder, name, data=b"{}"):
    """Put a file where requests are, as somebody else would."""
    (folder / FOLDER).mkdir(exist_ok=True)
    path = folder.path / FOLDER / name
    path.write_bytes(data)
    return path


def test_a_request_arrives_as_it_was_asked_and_its_answer_comes_back_once(requests):
    asked = Request("branch", {"rate": [0.1, None], "ü": True}, note="why?", epoch=3, trial=1)
    name = requests.ask(asked)
    (taken,) = requests.taken()
    assert (taken.action, taken.set, taken.note) == (asked.action, asked.set, asked.note)
    assert (taken.epoch, taken.trial, taken.id) == (3, 1, name)
    assert requests.answer(name) is None
    requests.reply(taken, Reply(True, "done"))
    assert requests.answer(name) == Reply(True, "done")
    assert requests.answer(name) is None


def test_the_folder_is_its_owners_alone(requests, folder):
    requests.ask(Request("undo"))
    assert not stat.S_IMODE((folder.path / FOLDER).stat().st_mode) & 0o077


def test_a_folder_that_was_open_to_others_is_closed_when_a_session_begins(requests, folder):
    (folder / FOLDER).mkdir()
    (folder.path / FOLDER).chmod(0o777)
    requests.sweep()
    assert stat.S_IMODE((folder.path / FOLDER).stat().st_mode) == 0o700


def test_who_asks_says_steer_whatever_the_file_says(requests, folder):
    put(folder, "1.json", json.dumps({"action": "undo", "by": "python", "id": "x"}).encode())
    (taken,) = requests.taken()
    assert (taken.by, taken.id) == ("steer", "1")


def test_a_request_is_withdrawn_or_taken_and_never_both(requests):
    names = [requests.ask(Request("set", note=str(n))) for n in range(60)]
    withdrawn, taken, start = [], [], threading.Barrier(2)

    def take_back():
        start.wait()
        withdrawn.extend(name for name in reversed(names) if requests.withdraw(name))

    def take():
        start.wait()
        for _ in range(20):
            taken.extend(each.id for each in requests.taken())

    threads = [threading.Thread(target=each) for each in (take_back, take)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    taken.extend(each.id for each in requests.taken())
    assert Counter(withdrawn + taken) == Counter(names)


def test_many_requests_come_in_the_order_in_which_they_were_asked(requests, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    names = [requests.ask(Request("set", note=str(n))) for n in range(1000)]
    taken = requests.taken()
    assert [each.note for each in taken] == [str(n) for n in range(1000)]
    for each in taken:
        requests.reply(each, Reply(True, each.note))
    assert [requests.answer(name).text for name in names] == [str(n) for n in range(1000)]
    assert (requests._folder).names() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no request of hpsearch's"),
        (b"no json", "is no request"),
        (b"\xff\xfe", "is no request"),
        (b"[1]", "Expected `object`"),
        (b"{}", "missing required field `action`"),
        (b'{"action": 3}', "Expected `str`"),
        (b'{"action": "set", "set": [1]}', "Expected `object`"),
        (b'{"action": "branch", "epoch": 1.5}', "Expected `int | null`"),
        (b"[" * 100_000, "is no request"),
        (b'{"action": "set", "set": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001, "is no request"),
        (b'{"note": "' + b"n" * MOST + b'", "action": "set"}', "must be at most 1,048,576 bytes"),
    ],
)
def test_what_is_no_request_gets_an_answer_that_says_so(requests, folder, data, said):
    put(folder, "1.json", data)
    assert requests.taken() == []
    answer = requests.answer("1")
    assert not answer.done
    assert said in answer.text
    assert (folder / FOLDER).names() == []


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_what_is_no_plain_file_is_refused_and_nothing_follows_it(requests, folder, tmp_path, kind):
    (folder / FOLDER).mkdir()
    path, precious = folder.path / FOLDER / "1.json", tmp_path / "precious"
    precious.write_text('{"action": "stop"}')
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
        (path / "inside").write_text("x")
    assert requests.taken() == []
    answer = requests.answer("1")
    assert not answer.done
    assert "must be a plain file" in answer.text
    assert precious.read_text() == '{"action": "stop"}'
    assert (folder / FOLDER).names() == []


def test_a_request_of_another_user_is_refused(requests, folder, monkeypatch):
    put(folder, "1.json", b'{"action": "stop"}')
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert requests.taken() == []
    assert "must come from the run's owner, found user" in requests.answer("1").text


@pytest.mark.parametrize("name", ["a" * 250 + ".json", ".json", ".x.json", "x.jsn", "ä.json"])
def test_a_file_with_another_name_than_a_requests_is_left_alone(requests, folder, name):
    put(folder, name, b'{"action": "stop"}')
    assert requests.taken() == []
    requests.sweep()
    assert (folder / FOLDER).names() == [name]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_the_folders_place_is_removed_by_the_writer(
    requests, folder, tmp_path, kind
):
    other = tmp_path / "other"
    other.mkdir()
    (other / "1.json").write_text('{"action": "stop"}')
    path = folder.path / FOLDER
    if kind == "link":
        path.symlink_to(other)
    else:
        path.write_text("mine")
    with pytest.raises(RunError, match="must be a folder, found a"):
        requests.ask(Request("undo"))
    assert requests.taken() == []
    assert (other / "1.json").exists()
    name = requests.ask(Request("undo"))
    assert [each.id for each in requests.taken()] == [name]


def test_without_the_folder_nothing_is_asked_and_no_answer_is_missed(requests, folder):
    assert requests.taken() == []
    requests.sweep()
    name = requests.ask(Request("undo"))
    (taken,) = requests.taken()
    (folder / FOLDER).remove()
    requests.reply(taken, Reply(True, "done"))
    assert requests.answer(name) is None
    assert requests.lost(name)
    assert requests.taken() == []


def test_a_request_is_not_lost_while_it_waits_is_taken_or_answered(requests):
    name = requests.ask(Request("undo"))
    assert not requests.lost(name)
    (taken,) = requests.taken()
    assert not requests.lost(name)
    requests.reply(taken, Reply(True, "done"))
    assert not requests.lost(name)
    requests.answer(name)
    assert requests.lost(name)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"done": 1, "text": "x"}'])
def test_a_forged_answer_is_one_message(requests, folder, data):
    put(folder, "1.answer", data)
    with pytest.raises(RunError, match=r"1\.answer: must be an answer of hpsearch's"):
        requests.answer("1")


def test_a_session_answers_what_was_asked_before_it_and_hears_what_came_since(
    requests, folder, monkeypatch
):
    before = requests.ask(Request("stop"))
    at = folder.path / FOLDER / f"{before}.json"
    os.utime(at, (1e9, 1e9))
    put(folder, ".7.taken", b'{"action": "stop"}')  # its writer was killed
    old = put(folder, "8.answer", b'{"done": true, "text": "x"}')
    os.utime(old, (1e9, 1e9))
    young = put(folder, "9.answer", b'{"done": true, "text": "x"}')
    with lock.take(folder / lock.NAME):
        since = requests.ask(Request("undo"))
        requests.sweep()
        assert [each.id for each in requests.taken()] == [since]
    answer = requests.answer(before)
    assert not answer.done
    assert "nobody was at the run when this was asked; ask again" in answer.text
    assert not old.exists()
    assert young.exists()
    assert not (folder / FOLDER / ".7.taken").exists()

import gc
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.config.yaml_text import read
from hpsearch.store import SafePath
from hpsearch.store.files import (
    Lines,
    as_yaml,
    plain,
    uncollected,
    whole_lines,
    write_json,
)

scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
value = st.recursive(
    scalar, lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.text(), v, max_size=3))
)


def lines_of(path):
    return [json.loads(line) for line in whole_lines(path)]


def test_a_file_is_replaced_whole(tmp_path):
    (SafePath(tmp_path) / "a.txt").write_text("old")
    (SafePath(tmp_path) / "a.txt").write_text("née\n")
    assert (tmp_path / "a.txt").read_bytes() == "née\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def half(file):
        file.write(b"ne")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        SafePath.of(path).write(half)
    assert path.read_bytes() == b"old"


def test_what_a_failed_write_left_does_not_disturb_the_next(tmp_path):
    (tmp_path / ".a.txt.new").write_bytes(b"half of something longer than the next")
    (SafePath(tmp_path) / "a.txt").write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_numbers_that_json_does_not_know_become_null(tmp_path):
    write_json(
        SafePath(tmp_path) / "a.json", {"nan": math.nan, "deep": [{"inf": -math.inf}], "one": 1.0}
    )
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"nan": None, "deep": [{"inf": None}], "one": 1.0}
    assert "NaN" not in text
    assert "Infinity" not in text


@given(st.dictionaries(st.text(), value, max_size=4))
def test_plain_values_are_valid_json_and_stay_as_they_are(tree):
    once = plain(tree)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert plain(once) == once


def test_lines_are_on_disk_as_soon_as_they_are_appended(tmp_path):
    lines = Lines(SafePath(tmp_path) / "a.jsonl")
    lines.append({"number": 0, "value": math.nan, "name": "né"})
    assert (tmp_path / "a.jsonl").read_text() == '{"number": 0, "value": null, "name": "né"}\n'
    lines.append({"number": 1})
    lines.close()
    assert [line["number"] for line in lines_of(SafePath(tmp_path) / "a.jsonl")] == [0, 1]


def test_closing_twice_does_no_harm(tmp_path):
    lines = Lines(SafePath(tmp_path) / "a.jsonl")
    lines.close()
    lines.close()


@given(st.data())
def test_wherever_a_file_is_torn_whole_lines_are_read_and_kept(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("torn") / "a.jsonl"
    records = [{"number": i, "text": "é" * i} for i in range(5)]
    whole = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    left = whole[:cut].count(b"\n")
    assert lines_of(SafePath.of(path)) == records[:left]
    lines = Lines(SafePath.of(path))
    lines.append({"number": "new"})
    lines.close()
    assert lines_of(SafePath.of(path)) == [*records[:left], {"number": "new"}]


def test_a_torn_line_longer_than_a_block_is_cut_off(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"number": 0}\n' + b"x" * 200_000)
    Lines(SafePath.of(path)).close()
    assert path.read_bytes() == b'{"number": 0}\n'


def test_lines_can_be_replaced_and_go_on_growing(tmp_path):
    lines = Lines(SafePath(tmp_path) / "a.jsonl")
    for number in range(3):
        lines.append({"number": number})
    lines.replace([{"number": 1}])
    lines.append({"number": 3})
    lines.close()
    assert [line["number"] for line in lines_of(SafePath(tmp_path) / "a.jsonl")] == [1, 3]


@pytest.mark.parametrize(
    "gone", [{2499}, {2400, 1700}, {0}, {999, 1000, 2000}, set(range(2500)), set()]
)
@pytest.mark.parametrize("reopened", [False, True])
def test_lines_that_are_removed_are_gone_on_disk_and_in_memory(tmp_path, gone, reopened):
    path = SafePath(tmp_path) / "a.jsonl"
    lines = Lines(path)
    for number in range(2500):
        lines.append({"number": number, "text": "a\u2028b\r\nc"})
        if reopened and number == 1500:
            lines.close()
            lines = Lines(path)
    assert lines.remove({f'{{"number": {number},'.encode() for number in gone})
    lines.append({"number": 2500})
    expected = [number for number in range(2501) if number not in gone]
    assert [line["number"] for line in lines_of(path)] == expected
    (tmp_path / "a.jsonl").unlink()
    lines.sync()  # writes anew what is held in memory
    assert [line["number"] for line in lines_of(path)] == expected
    lines.close()


def test_lines_are_removed_all_or_none_and_the_memory_follows(tmp_path):
    path = SafePath(tmp_path) / "a.jsonl"
    lines = Lines(path)
    for number in range(1200):
        lines.append({"number": number, "text": ""})
    before = (tmp_path / "a.jsonl").read_bytes()
    assert not lines.remove({b'{"number": 7,', b'{"number": 1200,'})
    assert (tmp_path / "a.jsonl").read_bytes() == before
    assert lines.remove({b'{"number": 7,', b'{"number": 1199,'})
    after = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "a.jsonl").write_bytes(b"a trial was here")
    lines.sync()
    assert (tmp_path / "a.jsonl").read_bytes() == after
    lines.close()


def test_a_missing_file_holds_no_lines(tmp_path):
    assert lines_of(SafePath(tmp_path) / "none.jsonl") == []


TEXTS = [
    "1e-4",
    "0o17",
    "0x1F",
    "on",
    "true",
    "null",
    "~",
    "2020-04-02",
    "1:30",
    "1_000",
    "<<",
    "",
]
OTHERS = [1e-5, 1e300, 10**20, 0.1, -1, True, None, [16, 32], {"a": "1e4"}]


@pytest.mark.parametrize("entry", [*TEXTS, *OTHERS], ids=repr)
def test_yaml_for_people_reads_back_as_it_was(entry):
    value, _, problems = read(as_yaml({"key": entry}).encode(), "a.yaml")
    assert not problems
    assert value == {"key": entry}
    assert type(value["key"]) is type(entry)


def test_yaml_writes_shared_values_out_each_time():
    shared = [1, 2]
    assert "*" not in as_yaml({"a": shared, "b": shared})


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_afterwards_as_it_was(enabled):
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import RunError
from hpsearch.store import SafePath
from hpsearch.store.records import _read_with_care, as_line, read_records
from hpsearch.trial import Piece, Result, Status

number = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
scalar = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text(), number)
results = st.builds(
    Result,
    number=st.integers(0, 10**6),
    round=st.integers(0, 99),
    status=st.sampled_from(Status),
    params=st.dictionaries(st.text(), st.one_of(scalar, st.lists(scalar, max_size=3))),
    epochs=st.integers(0, 300),
    metrics=st.dictionaries(st.text(), number),
    value=number,
    error=st.one_of(st.none(), st.text()),
    started=st.text(),
    seconds=st.floats(0, 1e6),
)


@given(st.lists(results, max_size=3))
def test_results_come_back_from_their_lines_as_they_were(tmp_path_factory, written):
    path = SafePath(tmp_path_factory.mktemp("records")) / "trials.jsonl"
    path.write_text("".join(json.dumps(as_line(result)) + "\n" for result in written))
    assert read_records(path, Result) == written


anything = st.recursive(
    st.one_of(
        scalar,
        st.sampled_from(
            [2**63 - 1, 2**63, -(2**63), 10**400, float("nan"), float("inf"), "\ud800"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def read(reader, *args):
    try:
        return repr(reader(*args))  # by which NaN is equal to itself
    except RunError as error:
        return f"refused: {error}"


@given(st.data(), st.sampled_from([Piece, Result]))
def test_what_is_read_in_one_go_is_what_is_read_with_care(
    tmp_path_factory, result, piece, data, kind
):
    sound = result() if kind is Result else piece()
    field = data.draw(st.sampled_from(list(as_line(sound))))
    line = {**as_line(sound), field: data.draw(anything)}
    path = SafePath(tmp_path_factory.mktemp("records")) / "lines.jsonl"
    text = json.dumps(line).encode() + b"\n"
    path.write_bytes(text)
    careful = read(lambda: [_read_with_care(text, path, 1, kind)])
    assert read(read_records, path, kind) == careful


@given(st.data(), st.sampled_from([Piece, Result]))
def test_a_flipped_bit_is_refused_or_read_as_it_is_with_care(
    tmp_path_factory, result, piece, data, kind
):
    text = bytearray(json.dumps(as_line(result() if kind is Result else piece())).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = SafePath(tmp_path_factory.mktemp("records")) / "lines.jsonl"
    path.write_bytes(bytes(text.replace(b"\n", b" ")) + b"\n")
    careful = read(lambda: [_read_with_care(path.read_bytes(), path, 1, kind)])
    assert read(read_records, path, kind) == careful


def test_pieces_come_back_from_their_lines_as_they_were(tmp_path, piece):
    path = SafePath(tmp_path) / "curves.jsonl"
    pieces = [piece(1), piece(0, rung=1, value=None, curve={"epoch": [3], "val_loss": [None]})]
    path.write_text("".join(json.dumps(as_line(piece)) + "\n" for piece in pieces))
    assert read_records(path, Piece) == pieces


def test_a_line_has_the_fields_that_the_docs_name_in_their_order(result):
    assert list(as_line(result())) == [
        "number", "round", "status", "params", "epochs", "metrics", "value", "error", "started",
        "seconds",
    ]  # fmt: skip
    assert json.dumps(as_line(result())["status"]) == '"completed"'


def test_fields_that_a_newer_version_added_are_passed_over(tmp_path, result):
    path = SafePath(tmp_path) / "trials.jsonl"
    path.write_text(json.dumps({**as_line(result()), "new": 1}) + "\n")
    assert read_records(path, Result) == [result()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "one"}, "number is 'one'"),
        ({"epochs": None}, "epochs is None"),
        ({"status": "finished"}, "'finished' is not a valid Status"),
        ({"params": [1]}, r"params is \[1\]"),
        ({"metrics": None}, "metrics is None"),
        ({"metrics": {"val_loss": "low"}}, "metrics must be numbers"),
    ],
)
def test_a_line_with_a_wrong_field_is_named(tmp_path, result, change, message):
    path = SafePath(tmp_path) / "trials.jsonl"
    lines = [as_line(result(0)), {**as_line(result(1)), **change}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(RunError, match=rf"trials\.jsonl: line 2: must be a result, .*{message}"):
        read_records(path, Result)


def test_a_line_without_a_field_is_named(tmp_path):
    path = SafePath(tmp_path) / "curves.jsonl"
    path.write_text('{"number": 0}\n')
    with pytest.raises(RunError, match=r"line 1: must be a piece, found a line without 'repeat'"):
        read_records(path, Piece)

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from hpsearch.errors import RunError
from hpsearch.store import SafePath
from hpsearch.store.records import as_line, read_records
from hpsearch.trial import Inherited, Piece, Result, Round, Rung, Span, Status

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


def check_reading(path, kind):
    """Read a file of one line, which must be refused with its place, or come back as it is."""
    try:
        (record,) = read_records(path, kind)
    except RunError as error:
        found = str(error)
    else:
        held = json.loads(path.read_bytes())
        written = json.loads(json.dumps(as_line(record), allow_nan=False))
        assert written == {name: held[name] for name in written}
        return
    assert found.startswith(f"{path}: line 1, byte 0: ")
    assert found.endswith("--repair")


@given(st.data(), st.sampled_from([Piece, Result]))
def test_a_line_with_anything_in_a_field_is_refused_or_read_as_it_is(
    tmp_path_factory, result, piece, data, kind
):
    sound = result() if kind is Result else piece()
    field = data.draw(st.sampled_from(list(as_line(sound))))
    path = SafePath(tmp_path_factory.mktemp("records")) / "lines.jsonl"
    path.write_text(json.dumps({**as_line(sound), field: data.draw(anything)}) + "\n")
    check_reading(path, kind)


@given(st.data(), st.sampled_from([Piece, Result]))
def test_a_line_with_a_flipped_bit_is_refused_or_read_as_it_is(
    tmp_path_factory, result, piece, data, kind
):
    text = bytearray(json.dumps(as_line(result() if kind is Result else piece())).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = SafePath(tmp_path_factory.mktemp("records")) / "lines.jsonl"
    path.write_bytes(bytes(text.replace(b"\n", b" ")) + b"\n")
    check_reading(path, kind)


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


def test_a_piece_that_no_worker_lost_says_nothing_of_it(tmp_path, span):
    lines = [as_line(span()), as_line(span(lost=True))]
    assert ["lost" in line for line in lines] == [False, True]
    path = SafePath(tmp_path) / "timeline.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [each.lost for each in read_records(path, Span)] == [UNSET, True]


def test_fields_that_a_newer_version_added_are_passed_over(tmp_path, result):
    path = SafePath(tmp_path) / "trials.jsonl"
    path.write_text(json.dumps({**as_line(result()), "new": 1}) + "\n")
    assert read_records(path, Result) == [result()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": "one"}, "number: must be int, found str"),
        ({"number": -1}, "number: must be int >= 0"),
        ({"epochs": None}, "epochs: must be int, found null"),
        ({"epochs": True}, "epochs: must be int, found bool"),
        (
            {"status": "finished"},
            r"status: must be one of the words in docs/run_format\.md, found 'finished'",
        ),
        ({"params": [1]}, "params: must be a JSON object, found array"),
        ({"metrics": None}, "metrics: must be a JSON object, found null"),
        (
            {"metrics": {"val_loss": "low"}},
            r"metrics\[...\]: must be int | float | null, found str",
        ),
        ({"value": 2**63}, "value: must be int <= 9223372036854775807"),
        ({"value": 10**400}, "value: must be int <= 9223372036854775807"),
    ],
)
def test_a_line_with_a_wrong_field_is_named_with_what_to_do(tmp_path, result, change, message):
    path = SafePath(tmp_path) / "trials.jsonl"
    first = json.dumps(as_line(result(0))) + "\n"
    path.write_text(first + json.dumps({**as_line(result(1)), **change}) + "\n")
    place = rf"trials\.jsonl: line 2, byte {len(first)}: "
    with pytest.raises(RunError, match=rf"{place}{message}.*hpsearch resume .* --repair"):
        read_records(path, Result)


@pytest.mark.parametrize("number", ["NaN", "1e999", "-Infinity"])
def test_a_number_that_json_does_not_know_is_refused(tmp_path, result, number):
    path = SafePath(tmp_path) / "trials.jsonl"
    path.write_text(json.dumps(as_line(result())).replace("0.25", number) + "\n")
    with pytest.raises(RunError, match=r"line 1, byte 0: "):
        read_records(path, Result)


@pytest.mark.parametrize(
    "damage", [b"{]", b"", b"[1]", b"null", b"\xff\xfe", b"\0\0", b"[" * 9999]
)
def test_a_line_that_is_no_object_is_named_with_its_number_and_byte(tmp_path, piece, damage):
    path = SafePath(tmp_path) / "curves.jsonl"
    first = json.dumps(as_line(piece())).encode() + b"\n"
    path.write_bytes(first + damage + b"\n" + first)
    place = rf"curves\.jsonl: line 2, byte {len(first)}: "
    with pytest.raises(RunError, match=rf"{place}must be a JSON object"):
        read_records(path, Piece)


def test_a_line_without_a_field_and_a_curve_of_unequal_lists_are_named(tmp_path, piece):
    path = SafePath(tmp_path) / "curves.jsonl"
    path.write_text('{"number": 0}\n')
    with pytest.raises(RunError, match=r"line 1, byte 0: must hold the field repeat"):
        read_records(path, Piece)
    path.write_text(json.dumps(as_line(piece(curve={"epoch": [1, 2], "loss": [0.5]}))) + "\n")
    with pytest.raises(RunError, match=r"curve: the lists must be of one length"):
        read_records(path, Piece)


def test_lines_that_early_versions_wrote_have_defaults(tmp_path, result):
    path = SafePath(tmp_path) / "timeline.jsonl"
    path.write_text('{"number": 1, "rung": 0, "worker": "0", "start": 0.5, "end": 1}\n')
    span = Span(number=1, repeat=None, fold=None, rung=0, worker="0", start=0.5, end=1)
    assert read_records(path, Span) == [span]
    line = {**as_line(result()), "curve": {"epoch": [1]}, "seed": [0, "trial", 3]}
    path.write_text(json.dumps(line) + "\n")
    (inherited,) = read_records(path, Inherited)
    assert (inherited.seed, inherited.rules) == ((0, "trial", 3), 1)


def plan(*rungs, **changes):
    usual = {"number": 0, "first": 0, "trials": 3, "progress": 0.0}
    return [{**usual, "rungs": [{"trials": t, "epochs": e} for t, e in rungs], **changes}]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"test_looks": "one"}, "test_looks"),
        ({"seed": True}, "seed"),
        ({"seed": 10**400}, "seed"),
        ({"plan": {}}, "plan"),
        ({"plan": plan()}, r"plan\[0\]"),
        ({"plan": plan((3, 1), (5, 2))}, r"plan\[0\]"),
        ({"plan": plan((2, 1))}, r"plan\[0\]"),
        ({"plan": plan((3, 1), first=-1)}, r"plan\[0\].first"),
        ({"plan": plan((3, 1), progress=7.0)}, r"plan\[0\]"),
        ({"plan": plan((3, 1)) + plan((3, 1))}, r"plan\[1\]"),
        ({"plan": plan(("3", 1))}, r"plan\[0\].rungs\[0\].trials"),
    ],
)
def test_an_entry_of_run_json_that_cannot_be_is_named_with_its_file(run, changes, place):
    path = run.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(RunError, match=rf"run\.json: {place}: .*damaged"):
        run.info  # noqa: B018


def test_a_sound_plan_is_taken(run):
    sound = (Round(0, 0, 3, 0.0, (Rung(3, 1), Rung(1, 2))),)
    run.update(plan=sound)
    assert run.info.plan == sound


def test_a_key_that_a_file_lacks_is_named(run):
    path = run.path / "run.json"
    held = json.loads(path.read_text())
    del held["plan"]
    path.write_text(json.dumps(held))
    with pytest.raises(
        RunError, match=r"run\.json: must hold the field plan; the file is damaged"
    ):
        run.info  # noqa: B018


def test_keys_that_a_newer_version_added_are_dropped_when_run_json_is_written_anew(run, run_info):
    path = run.path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "new": 1}))
    assert run.info == run_info()
    run.update(status="finished")
    assert "new" not in json.loads(path.read_text())


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": NaN}', "\xff", "{", "3"])
def test_json_that_cannot_be_read_is_one_message(run, text):
    (run.path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"run\.json"):
        run.info  # noqa: B018


def test_a_file_that_is_too_large_to_be_ours_is_refused_unread(run):
    with (run.path / "run.json").open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(RunError, match=r"run\.json: must be at most 134,217,728 bytes long"):
        run.info  # noqa: B018

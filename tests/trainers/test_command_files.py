"""Results in files that a command writes: what counts of them, whenever somebody looks."""

import os

import pytest

from hpsearch.errors import RunError
from hpsearch.store import SafePath
from hpsearch.trainers.command.files import in_file


@pytest.fixture
def follow(tmp_path):
    """Follow a file: what it holds before, then one content after the other; what is reported."""

    def run(name, *contents, before=None, metric="loss", looks=True):
        path = tmp_path / name
        if before is not None:
            path.write_text(before, encoding="utf-8")
        source = in_file(SafePath(tmp_path) / name, metric, "the folder")
        found = []
        for content in contents:
            if callable(content):
                content(path)
            else:
                path.write_text(content, encoding="utf-8")
            if looks:
                found += source.look(ended=False)
        found += source.look(ended=True)
        return [each.values for each in found], source

    return run


def losses(found):
    return [values["loss"] for values in found]


GROWING = [
    ("r.csv", ["epo", "epoch,loss\n1,3", "epoch,loss\n1,3\n2,2\n", "epoch,loss\n1,3\n2,2\n3,1"]),
    ("r.jsonl", ['{"lo', '{"loss": 3}\n{"loss": 2', '{"loss": 3}\n{"loss": 2}\nx\n{"loss": 1}']),
    ("r.json", ["[", '[{"loss": 3}]', '[{"loss": 3}, {"loss"', '[{"loss": 3}, {"loss": 2}]',
                '[{"loss": 3}, {"loss": 2}, {"loss": 1}]']),
]  # fmt: skip


@pytest.mark.parametrize(("name", "contents"), GROWING)
@pytest.mark.parametrize("looks", [True, False])
def test_rows_are_the_same_whether_or_not_somebody_looks_meanwhile(follow, name, contents, looks):
    assert losses(follow(name, *contents, looks=looks)[0]) == [3, 2, 1]


def test_only_whole_lines_count_while_it_runs(tmp_path):
    path = tmp_path / "r.csv"
    source = in_file(SafePath(tmp_path) / "r.csv", "loss", "the folder")
    seen = []
    for text in ("loss", ",a\n1", "2,x\n3", ",y\r\n", '"4', '5\n",\n6,"a\nb"\n7,"c\n'):
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(text)
        seen.append([each.values for each in source.look(ended=False)])
    assert seen == [[], [], [{"loss": 12}], [{"loss": 3}], [], [{"loss": 6}]] or seen[-1] == [
        {"loss": 45.0},
        {"loss": 6.0},
    ]
    assert losses([each.values for each in source.look(ended=True)]) == [7]


def test_a_table_s_cells_are_numbers_or_left_out(follow):
    text = (
        "\ufeff loss , note,step,lr,epoch,,val/acc\n"
        "0.5,good,1,,1,7,1e-3\n,x,2,0.1,2,8,3\nhigh,x,2,0.1,2,8,3\n\nNaN,\n2,,,0.25\n"
        "loss,note,step,lr,epoch,,val/acc\n"
    )
    found, _ = follow("r.csv", text)
    assert found[0] == {"loss": 0.5, "val/acc": 0.001}
    assert str(found[1:]) == "[{'loss': nan}, {'loss': 2.0, 'lr': 0.25}]"


@pytest.mark.parametrize(("name", "sign"), [("r.tsv", "\t"), ("r.csv", ";")])
def test_tables_may_be_of_tabs_or_semicolons(follow, name, sign):
    assert follow(name, f"a{sign}loss\n1{sign}2\n")[0] == [{"a": 1, "loss": 2}]


def test_the_metric_may_be_called_step(follow):
    assert follow("r.csv", "step,loss\n3,4\n", metric="step")[0] == [{"step": 3, "loss": 4}]


def test_lines_of_json_have_numbers_even_as_texts_and_in_one_another(follow):
    text = '{"loss": "0.5", "at": {"val": 2}, "flag": true, "none": null}\n{"other": 1}\n[1]\n'
    assert follow("r.ndjson", text)[0] == [{"loss": 0.5, "at.val": 2}]


BEFORE = "loss\n9\n8\n"


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ([BEFORE + "7\n"], [7]),  # added to
        (["", "loss\n", "loss\n9\n", BEFORE, BEFORE + "7\n", BEFORE + "7\n6\n"], [7, 6]),
        (["loss\n", "loss\n7\n", "loss\n7\n6\n"], [7, 6]),  # written anew
        (["loss\n9\n", "loss\n9\n5\n"], [9, 5]),
        ([BEFORE], []),
        ([lambda path: path.unlink(), "loss\n1\n"], [1]),
    ],
)
@pytest.mark.parametrize("looks", [True, False])
def test_rows_that_were_there_before_do_not_count(follow, contents, expected, looks):
    assert losses(follow("r.csv", *contents, before=BEFORE, looks=looks)[0]) == expected


def replaced(text):
    def write(path):
        new = path.with_name("new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)

    return write


def test_a_file_that_is_written_anew_each_epoch_has_each_row_once(follow):
    wider = "loss,auc\n3,\n2,0.5\n1,0.75\n"
    steps = ["loss\n3\n", replaced("loss\n3\n2\n"), "", "lo", wider]
    assert follow("r.csv", *steps)[0] == [{"loss": 3}, {"loss": 2}, {"loss": 1, "auc": 0.75}]


def test_an_object_that_is_written_again_and_again_counts_at_the_end(follow):
    assert follow("r.json", '{"loss": 3}', '{"loss": 2}', "{", '{"loss": 1}')[0] == [{"loss": 1}]


def test_a_list_of_an_earlier_piece_does_not_count_while_the_command_runs(follow):
    old, new = '[{"loss": 3}]', '[{"loss": 3, "epoch": 1}, {"loss": 2, "epoch": 2}]'
    assert losses(follow("r.json", old, new, before=old)[0]) == [3, 2]


def test_a_half_written_end_does_not_take_back_what_counted(follow):
    assert losses(follow("r.json", '[{"loss": 3}]', "[{")[0]) == [3]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", None, "must write r.csv, found no such file in the folder"),
        ("r.csv", "", "r.csv in the folder must have a row an epoch with 'loss', found the names "
         "none"),
        ("r.csv", "a,b\n1,2\n", "with 'loss', found the names 'a', 'b'"),
        ("r.csv", "loss\nlow\n", "must have a number for 'loss' in a row that was not there"),
        ("r.jsonl", '{"acc": 1}', "with 'loss', found the names 'acc'"),
        ("r.json", "{", "r.json must be readable JSON, found: Expecting"),
        ("r.json", "3", "r.json must hold a JSON object, or a list"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(follow, name, text, message):
    found, source = follow(name, *([] if text is None else [text]))
    assert found == []
    assert message in str(source.nothing())


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.json"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "must be a plain file, found a named pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "found a link"),
        (lambda path: path.mkdir(), "found a folder"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), "bytes long"),
    ],
)
def test_what_is_no_plain_file_is_refused_when_the_command_has_ended(
    tmp_path, name, make, message
):
    source = in_file(SafePath(tmp_path) / name, "loss", "the folder")
    make(tmp_path / name)
    assert source.look(ended=False) == []
    with pytest.raises(RunError, match=message):
        source.look(ended=True)


def test_nothing_is_opened_where_nothing_changed(follow, monkeypatch, tmp_path):
    (tmp_path / "r.csv").write_text("loss\n")
    source = in_file(SafePath(tmp_path) / "r.csv", "loss", "the folder")
    monkeypatch.setattr(SafePath, "open", None)
    assert [source.look(ended=False) for _ in range(3)] == [[], [], []]

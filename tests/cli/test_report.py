"""`hpsearch report` and `list`: what runs found, for people, for programs and for spreadsheets."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from hpsearch.store import RunDirectory


@pytest.fixture
def first(searched):
    """A finished run."""
    return searched("first")


def test_json_has_the_keys_of_the_contract_and_says_what_the_files_say(hpsearch, first, trials):
    said = hpsearch("report", "first", "--format", "json")
    found = json.loads(said.out)
    assert list(found)[:8] == [
        "run", "metric", "goal", "best", "test", "counts", "rounds", "warnings",
    ]  # fmt: skip
    assert (found["run"], found["metric"], found["goal"]) == ("first", "val_accuracy", "maximize")
    winner = json.loads(Path("runs/first/best/result.json").read_text())["number"]
    best = trials("first")[winner]
    assert found["best"] == {key: best[key] for key in ("number", "params", "metrics", "value")}
    statuses = [trial["status"] for trial in trials("first")]
    names = ("completed", "stopped", "diverged", "failed")
    assert found["counts"] == {name: statuses.count(name) for name in names}
    assert found["test"]["test_accuracy"] == sum(
        row[i] for i, row in enumerate(found["test"]["confusion"])
    ) / sum(map(sum, found["test"]["confusion"]))
    assert said.err == ""


def test_the_rounds_of_json_say_where_their_trials_lay(hpsearch, searched, trials):
    searched("small", "--set=search.rounds=5")
    rounds = json.loads(hpsearch("report", "small", "--format=json").out)["rounds"]
    assert sum(round["trials"] for round in rounds) == 6
    for round in rounds:
        assert list(round) == ["round", "trials", "best", "space"]
        own = [trial for trial in trials("small") if trial["round"] == round["round"]]
        rates = [trial["params"]["learning_rate"] for trial in own]
        assert round["space"]["learning_rate"] == [min(rates), max(rates)]
        sizes = {trial["params"]["batch_size"] for trial in own}
        assert round["space"]["batch_size"] == sorted(sizes)
        assert round["best"] == max(trial["value"] for trial in own)


def test_the_warnings_of_json_name_code_parameter_and_message(hpsearch, searched):
    low = "--set=space.learning_rate={scale: log, min: 1e-6, max: 1e-3}"
    searched("low", low, "--trials=24", "--seed=3")
    warnings = json.loads(hpsearch("report", "low", "--format=json").out)["warnings"]
    assert all(list(warning) == ["code", "parameter", "message"] for warning in warnings)
    pressed = [warning for warning in warnings if warning["parameter"] == "learning_rate"]
    assert [warning["code"] for warning in pressed] == ["pressure"]
    assert "max of 0.001; larger values may be better still" in pressed[0]["message"]


def test_json_of_a_run_without_a_winner_has_null_for_best_and_test(hpsearch, searched):
    searched("boom", "--set=space.learning_rate={scale: log, min: 1e30, max: 1e35}")
    found = json.loads(hpsearch("report", "boom", "--format=json").out)
    assert found["best"] is None
    assert found["test"] is None
    assert found["counts"]["diverged"] == 6
    assert "diverged" in [warning["code"] for warning in found["warnings"]]


def test_csv_is_read_by_pandas_with_a_row_a_trial(hpsearch, first, trials):
    table = pd.read_csv(io.StringIO(hpsearch("report", "--format=csv").out))
    assert list(table["number"]) == list(range(6))
    assert list(table["value"]) == [trial["value"] for trial in trials("first")]
    assert list(table["params.learning_rate"]) == [
        trial["params"]["learning_rate"] for trial in trials("first")
    ]
    units = table["params.hidden_units"].map(json.loads)
    assert list(units) == [trial["params"]["hidden_units"] for trial in trials("first")]
    inactive = ["momentum" not in trial["params"] for trial in trials("first")]
    assert list(table["params.momentum"].isna()) == inactive


def test_text_is_what_run_printed_and_fits_eighty_columns_but_for_code(hpsearch, first):
    said = hpsearch("report", "first")
    assert said.out == first.out
    tables = said.out.partition("In PyTorch's")[0]
    lines = [line for line in tables.splitlines() if not line.startswith("!")]
    assert max(map(len, lines)) <= 80
    assert not [line for line in said.out.splitlines() if line != line.rstrip()]


def test_text_says_the_winner_in_the_terms_of_other_frameworks(hpsearch, first, trials):
    text = hpsearch("report", "first").out
    best = max(trials("first"), key=lambda trial: trial["value"])["params"]
    if best["optimizer"] == "momentum":
        rate = best["learning_rate"] * (1 - best["momentum"])
        assert f"optimizer = keras.optimizers.SGD(learning_rate={rate:.6}" in text
    else:
        assert f"optimizer = optim.Adam(groups, lr={best['learning_rate']}" in text
        assert f"keras.optimizers.Adam(learning_rate={best['learning_rate']}" in text


def test_top_says_how_many_completed_trials_are_listed(hpsearch, first, trials):
    def listed(*words):
        lines = hpsearch("report", "first", *words).out.splitlines()
        return sum(len(line.split()) - 3 for line in lines if line.startswith("The best trials"))

    completed = sum(trial["status"] == "completed" for trial in trials("first"))
    assert [listed("--top=1"), listed("--top=2"), listed("--top=9")] == [1, 2, completed]


def test_a_run_is_found_by_folder_by_name_and_as_the_newest(hpsearch, first):
    said = hpsearch("report", "runs/first").out
    assert said == first.out
    assert hpsearch("report", "first").out == said
    assert hpsearch("report").out == said
    assert hpsearch("report", "--runs-dir", "elsewhere").status == 1


def test_the_environment_may_name_the_runs_directory(hpsearch, first, monkeypatch):
    Path("runs").rename("elsewhere")
    monkeypatch.setenv("HPSEARCH_RUNS_DIR", "elsewhere")
    assert hpsearch("report", "first").status == 0


def test_a_damaged_trial_is_told_with_its_line(hpsearch, first):
    file = Path("runs/first/trials.jsonl")
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "{}", *lines[2:]]) + "\n")
    said = hpsearch("report", "first")
    assert said.status == 1
    assert "runs/first/trials.jsonl: line 2, byte " in said.err
    assert "damaged" in hpsearch("list").out


def test_list_has_a_line_a_run_oldest_first(hpsearch, searched):
    said = hpsearch("list")
    assert (said.status, said.out) == (0, "")
    assert "no runs yet; start one with: hpsearch run CONFIG" in said.err
    name = "a-rather-long-name-" * 4 + "which-must-stay-whole"
    searched(name)
    searched("after")
    heading, *lines = hpsearch("list").out.splitlines()
    assert heading.split() == ["run", "status", "trials", "best", "search", "metric", "started"]
    assert [line.split()[:3] for line in lines] == [
        [name, "finished", "6"],
        ["after", "finished", "6"],
    ]


def test_run_leaves_a_page_and_names_it(first):
    page = Path("runs/first/report.html").read_text(encoding="utf-8")
    assert '"refresh":null' in page
    assert "see it:       runs/first/report.html" in first.out


def test_report_writes_the_page_anew_and_a_broken_place_for_it_is_told(hpsearch, first):
    page = Path("runs/first/report.html")
    page.unlink()
    assert hpsearch("report", "first").out == first.out
    page.unlink()
    page.mkdir()
    said = hpsearch("report", "first")
    assert said.status == 0
    assert "runs/first/report.html: cannot be written" in said.err


def test_open_hands_the_page_to_a_browser(hpsearch, first, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))
    assert hpsearch("report", "first", "--open").err == ""
    assert opened == [Path("runs/first/report.html").resolve().as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert "no browser was found" in hpsearch("report", "first", "--open").err


def test_open_goes_with_text_only(hpsearch, first):
    assert hpsearch("report", "first", "--open", "--format=json").status == 2


def test_watch_of_a_finished_run_tells_it_at_once(hpsearch, first):
    assert hpsearch("report", "first", "--watch").out == first.out


def test_watch_follows_a_run_until_it_ends(hpsearch, first, monkeypatch):
    file = Path("runs/first/run.json")
    finished = file.read_text()
    file.write_text(finished.replace('"finished"', '"running"'))
    with RunDirectory(file.parent).writing():  # a run that nobody writes to does not run
        monkeypatch.setattr(
            "hpsearch.report.live.sleep", lambda seconds: file.write_text(finished)
        )
        watched, _, rest = hpsearch("report", "first", "--watch").out.partition("\n")
    assert watched.endswith(", 6 of 6 trials done")
    assert rest == first.out


def test_ctrl_c_leaves_a_watch_quietly(hpsearch, first, monkeypatch):
    file = Path("runs/first/run.json")
    file.write_text(file.read_text().replace('"finished"', '"running"'))

    def interrupt(seconds):
        raise KeyboardInterrupt

    with RunDirectory(file.parent).writing():
        monkeypatch.setattr("hpsearch.report.live.sleep", interrupt)
        said = hpsearch("report", "first", "--watch")
    assert (said.status, said.err.strip()) == (130, "stopped watching; the search goes on")


def test_watch_of_a_run_that_was_killed_ends(hpsearch, first):
    file = Path("runs/first/run.json")
    file.write_text(file.read_text().replace('"finished"', '"running"'))
    assert hpsearch("report", "first", "--watch").status == 0
    assert "interrupted" in hpsearch("list").out


def test_a_run_that_has_not_finished_has_no_winner_yet(hpsearch, first):
    file = Path("runs/first/run.json")
    assert "The winner" in hpsearch("report", "first").out.splitlines()
    file.write_text(file.read_text().replace('"finished"', '"running"'))
    shown = hpsearch("report", "first").out.splitlines()
    assert "The best so far" in shown
    assert "The winner" not in shown


def test_the_winner_stands_first_among_the_best(hpsearch, first):
    file = Path("runs/first/best/result.json")
    found = json.loads(file.read_text())
    text = hpsearch("report", "first").out
    listed = next(line for line in text.splitlines() if line.startswith("The best trials")).split()
    assert listed[3] == str(found["number"])
    assert len(listed) > 4
    file.write_text(json.dumps({**found, "number": int(listed[-1])}))
    text = hpsearch("report", "first").out
    again = next(x for x in text.splitlines() if x.startswith("The best trials")).split()
    assert again[3] == listed[-1]
    assert sorted(again) == sorted(listed)


@pytest.fixture
def both(hpsearch, first):
    """A finished run and its refinement."""
    assert hpsearch("refine", "first", "--name=child", "--trials=4", "-q").status == 0


def test_several_runs_are_compared_in_text_and_as_a_page(hpsearch, both):
    said = hpsearch("report", "first", "child")
    assert (said.status, said.err) == (0, "")
    assert "b = child, goes on from first" in said.out
    assert "search.trials" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert "see it:       runs/comparison.html" in said.out
    assert "2 runs compared" in Path("runs/comparison.html").read_text(encoding="utf-8")
    assert hpsearch("report", "child", "first", "--output=x.html").out.endswith("x.html\n")
    assert Path("x.html").exists()
    assert len(hpsearch("list").out.splitlines()) == 3


def test_several_runs_as_json_and_csv(hpsearch, both):
    found = json.loads(hpsearch("report", "first", "child", "--format=json").out)
    assert [(run["run"], run["parent"]) for run in found["runs"]] == [
        ("first", None),
        ("child", "first"),
    ]
    assert found["differences"]["search.trials"] == [6, 4]
    table = pd.read_csv(io.StringIO(hpsearch("report", "first", "child", "--format=csv").out))
    assert table["run"].value_counts().to_dict() == {"first": 6, "child": 4}


@pytest.mark.parametrize(
    "words", [["first", "first", "--watch"], ["first", "--output=x.html"], ["--output=x.html"]]
)
def test_options_that_do_not_go_together_are_told(hpsearch, first, words):
    assert hpsearch("report", *words).status == 2


def test_a_comparison_with_a_run_that_is_not_there_names_it(hpsearch, first):
    said = hpsearch("report", "first", "nowhere")
    assert said.status == 1
    assert "nowhere: must be a run's folder" in said.err


def test_one_trial_is_told_as_text_and_as_json(hpsearch, first, trials):
    said = hpsearch("report", "first", "--trial", "2")
    assert said.status == 0
    assert said.out.startswith(f"first: trial 2, {trials('first')[2]['status']}")
    found = json.loads(hpsearch("report", "first", "--trial=2", "--format=json").out)
    assert found.items() >= trials("first")[2].items()
    assert hpsearch("report", "first", "--trial=9").status == 1
    for words in (["--format=csv"], ["--open"], ["--watch"], ["--png=x"], ["first"]):
        assert hpsearch("report", "first", "--trial=2", *words).status == 2


def test_list_as_json_has_an_entry_a_run_and_says_what_is_damaged(hpsearch, searched):
    assert json.loads(hpsearch("list", "--format=json").out) == []
    searched("first", "--set=search.confirm={top: 1, seeds: 2, share: 1}")
    hpsearch("refine", "first", "--name=child", "--trials=2")
    searched("hurt")
    Path("runs/hurt/trials.jsonl").write_text("{}\n")
    said = hpsearch("list", "--format=json")
    assert said.status == 0
    first, child, hurt = json.loads(said.out)
    result = json.loads(Path("runs/first/best/result.json").read_text())
    info = json.loads(Path("runs/first/run.json").read_text())
    assert first == {
        "name": "first",
        "path": "runs/first",
        "status": "finished",
        "trials": 6,
        "metric": "val_accuracy",
        "goal": "maximize",
        "winner": result["number"],
        "best_value": result["confirmed"]["mean"],
        "confirmed": result["confirmed"]["mean"],
        "search_value": result["search"]["value"],
        "parent": None,
        "created": info["created"],
        "seconds": info["seconds"],
        "ended_by": None,
        "tags": [],
        "notes": [],
    }
    assert child["parent"] == "first"
    assert hurt.keys() == {*first, "problem"}
    assert (hurt["status"], hurt["trials"]) == ("damaged", None)
    assert "runs/hurt/trials.jsonl: line 1, byte " in hurt["problem"]

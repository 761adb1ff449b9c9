"""The page of any run: it tells, it is well formed, and nothing in it is taken for code."""

import json
import shutil
from dataclasses import replace

import pytest

from hpsearch.report.findings import write_report
from hpsearch.report.html.figures import FIGURES, panels
from hpsearch.report.html.page import page
from hpsearch.report.numbers import number
from hpsearch.report.summary import summarise
from hpsearch.trial import Status

HOSTILE = '<script>alert("x")</script> {{ y }} %{x} 🦊 \' " </script> a\nb ' + "long" * 50


def data_of(found):
    return json.loads(found.scripts[0])


def test_a_page_tells_the_winner_and_holds_every_figure_that_there_is(written, read):
    summary = summarise(written(40))
    found = read(page(summary))
    best = summary.best
    assert f"val_accuracy of trial {best.number} {number(best.value)} in the search" in found.text
    figures = data_of(found)["figures"]
    made = {name for name in FIGURES if name in figures}
    assert {"best-over-trials", "best-over-time", "parallel", "curves", "timeline"} <= made
    assert sum(name.startswith("parameter-") for name in figures) == 5
    places = {attrs.get("data-figure") for tag, attrs in found.tags if tag == "div"}
    assert set(figures) == places - {None}


def test_what_was_fixed_can_be_copied_with_what_was_searched(written, read):
    summary = summarise(written(4, lambda _: Status.COMPLETED))
    trainer = summary.config.trainer
    fixed = replace(trainer, settings={**trainer.settings, "batch_norm": False})
    more = replace(summary, config=replace(summary.config, trainer=fixed))

    assert "every setting" not in read(page(summary)).text
    assert "batch_norm: false" in read(page(more)).text.partition("every setting")[2]


def test_a_page_asks_the_network_for_nothing(written, read):
    found = read(page(summarise(written(12))))
    for _, attrs in found.tags:
        assert not {"src", "href", "action"} & attrs.keys()
    assert [tag for tag, _ in found.tags].count("script") == 3  # its data, plotly once, its own


@pytest.mark.parametrize("status", list(Status))
def test_a_run_of_one_fate_has_a_page(written, read, status):
    found = read(page(summarise(written(15, lambda _: status))))
    assert ("No winner yet" in found.text) == (status is not Status.COMPLETED)
    assert f"{status} (15)" in found.text


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_a_run_of_hardly_any_trial_has_a_page(written, read, trials):
    found = read(page(summarise(written(trials, lambda _: Status.COMPLETED))))
    assert ("No winner yet" in found.text) == (trials == 0)


def test_forty_parameters_have_forty_panels(written, read):
    names = ["learning_rate", "momentum", "beta1", "beta2", "l2", "dropout", "learning_rate_decay"]
    space = {name: {"min": 0.1, "max": 0.9} for name in names}
    space["hidden_units"] = {"type": "int", "min": 1, "max": 40, "per": "hidden_layers"}
    space["hidden_layers"] = {"type": "int", "min": 33, "max": 33 + 1}
    summary = summarise(written(8, space=space))  # too few to say what mattered, which takes long
    assert summary.config.space.dimensions > 40
    assert len(list(panels(summary))) == len(space)
    parallel = data_of(read(page(summary)))["figures"]["parallel"]
    assert len(parallel["data"][0]["dimensions"]) <= 25


def test_choices_alone_have_a_page(written, read):
    space = {"optimizer": {"values": ["sgd", "adam"]}, "batch_norm": {"values": [True, False]}}
    read(page(summarise(written(12, space=space))))


def test_a_torn_last_line_changes_nothing(written, tmp_path):
    run = written(12)
    before = page(summarise(run))
    with (run.path / "trials.jsonl").open("a") as file:
        file.write('{"number": 99, "rou')
    assert page(summarise(run)) == before


def test_hostile_text_is_shown_as_text(written, read):
    run = written(12, lambda n: Status.FAILED if n % 2 else Status.COMPLETED, error=HOSTILE)
    data = replace(run.info.data, classes=[HOSTILE, *map(str, range(9))])
    run.update(data=data, git=HOSTILE, machine={"host": HOSTILE, HOSTILE: 1})
    run.best.mkdir()
    test = {"test_accuracy": 0.9, "test_loss": 0.1, "interval": [0.8, 0.95], "rows": 20,
            "confusion": [[2] * 10] * 10}  # fmt: skip
    outcome = {"number": 0, "params": {}, "epochs": 6, "metrics": {}, "confirmed": None,
               "search": {"metric": "val_accuracy", "value": 0.5, "optimistic": True},
               "contenders": [], "indistinguishable": [], "test": test}  # fmt: skip
    (run.best / "result.json").write_text(json.dumps(outcome))
    summary = summarise(run)
    summary = replace(summary, config=replace(summary.config, name=HOSTILE))
    text = page(summary)
    found = read(text)
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert "alert(" in found.text
    data = data_of(found)
    assert any(HOSTILE.split("\n")[0] in str(row[-1]) for row in data["table"]["rows"])
    names = data["figures"]["confusion"]["layout"]["xaxis"]["ticktext"]
    assert "<" not in names[0]
    assert len(names[0]) < 60


def test_what_is_not_drawn_is_told(written, read):
    summary = summarise(written(400, lambda _: Status.STOPPED))
    many = replace(summary, results=tuple(
        replace(summary.results[n % 400], number=n) for n in range(5000)))  # fmt: skip
    found = read(page(many))
    assert "of 5,000 trials are drawn" in found.text
    assert len(data_of(found)["figures"]["best-over-trials"]["data"][0]["x"]) <= 1200


def test_the_page_of_a_running_search_loads_itself_again(written, read):
    summary = summarise(written(5))
    assert data_of(read(page(summary, refresh=4.0)))["refresh"] == 4.0
    assert data_of(read(page(summary)))["refresh"] is None


def test_a_page_is_written_whole_beside_the_run(written):
    run = written(12)
    path = write_report(run)
    assert path == run.path / "report.html"
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert path.stat().st_size < 6_000_000
    assert not list(run.path.glob(".*.html*"))


def test_a_missing_configuration_file_is_told(written, read):
    run = written(3)
    (run.path / "config.yaml").unlink()
    shutil.rmtree(run.path / "logs")
    assert "cannot be read" in read(page(summarise(run))).text

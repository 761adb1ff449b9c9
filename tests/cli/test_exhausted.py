"""A space with fewer settings than trials: said by every command that it concerns."""

import json
import re

SAID = (
    "! space: holds 4 settings, so 4 of the 24 trials train; for more trainings of each, "
    "with other seeds: search.repeats"
)


def test_it_is_said_before_and_after(hpsearch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.py").write_text("def train(params, epochs):\n    return params['n']\n")
    (tmp_path / "c.yaml").write_text(
        "trainer: {kind: function, function: 'm.py:train'}\nmetric: {goal: minimize}\n"
        "space: {n: {type: int, min: 1, max: 4}}\nsearch: {trials: 24}\n"
        "parallel: {backend: serial}\n"
    )
    assert SAID in hpsearch("check", "c.yaml").out.splitlines()
    assert SAID in hpsearch("run", "c.yaml", "--name", "r", "-q").err.splitlines()
    report = json.loads(hpsearch("report", "r", "--format", "json").out)
    assert [f"! {warning['message']}" for warning in report["warnings"]] == [SAID]
    assert "hpsearch refine" not in hpsearch("report", "r").out  # it would find nothing new
    longer = hpsearch("resume", "r", "--trials", "30")
    assert longer.status == 1
    assert "--trials 30 adds none" in longer.err
    refined = hpsearch("refine", "r")
    assert refined.status == 1
    assert "refine finds nothing new" in refined.err


def test_under_constraints_the_settings_that_keep_them_are_tried_and_shown(hpsearch, tmp_path):
    (tmp_path / "m.py").write_text("def train(params, epochs):\n    return params['area']\n")
    (tmp_path / "c.yaml").write_text(
        "trainer: {kind: function, function: 'm.py:train'}\nmetric: {goal: minimize}\n"
        'where: ["n > m", "area % 2 == 0"]\n'
        "space: {n: {type: int, min: 1, max: 5}, m: {type: int, min: 1, max: 3},"
        " area: {derive: n * m}}\nsearch: {trials: 24}\nparallel: {backend: serial}\n"
    )
    checked = hpsearch("check", "c.yaml").out
    assert "area       derived  n * m" in checked
    assert "where n > m; area % 2 == 0\nabout 4" in checked
    assert "! space: holds 6 settings, so 6 of the 24 trials train" in checked
    assert hpsearch("run", "c.yaml", "--name", "r", "-q").status == 0
    report = hpsearch("report", "r").out
    assert "value 2 by trial" in report
    assert re.search("\narea +2\n", report)
    assert "area" in (tmp_path / "runs" / "r" / "report.html").read_text()
    refused = hpsearch("check", "c.yaml", "--set", "where=['n > 9']")
    assert refused.status == 1
    assert "where[0]: no draw keeps this, at least 1% must; loosen it" in refused.err

"""A space with fewer settings than trials: said by every command that it concerns."""

import json

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

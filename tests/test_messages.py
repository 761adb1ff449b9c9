from __future__ import annotations

from hpsearch.messages import expanded, expanded_target, one_line
from hpsearch.suggestions import ELSEWHERE, did_you_mean, nearest


def test_the_nearest_name_is_proposed_whatever_its_case():
    assert did_you_mean("LABLE", ["age", "Label"]) == " (did you mean 'Label'?)"
    assert did_you_mean("label", ["age", "height"]) == ""


def test_another_tools_word_is_meant_only_where_it_is_said_to_be():
    assert nearest("n_jobs", ["jobs", "n_job"], ELSEWHERE) == "jobs"
    assert nearest("n_jobs", ["jobs", "n_job"]) == "n_job"
    assert nearest("keep-prob", ["dropout", "keep_probs"]) == "keep_probs"


def test_an_escape_code_cannot_hide_in_one_line():
    assert one_line("a\n\tb \x1b[31m") == "a b \\x1b[31m"


def test_a_tilde_is_home_at_the_beginning_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~$table.csv").touch()  # as some programs call a file that is being edited
    for given, found in {
        "~": "/home/me",
        "~/x": "/home/me/x",
        "a/~": "a/~",
        "./~": "./~",
        "~$table.csv": "~$table.csv",
    }.items():
        assert expanded(given) == found
    for given, found in {
        "sqlite:///~/x.db": "sqlite:////home/me/x.db",
        "sqlite:///x.db": "sqlite:///x.db",
        "postgresql://me@host/~x": "postgresql://me@host/~x",
        "~/study.log": "/home/me/study.log",
    }.items():
        assert expanded_target(given) == found

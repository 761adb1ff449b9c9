from __future__ import annotations

from hpsearch.data.names import did_you_mean, expanded, expanded_target, listed


def test_only_the_first_of_many_names_are_listed():
    assert listed(["a", 1]) == "'a', 1"
    assert listed(range(12), most=3) == "0, 1, 2, ... (12 in all)"


def test_the_nearest_name_is_proposed_whatever_its_case():
    assert did_you_mean("LABLE", ["age", "Label"]) == " (did you mean 'Label'?)"
    assert did_you_mean("label", ["age", "height"]) == ""


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

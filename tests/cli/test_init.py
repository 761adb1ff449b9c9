"""`hpsearch init` and `schema`: how a configuration begins."""

import json
from pathlib import Path

from hpsearch.config.docs import json_schema


def test_init_writes_a_configuration_that_checks_and_runs(hpsearch):
    said = hpsearch("init", "-o", "mine.yaml")
    assert (said.status, said.out) == (0, "")
    assert said.err == "wrote mine.yaml; search it with: hpsearch run mine.yaml\n"
    assert hpsearch("check", "mine.yaml").status == 0
    words = ("--trials=2", "--set=trainer.epochs=1", "--backend=serial", "--quiet")
    assert hpsearch("run", "mine.yaml", *words).status == 0


def test_init_fits_the_configuration_to_a_table(hpsearch, flowers):
    said = hpsearch("init", "flowers.csv", "--target=flower")
    assert said.status == 0
    assert said.out.startswith("# 60 rows, 3 features, 3 classes.\n")  # two of them one-hot
    Path("mine.yaml").write_text(said.out)
    assert hpsearch("check", "mine.yaml").status == 0


def test_init_makes_a_configuration_of_another_tool_s_file(hpsearch):
    Path("sweep.yaml").write_text("method: random\nparameters: {lr: {min: 0.1, max: 1}}\n")
    said = hpsearch("init", "--from", "sweep.yaml", "-o", "mine.yaml")
    assert (said.status, said.out) == (0, "")
    expected = "wrote mine.yaml; read its remarks, then: hpsearch check mine.yaml\n"
    assert said.err == expected
    assert "  lr: {min: 0.1, max: 1}\n" in Path("mine.yaml").read_text()
    assert hpsearch("init", "--from", "sweep.yaml").out == Path("mine.yaml").read_text()
    said = hpsearch("run", "sweep.yaml")
    assert said.status == 1
    into = "hpsearch init --from sweep.yaml -o search.yaml"
    assert said.err == (
        f"hpsearch: sweep.yaml: is a sweep of W&B; make a configuration of it: {into}\n"
    )


def test_init_from_a_file_takes_no_data_and_says_what_it_knows(hpsearch):
    Path("odd.yaml").write_text("a: 1\n")
    assert hpsearch("init", "digits", "--from", "odd.yaml").status == 2
    said = hpsearch("init", "--from", "odd.yaml")
    assert said.status == 1
    assert "odd.yaml: must be one of: a sweep of W&B, a search of NNI" in said.err


def test_init_overwrites_nothing(hpsearch):
    Path("mine.yaml").write_text("mine")
    said = hpsearch("init", "-o", "mine.yaml")
    assert said.status == 1
    assert "mine.yaml: exists already" in said.err
    assert Path("mine.yaml").read_text() == "mine"


def test_init_tells_what_is_wrong_with_the_data(hpsearch, flowers):
    said = hpsearch("init", "flowers.csv", "--target=plant", "-o", "mine.yaml")
    assert said.status == 1
    assert "'plant'" in said.err
    assert not Path("mine.yaml").exists()
    said = hpsearch("init", "flower.csv")
    assert "did you mean 'flowers.csv'?" in said.err


def test_the_schema_is_printed_as_json(hpsearch):
    assert json.loads(hpsearch("schema").out) == json_schema()


def test_init_says_which_column_it_took_and_leaves_out_identifiers(hpsearch):
    lines = (f"{i},{i % 7},{'uv'[i % 2]},{'x' if i % 9 == 0 else ''}\n" for i in range(60))
    Path("people.csv").write_text("id,age,kind,note\n" + "".join(lines))
    said = hpsearch("init", "people.csv", "-o", "mine.yaml")
    assert said.status == 0
    assert said.err == (
        "target: 'kind' ('note' is missing in 53 of 60 rows); choose another with --target\n"
        "wrote mine.yaml; search it with: hpsearch run mine.yaml\n"
    )
    assert "  exclude: [id, note]\n" in Path("mine.yaml").read_text()
    assert hpsearch("check", "mine.yaml").status == 0
    assert hpsearch("init", "people.csv", "--target=kind").err == ""


def test_a_script_is_no_data_and_what_it_needs_is_shown(hpsearch):
    said = hpsearch("init", "train.py")
    assert said.status == 1
    assert 'kind: command, command: "{python} train.py {args}"' in said.err

"""The reference page says what the code does."""

from dataclasses import fields

from hpsearch.config.docs import main, page
from hpsearch.config.schema import Confirm, Halving, Metric, Parallel, ParameterKeys, Search
from hpsearch.data.options import DataOptions
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS


def test_the_page_in_docs_is_current(configs):
    assert main(["--check", str(configs.parent / "docs" / "configuration.md")]) == 0


def test_a_page_that_is_not_current_is_told_with_the_remedy(tmp_path, capsys):
    path = tmp_path / "old.md"
    path.write_text("old")
    assert main(["--check", str(path)]) == 1
    assert f"python -m hpsearch.config.docs > {path}" in capsys.readouterr().err


def test_every_key_and_hyperparameter_stands_on_the_page():
    text = page()
    sections = {"name", "seed", "data", "trainer", "metric", "space", "search", "parallel"}
    parts = (DataOptions, Metric, ParameterKeys, Search, Parallel)
    names = sections | {key.name for part in parts for key in fields(part)} | set(HYPERPARAMETERS)
    names |= {f"halving.{key.name}" for key in fields(Halving)}
    names |= {f"confirm.{key.name}" for key in fields(Confirm)}
    assert not {name for name in names if f"`{name}`" not in text}

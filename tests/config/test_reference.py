"""The reference page says what the code does."""

from hpsearch.config import schema
from hpsearch.config.reference import main, page
from hpsearch.config.search_schema import Confirm, Halving, Parallel, Search
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS


def test_the_page_in_docs_is_current(configs):
    assert main(["--check", str(configs.parent / "docs" / "configuration.md")]) == 0


def test_a_page_that_is_not_current_is_told_with_the_remedy(tmp_path, capsys):
    path = tmp_path / "old.md"
    path.write_text("old")
    assert main(["--check", str(path)]) == 1
    assert f"python -m hpsearch.config.reference > {path}" in capsys.readouterr().err


def test_every_key_and_hyperparameter_stands_on_the_page():
    text = page()
    models = (schema.Configuration, schema.Data, schema.Metric, schema.Parameter, Search, Parallel)
    names = {name for model in models for name in model.model_fields} | set(HYPERPARAMETERS)
    names |= {f"halving.{name}" for name in Halving.model_fields}
    names |= {f"confirm.{name}" for name in Confirm.model_fields}
    assert not {name for name in names if f"`{name}`" not in text}

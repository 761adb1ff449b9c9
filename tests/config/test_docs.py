"""The reference page says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from hpsearch.config import space_from, yaml_text
from hpsearch.config.docs import json_schema, main, page
from hpsearch.config.schema import Confirm, Halving, Metric, Parallel, ParameterKeys, Search
from hpsearch.data.options import DataOptions
from hpsearch.space.stored import space_from_config
from hpsearch.trainers.network.hyperparameters import HYPERPARAMETERS

ROOT = Path(__file__).parents[2]


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


def examples_of_spaces():
    """The YAML in the guide's section on what a parameter can be."""
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    section = guide.split("\n## What a parameter can be\n")[1].split("\n## ")[0]
    return re.findall(r"(?<=```yaml\n).*?(?=^```$)", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", examples_of_spaces())
def test_every_space_in_the_guide_is_sound_and_known_to_editors(text):
    tree, _, problems = yaml_text.read(text.encode(), "guide.md")
    assert not problems
    space = space_from(tree["space"])
    assert space_from(space.as_config()) == space
    assert space_from_config(space.as_config(), {}) == space
    whole = {"trainer": {"kind": "command", "command": "echo"}, "metric": {"name": "loss"}}
    assert not list(Draft202012Validator(json_schema()).iter_errors(whole | tree))

"""A small sound configuration, and a way to see what is wrong with another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hpsearch.config import load
from hpsearch.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def configs() -> Path:
    """The configurations that come with the project."""
    return ROOT / "configs"


@pytest.fixture
def digits() -> Path:
    return Path(__file__).with_name("digits.yaml")


@pytest.fixture
def sound(digits: Path) -> str:
    """The text that `problems` changes; a file of tests may have another."""
    return digits.read_text()


@pytest.fixture
def problems(sound: str, tmp_path: Path) -> Callable[..., list[str]]:
    """The problems of a sound text after replacements, without the folder's name."""

    def told(*replacements: tuple[str, str], **forced: Any) -> list[str]:
        text = sound
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "c.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError) as error:
            load(path, **forced)
        return [line.replace(f"{tmp_path}/", "") for line in error.value.problems]

    return told

"""What messages say to do, where it depends on how hpsearch was installed."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from hpsearch.errors import install


class Installed:
    """A distribution that pip got from somewhere, or from a registry."""

    def __init__(self, origin):
        self.origin = origin

    def read_text(self, name):
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


ORIGINS = {
    "editable": (
        {"url": "file:///home/me/hp%20search", "dir_info": {"editable": True}},
        "pip install -e '/home/me/hp search[png]'",
    ),
    "folder": ({"url": "file:///home/me/hp", "dir_info": {}}, "pip install '/home/me/hp[png]'"),
    "wheel": (
        {"url": "file:///tmp/hpsearch-0.2-py3.whl", "archive_info": {}},
        "pip install 'hpsearch[png] @ file:///tmp/hpsearch-0.2-py3.whl'",
    ),
    "git": (
        {"url": "https://host/hp.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
        "pip install 'hpsearch[png] @ git+https://host/hp.git@abc'",
    ),
    "registry": (None, "pip install 'hpsearch[png]'"),
}


@pytest.mark.parametrize(("origin", "command"), ORIGINS.values(), ids=ORIGINS)
def test_an_extra_comes_from_where_hpsearch_came_from(monkeypatch, origin, command):
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Installed(origin))
    assert install("png") == command


def test_a_checkout_that_is_not_installed_is_named(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert install("png") == f"pip install -e '{Path(__file__).parents[1]}[png]'"

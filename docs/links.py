"""What the documentation's site needs beyond MkDocs: links that lead out of docs/.

On disk and in a repository's viewer `../configs/digits.yaml` is a file; a site has none of them,
so there it leads to the repository. MkDocs calls what is named in mkdocs.yml under `hooks`.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

OUTSIDE = re.compile(r"(?<=\]\()\.\./([^)\s]+)(?=\))")


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """A page with its links to files outside docs/ as links to the repository."""
    base = posixpath.join(config["repo_url"], "blob/main/")
    return OUTSIDE.sub(lambda link: base + link[1], markdown)

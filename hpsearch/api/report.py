"""A run's report, as a notebook shows it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from hpsearch.store import SafePath

HEIGHT = 900  # of the frame in a notebook, in pixels


@dataclass(frozen=True)
class Report:
    """Where report.html was written; a notebook shows it inline."""

    path: Path

    def _repr_html_(self) -> str:
        """The page in a frame, which keeps its style and the notebook's apart."""
        page = html.escape(SafePath.of(self.path).read_text())
        style = f"width:100%;height:{HEIGHT}px;border:0"
        return f'<iframe srcdoc="{page}" style="{style}"></iframe>'

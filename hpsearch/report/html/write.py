"""The report's file: a reader sees the old page or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path

from hpsearch.report.html.page import page
from hpsearch.report.summary import Summary, summarise
from hpsearch.store import RunDirectory, write_text


def write_page(
    run: RunDirectory, summary: Summary | None = None, refresh: float | None = None
) -> Path:
    """Write a run's report.html and say where it is.

    Args:
        run: whose report.
        summary: what it found; None to read it.
        refresh: seconds after which an open page loads itself again; None: never.
    """
    summary = summarise(run) if summary is None else summary
    write_text(run.report, page(summary, refresh))
    return run.report.path

"""The run directory: what is written, where, and how it survives a crash."""

from hpsearch.store.files import as_yaml, uncollected, write_json, write_text
from hpsearch.store.lock import vanished
from hpsearch.store.records import as_line, check_curve, record_of, write_lines
from hpsearch.store.repair import set_aside
from hpsearch.store.run_directory import FORMAT, RunDirectory, create, find, is_run, runs
from hpsearch.store.safe_path import MOST, SafePath
from hpsearch.store.writer import Writer

__all__ = [
    "FORMAT",
    "MOST",
    "RunDirectory",
    "SafePath",
    "Writer",
    "as_line",
    "as_yaml",
    "check_curve",
    "create",
    "find",
    "is_run",
    "record_of",
    "runs",
    "set_aside",
    "uncollected",
    "vanished",
    "write_json",
    "write_lines",
    "write_text",
]

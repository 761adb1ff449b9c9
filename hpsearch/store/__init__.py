"""The run directory: what is written, where, and how it survives a crash."""

from hpsearch.store.files import as_yaml, uncollected, write_json
from hpsearch.store.lock import vanished
from hpsearch.store.records import FORMAT, RunData, RunInfo, Winner, as_line, write_lines
from hpsearch.store.repair import set_aside
from hpsearch.store.run_directory import RunDirectory, create, find, is_run, runs
from hpsearch.store.safe_path import MOST, NEW, SafePath
from hpsearch.store.writer import Writer, trained_in, trial_folder

__all__ = [
    "FORMAT",
    "MOST",
    "NEW",
    "RunData",
    "RunDirectory",
    "RunInfo",
    "SafePath",
    "Winner",
    "Writer",
    "as_line",
    "as_yaml",
    "create",
    "find",
    "is_run",
    "runs",
    "set_aside",
    "trained_in",
    "trial_folder",
    "uncollected",
    "vanished",
    "write_json",
    "write_lines",
]

"""A command reads run.json a few times, and hands on what it says."""

import traceback

from hpsearch.cli import cli
from hpsearch.store import run_directory

CONFIG = """\
name: tiny
data: {source: digits}
trainer: {kind: network, epochs: 2}
space: {learning_rate: {scale: log, min: 1e-3, max: 1}}
search: {trials: 4, confirm: {top: 1, seeds: 2}}
parallel: {backend: serial}
"""
MOST = {
    "run tiny.yaml --name first -q": 5,
    "resume first --trials 6 -q": 7,
    "refine first --name second --trials 4 -q": 7,
    "retrain first": 2,
    "report first": 1,
}


def test_run_json_is_read_a_few_times_by_each_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    read, reads = run_directory.read_run, []

    def counting(path):
        stack = traceback.extract_stack()
        if not any(frame.filename.endswith("report/live.py") for frame in stack):
            reads.append(path)  # how often the live page is drawn is a matter of time
        return read(path)

    monkeypatch.setattr(run_directory, "read_run", counting)
    for command, most in MOST.items():
        reads.clear()
        cli.main(command.split(), standalone_mode=False)
        assert 1 <= len(reads) <= most, command

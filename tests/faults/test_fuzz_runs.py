"""A few dozen damaged runs; `python tests/faults/fuzz_runs.py` does thousands."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz_runs.py")


@pytest.mark.slow
def test_a_damaged_run_is_used_or_refused_with_one_message():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--count", "60"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("60 damaged runs")
    assert done.stdout.rstrip().endswith(" 0 faults")

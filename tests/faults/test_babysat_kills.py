"""A few lives of the program beside this; `python tests/faults/babysat_kills.py` does forty."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("babysat_kills.py")


@pytest.mark.slow
def test_a_babysat_model_killed_and_steered_at_random_is_what_its_diary_says():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--moments", "3", "--seed", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical" in done.stdout

"""A few lives of the program beside this; `python tests/faults/kills.py` does a hundred."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("kills.py")


@pytest.mark.slow
def test_a_search_killed_at_random_moments_ends_as_if_it_had_been_left_alone():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--moments", "13", "--seed", "1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("13 of 13 identical")

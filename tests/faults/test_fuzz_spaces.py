"""A few hundred mutated spaces; `python tests/faults/fuzz_spaces.py` does thousands."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzz_spaces.py")


def done(*words):
    ended = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.rstrip()


@pytest.mark.slow
def test_a_mutated_space_is_refused_clearly_or_has_trials_that_keep_to_it():
    said = done("--count", "240")
    assert said.startswith("240 spaces")
    assert said.endswith(" 0 faults")


@pytest.mark.slow
def test_any_space_gives_the_same_trials_with_one_job_and_three_and_after_kill_9():
    assert done("--count", "0", "--searches", "8", "--seed", "1").endswith("8 searches; 0 faults")

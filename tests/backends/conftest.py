"""Scripts that use a backend, in processes of their own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def start(tmp_path):
    """Run a script in its own process group. Its workers share its output, so that reading
    the output to its end waits until the last of them is gone."""

    def run(text):
        script = tmp_path / "script.py"
        script.write_text(text)
        return subprocess.Popen(
            [sys.executable, "-W", "default", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    return run

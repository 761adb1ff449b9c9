"""What is printed, and where to: hostile text is shown, never obeyed, and any stream will do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = "\x1b]52;c;cGF5\x07\x9b31m\u202e"
SHOWN = "\\x1b]52;c;cGF5\\x07\\x9b31m\\u202e"
YAML = f"""
trainer: {{kind: function, function: f.py:train}}
metric: {{name: loss}}
space:
  x: {{min: 0, max: 1}}
  "n{SHOWN}": {{values: ["é🦊{SHOWN}"]}}
search: {{trials: 3}}
parallel: {{backend: serial}}
"""


@pytest.fixture
def folder(tmp_path):
    """A configuration whose function prints, and whose names would be obeyed by a terminal."""
    (tmp_path / "c.yaml").write_text(YAML)
    (tmp_path / "f.py").write_text(
        "import os\n"
        "def train(p, epochs):\n    os.write(1, b'NOISE')\n    return {'loss': p['x']}\n"
    )
    return tmp_path


def call(folder, *words, flags=(), before="", **variables):
    """Run `hpsearch` as a process; `before` is Python that runs in it before its streams open."""
    return subprocess.run(
        [sys.executable, *flags, "-m", "hpsearch", *words],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        timeout=300,
        preexec_fn=before or None,
    )


def harmless(*texts):
    return all(line.isprintable() for text in texts for line in text.splitlines())


COMMANDS = {
    "run": ("run", "c.yaml", "--name", "s"),
    "dry run": ("run", "c.yaml", "--dry-run"),
    "check": ("check", "c.yaml"),
    "report": ("report", "r"),
    "retrain": ("retrain", "r"),
    "refine": ("refine", "r", "--dry-run"),
    "wrong word": ("nonsense" + HOSTILE,),
    "wrong option": ("run", "c.yaml", "--" + HOSTILE),
    "wrong key": ("run", "c.yaml", "--set", f"a.{HOSTILE}=1"),
    "wrong file": ("run", HOSTILE + ".yaml"),
    "wrong run": ("report", HOSTILE),
    "export": ("export", "r", HOSTILE + ".csv", "--to", "csv"),
    "import error": ("run", "c.yaml", "--set", "trainer.function=bad.py:train"),
    "data": ("init", "no" + HOSTILE + ".csv"),
}


def test_no_command_prints_what_a_terminal_obeys(folder, hpsearch):
    (folder / "bad.py").write_text(f"raise ValueError({HOSTILE!r})\n")
    assert hpsearch("run", "c.yaml", "--name", "r", "-q").status == 0
    for name, words in COMMANDS.items():
        said = hpsearch(*words)
        assert harmless(said.out, said.err), name
        if name != "check":  # the only one that does not quote it at such a length
            assert SHOWN in said.out + said.err, name


def test_a_failure_and_its_traceback_are_harmless_too(folder, hpsearch, monkeypatch):
    (folder / "f.py").write_text(f"def train(p, epochs): raise ValueError({HOSTILE!r})\n")
    said = hpsearch("run", "c.yaml")
    assert said.status == 1
    assert f"ValueError: {SHOWN}" in said.err
    assert harmless(said.out, said.err)
    monkeypatch.setenv("HPSEARCH_DEBUG", "1")

    def broken(*_, **__):
        raise LookupError(HOSTILE)

    monkeypatch.setattr("hpsearch.cli.check.load", broken)
    said = hpsearch("check", "c.yaml")
    assert said.status == 1
    assert said.err.startswith("Traceback (most recent call last):\n")
    assert said.err.endswith(f"LookupError: {SHOWN}\n")


@pytest.mark.slow
def test_json_and_csv_stay_data_on_any_stream(folder):
    assert call(folder, "run", "c.yaml", "--name", "r", "-q").returncode == 0
    names = []
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = call(folder, "report", "r", "--format=json", PYTHONIOENCODING=encoding)
        assert harmless(done.stdout.decode(encoding))
        best = json.loads(done.stdout.decode(encoding))["best"]
        names.append(best["params"]["n" + HOSTILE])
    assert names == ["é🦊" + HOSTILE] * 3
    table = call(folder, "report", "r", "--format=csv", PYTHONIOENCODING="utf-8").stdout.decode()
    assert "params.n" + HOSTILE in table


@pytest.mark.parametrize(
    "encoding", ["ascii", pytest.param("ascii:strict", marks=pytest.mark.slow)]
)
def test_what_a_stream_cannot_hold_is_spelled_out(folder, encoding):
    for words in (COMMANDS["run"], ("report", "s"), ("report", "s", "--format=csv"), ("list",)):
        done = call(folder, *words, PYTHONIOENCODING=encoding, LC_ALL="C")
        assert done.returncode == 0, done.stderr
        assert (done.stdout + done.stderr).isascii()


@pytest.mark.parametrize(
    "closed",
    [(0, 1, 2), *(pytest.param(each, marks=pytest.mark.slow) for each in ((1,), (2,)))],
    ids=str,
)
def test_closed_streams_end_no_command_and_spoil_no_file(folder, closed):
    def close():
        for number in closed:
            os.close(number)

    for words, status in (
        (COMMANDS["run"], 0), (("list",), 0), (("report", "s"), 0), (("retrain", "s"), 0),
        (("schema",), 0), (("nonsense",), 2), (("run", "no.yaml"), 1),
    ):  # fmt: skip
        done = call(folder, *words, before=close)
        assert done.returncode == status, (words, done.stderr)
        assert b"unexpected" not in done.stderr
    run = folder / "runs" / "s"
    for name in ("trials.jsonl", "curves.jsonl", "timeline.jsonl"):
        lines = (run / name).read_text().splitlines()
        assert len(list(map(json.loads, lines))) == 3
    for path in run.rglob("*"):
        if path.is_file() and path.parent.name != "logs":
            assert b"NOISE" not in path.read_bytes()
    assert (run / "logs" / "trial-0.txt").read_text() == "NOISE"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk at hand")
def test_a_full_stderr_is_nobodys_bug(folder):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hpsearch", "run", "c.yaml", "--name", "r"],
            cwd=folder, stderr=full, stdout=subprocess.PIPE, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.startswith(b"r: loss ")


@pytest.mark.slow
def test_without_docstrings_and_asserts_all_works_and_help_lists_the_commands(folder):
    shown = call(folder, "--help", flags=["-OO"])
    assert shown.returncode == 0
    assert b"  refine" in shown.stdout
    assert call(folder, "refine", "-h", flags=["-OO"]).stdout.startswith(b"Usage: hpsearch refine")
    assert call(folder, *COMMANDS["run"], PYTHONOPTIMIZE="2").returncode == 0
    assert call(folder, "retrain", "s", flags=["-OO"]).returncode == 0

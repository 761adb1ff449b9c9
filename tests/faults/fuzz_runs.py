"""Damage run directories at random and use them; whatever happens must be clear.

    python tests/faults/fuzz_runs.py --count 2000

A copy of a finished, an interrupted or a refined run is damaged (bytes flipped, files cut short,
deleted or emptied, lines swapped, repeated or dropped, values of JSON replaced by huge numbers,
other types, null and nests) and then reported on, resumed, repaired, refined, listed or retrained.
Success and one message of hpsearch are fine; any other exception, or a minute without an end, is
not. A repair must succeed unless what is damaged cannot be made again.
Ends with status 1 if there was one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hpsearch.cli import cli
from hpsearch.errors import HpsearchError
from hpsearch.searching.scheduler import Scheduler
from hpsearch.store import RunDirectory

CONFIG = """\
name: tiny
data: {source: small.csv, target: y}
trainer: {kind: network, epochs: 3}
space:
  learning_rate: {scale: log, min: 1e-3, max: 1}
  hidden_layers: {type: int, min: 0, max: 2}
  hidden_units: {type: int, min: 2, max: 6, per: hidden_layers}
  optimizer: {values: [sgd, momentum]}
  momentum: {scale: 1-10^r, min: 0.8, max: 0.99, when: {optimizer: momentum}}
search: {trials: 9, halving: {min_epochs: 1}, confirm: {top: 1, seeds: 2}}
parallel: {backend: serial}
"""
WORDS: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 1e-320, 10**400, -(10**18), 2**63, float("nan"), float("inf"),
    "", "x", "../..", "\x00", "\ud800", [], {}, [[]], {"a": {"a": {}}}, [None], ["x", 1],
)  # fmt: skip
BYTES = (b"", b"\0", b"\xff", b"\n", b"{", b"}", b"[" * 3000, b'"', b"null", b"1e999", b"9" * 5000)
COMMANDS = (
    ("report", "RUN"),
    ("report", "RUN", "--format", "json"),
    ("report", "RUN", "--format", "csv"),
    ("resume", "RUN", "--quiet"),
    ("resume", "RUN", "--quiet"),
    ("resume", "RUN", "--quiet", "--repair"),
    ("resume", "RUN", "--quiet", "--repair"),
    ("refine", "RUN", "--dry-run"),
    ("retrain", "RUN"),
    ("evaluate", "RUN"),
    ("predict", "RUN", "small.csv"),
    ("list",),
)
LASTING = ("run.json", "config.yaml", "history.jsonl")  # what no training makes again
LONGEST = 60  # seconds


class Stop(BaseException):
    """The interruption of the run that is left unfinished."""


def main() -> int:
    """Damage as many runs as asked; print what no user should see, and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="how many damaged runs")
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _too_long)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        originals = [path.relative_to(folder) for path in prepare(Path(folder))]
        for number in range(given.seed, given.seed + given.count):
            outcome, story = one(originals, random.Random(number))
            tally[outcome] += 1
            if outcome == "fault":
                print(f"--- seed {number}: {story}", flush=True)
    print(
        f"{given.count} damaged runs: {tally['success']} as if nothing were wrong, "
        f"{tally['message']} with a message, {tally['fault']} faults"
    )
    return 1 if tally["fault"] else 0


def prepare(folder: Path) -> list[Path]:
    """A finished run, an interrupted one with states, and one that refines the first."""
    rows = "".join(f"{i % 7},{i * i % 11},{'ab'[i % 2]}\n" for i in range(60))
    (folder / "small.csv").write_text("p,q,y\n" + rows)
    (folder / "tiny.yaml").write_text(CONFIG)
    runs = folder / "originals"
    here = ("--runs-dir", str(runs))
    call("run", "tiny.yaml", "--name", "finished", "--quiet", *here)
    call("refine", "finished", "--name", "refined", "--trials", "6", "--quiet", *here)
    receive, answers = Scheduler.receive, iter(range(8))

    def receive_some(search: Scheduler, answer: Any) -> None:
        receive(search, answer)
        if next(answers, None) is None:
            raise Stop

    Scheduler.receive = receive_some  # type: ignore[method-assign]
    with contextlib.suppress(Stop):
        call("run", "tiny.yaml", "--name", "interrupted", "--quiet", *here)
    Scheduler.receive = receive  # type: ignore[method-assign]
    assert any((runs / "interrupted" / "state").iterdir())
    return [runs / name for name in ("finished", "interrupted", "interrupted", "refined")]


def one(originals: list[Path], chance: random.Random) -> tuple[str, str]:
    """Damage a copy of a run and use it: "success", "message" or "fault", and the story."""
    original, command = chance.choice(originals), chance.choice(COMMANDS)
    shutil.rmtree("runs", ignore_errors=True)
    shutil.copytree(original, "runs/it")
    if original.name == "refined":
        shutil.copytree(original.parent / "finished", "runs/finished")
    done = [damage(Path("runs/it"), chance) for _ in range(chance.choice([1, 1, 2, 4]))]
    args = ["runs/it" if word == "RUN" else word for word in command]
    story = f"{original.name}, {' '.join(args)}, {done}"
    sound = not any(change.startswith("run.json") for change in done)
    repairable = "--repair" in args and not any(change.startswith(LASTING) for change in done)
    signal.alarm(LONGEST)
    try:
        call(*args, "--runs-dir", "runs")
        if command[0] == "resume" and sound:
            assert RunDirectory(Path("runs/it")).info.status == "finished"
        return "success", story
    except (HpsearchError, click.ClickException) as error:
        text = str(error) if isinstance(error, HpsearchError) else error.format_message()
        if sound:
            assert RunDirectory(Path("runs/it")).info.plan  # not half written
        if repairable:
            return "fault", f"{story}: not repaired: {text[:300]!r}"
        if not text.strip() or "Traceback" in text or len(text) > 3000:
            return "fault", f"{story}: unclear message {text[:300]!r}"
        return "message", story
    except BaseException as error:
        trace = "".join(traceback.format_exception(error)[-9:])
        return "fault", f"{story}\n{trace}"
    finally:
        signal.alarm(0)


def call(*args: str) -> None:
    """A command in this process, in silence."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))  # tables need bytes
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        cli.main(list(args), standalone_mode=False)


def damage(run: Path, chance: random.Random) -> str:
    """Spoil one file of a run; say which and how."""
    files = sorted(path for path in run.rglob("*") if path.is_file() and path.name != ".lock")
    if not files:
        return "nothing is left"
    path = chance.choice([f for f in files if f.parent == run or chance.random() < 0.4] or files)
    text = path.read_bytes()
    kinds = [delete, truncate, flip, insert]
    if path.suffix == ".jsonl":
        kinds += [lines, value, value, value]
    if path.suffix == ".json":
        kinds += [value, value, value]
    how = chance.choice(kinds)
    damaged = how(text, chance)
    if damaged is None:
        path.unlink()
    else:
        path.write_bytes(damaged)
    return f"{path.relative_to(run)}: {how.__name__}"


def delete(text: bytes, chance: random.Random) -> bytes | None:
    """No file any more, or an empty one."""
    return chance.choice([None, b""])


def truncate(text: bytes, chance: random.Random) -> bytes:
    """The beginning only."""
    return text[: chance.randrange(len(text) + 1)]


def flip(text: bytes, chance: random.Random) -> bytes:
    """Some bits the other way."""
    spoiled = bytearray(text)
    for _ in range(chance.choice([1, 1, 8]) if spoiled else 0):
        spoiled[chance.randrange(len(spoiled))] ^= 1 << chance.randrange(8)
    return bytes(spoiled)


def insert(text: bytes, chance: random.Random) -> bytes:
    """Something else in the place of a few bytes."""
    start = chance.randrange(len(text) + 1)
    return text[:start] + chance.choice(BYTES) + text[start + chance.choice([0, 1, 9]) :]


def lines(text: bytes, chance: random.Random) -> bytes:
    """A line in another place, twice, or gone."""
    each = text.splitlines(keepends=True)
    if each:
        line = each.pop(chance.randrange(len(each)))
        for _ in range(chance.choice([0, 1, 2])):
            each.insert(chance.randrange(len(each) + 1), line)
    return b"".join(each)


def value(text: bytes, chance: random.Random) -> bytes:
    """JSON with one value that is another, or missing."""
    each = text.splitlines() if b"\n{" in text and text[:2] != b"{\n" else [text]
    place = chance.randrange(len(each))
    try:
        tree = json.loads(each[place])
    except ValueError:
        return text
    inside = list(containers(tree))
    if inside:
        holder = chance.choice(inside)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = chance.choice(WORDS)
    each[place] = json.dumps(tree).encode()
    return b"\n".join(each) + b"\n"


def containers(tree: Any) -> Iterator[Any]:
    """Every object and list that holds something."""
    if isinstance(tree, dict | list) and tree:
        yield tree
        for entry in tree.values() if isinstance(tree, dict) else tree:
            yield from containers(entry)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"no end within {LONGEST} s")


if __name__ == "__main__":
    sys.exit(main())

"""Kill a search at random moments of its life, resume it, and compare it with one left alone.

    python tests/faults/kills.py --moments 100

Searches, taken in turn: one with halving and confirmation, one that refines it, and ones of a
function whose leaders are lost above a rung, so that others are called back: with two jobs, with
one, with constraints, with a bound, with two objectives, with each limit that ends a search, and
with people who add settings, stop trials and write notes while it runs. Each life begins a new
run, which is killed at a moment drawn evenly from the time that the uninterrupted run took: the
parent, one worker, or all processes, by SIGKILL. Every third resume is killed as well, before the
next one goes on. What people did to a life is done again to a run that nobody disturbs. Ends with
status 1 if any life differs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.config import load
from hpsearch.errors import HpsearchError
from hpsearch.searching import session as search_session
from hpsearch.searching.trainer import inspected
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request, Requests

CONFIG = """\
name: tiny
data: {source: digits}
trainer: {kind: network, epochs: 9}
space:
  learning_rate: {scale: log, min: 1e-3, max: 10}
  hidden_units: {type: int, min: 4, max: 12}
  optimizer: {values: [sgd, adam]}
search: {trials: 18, halving: true, confirm: {top: 2, seeds: 2}}
parallel: {jobs: 2}
"""
OWN = """\
name: own
trainer: {kind: function, function: lossy.py:train, epochs: 9}
metric: {name: score, goal: maximize}
space: {x: {min: 0, max: 1}}
search: {trials: 27, rounds: 2, halving: {min_epochs: 1}, confirm: {top: 2, seeds: 1}}
"""
LOSSY_FUNCTION = """\
import math, time
from pathlib import Path

def train(params, epochs, checkpoint_dir, trial_dir):
    x, kept = params["x"], Path(checkpoint_dir, "epoch")
    first = int(kept.read_text()) if kept.exists() else 0
    training, run = Path(checkpoint_dir).parent, Path(checkpoint_dir).parents[2]
    tried = run.parents[1] / f"tried-{run.name}-{training.name}"
    for epoch in range(first + 1, epochs + 1):
        with Path(trial_dir, "log").open("a") as log:
            log.write(f"{epoch}\\n")
        time.sleep(0.02)  # there is a moment to be killed in
        if 0.4 < x <= 0.5 and params.get("shaky") and not tried.exists():
            tried.touch()
            raise ValueError("not at first")
        if 0.6 < x <= 0.8 and epoch == 5:
            raise ValueError("no more")
        kept.write_text(str(epoch))
        score = math.nan if x > 0.8 and epoch == 2 else x + epoch / 100
        yield {"epoch": epoch, "score": score, "size": (x - 0.5) ** 2}
"""
TWO = "space={x: {min: 0, max: 1}, y: {min: 0, max: 1}, z: {derive: 'x + y'}}"
RETRIED = "space={x: {min: 0, max: 1}, shaky: {value: true}}"
OWN_SEARCHES = {
    "lossy": (),
    "alone": ("parallel.jobs=1",),
    "constrained": (TWO, "where=['x < y or y > 0.7', 'z < 1.3']"),
    "bound": ("metric=[{name: score, goal: maximize}, {name: size, at_most: 0.02}]",),
    "front": (
        "metric=[{name: score, goal: maximize}, {name: size, goal: minimize}]",
        "search.halving={min_epochs: 1}",
    ),
    "target": ("metric.target=0.6",),
    "max_failures": ("search.max_failures=4",),
    "patience": ("search.patience=1", "search.rounds=6"),
    "max_epochs": ("search.max_epochs=80", "search.trials=null"),
    "retries": (RETRIED, "search.retries=1"),
    "by-hand": (),
}
ENDED_BY = ("target", "max_failures", "patience")  # the limits among them that end a search
SEARCHES = ("whole", "refined", *OWN_SEARCHES)  # the names of the uninterrupted runs
FACTS = "interventions.jsonl"
VICTIMS = ("parent", "worker", "all")
BY_CHANCE = ("started", "seconds")  # what speed decides in a line of trials.jsonl
LONGEST = 300  # seconds after which a life counts as hanging


@dataclass
class Life:
    """What became of one search that was killed."""

    moment: str
    kills: int = 0
    faults: list[str] = field(default_factory=list)
    lost: int = 0  # trials whose fate was on disk, and is not at the end
    repeated: int = 0  # finished pieces of training that were trained again
    acts: int = 0  # what people did, as far as it is on disk


def main() -> int:
    """Kill as often as asked, print one line for each fault and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=100, help="how many lives")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=SEARCHES)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        spans = uninterrupted(Path(folder), given.searches)
        lives = []
        for number in range(given.moments):
            search = given.searches[number % len(given.searches)]
            life = live(Path(folder), f"life-{number}", search, spans[search], chance)
            lives.append(life)
            for fault in life.faults:
                print(f"life {number}, {life.moment}: {fault}", flush=True)
    whole = sum(not life.faults for life in lives)
    print(
        f"{whole} of {len(lives)} identical, {sum(life.kills for life in lives)} kills, "
        f"{sum(life.lost for life in lives)} trials lost, "
        f"{sum(life.repeated for life in lives)} finished pieces trained twice, "
        f"{sum(life.acts for life in lives)} acts of people"
    )
    return 0 if whole == len(lives) and all(life.kills for life in lives) else 1


def uninterrupted(folder: Path, searches: Sequence[str]) -> dict[str, float]:
    """Do each search undisturbed; how many seconds it took."""
    write_configurations(folder)
    spans = {}
    runs = folder / "runs"
    for search in dict.fromkeys(searches):
        start = time.monotonic()
        process = begin(folder, search, search)
        if process.wait(LONGEST):
            raise SystemExit(f"the uninterrupted search failed: {said(folder, search)}")
        spans[search] = time.monotonic() - start
        if (ending(runs / search) is not None) != (search in ENDED_BY):
            raise SystemExit(f"{search} was ended by {ending(runs / search)}")
    if {"lossy", "alone"} <= spans.keys() and fates(runs / "lossy") != fates(runs / "alone"):
        raise SystemExit("two jobs found other trials than one")
    return spans


def write_configurations(folder: Path) -> None:
    """Write tiny.yaml, of networks, and own.yaml, of a function that loses its leaders."""
    for name, text in (("tiny.yaml", CONFIG), ("own.yaml", OWN), ("lossy.py", LOSSY_FUNCTION)):
        (folder / name).write_text(text)


def begin(folder: Path, search: str, name: str) -> subprocess.Popen[bytes]:
    """Start one of the searches under a name."""
    if search == "whole":
        return hpsearch(folder, name, "run", str(folder / "tiny.yaml"), "--name", name)
    if search == "refined":
        return hpsearch(folder, name, "refine", "whole", "--trials", "9", "--name", name)
    words = [
        word for each in ("parallel.jobs=2", *OWN_SEARCHES[search]) for word in ("--set", each)
    ]
    return hpsearch(folder, name, "run", str(folder / "own.yaml"), *words, "--name", name)


def hpsearch(
    folder: Path, name: str, *args: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command; what it says goes to a file.

    Args:
        folder: where the file is, and the folder of runs.
        name: of the file.
        args: the command's words.
        environment: instead of this process's.
    """
    with (folder / f"{name}.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "hpsearch", *args, "--runs-dir", str(folder / "runs")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )


def said(folder: Path, name: str) -> str:
    """The end of what the commands of a life printed."""
    return (folder / f"{name}.txt").read_text()[-300:]


def live(folder: Path, name: str, search: str, span: float, chance: random.Random) -> Life:
    """One search from its beginning over its deaths to its end."""
    run = folder / "runs" / name
    life = Life("")
    with pestering(run, chance.random()) if search == "by-hand" else nullcontext():
        deaths = survived(life, folder, run, search, span, chance)
    if finished(run):
        other = done_again(folder, run) if search == "by-hand" else folder / "runs" / search
        judge(life, run, other, deaths)
    shutil.rmtree(run, ignore_errors=True)
    return life


def survived(
    life: Life, folder: Path, run: Path, search: str, span: float, chance: random.Random
) -> list[dict[str, bytes]]:
    """Begin a run, kill and resume it until it ends; what was on disk at each death.

    Args:
        life: notes the kills, and what went wrong.
        folder: of all searches.
        run: the folder of this one.
        search: which one it is.
        span: how long it takes, in seconds.
        chance: of the moments and the victims.
    """
    name = run.name
    while not life.kills:  # a machine that is faster now may be done before its moment
        shutil.rmtree(run, ignore_errors=True)
        victim, moment = chance.choice(VICTIMS), chance.uniform(0, span)
        life.moment = f"{search}, {victim} at {moment:.2f} s of {span:.2f}"
        process = begin(folder, search, name)
        life.kills += kill(process, victim, moment)
        span *= 0.9
    deaths = [held(run)]
    again = chance.random() < 1 / 3
    while not finished(run):
        if len(deaths) > 10:
            life.faults.append(f"does not come to an end: {said(folder, name)}")
            break
        process = (
            hpsearch(folder, name, "resume", name)
            if (run / "run.json").exists()
            else begin(folder, search, name)
        )
        if again:
            life.kills += kill(process, "all", chance.uniform(0, span))
            again = False
        elif process.wait(LONGEST):
            life.faults.append(f"status {process.returncode}: {said(folder, name)}")
            break
        deaths.append(held(run))
    return deaths


@contextmanager
def pestering(run: Path, seed: float) -> Iterator[None]:
    """Let somebody add settings, stop trials and write notes, whenever there is such a run."""
    over, chance = threading.Event(), random.Random(seed)

    def ask() -> None:
        while not over.wait(chance.uniform(0.1, 1)):
            what = chance.choice(
                [
                    Request("add", {"x": round(chance.uniform(0, 1), 3)}),
                    Request("stop", trial=chance.randrange(27)),
                    Request("note", note="as expected", tags=["odd"]),
                ]
            )
            with suppress(OSError, HpsearchError):
                if (run / "run.json").exists() and not finished(run):
                    Requests(RunDirectory(run).inside).ask(what)

    asks = threading.Thread(target=ask)
    asks.start()
    try:
        yield
    finally:
        over.set()
        asks.join()


def done_again(folder: Path, run: Path) -> Path:
    """A run to which the same was done from its beginning, and which nobody disturbed."""
    config = inspected(load(folder / "own.yaml"))
    other = search_session.begin(config, None, folder / "runs", f"{run.name}-again")
    if (run / FACTS).exists():
        shutil.copy(run / FACTS, other.path)
    if hpsearch(folder, other.name, "resume", other.name, "-j", "1").wait(LONGEST):
        raise SystemExit(f"the search that is done again failed: {said(folder, other.name)}")
    return other.path


def kill(process: subprocess.Popen[bytes], victim: str, moment: float) -> bool:
    """Kill at a moment, if it comes before the end; after a worker's death wait for the end."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
        return False
    found = workers(process.pid)
    if victim == "worker":
        for pid in found[:1]:
            os.kill(pid, signal.SIGKILL)
        process.wait(LONGEST)
        return bool(found)
    process.kill()
    for pid in found if victim == "all" else ():
        with suppress(ProcessLookupError):  # it went with its parent
            os.kill(pid, signal.SIGKILL)
    process.wait()
    return True


def workers(parent: int) -> list[int]:
    """The children of a process."""
    try:
        return list(map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()))
    except FileNotFoundError:
        return []


def held(run: Path) -> dict[str, bytes]:
    """The whole lines on disk at a death."""
    files = ("curves.jsonl", "trials.jsonl")
    found = {file: (run / file).read_bytes() if (run / file).exists() else b"" for file in files}
    return {file: text[: text.rfind(b"\n") + 1] for file, text in found.items()}


def finished(run: Path) -> bool:
    """Whether a run came to its end."""
    path = run / "run.json"
    return path.exists() and json.loads(path.read_text())["status"] == "finished"


def judge(life: Life, run: Path, other: Path, deaths: list[dict[str, bytes]]) -> None:
    """Note everything in which a life differs from the uninterrupted run."""
    end, ended = held(run), ending(run)
    last = math.inf if ended is None else ended["last"]  # trials beyond it are dropped
    kept = set(end["trials.jsonl"].splitlines())
    for death in deaths:
        gone = map(json.loads, set(death["trials.jsonl"].splitlines()) - kept)
        life.lost += sum(line["number"] <= last and not went_on(line, fates(run)) for line in gone)
        if not end["curves.jsonl"].startswith(death["curves.jsonl"]):
            life.faults.append("a piece of training that was on disk is gone or changed")
    pieces = [json.loads(line) for line in end["curves.jsonl"].splitlines()]
    seen = Counter((p["number"], p["repeat"], p["fold"], p["rung"]) for p in pieces)
    life.repeated = sum(seen.values()) - len(seen)
    for name, wrong in (("trials lost", life.lost), ("pieces twice", life.repeated)):
        if wrong:
            life.faults.append(f"{wrong} {name}")
    for what, read in (
        ("trials", fates), ("curves", curves), ("best/", best), ("trials/", folders),
        ("ending", ending),
    ):  # fmt: skip
        if read(run) != read(other):
            life.faults.append(f"other {what} than the uninterrupted run")
    life.acts = len((run / FACTS).read_text().splitlines()) if (run / FACTS).exists() else 0
    if any((run / "state").iterdir()) or any((run / n).exists() for n in (".data", ".running")):
        life.faults.append("states, data or reports were left behind")


def went_on(fate: dict[str, Any], end: list[dict[str, Any]]) -> bool:
    """Whether a trial that had stopped was called back, and so has another fate at the end.

    One that is called back trains for longer, or fails in the piece that would have been longer.
    """
    later = [line for line in end if line["number"] == fate["number"]]
    return fate["status"] == "stopped" and any(
        line["epochs"] > fate["epochs"] or line["status"] == "failed" for line in later
    )


def fates(run: Path) -> list[dict[str, Any]]:
    """The trials by number, without what speed decides."""
    lines = map(json.loads, (run / "trials.jsonl").read_text().splitlines())
    kept = [{k: v for k, v in line.items() if k not in BY_CHANCE} for line in lines]
    return sorted(kept, key=lambda line: line["number"])


def curves(run: Path) -> list[str]:
    """The pieces of training of the trials, in any order."""
    numbers = {line["number"] for line in fates(run)}
    lines = (run / "curves.jsonl").read_text().splitlines()
    return sorted(line for line in lines if json.loads(line)["number"] in numbers)


def folders(run: Path) -> dict[str, str]:
    """What the folders of trials' own hold."""
    files = (path for path in (run / "trials").rglob("*") if path.is_file())
    return {str(path.relative_to(run)): path.read_text() for path in files}


def ending(run: Path) -> dict[str, Any] | None:
    """The limit that ended a search, and its last trial; None where none did."""
    found: dict[str, Any] | None = json.loads((run / "run.json").read_text()).get("ending")
    return found


def best(run: Path) -> dict[str, object]:
    """What best/ holds: texts, a checkpoint's among them, and a network's arrays as bytes."""
    found: dict[str, object] = {
        str(path.relative_to(run)): path.read_text()
        for path in (run / "best").rglob("*")
        if path.suffix != ".npz" and path.is_file()
    }
    if not (run / "best" / "model.npz").exists():
        return found
    with np.load(run / "best" / "model.npz") as model:
        return found | {name: model[name].tobytes() for name in model.files}


if __name__ == "__main__":
    sys.exit(main())

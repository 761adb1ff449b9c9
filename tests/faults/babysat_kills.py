"""Kill a babysat model at random moments, steer it in between, and compare it with its diary.

    python tests/faults/babysat_kills.py --moments 40

Each life begins a model in a process of its own and steers it from this one: changes, undos,
branches, pauses, with notes of their own. At a moment drawn evenly the process is killed by
SIGKILL, alone or with its worker, and resumed; every third life dies three times, once perhaps
while nothing is trained yet. In the end the diary is lived through again, undisturbed and in one
process, and by `--replay`. Ends with status 1 if a bit, an answer or a line differs.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kills import LONGEST, held, hpsearch, kill, said

from hpsearch.config import load
from hpsearch.errors import HpsearchError
from hpsearch.searching.babysit.replay import replay
from hpsearch.searching.babysit.start import at_work, begin, go_on, prepare
from hpsearch.searching.babysit.steering import steer
from hpsearch.searching.babysit.story import read
from hpsearch.store import RunDirectory
from hpsearch.store.requests import Request

CONFIG = """\
name: tiny
data: {source: digits}
trainer: {kind: network, epochs: 60, hidden_units: 48, batch_size: 32}
space:
  learning_rate: {scale: log, min: 1e-4, max: 1e-2}
  optimizer: {values: [momentum, adam]}
babysit: {keep: 3}
"""
SECONDS = 4.0  # in which a life is killed, from its beginning
BY_CHANCE = ("started", "seconds")


@dataclass
class Life:
    """What became of one model."""

    kills: int = 0
    done: list[str] = field(default_factory=list)  # notes of what was answered as done
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # its process died before it answered
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Kill as often as asked, print one line for each fault and a summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moments", type=int, default=40, help="how many kills, at least")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and what is asked")
    given = parser.parse_args()
    chance, lives = random.Random(given.seed), []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tiny.yaml").write_text(CONFIG)
        while sum(life.kills for life in lives) < given.moments:
            life = live(
                Path(folder), f"life-{len(lives)}", chance, 3 if len(lives) % 3 == 2 else 1
            )
            lives.append(life)
            for fault in life.faults:
                print(f"life {len(lives) - 1}: {fault}", flush=True)
    whole = sum(not life.faults for life in lives)
    asked = sum(len(each) for life in lives for each in (life.done, life.refused, life.unknown))
    print(
        f"{whole} of {len(lives)} identical, {sum(life.kills for life in lives)} kills, "
        f"{asked} steers, {sum(len(life.unknown) for life in lives)} without an answer"
    )
    return 0 if whole == len(lives) else 1


def live(folder: Path, name: str, chance: random.Random, deaths: int) -> Life:
    """One model from its beginning over its deaths to its end."""
    life, run = Life(), folder / "runs" / name
    for death in range(deaths + 1):
        process = (
            hpsearch(folder, name, "resume", name)
            if (run / "run.json").exists()
            else hpsearch(folder, name, "babysit", str(folder / "tiny.yaml"), "--name", name)
        )
        last = death == deaths
        until = time.monotonic() + (chance.uniform(0, SECONDS) if not last else SECONDS)
        while time.monotonic() < until and process.poll() is None:
            ask(life, run, chance)
            time.sleep(chance.uniform(0, 0.3))
        if not last:
            life.kills += kill(process, chance.choice(["parent", "all"]), 0)
            for file, text in held(run).items() if run.exists() else ():
                check_lines(life, file, text)
            continue
        while process.poll() is None or RunDirectory(run).info.status != "finished":
            if process.poll() is not None:  # it was changed once more when it had ended
                process = hpsearch(folder, name, "resume", name)
            with suppress(HpsearchError):  # it may be paused
                steer(RunDirectory(run), Request("continue"), 60)
            if wait(process):
                life.faults.append(f"status {process.returncode}: {said(folder, name)}")
                return life
    judge(life, RunDirectory(run))
    return life


def wait(process: subprocess.Popen[bytes]) -> int:
    """How a process ends, if need be by force."""
    try:
        return process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def ask(life: Life, run: Path, chance: random.Random) -> None:
    """Steer the model, whether it is in training or not, and note what came of it."""
    if not (run / "run.json").exists():
        return
    note = f"note {chance.random()}"
    epoch = chance.randint(0, 60)
    request = chance.choice(
        [
            Request("set", {"learning_rate": chance.uniform(1e-4, 1e-2)}, note),
            Request("set", {"l2": chance.uniform(0, 0.1), "momentum": 0.8}, note),
            Request("set", {"optimizer": chance.choice(["momentum", "adam"])}, note),
            Request("undo", note=note),
            Request("branch", epoch=epoch, note=note),
            Request("branch", {"dropout": chance.uniform(0, 0.3)}, note, epoch),
            Request("pause", note=note),
            Request("continue", note=note),
            Request("continue", note=note),
        ]
    )
    try:
        steer(RunDirectory(run), request, timeout=chance.choice([0.05, 5]))
        life.done.append(note)
    except HpsearchError as error:
        unknown = "ended before it answered" in str(error)
        (life.unknown if unknown else life.refused).append(note)


def check_lines(life: Life, file: str, text: bytes) -> None:
    """Note a line that is no JSON, or that repeats another."""
    lines = [json.loads(line) for line in text.splitlines()]
    if file == "trials.jsonl":
        seen = Counter(line["number"] for line in lines)
    else:
        seen = Counter((line["number"], e) for line in lines for e in line["curve"]["epoch"])
    life.faults += [f"{file}: {key} stands {n} times" for key, n in seen.items() if n > 1]


def judge(life: Life, run: RunDirectory) -> None:
    """Compare a run with what its diary gives, and its diary with what was answered."""
    for file, text in held(run.path).items():
        check_lines(life, file, text)
    notes = [done.note for done in run.diary if done.note is not None]
    life.faults += [f"{note} was done and is not in the diary" for note in life.done
                    if note not in notes]  # fmt: skip
    life.faults += [f"{note} was refused and is in the diary" for note in life.refused
                    if note in notes]  # fmt: skip
    life.faults += [f"{note} was done {n} times" for note, n in Counter(notes).items() if n > 1]
    replayed = replay(run)
    if not replayed.same:
        life.faults.append(replayed.text)
    other = again(run)
    for what, read_ in (("curves", curves), ("trials", fates), ("best", best)):
        if read_(run) != read_(other):
            life.faults.append(f"other {what} than undisturbed")


def again(run: RunDirectory) -> RunDirectory:
    """Live through a diary undisturbed, in this process."""
    story = read(run)
    config = load(run.path.parents[1] / "tiny.yaml", ["parallel.backend=serial"])
    other = begin(prepare(config, {}), run.path.parent, f"{run.name}-again")
    with at_work(other, lambda event: None, lambda text: None) as session:
        for done in story.diary:
            goes_back = done.action in ("undo", "branch", "rescue")
            last = story.last_epoch(session.record.number) if goes_back else done.epoch
            session.train(last - session.record.epoch)
            values = {name: after for name, (_, after) in done.set.items()}
            if done.action in ("undo", "pause", "continue"):
                values = {}
            session.act(Request(done.action, values, done.note, done.epoch, done.trial))
        go_on(session)
        session.train(1000)
    return other


def curves(run: RunDirectory) -> dict[int, Any]:
    """The epochs of each branch."""
    return dict(read(run).own)


def fates(run: RunDirectory) -> list[dict[str, Any]]:
    """The trials by number, without what speed decides."""
    lines = map(json.loads, (run.path / "trials.jsonl").read_text().splitlines())
    kept = [{k: v for k, v in line.items() if k not in BY_CHANCE} for line in lines]
    return sorted(kept, key=lambda line: line["number"])


def best(run: RunDirectory) -> Any:
    """What best/ says of the best epoch."""
    return run.winner(run.info), (run.path / "best" / "params.yaml").read_text()


if __name__ == "__main__":
    sys.exit(main())

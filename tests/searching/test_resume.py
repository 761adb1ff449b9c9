"""Whatever moment a crash picks: what is left to do is done as if nothing had happened."""

import os
import random
import shutil
from contextlib import suppress

import pytest

from hpsearch.store import files, writer

NEW_FILE = os.O_WRONLY | os.O_CREAT


class Crash(BaseException):
    """The end of the process, as far as the search can tell."""


class Fuse:
    """Lets so many writes through; the next one is torn, and raises."""

    def __init__(self, monkeypatch, writes):
        self.left = writes
        append, check, write_in = files.Lines.append, files.Lines.check, writer.write_in

        def torn_append(lines, line):
            if self.blown():
                with lines._path.path.open("ab") as file:
                    file.write(b'{"number": 1')
                raise Crash
            append(lines, line)

        def torn_write(folder, name, write, **how):
            if self.blown():
                with os.fdopen(os.open(f".{name}.0.new", NEW_FILE, dir_fd=folder), "wb") as file:
                    file.write(b"half")
                raise Crash
            write_in(folder, name, write, **how)

        def no_check(lines):  # a process that has ended mends nothing
            if self.left >= 0:
                check(lines)

        monkeypatch.setattr(files.Lines, "append", torn_append)
        monkeypatch.setattr(files.Lines, "check", no_check)
        monkeypatch.setattr(writer, "write_in", torn_write)

    def blown(self):
        self.left -= 1
        return self.left < 0


PLANS = {
    "one rung": [((4, 4),), ((3, 4),)],
    "three rungs": [((5, 1), (2, 2), (1, 4)), ((3, 1), (1, 4)), ((2, 1), (1, 2))],
}
START = (
    {"x": 0.95, "kind": "good"},  # diverges
    {"x": 0.05, "kind": "good"},  # runs out of patience
)


@pytest.fixture(params=PLANS)
def plan(request, rounds, spec):
    return spec(rounds=rounds(*PLANS[request.param]), start=START)


@pytest.fixture
def whole(plan, new_run, go, fates):
    """What an uninterrupted search gives."""
    run = new_run()
    go(run, plan)
    return fates(run)


def test_after_a_crash_at_any_write_the_trials_are_the_same(
    plan, whole, new_run, go, fates, monkeypatch
):
    for writes in range(1000):
        run = new_run()
        with monkeypatch.context() as patched:
            fuse = Fuse(patched, writes)
            try:
                go(run, plan)
            except Crash:
                pass
            else:
                assert fuse.left >= 0
                break
        go(run, plan)
        assert fates(run) == whole, f"after {writes} writes"
        shutil.rmtree(run.path)
    assert writes >= 3 * len(whole)


@pytest.mark.slow
def test_after_crashes_in_two_resumes_the_pieces_are_recorded_once(
    plan, whole, new_run, go, fates, monkeypatch
):
    assert whole
    for writes in range(4 * len(whole)):
        run = new_run()
        for again in (writes, 1, None):  # the second dies at its second write
            with monkeypatch.context() as patched, suppress(Crash):
                if again is not None:
                    Fuse(patched, again)
                go(run, plan)
        assert fates(run) == whole, f"after {writes} writes"
        recorded = [(piece.training, piece.rung) for piece in run.pieces]
        assert len(recorded) == len(set(recorded)), f"after {writes} writes"
        shutil.rmtree(run.path)


def test_after_an_interrupt_at_any_answer_the_trials_are_the_same(
    plan, whole, new_run, go, fates, anyhow
):
    for answers in range(1, 12):
        run = new_run()
        for attempt in range(40):
            try:
                go(run, plan, anyhow(seed=attempt, answers=answers))
                break
            except KeyboardInterrupt:
                continue
        assert fates(run) == whole


def test_after_a_power_cut_that_lost_the_ends_of_files_the_trials_are_the_same(
    plan, whole, new_run, go, fates
):
    full = new_run()
    go(full, plan)
    chance = random.Random(0)
    for _ in range(15):
        run = new_run()
        for name in ("curves.jsonl", "trials.jsonl", "timeline.jsonl"):
            data = (full.path / name).read_bytes()
            (run.path / name).write_bytes(data[: chance.randint(0, len(data))])
        go(run, plan)
        assert fates(run) == whole
        shutil.rmtree(run.path)


def test_states_that_are_damaged_or_gone_only_cost_time(plan, whole, new_run, go, fates, anyhow):
    for answers in range(2, 9, 2):
        for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"PK\3\4")):
            run = new_run()
            with pytest.raises(KeyboardInterrupt):
                go(run, plan, anyhow(jobs=1, answers=1 + answers % 4))
            for path in (run.path / "state").glob("*.npz"):
                damage(path)
            go(run, plan)
            assert fates(run) == whole


def test_what_is_done_is_not_trained_again(plan, new_run, go, anyhow):
    run = new_run()
    go(run, plan)
    before = (run.path / "curves.jsonl").read_bytes()
    search = go(run, plan, anyhow(answers=0))
    assert (run.path / "curves.jsonl").read_bytes() == before
    assert search.best is not None


def test_a_failure_that_happened_is_a_fact(new_run, spec, go, fates, anyhow):
    """Whatever made a trial fail, a resumed search does not try it again."""
    from hpsearch.space import Choice, Continuous, Parameter, Space

    space = Space((Parameter("x", Continuous(0.2, 0.8)), Parameter("kind", Choice(("a", "bad")))))
    whole, run = new_run(), new_run()
    go(whole, spec(space=space))
    with pytest.raises(KeyboardInterrupt):
        go(run, spec(space=space), anyhow(answers=6))
    failed = {result.number for result in run.results if result.status == "failed"}
    assert failed
    trained = []

    class Watched(type(anyhow())):
        def submit(self, task):
            trained.extend(job.number for job in task.args[0])
            super().submit(task)

    go(run, spec(space=space), Watched())
    assert not failed & set(trained)
    assert fates(run) == fates(whole)

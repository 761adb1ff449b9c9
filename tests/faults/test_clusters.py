"""The same trials on a Dask cluster of real processes as in one, whatever happens to it.

The program beside this lets things happen at random; `python tests/faults/cluster_histories.py`
lives forty such histories.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

if not Path("/proc/self/stat").exists():
    pytest.skip("finds the workers of nannies in /proc", allow_module_level=True)
if not os.environ.get("CI"):
    pytest.importorskip("distributed")

from clusters import Cluster, can_hide
from kills import CONFIG, LONGEST, best, curves, fates, said
from kills import hpsearch as start

PROGRAM = Path(__file__).with_name("cluster_histories.py")
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package

CONFIGS = {
    "digits": CONFIG,
    "fashion": """\
name: fashion
data: {source: pictures.npz, validation: 0.2}
trainer: {kind: network, epochs: 2}
space: {learning_rate: {scale: log, min: 1e-3, max: 1}, hidden_units: {values: [4, 8]}}
search: {trials: 8, confirm: {top: 1, seeds: 2}}
""",
    "function": """\
name: function
trainer: {kind: function, function: diary.py:train, epochs: 9}
metric: {name: score, goal: maximize}
space: {x: {min: 0, max: 1}, kind: {values: [plain, bold]}}
search: {trials: 18, rounds: 2, halving: {min_epochs: 1}, confirm: {top: 2, seeds: 1}}
""",
    "command": """\
name: command
trainer: {kind: command, command: 'sh descent.sh --rate {rate} --momentum 0.9', epochs: 9}
metric: {name: height, goal: minimize}
space: {rate: {scale: log, min: 1e-4, max: 1}}
search: {trials: 8}
""",
}
FUNCTION = """\
import os, time
from pathlib import Path

def train(params, epochs, checkpoint_dir):
    kept = Path(checkpoint_dir, "epoch")
    first = int(kept.read_text()) if kept.exists() else 0
    for epoch in range(first + 1, epochs + 1):
        if Path({pace!r}).exists():  # there shall be a moment for something to happen in
            with open({diary!r}, "a") as diary:  # by whom it is trained
                diary.write(f"{{os.getppid()}}\\n")
            until = time.monotonic() + 1
            while Path({pace!r}).exists() and time.monotonic() < until:
                time.sleep(0.01)
        if params["x"] > 0.9 and epoch == 5:
            raise ValueError("no more")
        kept.write_text(str(epoch))
        yield {{"score": params["x"] + epoch / 100}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with every configuration and what it needs."""
    folder = tmp_path_factory.mktemp("searches") / "here"
    folder.mkdir()
    for name, config in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(config)
    text = FUNCTION.format(diary=str(folder / "diary.txt"), pace=str(folder / "slowly"))
    (folder / "diary.py").write_text(text)
    shutil.copy(Path(__file__).parents[2] / "configs" / "scripts" / "descent.sh", folder)
    pictures(folder / "pictures.npz")
    return folder


def pictures(path):
    """The first rows of Fashion-MNIST, or as many made-up pictures where there is none."""
    arrays = {}
    for part, prefix, rows in (("train", "train", 400), ("test", "t10k", 100)):
        x = np.random.default_rng(rows).integers(0, 256, (rows, 784), dtype=np.uint8)
        y = np.arange(rows, dtype=np.uint8) % 10
        if FASHION.is_dir():
            x = idx(FASHION / f"{prefix}-images-idx3-ubyte.gz", 16, x.shape)
            y = idx(FASHION / f"{prefix}-labels-idx1-ubyte.gz", 8, y.shape)
        arrays |= {f"x_{part}": x, f"y_{part}": y}
    np.savez(path, **arrays)


def idx(path, head, shape):
    """The first rows of a file of bytes."""
    with gzip.open(path) as file:
        file.read(head)
        return np.frombuffer(file.read(int(np.prod(shape))), np.uint8).reshape(shape)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster for tests that leave it whole."""
    with Cluster(tmp_path_factory.mktemp("shared")) as cluster:
        yield cluster


@pytest.fixture
def cluster(tmp_path):
    """A cluster of its own for a test that ends parts of it."""
    with Cluster(tmp_path / "cluster") as cluster:
        yield cluster


def run(folder, name, config, *words, environment=None):
    """Do a search to its end."""
    words = ("run", str(folder / f"{config}.yaml"), "--name", name, *words)
    assert start(folder, name, *words, environment=environment).wait(LONGEST) == 0, said(
        folder, name
    )


def check_same(folder, name, config):
    """A run's trials, curves and best are those of one process."""
    here, there = folder / "runs" / name, folder / "runs" / config
    if not there.exists():
        run(folder, config, config, "--backend", "local", "--jobs", "1")
    assert fates(here) == fates(there)
    assert curves(here) == curves(there)
    assert best(here) == best(there)
    assert not any((here / "state").iterdir())
    assert not (here / ".data").exists()
    spans = [json.loads(line) for line in (here / "timeline.jsonl").read_text().splitlines()]
    pieces = [
        tuple(span[key] for key in ("number", "repeat", "fold", "rung"))
        for span in spans
        if not span.get("lost")
    ]
    assert len(pieces) == len(set(pieces))  # nothing that was finished was trained twice
    return spans


@pytest.mark.parametrize(
    "workers", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 5))]
)
@pytest.mark.parametrize(
    "config",
    ["digits", *(pytest.param(c, marks=pytest.mark.slow) for c in CONFIGS if c != "digits")],
)
def test_a_search_on_a_cluster_finds_the_trials_of_one_process(folder, shared, config, workers):
    shared.resize(workers)
    name = f"{config}-{workers}"
    run(folder, name, config, "--scheduler", shared.address, environment=shared.environment)
    spans = check_same(folder, name, config)
    names = {span["worker"].rpartition("/")[2] for span in spans}
    assert names <= {worker.log.stem for worker in shared.workers if worker.alive}


@pytest.mark.slow
def test_the_folder_of_runs_may_be_named_from_where_the_search_begins(folder, shared, tmp_path):
    shared.resize(1)
    words = ("run", str(folder / "digits.yaml"), "--scheduler", shared.address, "--name", "there")
    done = subprocess.run(
        [sys.executable, "-m", "hpsearch", *words],
        cwd=tmp_path,
        env=shared.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert {trial["status"] for trial in fates(tmp_path / "runs" / "there")} != {"failed"}


@pytest.mark.slow
@pytest.mark.skipif(not can_hide(), reason="needs mounts of its own")
@pytest.mark.parametrize("config", ["digits", "fashion", "function"])
def test_workers_that_do_not_see_the_folder_get_what_they_need(folder, cluster, config):
    cluster.add(2, threads=2, hidden=folder.parent)
    name = f"{config}-hidden"
    run(folder, name, config, "--scheduler", cluster.address, environment=cluster.environment)
    check_same(folder, name, config)


@pytest.mark.slow
@pytest.mark.skipif(not can_hide(), reason="needs mounts of its own")
def test_a_worker_without_the_folder_of_a_command_says_so(folder, cluster):
    cluster.add(hidden=folder.parent)
    words = ("run", str(folder / "command.yaml"), "--name", "nowhere")
    there = ("--scheduler", cluster.address)
    process = start(folder, "nowhere", *words, *there, environment=cluster.environment)
    assert process.wait(LONGEST) == 1
    assert "trainer.folder" in said(folder, "nowhere")


class Disturbed:
    """The search of a function on a cluster, to which something is to happen while it trains."""

    def __init__(self, folder, cluster, name):
        self.folder, self.cluster, self.name = folder, cluster, name
        (folder / "diary.txt").write_text("")
        (folder / "slowly").touch()
        config = str(folder / "function.yaml")
        self.search = self.start("run", config, "--name", name, "--scheduler", cluster.address)

    def start(self, *words):
        return start(self.folder, self.name, *words, environment=self.cluster.environment)

    def trains(self, worker):
        """Wait until a worker trains."""
        until = time.monotonic() + LONGEST
        while str(worker.pid) not in (self.folder / "diary.txt").read_text().split():
            assert self.search.poll() is None, said(self.folder, self.name)
            assert time.monotonic() < until, "the worker does not train"
            time.sleep(0.01)

    def ends(self, status=0):
        """Wait for the end, which may come soon now; what was said last."""
        (self.folder / "slowly").unlink(missing_ok=True)
        assert self.search.wait(LONGEST) == status, said(self.folder, self.name)
        return said(self.folder, self.name)

    def check(self, lost):
        """It found the same, and a piece of training went with a worker, or none did."""
        spans = check_same(self.folder, self.name, "function")
        assert any(span.get("lost") for span in spans) == lost


@pytest.fixture
def disturbed(folder, cluster, request):
    """A search of a function that has begun on two workers, and what is left of it at the end."""
    cluster.add(2)
    disturbed = Disturbed(folder, cluster, request.node.name)
    for worker in cluster.workers:
        disturbed.trains(worker)
    yield disturbed
    disturbed.search.kill()
    disturbed.search.wait()


@pytest.mark.slow
def test_the_cluster_knows_what_trains_by_the_numbers_of_trials(disturbed):
    from distributed import Client

    with Client(disturbed.cluster.address, set_as_default=False) as client:
        training = [key for keys in client.processing().values() for key in keys]
    assert training
    numbers = [re.match(r"trial-(\d+)-", key) for key in training]  # as its pages show them
    assert all(number and int(number[1]) < 18 for number in numbers), training


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_what_it_was_training(disturbed):
    disturbed.cluster.workers[0].kill()
    disturbed.ends()
    disturbed.check(lost=True)


@pytest.mark.slow
def test_a_worker_that_its_nanny_starts_again_trains_again(disturbed):
    cluster = disturbed.cluster
    cluster.add(nanny=True)
    last = cluster.workers[-1]
    for worker in cluster.workers[:-1]:
        worker.kill()
    disturbed.trains(last)
    last.kill_alone()
    last.said("Registered to:", times=2)
    disturbed.trains(last)
    disturbed.ends()
    disturbed.check(lost=True)


@pytest.mark.slow
def test_a_worker_that_is_suspended_past_patience_is_lost_and_another_trains(disturbed):
    first = disturbed.cluster.workers[0]
    first.suspend()
    disturbed.ends()
    disturbed.check(lost=True)
    first.go_on()
    first.process.wait(LONGEST)  # it is no longer wanted, and leaves


@pytest.mark.slow
def test_a_worker_that_is_suspended_for_a_moment_goes_on(disturbed):
    first, other = disturbed.cluster.workers
    first.suspend()
    (disturbed.folder / "diary.txt").write_text("")
    disturbed.trains(other)
    first.go_on()
    disturbed.trains(first)
    disturbed.ends()
    disturbed.check(lost=False)


@pytest.mark.slow
def test_a_worker_that_retires_costs_a_piece_at_most(disturbed):
    disturbed.cluster.workers[0].retire()
    disturbed.ends()
    spans = check_same(disturbed.folder, disturbed.name, "function")
    assert sum(span.get("lost", False) for span in spans) <= 1


@pytest.mark.slow
def test_a_worker_that_joins_is_used_at_once(disturbed):
    disturbed.cluster.add()
    disturbed.trains(disturbed.cluster.workers[-1])
    disturbed.ends()
    disturbed.check(lost=False)


@pytest.mark.slow
def test_a_search_waits_for_workers_where_the_last_has_gone(disturbed):
    for worker in disturbed.cluster.workers:
        worker.kill()
    disturbed.cluster.add()
    disturbed.ends()
    disturbed.check(lost=True)


@pytest.mark.slow
def test_without_its_scheduler_a_search_stops_gently_and_goes_on_with_another(disturbed, tmp_path):
    run = disturbed.folder / "runs" / disturbed.name
    disturbed.cluster.scheduler.kill()
    message = disturbed.ends(status=1)
    assert f"hpsearch resume {run}" in message
    assert "Traceback" not in message
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    with Cluster(tmp_path / "another") as another:
        another.add(2)
        disturbed.search = disturbed.start("resume", run.name, "--scheduler", another.address)
        disturbed.ends()
    disturbed.check(lost=False)


@pytest.mark.slow
def test_a_scheduler_that_comes_back_soon_finds_the_search_waiting_for_workers(disturbed):
    disturbed.cluster.restart_scheduler()
    disturbed.cluster.add()
    disturbed.ends()
    disturbed.check(lost=True)


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_on_the_same_workers_and_then_on_this_machine(disturbed):
    name, worker = disturbed.name, disturbed.cluster.workers[-1]
    for words in (("resume", name), ("resume", name, "--backend", "local")):
        disturbed.search.kill()
        disturbed.search.wait()
        (disturbed.folder / "diary.txt").write_text("")
        disturbed.search = disturbed.start(*words)
        if words[-1] == name:
            disturbed.trains(worker)
    disturbed.ends()
    disturbed.check(lost=False)


@pytest.mark.slow
def test_random_histories_end_as_if_nothing_had_happened():
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--histories", "3", "--seed", "1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3 of 3 identical")

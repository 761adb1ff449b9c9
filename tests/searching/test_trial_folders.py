"""The folder of a trial's own: who asks for it, what it holds, and which of them stay."""

import json
import os
from dataclasses import replace

import pytest

from hpsearch.backends.dask import unpack
from hpsearch.backends.node import gathered
from hpsearch.config import from_mapping
from hpsearch.errors import TrainerError
from hpsearch.searching.session import begin, conduct
from hpsearch.searching.trainer import inspected
from hpsearch.store import SafePath
from hpsearch.trainers.checkpoints import Checkpoints
from hpsearch.trainers.command.arguments import from_elsewhere
from hpsearch.trainers.command.trainer import CommandTrainer
from hpsearch.trainers.function.trainer import FunctionTrainer
from hpsearch.trainers.protocol import Job

HERE = "{python} script.py {trial_dir}"
LEAVING = """
import json, os, sys
from pathlib import Path

folder, kept = Path(sys.argv[1]), Path(os.environ["HPSEARCH_CHECKPOINT_DIR"], "epoch")
assert str(folder) == os.environ["HPSEARCH_TRIAL_DIR"]
begun = int(kept.read_text()) if kept.exists() else 0
found = sorted(each.name for each in folder.iterdir())
assert found == [f"epoch-{epoch}" for epoch in range(1, begun + 1)], found
rate = json.loads(os.environ["HPSEARCH_PARAMS"])["rate"]
for epoch in range(begun + 1, int(os.environ["HPSEARCH_EPOCHS"]) + 1):
    (folder / f"epoch-{epoch}").write_text(str(rate))
    if epoch == 5 and os.path.exists("parent"):
        parent = int(Path("parent").read_text())
        os.remove("parent")  # first, for this process does not outlive that one
        os.kill(parent, 9)
    if rate > 0.5 and os.path.exists("failing"):
        sys.exit("no more")
    print(json.dumps({"score": abs(rate - 0.3) + 1 / epoch}), flush=True)
    kept.write_text(str(epoch))
"""


@pytest.fixture
def script(tmp_path):
    """Write a script, and give a configuration that trains it."""

    def write(text=LEAVING, *, command=HERE, epochs=9, trainer=(), jobs=1, **search):
        (tmp_path / "script.py").write_text(text)
        keys = {"command": command, "folder": str(tmp_path), "epochs": epochs, **dict(trainer)}
        return from_mapping(
            {
                "name": "own",
                "trainer": {"kind": "command", **keys},
                "metric": {"name": "score", "goal": "minimize"},
                "space": {"rate": {"min": 0, "max": 1}},
                "search": search,
                "parallel": {"jobs": jobs},
            }
        )

    return write


def done(config, folder, name="run"):
    config = inspected(config)
    run = begin(config, None, folder / "runs", name)
    conduct(run, lambda event: None, config)
    return run


def held(run):
    """The files in the folders of a run's trials, with what they say."""
    files = (path for path in run.trials.path.rglob("*") if path.is_file())
    return {str(path.relative_to(run.trials.path)): path.read_text() for path in files}


def bare(run):
    """Trials without what only the clock decides."""
    return [replace(result, started="", seconds=0) for result in run.results]


def test_the_best_trial_s_folder_stays_and_what_it_left_is_in_it(script, tmp_path):
    run = done(script(trials=9), tmp_path)
    winner = run.winner(run.info)
    assert run.trials.names() == [str(winner.number)]
    expected = {f"{winner.number}/epoch-{n}": str(winner.params["rate"]) for n in range(1, 10)}
    assert held(run) == expected


def test_all_stay_where_that_is_asked_for(script, tmp_path):
    run = done(script(trials=6, trainer={"keep": "all"}), tmp_path)
    assert run.trials.names() == [str(number) for number in range(6)]


def test_folders_of_failed_trials_stay(script, tmp_path):
    (tmp_path / "failing").touch()
    run = done(script(trials=9, epochs=1), tmp_path)
    failed = {str(r.number) for r in run.results if r.status == "failed"}
    assert failed
    assert {*run.trials.names()} == {*failed, str(run.winner(run.info).number)}


def test_no_more_folders_are_there_than_of_trials_that_may_win(script, tmp_path):
    config = inspected(script(trials=12, epochs=1))
    run, most = begin(config, None, tmp_path / "runs", "run"), []
    conduct(run, lambda event: most.append(len(run.trials.names())), config)
    assert max(most) <= 2  # the best trial's, and that in training


@pytest.mark.slow
def test_repeats_and_confirmations_have_folders_of_their_own(script, tmp_path):
    search = {"repeats": 2, "confirm": {"top": 2, "seeds": 2}}
    run = done(script(trials=20, epochs=1, **search), tmp_path)
    number = run.winner(run.info).number
    assert run.trials.names() == sorted(
        [f"{number}", f"{number}-1-0", f"{number}-2-0", f"{number}-3-0"]
    )


@pytest.mark.parametrize("resumes", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_after_kill_9_resume_leaves_the_folders_that_would_have_been(script, killed, resumes):
    def check(cut):
        assert any(name.endswith("epoch-5") for name in held(cut))

    whole, cut = killed(script(trials=6, trainer={"resumes": resumes, "keep": "all"}), check)
    assert bare(cut) == bare(whole)
    assert held(cut) == held(whole)


@pytest.mark.slow
def test_folders_are_the_same_with_one_job_and_with_three(script, tmp_path):
    one, three = (
        done(script(trials=6, jobs=jobs, trainer={"resumes": True}), tmp_path, str(jobs))
        for jobs in (1, 3)
    )
    assert bare(one) == bare(three)
    assert held(one) == held(three)


def test_a_retried_trial_begins_in_an_empty_folder(script, tmp_path):
    text = LEAVING.replace(
        "    print(",
        "    if not os.path.exists('tried'):\n"
        "        open('tried', 'w').close()\n"
        "        sys.exit('not at first')\n"
        "    print(",
    )
    run = done(script(text, trials=3, epochs=1, retries=1), tmp_path)
    assert [result.status for result in run.results] == ["completed"] * 3


def test_a_function_has_such_a_folder_where_it_takes_one(tmp_path):
    (tmp_path / "own.py").write_text(
        "from pathlib import Path\n"
        "def train(params, epochs, trial_dir, trial):\n"
        "    assert not list(Path(trial_dir).iterdir())\n"
        "    Path(trial_dir, 'left').write_text(str(trial))\n"
        "    return params['rate']\n"
        "def anything(params, epochs, **more):\n"
        "    assert 'trial_dir' not in more\n"
        "    return params['rate']\n"
    )
    config = from_mapping(
        {
            "name": "own",
            "trainer": {"kind": "function", "function": "own.py:train", "folder": str(tmp_path)},
            "metric": {"name": "score", "goal": "minimize"},
            "space": {"rate": {"min": 0, "max": 1}},
            "search": {"trials": 5},
            "parallel": {"backend": "serial"},
        }
    )
    run = done(config, tmp_path)
    number = str(run.winner(run.info).number)
    assert held(run) == {f"{number}/left": number}
    other = FunctionTrainer("own.py:anything", str(tmp_path), "score", str(tmp_path))
    other.train([Job(0, {"epochs": 1, "rate": 0.5}, (0,), until_epoch=1)], [None])
    assert not (tmp_path / "trials").exists()


# What asks for a folder, and what a command finds there


@pytest.fixture
def train(tmp_path):
    """Run a command for trial 7, whose parameters are x and y."""

    def run(command, **options):
        (tmp_path / "run").mkdir(exist_ok=True)
        trainer = CommandTrainer(
            command, str(tmp_path / "run"), "score", str(tmp_path), ("x", "y"), **options
        )
        settings = {"epochs": 1, "x": 0.5, "y": "words.txt"}
        job = Job(7, settings, (0, "trial", 7), until_epoch=1)
        return trainer.train([job], [None])[0]

    return run


TELLING = """
import json, os, sys
told = {"argv": sys.argv[1:], "cwd": os.getcwd(), "dir": os.environ.get("HPSEARCH_TRIAL_DIR")}
told["file"] = os.environ.get("HPSEARCH_PARAMS_FILE")
told["here"] = sorted(os.listdir(told["dir"])) if told["dir"] else None
with open(os.environ.get("TOLD", "told.json"), "w") as file:
    json.dump(told, file)
print('{"score": 1}')
"""


@pytest.mark.parametrize(
    ("command", "options", "asked"),
    [
        ("{python} tell.py", {}, False),
        ("{python} tell.py {{trial_dir}}", {}, False),
        ("{python} tell.py --out={trial_dir}/model", {}, True),
        ("{python} tell.py", {"variables": {"OUT": "{trial_dir}"}}, True),
        ("{python} tell.py", {"params_file": "asking.txt"}, True),
        ("{python} tell.py", {"keeps": True}, True),
        ("{python} tell.py", {"in_folder": True}, True),
    ],
)
def test_a_folder_is_made_only_where_something_asks_for_it(
    train, tmp_path, monkeypatch, command, options, asked
):
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    (tmp_path / "tell.py").write_text(TELLING)
    (tmp_path / "asking.txt").write_text("x={x} out={trial_dir}\n")
    train(command, **options)
    folder = tmp_path / "run" / "trials" / "7"
    assert folder.is_dir() == folder.parent.is_dir() == asked
    assert json.loads((tmp_path / "told.json").read_text())["dir"] == (
        str(folder) if asked else None
    )


def test_a_command_in_its_trial_s_folder_finds_the_files_that_its_words_name(
    train, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    (tmp_path / "tell.py").write_text(TELLING)
    (tmp_path / "words.txt").touch()
    (tmp_path / "data").mkdir()
    command = "{python} tell.py --words={y} {y} data ./data data/more --x={x} a=words.txt"
    train(command, in_folder=True, params_file="conf/settings.json")
    told, folder = json.loads((tmp_path / "told.json").read_text()), tmp_path / "run/trials/7"
    words = str(tmp_path / "words.txt")
    assert told["argv"] == [
        f"--words={words}", words, "data", str(tmp_path / "data"), "data/more", "--x=0.5",
        f"a={words}",
    ]  # fmt: skip
    assert told["cwd"] == told["dir"] == str(folder)
    assert told["file"] == str(folder / "settings.json")
    assert told["here"] == ["settings.json"]


@pytest.mark.parametrize("command", ["{python} -m tell", "{python} -c 'import tell'"])
def test_a_module_of_the_folder_is_found_from_a_trial_s_folder(
    train, tmp_path, monkeypatch, command
):
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    (tmp_path / "tell.py").write_text(TELLING + "assert sys.path[-1] or True\n")
    train(command, in_folder=True)
    assert json.loads((tmp_path / "told.json").read_text())["cwd"].endswith("trials/7")


def test_a_program_is_looked_for_in_path_unless_it_is_named_with_its_folder(tmp_path):
    for name in ("train", "train.sh"):
        (tmp_path / name).touch()
    for words, expected in (
        (["train", "train"], ["train", f"{tmp_path}/train"]),
        (["./train.sh"], [f"{tmp_path}/train.sh"]),
        (["python", "-m", "train"], ["python", "-m", "train"]),
        (["sh", "a" * 5000, "a\0b", ""], ["sh", "a" * 5000, "a\0b", ""]),
    ):
        assert from_elsewhere(words, str(tmp_path)) == expected


def test_a_result_is_looked_for_in_the_trial_s_folder(train, tmp_path):
    (tmp_path / "leave.py").write_text("open('result.json', 'w').write('{\"score\": 3}')")
    outcome = train("{python} leave.py", in_folder=True, file="result.json")
    assert outcome.curve["score"] == [3.0]
    (tmp_path / "leave.py").write_text("")
    with pytest.raises(TrainerError, match=r"must write result\.json, found no .* the trial's f"):
        train("{python} leave.py", in_folder=True, file="result.json")
    with pytest.raises(TrainerError, match="found no such file in the checkpoint folder"):
        train("{python} leave.py", file="result.json")


# Crashes, and what a stranger may have put there


def test_an_attempt_finds_what_the_piece_before_it_left_and_not_what_a_killed_one_did(tmp_path):
    run = SafePath(tmp_path)
    (run / "state").mkdir()
    own = Checkpoints.of(run, (3, 1, 0), with_folder=True)
    assert own.trial is not None
    assert own.trial.name == "3-1-0"
    work, _ = own.begin(0)
    (own.trial / "log").write_text("one")
    (own.trial / "out").path.symlink_to("/nowhere")
    os.mkfifo((own.trial / "pipe").path)
    (work / "kept").write_text("1")
    assert own.keep(work, 1)
    (own.trial / "log").write_text("one, two")
    (own.trial / "new").write_text("two")
    again, epoch = own.begin(1)
    assert (epoch, again.names()) == (1, ["kept"])
    assert own.trial.names() == ["log", "out"]
    assert (own.trial / "log").read_text() == "one"
    own.begin(0)
    assert own.trial.names() == []


@pytest.mark.parametrize("place", ["trials", "trials/7"])
def test_a_link_in_the_place_of_a_trial_s_folder_is_not_followed(train, tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (tmp_path / "run" / "trials").mkdir(parents=True)
    if place == "trials":
        (tmp_path / "run" / "trials").rmdir()
    (tmp_path / "run" / place).symlink_to(outside)
    (tmp_path / "leave.py").write_text("open('left', 'w').close(); print('{\"score\": 3}')")
    if place == "trials":
        with pytest.raises(Exception, match="must be a folder, found a link"):
            train("{python} leave.py", in_folder=True)
    else:
        train("{python} leave.py", in_folder=True)
        assert (tmp_path / "run" / "trials" / "7" / "left").is_file()
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_a_folder_comes_back_from_a_machine_that_does_not_see_the_run(tmp_path):
    there, here = SafePath(tmp_path / "there"), SafePath(tmp_path / "here")
    for run in (there, here):
        run.path.mkdir()
    (there.path / "trials/3/sub").mkdir(parents=True)
    (there.path / "state/3-0-0/final").mkdir(parents=True)
    (there.path / "trials/3/sub/left").write_text("all")
    (there.path / "trials/3/latest").symlink_to("sub")
    (there.path / "state/3-0-0/final/model").write_text("whole")
    (here.path / "trials/3").mkdir(parents=True)
    (here.path / "trials/3/older").touch()
    unpack(here, gathered(there, ("state/3-0-0", "trials/3", "logs/trial-3.txt")))
    found = {str(p.relative_to(here.path)) for p in here.path.rglob("*") if p.is_file()}
    assert found == {"trials/3/sub/left", "state/3-0-0/final/model"}


def test_a_last_checkpoint_that_is_too_large_to_travel_stays_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("hpsearch.backends.node.MOST_BYTES", 10)
    (tmp_path / "state/3-0-0/final").mkdir(parents=True)
    (tmp_path / "state/3-0-0/final/model").write_text("more than that")
    (tmp_path / "trials/3/out/final").mkdir(parents=True)
    (tmp_path / "trials/3/log").write_text("less")
    (tmp_path / "trials/3/out/final/log").write_text("own")  # of the script, which may call it so
    found = gathered(SafePath(tmp_path), ("state/3-0-0", "trials/3"))
    assert found == {"trials/3/log": b"less", "trials/3/out/final/log": b"own"}
    (tmp_path / "trials/3/log").write_text("more than that")
    with pytest.raises(OSError, match="the trial's own, must hold at most"):
        gathered(SafePath(tmp_path), ("state/3-0-0", "trials/3"))

"""A user's command as a trainer: how it is told, how it is read, and how it fails."""

import json
import sys
from dataclasses import replace

import pytest

from hpsearch.errors import RunError, TrainerError
from hpsearch.store import SafePath
from hpsearch.store.snapshots import Snapshots
from hpsearch.trainers.command.arguments import Arguments
from hpsearch.trainers.command.kind import KIND
from hpsearch.trainers.command.trainer import CommandTrainer
from hpsearch.trainers.kinds import Setup
from hpsearch.trainers.protocol import Job


def test_a_command_is_told_everything_and_its_last_line_of_json_counts(script, train, tmp_path):
    command = script(
        "import json, os, sys\n"
        "told = {k: v for k, v in os.environ.items() if k.startswith('HPSEARCH_')}\n"
        "told['argv'] = sys.argv[1:]\n"
        "json.dump(told, open('told.json', 'w'))\n"
        "print('{\"score\": 1}'); print('begin'); print('{\"score\": 2, \"loss\": 3}')\n"
        "print('not json {'); print('{\"step\": 1}')\n"
    )
    outcome = train(command + " --x={x} {name} {epochs} {trial}", name="a b")
    assert outcome.curve == {"epoch": [1], "score": [2.0], "loss": [3.0]}
    assert outcome.finished
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["argv"] == ["--x=0.5", "a b", "1", "7"]
    assert json.loads(told["HPSEARCH_PARAMS"]) == {"x": 0.5, "name": "a b"}
    assert told["HPSEARCH_EPOCHS"] == told["HPSEARCH_FULL_EPOCHS"] == "1"
    assert 0 <= int(told["HPSEARCH_SEED"]) < 2**31
    assert told["HPSEARCH_CHECKPOINT_DIR"].startswith(str(tmp_path / "run" / "state"))


TELLING = """
import json, os, sys
with open("told.json", "w") as file:
    told = {k: v for k, v in os.environ.items() if k in ("LR", "DECAY", "WHERE")}
    path = os.environ.get("HPSEARCH_PARAMS_FILE")
    told["file"] = path and open(path).read()
    json.dump({**told, "path": path, "argv": sys.argv[1:]}, file)
print('{"score": 1}')
"""


@pytest.fixture
def told(train, tmp_path):
    """Train with a script that writes down what it is given, and read that."""
    (tmp_path / "script.py").write_text(TELLING)

    def run(words, **more):
        train(f"{{python}} script.py {words}", **more)
        return json.loads((tmp_path / "told.json").read_text())

    return run


def test_all_arguments_are_those_without_a_place_of_their_own(told):
    options = {"arguments": Arguments(hyphens=True, booleans="flag"), "names": ("x", "use_bn")}
    argv = told("--x {x} {args} {trial}", options=options, use_bn=True, opt={"a": 1}, y=2)["argv"]
    assert argv == ["--x", "0.5", "--use-bn", '--opt={"a": 1}', "--y=2", "7"]


def test_a_parameter_called_as_what_a_command_is_given_is_the_parameter(told):
    options = {"names": ("x", "args", "params_file")}
    given = told("{args} {params_file}", options=options, args="mine", params_file="too")
    assert (given["argv"], given["path"]) == (["mine", "too"], None)


def test_variables_have_places_and_one_with_an_inactive_parameter_is_not_set(told):
    variables = {"LR": "{x}", "DECAY": "{decay}", "WHERE": "{trial} of ${{x}}"}
    given = told("[--decay {decay}]", options={"variables": variables, "names": ("x", "decay")})
    assert given["argv"] == []
    assert (given["LR"], given["WHERE"]) == ("0.5", "7 of ${x}")
    assert "DECAY" not in given


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (None, '{\n  "x": 0.5,\n  "note": "a: b"\n}\n'),
        ("params.json", '{\n  "x": 0.5,\n  "note": "a: b"\n}\n'),
        ("params.yaml", "x: 0.5\nnote: 'a: b'\n"),
        ("template.ini", "[train]\nx = 0.5\nepochs = 1\n"),
    ],
)
def test_a_file_of_the_settings_is_made_whole_or_from_a_template(told, tmp_path, name, text):
    (tmp_path / "template.ini").write_text("[train]\nx = {x}\nepochs = {epochs}\n")
    given = told("{params_file}", options={"params_file": name}, note="a: b")
    assert given["file"] == text
    assert given["argv"] == [given["path"]]
    assert given["path"].startswith(str(tmp_path / "run" / "logs" / "trial-7.params."))


def test_settings_are_set_where_a_file_of_the_user_s_has_their_names(told, tmp_path):
    (tmp_path / "conf.yaml").write_text("model: {lr: 1, units: 8}\nx: 1\nepochs: {epochs}\n")
    options = {"params_file": "conf.yaml", "names": ("x", "model.lr", "other")}
    given = told("{params_file}", options=options, other=3, **{"model.lr": 1e-5})
    assert given["file"] == "model:\n  lr: 1.0e-05\n  units: 8\nx: 0.5\nepochs: 1\n"


def test_a_file_of_the_settings_that_no_place_names_is_in_a_variable(told):
    assert told("", options={"params_file": "p.yml"})["file"] == "x: 0.5\n"
    assert told("")["path"] is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"params_file": "p.toml"}, r"params_file: must be a template in .*, or end in \.json, "),
        (
            {"params_file": "plain.yaml"},
            r"a template, with places such as \{x\}, or have the names of parameters, found none",
        ),
        (
            {"params_file": "half.yaml", "command": "sh t.sh {x}"},
            r"half\.yaml: must have every parameter that the command does not name, found no w; "
            r"add it there, or \{w\} to the command",
        ),
        ({"params_file": "broken.json"}, r"broken\.json: cannot be read: Expecting value"),
        ({"params_file": "wrong.yaml"}, r"params_file: .*\{y\} is neither a parameter nor epochs"),
        ({"args": {"style": 3}}, r"trainer\.args: must be a mapping with style: equals"),
        ({"env": ["A"]}, r"trainer\.env: must be a mapping of variables"),
        ({"params_file": 3}, r"trainer\.params_file: must be text"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_runs(tmp_path, options, message):
    (tmp_path / "plain.yaml").write_text("z: 1\n")
    (tmp_path / "half.yaml").write_text("model: {v: 1}\n")
    (tmp_path / "broken.json").write_text("")
    (tmp_path / "wrong.yaml").write_text("x: {x}\ny: {y}\n")
    given = {"command": "sh t.sh", "folder": str(tmp_path), "resumes": False, **options}
    with pytest.raises(TrainerError, match=message):
        KIND.inspect(Setup(given, ("x", "model.v", "w"), "score"))


def test_a_template_of_settings_is_sound_where_all_its_places_are_given(tmp_path):
    (tmp_path / "params.yaml").write_text("x: {x}\nlr: {opt.lr}\nseed: {seed}\nkeep: {1: 2}\n")
    given = {"command": "sh t.sh", "folder": str(tmp_path), "params_file": "params.yaml"}
    assert KIND.inspect(Setup(given, ("x", "opt"), "score"))


@pytest.mark.parametrize(
    "value",
    ['"; touch owned #"', "$(touch owned)", "`touch owned`", "'", '"', "two\nlines", "-n", "\\"],
)
def test_a_hostile_value_arrives_unchanged_and_nothing_else_is_run(script, train, tmp_path, value):
    command = script(
        "import json, os, sys\n"
        "same = sys.argv[1] == json.loads(os.environ['HPSEARCH_PARAMS'])['note']\n"
        "open('arrived', 'w').write(sys.argv[1])\n"
        "print(json.dumps({'score': float(same)}))\n"
    )
    assert train(command + " {note}", note=value).curve["score"] == [1.0]
    assert (tmp_path / "arrived").read_text() == value
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; print('{\"score\": 1}'); sys.exit(3)", "ended with exit status 3"),
        ("import sys; sys.exit('no GPU here')", "exit status 1; its last words: no GPU here"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("print('done')", "must be a JSON object such as .*, found none in 1 line"),
        ("", "found none in 0 lines$"),
        (
            "print('{\"score\": .56}'); print('done')",
            r"""found none in 2 lines; the nearest is '{"score": \.56}'$""",
        ),
        ("print({'score': 0.5})", r"""the nearest is "{'score': 0\.5}"$"""),
        ("print('{\"loss\": 1}')", "must have the metric 'score', found 'loss'"),
        ('print(\'{"score": "high"}\')', "a number for 'score', found 'high'"),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)) * 99)", "found none in"),
        ("import sys; sys.stderr.buffer.write(bytes(range(256))); sys.exit(3)", "status 3"),
    ],
)
def test_a_command_that_fails_has_one_clear_message(script, train, text, message):
    with pytest.raises(TrainerError, match=message) as caught:
        train(script(text))
    assert str(caught.value).isprintable()


def test_binary_beside_a_result_does_no_harm(script, train):
    text = (
        "import sys\nsys.stdout.buffer.write(b'\\xff\\x00\\xfe\\n')\nprint('{\"score\": 2}')\n"
        "sys.stdout.buffer.write(b'\\xff')"
    )
    assert train(script(text)).curve["score"] == [2.0]


def test_an_undefined_result_is_divergence(script, train):
    assert train(script("print('{\"score\": NaN}')")).diverged


def test_both_streams_are_kept_and_empty_ones_are_not(script, train, tmp_path):
    train(script("print('{\"score\": 1}')"))
    logs = tmp_path / "run" / "logs"
    assert (logs / "trial-7.stdout.txt").read_text() == '{"score": 1}\n'
    assert not (logs / "trial-7.stderr.txt").exists()


def test_what_cannot_be_started_says_so(train):
    with pytest.raises(TrainerError, match=r"no-such-program: cannot be run: No such file"):
        train("no-such-program {x}")
    with pytest.raises(TrainerError, match="null byte"):
        train("echo {x}", x="a\0b")


COUNTING = """
import json, os
from pathlib import Path

file = Path(os.environ["HPSEARCH_CHECKPOINT_DIR"], "epoch")
begun = int(file.read_text()) if file.exists() else 0
for epoch in range(begun + 1, int(os.environ["HPSEARCH_EPOCHS"]) + 1):
    print(json.dumps({"score": epoch, "trained": epoch - begun}))
    file.write_text(str(epoch))
"""


@pytest.mark.parametrize(("resumes", "trained"), [(True, [1, 2]), (False, [1, 2, 3])])
def test_a_survivor_goes_on_from_its_checkpoint_or_is_trained_anew(
    script, train, resumes, trained
):
    command, options = script(COUNTING), {"resumes": resumes}
    first = train(command, until=1, epochs=3, options=options)
    assert first.curve == {"epoch": [1], "score": [1.0], "trained": [1.0]}
    assert not first.finished
    later = train(command, until=3, state=first.state, options=options)
    assert later.curve["trained"] == trained
    assert later.curve["epoch"][-1] == 3
    assert later.finished
    again = train(command, until=3, state=first.state, options=options)  # a crash lost its line
    assert again.curve == later.curve


def test_a_command_whose_folder_another_trial_removed_is_run_again(script, train, tmp_path):
    command = script(
        "import json, os, pathlib, shutil\n"
        "folder = pathlib.Path(os.environ['HPSEARCH_CHECKPOINT_DIR'])\n"
        "seen = pathlib.Path('seen'); seen.open('a').write('x')\n"
        "if seen.read_text() == 'x': shutil.rmtree(folder.parent.parent)\n"
        "(folder / 'result.json').write_text('{\"score\": 2}')\n"
    )
    outcome = train(command, options={"file": "result.json"})
    assert outcome.curve == {"epoch": [1], "score": [2.0]}
    assert (tmp_path / "seen").read_text() == "xx"


def test_a_command_that_ends_early_is_finished(script, train):
    text = "print('{\"score\": 1}'); print('{\"score\": 2}')"
    outcome = train(script(text), until=9, epochs=27)
    assert outcome.finished
    assert outcome.curve["epoch"] == [1, 2]


def test_one_result_for_several_epochs_is_an_error(script, train):
    with pytest.raises(TrainerError, match="each epoch must have its own result, found one for 9"):
        train(script("print('{\"score\": 1}')"), until=9)


def test_more_epochs_than_asked_for_do_not_count(script, train):
    text = "for n in range(9): print('{\"score\": %d}' % n)"
    assert train(script(text), until=3, epochs=9).curve["score"] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("pattern", "curve"),
    [
        (r"score (\S+)", {"epoch": [1, 2], "score": [0.5, 0.75]}),
        (r"^(?P<epoch>\d): score (?P<score>\S+) loss (?P<loss>\S+)",
         {"epoch": [1, 2], "score": [0.5, 0.75], "loss": [2.0, 1.0]}),
    ],
)  # fmt: skip
def test_results_by_a_pattern(script, train, pattern, curve):
    text = "print('1: score 0.5 loss 2'); print('2: score 0.75 loss 1')"
    outcome = train(script(text), until=2, options={"pattern": pattern})
    assert outcome.curve == curve


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("accuracy (.*)", "must match 'accuracy .*' somewhere"), ("score (.*)", "found 'high'")],
)
def test_a_pattern_without_a_number_is_an_error(script, train, pattern, message):
    with pytest.raises(TrainerError, match=message):
        train(script("print('score high')"), options={"pattern": pattern})


@pytest.mark.parametrize(
    ("held", "scores"), [({"score": 3}, [3.0]), ([{"score": 1}, {"score": 2}], [2.0])]
)
def test_results_by_a_file(script, train, held, scores):
    text = (
        "import json, os\nfolder = os.environ['HPSEARCH_CHECKPOINT_DIR']\n"
        f"json.dump({held}, open(os.path.join(folder, 'result.json'), 'w'))"
    )
    assert train(script(text), options={"file": "result.json"}).curve["score"] == scores


@pytest.mark.parametrize(
    ("held", "message"),
    [("", "readable JSON"), ("[]", "hold a JSON object"), (None, "must write")],
)
def test_a_file_without_a_result_is_an_error(script, train, held, message):
    text = "import os\nfolder = os.environ['HPSEARCH_CHECKPOINT_DIR']\n"
    if held is not None:
        text += f"open(os.path.join(folder, 'result.json'), 'w').write({held!r})"
    with pytest.raises(TrainerError, match=message):
        train(script(text), options={"file": "result.json"})


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (
            "os.symlink('../../../../other.json', place)",
            r"result\.json: .*plain file, found a link",
        ),
        ("os.mkfifo(place)", r"result\.json: must be a plain file, found a named pipe"),
        ("open(place, 'x').close(); os.truncate(place, 2**40)", r"result\.json: .* bytes long"),
    ],
)
def test_a_result_is_read_from_a_plain_file_of_its_own(script, train, tmp_path, left, message):
    (tmp_path / "other.json").write_text('{"score": 1}')
    text = f"import os\nplace = os.environ['HPSEARCH_CHECKPOINT_DIR'] + '/result.json'\n{left}"
    with pytest.raises(RunError, match=message):
        train(script(text), options={"file": "result.json"})
    with pytest.raises(RunError, match=r"everything must be inside it, found the path '\.\./x'"):
        train(script(""), options={"file": "../x"})


ADDING = """
import json, os, pathlib, sys
file, done, total = pathlib.Path(os.environ["HPSEARCH_CHECKPOINT_DIR"], "saved"), 0, 0.0
if file.exists():
    done, total = json.loads(file.read_text())
with open("calls.txt", "a") as calls:
    print(done, *sys.argv[1:], file=calls)
for epoch in range(done, int(os.environ["HPSEARCH_EPOCHS"])):
    total += float(sys.argv[1])
    print(json.dumps({"score": total}), flush=True)
    file.write_text(json.dumps([epoch + 1, total]))
"""


@pytest.fixture
def steered(script, tmp_path):
    """Train a piece of a command that goes on, with changes of x: (epoch, its value then)."""
    trainer = CommandTrainer(
        script(ADDING) + " {x} {epochs}", str(tmp_path), "score", str(tmp_path), resumes=True
    )

    def run(until, *changes, state=None, number=0):
        x, earlier = 1.0, []
        for epoch, value in changes:
            earlier.append((epoch, {"epochs": 9, "x": x}))
            x = value
        settings = {"epochs": 9, "x": x}
        one = Job(number, settings, (0, 0), until, earlier=tuple(earlier), steered=True)
        return trainer.train([one], [state])[0]

    return run


def test_a_change_starts_a_command_again_with_new_words_where_it_had_ended(steered, tmp_path):
    two = steered(2)
    tried = steered(2, (2, 5.0), state=two.state)
    assert (tried.curve, tried.state) == ({"epoch": []}, two.state)
    four = steered(4, (2, 5.0), state=two.state)
    last = steered(9, (2, 5.0), (4, 0.0), state=four.state)
    assert (four.curve["score"], last.curve["score"]) == ([7, 12], [12] * 5)
    assert last.finished
    assert last.state is not None  # it may go on to more epochs, or be gone back from
    lines = (tmp_path / "calls.txt").read_text().splitlines()
    assert lines == ["0 1.0 2", "2 5.0 4", "4 0.0 9"]


def test_a_command_without_its_checkpoint_is_trained_by_its_whole_history(steered, tmp_path):
    two = steered(2)
    four = steered(4, (2, 5.0), state=two.state)
    for path in (tmp_path / "state" / "0-0-0").iterdir():
        (path / "saved").unlink()
        path.rmdir()
    six = steered(6, (2, 5.0), (2, 3.0), (4, 0.5), state=four.state)
    assert six.curve == {"epoch": [1, 2, 3, 4, 5, 6], "score": [1, 2, 5, 8, 8.5, 9]}
    lines = (tmp_path / "calls.txt").read_text().splitlines()
    assert lines[2:] == ["0 1.0 2", "2 3.0 4", "4 0.5 6"]


def test_another_line_of_a_command_goes_on_from_a_snapshot_of_the_first(steered, tmp_path):
    two, snapshots = steered(2), Snapshots(SafePath(tmp_path))
    snapshots.save(0, 2, two.state)
    other = steered(3, (2, 5.0), state=snapshots.load(0, 2, by=1), number=1)
    assert other.curve == {"epoch": [3], "score": [7]}
    back = steered(3, state=two.state)
    assert back.curve == {"epoch": [3], "score": [3]}


def test_a_command_that_would_begin_anew_cannot_be_steered():
    options = {"command": f"{sys.executable} a.py", "folder": ".", "resumes": False}
    setup = Setup(options, ("x",), "score")
    assert KIND.unsteerable(setup).startswith(
        "trainer.command: must go on from what it left in its checkpoint folder, found one that"
    )
    assert KIND.unsteerable(replace(setup, options={**options, "resumes": True})) is None

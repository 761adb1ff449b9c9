"""The live view and its keys, through a real terminal."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

if not Path("/proc/self/stat").exists():
    pytest.skip("looks for processes in /proc", allow_module_level=True)

DIGITS = Path(__file__).parents[3] / "configs" / "digits.yaml"
UP, DOWN = "\x1b[A", "\x1b[B"


def test_two_quick_ups_raise_the_rate_nine_times_and_undo_takes_back_the_last(babysit):
    model = babysit()
    model.wait_for_view()
    model.press(UP + UP)
    model.wait_for("learning_rate  0.09")
    model.press("u")
    model.wait_for("learning_rate  0.03")
    model.wait_for("branch +1, from epoch")
    changes = [(done["action"], done["set"], done["by"]) for done in model.diary]
    assert changes == [
        ("set", {"learning_rate": [0.01, 0.03]}, "key"),
        ("set", {"learning_rate": [0.03, 0.09]}, "key"),
        ("undo", {"learning_rate": [0.09, 0.03]}, "key"),
    ]


def test_a_paused_model_takes_notes_and_changes_and_goes_on(babysit):
    model = babysit()
    model.wait_for_view()
    model.press("p")
    model.wait_for("paused: p goes on")
    model.press("nsäge\x7f zahn\n")
    model.wait_for("noted after epoch .*säg zahn")
    model.press("o")
    model.wait_for("dropout 0 -> 0.1")
    model.press("s")
    model.wait_for("noted after epoch .*this epoch is kept")
    model.press("p")
    model.wait_for("training")
    epochs = {done["epoch"] for done in model.diary}
    actions = ["pause", "set", "set", "set", "continue"]
    assert [done["action"] for done in model.diary] == actions
    assert len(epochs) == 1


@pytest.mark.slow
def test_training_goes_on_while_a_note_is_typed_and_escape_drops_it(babysit):
    model = babysit()
    model.wait_for_view()
    model.press("nq")
    model.wait_for("note: q$")
    shown = model.screen.text.split("\n")[0]
    model.wait(lambda: model.screen.text.split("\n")[0] != shown, "waited for more epochs")
    model.press("\x1b")
    model.wait_for(r"\? help$")
    assert not (model.run / "interventions.jsonl").exists() or model.diary == []


@pytest.mark.slow
def test_a_note_that_the_last_epoch_overtakes_is_not_lost(babysit):
    model = babysit(epochs=300)
    model.wait_for_view()
    model.press("nhalf a thought")
    assert model.end() == 0
    assert "ended before it was entered: half a thought" in model.screen.text
    assert model.sane


def test_what_is_pasted_is_one_note_and_no_keys(babysit):
    model = babysit()
    model.wait_for_view()
    model.press("\x1b[200~uq\x1b[201~")
    model.wait_for("pasted text is taken only")
    model.press("n\x1b[200~one\ntwo\x1b[201~\n")
    model.wait_for("noted after epoch .*one two")
    assert [done["note"] for done in model.diary] == ["one two"]


def test_branch_asks_for_an_epoch_that_was_trained(babysit):
    model = babysit()
    model.wait_for(r"epoch \d\d+/")
    model.press("r999999\n")
    model.wait_for("must be an epoch from 0 to")
    model.press("r3\n")
    model.wait_for("branch +1, from epoch 3 of branch 0")
    assert model.diary[0]["action"] == "branch"


def test_a_setting_is_changed_by_its_name_or_refused_with_the_reason(babysit):
    model = babysit()
    model.wait_for_view()
    model.press("cbatch_size=200\n")
    model.wait_for("batch_size 64 -> 200")
    model.press("chidden_units=3\n")
    model.wait_for("hidden_units: cannot change while the model trains")
    model.press("cbatch_sise=3\n")
    model.wait_for("batch_sise: is no parameter of this model")
    assert len(model.diary) == 1


def test_the_help_names_every_key_and_any_key_leaves_it(babysit):
    from hpsearch.cli.babysit.keys import HELP

    model = babysit()
    model.wait_for_view()
    model.press("?")
    model.wait_for("Any key goes back")
    rows = model.screen.text.split("\n")
    assert [row.split(maxsplit=keys.count(" ") + 1)[-1] for row, (keys, _) in
            zip(rows[1:], HELP, strict=False)] == [what for _, what in HELP]  # fmt: skip
    model.press("q")
    model.wait_for_view()
    assert model.process.poll() is None


@pytest.mark.slow
def test_a_request_that_is_refused_is_said_for_a_while_and_then_in_the_scrollback(babysit):
    model = babysit(before="import hpsearch.cli.babysit.terminal as view; view.STAYS = 3.0\n")
    model.wait_for_view()
    refused = ["steer", model.run, "--set", "hidden_units=3"]
    steer = subprocess.run(
        [sys.executable, "-c", "from hpsearch.cli import main; main()", *refused],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert steer.returncode == 1
    model.wait_for(r"\nsaid +hidden_units: cannot change")
    model.wait(lambda: "\nsaid  " not in model.screen.text, "waited for it to go")
    model.press("q")
    assert model.end() == 0
    assert "start another model: hpsearch babysit" in model.screen.text


@pytest.mark.slow
def test_what_is_said_of_a_change_is_not_shown_a_second_time(babysit):
    model = babysit(before="import hpsearch.cli.babysit.terminal as view; view.STAYS = 3.0\n")
    model.wait_for_view()
    model.press("cbatch_size=200 dropout=0.2\n")
    for label in ("said +after ", "done +"):
        pattern = rf"\n{label}epoch \d+: .*batch_size 64 -> 200"
        model.wait(
            lambda: re.search(pattern, text := model.screen.text) and text.count("-> 200") == 1,  # noqa: B023
            f"waited for {pattern}, once",
        )
    assert [done["set"] for done in model.diary] == [
        {"batch_size": [64, 200], "dropout": [0.0, 0.2]}
    ]


def test_a_model_that_diverged_twice_says_why_it_pauses_and_what_to_do(babysit):
    model = babysit("--set=learning_rate=1e200")
    model.wait_for("paused: diverged twice; lower the rate \\(down\\), then p")
    model.press(DOWN)
    model.wait_for("paused: p goes on")


def test_q_stops_and_keeps_the_best_epoch_and_a_second_q_does_no_harm(babysit):
    model = babysit()
    model.wait_for_view()
    model.press("qq")
    assert model.end() == 0
    assert model.sane
    assert "best val_accuracy" in model.screen.text
    assert "go on with: hpsearch resume runs/m" in model.screen.text
    assert [done["action"] for done in model.diary] == ["stop"]
    assert json.loads((model.run / "best" / "result.json").read_text())["epochs"] > 0


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_the_view_fits_and_follows_a_resize(babysit, size):
    model = babysit(size=size)
    model.wait_for_view()

    def fits():
        rows = model.screen.text.split("\n")
        return (
            len(rows) == model.screen.count
            and rows[-1].endswith("? help")
            and "val_accuracy" in rows[1]
            and max(map(len, rows)) <= model.screen.columns
        )

    model.wait(fits, "waited for a whole view")
    for new in ((40, 10), (100, 30), size):
        model.resize(*new)
        model.wait(fits, f"waited for a view of {new}")


@pytest.mark.slow
def test_resume_shows_the_same_view(babysit, hpsearch):
    model = babysit()
    model.wait_for_view()
    model.press(UP)
    model.wait_for("learning_rate  0.03")
    model.press("\x03")
    assert model.end() == 130
    assert model.status == "interrupted"
    again = hpsearch("resume", "m")
    again.wait_for_view()
    again.wait_for("learning_rate  0.03")
    again.press("q")
    assert again.end() == 0


@pytest.mark.slow
def test_messages_do_not_tear_the_view_and_stay_in_the_scrollback(babysit):
    warns = """
import warnings, hpsearch.searching.babysit.session as session
turn = session.Session.turn
def loud(self, *args, **kwargs):
    if self.record.epoch > 5 and not hasattr(self, "warned"):
        self.warned = True
        warnings.warn("mind the gap", stacklevel=1)
    turn(self, *args, **kwargs)
session.Session.turn = loud
"""
    model = babysit(before=warns)
    model.wait_for_view()
    model.wait_for("said .*mind the gap|\n +.*mind the gap")
    assert model.screen.text.split("\n")[0].startswith("m  epoch")
    model.press("q")
    assert model.end() == 0
    assert "mind the gap" in model.screen.text


@pytest.mark.parametrize(
    "size", [(80, 24), pytest.param((200, 50), marks=pytest.mark.slow)], ids=str
)
def test_in_tmux_the_view_fits_and_keys_change_the_rate(tmp_path, size):
    tmux = shutil.which("tmux")
    if tmux is None:
        assert not (os.environ.get("CI") and sys.platform == "linux"), "needs tmux"
        pytest.skip("needs tmux")

    def on_it(*words):
        command = [tmux, "-f", "/dev/null", "-S", str(tmp_path / "tmux"), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def wait_for(pattern):
        until = time.monotonic() + 60
        while not re.search(pattern, shown := on_it("capture-pane", "-p")):
            assert time.monotonic() < until, f"waited for {pattern}\n{shown}"
        return shown.split("\n")

    main = "from hpsearch.cli import main; main()"
    words = f"babysit {DIGITS} --name m --epochs 100000 --runs-dir {tmp_path}/runs"
    on_it("new-session", "-d", "-x", size[0], "-y", size[1], "sh")
    try:
        on_it("send-keys", f"stty -g > {tmp_path}/before; {sys.executable} -c '{main}' {words}")
        on_it("send-keys", "Enter")
        rows = wait_for("update/weights")
        assert rows[0].startswith("m  epoch")
        assert rows[size[1] - 1].startswith("up/down rate")
        on_it("send-keys", "Up")
        wait_for("learning_rate  0.03")
        on_it("send-keys", "q")
        wait_for("go on with: hpsearch resume")
        on_it("send-keys", f"stty -g > {tmp_path}/after; echo all' 'done", "Enter")
        wait_for("all done")
        before, after = ((tmp_path / name).read_text() for name in ("before", "after"))
        assert before == after
    finally:
        on_it("kill-server")


# The terminal afterwards


BOOM = """
import hpsearch.searching.babysit.session as session
turn = session.Session.turn
def broken(self, *args, **kwargs):
    if self.record.epoch > 5:
        raise RuntimeError("boom")
    turn(self, *args, **kwargs)
session.Session.turn = broken
"""
STAYS = """
import time
from hpsearch.backends.local import Local
def stay(self, *_):
    open("leaving", "w").close()
    time.sleep(600)
Local.__exit__ = stay
"""


@pytest.mark.slow
def test_the_terminal_is_as_it_was_after_the_last_epoch(babysit):
    model = babysit(epochs=200)
    assert model.end() == 0
    assert b"\x1b[?1049h" in model.raw
    assert model.sane
    rows = model.screen.text.rstrip("\n").split("\n")
    (heading,) = [place for place, row in enumerate(rows) if "epoch 200/200  ended" in row]
    assert len(rows) - heading < 24  # a prompt below it leaves it to be seen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_the_terminal_is_as_it_was_after_a_signal(babysit, number):
    model = babysit()
    model.wait_for_view()
    model.press("\x03") if number == signal.SIGINT else model.process.send_signal(number)
    assert model.end() == 130
    assert model.sane
    assert "Go on with: hpsearch resume runs/m" in model.screen.text
    assert "/100000  interrupted" in model.screen.text


@pytest.mark.slow
def test_the_terminal_is_as_it_was_after_a_second_control_c(babysit):
    model = babysit(before=STAYS)
    model.wait_for_view()
    model.press("\x03")
    model.wait(lambda: (model.folder / "leaving").exists(), "waited for the first")
    model.press("\x03")
    assert model.end() == 130
    assert model.sane
    assert "ended at once" in model.screen.text


def test_the_terminal_is_as_it_was_after_an_exception(babysit):
    model = babysit(before=BOOM)
    assert model.end() == 1
    assert b"\x1b[?1049h" in model.raw
    assert model.sane
    assert "unexpected RuntimeError: boom" in model.screen.text


def children(process):
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {int(each): Path(f"/proc/{each}/cmdline").read_bytes() for each in found}


def guard_of(model):
    (guard,) = [
        each for each, words in children(model.process.pid).items() if b"tcgetattr" in words
    ]
    return guard


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (signal.SIGQUIT, signal.SIGSEGV)),
    ],
    ids=str,
)
def test_the_terminal_is_as_it_was_after_a_sudden_death(babysit, number):
    model = babysit()
    model.wait_for_view()
    guard = guard_of(model)
    model.process.send_signal(number)
    assert model.end() == -number
    model.wait(lambda: model.sane, "waited for the terminal to be sane")
    model.wait(lambda: not Path(f"/proc/{guard}").exists(), "waited for the guard to leave")


def test_what_guards_the_terminal_hears_no_signal_and_holds_nothing_else(babysit):
    model = babysit()
    model.wait_for_view()
    guard = guard_of(model)
    held = {str(each.readlink()) for each in Path(f"/proc/{guard}/fd").iterdir()}
    assert {each.partition(":")[0] for each in held} == {"pipe", os.ttyname(model.other)}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP):
        os.kill(guard, number)
    model.process.kill()
    model.wait(lambda: model.sane, "waited for the terminal to be sane")


def test_control_z_gives_the_terminal_back_and_fg_takes_it_again(in_terminal, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs a shell with job control")
    shell = in_terminal([bash, "--norc", "--noprofile", "-i"], environment={"PS1": "ready> "})
    shell.wait_for("ready> ")
    main = "from hpsearch.cli import main; main()"
    words = f"babysit {DIGITS} --name m --epochs 100000 --runs-dir {tmp_path}/runs"
    shell.press(f"{sys.executable} -c '{main}' {words}\n")
    shell.wait_for_view()
    taken = shell.termios.tcgetattr(shell.other)
    shell.press("\x1a")
    shell.wait_for("Stopped[^$]*ready> ")
    shell.press("stty -a; echo 'all' done\n")
    shell.wait_for("all done")
    assert " icanon" in shell.screen.text
    assert " echo " in shell.screen.text
    shell.press("fg\n")
    shell.wait_for_view()
    assert shell.termios.tcgetattr(shell.other) == taken
    shell.press("q")
    shell.wait_for("go on with: hpsearch resume")
    shell.press("stty -a; echo 'all' done\n")
    shell.wait_for("all done")
    assert " icanon" in shell.screen.text


def test_a_terminal_that_is_closed_interrupts_the_training_which_goes_on_later(babysit, hpsearch):
    model = babysit()
    model.wait_for_view()
    model.hang_up()
    assert model.process.wait(60) == 130
    assert model.status == "interrupted"
    log = model.run / "logs" / "log.txt"
    assert not log.exists() or "Traceback" not in log.read_text()
    again = hpsearch("resume", "m")
    again.wait_for_view()


@pytest.mark.slow
def test_with_hangups_ignored_the_training_ends_without_its_terminal(babysit, tmp_path):
    ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    model = babysit(epochs=600, before=ignored)
    model.wait_for_view()
    model.hang_up()
    model.process.wait(60)
    assert model.status == "finished"


@pytest.mark.slow
def test_a_terminal_that_takes_nothing_does_not_hold_up_the_training(babysit):
    model = babysit()
    model.wait_for_view()
    model.termios.tcflow(model.other, model.termios.TCOOFF)
    before = epochs_of(model)
    model.wait(lambda: epochs_of(model) > before + 300, "waited for more epochs")
    model.termios.tcflow(model.other, model.termios.TCOON)
    shown = model.screen.text.split("\n")[0]
    model.wait(lambda: model.screen.text.split("\n")[0] != shown, "waited for the view")


def epochs_of(model):
    """The last epoch on disk."""
    lines = (model.run / "curves.jsonl").read_text().split("\n")[:-1]
    return json.loads(lines[-1])["epochs"] if lines else 0


# Where there is no view


@pytest.mark.slow
def test_without_a_terminal_to_press_keys_in_there_are_plain_lines(babysit):
    model = babysit(epochs=20, stdin=subprocess.DEVNULL)
    assert model.end() == 0
    assert b"\x1b" not in model.raw
    assert "epoch 20/20" in model.screen.text


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_do_nothing_gets_plain_lines(babysit, term):
    model = babysit(epochs=20, environment={"TERM": term})
    assert model.end() == 0
    assert b"\x1b" not in model.raw


def test_with_its_output_in_a_file_the_view_is_still_shown(babysit, tmp_path):
    with (tmp_path / "output.txt").open("w") as output:
        model = babysit(stdout=output)
    model.wait_for_view()
    model.press("q")
    assert model.end() == 0
    assert model.sane
    assert (tmp_path / "output.txt").read_text().startswith("best val_accuracy")


@pytest.mark.slow
def test_no_colours_where_the_user_wants_none_and_ascii_where_there_is_no_more(babysit):
    plain = {"NO_COLOR": "1", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    model = babysit(environment=plain)
    model.wait_for_view()
    model.press("q")
    assert model.end() == 0
    assert model.raw.isascii()
    assert not re.search(rb"\x1b\[[0-9;]*m", model.raw.replace(b"\x1b[0m\x1b[?25h", b""))

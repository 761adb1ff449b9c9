"""One attempt at a call."""

import asyncio
import pickle
import sys
import time

import pytest

from hpsearch.backends.attempt import attempt, error_line


def test_a_call_that_returns_is_ok_and_says_when():
    done = attempt(divmod, (7, 2))
    assert (done.kind, done.value, done.error, done.traceback) == ("ok", (3, 1), None, None)
    assert done.start <= done.end


def test_a_call_that_raises_is_an_error_with_one_line_and_the_users_traceback_only():
    def of_a_user():
        raise ValueError("two\n  lines")

    done = attempt(of_a_user, ())
    assert (done.kind, done.value, done.error) == ("error", None, "ValueError: two lines")
    assert "of_a_user" in done.traceback
    assert done.traceback.count("File ") == 1


def test_sys_exit_in_a_users_code_is_an_error():
    done = attempt(exit, (3,))
    assert (done.kind, done.error) == ("error", "SystemExit: 3")


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (KeyboardInterrupt("a child was stopped"), "KeyboardInterrupt: a child was stopped"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError("too slow"), "CancelledError: too slow"),
        (BaseExceptionGroup("b\udce9", [SystemExit(1)]), r"b\udce9 (1 sub-exception)"),
        (ValueError("cannot read \udce9.csv"), r"ValueError: cannot read \udce9.csv"),
        (ValueError("a\0b\x1b[31m"), r"ValueError: a\x00b\x1b[31m"),
    ],
)
def test_whatever_is_raised_is_an_error_in_text_that_can_be_written(raised, line):
    def of_a_user():
        raise raised

    done = attempt(of_a_user, ())
    assert done.kind == "error"
    assert done.error.endswith(line)
    assert done.traceback.encode().count(b"\0") == 0
    assert pickle.loads(pickle.dumps(done)) == done


def test_an_interrupt_that_the_user_asked_for_passes_through():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted, (), lambda: True)


def test_a_recursion_without_end_is_an_error():
    def again():
        return again()

    assert attempt(again, ()).error.startswith("RecursionError: maximum recursion depth")


def test_of_a_message_as_large_as_a_data_set_little_is_kept():
    done = attempt(lambda: int("x" * 10**6, 37), ())
    huge = attempt(exit, ("y" * 10**7,))
    assert done.error.startswith("ValueError: int() base")
    assert (len(huge.error), huge.error[-5:]) == (500, "y ...")
    assert len(huge.traceback) <= 20_000


def test_an_error_without_a_message_is_its_type():
    assert error_line(KeyError()) == "KeyError"


def test_a_long_message_is_cut():
    line = error_line(ValueError("word " * 1000))
    assert len(line) <= 500
    assert line.endswith(" ...")


def test_a_message_that_cannot_be_shown_does_no_harm():
    class SpitefulError(Exception):
        def __str__(self):
            raise RuntimeError("no")

    done = attempt(lambda: (_ for _ in ()).throw(SpitefulError()), ())
    assert done.error == "SpitefulError: <its message cannot be shown>"
    assert "SpitefulError" in done.traceback


def test_a_message_that_ends_the_program_does_no_harm_either():
    class SpitefulError(BaseException):
        def __str__(self):
            sys.exit(3)

    done = attempt(lambda: (_ for _ in ()).throw(SpitefulError()), ())
    assert done.error == "SpitefulError: <its message cannot be shown>"


def test_a_clock_that_is_set_back_during_the_call_gives_no_negative_duration(monkeypatch):
    clock = iter([1000.0, 0.0])
    monkeypatch.setattr(time, "time", lambda: next(clock))
    done = attempt(int, ())
    assert done.end >= done.start == 1000.0

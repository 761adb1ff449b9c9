"""One attempt at a call."""

import time

import pytest

from hpsearch.backends.attempt import attempt, one_line


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


def test_keyboard_interrupt_passes_through():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted, ())


def test_an_error_without_a_message_is_its_type():
    assert one_line(KeyError()) == "KeyError"


def test_a_long_message_is_cut():
    line = one_line(ValueError("word " * 1000))
    assert len(line) <= 500
    assert line.endswith(" ...")


def test_a_message_that_cannot_be_shown_does_no_harm():
    class SpitefulError(Exception):
        def __str__(self):
            raise RuntimeError("no")

    done = attempt(lambda: (_ for _ in ()).throw(SpitefulError()), ())
    assert done.error == "SpitefulError: <its message cannot be shown>"


def test_a_clock_that_is_set_back_during_the_call_gives_no_negative_duration(monkeypatch):
    clock = iter([1000.0, 0.0])
    monkeypatch.setattr(time, "time", lambda: next(clock))
    done = attempt(int, ())
    assert done.end >= done.start == 1000.0

"""Call a function, and keep what it returned or raised as plain values."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any

from hpsearch.backends.protocol import Attempt
from hpsearch.messages import one_line, readable

LONGEST = 20_000
"""Most characters of a message or traceback that are kept: some contain a whole data set."""


def attempt(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    interrupted: Callable[[], bool] = lambda: False,
) -> Attempt:
    """Call `function(*args)` and catch what it raises, `sys.exit` and KeyboardInterrupt included.

    Args:
        function: what to call.
        args: its arguments.
        interrupted: whether the user has pressed Ctrl-C; then a KeyboardInterrupt is raised.
    """
    start, tick = time.time(), time.perf_counter()
    try:
        value = function(*args)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and interrupted():
            raise
        return failed(error, start, _end(start, tick))
    return Attempt("ok", value, None, None, start, _end(start, tick))


def failed(error: BaseException, start: float, end: float) -> Attempt:
    """An attempt that ended with `error`; start and end are seconds since the epoch."""
    return Attempt("error", None, error_line(error), traceback_of(error), start, end)


def error_line(error: BaseException) -> str:
    r"""An exception as `Type: message` on one line of at most 500 characters.

    >>> error_line(ValueError("shapes differ:\n(2, 3) and (4,)"))
    'ValueError: shapes differ: (2, 3) and (4,)'
    """
    try:
        message = str(error)
    except BaseException:  # the __str__ of an exception class may raise, too
        message = "<its message cannot be shown>"
    name = type(error).__name__
    text = f"{name}: {message[:LONGEST]}" if message else name
    line = one_line(text).rstrip()
    return line if len(line) <= 500 else f"{line[:496]} ..."


def traceback_of(error: BaseException) -> str:
    """The traceback as Python prints it, from the first frame outside the backends on."""
    trace = error.__traceback__
    while trace and str(trace.tb_frame.f_globals.get("__name__")).startswith(f"{__package__}."):
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # out of memory, or an exception class with methods that raise
        text = error_line(error)
    return readable(text, LONGEST)


def _end(start: float, tick: float) -> float:
    # A clock that is set while the call runs must not make its duration negative.
    return start + (time.perf_counter() - tick)

"""What each key asks of a babysat model: pure functions of the key and the model as it is.

A key asks for the same as `hpsearch steer` and Python do, a `Request`. Where it cannot, it says
why. Values come from the present setting with all that was asked for and is yet to be done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import floor, log10
from typing import Any

from hpsearch.config import Config
from hpsearch.errors import HpsearchError
from hpsearch.fields import show
from hpsearch.searching.babysit import nudge
from hpsearch.searching.babysit.lines import Lines
from hpsearch.store.requests import Request
from hpsearch.trainers.kinds import kind_read
from hpsearch.trial import Params, Point

# What is typed


@dataclass(frozen=True)
class Key:
    """A key that was pressed.

    Attributes:
        name: up, down, enter, escape, backspace, clear (Ctrl-U), redraw (Ctrl-L), paste, other;
            or text for one that writes something.
        text: what it writes, or what was pasted.
    """

    name: str
    text: str = ""


_PASTE = re.compile(r"\x1b\[200~(.*?)\x1b\[201~", re.DOTALL)
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-Za-z])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_NAMES = {"\n": "enter", "\r": "enter", "\x7f": "backspace", "\b": "backspace",
          "\x15": "clear", "\x0c": "redraw", "\x1b": "escape"}  # fmt: skip


def keys_of(typed: str, last: bool) -> tuple[list[Key], str]:
    r"""The keys in what a terminal sent, and the rest that may be the beginning of another.

    >>> keys_of("x\x1b[A\x1b[", last=False)
    ([Key(name='text', text='x'), Key(name='up', text='')], '\x1b[')

    Args:
        typed: the rest of before, and what came since.
        last: nothing came since; a rest that is an Escape alone is that key.
    """
    keys: list[Key] = []
    while typed:
        if typed.startswith("\x1b[200~"):
            found = _PASTE.match(typed)
            if found is None:
                return keys, typed
            keys.append(Key("paste", found[1]))
        elif (found := _SEQUENCE.match(typed)) is not None:
            keys.append(Key({"A": "up", "B": "down"}.get(found[0][-1], "other")))
        elif (found := _UNFINISHED.match(typed)) is not None and not last:
            return keys, typed
        else:
            name = _NAMES.get(typed[0], "text" if typed[0].isprintable() else "other")
            keys.append(Key(name, typed[0] if name == "text" else ""))
            typed = typed[1:]
            continue
        typed = typed[found.end() :]
    return keys, ""


@dataclass(frozen=True)
class Prompt:
    """A line that is being typed: a note, an epoch, a setting."""

    key: str
    text: str = ""

    @property
    def asks(self) -> str:
        """What it asks for."""
        return _PROMPTS[self.key]

    def typed(self, key: Key) -> Prompt:
        """The line after a key; what is pasted is on one line."""
        if key.name == "backspace":
            return replace(self, text=self.text[:-1])
        if key.name == "clear":
            return replace(self, text="")
        return replace(self, text=self.text + " ".join(key.text.splitlines()))


_PROMPTS = {
    "n": "note",
    "r": "branch at epoch",
    "c": "change (name=value ...)",
}

# What the model is


@dataclass(frozen=True)
class Now:
    """A model as it will be once all is done that was asked for.

    Attributes:
        config: of the training.
        lines: of the model.
        epoch: its last one.
        stopping: whether it was asked to stop.
    """

    config: Config
    lines: Lines
    epoch: int
    stopping: bool = False

    @property
    def params(self) -> Params:
        """The setting of the line in training."""
        return self.lines.active.params

    def after(self, asked: Iterable[Request]) -> Now:
        """The model after some requests; those that cannot be done change nothing."""
        now = self
        for request in asked:
            lines = now.lines
            if request.action == "set":
                now = replace(now, lines=lines.changed(now.epoch, request.set))
            elif request.action == "undo" and lines.active.nudges:
                lines = lines.undone()
                now = replace(now, lines=lines, epoch=lines.active.began)
            elif request.action == "branch" and request.epoch is not None:
                number = lines.active.number if request.trial is None else request.trial
                if number < len(lines.all):
                    lines = lines.branched(Point(number, request.epoch), request.set)
                    now = replace(now, lines=lines, epoch=request.epoch)
            elif request.action in ("pause", "continue"):
                now = replace(now, lines=replace(lines, paused=request.action == "pause"))
            elif request.action == "stop":
                now = replace(now, stopping=True)
        return now


# What each key does


@dataclass(frozen=True)
class Step:
    """How two keys change a parameter.

    Attributes:
        noun: what it is.
        names: what it may be called; the first that counts in this model is meant.
        to: the next value, given the present one and whether more is asked for.
    """

    noun: str
    names: tuple[str, ...]
    to: Callable[[Any, bool], Any]


def short(value: float) -> float:
    """A value in as few digits as are within half a percent of it.

    >>> short(0.03 / 3), short(0.01 / 3), short(3 * 0.00333), short(3 * 0.0123456)
    (0.01, 0.00333, 0.01, 0.037)
    """
    if not value:
        return value
    size = floor(log10(abs(value)))
    rounded = (round(value, digits - size) for digits in range(15))
    return next((each for each in rounded if abs(each - value) <= 0.005 * abs(value)), value)


def _factor(start: float | None = None) -> Callable[[Any, bool], Any]:
    """Times or by FACTOR; with a start, 0 goes up to it, and it goes down to 0."""

    def to(value: Any, more: bool) -> Any:
        if not value and start is not None:
            return start if more else value
        if start is not None and not more and (value == start or value < start / 100):
            return 0.0
        return short(value * nudge.FACTOR if more else value / nudge.FACTOR)

    return to


def _toward_one(value: Any, more: bool) -> Any:
    """A third of the distance from 1, or three times it, but not below 0."""
    distance = short((1 - value) / nudge.FACTOR if more else (1 - value) * nudge.FACTOR)
    return max(0.0, round(1 - distance, 12))


def _double(value: Any, more: bool) -> Any:
    return 2 * value if more else max(1, value // 2)


def _tenth(value: Any, more: bool) -> Any:
    return max(0.0, round(value + (0.1 if more else -0.1), 10))


RATE = Step("learning rate", nudge.RATES, _factor())
MOMENTUM = Step("momentum", ("momentum", "beta1", "beta_1"), _toward_one)
BATCH = Step("batch size", ("batch_size", "batch"), _double)
DECAY = Step("decay", ("learning_rate_decay", "lr_decay", "decay"), _factor(0.1))
L2 = Step("L2", ("l2", "weight_decay"), _factor(1e-4))
DROPOUT = Step("dropout", ("dropout", "dropout_rate"), _tenth)

STEPS = {
    "up": (RATE, True), "down": (RATE, False),
    "m": (MOMENTUM, True), "M": (MOMENTUM, False),
    "b": (BATCH, True), "B": (BATCH, False),
    "d": (DECAY, True), "D": (DECAY, False),
    "l": (L2, True), "L": (L2, False),
    "o": (DROPOUT, True), "O": (DROPOUT, False),
}  # fmt: skip
"""What the keys do that change a parameter, and whether they ask for more of it."""

HELP = (
    ("up, down", "learning rate times 3, divided by 3"),
    ("m, M", "momentum (beta1 of adam) nearer to 1: 0.9 -> 0.9667, or back"),
    ("b, B", "batch size doubled, or halved"),
    ("d, D", "learning rate decay times 3, divided by 3; from 0 to 0.1"),
    ("l, L", "L2 times 3, divided by 3; from 0 to 0.0001"),
    ("o, O", "dropout 0.1 more, or less"),
    ("c", "change any parameters: name=value name=value"),
    ("u", "undo: go back to before the last change"),
    ("r", "branch: go back to an epoch, and go on from there"),
    ("p", "pause, and go on"),
    ("n", "note, for the diary"),
    ("s", "snapshot: keep this epoch"),
    ("q", "stop, and keep the best epoch"),
    ("?", "this help"),
)
"""Every key with what it does."""

SHORT = (("up/down", "rate"), ("u", "undo"), ("c", "set"), ("p", "pause"), ("q", "stop"),
         ("r", "back"), ("d", "decay"), ("o", "dropout"), ("n", "note"), ("l", "L2"),
         ("m", "momentum"), ("b", "batch"), ("s", "snapshot"), ("?", "help"))  # fmt: skip
"""The same in one line; what is used most comes first."""


def asked(key: Key, now: Now) -> Request | Prompt | str:
    """What a key asks for: of the model, or of the user, or why it asks for nothing."""
    name = key.text if key.name == "text" else key.name
    if now.stopping:
        return "stops after the epoch that is in training"
    if name in STEPS:
        return _stepped(*STEPS[name], now)
    if name in _PROMPTS:
        return Prompt(name)
    if name == "p":
        return Request("continue" if now.lines.paused else "pause", by="key")
    if name == "s":
        return Request("set", note="this epoch is kept", by="key")
    if name == "q":
        return Request("stop", by="key")
    if name == "u":
        undoes = bool(now.lines.active.nudges)
        return Request("undo", by="key") if undoes else "there is no change to undo"
    if name == "paste":
        return "pasted text is taken only as a note (n) or a change (c)"
    return f"{name if key.name == 'text' else 'that'} is no key here; ? shows all"


def answered(prompt: Prompt, now: Now) -> Request | str:
    """What a line that was typed asks for."""
    text = prompt.text.strip()
    if not text:
        return ""
    if prompt.key == "n":
        return Request("set", note=text, by="key")
    if prompt.key == "r":
        if not text.isascii() or not text.isdecimal() or int(text) > now.epoch:
            return f"must be an epoch from 0 to {now.epoch}, found {text}"
        return Request("branch", epoch=int(text), by="key")
    parts = _parts(text)
    if not all(part.partition("=")[0].strip() and "=" in part for part in parts):
        return f"write name=value, for example learning_rate=0.003, found {text}"
    try:
        return _checked(nudge.named_values(parts), now)
    except HpsearchError as error:
        return _one_line(error)


_NAMED = re.compile(r"\s+[^\s=]+\s*=")


def _parts(text: str) -> list[str]:
    """The changes in a line, each of which begins with a name; not within quotes or brackets.

    >>> _parts("dropout=0.2 class_weight={a: 1, b: 2}  name = 'x y=z'")
    ['dropout=0.2', 'class_weight={a: 1, b: 2}', "name = 'x y=z'"]
    """
    parts, begun, depth, quote = [], 0, 0, ""
    for place, char in enumerate(text):
        if quote or char in "'\"":
            quote = "" if char == quote else quote or char
        elif char in "[{(":
            depth += 1
        elif char in ")}]":
            depth -= 1
        elif depth == 0 and _NAMED.match(text, place):
            parts.append(text[begun:place])
            begun = place
    return [part.strip() for part in [*parts, text[begun:]] if part.strip()]


def _stepped(step: Step, more: bool, now: Now) -> Request | str:
    """The request for the next value of a parameter, or why there is none."""
    names = [name for name in step.names if name in set(_names(now))]
    if not names:
        return f"this model has no {step.noun} to change; c changes any other parameter"
    kind = kind_read(now.config.trainer)
    values = {name: nudge.current(now.config, now.params, name) for name in names}
    settings = {**nudge.settings_with(now.config, now.params), **values}
    idle = {} if kind.any_names else dict(kind.ignored_settings(settings))
    name = next((name for name in names if name not in idle), None)
    if name is None:
        return f"{step.noun} would change nothing: {idle[names[0]]}"
    value = values[name]
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in entries):
        return f"{name} is {show(value)}, which is no number; c changes it to a value"
    after = [_alike(each, step.to(each, more)) for each in entries]
    return _checked({name: after if isinstance(value, list) else after[0]}, now)


def _names(now: Now) -> Iterator[str]:
    yield from (parameter.name for parameter in now.config.space)
    yield from kind_read(now.config.trainer).hyperparameters
    yield from nudge.settings_with(now.config, now.params)


def _alike(before: Any, after: Any) -> Any:
    """A whole number where there was one and the next is one, too."""
    if isinstance(before, int) and float(after).is_integer():
        return int(after)
    return after


def _checked(values: dict[str, Any], now: Now) -> Request | str:
    try:
        nudge.changes(now.config, now.params, values, now.epoch)
    except HpsearchError as error:
        return _one_line(error)
    return Request("set", values, by="key")


def _one_line(error: HpsearchError) -> str:
    return "; ".join(str(error).splitlines())

"""What a command prints of its training: lines that are JSON objects, or matches of a pattern."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.messages import counted, quoted
from hpsearch.trainers.command.files import numbers_in
from hpsearch.trainers.command.sources import Reported

CROSSES = re.compile(r"\\[nsDWxuUN0-9]|\[\^|\(\?[a-zA-Z]*s|\n")
"""What a pattern has that may match the end of a line."""

LINES = 20
"""How many lines a match may span."""


class Lines:
    r"""The whole lines of a text that grows.

    >>> parts = iter([b"on", b"e\ntw", b"o\r", b"\nthree"])
    >>> lines = Lines(lambda: next(parts, b""))
    >>> [lines.new(ended=False) for _ in range(4)], lines.new(ended=True)
    ([[], ['one\n'], [], ['two\r\n']], ['three'])
    """

    def __init__(self, read: Callable[[], bytes], universal: bool = True) -> None:
        r"""Begin without a line.

        Args:
            read: gives what was added since its last call.
            universal: whether a line ends at all that ends one, such as the `\r` of a progress
                bar, and not at `\n` alone.
        """
        self._read = read
        self._ends = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]" if universal else "\n")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun: list[str] = []  # parts of a line without an end

    def new(self, ended: bool) -> list[str]:
        """Those that came since the last call, each with what ends it.

        Args:
            ended: nothing more will come, so what has no end is a line, too.
        """
        text = self._decoder.decode(self._read(), final=ended)
        perhaps = bool(self._begun) and self._begun[-1].endswith("\r")  # half of an end
        if not (ended or perhaps or self._ends.search(text)):
            self._begun += [text] if text else []
            return []
        text = "".join((*self._begun, text))
        self._begun = []
        lines, at = [], 0
        for end in self._ends.finditer(text):
            if end[0] == "\r" and end.end() == len(text) and not ended:
                break
            lines.append(text[at : end.end()])
            at = end.end()
        if at < len(text):
            (lines if ended else self._begun).append(text[at:])
        return lines


class JsonLines:
    r"""The lines that are JSON objects with the metric.

    Where these name their epochs, one that names another epoch and lacks the metric is a result,
    too, which is to be complained of; a line without either is none.

    >>> parts = iter([b'begin\n{"loss": 2}\n{"step": 3}\n{"lo', b'ss": 1}\n'])
    >>> source = JsonLines(lambda: next(parts, b""), "loss")
    >>> [[each.values for each in source.look(ended)] for ended in (False, True)]
    [[{'loss': 2}], [{'loss': 1}]]
    """

    def __init__(self, read: Callable[[], bytes], metric: str) -> None:
        """Begin before the first line.

        Args:
            read: gives what was printed since its last call.
            metric: what counts.
        """
        self._lines = Lines(read)
        self._metric = metric
        self._count = 0
        self._named: set[Any] | None = set()  # epochs; None where a result names none
        self._without: dict[Any, dict[str, Any]] = {}  # objects without the metric, by epoch
        self._last: dict[str, Any] | None = None  # of these
        self._nearly: str | None = None  # a line that may have been meant as a result

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        found = []
        for line in self._lines.new(ended):
            self._count += 1
            held = _object(line)
            if held is None:
                if "{" in line and self._metric in line:
                    self._nearly = line
                continue
            values = numbers_in(held, self._metric)
            if self._metric in values:
                self._name(held.get("epoch"))
                found.append(Reported(values, held.get("epoch")))
            else:
                self._last = held
                if _whole(held.get("epoch")):
                    self._without[held["epoch"]] = held
        if ended and self._named:
            missing = {e: values for e, values in self._without.items() if e not in self._named}
            found += [Reported(values, epoch) for epoch, values in missing.items()]
        return found

    def _name(self, epoch: Any) -> None:
        if self._named is not None and _whole(epoch):
            self._named.add(epoch)
        else:
            self._named = None

    def nothing(self) -> TrainerError:
        """See `Source`."""
        if self._last is not None:
            found = ", ".join(map(repr, self._last)) or "no metric"
            return TrainerError(f"the result must have the metric {self._metric!r}, found {found}")
        nearly = self._nearly and f"; the nearest is {quoted(self._nearly.strip(), 100)}"
        return TrainerError(
            f'a line of output must be a JSON object such as {{"{self._metric}": 0.5}}, or '
            "trainer.result say where else the metrics are, found none in "
            f"{counted(self._count, 'line')}{nearly or ''}"
        )


class Matches:
    r"""The matches of a regular expression: its named groups, or its first group as the metric.

    They are looked for line by line, with the lines before where the pattern may span several.

    >>> parts = iter([b"loss=2\nloss=", b"1\n"])
    >>> source = Matches(lambda: next(parts, b""), r"loss=(\S+)", "loss")
    >>> [[each.values for each in source.look(ended)] for ended in (False, True)]
    [[{'loss': 2.0}], [{'loss': 1.0}]]
    """

    def __init__(self, read: Callable[[], bytes], pattern: str, metric: str) -> None:
        """Begin before the first line.

        Args:
            read: gives what was printed since its last call.
            pattern: the regular expression.
            metric: what counts.
        """
        self._lines = Lines(read, universal=False)
        self._pattern = re.compile(pattern, re.MULTILINE)
        self._metric = metric
        self._before: list[str] = []  # lines that a match may begin in
        self._at = 0  # where in these it may begin
        self._most = LINES if CROSSES.search(pattern) else 1

    def look(self, ended: bool) -> list[Reported]:
        """See `Source`."""
        return [each for line in self._lines.new(ended) for each in self._in(line)]

    def _in(self, line: str) -> Iterator[Reported]:
        while len(self._before) >= self._most:
            self._at = max(0, self._at - len(self._before.pop(0)))
        self._before.append(line)
        for match in self._pattern.finditer("".join(self._before), self._at):
            named = {name: text for name, text in match.groupdict().items() if text is not None}
            texts = named or {self._metric: match[1] if self._pattern.groups else match[0]}
            values = {name: _number(text) for name, text in texts.items()}
            self._at = match.end()
            yield Reported(values, values.get("epoch"))

    def nothing(self) -> TrainerError:
        """See `Source`."""
        return TrainerError(
            f"the output must match {self._pattern.pattern!r} somewhere, it does not; only stdout "
            "is read, and sh -c 'COMMAND 2>&1' joins stderr to it"
        )


def _whole(value: Any) -> bool:
    return isinstance(value, int | float)


def _object(line: str) -> dict[str, Any] | None:
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _number(text: str) -> Any:
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        return text  # what is wrong with it, `metrics_of` says

"""A configuration on its way from another tool's file, with remarks beside its lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hpsearch.config.template import scalar
from hpsearch.errors import ExchangeError
from hpsearch.trainers.command.template import GIVEN

SECTIONS = ("trainer", "metric", "space", "search", "parallel")
EPOCHS = r"(num_|n_|max_|train_)?epochs?|num_train_epochs|max_epoch"
"""What a setting that counts a script's epochs is mostly called."""

WORDS = {"equals": "--{}={}", "spaced": "--{} {}", "hydra": "{}={}"}
"""A parameter and its value in the styles of `{args}`."""

VALUE = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
"""A number in a line of a script's output, as the group of a pattern."""

LARGEST = 1e300  # a number of another tool's file

NO_PROGRAM = "the file names no program: write the name of your script for train.py"

SHELL = re.compile(r"[&|;<>`*]|\$[\w({]")
"""What only a shell understands in a command."""


@dataclass(frozen=True)
class Entry:
    """A value of the configuration, and what is to be said above it."""

    value: Any
    remarks: tuple[str, ...] = ()

    def saying(self, *remarks: str) -> Entry:
        """The same value with more remarks."""
        return Entry(self.value, (*self.remarks, *remarks))


@dataclass
class Draft:
    """The parts of a configuration, and remarks on each.

    Attributes:
        name: what the search is called; None for the name of its file.
        parts: for each section the entries by key. A parameter's entry is a mapping of its keys,
            in which `choice` has groups of parameters, which are entries themselves.
        remarks: what is to be said at the top, or above a section.
    """

    name: str | None = None
    parts: dict[str, dict[str, Entry]] = field(
        default_factory=lambda: {section: {} for section in SECTIONS}
    )
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def put(self, section: str, key: str, value: Any, *remarks: str) -> None:
        """Set a key of a section, with remarks above it; an earlier value goes."""
        self.parts[section][key] = Entry(value, remarks)

    def say(self, section: str, *remarks: str) -> None:
        """Say something above a section; above all of them where it is ''."""
        self.remarks.setdefault(section, []).extend(remarks)

    def lost(self, section: str, given: Mapping[str, Any], *known: str) -> None:
        """Say of each key, but these, that it has no counterpart."""
        for key, value in given.items():
            if key not in known:
                self.say(section, f"{key}: {shown(value)} has no counterpart here")

    def search_by(self, method: str) -> None:
        """Choose the sampler for another tool's method, by its name."""
        plain = re.sub(r"[^a-z]", "", method.lower())
        if "grid" in plain:
            self.put("search", "sampler", "grid")
        elif "random" in plain or "sobol" in plain:
            remark = () if plain in ("random", "randomsearch") else (f"it was {method}",)
            self.put("search", "sampler", "random", *remark)
        else:
            self.put("search", "sampler", "zoom", f"it was {method}; zoom is hpsearch's way")

    def halve(
        self, by: str, first: int | None = None, factor: int | None = None, most: int | None = None
    ) -> None:
        """Stop weak trials early, as another tool's rule did.

        Args:
            by: what that rule is called.
            first: epochs before which it stopped none.
            factor: one in so many went on.
            most: epochs of a full training.
        """
        keys = {} if first is None else {"min_epochs": max(1, first)}
        if factor is not None and factor > 1:
            keys["factor"] = factor
        found = most or self._epochs_setting()
        epochs = found or (first or 1) * (factor or 3) ** 2
        if "min_epochs" in keys:
            keys["min_epochs"] = min(keys["min_epochs"], epochs)
        say = f"it was {by}; here the best of each round go on, in steps"
        self.put("search", "halving", keys or True, say)
        guess = () if found else ("a guess: write how many epochs your script trains",)
        self.put("trainer", "epochs", epochs, *guess)

    def _epochs_setting(self) -> int | None:
        """The epochs that a constant of the space sets, where one does."""
        for name, entry in self.parts["space"].items():
            last = re.split(r"[./]", name.lower().replace("-", "_"))[-1]
            value = entry.value.get("value")
            if re.fullmatch(EPOCHS, last) and type(value) is int and value > 0:
                return value
        return None

    def no_halving(self) -> None:
        """Train each trial in full; the last result that its script reports counts."""
        self.put("search", "halving", False)
        self.put(
            "trainer", "epochs", 1, "each trial trains to its end, and its last result counts"
        )

    def _settle_given(self) -> None:
        """With rungs hpsearch itself gives {epochs} and {seed}: no parameter is called so.

        A constant becomes a word of the command; a searched one cannot, and halving is off.
        """
        space, trainer = self.parts["space"], self.parts["trainer"]
        taken = sorted(set(GIVEN) & set(space))
        if trainer["epochs"].value == 1 or not taken:
            return
        command = trainer["command"]
        form = WORDS.get(trainer["args"].value["style"]) if "args" in trainer else None
        more = []
        for name in taken:
            if name == "epochs" and "{epochs}" in command.value:
                continue
            if form is None or "value" not in space[name].value:
                because = f"halving needs the name {name} to itself, which is a parameter's here"
                self.put("search", "halving", False, because)
                self.put("trainer", "epochs", 1)
                return
            text = literal(str(space[name].value["value"]))
            more.append(form.format(name, "{full_epochs}" if name == "epochs" else text))
        for name in taken:
            del space[name]
        self.put("trainer", "command", " ".join([command.value, *more]), *command.remarks)

    def text(self, source: str, tool: str) -> str:
        """The configuration as YAML.

        Args:
            source: the file that it was made of.
            tool: what that is, such as "a sweep of W&B".
        """
        self._settle_given()
        first = (f"Made of {source}, {tool}.", "Remarks say what differs; then: hpsearch check")
        lines = [*_comment([*first, *self.remarks.get("", [])], "")]
        lines += [f"name: {scalar(self.name)}"] if self.name else []
        if not self.parts["space"]:
            raise ExchangeError(f"{source}: {tool}, has no parameters to search")
        for section in SECTIONS:
            remarks = self.remarks.get(section, [])
            if self.parts[section] or remarks:
                lines += ["", *_comment(remarks, "")]
            if self.parts[section]:
                lines += [f"{section}:", *_lines(self.parts[section], "  ")]
        return "\n".join(lines) + "\n"


def _comment(remarks: Iterable[str], indent: str) -> Iterator[str]:
    for remark in dict.fromkeys(remarks):
        clean = " ".join("".join(c if c.isprintable() else " " for c in remark).split())
        start, more = f"{indent}# ", f"{indent}#   "
        yield from textwrap.wrap(
            clean, 90, initial_indent=start, subsequent_indent=more, break_on_hyphens=False
        )


def _lines(entries: Mapping[str, Entry], indent: str) -> Iterator[str]:
    for key, entry in entries.items():
        yield from _comment(entry.remarks, indent)
        value = entry.value
        if not (isinstance(value, dict) and isinstance(value.get("choice"), dict)):
            yield f"{indent}{scalar(key)}: {flow(value)}"
            continue
        yield f"{indent}{scalar(key)}:"
        yield from (f"{indent}  {k}: {flow(v)}" for k, v in value.items() if k != "choice")
        yield f"{indent}  choice:"
        for name, group in value["choice"].items():
            yield f"{indent}    {scalar(name)}:" + ("" if group else " {}")
            yield from _lines(group, indent + "      ")


def flow(value: Any) -> str:
    """A value in YAML's flow style, its keys quoted where need be.

    >>> flow({"min": 1e-4, "when": {"opt/kind": ["a", "1"]}})
    '{min: 1e-4, when: {opt/kind: [a, "1"]}}'
    """
    if isinstance(value, Mapping):
        items = (f"{scalar(str(key))}: {flow(each)}" for key, each in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    plain = value is None or isinstance(value, bool | int | float | str)
    return scalar(value if plain else str(value))  # a date, say


def shown(value: Any) -> str:
    """A value in one line of a remark, cut where it is long."""
    text = flow(value)
    return text if len(text) <= 60 else text[:57] + "..."


def named(text: Any) -> str | None:
    """A name that a run may have, made of another tool's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(text or "")).strip("._-")[:100] or None


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping with texts as keys; nothing is an empty one.

    Raises:
        ExchangeError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ExchangeError(f"{where}: must be a mapping, found {shown(value)}")
    return {str(key): each for key, each in value.items()}


def listing(value: Any, where: str) -> list[Any]:
    """A list; nothing is an empty one.

    Raises:
        ExchangeError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise ExchangeError(f"{where}: must be a list, found {shown(value)}")
    return value


def number(value: Any, where: str) -> int | float:
    """A number, or the text of one: YAML 1.1 takes 1e-4 for text.

    >>> number("1e-4", "lr"), number("16", "size")
    (0.0001, 16)

    Raises:
        ExchangeError: it is no finite number.
    """
    found = as_number(value)
    if type(found) not in (int, float) or not abs(found) < LARGEST:
        raise ExchangeError(f"{where}: must be a number, found {shown(value)}")
    return found if isinstance(found, int) else float(found)


def as_number(value: Any) -> Any:
    """The number that a text is; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip().replace("_", "")
    if re.fullmatch(r"[-+]?\d{1,4300}", text):  # of more digits Python makes no integer
        return int(text)
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        return float(text)
    return value


def words(given: Sequence[str]) -> str:
    """A command of these words, which hpsearch cuts into the same.

    >>> words(["{python}", "my train.py", "{args}"])
    "{python} 'my train.py' {args}"
    """
    return " ".join(_quoted(word) for word in given)


def _quoted(word: str) -> str:
    if word and not re.search(r"[\s'\"\\]", re.sub(r"\{[^{}]*\}", "", word)):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def literal(text: str) -> str:
    """A text in which no place is meant, for a command."""
    return re.sub(r"\{([^{}]*[A-Za-z_][^{}]*)\}", r"{{\1}}", text)


def shell(draft: Draft, text: str) -> str:
    """A command line that the other tool handed to a shell, as a command.

    Variables set before the program go to `trainer.env`; where operators need a shell, one is
    called. Places stay as they are.

    >>> shell(Draft(), "cd src && python train.py")
    "sh -c 'cd src && python train.py'"
    """
    text = re.sub(r"\\\n\s*", " ", text).strip()
    if SHELL.search(text) or "\n" in text:
        return f"sh -c {_quoted(text + ' ')[:-2]}'"
    env = {}
    while found := re.match(r"([A-Za-z_]\w*)=([^\s'\"]*)\s+(?=\S)", text):
        env[found[1]] = found[2]
        text = text[found.end() :]
    if env:
        draft.put("trainer", "env", env)
    return text


def call(text: str) -> tuple[str, list[str], dict[str, str]] | None:
    """The name, the arguments and the named arguments of a call; None where it is none.

    >>> call("choice(a, [b, c], name='x, y')")
    ('choice', ['a', '[b, c]'], {'name': 'x, y'})
    """
    found = re.fullmatch(r"\s*\+?([A-Za-z_][\w.]*)\s*\((.*)\)\s*", text, re.DOTALL)
    if found is None:
        return None
    plain, keyed = [], {}
    for part in split(found[2]):
        given = re.fullmatch(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.*)", part, re.DOTALL)
        if given:
            keyed[given[1]] = unquoted(given[2])
        else:
            plain.append(part)
    return found[1], plain, keyed


def split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets and no quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        else:
            depth += (sign in "([{") - (sign in ")]}")
            if sign == "," and depth == 0:
                parts.append("")
                continue
        parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text

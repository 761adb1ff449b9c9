"""How a command is given its parameters beside its own words.

All at once, as the words of `{args}` or in a file, `{params_file}`; or by variables of the
environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.errors import TrainerError
from hpsearch.fields import Rule, is_number, show
from hpsearch.suggestions import did_you_mean
from hpsearch.trainers.command.filling import as_text, filled, text_filled
from hpsearch.trainers.command.template import holders, remaining, used

STYLES = ("equals", "spaced", "hydra", "json")
BOOLEANS = ("value", "python", "flag", "no-flag")
LISTS = ("json", "comma", "spaced", "repeat")
ENDINGS = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class Arguments:
    """How parameters are written.

    Attributes:
        style: `equals` (`--lr=0.1`), `spaced` (`--lr 0.1`), `hydra` (`lr=0.1`), or `json`: all in
            one word that is a JSON object.
        hyphens: whether `_` in a name becomes `-`.
        booleans: `value` (`--bn=true`), `python` (`--bn=True`), `flag` (`--bn` or nothing), or
            `no-flag` (`--bn` or `--no-bn`).
        lists: `json` (`--units=[8, 4]`), `comma` (`--units=8,4`), `spaced` (`--units 8 4`), or
            `repeat` (`--units=8 --units=4`).
    """

    style: str = "equals"
    hyphens: bool = False
    booleans: str = "value"
    lists: str = "json"

    def words(self, params: Mapping[str, Any]) -> list[str]:
        """The words for parameters, in their order.

        >>> Arguments().words({"lr": 0.1, "use_bn": True, "units": [8, 4], "note": "a b"})
        ['--lr=0.1', '--use_bn=true', '--units=[8, 4]', '--note=a b']
        >>> other = Arguments("spaced", hyphens=True, booleans="no-flag", lists="spaced")
        >>> other.words({"lr": 0.1, "use_bn": False, "units": [8, 4]})
        ['--lr', '0.1', '--no-use-bn', '--units', '8', '4']
        >>> Arguments("json").words({"lr": 0.1, "use_bn": True})
        ['{"lr": 0.1, "use_bn": true}']
        """
        if self.style == "json":
            return [json.dumps(dict(params), ensure_ascii=False)]
        return [word for name, value in params.items() for word in self._of(name, value)]

    def filled(
        self,
        command: str,
        params: Mapping[str, Any],
        values: Mapping[str, Any],
        names: tuple[str, ...],
    ) -> list[str]:
        """The words of a command, `{args}` among them unless a parameter is called so.

        Args:
            command: it.
            params: of the trial.
            values: by the names of places, the parameters among them.
            names: of the parameters in the space.
        """
        if "args" in names:
            return filled(command, values, names=names)
        return filled(command, values, self.words(remaining(command, params, names)), names)

    def _of(self, name: str, value: Any) -> Iterator[str]:
        """The words of one parameter."""
        option = name.replace("_", "-") if self.hyphens else name
        dashes = "" if self.style == "hydra" else "--"
        if isinstance(value, bool) and self.booleans in ("flag", "no-flag"):
            if value:
                yield f"{dashes}{option}"
            elif self.booleans == "no-flag":
                yield f"{dashes}no-{option}"
        elif isinstance(value, list) and self.lists == "repeat":
            for entry in value:
                yield from self._pair(f"{dashes}{option}", self._text(entry))
        elif isinstance(value, list) and self.lists == "spaced":
            yield from (f"{dashes}{option}", *map(self._text, value))
        elif isinstance(value, list) and self.lists == "comma":
            yield from self._pair(f"{dashes}{option}", ",".join(map(self._text, value)))
        else:
            yield from self._pair(f"{dashes}{option}", self._text(value))

    def _pair(self, option: str, text: str) -> tuple[str, ...]:
        return (option, text) if self.style == "spaced" else (f"{option}={text}",)

    def _text(self, value: Any) -> str:
        """One value; Python's words are for those that eval or compare with "True"."""
        if self.booleans == "python" and (value is None or isinstance(value, bool)):
            return str(value)
        return _override(value) if self.style == "hydra" else as_text(value)


_BARE = re.compile(r"[\w/+.$%*@?|:-]+( +[\w/+.$%*@?|:-]+)*", re.ASCII)
"""What Hydra takes as a text without quotes."""


def _override(value: Any) -> str:
    r"""A value as Hydra reads it: in quotes, `\` has a meaning before a quote alone.

    Source: https://hydra.cc/docs/advanced/override_grammar/basic/

    >>> _override("adam w"), _override("it's"), _override({"m": [1, None], "k": "a,b"})
    ('adam w', "'it\\'s'", "{m:[1, null],k:'a,b'}")
    """
    if isinstance(value, str):
        quoted = re.sub(r"(\\+)$", r"\1\1", re.sub(r"(\\*)'", r"\1\1\\'", value))
        return value if _BARE.fullmatch(value) else f"'{quoted}'"
    if isinstance(value, list):
        return f"[{', '.join(map(_override, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{name}:{_override(each)}' for name, each in value.items())}}}"
    return as_text(value)


def written() -> Rule:
    """What `trainer.args` may be."""
    known: dict[str, tuple[str, ...]] = {"style": STYLES, "booleans": BOOLEANS, "lists": LISTS}
    keys = ("style", "hyphens", "booleans", "lists")

    def check(value: Any) -> dict[str, Any]:
        expected = f"a mapping with keys {', '.join(keys)}"
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        for key, given in value.items():
            if key not in keys:
                raise ValueError(expected, f" with {key!r}{did_you_mean(str(key), keys)}")
            if key == "hyphens" and not isinstance(given, bool):
                raise ValueError("a mapping with hyphens: true or false", f" with {show(given)}")
            if key in known and given not in known[key]:
                near = did_you_mean(given, known[key]) if isinstance(given, str) else ""
                names = ", ".join(known[key][:-1])
                raise ValueError(
                    f"a mapping with {key}: {names} or {known[key][-1]}",
                    f" with {key}: {show(given)}{near}",
                )
        unfit = _unfit(value)
        if unfit:
            raise ValueError(*unfit)
        return dict(value)

    properties = {key: {"enum": list(names)} for key, names in known.items()}
    schema = {"type": "object", "minProperties": 1, "additionalProperties": False}
    return Rule(check, {**schema, "properties": {**properties, "hyphens": {"type": "boolean"}}})


def _unfit(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """Keys that the style has no use for."""
    style, others = value.get("style"), [key for key in value if key != "style"]
    if style == "json" and others:
        found = f" with {others[0]}; drop it, or take another style"
        return "style: json alone, for JSON has names, booleans and lists of its own", found
    if style == "hydra":
        for key, names in (("booleans", ("flag", "no-flag")), ("lists", ("spaced",))):
            if value.get(key) in names:
                found = f" with {key}: {value[key]}; drop it, or take another style"
                return "what NAME=VALUE can say, as style: hydra writes it", found
    return None


def variables() -> Rule:
    """What `trainer.env` may be."""
    expected = "a mapping of variables to texts, such as {WANDB_MODE: offline}"

    def check(value: Any) -> dict[str, str]:
        if not isinstance(value, dict) or not value:
            raise ValueError(expected)
        for name, given in value.items():
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
                raise ValueError(
                    f"{expected}, each name of letters, digits and _", f" with {name!r}"
                )
            if name.startswith("HPSEARCH_"):
                raise ValueError(
                    f"{expected}, none HPSEARCH_..., which are given", f" with {name}"
                )
            if not isinstance(given, str | bool) and not is_number(given):
                raise ValueError(expected, f" with {name}: {show(given)}")
            if isinstance(given, str) and "\0" in given:
                raise ValueError(expected, f" with a null character in {name}")
        return {name: as_text(given) for name, given in value.items()}

    texts = {"type": ["string", "number", "boolean"]}
    names = {"pattern": r"^(?!HPSEARCH_)[A-Za-z_][A-Za-z0-9_]*$"}
    return Rule(
        check,
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": names,
            "additionalProperties": texts,
        },
    )


def template_of(folder: str, name: str) -> str | None:
    """The text of a file that settings are written into; None where none is there.

    Raises:
        TrainerError: it is there, and cannot be read as text.
    """
    path = Path(folder, name)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no UTF-8 text"
        raise TrainerError(f"trainer.params_file: {path}: cannot be read: {reason}") from None


def file_of(
    params: Mapping[str, Any],
    values: Mapping[str, Any],
    template: str | None,
    ending: str,
    names: tuple[str, ...],
) -> str:
    r"""The text of a file of settings.

    >>> file_of({"lr": 0.1, "units": [8, 4]}, {}, None, ".yaml", ())
    'lr: 0.1\nunits:\n- 8\n- 4\n'
    >>> file_of({}, {"lr": 1e-05}, "lr: {lr} # of Adam\n", ".yaml", ("lr",))
    'lr: 1.0e-05 # of Adam\n'
    >>> file_of({"adam.lr": 0.1}, {}, "adam: {lr: 1, decay: 0}\n", ".yaml", ("adam.lr",))
    'adam:\n  lr: 0.1\n  decay: 0\n'

    Args:
        params: of the trial, all of which a file that is made whole has.
        values: by the names of places, for a template.
        template: its text, if there is one.
        ending: of the file's name, which says how it is made whole.
        names: of the parameters in the space.
    """
    if template is None:
        return _dumped(dict(params), ending)
    write = _as_yaml if ending in (".yaml", ".yml") else as_text
    text, _ = text_filled(template, values, names, write)
    if ending not in ENDINGS or holders(used(template, names), names):
        return text
    tree = parsed_settings(text, ending)
    for name, value in params.items():
        home = home_of(tree, name)
        if home is not None:
            home[0][home[1]] = value
    return _dumped(tree, ending)


def from_elsewhere(words: Sequence[str], home: str) -> list[str]:
    """Words that name files in a folder, to be run in another one: by their whole paths.

    A file is named by a word, or by what follows a `=` in it, and so is a folder if there is a
    `/` in the name. A program without one is looked for in PATH; what follows `-m` is a module.
    """
    folder = Path(home).absolute()

    def whole(text: str, program: bool = False) -> str:
        path, below = folder / text, "/" in text
        try:
            found = path.exists() if below else path.is_file() and not program
        except (OSError, ValueError):  # a text too long for a name, or with a null character
            return text
        return str(path) if text and found else text

    found = []
    for i, word in enumerate(words):
        name, sign, value = word.partition("=")
        one = whole(word, program=not i)
        if i and words[i - 1] == "-m":
            one = word
        elif i and one == word and sign:
            one = f"{name}={whole(value)}"
        found.append(one)
    return found


def parsed_settings(text: str, ending: str) -> Any:
    """What a file of settings holds.

    Raises:
        ValueError: it is no JSON, or no YAML.
    """
    if ending == ".json":
        return json.loads(text)
    import yaml  # which few commands need

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def home_of(tree: Any, name: str) -> tuple[dict[str, Any], str] | None:
    """The mapping, and the key there, that a name is: `a.b` is b in a, unless a key is called so.

    None where no key is there.

    >>> home_of({"model": {"lr": 1, "adam.decay": 2}}, "model.adam.decay")
    ({'lr': 1, 'adam.decay': 2}, 'adam.decay')
    """
    if not isinstance(tree, dict) or name in tree:
        return (tree, name) if isinstance(tree, dict) else None
    inner = (
        home_of(tree.get(name[: dot.start()]), name[dot.end() :])
        for dot in re.finditer(r"\.", name)
    )
    return next((found for found in inner if found is not None), None)


def _dumped(tree: Any, ending: str) -> str:
    if ending == ".json":
        return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
    import yaml  # which few commands need

    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def _as_yaml(value: Any) -> str:
    """A value as a command reads it, with numbers as YAML 1.1 does, too: 1.0e-05, not 1e-05."""
    number = r'("(?:[^"\\]|\\.)*")|(?<![\w.])(-?\d+)e'
    text = as_text(value)
    if isinstance(value, str):
        return text
    return re.sub(number, lambda found: found[1] or f"{found[2]}.0e", text)

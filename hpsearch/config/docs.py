"""What the code that reads configurations says of their keys: a page for people, and JSON Schema.

`python -m hpsearch.config.docs` prints the reference page; with `--check FILE` it prints
nothing and exits with status 1 if the file says anything else. By the JSON Schema an editor
completes, explains and checks the YAML.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hpsearch.config.parts import INSIDE
from hpsearch.config.schema import Babysit, Config, Metric, Parallel, ParameterKeys, Search
from hpsearch.config.template import flow
from hpsearch.data.options import DataOptions
from hpsearch.fields import Keys
from hpsearch.trainers.hyperparameter import Hyperparameter
from hpsearch.trainers.kinds import Kind, built_in, every_kind, kind_named

FORMS = tuple(
    {"required": keys}
    for keys in (["min", "max"], ["normal"], ["values"], ["choice"], ["value"], ["derive"])
)

INTRODUCTION = """\
# The configuration

<!-- Made by `python -m hpsearch.config.docs`; edit the code's descriptions instead. -->

A search is described by one YAML file. [configs/digits.yaml](../configs/digits.yaml) is a
complete one; `hpsearch init DATA` writes one for your data, `hpsearch check FILE` tells every
problem in one, and `hpsearch schema` prints the JSON Schema by which an editor completes and
explains the keys (first line of the file:
`# yaml-language-server: $schema=hpsearch.schema.json`).

- Scalars follow YAML 1.2: `1e-4` is a number, only `true` and `false` are booleans, and
  `yes`, `2020-04-02`, `1:30` and `1_000` are text. Tags, merge keys (`<<`), several documents,
  and more than 10,000 values are refused.
- Unknown and duplicate keys, wrong types and impossible ranges are refused before anything
  runs, all at once, each with file, line and column:
  `digits.yaml:12:5: space.momentum.scael: unknown key (did you mean 'scale'?)`.
- `--set KEY=VALUE` lays a value over the file: a dotted key and a YAML value, for example
  `--set search.trials=16 --set space.momentum=null`. Null takes a key away: its default holds
  again, or the hyperparameter is no longer searched.
- Paths are relative to the file; in `--set` to the current folder.
"""

SPACE = """\
Each key is a hyperparameter of the trainer (the table under [trainer](#trainer)), each value
says what it can be, in one of four forms:

```yaml
learning_rate: {scale: log, min: 1e-4, max: 1}    # a range
batch_size:    {values: [32, 64, 128]}            # a choice
activation:    {value: tanh}                      # fixed, as in `trainer`
hidden_units:  {derive: "2 * batch_size"}         # computed, not searched
```

A `choice` has groups: what counts only with one of its values stands below it.

```yaml
optimizer:
  choice:
    adam: {beta1: {scale: 1-10^r, min: 0.8, max: 0.99}}
    sgd: {}
```

A list holds alternatives: other values under other `when`. In each trial the one counts whose
`when` holds; where none does, the hyperparameter is inactive. No two may hold at once, and all
are ranges of one kind, whole or real, or all choices; a single `value` goes with either.

```yaml
learning_rate:
  - {scale: log, min: 1e-2, max: 1, when: {optimizer: sgd}}
  - {scale: log, min: 1e-4, max: 1e-2, when: {optimizer: [rmsprop, adam]}}
```

Whole numbers (`type: int`) and steps are fair on every scale: on `linear`, 1 to 3 come a third
each; on `log`, the chance of v falls as 1/v; under a `normal` law each gets what is nearest.
"""

TABLES: dict[str, type[Keys]] = {
    "data": DataOptions,
    "metric": Metric,
    "search": Search,
    "parallel": Parallel,
    "babysit": Babysit,
}


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "## The keys\n"
    yield from _keys(Config)
    for name in (each.name for each in _fields(Config)):
        if name in TABLES:
            yield f"\n## {name}\n"
            yield f"{TABLES[name].__doc__}\n"
            yield from _keys(TABLES[name])
        elif name == "trainer":
            yield f"\n## {name}\n"
            yield from _trainer()
        elif name == "space":
            yield f"\n## {name}\n"
            yield SPACE
            yield from _keys(ParameterKeys)


def _trainer() -> Iterator[str]:
    kinds = [each for kind in built_in() for each in (kind, *kind.variants)]
    for number, kind in enumerate(kinds):
        yield ("\n" if number else "") + kind.help + "\n"
        if kind.options:
            yield from _options(kind)
        if kind.any_names:
            yield from _settings(kind)
        elif all(kind.hyperparameters is not above.hyperparameters for above in kinds[:number]):
            if kind.options:
                yield ""
            yield from _hyperparameters(kind)


def _hyperparameters(kind: Kind) -> Iterator[str]:
    yield "| hyperparameter | what it is | what it may be | default | a range to search |"
    yield "|---|---|---|---|---|"
    for h in kind.hyperparameters.values():
        search = f"`{flow(h.search)}`" if h.search else ""
        cells = [f"`{h.name}`", h.help, _expected(h), f"`{flow(h.default)}`", search]
        yield f"| {' | '.join(cells)} |"
    yield "\nMetrics, each with its goal:\n"
    for metric, goal in kind.metrics.items():
        yield f"- `{metric}` ({goal})"


def _options(kind: Kind) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for option in kind.options.values():
        default = "required" if option.required else f"`{flow(option.default)}`"
        meaning = f"{option.help} For example `{option.example}`."
        yield f"| `{option.name}` | {default} | {meaning} |"


def _settings(kind: Kind) -> Iterator[str]:
    for h in kind.hyperparameters.values():
        yield f"| `{h.name}` | `{flow(h.default)}` | {h.help} |"


def _expected(hyperparameter: Hyperparameter) -> str:
    listed = ", or a list of them" if hyperparameter.listable else ""
    return hyperparameter.expected.replace("|", "or") + listed


def _keys(cls: type[Keys]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    yield from _rows(cls)


def _rows(cls: type[Keys], above: str = "") -> Iterator[str]:
    for each in _fields(cls):
        key, purpose = f"{above}{each.name}", each.metadata["description"]
        yield f"| `{key}` | {_default(each)} | {purpose}{_examples(each)} |"
        if each.name in INSIDE:
            yield from _rows(INSIDE[each.name], f"{key}.")


def _fields(cls: type[Keys]) -> list[Field[Any]]:
    """The keys of a part, as its dataclass has them."""
    every = fields(cls)  # type: ignore[arg-type]  # all are dataclasses
    return [each for each in every if "description" in each.metadata]


def _default(field: Field[Any]) -> str:
    value = field.metadata.get("json_schema_extra", {}).get("default", field.default)
    if value is MISSING:
        return "its keys' defaults" if field.name in TABLES else "required"
    return f"`{flow(value)}`"


def _examples(field: Field[Any]) -> str:
    if "examples" not in field.metadata:
        return ""
    shown = ", ".join(f"`{flow(example)}`" for example in field.metadata["examples"])
    return f" For example {shown}."


def json_schema() -> dict[str, Any]:
    """The schema of draft 2020-12, with the network's hyperparameters as known keys.

    It knows each key's type, bounds, default and purpose. What keys must hold together, such as
    min < max, is checked only when a configuration is loaded.
    """
    schema = TypeAdapter(Config).json_schema()
    kind = kind_named("network")
    properties, definitions = schema["properties"], schema["$defs"]
    for no_key in ("text", "other_metrics"):  # what the user wrote, and what `metric` lists
        del properties[no_key]
    properties["trainer"] |= _kinds()
    properties["space"] |= _space(kind)
    definitions["ParameterKeys"]["anyOf"] = list(FORMS)
    definitions["ParameterKeys"]["properties"]["choice"]["anyOf"][0] |= _groups()
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    rest = {"title": "hpsearch configuration", "required": ["space"], **_by_kind(kind)}
    return head | schema | rest


def _all_kinds() -> list[Kind]:
    """Every kind, and after them every variant of one."""
    kinds = every_kind()
    return [*kinds, *(variant for kind in kinds for variant in kind.variants)]


def _kinds() -> dict[str, Any]:
    """Every key that some kind of trainer has; `_by_kind` says which kind has which."""
    kinds = (
        "`network`, which is built in, the same or your own `model` in `keras`, or your "
        "`function` or `command`."
    )
    properties: dict[str, Any] = {
        "kind": {
            "description": kinds,
            "enum": [kind.name for kind in every_kind()],
            "default": "network",
        }
    }
    for kind in reversed(_all_kinds()):  # the network's word on epochs comes last
        properties |= {
            option.name: {**option.rule.schema, "description": option.help}
            for option in kind.options.values()
        }
        properties |= {name: hyperparameter_schema(h) for name, h in kind.hyperparameters.items()}
    return {"properties": properties, "additionalProperties": False}


def _by_kind(network: Kind) -> dict[str, Any]:
    """What the network needs and knows, and what each other kind does."""
    names = list(network.hyperparameters)
    every = _all_kinds()
    others = [kind for kind in every if kind is not network]
    of_network = [kind for kind in every if kind.hyperparameters is network.hyperparameters]
    rules: list[dict[str, Any]] = [
        {
            "if": {"not": _is_one(others)},  # it is also what is meant where none is named
            "then": {
                "properties": {"trainer": {"propertyNames": {"enum": ["kind", *names]}}},
            },
        },
        {
            "if": {"not": _is_one([kind for kind in every if not kind.needs_data])},
            "then": {"required": ["data"]},
        },
        {
            "if": {"not": _is_one([kind for kind in every if kind not in of_network])},
            "then": {"properties": _its_names(network)},
        },
    ]
    for kind in others:
        keys = ["kind", *kind.options, *kind.hyperparameters]
        required = [option.name for option in kind.options.values() if option.required]
        trainer = {"propertyNames": {"enum": keys}, "required": required}
        known = {} if kind.any_names or kind in of_network else _its_names(kind)
        rules.append(
            {"if": _is_one([kind]), "then": {"properties": {"trainer": trainer, **known}}}
        )
    return {"allOf": rules}


def _its_names(kind: Kind) -> dict[str, Any]:
    """The parameters and metrics of a kind that has no others."""
    names = [name for name in kind.hyperparameters if name != "epochs"]
    return {
        "space": {"propertyNames": {"enum": names}},
        "metric": {"properties": {"name": {"enum": list(kind.metrics)}}},
    }


def _is_one(kinds: Sequence[Kind]) -> dict[str, Any]:
    """Whether the trainer is of one of these kinds, and its kind is named."""
    trainers = []
    for kind in kinds:
        trainer: dict[str, Any] = {
            "properties": {"kind": {"const": kind.name}},
            "required": ["kind"],
        }
        if kind.chosen_by:
            trainer["required"] = ["kind", kind.chosen_by]
        elif kind.variants:
            trainer["not"] = {"anyOf": [{"required": [v.chosen_by]} for v in kind.variants]}
        trainers.append(trainer)
    return {"properties": {"trainer": {"anyOf": trainers}}, "required": ["trainer"]}


def _space(kind: Kind) -> dict[str, Any]:
    known = {
        name: {
            **_alternatives(),
            "description": h.help,
            **({"examples": [dict(h.search)]} if h.search else {}),
        }
        for name, h in kind.hyperparameters.items()
        if name != "epochs"
    }
    return {
        "properties": known,
        "additionalProperties": _alternatives(),
        "minProperties": 1,
    }


def _groups() -> dict[str, Any]:
    """The parameters of each group of a choice; `when` may be left to the groups."""
    keys = {"$ref": "#/$defs/ParameterKeys"}
    listed = {"anyOf": [keys, {"type": "array", "items": keys, "minItems": 1}]}
    return {"additionalProperties": {"type": ["object", "null"], "additionalProperties": listed}}


def _alternatives() -> dict[str, Any]:
    """The keys of a parameter, or a list of alternatives; each of several has `when`."""
    keys = {"$ref": "#/$defs/ParameterKeys"}
    conditional = {**keys, "required": ["when"]}
    return {
        "anyOf": [
            keys,
            {"type": "array", "items": keys, "minItems": 1, "maxItems": 1},
            {"type": "array", "items": conditional, "minItems": 2},
        ]
    }


def hyperparameter_schema(hyperparameter: Hyperparameter) -> dict[str, Any]:
    """What a fixed hyperparameter may be."""
    h = hyperparameter
    schema: dict[str, Any]
    if h.choices:
        schema = {"enum": list(h.choices)}
    else:
        names = {"int": "integer", "float": "number", "bool": "boolean"}
        schema = {"type": names.get(h.kind, "string")}
    if h.low is not None:
        schema["exclusiveMinimum" if h.low_open else "minimum"] = h.low
    if h.high is not None:
        schema["exclusiveMaximum" if h.high_open else "maximum"] = h.high
    others = [{"type": "array", "items": dict(schema)}] if h.listable else []
    others += [{"type": "null"}] if h.nullable else []
    if others:
        schema = {"anyOf": [schema, *others]}
    return schema | {"description": h.help, "default": h.default}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, or compare a file with it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hpsearch.config.docs")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare FILE with the page")
    check: Path | None = parser.parse_args(arguments).check
    if check is None:
        sys.stdout.write(page())
        return 0
    if check.is_file() and check.read_text(encoding="utf-8") == page():
        return 0
    command = f"python -m hpsearch.config.docs > {check}"
    sys.stderr.write(f"{check} is not what the code says; make it anew: {command}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

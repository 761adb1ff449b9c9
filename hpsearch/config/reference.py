"""The reference page of the configuration, made from the code that reads configurations.

`python -m hpsearch.config.reference` prints it; with `--check FILE` it prints nothing and
exits with status 1 if the file says anything else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from hpsearch.config import schema
from hpsearch.config.part import Part, switched
from hpsearch.config.search_schema import Parallel, Search
from hpsearch.config.template import flow
from hpsearch.trainers.hyperparameter import Hyperparameter
from hpsearch.trainers.kinds import Kind, built_in, kind_named

INTRODUCTION = """\
# The configuration

<!-- Made by `python -m hpsearch.config.reference`; edit the code's descriptions instead. -->

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
says what it can be, in one of three forms:

```yaml
learning_rate: {scale: log, min: 1e-4, max: 1}    # a range
batch_size:    {values: [32, 64, 128]}            # a choice
activation:    {value: tanh}                      # fixed, as in `trainer`
```

Whole numbers (`type: int`) and steps are fair on every scale: on `linear`, 1 to 3 come a third
each; on `log`, the chance of v falls as 1/v.
"""

NAMES: dict[str, type[Part]] = {
    "data": schema.Data,
    "metric": schema.Metric,
    "search": Search,
    "parallel": Parallel,
}


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "## The keys\n"
    yield from _keys(schema.Configuration)
    for name in schema.Configuration.model_fields:
        if name in NAMES:
            yield f"\n## {name}\n"
            yield f"{NAMES[name].__doc__}\n"
            yield from _keys(NAMES[name])
        elif name == "trainer":
            yield f"\n## {name}\n"
            yield from _trainer()
        elif name == "space":
            yield f"\n## {name}\n"
            yield SPACE
            yield from _keys(schema.Parameter)


def _trainer() -> Iterator[str]:
    yield "`kind: network`, the built-in network, and hyperparameters that every trial shares.\n"
    yield "| hyperparameter | what it is | what it may be | default | a range to search |"
    yield "|---|---|---|---|---|"
    for h in kind_named("network").hyperparameters.values():
        search = f"`{flow(h.search)}`" if h.search else ""
        cells = [f"`{h.name}`", h.help, _expected(h), f"`{flow(h.default)}`", search]
        yield f"| {' | '.join(cells)} |"
    yield "\nMetrics, each with its goal:\n"
    for metric, goal in kind_named("network").metrics.items():
        yield f"- `{metric}` ({goal})"
    yield "\n`kind: keras` trains the same network in Keras, with the same hyperparameters and"
    yield "metrics. It needs an extra, such as `[keras]`.\n"
    keras = kind_named("keras")
    yield from _options(keras)
    yield "\n`kind: keras` with a `model` trains a Keras model of your own on `data`, explained"
    yield "in [your_own_model.md](your_own_model.md#your-own-keras-model). Its parameters are"
    yield "whatever `space` names, its metrics `train_` and `val_` before `loss` and whatever the"
    yield "model is compiled with, and `val_accuracy`, `val_balanced_accuracy`, `val_macro_f1`.\n"
    for variant in keras.variants:
        yield from _options(variant)
        yield from _settings(variant)
    yield from _own_trainers()


def _options(kind: Kind) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for option in kind.options.values():
        default = "required" if option.required else f"`{flow(option.default)}`"
        meaning = f"{option.help} For example `{option.example}`."
        yield f"| `{option.name}` | {default} | {meaning} |"


def _own_trainers() -> Iterator[str]:
    """The keys of the kinds that train something of the user's."""
    for kind in built_in():
        if not kind.any_names:
            continue
        yield f"\n`kind: {kind.name}`, a {kind.name} of your own, explained in"
        yield "[your_own_model.md](your_own_model.md). Its parameters are whatever `space` names,"
        yield "its metrics whatever it reports; `data` and `search.folds` are not for it.\n"
        yield from _options(kind)
        yield from _settings(kind)


def _settings(kind: Kind) -> Iterator[str]:
    for h in kind.hyperparameters.values():
        yield f"| `{h.name}` | `{flow(h.default)}` | {h.help} |"


def _expected(hyperparameter: Hyperparameter) -> str:
    listed = ", or a list of them" if hyperparameter.listable else ""
    return hyperparameter.expected.replace("|", "or") + listed


def _keys(model: type[Part]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    yield from _rows(model)


def _rows(model: type[Part], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{above}{name}"
        yield f"| `{key}` | {_default(field)} | {field.description}{_examples(field)} |"
        inside = switched(field)
        if inside is not None:
            yield from _rows(inside, f"{key}.")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    return "its keys' defaults" if isinstance(value, Part) else f"`{flow(value)}`"


def _examples(field: FieldInfo) -> str:
    if not field.examples:
        return ""
    return " For example " + ", ".join(f"`{flow(example)}`" for example in field.examples) + "."


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page, or compare a file with it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hpsearch.config.reference")
    parser.add_argument("--check", type=Path, metavar="FILE", help="compare FILE with the page")
    check: Path | None = parser.parse_args(arguments).check
    if check is None:
        sys.stdout.write(page())
        return 0
    if check.is_file() and check.read_text(encoding="utf-8") == page():
        return 0
    command = f"python -m hpsearch.config.reference > {check}"
    sys.stderr.write(f"{check} is not what the code says; make it anew: {command}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""The configuration's JSON Schema, by which an editor completes, explains and checks the YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpsearch.config.schema import Configuration
from hpsearch.trainers.hyperparameter import Hyperparameter
from hpsearch.trainers.kinds import Kind, every_kind, kind_named

FORMS = ({"required": ["min", "max"]}, {"required": ["values"]}, {"required": ["value"]})


def json_schema() -> dict[str, Any]:
    """The schema of draft 2020-12, with the network's hyperparameters as known keys.

    It knows each key's type, bounds, default and purpose. What keys must hold together, such as
    min < max, only loading the configuration can tell.
    """
    schema: dict[str, Any] = Configuration.model_json_schema()
    kind = kind_named("network")
    properties, definitions = schema["properties"], schema["$defs"]
    properties["trainer"] |= _kinds()
    properties["space"] |= _space(kind)
    definitions["Parameter"]["anyOf"] = list(FORMS)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    rest = {"title": "hpsearch configuration", "required": ["space"], **_by_kind(kind)}
    return head | schema | rest


def _all_kinds() -> list[Kind]:
    """Every kind, and after them every variant of one."""
    kinds = every_kind()
    return [*kinds, *(variant for kind in kinds for variant in kind.variants)]


def _kinds() -> dict[str, Any]:
    """Every key that some kind of trainer has; which kind has which, `_by_kind` tells."""
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
            "if": {"not": _is_one([kind for kind in every if kind.any_names])},
            "then": {
                "properties": {
                    "space": {"propertyNames": {"enum": [n for n in names if n != "epochs"]}},
                    "metric": {"properties": {"name": {"enum": list(network.metrics)}}},
                },
            },
        },
    ]
    for kind in others:
        keys = ["kind", *kind.options, *kind.hyperparameters]
        required = [option.name for option in kind.options.values() if option.required]
        trainer = {"propertyNames": {"enum": keys}, "required": required}
        rules.append({"if": _is_one([kind]), "then": {"properties": {"trainer": trainer}}})
    return {"allOf": rules}


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
            "$ref": "#/$defs/Parameter",
            "description": h.help,
            **({"examples": [dict(h.search)]} if h.search else {}),
        }
        for name, h in kind.hyperparameters.items()
        if name != "epochs"
    }
    return {
        "properties": known,
        "additionalProperties": {"$ref": "#/$defs/Parameter"},
        "minProperties": 1,
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

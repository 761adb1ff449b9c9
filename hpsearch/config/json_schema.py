"""The configuration's JSON Schema, by which an editor completes, explains and checks the YAML."""

from __future__ import annotations

from typing import Any

from hpsearch.config.kinds import KINDS, Kind
from hpsearch.config.schema import Configuration
from hpsearch.trainers.hyperparameter import Hyperparameter

FORMS = ({"required": ["min", "max"]}, {"required": ["values"]}, {"required": ["value"]})


def json_schema() -> dict[str, Any]:
    """The schema of draft 2020-12, with the network's hyperparameters as known keys.

    It knows each key's type, bounds, default and purpose. What keys must hold together, such as
    min < max, only loading the configuration can tell.
    """
    schema: dict[str, Any] = Configuration.model_json_schema()
    kind = KINDS["network"]
    properties, definitions = schema["properties"], schema["$defs"]
    properties["trainer"] |= _trainer(kind)
    properties["space"] |= _space(kind)
    definitions["Metric"]["properties"]["name"]["enum"] = list(kind.metrics)
    definitions["Parameter"]["anyOf"] = list(FORMS)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return head | schema | {"title": "hpsearch configuration", "required": ["data", "space"]}


def _trainer(kind: Kind) -> dict[str, Any]:
    known = {name: hyperparameter_schema(h) for name, h in kind.hyperparameters.items()}
    names = {"description": "The built-in network.", "enum": list(KINDS), "default": "network"}
    return {"properties": {"kind": names, **known}, "additionalProperties": False}


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
    return {"properties": known, "additionalProperties": False, "minProperties": 1}


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

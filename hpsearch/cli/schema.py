"""`hpsearch schema`: the configuration's JSON Schema."""

from __future__ import annotations

import json

import click

from hpsearch.config.docs import json_schema
from hpsearch.report.escape import echo


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration.

    An editor completes and checks YAML with it: save it, and begin the configuration with
    `# yaml-language-server: $schema=hpsearch.schema.json`.
    """
    echo(json.dumps(json_schema(), indent=2))

"""Its settings are in `params.yaml`, nested, beside it; its results go to `metrics.json` there."""

import json
from pathlib import Path

import yaml

params = yaml.safe_load(Path("params.yaml").read_text())
train = params["train"]
loss = (train["lr"] - 0.1) ** 2 + train["layers"] / 100 + (params["prepare"]["split"] - 0.2) ** 2
rows = [{"loss": loss + 1 / epoch} for epoch in range(1, train["epochs"] + 1)]
Path("metrics.json").write_text(json.dumps(rows))
